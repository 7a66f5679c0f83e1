// Package cron reads the five fields of a crontab line and says at which
// instants they occur in a time zone. It is pure: a time zone is given as a
// *time.Location, and it reads no clock.
//
// Fields match local wall-clock minutes. On nights on which the clocks change,
// each matching minute occurs exactly once: one that is skipped at the next
// instant there is, one that is repeated the first time round.
package cron

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Schedule is a parsed line. The zero Schedule never occurs.
type Schedule struct {
	text                          string
	minute, hour, dom, month, dow uint64 // bit n is set where n matches
	anyDom, anyDow                bool   // the field began with *
}

// String is the line as it was written.
func (s Schedule) String() string { return s.text }

// span is what a field's numbers may be, and the names that stand for them.
type span struct {
	name   string
	lo, hi int
	names  []string
}

// fields are the five, in the order in which they are written.
func fields() [5]span {
	return [5]span{
		{name: "minute", lo: 0, hi: 59},
		{name: "hour", lo: 0, hi: 23},
		{name: "day of the month", lo: 1, hi: 31},
		{name: "month", lo: 1, hi: 12, names: []string{"", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
		{name: "day of the week", lo: 0, hi: 7, names: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
	}
}

var errFields = errors.New(`write five fields, minute, hour, day of the month, month and day of the week, such as "0 15 * * 5"`)

// Parse reads "minute hour day-of-month month day-of-week". A field is *, a
// number, a range, either with /step, or a comma-separated list of those;
// months and days of the week may be English three-letter names, and Sunday is
// 0 or 7. Where both days are restricted, either is enough, as in crontabs.
func Parse(text string) (Schedule, error) {
	parts := strings.Fields(text)
	if len(parts) != 5 {
		return Schedule{}, errFields
	}
	s := Schedule{text: strings.Join(parts, " "), anyDom: strings.HasPrefix(parts[2], "*"), anyDow: strings.HasPrefix(parts[4], "*")}
	into := [5]*uint64{&s.minute, &s.hour, &s.dom, &s.month, &s.dow}
	for i, f := range fields() {
		bits, err := f.parse(parts[i])
		if err != nil {
			return Schedule{}, err
		}
		*into[i] = bits
	}
	if s.dow&(1<<7) != 0 {
		s.dow |= 1 // 7 is Sunday too
	}
	return s, nil
}

func (f span) parse(text string) (uint64, error) {
	var bits uint64
	for item := range strings.SplitSeq(text, ",") {
		which, every, stepped := strings.Cut(item, "/")
		lo, hi := f.lo, f.hi
		if which != "*" {
			first, last, ranged := strings.Cut(which, "-")
			var ok bool
			if lo, ok = f.number(first); !ok {
				return 0, f.wrong(item)
			}
			switch {
			case ranged:
				if hi, ok = f.number(last); !ok || hi < lo {
					return 0, f.wrong(item)
				}
			case !stepped:
				hi = lo
			}
		}
		step := 1
		if stepped {
			n, err := strconv.ParseUint(every, 10, 8)
			if err != nil || n == 0 {
				return 0, f.wrong(item)
			}
			step = int(n)
		}
		for n := lo; n <= hi; n += step {
			bits |= 1 << n
		}
	}
	return bits, nil
}

// number reads a number of the field, or a name that stands for one.
func (f span) number(s string) (int, bool) {
	for i, name := range f.names {
		if name != "" && strings.EqualFold(name, s) {
			return i, true
		}
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || int(n) < f.lo || int(n) > f.hi {
		return 0, false
	}
	return int(n), true
}

func (f span) wrong(item string) error {
	const longest = 20
	if len(item) > longest {
		item = item[:longest] + "…"
	}
	return fmt.Errorf("%q is no %s; write *, a number from %d to %d, a range such as %d-%d, or a list of them, each with /step if need be",
		item, f.name, f.lo, f.hi, f.lo, f.hi)
}

func has(bits uint64, n int) bool { return bits&(1<<n) != 0 }

// onDay reports whether the schedule has minutes on a day of the calendar.
func (s Schedule) onDay(day time.Time) bool {
	if !has(s.month, int(day.Month())) {
		return false
	}
	dom, dow := has(s.dom, day.Day()), has(s.dow, int(day.Weekday()))
	if s.anyDom || s.anyDow {
		return dom && dow
	}
	return dom || dow
}

// farthest is how far an instant and the same wall-clock reading in UTC are
// apart at most, and so how far one has to look around an instant for changes
// of the zone that matter to it.
const farthest = 26 * time.Hour

// offset is how far the zone is ahead of UTC at an instant.
func offset(t time.Time, loc *time.Location) time.Duration {
	_, seconds := t.In(loc).Zone()
	return time.Duration(seconds) * time.Second
}

// occurs is the instant at which the clocks of a zone show a wall-clock
// reading, which is given as if it were in UTC: the first, if they do so twice;
// the next instant there is, if they skip it.
func occurs(wall time.Time, loc *time.Location) time.Time {
	before, after := offset(wall.Add(-farthest), loc), offset(wall.Add(farthest), loc)
	first, second := wall.Add(-before), wall.Add(-after)
	if second.Before(first) {
		first, second, before, after = second, first, after, before
	}
	switch {
	case offset(first, loc) == before:
		return first
	case offset(second, loc) == after:
		return second
	}
	// Skipped: with the offset of before the change it would be after it.
	start, _ := second.In(loc).ZoneBounds()
	return start.UTC()
}

// midnight is the day that a wall clock shows, as if it were in UTC.
func midnight(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.In(loc).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Last returns the latest occurrence at or before an instant, but not before
// another; the zero time when there is none.
func (s Schedule) Last(now, since time.Time, loc *time.Location) time.Time {
	ahead := max(offset(now.Add(-farthest), loc), offset(now.Add(farthest), loc))
	for day := midnight(now, loc).AddDate(0, 0, 1); !day.Add(2 * farthest).Before(since); day = day.AddDate(0, 0, -1) {
		if !s.onDay(day) {
			continue
		}
		for minute := 24*60 - 1; minute >= 0; minute-- {
			if !has(s.hour, minute/60) || !has(s.minute, minute%60) {
				continue
			}
			wall := day.Add(time.Duration(minute) * time.Minute)
			if wall.Add(-ahead).After(now) {
				continue // whatever the zone does
			}
			if t := occurs(wall, loc); !t.After(now) {
				if t.Before(since) {
					return time.Time{}
				}
				return t
			}
		}
	}
	return time.Time{}
}

// TimesADay is how often the schedule occurs on a day on which it does.
func (s Schedule) TimesADay() int { return bits.OnesCount64(s.minute) * bits.OnesCount64(s.hour) }

// horizon is how far ahead Next looks: two leap days are at most eight years
// apart.
const horizon = 9 * 366

// Next returns the first occurrence after an instant; the zero time when there
// is none, as for 30 February.
func (s Schedule) Next(now time.Time, loc *time.Location) time.Time {
	behind := min(offset(now.Add(-farthest), loc), offset(now.Add(farthest), loc))
	first := midnight(now, loc).AddDate(0, 0, -1)
	for n := range horizon {
		day := first.AddDate(0, 0, n)
		if !s.onDay(day) {
			continue
		}
		for minute := range 24 * 60 {
			if !has(s.hour, minute/60) || !has(s.minute, minute%60) {
				continue
			}
			wall := day.Add(time.Duration(minute) * time.Minute)
			if !wall.Add(-behind).After(now) {
				continue // whatever the zone does
			}
			if t := occurs(wall, loc); t.After(now) {
				return t
			}
		}
	}
	return time.Time{}
}
