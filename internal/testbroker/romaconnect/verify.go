package romaconnect

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/testbroker/standin"
)

// Window is how old, or how far in the future, a request's date may be.
const Window = 15 * time.Minute

var header = regexp.MustCompile(`^SDK-HMAC-SHA256 Access=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$`)

// Verify recomputes a request's signature (SDK-HMAC-SHA256) from what came
// over the wire and returns why it is not believed, "" if it is. Like a
// gateway, it quotes what it has signed itself when the two differ.
func Verify(r *http.Request, body []byte, keys map[string]standin.Key, now time.Time) string {
	parts := header.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil {
		return "the header Authorization is missing or malformed"
	}
	key, known := keys[parts[1]]
	if !known {
		return "AK access failed, the access key does not exist"
	}
	signed := strings.Split(parts[2], ";")
	if !slices.IsSorted(signed) || !slices.Contains(signed, "x-sdk-date") {
		return "SignedHeaders is not sorted or lacks x-sdk-date"
	}
	sentDate := r.Header.Get("X-Sdk-Date")
	date, err := time.Parse("20060102T150405Z", sentDate)
	if err != nil {
		return "the header X-Sdk-Date is malformed"
	}
	if age := now.Sub(date); age > Window || age < -Window {
		return "signature expired, the header X-Sdk-Date is more than 15 minutes off"
	}

	rawPath, query, _ := strings.Cut(r.RequestURI, "?")
	path := ""
	for segment := range strings.SplitSeq(strings.TrimPrefix(rawPath, "/"), "/") {
		plain, ok := standin.Decode(segment, false)
		if !ok {
			return "the path is malformed"
		}
		// A gateway decodes the path first: a slash in a name is one of the path.
		for part := range strings.SplitSeq(plain, "/") {
			path += "/" + standin.Encode(part)
		}
	}
	if !strings.HasSuffix(path, "/") {
		path += "/"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n", r.Method, path, standin.CanonicalQuery(query))
	for _, name := range signed {
		value := r.Host
		if name != "host" {
			value = strings.Join(r.Header.Values(name), ",")
		}
		fmt.Fprintf(&b, "%s:%s\n", name, strings.TrimSpace(value))
	}
	fmt.Fprintf(&b, "\n%s\n%x", parts[2], sha256.Sum256(body))
	mac := hmac.New(sha256.New, []byte(key.Secret))
	fmt.Fprintf(mac, "SDK-HMAC-SHA256\n%s\n%x", sentDate, sha256.Sum256([]byte(b.String())))
	if want := fmt.Sprintf("%x", mac.Sum(nil)); subtle.ConstantTimeCompare([]byte(want), []byte(parts[3])) != 1 {
		return "verify aksk signature fail, canonical request: " + b.String()
	}

	token := r.Header.Get("X-Security-Token")
	switch {
	case token != key.Token:
		return "the security token is not that of the access key"
	case token != "" && !slices.Contains(signed, "x-security-token"):
		return "the security token is not signed"
	case key.Expired:
		return "Get secretKey failed, the security token has expired"
	}
	return ""
}
