package apsaramq

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

// Fault is why a request is not believed.
type Fault struct {
	Status        int
	Code, Message string
}

var header = regexp.MustCompile(`^ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})$`)

// Verify recomputes a request's signature (ACS3-HMAC-SHA256) from what came
// over the wire and returns why it is not believed, nil if it is. Like the
// service, it quotes what it has signed itself when the two differ.
func Verify(r *http.Request, body []byte, keys map[string]standin.Key, now time.Time) *Fault {
	parts := header.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil {
		return &Fault{400, "IncompleteSignature", "The header Authorization is missing or malformed."}
	}
	key, known := keys[parts[1]]
	if !known {
		return &Fault{404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."}
	}
	signed := strings.Split(parts[2], ";")
	if !slices.IsSorted(signed) {
		return &Fault{400, "IncompleteSignature", "SignedHeaders is not sorted."}
	}
	for _, name := range []string{"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"} {
		if !slices.Contains(signed, name) {
			return &Fault{400, "IncompleteSignature", "SignedHeaders lacks " + name + "."}
		}
	}
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-acs-") && !slices.Contains(signed, lower) {
			return &Fault{400, "IncompleteSignature", "SignedHeaders lacks " + lower + "."}
		}
	}
	bodySum := fmt.Sprintf("%x", sha256.Sum256(body))
	if r.Header.Get("x-acs-content-sha256") != bodySum {
		return &Fault{400, "InvalidContentSha256", "The header x-acs-content-sha256 is not the body's digest."}
	}
	date, err := time.Parse("2006-01-02T15:04:05Z", r.Header.Get("x-acs-date"))
	if err != nil {
		return &Fault{400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted."}
	}
	if age := now.Sub(date); age > Window || age < -Window {
		return &Fault{400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."}
	}

	path, query, _ := strings.Cut(r.RequestURI, "?")
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n", r.Method, path, standin.CanonicalQuery(query))
	for _, name := range signed {
		value := r.Host
		if name != "host" {
			value = strings.Join(r.Header.Values(name), ",")
		}
		fmt.Fprintf(&b, "%s:%s\n", name, strings.TrimSpace(value))
	}
	fmt.Fprintf(&b, "\n%s\n%s", parts[2], bodySum)
	mac := hmac.New(sha256.New, []byte(key.Secret))
	fmt.Fprintf(mac, "ACS3-HMAC-SHA256\n%x", sha256.Sum256([]byte(b.String())))
	want := fmt.Sprintf("%x", mac.Sum(nil))
	if subtle.ConstantTimeCompare([]byte(want), []byte(parts[3])) != 1 {
		return &Fault{400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation. server CanonicalRequest is \"" + b.String() + "\""}
	}

	token := r.Header.Get("x-acs-security-token")
	switch {
	case key.Token == "" && token == "":
		return nil
	case token == "":
		return &Fault{400, "MissingSecurityToken", "SecurityToken is mandatory for this action."}
	case token != key.Token || r.Header.Get("x-acs-accesskey-id") != parts[1]:
		return &Fault{400, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey."}
	case key.Expired:
		return &Fault{400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."}
	}
	return nil
}
