package inventory

import (
	"context"
	"fmt"
)

type asked struct {
	what string
	list func(context.Context) ([]string, error)
}

// NewAsked makes an inventory that asks something else for the names at each
// call of Hosts, such as a load balancer. What names it in errors. The names
// are held to the same as those of a file: valid, each once, and at least one.
func NewAsked(what string, list func(context.Context) ([]string, error)) Inventory {
	return asked{what: what, list: list}
}

// Hosts implements Inventory.
func (a asked) Hosts(ctx context.Context) ([]Host, error) {
	names, err := a.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("inventory %s: %w", a.what, err)
	}
	entries := make([]entry, 0, len(names))
	for _, n := range names {
		entries = append(entries, entry{host: hostOf(n, nil), wrote: n})
	}
	hosts, err := finish(entries)
	if err != nil {
		return nil, fmt.Errorf("inventory %s: %w", a.what, err)
	}
	return hosts, nil
}
