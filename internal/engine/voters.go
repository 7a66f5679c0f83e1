package engine

import (
	"context"

	"warden/internal/remedy"
)

// Voters is the rest of the cluster as the engine asks it. Answers come from
// those that answer in time; whoever is missing said nothing. Nobody is asked
// twice, and neither method changes anything.
type Voters interface {
	// Opinions has every other voter judge for itself, from where it stands.
	Opinions(ctx context.Context, q remedy.OpinionQuery) []remedy.Opinion
	// Clocks asks every other voter for its time.
	Clocks(ctx context.Context) []remedy.ClockReading
}
