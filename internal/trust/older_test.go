package trust_test

import (
	"testing"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestExplainChanged: a person mends the detector first and says wrong then.
func TestExplainChanged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		wrong int
		now   trust.Settings
		few   bool
		want  string
	}{
		{
			name: "the threshold", wrong: 4, now: trust.Settings{BadBelow: remedy.Known(0.35), For: 5 * time.Minute},
			want: "canary_missing has been changed since: host-5 was 0.47, below 0.5, and `bad_below = 0.35`, as it is now, would have kept it away. On the record of then it costs 1 of 4 right calls and removes 1 wrong call.",
		},
		{
			name: "for", wrong: 4, now: trust.Settings{BadBelow: remedy.Known(0.5), For: 10 * time.Minute},
			want: "canary_missing has been changed since: host-5 was good again by itself after 8m, and `for = \"10m\"`, as it is now, would have kept it away. On the record of then it costs 0 of 4 right calls and removes 1 wrong call.",
		},
		{
			name: "common mode", wrong: 5, now: trust.Settings{BadBelow: remedy.Known(0.5), For: 5 * time.Minute, MaxBadFraction: 0.15},
			want: "canary_missing has been changed since: 7 of 40 hosts were bad at once, and `max_bad_fraction = 0.15`, as it is now, would have kept it away. On the record of then it costs 0 of 4 right calls and removes 1 wrong call.",
		},
		{
			name: "few to weigh it by", wrong: 4, now: trust.Settings{BadBelow: remedy.Known(0.35)}, few: true,
			want: "canary_missing has been changed since: host-5 was 0.47, below 0.5, and `bad_below = 0.35`, as it is now, would have kept it away. With 3 right calls on the record of then nobody can say what that costs.",
		},
		{
			name: "another thing", wrong: 4, now: suggestSettings,
			want: "canary_missing has been changed since, and no setting as it is now would have kept it away. Cause I can see: host-5 was 0.47, below 0.5. Suggest `bad_below = 0.47`: on this record it costs 0 of 4 right calls and removes 1 wrong call.",
		},
		{
			name: "gone", wrong: 4,
			want: "canary_missing is gone from the config since, so there is no setting of it to change.",
		},
	} {
		r := suggestRecord()
		r.Detector = "canary_missing"
		if c.few {
			r.Cases[0].Said = nil
		}
		if got := trust.ExplainChanged(r, r.Cases[c.wrong], c.now); got != c.want {
			t.Errorf("%s: %q\nwant %q", c.name, got, c.want)
		}
	}
}
