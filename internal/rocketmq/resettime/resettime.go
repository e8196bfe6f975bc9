// Package resettime reads the argument reset_time: the instant at which a
// group is to begin again. It is pure; it must not know the machine's clock
// or time zone.
package resettime

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // Zones mean the same on machines without a zone database.
)

// RocketMQ stores a message's time in milliseconds in 64 bits, but the forms
// read here have years of four digits.
var (
	bare    = regexp.MustCompile(`^(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?$`)
	rfc3339 = regexp.MustCompile(`^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$`)
)

// Parse returns the instant that resetTime means, in UTC. It has one of two
// forms:
//
//   - RFC 3339 with an offset, such as 2026-07-01T08:30:00.25+08:00; zone is
//     then empty.
//   - yyyy-MM-dd HH:mm:ss, optionally with a fraction of a second, together
//     with the name of an IANA time zone such as Asia/Shanghai. There is no
//     default zone, since the vendors' consoles mean UTC+8 and mqadmin means
//     its host's.
//
// Errors tell in one sentence what is wrong: another form, a date or a time of
// day that does not exist, an unknown or missing zone, and a local time that
// daylight saving skips or has twice; for the latter both instants are named.
func Parse(resetTime, zone string) (time.Time, error) {
	if m := rfc3339.FindStringSubmatch(resetTime); m != nil {
		if zone != "" {
			return time.Time{}, fmt.Errorf("the time %q has an offset of its own, so the time zone %q must not be given", resetTime, zone)
		}
		w, err := readWall(resetTime, m[1:8])
		if err != nil {
			return time.Time{}, err
		}
		east, err := readOffset(resetTime, m[8:])
		if err != nil {
			return time.Time{}, err
		}
		return written(resetTime, w.in(time.UTC).Add(-east))
	}
	m := bare.FindStringSubmatch(resetTime)
	if m == nil {
		return time.Time{}, fmt.Errorf("the time %q is neither of the form yyyy-MM-dd HH:mm:ss nor RFC 3339 such as 2026-07-01T08:30:00+08:00", resetTime)
	}
	w, err := readWall(resetTime, m[1:])
	if err != nil {
		return time.Time{}, err
	}
	if zone == "" {
		return time.Time{}, fmt.Errorf("the time %q says no time zone: give one, such as Asia/Shanghai or UTC, or write the time as RFC 3339", resetTime)
	}
	location, err := loadZone(zone)
	if err != nil {
		return time.Time{}, err
	}
	t, err := w.instant(resetTime, zone, location)
	if err != nil {
		return time.Time{}, err
	}
	return written(resetTime, t)
}

// written returns an instant that can be written in UTC, as a state keeps it.
func written(text string, t time.Time) (time.Time, error) {
	if t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("the time %q lies outside of the years 0000 to 9999 of UTC", text)
	}
	return t, nil
}

// loadZone knows IANA names only: "Local" would mean another zone on each machine.
func loadZone(zone string) (*time.Location, error) {
	if zone == "Local" || strings.TrimSpace(zone) != zone {
		return nil, fmt.Errorf("the time zone %q is not an IANA name such as Asia/Shanghai, Europe/Berlin or UTC", zone)
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("the time zone %q is unknown: give an IANA name such as Asia/Shanghai, Europe/Berlin or UTC", zone)
	}
	return location, nil
}

// wall is what a calendar and a clock on a wall show.
type wall struct {
	year, month, day, hour, minute, second, nanosecond int
}

// readWall reads the digits of year, month, day, hour, minute, second and fraction.
func readWall(text string, digits []string) (wall, error) {
	var n [6]int
	for i := range n {
		n[i] = number(digits[i])
	}
	w := wall{n[0], n[1], n[2], n[3], n[4], n[5], number((digits[6] + "000000000")[:9])}
	if w.hour > 23 || w.minute > 59 || w.second > 59 {
		// RFC 3339 allows leap seconds, but no broker's clock shows them.
		return wall{}, fmt.Errorf("the time %q does not exist: hours go from 00 to 23, minutes and seconds from 00 to 59", text)
	}
	if t := w.in(time.UTC); t.Year() != w.year || int(t.Month()) != w.month || t.Day() != w.day {
		return wall{}, fmt.Errorf("the date in %q does not exist", text)
	}
	return w, nil
}

// readOffset reads sign, hours and minutes east of UTC; no sign means Z.
func readOffset(text string, parts []string) (time.Duration, error) {
	if parts[0] == "" {
		return 0, nil
	}
	hours, minutes := number(parts[1]), number(parts[2])
	if hours > 23 || minutes > 59 {
		return 0, fmt.Errorf("the offset from UTC in %q does not exist", text)
	}
	east := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if parts[0] == "-" {
		east = -east
	}
	return east, nil
}

func (w wall) in(location *time.Location) time.Time {
	return time.Date(w.year, time.Month(w.month), w.day, w.hour, w.minute, w.second, w.nanosecond, location)
}

// instant finds the one instant at which the zone's clocks show w. Every
// offset that the zone uses within a day around it is tried: one that fits
// makes the instant, none means that the clocks skip w, two that they show it
// twice.
func (w wall) instant(text, zone string, location *time.Location) (time.Time, error) {
	utc := w.in(time.UTC)
	var fits []time.Time
	tried := map[int]bool{}
	for h := -36; h <= 36; h++ {
		_, east := utc.Add(time.Duration(h) * time.Hour).In(location).Zone()
		if tried[east] {
			continue
		}
		tried[east] = true
		t := utc.Add(-time.Duration(east) * time.Second)
		if _, e := t.In(location).Zone(); e == east {
			fits = append(fits, t)
		}
	}
	switch len(fits) {
	case 1:
		return fits[0], nil
	case 0:
		return time.Time{}, fmt.Errorf("the time %q does not exist in %s: the clocks are put forward over it; write the instant as RFC 3339", text, zone)
	default:
		a, b := fits[0], fits[1]
		if b.Before(a) {
			a, b = b, a
		}
		return time.Time{}, fmt.Errorf("the time %q happens twice in %s, where the clocks are put back: write %s or %s",
			text, zone, a.In(location).Format(time.RFC3339Nano), b.In(location).Format(time.RFC3339Nano))
	}
}

// number reads digits that a pattern has already checked.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}
