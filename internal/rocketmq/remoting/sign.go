package remoting

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // The protocol's choice.
	"encoding/base64"
	"maps"
	"slices"
)

// The names of the fields that carry a signature.
const (
	fieldAccessKey     = "AccessKey"
	fieldSecurityToken = "SecurityToken"
	fieldSignature     = "Signature"
)

// Credentials sign requests. ACL 1.0 (4.x) and ACL 2.0 (5.3 and later) accept
// the same signature.
type Credentials struct {
	AccessKey     string
	SecretKey     string
	SecurityToken string // empty if there is none
}

// sign returns the fields with the credentials and the signature. It is the
// HMAC-SHA1 of all values, credentials included, in the order of their names,
// and of the body.
func (c *Credentials) sign(fields map[string]string, body []byte) map[string]string {
	signed := make(map[string]string, len(fields)+3)
	maps.Copy(signed, fields)
	delete(signed, fieldSignature)
	signed[fieldAccessKey] = c.AccessKey
	if c.SecurityToken != "" {
		signed[fieldSecurityToken] = c.SecurityToken
	}
	signed[fieldSignature] = Signature(c.SecretKey, signed, body)
	return signed
}

// Signature computes the signature of a request's fields, without the field
// that holds it, and body.
func Signature(secret string, fields map[string]string, body []byte) string {
	mac := hmac.New(sha1.New, []byte(secret))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name != fieldSignature {
			mac.Write([]byte(fields[name]))
		}
	}
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
