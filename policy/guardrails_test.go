package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/remedy"
	"warden/policy"
)

// trial changes the good world and says what one guardrail must then answer to
// an act.
type trial struct {
	name    string
	change  func(*policy.Proposal, *policy.World)
	effect  remedy.Effect
	unread  bool
	observe string
	limit   string
}

// world makes a change of the world alone.
func world(f func(*policy.World)) func(*policy.Proposal, *policy.World) {
	return func(_ *policy.Proposal, w *policy.World) { f(w) }
}

// limits makes a change of the limits alone.
func limits(f func(*policy.Limits)) func(*policy.Proposal, *policy.World) {
	return world(func(w *policy.World) {
		l, _ := w.Limits.Get()
		f(&l)
		w.Limits = remedy.Known(l)
	})
}

// run checks trials of one guardrail, and that nothing else gets in the way.
func run(t *testing.T, guardrail string, trials []trial) {
	t.Helper()
	for _, tr := range trials {
		t.Run(tr.name, func(t *testing.T) {
			p, w := proposal(remedy.KindAct), goodWorld()
			if tr.change != nil {
				tr.change(&p, &w)
			}
			d := policy.Decide(p, w)
			want := remedy.Answer{
				Guardrail: guardrail, Effect: tr.effect, Observed: tr.observe, Limit: tr.limit, Unreadable: tr.unread,
			}
			switch tr.effect {
			case remedy.EffectAllow, remedy.EffectNotBind:
				want.Cap = remedy.LevelAuto
			case remedy.EffectCap:
				want.Cap = answerOf(t, d, guardrail).Cap
				if want.Cap <= remedy.LevelBlocked || want.Cap >= remedy.LevelAuto {
					t.Errorf("capped at %v, which is no cap", want.Cap)
				}
			case remedy.EffectBlock, remedy.EffectWait, remedy.EffectAsk:
				want.Cap = remedy.LevelBlocked
			}
			if diff := cmp.Diff(want, answerOf(t, d, guardrail)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if d.Level > want.Cap {
				t.Errorf("level = %v above the answer's cap %v", d.Level, want.Cap)
			}
		})
	}
}

func TestFreeze(t *testing.T) {
	stop := func(s policy.Stop) func(*policy.Proposal, *policy.World) {
		return world(func(w *policy.World) { w.Freeze = remedy.Known(s) })
	}
	run(t, "freeze", []trial{
		{"not frozen", nil, remedy.EffectAllow, false, "not frozen", ""},
		{"until lifted", stop(policy.Stop{Active: true, By: "anna", Reason: "major incident"}),
			remedy.EffectBlock, false, "frozen by anna: major incident, until lifted", "not frozen"},
		{"until later today", stop(policy.Stop{Active: true, By: "anna", Until: at(4, 30)}),
			remedy.EffectBlock, false, "frozen by anna, until 04:30:00 UTC", "not frozen"},
		{"until tomorrow", stop(policy.Stop{Active: true, Until: at(4, 30).AddDate(0, 0, 1)}),
			remedy.EffectBlock, false, "frozen, until 2026-03-15 04:30:00 UTC", "not frozen"},
		{"ran out, not recorded", stop(policy.Stop{Active: true, By: "anna", Until: at(2, 0)}),
			remedy.EffectBlock, false, "frozen by anna, ran out 02:00:00 UTC but that is not recorded yet", "not frozen"},
		{"ended by a record", stop(policy.Stop{By: "anna", Until: at(5, 0)}), remedy.EffectAllow, false, "not frozen", ""},
		{"unknown", world(func(w *policy.World) { w.Freeze = remedy.Fact[policy.Stop]{} }),
			remedy.EffectBlock, true, "unknown: the freeze could not be read from the ledger", ""},
	})
}

func TestFreezeFile(t *testing.T) {
	run(t, "freeze_file", []trial{
		{"absent", nil, remedy.EffectAllow, false, "no freeze file", ""},
		{"there", world(func(w *policy.World) { w.FreezeFile = remedy.Known(true) }),
			remedy.EffectBlock, false, "the freeze file is there", "no freeze file"},
		{"permission denied", world(func(w *policy.World) {
			w.FreezeFile = remedy.Unknown[bool]("permission denied on /run/warden/freeze")
		}), remedy.EffectBlock, true, "unknown: permission denied on /run/warden/freeze", ""},
	})
}

func TestHold(t *testing.T) {
	run(t, "hold", []trial{
		{"not held", nil, remedy.EffectAllow, false, "not held", ""},
		{"held", world(func(w *policy.World) {
			w.Hold = remedy.Known(policy.Stop{Active: true, By: "ben", Reason: "new disk"})
		}), remedy.EffectBlock, false, "held by ben: new disk, until lifted", "not held"},
		{"unknown", world(func(w *policy.World) { w.Hold = remedy.Fact[policy.Stop]{} }),
			remedy.EffectBlock, true, "unknown: the holds could not be read from the ledger", ""},
	})
}

func TestProtected(t *testing.T) {
	run(t, "protected", []trial{
		{"not listed", nil, remedy.EffectAllow, false, "not on the protected list", ""},
		{"listed", world(func(w *policy.World) { w.Protected = remedy.Known("ingest-0*") }),
			remedy.EffectBlock, false, `protected by "ingest-0*"`, "not on the protected list"},
		{"unknown", world(func(w *policy.World) { w.Protected = remedy.Fact[string]{} }),
			remedy.EffectBlock, true, "unknown: the protected list could not be read", ""},
	})
}

func TestSourceFresh(t *testing.T) {
	source := func(s policy.Source) func(*policy.Proposal, *policy.World) {
		return world(func(w *policy.World) { w.Source = remedy.Known(s) })
	}
	run(t, "source_fresh", []trial{
		{"fresh", nil, remedy.EffectAllow, false, "20s old", "at most 1m30s old"},
		{"fresh, age not configured", source(policy.Source{Fresh: true}), remedy.EffectAllow, false, "fresh", ""},
		{"old", source(policy.Source{Age: 150 * time.Second, MaxStaleness: 90 * time.Second}),
			remedy.EffectBlock, false, "not fresh: 2m30s old", "at most 1m30s old"},
		{"failed", source(policy.Source{Why: "connection refused"}),
			remedy.EffectBlock, false, "not fresh: connection refused", ""},
		{"zero", source(policy.Source{}), remedy.EffectBlock, false, "not fresh", ""},
		{"unknown", world(func(w *policy.World) { w.Source = remedy.Fact[policy.Source]{} }),
			remedy.EffectBlock, true, "unknown: how fresh the source is could not be told", ""},
	})
}

func TestClock(t *testing.T) {
	clock := func(c policy.Clock) func(*policy.Proposal, *policy.World) {
		return world(func(w *policy.World) { w.Clock = remedy.Known(c) })
	}
	run(t, "clock", []trial{
		{"alone", nil, remedy.EffectAllow, false, "off by 0s, stepped by 0s", "2s"},
		{"at the limit", clock(policy.Clock{Offset: -2 * time.Second, Step: 2 * time.Second, Max: 2 * time.Second, Answered: 2, Voters: 3}),
			remedy.EffectAllow, false, "off by -2s, stepped by 2s", "2s"},
		{"ahead", clock(policy.Clock{Offset: 2001 * time.Millisecond, Max: 2 * time.Second, Answered: 3, Voters: 3}),
			remedy.EffectBlock, false, "off by 2.001s", "2s"},
		{"behind", clock(policy.Clock{Offset: -3 * time.Second, Max: 2 * time.Second, Answered: 3, Voters: 3}),
			remedy.EffectBlock, false, "off by -3s", "2s"},
		{"stepped back", clock(policy.Clock{Step: -time.Hour, Max: 2 * time.Second, Answered: 1, Voters: 1}),
			remedy.EffectBlock, false, "stepped by -1h0m0s", "2s"},
		{"the furthest step", clock(policy.Clock{Step: -1 << 63, Max: 2 * time.Second, Answered: 1, Voters: 1}),
			remedy.EffectBlock, false, "stepped by -2562047h47m16.854775808s", "2s"},
		{"minority of 3", clock(policy.Clock{Max: 2 * time.Second, Answered: 1, Voters: 3}),
			remedy.EffectBlock, true, "1 of 3 voters told their time", "at least 2"},
		{"half of 4", clock(policy.Clock{Max: 2 * time.Second, Answered: 2, Voters: 4}),
			remedy.EffectBlock, true, "2 of 4 voters told their time", "at least 3"},
		{"more answers than voters", clock(policy.Clock{Max: 2 * time.Second, Answered: 2, Voters: 1}),
			remedy.EffectBlock, true, "2 of 1 voters told their time", "at least 1"},
		{"zero", clock(policy.Clock{}), remedy.EffectBlock, true, "0 of 0 voters told their time", "at least 1"},
		{"negative limit", clock(policy.Clock{Max: -1, Answered: 1, Voters: 1}),
			remedy.EffectBlock, true, "unknown: the largest acceptable clock error is negative", ""},
		{"no time", world(func(w *policy.World) { w.Now = time.Time{} }),
			remedy.EffectBlock, true, "unknown: the decision has no time", ""},
		{"unknown", world(func(w *policy.World) { w.Clock = remedy.Fact[policy.Clock]{} }),
			remedy.EffectBlock, true, "unknown: the clocks could not be compared", ""},
	})
}

func TestWarmUp(t *testing.T) {
	run(t, "warm_up", []trial{
		{"warm", nil, remedy.EffectAllow, false, "a complete round has run", "one complete round"},
		{"cold", world(func(w *policy.World) { w.WarmedUp = remedy.Known(false) }), remedy.EffectWait, false,
			"no complete round since this node began to lead", "one complete round"},
		{"unknown", world(func(w *policy.World) { w.WarmedUp = remedy.Fact[bool]{} }), remedy.EffectWait, true,
			"unknown: whether a round has completed could not be told", "one complete round"},
	})
}

func TestSecondOpinion(t *testing.T) {
	said := func(s policy.SecondOpinion) func(*policy.Proposal, *policy.World) {
		return world(func(w *policy.World) { w.SecondOpinion = remedy.Known(s) })
	}
	against := policy.SecondOpinion{Voters: 3, Bad: 1, Others: "n2: good; n3: no answer"}
	at := func(l remedy.Level, s policy.SecondOpinion) func(*policy.Proposal, *policy.World) {
		return func(p *policy.Proposal, w *policy.World) { said(s)(p, w); w.Effective = remedy.Known(l) }
	}
	const two = "auto needs 2"
	run(t, "second_opinion", []trial{
		{"alone", nil, remedy.EffectAllow, false, "this node is alone", ""},
		{"alone, whatever is configured", said(policy.SecondOpinion{Voters: 1, Bad: 0, Off: true}), remedy.EffectAllow, false, "this node is alone", ""},
		{"all of three", said(policy.SecondOpinion{Voters: 3, Bad: 3}), remedy.EffectAllow, false, "3 of 3 voters say bad", two},
		{"two of three", said(policy.SecondOpinion{Voters: 3, Bad: 2, Others: "n3: no answer"}),
			remedy.EffectAllow, false, "2 of 3 voters say bad (n3: no answer)", two},
		{"one of three", said(against), remedy.EffectCap, false, "1 of 3 voters say bad (n2: good; n3: no answer)", two},
		{"two of five", said(policy.SecondOpinion{Voters: 5, Bad: 2}), remedy.EffectCap, false, "2 of 5 voters say bad", "auto needs 3"},
		{"half of four", said(policy.SecondOpinion{Voters: 4, Bad: 2}), remedy.EffectCap, false, "2 of 4 voters say bad", "auto needs 3"},
		{"off", said(policy.SecondOpinion{Voters: 3, Bad: 1, Off: true}), remedy.EffectAllow, false, "corroborate is off", ""},
		{"counted at metric-only", at(remedy.LevelMetricOnly, against), remedy.EffectCap, false, "1 of 3 voters say bad (n2: good; n3: no answer)", two},
		{"counted at notify", at(remedy.LevelNotify, against), remedy.EffectCap, false, "1 of 3 voters say bad (n2: good; n3: no answer)", two},
		{"at confirm", at(remedy.LevelConfirm, against), remedy.EffectNotBind, false,
			"1 of 3 voters say bad (n2: good; n3: no answer); a person is asked", ""},
		{"a person was asked", func(p *policy.Proposal, w *policy.World) { said(against)(p, w); p.Asked = true }, remedy.EffectNotBind, false,
			"1 of 3 voters say bad (n2: good; n3: no answer); a person was asked, and decides", ""},
		{"more than there are", said(policy.SecondOpinion{Voters: 3, Bad: 4}), remedy.EffectCap, true,
			"unknown: the count of voters makes no sense", "auto needs a majority of the voters"},
		{"zero", said(policy.SecondOpinion{}), remedy.EffectCap, true, "unknown: the count of voters makes no sense", "auto needs a majority of the voters"},
		{"unknown", world(func(w *policy.World) { w.SecondOpinion = remedy.Unknown[policy.SecondOpinion]("n2 and n3 are silent") }),
			remedy.EffectCap, true, "unknown: n2 and n3 are silent", "auto needs a majority of the voters"},
	})
	// What is counted at confirm is what auto would have done.
	for _, s := range []policy.SecondOpinion{against, {Voters: 3, Bad: 2}} {
		p, w := proposal(remedy.KindAct), goodWorld()
		at(remedy.LevelConfirm, s)(&p, &w)
		d := policy.Decide(p, w)
		if agreed := s.Bad > 1; d.Level != remedy.LevelConfirm || d.WouldAct != agreed || d.WouldAsk == agreed {
			t.Errorf("%+v at confirm: %+v", s, d)
		}
		w.Effective = remedy.Known(remedy.LevelAuto)
		if d := policy.Decide(p, w); (d.Level == remedy.LevelAuto) != (s.Bad > 1) || d.Level < remedy.LevelNotify {
			t.Errorf("%+v at auto: %s", s, d.Level)
		}
	}
}

func TestInServiceKnown(t *testing.T) {
	const limit = "auto needs a load balancer that says"
	run(t, "in_service_known", []trial{
		{"known", nil, remedy.EffectAllow, false, "the load balancer says who is in service", ""},
		{"assumed", world(func(w *policy.World) { w.InServiceKnown = remedy.Known(false) }),
			remedy.EffectCap, false, "who is in service is assumed", limit},
		{"unknown", world(func(w *policy.World) { w.InServiceKnown = remedy.Unknown[bool]("haproxy did not answer") }),
			remedy.EffectCap, true, "unknown: haproxy did not answer", limit},
	})
}
