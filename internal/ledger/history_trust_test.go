package ledger_test

import (
	"reflect"
	"slices"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

type rungName struct {
	action remedy.ActionName
	pool   remedy.PoolName
}

// trusted is what stands of trust at one index.
type trusted struct {
	levels    map[rungName]remedy.Level
	files     map[rungName]remedy.Level
	left      map[rungName]remedy.Level // by demotions and gates
	demotions map[rungName]trust.Demotion
	grants    map[rungName]trust.Grant
	samples   map[remedy.CaseID]trust.Sample
	of        map[remedy.CaseID]rungName
	by        map[remedy.CaseID]string    // the digest for which it counts
	kept      map[rungName]int            // samples, one by one and in numbers
	read      map[rungName]trust.Evidence // what a verdict reads, and nothing else
}

func (h *history) trusted() trusted {
	h.t.Helper()
	out := trusted{
		levels: map[rungName]remedy.Level{}, files: map[rungName]remedy.Level{}, left: map[rungName]remedy.Level{}, demotions: map[rungName]trust.Demotion{},
		grants: map[rungName]trust.Grant{}, samples: map[remedy.CaseID]trust.Sample{},
		of: map[remedy.CaseID]rungName{}, by: map[remedy.CaseID]string{}, kept: map[rungName]int{}, read: map[rungName]trust.Evidence{},
	}
	for _, p := range somePools() {
		for _, a := range someActions() {
			key := rungName{a, p}
			out.levels[key], out.files[key] = h.l.Level(a, p), h.l.Reported(a, p)
			e, ok := h.l.Trust(a, p)
			if !ok {
				continue
			}
			out.read[key] = trust.Evidence{Rules: e.Rules, Current: e.Current, Runs: e.Runs, HasUndo: e.HasUndo}
			left := remedy.LevelAuto
			if e.Demotion != nil {
				out.demotions[key], left = *e.Demotion, min(left, e.Demotion.To)
			}
			if e.Grant != nil {
				out.grants[key], left = *e.Grant, min(left, e.Grant.To)
			}
			out.left[key] = left
			for _, r := range slices.Concat(e.Current, e.Older) {
				out.kept[key] += r.Folded.Cases + len(r.Cases)
				for _, s := range r.Cases {
					if _, twice := out.samples[s.Case]; twice {
						h.t.Fatalf("%s is evidence twice", s.Case)
					}
					out.samples[s.Case], out.of[s.Case], out.by[s.Case] = s, key, r.Digest
				}
			}
		}
	}
	return out
}

// trustHolds holds one entry to what may raise a level, end a demotion, and
// count as evidence.
func (h *history) trustHolds(was trusted, bodies []ledger.Body, a ledger.Applied, by remedy.Actor) {
	h.t.Helper()
	now := h.trusted()
	acting := map[remedy.CaseID]string{} // by which digest a START acts
	raise, judged, reviewed := false, map[rungName]uint64{}, map[rungName]bool{}
	unseen := func(key rungName, seen time.Time) bool {
		d, had := was.demotions[key]
		return had && d.Newest().After(seen)
	}
	for i, b := range bodies {
		if !a.Results[i].OK {
			continue
		}
		switch b := b.(type) {
		case *ledger.ExecStart:
			if b.Kind == remedy.KindAct && b.Digest != "" {
				acting[b.Case] = b.Digest
			}
		case *ledger.NodeReport, *ledger.TrustReport:
			raise = true
		case *ledger.VoterRemove, *ledger.NodeWaive:
			raise = raise || by.Person
		case *ledger.TrustReview:
			raise = raise || by.Person
			key := rungName{b.Action, b.Pool}
			reviewed[key] = by.Person
			if unseen(key, b.Seen) {
				h.t.Fatalf("%+v lifted %+v, of which not all was seen", b, was.demotions[key])
			}
		case *ledger.TrustJudge:
			raise = raise || !by.Person
			key := rungName{b.Action, b.Pool}
			if judged[key] = b.Claim; i == 0 && was.grants[key].Revision != b.Revision {
				h.t.Fatalf("%+v was judged by %+v", was.grants[key], b)
			}
		}
	}
	for key, level := range now.levels {
		want := h.check.filed(key.action, key.pool)
		if left, ok := now.left[key]; ok {
			want = min(want, left)
		}
		if level != want {
			h.t.Fatalf("%v is %s, want %s", key, level, want)
		}
		if level > was.levels[key] && !raise {
			h.t.Fatalf("%v went from %s to %s by %+v of %+v", key, was.levels[key], level, bodies, by)
		}
	}
	for key, d := range was.demotions {
		if after, ok := now.demotions[key]; !reviewed[key] && h.named(key) && (!ok || after.To > d.To) {
			h.t.Fatalf("the demotion %+v became %+v by %+v", d, after, bodies)
		}
	}
	enforced := slices.ContainsFunc([]remedy.NodeID{"n1", "n2", "n3", "n4"}, func(n remedy.NodeID) bool {
		r, ok := h.l.TrustReport(n)
		return ok && r.Rules.Enforce
	})
	for key, g := range now.grants {
		before, had := was.grants[key]
		switch {
		case had && g.Claim < before.Claim:
			h.t.Fatalf("claim %d of %v came after %d", g.Claim, key, before.Claim)
		case had && g.To > before.To && judged[key] != before.Claim,
			had && before.Judged && g.Claim == before.Claim && g.To > before.To:
			h.t.Fatalf("the grant %+v became %+v by %+v", before, g, bodies)
		case judged[key] == 0 && !g.Judged && g.Claim == before.Claim && g.Revision == before.Revision && !reflect.DeepEqual(was.read[key], now.read[key]):
			h.t.Fatalf("what a verdict on %+v reads went from %+v to %+v by %+v, and one by the old would count", g, was.read[key], now.read[key], bodies)
		case g.Granted > g.To, enforced && g.To > max(g.Granted, remedy.LevelMetricOnly):
			h.t.Fatalf("no verdict granted %+v, enforced %v, by %+v", g, enforced, bodies)
		case had && g.Granted > before.Granted && judged[key] != before.Claim:
			h.t.Fatalf("the grant %+v became %+v without a verdict, by %+v", before, g, bodies)
		case !had && g.To > max(was.files[key], remedy.LevelMetricOnly):
			h.t.Fatalf("the files had %v at %s and it was granted %+v by %+v", key, was.files[key], g, bodies)
		}
	}
	for key, n := range was.kept {
		if h.named(key) && now.kept[key] < n { // what no file names any more is not shown
			h.t.Fatalf("%d samples of %v became %d by %+v", n, key, now.kept[key], bodies)
		}
	}
	for id, s := range was.samples {
		if !h.named(was.of[id]) {
			continue
		}
		after, ok := now.samples[id]
		moves := acting[id] != "" && acting[id] != was.by[id]
		if !ok || len(after.Said) < len(s.Said) || !moves && (!after.At.Equal(s.At) || now.by[id] != was.by[id]) || !after.ProposedAt().Equal(s.ProposedAt()) {
			h.t.Fatalf("the evidence about %s went from %+v (%s) to %+v (%s) by %+v", id, s, was.by[id], after, now.by[id], bodies)
		}
	}
	for id, digest := range acting {
		if by, ok := now.by[id]; ok && by != digest {
			h.t.Fatalf("%s is acted on by %s and counts for %s", id, digest, by)
		}
	}
}

// named reports whether any report names the rung, as of now.
func (h *history) named(key rungName) bool {
	_, ok := h.l.Trust(key.action, key.pool)
	return ok
}

func (h *history) config() string { return pick(h, []string{"a", "a", "a", "b"}) }
func (h *history) digest() string { return pick(h, []string{"d1", "d1", "d2"}) }

// word is one voter's word on trust.
func (h *history) word(node remedy.NodeID) *ledger.TrustReport {
	b := &ledger.TrustReport{Node: node, ConfigHash: h.config(), Rules: trust.DefaultRules()}
	b.Rules.Enforce, b.Rules.StayedBad = h.yes(3), 5*time.Minute
	if h.yes(4) {
		b.Rules.Demote = trust.Demote{}
	}
	for _, a := range someActions() {
		for _, p := range somePools() {
			b.Rungs = append(b.Rungs, ledger.TrustRung{
				Action: a, Pool: p, Target: pick(h, []string{"", "t"}), Detectors: []ledger.TrustDetector{{Name: canary, Digest: h.digest()}},
			})
		}
	}
	return b
}

// trust has somebody say something of trust.
func (h *history) trust() {
	node := pick(h, []remedy.NodeID{"n1", "n1", "n2", "n3"})
	switch h.between(0, 11) {
	case 0:
		word := h.word(node)
		if r := h.report(node); h.yes(2) { // all of a file at once
			word.ConfigHash = r.ConfigHash
			h.apply(remedy.Warden(), word, r)
		} else {
			h.apply(remedy.Warden(), word)
		}
	case 1, 2, 3, 4:
		stages := []remedy.Stage{remedy.StageExecuting, remedy.StageVerifying, remedy.StageOut, remedy.StageClosed}
		if h.yes(12) { // a word of wrong before START keeps it from coming
			stages = remedy.Stages()
		}
		if c := h.some(stages...); c != nil {
			b := &ledger.CaseLabel{Case: c.ID, Label: pick(h, []trust.Label{trust.Right, trust.Wrong, trust.Unclear}), Lowers: h.yes(3)}
			if h.yes(5) {
				b.Label, b.Withdraw = trust.Unlabelled, true
				b.Of = pick(h, []string{"", "", "alice", "bob"})
				for _, w := range h.l.Words(c) {
					if w.By == b.Of {
						b.Seen = pick(h, []time.Time{h.now, h.now, w.At})
					}
				}
			}
			h.apply(h.actor(), b)
		}
	case 5:
		if all := h.l.Unstayed(h.now); len(all) > 0 {
			h.apply(h.actor(), &ledger.CaseStayed{Case: pick(h, all)})
		}
	case 6:
		h.apply(h.actor(), &ledger.TrustDemote{
			Action: h.action(), Pool: h.pool(), To: remedy.Level(h.between(0, 4)), Reason: pick(h, []string{"noisy", "noisy", ""}),
		})
	case 7, 8:
		b := &ledger.TrustReview{Action: h.action(), Pool: h.pool(), Reason: pick(h, []string{"looked", "looked", ""})}
		for _, d := range h.l.Demotions() {
			if d.Action == b.Action && d.Pool == b.Pool {
				b.Seen = pick(h, []time.Time{d.Newest(), d.Newest(), d.At})
			}
		}
		h.apply(h.actor(), b)
	default:
		b := &ledger.TrustJudge{Action: h.action(), Pool: h.pool(), Claim: uint64(h.between(0, 9)), To: remedy.Level(h.between(0, 4))}
		if all := h.l.Claims(); len(all) > 0 && !h.yes(4) {
			g := pick(h, all)
			b.Action, b.Pool, b.Claim, b.Revision = g.Action, g.Pool, g.Claim, g.Revision
			if h.yes(8) { // by what is no longer so
				b.Revision = uint64(h.between(0, 3))
			}
		}
		h.apply(pick(h, []remedy.Actor{remedy.Warden(), remedy.Warden(), alice()}), b)
	}
}
