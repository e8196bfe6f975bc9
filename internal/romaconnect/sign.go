package romaconnect

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
)

// algorithm is the signature scheme of the vendor's API gateway.
const algorithm = "SDK-HMAC-SHA256"

// dateForm is the form of X-Sdk-Date, in UTC.
const dateForm = "20060102T150405Z"

// sign adds the headers that prove who calls: it signs Host and all X-…
// headers, not the others, which proxies may change.
func sign(r *http.Request, body []byte, who Credentials, now time.Time) {
	r.Header.Set("X-Sdk-Date", now.UTC().Format(dateForm))
	if who.SecurityToken != "" {
		r.Header.Set("X-Security-Token", who.SecurityToken)
	}
	signed := []string{"host"}
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-") {
			signed = append(signed, lower)
		}
	}
	slices.Sort(signed)
	r.Header.Set("Authorization", authorization(r, body, who, signed))
}

// authorization signs the request as it stands with the named headers, which
// are in lower case and sorted.
func authorization(r *http.Request, body []byte, who Credentials, signed []string) string {
	var headers strings.Builder
	for _, name := range signed {
		value := r.Header.Get(name)
		if name == "host" {
			if value = r.Host; value == "" {
				value = r.URL.Host
			}
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	names := strings.Join(signed, ";")
	canonical := strings.Join([]string{r.Method, canonicalPath(r.URL), r.URL.RawQuery, headers.String(), names, digest(body)}, "\n")
	mac := hmac.New(sha256.New, []byte(who.SecretKey))
	mac.Write([]byte(algorithm + "\n" + r.Header.Get("X-Sdk-Date") + "\n" + digest([]byte(canonical))))
	return algorithm + " Access=" + who.AccessKey + ", SignedHeaders=" + names + ", Signature=" + hex.EncodeToString(mac.Sum(nil))
}

// canonicalPath encodes the decoded path anew, segment by segment, and ends
// with a slash, whether the path does or not. A slash inside of a name is one
// of the path then, as the vendor's signers and its gateway take it.
func canonicalPath(u *url.URL) string {
	var b strings.Builder
	for segment := range strings.SplitSeq(strings.Trim(u.Path, "/"), "/") {
		b.WriteString("/" + managed.Escape(segment))
	}
	return b.String() + "/"
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
