package config

import (
	"slices"
	"strings"
	"time"

	"warden/internal/cron"
)

// Summary is the [summary] table: the morning summary.
type Summary struct {
	// Enabled has one told whenever Schedule occurs.
	Enabled bool `toml:"enabled"`
	// Schedule is five fields as in a crontab, in Timezone; it occurs once on a day.
	Schedule string `toml:"schedule"`
	Timezone string `toml:"timezone"`
	// QuietLine has a line told also where nothing happened.
	QuietLine bool `toml:"quiet_line"`
	// Sections are the parts that are wanted; empty for all.
	Sections []string `toml:"sections"`
}

// DefaultSummarySchedule is after the start of work, on weekdays: Monday's covers
// the weekend.
const DefaultSummarySchedule = "30 9 * * 1-5"

func (s *Summary) setDefaults() {
	s.Schedule, s.Timezone, s.QuietLine = DefaultSummarySchedule, DefaultTimezone, true
}

// SummarySections are the words that sections takes, in the order in which the
// parts are told.
func SummarySections() []string {
	return []string{"did", "wanted", "waiting", "still_out", "trust", "self", "labels"}
}

// summary checks [summary].
func (v *validator) summary(s Summary) {
	at := func(keys ...string) []string { return append([]string{"summary"}, keys...) }
	when, err := cron.Parse(s.Schedule)
	switch {
	case err != nil:
		v.fail(at("schedule"), "schedule: %v", err)
	case when.TimesADay() > 1:
		v.fail(at("schedule"), "schedule = %s occurs %d times a day, and a summary is told once: give one minute and one hour, such as \"30 9 * * 1-5\"", quote(s.Schedule), when.TimesADay())
	}
	zone, err := LoadZone(s.Timezone)
	if err != nil {
		v.fail(at("timezone"), "timezone = %s: %v", quote(s.Timezone), err)
	}
	if v.ok(at("schedule"), at("timezone")) && when.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), zone).IsZero() {
		v.fail(at("schedule"), "schedule = %s never occurs, so no summary is ever told; change it, or use enabled = false", quote(s.Schedule))
	}
	for i, name := range s.Sections {
		p := at("sections", element(i))
		switch {
		case !slices.Contains(SummarySections(), name):
			v.fail(p, "sections: there is no section %s: use %s%s", quote(name), strings.Join(SummarySections(), ", "), didYouMean(name, SummarySections()))
		case slices.Contains(s.Sections[:i], name):
			v.fail(p, "sections: %s is there already; remove it", quote(name))
		}
	}
	if !s.Enabled && v.given[pathKey(at())] && !v.given[pathKey(at("enabled"))] {
		v.warn(at(), "[summary] has no effect on its own: add enabled = true for one every morning, or enabled = false to have it said")
	}
}
