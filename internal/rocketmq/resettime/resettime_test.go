package resettime

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	for _, c := range []struct{ name, text, zone, want string }{
		{"RFC 3339 in UTC", "2026-07-01T08:30:00Z", "", "2026-07-01T08:30:00Z"},
		{"RFC 3339 with an offset", "2026-07-01T08:30:00+08:00", "", "2026-07-01T00:30:00Z"},
		{"RFC 3339 west of UTC", "2026-07-01T08:30:00-03:30", "", "2026-07-01T12:00:00Z"},
		{"RFC 3339 keeps fractions", "2026-07-01T08:30:00.123456789Z", "", "2026-07-01T08:30:00.123456789Z"},
		{"RFC 3339 in small letters", "2026-07-01t08:30:00z", "", "2026-07-01T08:30:00Z"},
		{"RFC 3339 in an hour that a zone would have twice", "2026-10-25T02:30:00+01:00", "", "2026-10-25T01:30:00Z"},
		{"bare in UTC", "2026-07-01 08:30:00", "UTC", "2026-07-01T08:30:00Z"},
		{"bare where the vendors are", "2026-07-01 08:30:00", "Asia/Shanghai", "2026-07-01T00:30:00Z"},
		{"bare keeps fractions", "2026-07-01 08:30:00.25", "Asia/Shanghai", "2026-07-01T00:30:00.25Z"},
		{"bare in summer", "2026-07-01 08:30:00", "Europe/Berlin", "2026-07-01T06:30:00Z"},
		{"bare in winter", "2026-01-01 08:30:00", "Europe/Berlin", "2026-01-01T07:30:00Z"},
		{"just before the skipped hour", "2026-03-29 01:59:59", "Europe/Berlin", "2026-03-29T00:59:59Z"},
		{"just after the skipped hour", "2026-03-29 03:00:00", "Europe/Berlin", "2026-03-29T01:00:00Z"},
		{"just before the doubled hour", "2026-10-25 01:59:59", "Europe/Berlin", "2026-10-24T23:59:59Z"},
		{"just after the doubled hour", "2026-10-25 03:00:00", "Europe/Berlin", "2026-10-25T02:00:00Z"},
		{"a leap day", "2028-02-29 00:00:00", "UTC", "2028-02-29T00:00:00Z"},
		{"half-hour daylight saving", "2026-07-01 12:00:00", "Australia/Lord_Howe", "2026-07-01T01:30:00Z"},
		{"the day after a skipped date", "2011-12-31 00:00:00", "Pacific/Apia", "2011-12-30T10:00:00Z"},
		{"the far east", "2026-07-01 12:00:00", "Pacific/Kiritimati", "2026-06-30T22:00:00Z"},
		{"before the epoch", "1969-12-31 23:59:59", "UTC", "1969-12-31T23:59:59Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(c.text, c.zone)
			if err != nil {
				t.Fatal(err)
			}
			if s := got.Format(time.RFC3339Nano); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, zone, want string }{
		{"nothing", "", "UTC", "neither"},
		{"a date alone", "2026-07-01", "UTC", "neither"},
		{"Unix milliseconds", "1782894600000", "UTC", "neither"},
		{"mqadmin's form", "2026-07-01#08:30:00:000", "UTC", "neither"},
		{"digits that are not ASCII", "２０２６-07-01 08:30:00", "UTC", "neither"},
		{"one digit for the hour", "2026-07-01 8:30:00", "UTC", "neither"},
		{"a comma for the fraction", "2026-07-01 08:30:00,5", "UTC", "neither"},
		{"a line break", "2026-07-01 08:30:00\n", "UTC", "neither"},
		{"RFC 3339 without an offset", "2026-07-01T08:30:00", "UTC", "neither"},
		{"a bare time without a zone", "2026-07-01 08:30:00", "", "says no time zone"},
		{"RFC 3339 with a zone", "2026-07-01T08:30:00Z", "UTC", "must not be given"},
		{"30 February", "2026-02-30 08:30:00", "UTC", "does not exist"},
		{"29 February in a common year", "2026-02-29T08:30:00Z", "", "does not exist"},
		{"month 13", "2026-13-01 08:30:00", "UTC", "does not exist"},
		{"day 0", "2026-07-00 08:30:00", "UTC", "does not exist"},
		{"hour 24", "2026-07-01 24:00:00", "UTC", "does not exist"},
		{"minute 60", "2026-07-01 08:60:00", "UTC", "does not exist"},
		{"a leap second", "2016-12-31T23:59:60Z", "", "does not exist"},
		{"an offset of 25 hours", "2026-07-01T08:30:00+25:00", "", "does not exist"},
		{"an unknown zone", "2026-07-01 08:30:00", "Mars/Olympus", "unknown"},
		{"an abbreviation", "2026-07-01 08:30:00", "CEST", "unknown"},
		{"an offset as a zone", "2026-07-01 08:30:00", "+08:00", "unknown"},
		{"the machine's own zone", "2026-07-01 08:30:00", "Local", "not an IANA name"},
		{"a file outside of the database", "2026-07-01 08:30:00", "../../etc/passwd", "unknown"},
		{"an hour that is skipped", "2026-03-29 02:30:00", "Europe/Berlin", "does not exist in Europe/Berlin"},
		{"the first second that is skipped", "2026-03-29 02:00:00", "Europe/Berlin", "does not exist in"},
		{"a day that is skipped", "2011-12-30 12:00:00", "Pacific/Apia", "does not exist in"},
		{"an hour that comes twice", "2026-10-25 02:30:00", "Europe/Berlin", "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00"},
		{"the first second that comes twice", "2026-11-01 01:00:00", "America/New_York", "happens twice"},
		{"half an hour that comes twice", "2026-04-05 01:45:00", "Australia/Lord_Howe", "happens twice"},
		{"a change far from midnight UTC", "2026-04-05 02:30:00", "Pacific/Auckland", "happens twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(c.text, c.zone)
			if err == nil {
				t.Fatalf("got %s", got)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
}

func TestTheMachinesZoneDoesNotMatter(t *testing.T) {
	machine := time.Local
	defer func() { time.Local = machine }()
	for _, name := range []string{"UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin"} {
		location, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		time.Local = location
		got, err := Parse("2026-03-29 03:00:00", "Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		if s := got.Format(time.RFC3339); s != "2026-03-29T01:00:00Z" {
			t.Errorf("TZ=%s: got %s", name, s)
		}
	}
}

// FuzzParse checks that whatever is accepted reads back as what was written,
// in the zone that was given.
func FuzzParse(f *testing.F) {
	f.Add("2026-07-01 08:30:00", "Asia/Shanghai")
	f.Add("2026-07-01 08:30:00.5", "Europe/Berlin")
	f.Add("2026-03-29 02:30:00", "Europe/Berlin")
	f.Add("2026-10-25 02:30:00", "Europe/Berlin")
	f.Add("2026-07-01T08:30:00.123+08:00", "")
	f.Add("2026-02-30T08:30:00Z", "")
	f.Add("2011-12-30 12:00:00", "Pacific/Apia")
	f.Add("9999-12-31T23:59:59-14:00", "")
	f.Add("0000-01-01 00:00:00", "Asia/Shanghai")
	f.Fuzz(func(t *testing.T, text, zone string) {
		got, err := Parse(text, zone)
		if err != nil {
			if !got.IsZero() {
				t.Errorf("a time beside the error %v", err)
			}
			return
		}
		if _, err := got.MarshalJSON(); err != nil {
			t.Errorf("%q in %q cannot be kept: %v", text, zone, err)
		}
		if zone == "" {
			want, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
			if err != nil || !got.Equal(want) {
				t.Errorf("%q: got %s, want %s (%v)", text, got, want, err)
			}
			return
		}
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatalf("accepted the zone %q: %v", zone, err)
		}
		if shown := got.In(location).Format("2006-01-02 15:04:05"); !strings.HasPrefix(text, shown) {
			t.Errorf("%q in %s: the clocks show %s", text, zone, shown)
		}
	})
}
