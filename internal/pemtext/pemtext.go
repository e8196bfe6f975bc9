// Package pemtext reads settings that hold PEM text (RFC 7468) or the path of a
// file with PEM text. It must not know whose settings these are.
package pemtext

import (
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxSize bounds what is read of a file.
const maxSize = 4 << 20

// Is tells whether s is PEM text rather than a file's path.
func Is(s string) bool { return strings.Contains(s, "-----BEGIN ") }

// Load returns s if it is PEM text, or the text of the file that it names.
// Text that came through an environment variable may have its line ends as
// "\n". Errors do not repeat s, which may be a key without its header.
func Load(s string) ([]byte, error) {
	if Is(s) {
		if !strings.Contains(s, "\n") {
			s = strings.ReplaceAll(s, `\n`, "\n")
		}
		return []byte(s), nil
	}
	notFile := func(err error) error {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return errors.New("neither PEM text (\"-----BEGIN …\") nor the path of a readable file: " + err.Error())
	}
	if strings.ContainsAny(s, "\n\x00") || len(s) > 4096 {
		return nil, notFile(errors.New("not a path"))
	}
	// Opening a pipe could block, reading a device never end.
	if info, err := os.Stat(s); err != nil {
		return nil, notFile(err)
	} else if !info.Mode().IsRegular() {
		return nil, notFile(errors.New("not a file"))
	}
	f, err := os.Open(s) //nolint:gosec // The user names the file.
	if err != nil {
		return nil, notFile(err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, notFile(err)
	}
	if len(text) > maxSize {
		return nil, notFile(errors.New("too large"))
	}
	if !Is(string(text)) {
		return nil, errors.New("the file holds no PEM text (\"-----BEGIN …\"); a Java keystore or a PKCS#12 file must be converted first")
	}
	return text, nil
}

// Encrypted tells whether a private key in the text needs a passphrase.
func Encrypted(text []byte) bool {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return false
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
}
