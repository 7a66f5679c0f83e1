package outbound_test

import (
	"testing"
	"time"

	"warden/internal/outbound"
)

// TestHeld: what is refused again and again is tried less and less often, and by itself.
func TestHeld(t *testing.T) {
	t.Parallel()
	var h outbound.Held
	began := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	now, tries := began, 0
	for ; now.Sub(began) < 24*time.Hour; now = now.Add(time.Second) {
		if h.Waits("other", now) {
			t.Fatal("what was never refused waits")
		}
		if !h.Waits("a", now) {
			tries++
			if n := h.Own("a", now); n != tries {
				t.Fatalf("its own %d times, and it says %d", tries, n)
			}
		}
	}
	// After 30 s, 1, 2, 4 and 8 minutes, then every 15.
	if tries < 95 || tries > 105 {
		t.Errorf("%d tries in a day", tries)
	}
	now = now.Add(2 * time.Hour)
	h.Refused("other", now) // the pause of "a" is forgotten by then, and not how often it was in trouble
	if n := h.Own("a", now); n != tries+1 {
		t.Errorf("its own %d times, and it says %d", tries+1, n)
	}
	if h.Waits("a", now.Add(30*time.Second)) || !h.Waits("a", now.Add(29*time.Second)) {
		t.Error("it goes on with the old pause")
	}
}
