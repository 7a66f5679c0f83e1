// Package inventory says which hosts a pool has. The inventory, and not the
// metrics, gives N.
package inventory

import (
	"context"

	"warden/internal/remedy"
)

// Host is one host of a pool.
type Host struct {
	Name   remedy.HostName
	Labels map[string]string
}

// Inventory lists a pool's hosts. Implementations are safe for concurrent use.
type Inventory interface {
	// Hosts returns the pool's hosts sorted by name, without duplicates, every
	// name valid by ValidName. An error, or an empty list, never means "no
	// hosts": the engine keeps what it knew and counts the failure.
	Hosts(ctx context.Context) ([]Host, error)
}
