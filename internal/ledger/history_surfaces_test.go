package ledger_test

import (
	"slices"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// surfaces changes where people are told, and has some of it told. It holds that a
// new surface is owed each thing that waits for people, once, and what is out where
// they are asked; that nothing of what is over is told for it; and that nobody who
// was there before is owed more.
func (h *history) surfaces() {
	if h.yes(2) {
		var seqs []uint64
		for _, n := range h.l.PendingFor(ledger.SurfaceSlack) {
			if h.yes(2) {
				seqs = append(seqs, n.Seq)
			}
		}
		h.apply(remedy.Warden(), &ledger.NoticeDelivered{Surface: ledger.SurfaceSlack, Seqs: seqs})
		return
	}
	set := pick(h, []*ledger.SurfacesSet{
		on(ledger.SurfaceConsole, ledger.SurfaceConsole), on(ledger.SurfaceConsole, ledger.SurfaceConsole, ledger.SurfacePagerDuty), on(ledger.SurfaceSlack, ledger.SurfaceConsole, ledger.SurfaceSlack),
		on(ledger.SurfaceSlack, ledger.SurfaceConsole, ledger.SurfacePagerDuty, ledger.SurfaceSlack),
	})
	before, _ := h.l.Surfaces()
	owed := map[ledger.Surface]int{}
	for _, s := range before {
		owed[s] = len(h.l.PendingFor(s))
	}
	h.apply(remedy.Warden(), set)
	for _, s := range set.Surfaces {
		all := h.l.PendingFor(s)
		if slices.Contains(before, s) {
			// What is bounded may have pushed out the oldest.
			if len(all) > owed[s] {
				h.t.Fatalf("%s was there before, and is owed %d instead of %d", s, len(all), owed[s])
			}
			continue
		}
		told := map[remedy.CaseID]ledger.NoticeKind{}
		for _, n := range all {
			if told[n.Case] != "" {
				h.t.Fatalf("%s is new, and owed more than one notice of %s: %+v", s, n.Case, all)
			}
			told[n.Case] = n.Kind
		}
		for _, c := range h.l.Cases(ledger.CaseFilter{}) {
			var want ledger.NoticeKind
			switch {
			case c.Stage == remedy.StageWaiting && c.Veto != nil:
				want = ledger.NoticeAnnounced
			case c.Stage == remedy.StageWaiting && c.Ask != nil && c.Answer == nil:
				want = ledger.NoticeQuestion
			case s == set.Asks && c.Open() && (c.Stage == remedy.StageOut || c.UnknownExecution()):
				want = ledger.NoticeOutcome
			}
			if told[c.ID] != want {
				h.t.Fatalf("%s is new, and owed %q of %s (%s), want %q", s, told[c.ID], c.ID, c.Stage, want)
			}
		}
	}
}
