package exec

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"warden/actions"
)

// TestCutOff holds that whatever did not come to its own end is told apart from
// what failed: its effect may still come, also after an exit that says no.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for i, tt := range []struct {
		body string
		want bool
	}{
		{"exit 0", false},
		{"exit 1", false},
		{"sleep 1000 & wait", true},
		{"trap 'exit 1' TERM; sleep 1000 & wait", true},
		{"trap 'exit 0' TERM; sleep 1000 & wait", true},
		{"kill -9 $$", true},
		{"sleep 1000 >/dev/null 2>&1 & exit 1", true},
		{"sleep 1000 >/dev/null 2>&1 & exit 0", true},
		{"setsid sleep 5 & exit 1", true},
		{"timeout 1000 sleep 8", true}, // a group of its own, and it holds the output
	} {
		t.Run(tt.body, func(t *testing.T) {
			t.Parallel()
			y := newToy(t)
			y.opts.Run = []string{script(t, y.dir, fmt.Sprintf("cut%d", i), tt.body)}
			y.opts.Undo, y.opts.Timeout = y.opts.Run, 4*time.Second
			j := job("h1")
			j.Prior = "ready"
			effect := y.action(t).Apply
			if i%2 == 1 {
				effect = y.action(t).Undo
			}
			_, err := effect(t.Context(), j)
			if got := errors.Is(err, actions.ErrCutOff); got != tt.want || errors.Is(err, actions.ErrNotStarted) {
				t.Errorf("cut off: %v, want %v (%v)", got, tt.want, err)
			}
		})
	}
}
