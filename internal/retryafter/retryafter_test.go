package retryafter

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestIn(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for said, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "3600": Longest, "3601": Longest, "65535": Longest, "65536": Longest, "86400": Longest,
		// As nanoseconds, these do not fit; the last one does not fit at all.
		"9223372037": Longest, "18446744073709551615": Longest, "99999999999999999999": Longest,
		"-1": 0, "+5": 0, "1.5": 0, "soon": 0, "-99999999999999999999": 0, "99999999999999999999s": 0,
		at(time.Minute): time.Minute, at(-time.Minute): 0, at(24 * time.Hour): Longest, "Fri, 31 Dec 9999 23:59:59 GMT": Longest,
	} {
		if got := In(http.Header{"Retry-After": {said}}, now); got != want {
			t.Errorf("%q: %s, want %s", said, got, want)
		}
	}
}

// FuzzIn reads for how long a server wants not to be asked: never a negative
// time, none that is too long, and none that the header does not say.
func FuzzIn(f *testing.F) {
	for _, s := range []string{"", "0", "1", "3600", "65536", "86400", "-1", "+5", "1.5", " 7 ", "1e3", "Wed, 21 Oct 2026 07:28:00 GMT", "Sun Mar  1 12:00:30 2026", "18446744073709551616", "٣", "0x10", "1_0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := In(http.Header{"Retry-After": {s}}, now)
		want := time.Duration(0)
		if digits := strings.TrimLeft(s, "0"); s != "" && strings.Trim(s, "0123456789") == "" {
			if want = Longest; len(digits) < 5 {
				n, _ := strconv.Atoi("0" + digits)
				want = min(time.Duration(n)*time.Second, Longest)
			}
		} else if date, err := http.ParseTime(s); err == nil && date.After(now) {
			want = min(date.Sub(now), Longest)
		}
		if got != want {
			t.Errorf("%q is %s, want %s", s, got, want)
		}
	})
}
