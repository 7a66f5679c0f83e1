package ledger_test

import (
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Why nobody is asked is kept until somebody is.
func TestUnasked(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	until := r.now.Add(8 * time.Hour)
	id := r.ok(judge("h1", remedy.LevelConfirm, func(b *ledger.CaseJudge) { b.Unasked = &ledger.Unasked{Why: "quiet hours", Until: until} }))
	c := r.stage(id, remedy.StageProposed, "")
	if c.Unasked == nil || !c.Unasked.Until.Equal(until) {
		t.Fatalf("%+v", c.Unasked)
	}
	r.refused(ledger.RefusedStage, alice(), r.yes(id))
	r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	if c := r.stage(id, remedy.StageWaiting, ""); c.Unasked != nil {
		t.Errorf("%+v", c.Unasked)
	}
}

// TestOfWhatNobodyCouldAnswerPeopleAreTold: as at notify where a complaint is due, whether
// the engine finds out or the ledger does; quiet hours that end by themselves tell nobody.
func TestOfWhatNobodyCouldAnswerPeopleAreTold(t *testing.T) {
	t.Parallel()
	const wants = "2 people have to say yes, and 1 may (the file of n1-aaaa wants 2)"
	asks := func(r *rig, b *ledger.CaseJudge) { r.asks("fran")(b) }
	why := func(u ledger.Unasked) func(*rig, *ledger.CaseJudge) {
		return func(_ *rig, b *ledger.CaseJudge) { b.Unasked = &u }
	}
	for name, x := range map[string]struct {
		change func(*rig, *ledger.CaseJudge)
		tell   bool
		want   string // empty for nothing
		told   remedy.Outcome
	}{
		"the ledger finds out":     {asks, true, wants, remedy.OutcomeTold},
		"the ledger, told lately":  {asks, false, "", remedy.OutcomeTold},
		"the engine finds out":     {why(ledger.Unasked{Why: "nobody may"}), true, "nobody may", remedy.OutcomeTold},
		"the engine, told lately":  {why(ledger.Unasked{Why: "nobody may"}), false, "", remedy.OutcomeTold},
		"quiet hours":              {why(ledger.Unasked{Why: "quiet hours", Until: t0().Add(8 * time.Hour)}), true, "", ""},
		"nobody is to be asked":    {func(*rig, *ledger.CaseJudge) {}, true, "", ""},
		"somebody else may answer": {func(r *rig, b *ledger.CaseJudge) { r.asks("fran", "kim")(b) }, true, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, at(remedy.LevelConfirm))
			r.saysOne(n1)
			id := r.ok(judge("h1", remedy.LevelConfirm, func(b *ledger.CaseJudge) { b.Tell = x.tell; x.change(r, b) }))
			if c := r.get(id); c.Outcome != x.told {
				t.Errorf("it is %q", c.Outcome)
			}
			said := r.ofKind(ledger.NoticeComplaint)
			lately := r.l.Facts(ledger.FactsQuery{Pool: pool, Host: "h1", Action: drain, Now: r.now}).LastTold
			if x.want == "" {
				if len(said) != 0 || !lately.IsZero() {
					t.Errorf("told at %s: %+v", lately, said)
				}
				return
			}
			if len(said) != 1 || said[0].Case != id || said[0].Detail != ledger.NotAsked+x.want || !lately.Equal(r.now) {
				t.Errorf("told at %s: %+v", lately, said)
			}
			restored(t, r.l)
		})
	}
}
