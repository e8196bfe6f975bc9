package offset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Metadata is what a commit carries beside its offset, in the form in which
// JSON documents that a state keeps hold it. To a broker it may be any bytes
// (those that are written in Java make a text of it, others need not), and a
// restore has to bring the very same back: what JSON, or Terraform's strings,
// which are put in Unicode's normal form C, would change is written as
// {"base64": "…"} (RFC 4648, section 4), and everything else as a string.
type Metadata string

type encodedMetadata struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON writes the metadata.
func (m Metadata) MarshalJSON() ([]byte, error) {
	if !utf8.ValidString(string(m)) {
		return json.Marshal(encodedMetadata{[]byte(m)})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // which of the two is the document's to say
	if err := e.Encode(string(m)); err != nil {
		return nil, err
	}
	plain := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	// A mark goes with the character that stands before it, which may be the
	// last one of an escape.
	var escaped bytes.Buffer
	json.HTMLEscape(&escaped, plain)
	if !norm.NFC.IsNormal(plain) || !norm.NFC.IsNormal(escaped.Bytes()) {
		return json.Marshal(encodedMetadata{[]byte(m)})
	}
	return plain, nil
}

// UnmarshalJSON reads what MarshalJSON has written.
func (m *Metadata) UnmarshalJSON(text []byte) error {
	var plain string
	if json.Unmarshal(text, &plain) == nil {
		*m = Metadata(plain)
		return nil
	}
	var encoded encodedMetadata
	if err := json.Unmarshal(text, &encoded); err != nil {
		return fmt.Errorf("the metadata of a commit is neither a text nor base64: %w", err)
	}
	*m = Metadata(encoded.Base64)
	return nil
}
