package remoting

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestFrameBytes(t *testing.T) {
	frame, err := EncodeFrame(&Header{Code: 105, Language: "GO", Version: 317, Opaque: 7, Fields: map[string]string{"topic": "t"}}, []byte("body"))
	if err != nil {
		t.Fatal(err)
	}
	head := `{"code":105,"language":"GO","version":317,"opaque":7,"flag":0,"extFields":{"topic":"t"}}`
	want := "\x00\x00\x00" + string(rune(4+len(head)+4)) + "\x00\x00\x00" + string(rune(len(head))) + head + "body"
	if string(frame) != want {
		t.Errorf("got  %q\nwant %q", frame, want)
	}
	h, body, err := ReadFrame(bytes.NewReader(frame), DefaultMaxFrame)
	if err != nil || h.Code != 105 || h.Opaque != 7 || h.Fields["topic"] != "t" || string(body) != "body" {
		t.Errorf("got %+v %q %v", h, body, err)
	}
}

func TestHeadersOfOtherImplementations(t *testing.T) {
	for name, c := range map[string]struct{ in, field, remark string }{
		"numbers as fields": {`{"code":0,"extFields":{"offset":5}}`, "5", ""},
		"language a number": {`{"code":0,"language":0,"extFields":{"offset":"5"}}`, "5", ""},
		"null remark":       {`{"code":0,"remark":null,"extFields":{"offset":"5"}}`, "5", ""},
		"unknown members":   {`{"code":0,"remark":"r","serializeTypeCurrentRPC":"JSON","extFields":{"offset":"5"}}`, "5", "r"},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := decodeHeader([]byte(c.in))
			if err != nil || h.Fields["offset"] != c.field || h.Remark != c.remark {
				t.Errorf("got %+v, %v", h, err)
			}
		})
	}
}

// A peer that claims much and sends little must cost little.
func TestMemoryGrowsOnlyWithWhatArrives(t *testing.T) {
	claims := []string{
		"\xff\xff\xff\xff",
		"\x01\x00\x00\x00\x00\x00\x00\x02{}",
		"\x00\xff\xff\xff\x00\x0f\xff\xff",
		"\x00\xff\xff\xff\x00\x00\x00\x0a{\"code\":0}",
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, claim := range claims {
		if _, _, err := ReadFrame(strings.NewReader(claim), DefaultMaxFrame); err == nil {
			t.Errorf("%q was read", claim)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 256<<10 {
		t.Errorf("%d bytes were allocated", grown)
	}
}

func TestTheEndBetweenFramesIsEOF(t *testing.T) {
	if _, _, err := ReadFrame(strings.NewReader(""), 100); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	for _, cut := range []string{"\x00\x00\x00\x0c", "\x00\x00\x00\x0e\x00\x00\x00\x0a{\"co", "\x00\x00\x00\x0f\x00\x00\x00\x0a{\"code\":0}"} {
		if _, _, err := ReadFrame(strings.NewReader(cut), 100); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			t.Errorf("%q: got %v", cut, err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	frame, err := EncodeFrame(&Header{Code: 0, Opaque: 1, Flag: 1, Remark: "r", Fields: map[string]string{"a": "b"}}, []byte("body"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Add([]byte("\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x0e\x00\x00\x00\x0a{\"code\":0}"))
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\n"))
	f.Add([]byte("\x00\x00\x12\x04\x00\x00\x00\x00\x00"))
	f.Add(binaryFrame(binaryHeader, "body"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, body, err := ReadFrame(bytes.NewReader(in), 1<<16)
		if err != nil {
			return
		}
		again, err := EncodeFrame(h, body)
		if err != nil {
			return // longer than it was, because of escapes
		}
		h2, body2, err := ReadFrame(bytes.NewReader(again), DefaultMaxFrame)
		if err != nil || h2.Code != h.Code || h2.Opaque != h.Opaque || h2.Remark != h.Remark || len(h2.Fields) != len(h.Fields) || !bytes.Equal(body, body2) {
			t.Errorf("%+v %q became %+v %q (%v)", h, body, h2, body2, err)
		}
	})
}

// binaryHeader is one as RocketMQSerializable writes it: code 17, Java,
// version 513, opaque 7, an answer, a remark and two fields.
const binaryHeader = "\x00\x11\x00\x02\x01\x00\x00\x00\x07\x00\x00\x00\x01" +
	"\x00\x00\x00\x04gone" + "\x00\x00\x00\x19" +
	"\x00\x06offset" + "\x00\x00\x00\x025\x30" +
	"\x00\x01a" + "\x00\x00\x00\x04\xc3\xa9\xc3\xa8"

func binaryFrame(head, body string) []byte {
	frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(head)+len(body)))
	frame = binary.BigEndian.AppendUint32(frame, serializeBinary<<24|uint32(len(head)))
	return append(append(frame, head...), body...)
}

func TestBinaryHeaders(t *testing.T) {
	h, body, err := ReadFrame(bytes.NewReader(binaryFrame(binaryHeader, "body")), DefaultMaxFrame)
	if err != nil {
		t.Fatal(err)
	}
	want := Header{Code: 17, Version: 513, Opaque: 7, Flag: 1, Remark: "gone", Fields: map[string]string{"offset": "50", "a": "éè"}}
	if !reflect.DeepEqual(*h, want) || string(body) != "body" {
		t.Errorf("got %+v %q", h, body)
	}
	for n := range len(binaryHeader) {
		if h, err := decodeBinaryHeader([]byte(binaryHeader[:n])); err == nil {
			t.Errorf("%d bytes were read as %+v", n, h)
		}
	}
	if h, err := decodeBinaryHeader([]byte("\xff\xff\x09\x01\x3d\xff\xff\xff\xff\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")); err != nil || h.Code != -1 || h.Opaque != -1 || h.Version != 317 {
		t.Errorf("got %+v, %v", h, err)
	}
}

func FuzzBinaryHeader(f *testing.F) {
	f.Add([]byte(binaryHeader))
	f.Add([]byte("\x00\x00\x00\x02\x01\x00\x00\x00\x07\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := decodeBinaryHeader(in)
		if err != nil {
			return
		}
		size := len(h.Remark)
		for k, v := range h.Fields {
			size += len(k) + len(v)
		}
		if size > len(in) {
			t.Errorf("%d bytes became %+v", len(in), h)
		}
	})
}

func TestHTTPIsTold(t *testing.T) {
	for name, in := range map[string]string{
		"HTTP/2 settings":       "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x7f\xff\xff\xff",
		"HTTP/2 empty settings": "\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"HTTP/1":                "HTTP/1.1 400 Bad Request\r\n\r\n",
	} {
		if _, _, err := ReadFrame(strings.NewReader(in), DefaultMaxFrame); !errors.Is(err, ErrHTTP) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAnAnswerThatIsTooLongIsReadOver(t *testing.T) {
	long, err := EncodeFrame(&Header{Code: 0, Opaque: 1, Flag: 1}, make([]byte, 5000))
	if err != nil {
		t.Fatal(err)
	}
	next, err := EncodeFrame(&Header{Code: 0, Opaque: 2, Flag: 1}, []byte("next"))
	if err != nil {
		t.Fatal(err)
	}
	in := bytes.NewReader(append(long, next...))
	h, _, err := ReadFrame(in, 1000)
	var tooLong *TooLongError
	if !errors.As(err, &tooLong) || tooLong.Limit != 1000 || h == nil || h.Opaque != 1 {
		t.Errorf("got %+v, %v", h, err)
	}
	if h, body, err := ReadFrame(in, 1000); err != nil || h.Opaque != 2 || string(body) != "next" {
		t.Errorf("got %+v %q %v", h, body, err)
	}
}
