package cli

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/ledger"
)

// A verdict that comes and goes is one line; nothing else is folded, and no
// other line is lost or moved.
func TestFoldedTimeline(t *testing.T) {
	t.Parallel()
	const b, u, g, asked = "verdict bad", "verdict unknown", "verdict good", "asked"
	o := &printer{zone: time.UTC}
	for _, tt := range []struct {
		name string
		what []string
		want []string
	}{
		{"nothing", nil, nil},
		{"few", []string{"opened", u, b, u}, []string{"opened", u, b, u}},
		{"many", []string{"opened", u, b, u, b, u, asked}, []string{"opened", "verdict unknown ↔ bad, 5 times until 10:05:00, then unknown", asked}},
		{"an even number", []string{u, b, u, b}, []string{"verdict unknown ↔ bad, 4 times until 10:03:00, then bad"}},
		{"two runs, between them a line", append(append(slices.Repeat([]string{u, b}, 2), asked), slices.Repeat([]string{u, b}, 3)...),
			[]string{"verdict unknown ↔ bad, 4 times until 10:03:00, then bad", asked, "verdict unknown ↔ bad, 6 times until 10:10:00, then bad"}},
		{"a third verdict ends it", []string{u, b, u, b, g, b}, []string{"verdict unknown ↔ bad, 4 times until 10:03:00, then bad", g, b}},
		{"three that take turns", []string{u, b, g, u, b, g}, []string{u, b, g, u, b, g}},
	} {
		var events []ledger.Event
		for i, what := range tt.what {
			events = append(events, ledger.Event{At: time.Date(2026, 11, 20, 10, i, 0, 0, time.UTC), What: what})
		}
		var got []string
		for _, f := range folded(events) {
			got = append(got, o.told(f))
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s:\n%s", tt.name, d)
		}
	}
}
