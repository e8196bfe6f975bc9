package pemtext

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLoad(t *testing.T) {
	for name, s := range map[string]string{
		"text": text, "a file": file(t, text), "line ends from an environment variable": strings.ReplaceAll(text, "\n", `\n`),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Load(s); err != nil || string(got) != text {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// A key without its header looks like a path: no error may show it.
func TestErrorsDoNotShowKeys(t *testing.T) {
	const key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"
	for name, s := range map[string]string{
		"one line": key, "several lines": key + "\n" + key, "long": strings.Repeat(key, 100), "in a file": file(t, key),
		"with a slash": "/" + key, "a directory": t.TempDir(), "a device": os.DevNull, "none": "",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Load(s)
			if err == nil {
				t.Fatalf("got %q", got)
			}
			if strings.Contains(err.Error(), "MIIE") || s != "" && strings.Contains(err.Error(), s) {
				t.Errorf("the error repeats the setting: %v", err)
			}
		})
	}
}

func TestLoadRefusesLargeFiles(t *testing.T) {
	if _, err := Load(file(t, text+strings.Repeat("x", maxSize))); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v", err)
	}
}

func TestEncrypted(t *testing.T) {
	block := func(kind string, headers map[string]string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: []byte{1}}))
	}
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"PKCS 8":               {block("PRIVATE KEY", nil), false},
		"PKCS 8, encrypted":    {block("ENCRYPTED PRIVATE KEY", nil), true},
		"PKCS 1, encrypted":    {block("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED"}), true},
		"after a certificate":  {block("CERTIFICATE", nil) + block("ENCRYPTED PRIVATE KEY", nil), true},
		"nothing that is PEM":  {"MIIE", false},
		"a key in a long text": {"text\n" + block("EC PRIVATE KEY", nil), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Encrypted([]byte(c.text)); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
