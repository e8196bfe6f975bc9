package apsaramq

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// algorithm is the vendor's third signature scheme, the one of its current
// SDKs.
const algorithm = "ACS3-HMAC-SHA256"

// sign adds the headers that prove who calls. The request's URL must be
// encoded as managed.Escape does, its query sorted.
func sign(r *http.Request, body []byte, who Credentials, now time.Time, nonce string) {
	r.Header.Set("X-Acs-Date", now.UTC().Format("2006-01-02T15:04:05Z"))
	r.Header.Set("X-Acs-Signature-Nonce", nonce)
	r.Header.Set("X-Acs-Content-Sha256", digest(body))
	if who.SecurityToken != "" {
		r.Header.Set("X-Acs-Accesskey-Id", who.AccessKey)
		r.Header.Set("X-Acs-Security-Token", who.SecurityToken)
	}
	r.Header.Set("Authorization", authorization(r, who, r.Header.Get("X-Acs-Content-Sha256")))
}

// authorization signs the request as it stands: the method, the path, the
// query, the body's digest, and of the headers Host, Content-Type and all
// X-Acs-….
func authorization(r *http.Request, who Credentials, bodyDigest string) string {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	values := map[string]string{"host": host}
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-acs-") || lower == "content-type" {
			values[lower] = strings.TrimSpace(r.Header.Get(name))
		}
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var headers strings.Builder
	for _, name := range names {
		headers.WriteString(name + ":" + values[name] + "\n")
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, headers.String(), signed, bodyDigest}, "\n")
	mac := hmac.New(sha256.New, []byte(who.SecretKey))
	mac.Write([]byte(algorithm + "\n" + digest([]byte(canonical))))
	return algorithm + " Credential=" + who.AccessKey + ",SignedHeaders=" + signed + ",Signature=" + hex.EncodeToString(mac.Sum(nil))
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// newNonce returns what no other request has.
func newNonce() string { return rand.Text() }
