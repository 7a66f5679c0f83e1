//go:build failpoints

package clock

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestStepMovesTheWallAlone holds the stepped clock to what setting the wall
// clock of a machine does.
func TestStepMovesTheWallAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clock")
	t.Setenv(stepFile, file)
	c := System()
	first, before := c.Read(), c.Now()
	for _, tt := range []struct {
		text string
		by   time.Duration
	}{{"3600\n", time.Hour}, {"-3600", -time.Hour}, {"0", 0}} {
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, now := c.Read(), c.Now()
		if off := time.Since(r.Wall) + tt.by; off < -time.Minute || off > time.Minute {
			t.Errorf("%q: the wall clock is %v off", tt.text, off)
		}
		if off := now.Round(0).Sub(before.Round(0)) - tt.by; off < 0 || off > time.Minute {
			t.Errorf("%q: Now moved by %v more", tt.text, off)
		}
		for what, d := range map[string]time.Duration{"Mono": r.Mono - first.Mono, "Since": c.Since(before), "Sub": now.Sub(before)} {
			if d < 0 || d > time.Minute {
				t.Errorf("%q: monotonic time went %v by %s", tt.text, d, what)
			}
		}
	}
}
