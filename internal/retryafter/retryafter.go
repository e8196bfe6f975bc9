// Package retryafter reads for how long a server wants not to be asked again. It
// must not know which server that is, nor what is asked.
package retryafter

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Longest is the most that In returns: nobody waits for longer, and a date or a
// number of seconds can be anything.
const Longest = time.Hour

// In returns for how long after now a server wants not to be asked (RFC 9110,
// section 10.2.3: Retry-After, in seconds or as a date), and Longest if that is
// longer. It is zero if the header does not say, says what cannot be read, or
// names a time that has passed.
func In(h http.Header, now time.Time) time.Duration {
	said := h.Get("Retry-After")
	if said != "" && strings.Trim(said, "0123456789") == "" {
		seconds, err := strconv.ParseUint(said, 10, 64)
		if err != nil || seconds > uint64(Longest/time.Second) { // All that can fail is that it is too large.
			return Longest
		}
		return time.Duration(seconds) * time.Second //nolint:gosec // Bounded just before.
	}
	date, err := http.ParseTime(said)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), Longest)
}
