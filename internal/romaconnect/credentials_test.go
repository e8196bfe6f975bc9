package romaconnect

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/clock"
)

const keys = `{"credential":{"access":"HWAGENCY","secret":"agency-secret","securitytoken":"agency-token","expires_at":"2026-06-01T12:00:00.000000Z"}}`

// metadataService answers as an ECS instance's does; second tells whether it
// knows the second version, with tokens.
func metadataService(t *testing.T, second bool, status int, body string) (string, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/meta-data/latest/api/token" && second && r.Header.Get("X-Metadata-Token-Ttl-Seconds") != "":
			_, _ = io.WriteString(w, "metadata-token")
		case r.Method == http.MethodGet && r.URL.Path == "/openstack/latest/securitykey" && (r.Header.Get("X-Metadata-Token") == "metadata-token") == second:
			asked.Add(1)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, &asked
}

func TestKeysOfTheInstancesAgency(t *testing.T) {
	for name, second := range map[string]bool{"with tokens": true, "without tokens": false} {
		t.Run(name, func(t *testing.T) {
			address, asked := metadataService(t, second, 200, keys)
			now := time.Date(2026, 6, 1, 11, 0, 0, 0, time.UTC)
			tick := &moving{now}
			source := InstanceCredentials(address, tick)
			for range 3 {
				c, err := source(t.Context())
				if err != nil || c != (Credentials{AccessKey: "HWAGENCY", SecretKey: "agency-secret", SecurityToken: "agency-token"}) {
					t.Fatal(err)
				}
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("valid keys were asked for %d times", n)
			}
			tick.now = now.Add(51 * time.Minute)
			if _, err := source(t.Context()); err != nil || asked.Load() != 2 {
				t.Errorf("keys about to end were not replaced: %v", err)
			}
		})
	}
}

type moving struct{ now time.Time }

func (m *moving) Now() time.Time { return m.now }

func TestAMetadataServiceThatGivesNoKeys(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"no agency":       {404, "agency-secret"},
		"not JSON":        {200, "agency-secret"},
		"other form":      {200, `{"credential":{"access":1,"secret":"agency-secret"}}`},
		"without keys":    {200, `{"credential":{"secret":"agency-secret"}}`},
		"expiry is bogus": {200, `{"credential":{"access":"a","secret":"agency-secret","expires_at":"soon"}}`},
	} {
		address, _ := metadataService(t, true, c.status, c.body)
		_, err := InstanceCredentials(address, clock.System{})(t.Context())
		if !errors.Is(err, errNoCredentials) || strings.Contains(err.Error(), "agency-secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := InstanceCredentials("http://127.0.0.1:1", clock.System{})(t.Context()); !errors.Is(err, errNoCredentials) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestTheContextEndsTheMetadataRequest(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := InstanceCredentials(s.URL, clock.System{})(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestTheMetadataIsAskedWithoutAProxy: a proxy's own metadata would answer.
func TestTheMetadataIsAskedWithoutAProxy(t *testing.T) {
	address, _ := metadataService(t, true, 200, keys)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	if _, err := InstanceCredentials(address, clock.System{})(t.Context()); err != nil {
		t.Error(err)
	}
}
