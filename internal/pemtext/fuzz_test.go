package pemtext

import (
	"strings"
	"testing"
)

func FuzzEncrypted(f *testing.F) {
	f.Add("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	f.Add("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, s string) {
		if Encrypted([]byte(s)) && !strings.Contains(s, "ENCRYPTED") {
			t.Errorf("%q is not encrypted", s)
		}
	})
}
