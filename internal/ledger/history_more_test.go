package ledger_test

import (
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// members has a voter report, or another set of voters.
func (h *history) members() {
	node := pick(h, []remedy.NodeID{"n1", "n2", "n3", "n4"})
	switch {
	case !h.yes(4):
		h.apply(remedy.Warden(), h.report(node))
	case h.yes(3):
		h.apply(h.actor(), &ledger.VoterRemove{Node: node})
	case h.yes(2):
		h.apply(h.actor(), pick(h, []ledger.Body{&ledger.NodeWaive{Node: node, Reason: pick(h, []string{"dead", "dead", ""})}, &ledger.NodeUnwaive{Node: node}}))
	default:
		h.apply(h.actor(), &ledger.VoterAdd{Node: node, MaxVersion: pick(h, []int{1, ledger.Version})})
		if !h.yes(3) {
			h.apply(remedy.Warden(), h.report(node))
		}
	}
}

func (h *history) restrain() {
	p, host := h.pool(), h.host()
	if h.yes(4) {
		host = ""
	}
	h.apply(h.actor(), pick(h, []ledger.Body{
		&ledger.FreezeSet{Until: h.now.Add(10 * time.Minute)}, &ledger.FreezeSet{}, &ledger.FreezeLift{}, &ledger.FreezeLift{}, &ledger.FreezeLift{}, &ledger.FreezeLift{}, &ledger.FreezeLift{}, &ledger.FreezeLift{},
		&ledger.HoldSet{Pool: p, Host: host, Until: h.now.Add(10 * time.Minute)},
		&ledger.HoldRelease{Pool: p, Host: host}, &ledger.HoldRelease{Pool: p},
		&ledger.RestraintExpire{Freeze: true}, &ledger.RestraintExpire{Pool: p, Host: host}, &ledger.RestraintExpire{Pool: p},
	}))
}

// attempt commits a START that may or may not be allowed.
func (h *history) attempt() {
	c := h.some(remedy.StageProposed, remedy.StageProposed, remedy.StageWaiting, remedy.StageOut)
	if c != nil {
		h.attemptOn(c)
	}
}

func (h *history) attemptOn(c *ledger.Case) {
	kind, by := remedy.KindAct, remedy.Warden()
	switch {
	case c.Forgotten != nil && !h.yes(4):
		kind = remedy.KindReassert
	case c.Stage == remedy.StageOut || c.Stage == remedy.StageVerifying:
		kind, by = remedy.KindUndo, pick(h, []remedy.Actor{bob(), bob(), remedy.Warden()})
	case c.Manual != nil:
		kind = remedy.KindManual
	}
	if h.yes(12) {
		kind, by = pick(h, []remedy.ExecutionKind{remedy.KindAct, remedy.KindManual, remedy.KindUndo, remedy.KindReassert}), h.actor()
	}
	against := kind == remedy.KindAct && h.yes(16) // before the yes, if there is one, or after it
	before := against && h.yes(2)
	if against {
		defer h.apply(bob(), &ledger.CaseLabel{Case: c.ID, Withdraw: true})
	}
	if before {
		h.apply(bob(), &ledger.CaseLabel{Case: c.ID, Label: trust.Wrong})
		h.now = h.now.Add(time.Second)
	}
	if kind == remedy.KindAct && c.Stage == remedy.StageWaiting && !h.yes(4) {
		h.readAnd(c, alice(), &ledger.CaseAnswer{Case: c.ID, Approve: true, PlanHash: c.PlanHash})
	}
	if against && !before {
		h.apply(bob(), &ledger.CaseLabel{Case: c.ID, Label: trust.Wrong})
	}
	b := &ledger.ExecStart{
		Case: c.ID, Kind: kind, PlanHash: c.PlanHash, Basis: h.l.Facts(ledger.FactsQuery{Pool: c.Pool}).Basis,
		Domain:   h.domain(c.Host),
		TakesOut: c.Action == "drain" && !h.yes(4), UndoReason: pick(h, []remedy.UndoReason{"", remedy.UndoTest, remedy.UndoFixed, remedy.UndoWasFine}),
	}
	if kind == remedy.KindAct && h.check.learned && !h.yes(3) {
		b.Digest = h.digest()
		if !h.yes(3) {
			b.Finding = new(finding(c.Host, remedy.VerdictBad))
		}
	}
	switch h.between(0, 19) {
	case 0:
		b.Basis.Pool--
	case 1:
		b.PlanHash = "other"
	case 2:
		h.apply(by, b, b)
		return
	}
	h.apply(by, b)
}

// readAnd answers a case's question by what was shown: now, when it was asked before, or
// before somebody said that it is wrong.
func (h *history) readAnd(c *ledger.Case, by remedy.Actor, b *ledger.CaseAnswer) {
	h.check.reads(c)
	b.Question, b.Seen = c.Question(), h.l.Standing(c).Newest
	switch h.between(0, 5) {
	case 0:
		h.apply(pick(h, []remedy.Actor{alice(), bob()}), &ledger.CaseLabel{Case: c.ID, Label: trust.Wrong})
		h.now = h.now.Add(time.Second)
	case 1: // the first that anybody read
		for q := range h.check.cases[c.ID].read {
			b.Question = min(b.Question, q)
		}
	case 2:
		b.Seen = time.Time{}
	}
	h.apply(by, b)
}
