package config

import (
	"errors"
	"slices"
	"time"

	"warden/internal/cron"
	"warden/internal/remedy"
)

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
	if !validName(w.Name) {
		v.fail(at("name"), "name = %s: use letters, digits, _ and -, %d at most", quote(w.Name), maxName)
	} else if slices.ContainsFunc(before, func(o Window) bool { return o.Name == w.Name }) {
		v.fail(at("name"), "there is a window %s already; give it another name", quote(w.Name))
	}
	s, err := cron.Parse(w.Schedule)
	if err != nil {
		v.fail(at("schedule"), "schedule: %v", err)
	}
	loc, err := LoadZone(w.Timezone)
	if err != nil {
		v.fail(at("timezone"), "timezone = %s: %v", quote(w.Timezone), err)
	}
	v.between(at("duration"), w.Duration, 60*second, 31*day)
	for i, pool := range w.Pools {
		v.reference(at("pools", element(i)), "pool", string(pool), namesOf(c.Pools))
	}
	for i, action := range w.Actions {
		v.reference(at("actions", element(i)), "action", string(action), namesOf(c.Actions))
	}
	if !v.ok(at("schedule"), at("timezone"), at("pools"), at("actions")) {
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
