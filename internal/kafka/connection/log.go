package connection

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"
)

// masked stands where a secret was.
const masked = "***"

// secrets are all secrets of all configurations that this process has opened.
// They stay after their connections have ended, since late lines and errors
// may still hold them.
var secrets struct {
	mu       sync.Mutex
	known    map[string]struct{}
	replacer atomic.Pointer[strings.Replacer]
}

// addSecrets makes Mask hide the values, also in the forms in which protocols
// carry them: base64, percent-encoded, quoted.
func addSecrets(values ...string) {
	secrets.mu.Lock()
	defer secrets.mu.Unlock()
	before := len(secrets.known)
	if secrets.known == nil {
		secrets.known = make(map[string]struct{})
	}
	for _, v := range values {
		if v == "" {
			continue
		}
		quoted := strconv.Quote(v)
		for _, form := range []string{
			v,
			base64.RawStdEncoding.EncodeToString([]byte(v)),
			base64.RawURLEncoding.EncodeToString([]byte(v)),
			url.QueryEscape(v),
			url.PathEscape(v),
			quoted[1 : len(quoted)-1],
		} {
			secrets.known[form] = struct{}{}
		}
	}
	if len(secrets.known) == before {
		return
	}
	forms := make([]string, 0, len(secrets.known))
	for form := range secrets.known {
		forms = append(forms, form)
	}
	// The replacer takes the first that fits: the longest must come first, or
	// the end of a secret that begins with another one would show.
	slices.SortFunc(forms, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, masked)
	}
	secrets.replacer.Store(strings.NewReplacer(pairs...))
}

// Mask hides every password, token, key and client secret of every Config
// that this process has opened.
func Mask(s string) string {
	if r := secrets.replacer.Load(); r != nil {
		return r.Replace(s)
	}
	return s
}

// logs carries sarama's log, of which there is one for the whole process, to
// the Logger that was opened last and is not closed yet.
var logs struct {
	install sync.Once
	mu      sync.Mutex
	sinks   []*logSink
}

type logSink struct{ write Logger }

// listen sends sarama's log to write until the returned function is called.
func listen(write Logger) (stop func()) {
	if write == nil {
		return func() {}
	}
	logs.install.Do(func() { sarama.Logger = bridge{} })
	sink := &logSink{write: write}
	logs.mu.Lock()
	defer logs.mu.Unlock()
	logs.sinks = append(logs.sinks, sink)
	return func() {
		logs.mu.Lock()
		defer logs.mu.Unlock()
		logs.sinks = slices.DeleteFunc(logs.sinks, func(s *logSink) bool { return s == sink })
	}
}

// bridge is sarama's StdLogger; its DebugLogger writes to the same one.
type bridge struct{}

func (bridge) Print(v ...any) { emit(func() string { return fmt.Sprint(v...) }) }
func (bridge) Printf(format string, v ...any) {
	emit(func() string { return fmt.Sprintf(format, v...) })
}
func (bridge) Println(v ...any) { emit(func() string { return fmt.Sprintln(v...) }) }

var _ sarama.StdLogger = bridge{}

func emit(text func() string) {
	logs.mu.Lock()
	defer logs.mu.Unlock()
	if len(logs.sinks) == 0 {
		return
	}
	message := strings.TrimSpace(text())
	// Said at every dial because the Dialer is installed as a proxy; there is none.
	if message == "using proxy" {
		return
	}
	logs.sinks[len(logs.sinks)-1].write(Mask(message))
}
