package config

import (
	"errors"
	"slices"
	"time"

	"warden/internal/cron"
	"warden/internal/remedy"
)

// Window is one [[guardrails.windows]] table: it opens whenever Schedule occurs
// in Timezone, and stays open for Duration of elapsed time.
type Window struct {
	Name string `toml:"name" required:"true"`
	// Kind is deny or allow; deny wins.
	Kind string `toml:"kind" required:"true" oneof:"allow deny"`
	// Schedule is five fields as in a crontab.
	Schedule string   `toml:"schedule" required:"true"`
	Duration Duration `toml:"duration" required:"true"`
	// Timezone is a name of the IANA's, such as "Europe/Dublin".
	Timezone string `toml:"timezone"`
	// Pools and Actions narrow what it is about; empty means all.
	Pools   []remedy.PoolName   `toml:"pools"`
	Actions []remedy.ActionName `toml:"actions"`
	// Cap is the level that is left while it trips.
	Cap string `toml:"cap" oneof:"blocked metric-only notify confirm"`
}

// LoadZone finds a time zone by its IANA name. The machine's own zone is
// refused: nodes would differ.
func LoadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errZone
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, errZone
	}
	return loc, nil
}

var errZone = errors.New(`it is no time zone; write a name such as "Europe/Dublin" or "UTC"`)

// guardWindow checks one [[guardrails.windows]]; before are those above it.
func (v *validator) guardWindow(p []string, w Window, before []Window) {
	at := func(keys ...string) []string { return join(p, keys...) }
	c := v.config
	v.onlyName(at("name"), "window", w.Name, slices.ContainsFunc(before, func(o Window) bool { return o.Name == w.Name }))
	s, err := cron.Parse(w.Schedule)
	if err != nil {
		v.fail(at("schedule"), "schedule: %v", err)
	}
	loc, err := LoadZone(w.Timezone)
	if err != nil {
		v.fail(at("timezone"), "timezone = %s: %v", quote(w.Timezone), err)
	}
	v.between(at("duration"), w.Duration, 60*second, 31*day)
	if !v.about(at, w.Pools, w.Actions) || !v.ok(at("schedule"), at("timezone")) {
		return
	}
	if s.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), loc).IsZero() {
		effect := "so it denies nothing"
		if w.Kind == "allow" {
			effect = "so what it is about is never allowed more than " + w.Cap
		}
		v.warn(at("schedule"), "schedule = %s never occurs, %s; change it", quote(w.Schedule), effect)
	}
	if len(w.Pools) > 0 && len(w.Actions) > 0 && !slices.ContainsFunc(w.Pools, func(pool remedy.PoolName) bool {
		return slices.ContainsFunc(w.Actions, func(a remedy.ActionName) bool { return slices.Contains(c.ActionsOf(pool), a) })
	}) {
		v.warn(at("pools"), "window %s is about no action that is proposed in any of its pools, so it does nothing; change pools or actions", w.Name)
	}
}

// onlyName checks the name of a table in an array; taken says that one above it
// has the same.
func (v *validator) onlyName(p []string, what, name string, taken bool) {
	if !validName(name) {
		v.fail(p, "name = %s: use letters, digits, _ and -, %d at most", quote(name), maxName)
	} else if taken {
		v.fail(p, "there is a %s %s already; give it another name", what, quote(name))
	}
}

// about checks the pools and actions that a guardrail is narrowed to, and
// reports whether there are all of them.
func (v *validator) about(at func(...string) []string, pools []remedy.PoolName, actions []remedy.ActionName) bool {
	ok := v.ok(at("pools"), at("actions"))
	for i, pool := range pools {
		ok = v.reference(at("pools", element(i)), "pool", string(pool), namesOf(v.config.Pools)) && ok
	}
	for i, action := range actions {
		ok = v.reference(at("actions", element(i)), "action", string(action), namesOf(v.config.Actions)) && ok
	}
	return ok
}
