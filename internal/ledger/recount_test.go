package ledger_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestStartCountsAgain: START believes no answer that those who said yes don't add up
// to, as in a state that an older build or a damaged disk left.
func TestStartCountsAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, who, as, refusal string }{
		{"as it was", "", "", ""},
		{"one person twice", `"name":"kim"`, `"name":"alice"`, "has 1 of 2 approvals"},
		{"one who may not", `"name":"kim"`, `"name":"eve"`, "has 1 of 2 approvals"},
		{"nobody who may", `"name":"`, `"name":"not-`, "has 0 of 2 approvals"},
		{"a no", `"approve":true`, `"approve":false`, "has 0 of 2 approvals"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelConfirm)
			r.wants(2, 0)
			id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice", "kim", "lee")))
			for _, who := range []string{"alice", "kim"} {
				r.okAs(person(who), r.yes(id))
			}
			lines := strings.Split(strings.TrimSpace(string(snapshotOf(t, r.l))), "\n")
			changed := 0
			for i, line := range lines {
				from := strings.Index(line, `"approvals":[`)
				if from < 0 || !strings.HasPrefix(line, `{"case":`) || c.who == "" {
					continue
				}
				to := from + strings.Index(line[from:], "]")
				lines[i] = line[:from] + strings.ReplaceAll(line[from:to], c.who, c.as) + line[to:]
				changed++
			}
			if changed == 0 && c.who != "" {
				t.Fatalf("no approvals in %s", lines)
			}
			l := ledger.New()
			if err := l.Restore(bytes.NewReader(sealed(lines[:len(lines)-1]...))); err != nil {
				t.Fatal(err)
			}
			r.l = l
			if c.refusal == "" {
				r.start(id, remedy.Warden())
				return
			}
			if res := r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id)); !strings.Contains(res.Reason, c.refusal) {
				t.Errorf("told %q, want %q", res.Reason, c.refusal)
			}
		})
	}
}

// TestWhoseYesItWas: evidence says that a person approved where the action began by
// their yes, and not where that was void, put off or not used.
func TestWhoseYesItWas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		then func(*rig, remedy.CaseID)
		want bool
	}{
		{"by a yes", func(*rig, remedy.CaseID) {}, true},
		{"by a second yes", func(r *rig, id remedy.CaseID) {
			r.wrong(id)
			if s, _ := r.sample(id); s.Approved {
				r.t.Errorf("a yes that is void counts as one")
			}
			r.pass(time.Second)
			r.okAs(alice(), r.yes(id))
		}, true},
		{"void, put off, and then by itself", func(r *rig, id remedy.CaseID) {
			r.wrong(id)
			r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
			r.okAs(bob(), &ledger.CaseSnooze{Case: id, Until: r.now.Add(time.Minute)})
			r.pass(time.Hour)
			r.ok(judge("h1", remedy.LevelAuto, r.justNow))
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelAuto)
			id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
			r.okAs(alice(), r.yes(id))
			if s, _ := r.sample(id); s.Approved || s.AnsweredAt.IsZero() {
				t.Errorf("before it began: %+v", s)
			}
			r.pass(time.Second)
			c.then(r, id)
			r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeDone)
			if s, _ := r.sample(id); !s.Acted || s.Approved != c.want {
				t.Errorf("acted %v, approved %v, want %v", s.Acted, s.Approved, c.want)
			}
			restored(t, r.l)
		})
	}
}

// TestADenialWithoutEvidence: a denial of a case that is no evidence one by one, as one
// from before there was any, stands against the next all the same.
func TestADenialWithoutEvidence(t *testing.T) {
	t.Parallel()
	for reason, by := range map[string]string{"false-alarm": "bob", "not-now": "", "known-work": ""} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, at(remedy.LevelAuto), hosts(20)) // nothing is learnt yet
			id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
			r.ok(trustOf(n1))
			r.okAs(bob(), &ledger.CaseAnswer{Case: id, Reason: reason, Lowers: true})
			r.pass(time.Second)
			next := r.begins(by, id)
			if by != "" {
				r.refused(ledger.RefusedNothing, person("carol"), &ledger.CaseLabel{Case: id, Withdraw: true})
				r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
			}
			r.start(next, remedy.Warden())
			restored(t, r.l)
		})
	}
}

// TestALateWordOnOldActs: a word of wrong on an act that is in numbers only by now is
// refused, with what can still be done.
func TestALateWordOnOldActs(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.drained("h1")
	r.closed(id, remedy.OutcomeReturned)
	r.long(91 * 24 * time.Hour)
	r.ok(judge("h2", remedy.LevelAuto, counted, r.justNow))
	res := r.refused(ledger.RefusedNothing, bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	if want := "W-1 is counted in numbers only by now: what was said of it stands; `warden demote drain --pool ingest --to confirm --reason TEXT` lowers the level"; res.Reason != want {
		t.Errorf("told %q, want %q", res.Reason, want)
	}
	r.demoted("", 0)
}
