package provider

import (
	"testing"
	"time"
)

// FuzzInstant reads the instants of a configuration. What is accepted is one that
// brokers take for a time, and means the same when it is written in UTC.
func FuzzInstant(f *testing.F) {
	for _, s := range []string{"2026-03-01T14:05:00Z", "2026-03-01T15:05:00.123456789+01:00", "1969-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "9999-12-31T23:59:59-14:00", "0000-01-01T00:00:00Z", "2026-03-01 14:05", "2026-03-01T14:05:00,5Z", "2026-03-01T14:05:60Z", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := time.Parse(time.RFC3339, s)
		accepted := rfc3339.check(s) == ""
		if accepted && (err != nil || at.UnixMilli() < 0) {
			t.Errorf("%q is accepted: %s, %v", s, at, err)
		}
		if accepted && !sameInstant(s, at.UTC().Format(time.RFC3339Nano)) {
			t.Errorf("%q is not what it is in UTC", s)
		}
	})
}

// FuzzDuration reads the durations of a configuration. What is accepted means the
// same when Go writes it, and leads from now to a time that brokers take for one.
func FuzzDuration(f *testing.F) {
	for _, s := range []string{"90s", "15m", "36h", "1.5h", "-1s", "0", "0s", "1ns", "9999999h", "2562047h47m16.854775807s", "2562047h47m16.854775808s", "1d", "1µs", "+5m", ".5s", "", "438000h1ns"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := time.ParseDuration(s)
		long, short := lookback.check(s) == "", duration(0).check(s) == ""
		switch {
		case (long || short) && (err != nil || d < 0):
			t.Errorf("%q is accepted: %s, %v", s, d, err)
		case short && !sameDuration(s, d.String()):
			t.Errorf("%q is not %s", s, d)
		case long && (!short || d <= 0 || time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(-d).UnixMilli() < 0):
			t.Errorf("%q leads too far back", s)
		}
	})
}
