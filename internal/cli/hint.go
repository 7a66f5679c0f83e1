package cli

import (
	"context"
	"fmt"
	"strings"
	"text/template"

	"warden/actions"
	"warden/internal/remedy"
)

// hinted is an action whose plans carry the config's manual_hint and undo_hint:
// the commands to do it by hand, which messages repeat.
type hinted struct {
	actions.Action
	act, undo *template.Template // nil where the config has none
}

// withHints makes a hinted action of templates. Its error begins with the key.
func withHints(a actions.Action, act, undo string) (actions.Action, error) {
	h := hinted{Action: a}
	for key, t := range map[string]struct {
		text string
		into **template.Template
	}{"manual_hint": {act, &h.act}, "undo_hint": {undo, &h.undo}} {
		if t.text == "" {
			continue
		}
		parsed, err := template.New(key).Parse(t.text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		*t.into = parsed
	}
	return h, nil
}

// Plan makes the action's plan and fills in the hints.
func (h hinted) Plan(ctx context.Context, pool remedy.PoolName, host remedy.HostName) (remedy.Plan, error) {
	p, err := h.Action.Plan(ctx, pool, host)
	if err != nil {
		return p, err
	}
	for _, f := range []struct {
		hint *template.Template
		into *string
	}{{h.act, &p.ManualHint}, {h.undo, &p.UndoHint}} {
		if f.hint == nil {
			continue
		}
		var b strings.Builder
		err := f.hint.Execute(&b, struct {
			Host remedy.HostName
			Pool remedy.PoolName
		}{host, pool})
		if err != nil {
			return p, fmt.Errorf("%s of the action: %w", f.hint.Name(), err)
		}
		*f.into = b.String()
	}
	return p, nil
}
