package policy

import (
	"fmt"
	"slices"
	"strconv"

	"warden/internal/remedy"
)

const docBlockWhen = "Blocks while a query that says so fires, or can't be told not to; a manual run is asked to repeat."

// Block is one [[guardrails.block_when]] with what its queries say.
type Block struct {
	Name string
	// Pools and Actions narrow what it is about; empty means all.
	Pools   []remedy.PoolName
	Actions []remedy.ActionName
	// Fired is what its query answered. It is unknown, with the reason, where
	// that can't be told: empty is a no only while `present` shows that the
	// source has what the query looks at.
	Fired remedy.Fact[Fired]
}

// Fired counts the series of an answer that say: hold back.
type Fired struct {
	Series int
	// Value is the largest of theirs by amount; finite, and 0 only with none.
	Value float64
}

// applies reports whether it is about a proposal.
func (b Block) applies(p *Proposal) bool {
	return (len(b.Pools) == 0 || slices.Contains(b.Pools, p.Pool)) && (len(b.Actions) == 0 || slices.Contains(b.Actions, p.Action))
}

// checkBlockWhen blocks while any that is about the proposal fires. One that
// can't be told comes before one that fires: a person may acknowledge what was
// shown to them, and not what nobody saw.
func checkBlockWhen(p *Proposal, w *World) remedy.Answer {
	all, ok := w.Blocks.Get()
	if !ok {
		return unreadable(why(w.Blocks, "what asks to hold back is not known"))
	}
	about := 0
	var firing *remedy.Answer
	for _, b := range all {
		if !b.applies(p) {
			continue
		}
		about++
		f, known := b.Fired.Get()
		switch {
		case !known:
			return unreadable(b.Name + ": " + why(b.Fired, "what its query says is not known"))
		case f.Series < 0:
			return unreadable(b.Name + ": the count of its series makes no sense")
		case f.Series > 0 && firing == nil:
			firing = new(block(fmt.Sprintf("%s fires: %s", b.Name, f), "no series but of value 0"))
		}
	}
	if firing != nil {
		return *firing
	}
	return allow("none fires", fmt.Sprintf("%d of %d configured are about this", about, len(all)))
}

// String words an answer: "2 series, 1 the largest".
func (f Fired) String() string {
	return fmt.Sprintf("%d series, %s the largest", f.Series, strconv.FormatFloat(f.Value, 'g', 4, 64))
}
