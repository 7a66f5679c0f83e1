package engine

import (
	"strings"
	"testing"
	"time"

	"warden/detectors"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestCauseAfterReload: the message of a demotion names a cause and a cost also where
// the detector was changed, or taken out, before the person spoke.
func TestCauseAfterReload(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		reload func(r *rig) *Config
		want   string
	}{
		{name: "as it was", want: "Cause I can see: "},
		{
			name: "mended",
			reload: func(r *rig) *Config {
				s := defaults()
				s.canary.BadBelow /= 2
				rules(nil)(&s)
				return r.config(s)
			},
			want: "canary_missing has been changed since",
		},
		{
			name: "taken out",
			reload: func(r *rig) *Config {
				cfg := *r.cfg
				cfg.Detectors = []detectors.Detector{}
				return &cfg
			},
			want: "canary_missing is gone from the config since",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				r.bad(3)
				wrong := r.reaches(3, remedy.StageOut)
				r.rounds(2 * step)
				if c.reload != nil {
					cfg := c.reload(r)
					cfg.Hash = "other"
					r.must(r.e.Reconfigure(r.ctx(), cfg))
					r.rounds(2 * step)
				}
				r.bobSaysWrong(wrong)
				r.rounds(2 * time.Minute)
				told := 0
				for _, m := range r.ear.heard {
					if m.Notice.Kind != ledger.NoticeDemoted {
						continue
					}
					told++
					if !strings.HasPrefix(m.Cause, c.want) {
						r.t.Errorf("it says %q, and should begin with %q", m.Cause, c.want)
					}
				}
				if told != 1 {
					r.t.Errorf("told %d times", told)
				}
			}, rules(nil))
		})
	}
}
