package cli

import (
	"fmt"

	"warden/detectors"
	"warden/internal/config"
	"warden/internal/cron"
	"warden/internal/engine"
	"warden/internal/remedy"
	"warden/policy"
)

// newWindow makes a window of its table. The config's checks have made sure
// that it can be made.
func newWindow(w config.Window) (policy.Window, error) {
	out := policy.Window{
		Name: w.Name, Deny: w.Kind == "deny", Duration: w.Duration.Std(), Pools: w.Pools, Actions: w.Actions,
	}
	var err error
	if out.Schedule, err = cron.Parse(w.Schedule); err != nil {
		return out, fmt.Errorf("guardrails.windows: %s: schedule: %w", w.Name, err)
	}
	if out.Location, err = config.LoadZone(w.Timezone); err != nil {
		return out, fmt.Errorf("guardrails.windows: %s: timezone: %w", w.Name, err)
	}
	if w.Cap != remedy.LevelBlocked.String() {
		if out.Cap, err = remedy.ParseLevel(w.Cap); err != nil {
			return out, fmt.Errorf("guardrails.windows: %s: cap: %w", w.Name, err)
		}
	}
	return out, nil
}

// newBlockWhen makes what holds everything back of its table. How old its data
// may be is left to its source, or to the engine's interval.
func newBlockWhen(c *config.Config, b config.BlockWhen) (engine.BlockWhen, error) {
	out := engine.BlockWhen{
		Name: b.Name, Source: b.Source, Query: b.Query, Present: b.Present, Pools: b.Pools, Actions: b.Actions,
	}
	if c.Sources[b.Source].Type != config.TypeGraphite {
		return out, nil
	}
	out.Dialect = detectors.Graphite
	if err := detectors.CheckTarget(b.Query); err != nil {
		return out, fmt.Errorf("guardrails.block_when: %s: query: %w", b.Name, err)
	}
	if err := detectors.CheckPulse(b.Present); err != nil {
		return out, fmt.Errorf("guardrails.block_when: %s: present: %w", b.Name, err)
	}
	return out, nil
}
