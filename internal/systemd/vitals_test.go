package systemd

import (
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestVitals(t *testing.T) {
	t.Parallel()
	const s = time.Second
	sign := func(mark string, idle bool) []Sign {
		return []Sign{{Name: "apply", Mark: mark, Idle: idle, Within: 10 * s}}
	}
	steps := []struct {
		at    time.Duration
		signs []Sign
		stuck string
	}{
		{0, sign("1", false), ""},
		{10 * s, sign("1", false), ""},
		{11 * s, sign("1", false), "apply has not moved for 11s, and may take 10s"},
		{12 * s, sign("2", false), ""}, // it moves again
		{22 * s, sign("2", true), ""},
		{90 * s, sign("2", true), ""},  // idle for as long as it likes
		{99 * s, sign("2", false), ""}, // counted from when there was something to do
		{101 * s, sign("2", false), "apply has not moved for 11s, and may take 10s"},
		{102 * s, nil, ""},
		{200 * s, sign("2", false), ""}, // not asked for meanwhile: new
	}
	var v vitals
	for _, step := range steps {
		if got := describe(v.look(step.at, step.signs)); got != step.stuck {
			t.Errorf("at %s: %q, want %q", step.at, got, step.stuck)
		}
	}
}

// TestVitalsProperties: whatever moves, or is idle, within its time is never
// stuck, and whatever stands still for longer always is.
func TestVitalsProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var v vitals
		within := time.Duration(rapid.IntRange(1, 100).Draw(t, "within")) * time.Second
		at, last, mark := time.Duration(0), time.Duration(0), 0
		v.look(0, []Sign{{Name: "x", Mark: "0", Within: within}})
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			at += time.Duration(rapid.IntRange(0, 60).Draw(t, "pass")) * time.Second
			idle := rapid.Bool().Draw(t, "idle")
			if rapid.Bool().Draw(t, "moves") {
				mark++
				last = at
			}
			if idle {
				last = at
			}
			stuck := v.look(at, []Sign{{Name: "x", Mark: strconv.Itoa(mark), Idle: idle, Within: within}})
			if want := at-last > within; (len(stuck) > 0) != want {
				t.Fatalf("still for %s of %s: %v", at-last, within, stuck)
			}
		}
	})
}
