package config

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time as the config spells it: "30s", "5m", "1h30m",
// "7d". A day is 24 hours. It is never negative.
type Duration time.Duration

// maxDuration is the longest duration a person can mean: ten years. Anything
// longer is a slip of the unit.
const maxDuration = Duration(3650 * 24 * time.Hour)

const day = Duration(24 * time.Hour)

var errDuration = errors.New(`write a duration such as "30s", "5m", "12h" or "7d"`)

// ParseDuration reads a duration in whole numbers of ms, s, m, h and d, with
// several units one after the other if need be. The error says how to write it.
func ParseDuration(s string) (Duration, error) {
	if s == "" {
		return 0, errDuration
	}
	var sum Duration
	for rest := s; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil {
			return 0, errDuration
		}
		rest = rest[digits:]
		letters := len(rest) - len(strings.TrimLeft(rest, "dhms"))
		unit, ok := durationUnit(rest[:letters])
		if !ok {
			return 0, errDuration
		}
		rest = rest[letters:]
		if n > int64(maxDuration/unit) || sum+Duration(n)*unit > maxDuration {
			return 0, errors.New("a duration is at most 3650d: write a shorter one")
		}
		sum += Duration(n) * unit
	}
	return sum, nil
}

func durationUnit(s string) (Duration, bool) {
	switch s {
	case "ms":
		return Duration(time.Millisecond), true
	case "s":
		return Duration(time.Second), true
	case "m":
		return Duration(time.Minute), true
	case "h":
		return Duration(time.Hour), true
	case "d":
		return day, true
	default:
		return 0, false
	}
}

// Std is the duration as the standard library knows it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String spells the duration so that ParseDuration reads it back: "90s" is
// "1m30s", "48h" is "2d", a day and less stays in hours.
func (d Duration) String() string {
	if d <= 0 {
		return "0s"
	}
	var b strings.Builder
	write := func(unit Duration, name string) {
		if n := d / unit; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + name)
			d -= n * unit
		}
	}
	if d > day {
		write(day, "d")
	}
	write(Duration(time.Hour), "h")
	write(Duration(time.Minute), "m")
	write(Duration(time.Second), "s")
	write(Duration(time.Millisecond), "ms")
	return b.String()
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler by way of ParseDuration.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := ParseDuration(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}
