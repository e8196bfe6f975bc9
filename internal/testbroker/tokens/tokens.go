// Package tokens is an identity provider for tests: an endpoint that gives
// signed tokens for client credentials (RFC 6749, section 4.4), and the keys
// that brokers check them with (RFC 7517). It must not know who asks.
package tokens

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// The client that gets tokens.
const (
	ClientID     = "offsets-client"
	ClientSecret = "a-secret-of-the-client"
)

// Who gives the tokens ("iss"), and whom they are for ("aud").
const (
	Issuer   = "provider-of-tests"
	Audience = "brokers-of-tests"
)

// Provider signs tokens.
type Provider struct {
	Keys string // the URL of its keys

	key *ecdsa.PrivateKey
	mux *http.ServeMux
	url string

	mu        sync.Mutex
	endpoints int
}

// Endpoint gives tokens.
type Endpoint struct {
	URL string

	provider *Provider

	mu       sync.Mutex
	lifetime time.Duration
	instead  http.HandlerFunc
	given    int
	gave     chan struct{}
}

// Start starts a provider on this machine. It ends with the test.
func Start(t testing.TB) *Provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{key: key, mux: http.NewServeMux()}
	p.mux.HandleFunc("GET /keys", p.serveKeys)
	server := httptest.NewServer(p.mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p.url, p.Keys = server.URL, server.URL+"/keys"
	return p
}

// Endpoint returns one more endpoint, whose tokens live that long.
func (p *Provider) Endpoint(lifetime time.Duration) *Endpoint {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endpoints++
	path := fmt.Sprintf("/token/%d", p.endpoints)
	e := &Endpoint{URL: p.url + path, provider: p, lifetime: lifetime, gave: make(chan struct{})}
	p.mux.HandleFunc("POST "+path, e.serve)
	return e
}

// Live makes later tokens live that long. One of negative life has expired
// when it is given; that it has an hour is what is said of it all the same.
func (e *Endpoint) Live(lifetime time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lifetime = lifetime
}

// Answer makes the endpoint answer as told instead of with tokens.
func (e *Endpoint) Answer(instead http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.instead = instead
}

// Given returns how many tokens have been given, and what is closed when the
// next one is.
func (e *Endpoint) Given() (int, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.given, e.gave
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

const keyID = "the-only-one"

func (p *Provider) serveKeys(w http.ResponseWriter, _ *http.Request) {
	point, err := p.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	half := len(point) / 2
	reply(w, map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": keyID,
		"x": encode(point[1 : half+1]), "y": encode(point[half+1:]),
	}}})
}

func (e *Endpoint) serve(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	instead, lifetime := e.instead, e.lifetime
	if instead == nil {
		e.given++
		close(e.gave)
		e.gave = make(chan struct{})
	}
	e.mu.Unlock()
	if instead != nil {
		_ = r.ParseForm() // the server notices that a client has gone only once it has read all
		instead(w, r)
		return
	}
	if id, secret, _ := r.BasicAuth(); id != ClientID || secret != ClientSecret || r.FormValue("grant_type") != "client_credentials" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":"invalid_client"}`))
		return
	}
	token, err := e.provider.Sign(lifetime)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	says := lifetime
	if says <= 0 {
		says = time.Hour
	}
	reply(w, map[string]any{"access_token": token, "token_type": "bearer", "expires_in": int(says.Seconds())})
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // whoever asked may have left
}

// Sign returns a token of the client that lives that long.
func (p *Provider) Sign(lifetime time.Duration) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"sub": ClientID, "iss": Issuer, "aud": Audience,
		"iat": now.Add(min(0, 2*lifetime)).Unix(), "exp": now.Add(lifetime).Unix(), "scope": "offsets",
	})
	if err != nil {
		return "", err
	}
	signed := encode(fmt.Appendf(nil, `{"alg":"ES256","kid":%q,"typ":"JWT"}`, keyID)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		return "", err
	}
	// RFC 7518, section 3.4: both numbers in 32 bytes.
	const size = 32
	signature := make([]byte, 2*size)
	r.FillBytes(signature[:size])
	s.FillBytes(signature[size:])
	return signed + "." + encode(signature), nil
}
