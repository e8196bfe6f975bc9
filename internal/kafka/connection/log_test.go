package connection

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/IBM/sarama"
)

func TestMask(t *testing.T) {
	const secret, longer = "gr33n/sécret+1", "gr33n/sécret+1-and-more"
	addSecrets("", secret, longer)
	for _, form := range []string{
		secret, longer, url.QueryEscape(secret), url.PathEscape(secret), fmt.Sprintf("%q", secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	} {
		got := Mask("before " + form + " after")
		if strings.Contains(got, strings.Trim(form, `"=`)) || strings.Contains(got, "and-more") || !strings.Contains(got, masked) {
			t.Errorf("%q became %q", form, got)
		}
		if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
			t.Errorf("%q lost its surroundings", got)
		}
	}
	if got := Mask("nothing here"); got != "nothing here" {
		t.Errorf("got %q", got)
	}
}

func TestOpenKnowsItsSecrets(t *testing.T) {
	c := Config{BootstrapServers: []string{"b:1"}, SASL: &SASL{Mechanism: OAuthBearer, TokenURL: "https://h", ClientID: "some id", ClientSecret: "open-client-secret"}}
	_, d, err := Open(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.CloseAll()
	c.SASL = &SASL{Mechanism: Plain, Username: "someone", Password: "open-password"}
	if _, d, err = Open(c, nil); err != nil {
		t.Fatal(err)
	}
	d.CloseAll()
	for _, form := range []string{
		"open-client-secret", "open-password",
		base64.StdEncoding.EncodeToString([]byte("some+id:open-client-secret")),
		base64.StdEncoding.EncodeToString([]byte("\x00someone\x00open-password")),
	} {
		if got := Mask(form); strings.Trim(got, "=") != masked {
			t.Errorf("%q became %q", form, got)
		}
	}
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) write(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, s)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.text, "\n")
}

func TestLogIsCarriedMasked(t *testing.T) {
	const password = "logged-password"
	r := newResponder(t, func(r *responder) {
		r.mechanisms = []string{Plain}
		r.login = func(_ int, token []byte) ([]byte, int16, string) {
			return nil, 58, fmt.Sprintf("no such login: %q %s", token, base64.StdEncoding.EncodeToString(token))
		}
	})
	var log lines
	conf, d, err := Open(Config{BootstrapServers: []string{r.addr()}, SASL: &SASL{Mechanism: Plain, Username: "u", Password: password}}, log.write)
	if err != nil {
		t.Fatal(err)
	}
	b := sarama.NewBroker(r.addr())
	if err := b.Open(conf); err != nil {
		t.Fatal(err)
	}
	_, err = b.Connected()
	_ = b.Close()
	d.CloseAll()
	got := log.String()
	if !strings.Contains(got, "Completed ApiVersionsRequest") || !strings.Contains(got, "due to SASL v1 auth error") {
		t.Errorf("the log is %q", got)
	}
	if strings.Contains(got, "using proxy") {
		t.Error("the log speaks of a proxy")
	}
	sentence, _ := Explain(err)
	for _, text := range []string{got, sentence} {
		for _, s := range []string{password, base64.RawStdEncoding.EncodeToString([]byte("\x00u\x00" + password))} {
			if strings.Contains(text, s) {
				t.Errorf("%q holds the password", text)
			}
		}
	}
	// A closed configuration gets no more lines: what they went to may be gone.
	sarama.Logger.Print("late")
	if strings.Contains(log.String(), "late") {
		t.Error("a line came after the end")
	}
}

func TestLogGoesToTheNewest(t *testing.T) {
	var one, two lines
	stopOne := listen(one.write)
	stopTwo := listen(two.write)
	sarama.Logger.Println("first")
	stopTwo()
	sarama.DebugLogger.Printf("%s", "second")
	stopOne()
	sarama.Logger.Print("third")
	if one.String() != "second" || two.String() != "first" {
		t.Errorf("got %q and %q", one.String(), two.String())
	}
}

// Several configurations live in one process, and open, log and end at once.
func TestManyAtOnce(t *testing.T) {
	addr := fake(t)
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			var log lines
			conf, d, err := Open(Config{BootstrapServers: []string{addr}, ClientID: fmt.Sprintf("client-%d", i)}, log.write)
			if err != nil {
				t.Error(err)
				return
			}
			addSecrets(fmt.Sprintf("secret-of-%d", i))
			b := sarama.NewBroker(addr)
			if err := b.Open(conf); err != nil {
				t.Error(err)
			}
			if _, err := b.GetMetadata(sarama.NewMetadataRequest(conf.Version, []string{})); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(io.Discard, Mask("a line"))
			if i%2 == 0 {
				d.CloseAll()
			}
			_ = b.Close()
			d.CloseAll()
		})
	}
	done.Wait()
}
