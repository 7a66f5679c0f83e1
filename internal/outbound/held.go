package outbound

import (
	"maps"
	"sync"
	"time"
)

// What a receiver refuses is tried again after a pause, which doubles from the first to
// the last.
const (
	heldFirst = 30 * time.Second
	heldLast  = 15 * time.Minute
)

// Held remembers what a receiver refuses, so that it is not tried each time before all
// others. Its zero value remembers nothing. It may be used by several goroutines.
type Held struct {
	mu  sync.Mutex
	all map[string]held
}

type held struct {
	times int
	pause time.Duration
	until time.Time
}

// Waits reports whether what has a key was refused, and is not to be tried yet.
func (h *Held) Waits(key string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return now.Before(h.all[key].until)
}

// Refused notes that what has a key was refused just now, and returns how often it was by
// now. What nobody has tried for
// long since it might have been is forgotten: it was told, or is another node's to tell.
func (h *Held) Refused(key string, now time.Time) (times int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.all, func(_ string, x held) bool { return now.Sub(x.until) > 2*heldLast })
	if h.all == nil {
		h.all = map[string]held{}
	}
	x := held{times: 1, pause: heldFirst}
	if was, ok := h.all[key]; ok {
		x.times, x.pause = was.times+1, min(2*was.pause, heldLast)
	}
	x.until = now.Add(x.pause)
	h.all[key] = x
	return x.times
}
