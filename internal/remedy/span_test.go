package remedy_test

import (
	"testing"
	"time"

	"warden/internal/config"
	"warden/internal/remedy"
)

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", 250 * time.Millisecond: "250ms", 1499 * time.Millisecond: "1s", 90 * time.Second: "1m30s", 10 * time.Minute: "10m", time.Hour: "1h", 6*time.Hour + 30*time.Minute: "6h30m",
		time.Hour + 5*time.Second: "1h0m5s", 24 * time.Hour: "24h", 48 * time.Hour: "2d", 49 * time.Hour: "49h", 14 * 24 * time.Hour: "14d", -2 * time.Hour: "-2h", -72 * time.Hour: "-3d",
	} {
		if got := remedy.Span(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
		if d > 0 && d%time.Second == 0 { // it may go into a config file
			if back, err := config.ParseDuration(want); err != nil || back.Std() != d {
				t.Errorf("%q is read back as %v, %v", want, back, err)
			}
		}
	}
}
