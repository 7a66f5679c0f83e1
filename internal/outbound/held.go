package outbound

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// What a receiver refuses is tried again after a pause, which doubles from the first to
// the last.
const (
	heldFirst = 30 * time.Second
	heldLast  = 15 * time.Minute
)

// Held remembers what went wrong at a receiver, so that it is not tried each time before
// all others. Its zero value remembers nothing. It may be used by several goroutines.
type Held struct {
	mu  sync.Mutex
	all map[string]held
	// behind is what was in trouble, by its key.
	behind map[string]trouble
	turn   uint64
}

// trouble is in which turn something was in trouble last, how often it was, and how often
// of these while others got through.
type trouble struct {
	turn       uint64
	times, own int
}

type held struct {
	pause time.Duration
	until time.Time
}

// Waits reports whether what has a key was refused, and is not to be tried yet.
func (h *Held) Waits(key string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return now.Before(h.all[key].until)
}

// Refused notes that what has a key was refused just now. What nobody has tried for long
// since it might have been is forgotten: it was told, or is another node's to tell.
func (h *Held) Refused(key string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.all, func(_ string, x held) bool { return now.Sub(x.until) > 2*heldLast })
	if h.all == nil {
		h.all = map[string]held{}
	}
	pause := heldFirst
	if was, ok := h.all[key]; ok {
		pause = min(2*was.pause, heldLast)
	}
	h.all[key] = held{pause: pause, until: now.Add(pause)}
}

// Trouble notes that what has a key was in trouble just now, which may be everybody's, and
// returns how often it was.
func (h *Held) Trouble(key string) (times int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.behind == nil {
		h.behind = map[string]trouble{}
	}
	h.turn++
	x := h.behind[key]
	x.turn, x.times = h.turn, x.times+1
	h.behind[key] = x
	return x.times
}

// Own notes that the trouble of what has a key was its own just now, for others got
// through: it is left alone for a while, as if it were refused. It returns how often that
// was so by now.
func (h *Held) Own(key string, now time.Time) (times int) {
	h.Refused(key, now)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.behind == nil {
		h.behind = map[string]trouble{}
	}
	x := h.behind[key]
	x.own++
	h.behind[key] = x
	return x.own
}

// Only forgets what was in trouble and is not among all: it is told, or given up.
func Only[T any](h *Held, all []T, key func(T) string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := map[string]trouble{}
	for _, x := range all {
		if was, ok := h.behind[key(x)]; ok {
			kept[key(x)] = was
		}
	}
	h.behind = kept
}

// InOrder puts what was in trouble behind the rest, the latest last, so that everything has
// its turn where only a few are tried. What is not among all is forgotten.
func InOrder[T any](h *Held, all []T, key func(T) string) []T {
	Only(h, all, key)
	h.mu.Lock()
	defer h.mu.Unlock()
	out := slices.Clone(all)
	slices.SortStableFunc(out, func(a, b T) int { return cmp.Compare(h.behind[key(a)].turn, h.behind[key(b)].turn) })
	return out
}

// Troubles is how often what has a key was in trouble.
func (h *Held) Troubles(key string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.behind[key].times
}
