package trust

import "testing"

// TestLineSaysAThingOnce: where the short form quotes the first check that failed, the
// line adds only what that leaves out.
func TestLineSaysAThingOnce(t *testing.T) {
	t.Parallel()
	few := Check{Key: CheckLabelled, What: "labelled episodes", Observed: "0, 0 of them right", Limit: "3", Need: "3 more"}
	share := Check{Key: CheckCoverage, What: "labelled share", Observed: "0%", Limit: "50%"}
	tests := []struct {
		name, short string
		checks      []Check
		warn, hold  string
	}{
		{
			"quoted", few.quote(), []Check{few, share},
			"labelled episodes: 0, 0 of them right (gate 3): not met (3 more; 1 more check); the file's level holds",
			"labelled episodes: 0, 0 of them right (gate 3): not met (3 more; 1 more check), held at notify until it is",
		},
		{
			"quoted, and all there is", share.quote(), []Check{share},
			"labelled share: 0% (gate 50%): not met; the file's level holds",
			"labelled share: 0% (gate 50%): not met, held at notify until it is",
		},
		{
			"of another", "4 of 4 right, at least 51% (gate 80%)", []Check{few},
			"4 of 4 right, at least 51% (gate 80%): not met: labelled episodes: 0, 0 of them right, gate 3 (3 more); the file's level holds",
			"4 of 4 right, at least 51% (gate 80%): not met, held at notify until labelled episodes: 0, 0 of them right, gate 3 (3 more)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := Verdict{Short: tt.short, Checks: tt.checks}
			if got := v.Line(Rules{}, "notify"); got != tt.warn {
				t.Errorf("warn: %q", got)
			}
			if got := v.Line(Rules{Enforce: true}, "notify"); got != tt.hold {
				t.Errorf("enforce: %q", got)
			}
		})
	}
}
