package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

type static struct{ hosts []Host }

// NewStatic makes an inventory of the hosts that the config lists, with the
// labels that it gives to some of them, by host; nil for none. It refuses an
// empty list, invalid names and duplicates.
func NewStatic(names []string, labels map[string]map[string]string) (Inventory, error) {
	entries := make([]entry, 0, len(names))
	for _, n := range names {
		entries = append(entries, entry{host: hostOf(n, maps.Clone(labels[n])), wrote: n})
	}
	hosts, err := finish(entries)
	if err != nil {
		return nil, fmt.Errorf("static inventory: %w", err)
	}
	return static{hosts: hosts}, nil
}

// Hosts implements Inventory. It never fails.
func (s static) Hosts(context.Context) ([]Host, error) { return slices.Clone(s.hosts), nil }
