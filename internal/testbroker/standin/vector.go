package standin

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
)

// Vector is a request as a vendor's SDK has sent it, signature included.
type Vector struct {
	Name          string            `json:"name"`
	AccessKey     string            `json:"access_key"`
	SecretKey     string            `json:"secret_key"`
	SecurityToken string            `json:"security_token"`
	Method        string            `json:"method"`
	RequestURI    string            `json:"request_uri"`
	Host          string            `json:"host"`
	Header        map[string]string `json:"header"` // the names in lower case
	Body          string            `json:"body"`
}

// Vectors reads a file of vectors.
func Vectors(t testing.TB, file string) []Vector {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // a test's own file
	if err != nil {
		t.Fatal(err)
	}
	var list []Vector
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatalf("%s holds no vectors", file)
	}
	return list
}

// Request returns the request as a server sees it.
func (v Vector) Request() *http.Request {
	r := &http.Request{Method: v.Method, RequestURI: v.RequestURI, Host: v.Host, Header: http.Header{}}
	for name, value := range v.Header {
		r.Header.Set(name, value)
	}
	return r
}

// Key returns what a server knows of the vector's access key.
func (v Vector) Key() Key { return Key{Secret: v.SecretKey, Token: v.SecurityToken} }
