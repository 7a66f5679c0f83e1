package cli

import (
	"fmt"

	"warden/internal/config"
	"warden/internal/cron"
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
