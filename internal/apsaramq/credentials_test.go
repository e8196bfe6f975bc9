package apsaramq

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials/providers"
)

// lonely takes away what the machine that runs the tests may have.
func lonely(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN", "OIDC_TOKEN_FILE", "OIDC_TOKEN", "OIDC_PROVIDER_ARN", "ROLE_ARN",
		"CONFIG_FILE", "PROFILE", "CREDENTIALS_FILE", "CREDENTIALS_URI", "ECS_METADATA",
	} {
		t.Setenv("ALIBABA_CLOUD_"+name, "")
	}
	t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
	t.Setenv("HOME", t.TempDir())
}

func TestTheVendorsChainFindsKeys(t *testing.T) {
	want := Credentials{AccessKey: "LTAIchain", SecretKey: "chain-secret", SecurityToken: "chain-token"}
	for name, set := range map[string]func(t *testing.T){
		"environment": func(t *testing.T) {
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", want.AccessKey)
			t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", want.SecretKey)
			t.Setenv("ALIBABA_CLOUD_SECURITY_TOKEN", want.SecurityToken)
		},
		"profile": func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config.json")
			text := `{"current":"other","profiles":[{"name":"mine","mode":"StsToken","access_key_id":"LTAIchain","access_key_secret":"chain-secret","sts_token":"chain-token"}]}`
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", file)
			t.Setenv("ALIBABA_CLOUD_PROFILE", "mine")
		},
		"URI": func(t *testing.T) {
			serveKeys(t, `{"Code":"Success","AccessKeyId":"LTAIchain","AccessKeySecret":"chain-secret","SecurityToken":"chain-token","Expiration":"2099-01-01T00:00:00Z"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			lonely(t)
			set(t)
			got, err := DefaultCredentials()(t.Context())
			if err != nil || got != want {
				t.Errorf("got %v, %v", got.AccessKey, err)
			}
		})
	}
}

// serveKeys answers at the credentials URI.
func serveKeys(t *testing.T, body string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", s.URL)
}

func TestNoCredentialsTellWhereTheyWereLookedFor(t *testing.T) {
	lonely(t)
	_, err := DefaultCredentials()(t.Context())
	if !errors.Is(err, errNoCredentials) {
		t.Fatal(err)
	}
	for _, word := range []string{"access_key", "ALIBABA_CLOUD_ACCESS_KEY_ID", "OIDC", "~/.aliyun/config.json", "RAM role", "ALIBABA_CLOUD_CREDENTIALS_URI"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not name %s: %v", word, err)
		}
	}
}

// TestErrorsOfTheChainHideWhatItRead: the library puts the whole text of a
// file or an answer into its errors.
func TestErrorsOfTheChainHideWhatItRead(t *testing.T) {
	t.Run("profile", func(t *testing.T) {
		lonely(t)
		file := filepath.Join(t.TempDir(), "config.json")
		if err := os.WriteFile(file, []byte(`{"profiles":[{"access_key_secret":"s3cret"`), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", file)
		if _, err := DefaultCredentials()(t.Context()); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("URI", func(t *testing.T) {
		lonely(t)
		serveKeys(t, `{"AccessKeyId":"LTAI","AccessKeySecret":"s3cret"}`)
		if _, err := DefaultCredentials()(t.Context()); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("STS", func(t *testing.T) {
		err := explain(errors.New(`get session token failed: {"RequestId":"B1-2","Message":"The OIDC token has expired","Code":"AuthenticationFail.OIDCToken.Expired","Token":"s3cret"}`))
		for _, want := range []string{"AuthenticationFail.OIDCToken.Expired", "The OIDC token has expired", "B1-2"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is missing: %v", want, err)
			}
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v", err)
		}
	})
}

// fakeChain stands for the vendor's library.
type fakeChain func() (*providers.Credentials, error)

func (f fakeChain) GetCredentials() (*providers.Credentials, error) { return f() }

// TestAFailedChainIsBuiltAnew: the library would ask only its last source
// from then on.
func TestAFailedChainIsBuiltAnew(t *testing.T) {
	built := 0
	source := fromVendor(func() vendorChain {
		built++
		n := built
		return fakeChain(func() (*providers.Credentials, error) {
			switch n {
			case 1:
				return nil, errors.New("not now")
			case 2:
				return &providers.Credentials{}, nil
			case 3:
				var none *providers.Credentials
				return &providers.Credentials{AccessKeyId: none.AccessKeyId}, nil // panics as the library can
			default:
				return &providers.Credentials{AccessKeyId: "a", AccessKeySecret: "b"}, nil
			}
		})
	})
	for i := range 3 {
		if _, err := source(t.Context()); err == nil {
			t.Errorf("call %d gave no error", i+1)
		}
	}
	for range 2 {
		if c, err := source(t.Context()); err != nil || c.AccessKey != "a" {
			t.Errorf("got %v, %v", c, err)
		}
	}
	if built != 4 {
		t.Errorf("built %d times", built)
	}
}

// TestTheContextEndsTheChain: the library knows no context.
func TestTheContextEndsTheChain(t *testing.T) {
	release := make(chan struct{})
	source := fromVendor(func() vendorChain {
		return fakeChain(func() (*providers.Credentials, error) {
			<-release
			return &providers.Credentials{AccessKeyId: "a", AccessKeySecret: "b"}, nil
		})
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	// The second waits for the first, which still holds the library.
	for range 2 {
		if _, err := source(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
	close(release)
	if c, err := source(t.Context()); err != nil || c.AccessKey != "a" {
		t.Errorf("got %v, %v", c, err)
	}
}

// TestTheChainIsAskedByOneAtATime: the library is not safe for concurrent use.
func TestTheChainIsAskedByOneAtATime(t *testing.T) {
	inside := 0
	source := fromVendor(func() vendorChain {
		return fakeChain(func() (*providers.Credentials, error) {
			inside++ // the race detector looks on
			return &providers.Credentials{AccessKeyId: "a", AccessKeySecret: "b"}, nil
		})
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { _, _ = source(t.Context()) })
	}
	all.Wait()
	if inside != 20 {
		t.Errorf("asked %d times", inside)
	}
}
