package ledger_test

import (
	"slices"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// said is one entry's worth of clicks that was admitted.
type said struct {
	at   time.Time
	kind ledger.ClickKind
	user string
	node remedy.NodeID
}

// clicked holds what is said of clicks to its bounds, counted from all that was
// ever admitted: what should have been refused was, and nothing else.
func (k *checker) clicked(e ledger.Entry, bodies []ledger.Body, a ledger.Applied) {
	k.tb.Helper()
	for i, b := range bodies {
		b, ok := b.(*ledger.ClicksRefused)
		if !ok || a.Results[i].Code == ledger.RefusedClock {
			continue
		}
		told, again, counted := 0, false, false
		for _, s := range k.clicks {
			if k.time.Sub(s.at) >= time.Hour {
				continue
			}
			if s.kind != "" {
				told++
			}
			again = again || b.Kind != "" && s.kind == b.Kind && s.user == b.User
			counted = counted || s.kind == "" && s.node == e.Node
		}
		want := !e.By.Person && slices.Contains(k.voters, e.Node)
		if b.Kind != "" {
			want = want && !again && told < 20
		} else {
			want = want && !counted
		}
		if a.Results[i].OK != want {
			k.tb.Fatalf("%+v by %s was answered with %+v, want %v: %d were told within the hour", b, e.Node, a.Results[i], want, told)
		}
		if want {
			k.clicks = append(k.clicks, said{at: k.time, kind: b.Kind, user: b.User, node: e.Node})
		}
	}
}

// clicks has warden say some of what was clicked.
func (h *history) clicks() {
	for range h.between(1, 12) {
		var b ledger.Body = oneClick(pick(h, []ledger.ClickKind{ledger.ClickForged, ledger.ClickNobody}), pick(h, []string{"", "U1", "U2", "U3", "U4", "U5", "U6", "U7", "U8", "U9", "UA", "UB"}))
		if h.yes(5) {
			b = countedClicks(h.between(1, 9))
		}
		h.apply(pick(h, []remedy.Actor{remedy.Warden(), remedy.Warden(), remedy.Warden(), alice()}), b)
	}
}
