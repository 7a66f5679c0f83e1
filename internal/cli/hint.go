package cli

import (
	"context"
	"fmt"
	"strings"
	"text/template"

	"warden/actions"
	"warden/internal/remedy"
)

// hinted is an action whose plans carry the config's manual_hint: the command
// to do it by hand, which every message repeats.
type hinted struct {
	actions.Action
	hint *template.Template
}

// Plan makes the action's plan and fills in the hint.
func (h hinted) Plan(ctx context.Context, pool remedy.PoolName, host remedy.HostName) (remedy.Plan, error) {
	p, err := h.Action.Plan(ctx, pool, host)
	if err != nil {
		return p, err
	}
	var b strings.Builder
	err = h.hint.Execute(&b, struct {
		Host remedy.HostName
		Pool remedy.PoolName
	}{host, pool})
	if err != nil {
		return p, fmt.Errorf("manual_hint of the action: %w", err)
	}
	p.ManualHint = b.String()
	return p, nil
}
