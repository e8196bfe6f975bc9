package offset_test

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// Whatever bytes a commit carried, a document that Terraform has kept gives
// them back.
func TestMetadataSurvivesInDocuments(t *testing.T) {
	for metadata, want := range map[string]string{
		"BQAAAXk7":             `"metadata":"BQAAAXk7"`,
		`{"a":"<&>"}` + "\x00": `"metadata":"{\"a\":\"\u003c\u0026\u003e\"}\u0000"`,
		"größe \ufffd":         `"metadata":"größe ` + "\ufffd" + `"`,
		"\xff\xfe\x00":         `"metadata":{"base64":"//4A"}`,
		"gro\u0308ße":          `"metadata":{"base64":`,
		"\u0301":               `"metadata":"` + "\u0301" + `"`,
		// The escape of < ends with a c, to which the mark would go.
		"<\u0327": `"metadata":{"base64":`,
	} {
		o := kafkaMove("orders", 0, 5, 3, 0, 9)
		o.Metadata = metadata
		record := offset.EncodeRecord([]offset.Outcome{o}, offset.KafkaRecord)
		if !strings.Contains(record, want) {
			t.Errorf("%q: record %s, want %s", metadata, record, want)
		}
		got, err := offset.DecodeRecord(norm.NFC.String(record), offset.KafkaRecord, "")
		if err != nil || len(got) != 1 || got[0] != o {
			t.Errorf("%q: got %+v, %v", metadata, got, err)
		}
		s := aSnapshot()
		s.Topics[1].Partitions[0].Metadata = metadata
		back, err := offset.DecodeSnapshot(norm.NFC.String(encode(t, s)))
		if err != nil {
			t.Errorf("%q: %v", metadata, err)
		} else if got := back.Topics[1].Partitions[0].Metadata; got != metadata {
			t.Errorf("the snapshot of %q gives back %q", metadata, got)
		}
	}
}

func TestMetadataThatIsNeitherTextNorBase64(t *testing.T) {
	for _, wrong := range []string{"7", "[]", `{"base64":"?"}`, `{"base64":7}`} {
		_, err := offset.DecodeRecord(` {"orders":{"0":{"previous":1,"offset":2,"metadata":`+wrong+`}}}`, offset.KafkaRecord, "")
		if err == nil || !strings.Contains(err.Error(), "neither a text nor base64") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
