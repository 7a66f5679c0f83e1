package config

import (
	"regexp"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// BlockWhen is one [[guardrails.block_when]] table: nothing is done while Query
// returns a series that is not 0, or while Present can't show that an empty
// answer means no.
type BlockWhen struct {
	Name   string            `toml:"name" required:"true"`
	Source remedy.SourceName `toml:"source" required:"true"`
	Query  string            `toml:"query" required:"true"`
	// Present returns something, and lately, for as long as the source has what
	// Query looks at.
	Present string `toml:"present" required:"true"`
	// Pools and Actions narrow what it is about; empty means all.
	Pools   []remedy.PoolName   `toml:"pools"`
	Actions []remedy.ActionName `toml:"actions"`
}

// alertSeries are the series that Prometheus has only while an alert is pending
// or firing.
var alertSeries = regexp.MustCompile(`^\s*ALERTS(_FOR_STATE)?\b`)

// blockWhen checks one [[guardrails.block_when]]; before are those above it.
func (v *validator) blockWhen(p []string, b BlockWhen, before []BlockWhen) {
	at := func(keys ...string) []string { return join(p, keys...) }
	c := v.config
	v.onlyName(at("name"), "block_when", b.Name, slices.ContainsFunc(before, func(o BlockWhen) bool { return o.Name == b.Name }))
	if v.reference(at("source"), "source", string(b.Source), namesOf(c.Sources)) && c.Sources[b.Source].Type != TypeGraphite {
		switch present := at("present"); {
		case !v.ok(present):
		case v.opt.IsSelector != nil && !v.opt.IsSelector(b.Present):
			v.fail(present, "present %s", mustSelect)
		case alertSeries.MatchString(b.Present) && strings.TrimSpace(b.Query) == strings.TrimSpace(b.Present):
			v.warn(present, "present is the query itself, which has series only while the alert is pending or firing: it blocks either way; use one that is always there, such as 'prometheus_rule_group_last_evaluation_timestamp_seconds'")
		}
	}
	if !v.about(at, b.Pools, b.Actions) || len(b.Pools) == 0 || len(b.Actions) == 0 {
		return
	}
	for _, action := range b.Actions {
		levels := c.Levels(action)
		if slices.ContainsFunc(b.Pools, func(pool remedy.PoolName) bool { _, ok := levels[pool]; return ok }) {
			return
		}
	}
	v.warn(at("pools"), "block_when %s is about no action that is meant for any of its pools, so it holds nothing back; change pools or actions", b.Name)
}
