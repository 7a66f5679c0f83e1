package ledger_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

func oneClick(kind ledger.ClickKind, user string) *ledger.ClicksRefused {
	return &ledger.ClicksRefused{Surface: ledger.SurfaceSlack, Kind: kind, User: user}
}

func countedClicks(n int) *ledger.ClicksRefused {
	return &ledger.ClicksRefused{Surface: ledger.SurfaceSlack, Since: t0(), Rest: []ledger.ClickCount{{Kind: ledger.ClickForged, N: n}, {Kind: ledger.ClickForged, User: "U1", N: n}, {Kind: ledger.ClickNobody, N: n}}}
}

// Of clicks that did nothing each kind of each user is told once an hour, 20 in
// all, and one count a node; the next hour begins afresh.
func TestClicksAreToldWithinBounds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok(oneClick(ledger.ClickForged, "U1"))
	r.refused(ledger.RefusedPace, remedy.Warden(), oneClick(ledger.ClickForged, "U1"))
	r.refused(ledger.RefusedPerson, alice(), oneClick(ledger.ClickForged, "U2"))
	r.ok(oneClick(ledger.ClickForged, "U2"), oneClick(ledger.ClickNobody, "U1"), oneClick(ledger.ClickForged, ""))
	for n := range 16 {
		r.ok(oneClick(ledger.ClickNobody, fmt.Sprint("X", n)))
	}
	r.refused(ledger.RefusedPace, remedy.Warden(), oneClick(ledger.ClickNobody, "X16"))
	r.ok(countedClicks(100))
	r.refused(ledger.RefusedPace, remedy.Warden(), countedClicks(1))
	r.restore()
	r.long(time.Hour - time.Second)
	r.refused(ledger.RefusedPace, remedy.Warden(), oneClick(ledger.ClickForged, "U1"))
	r.refused(ledger.RefusedPace, remedy.Warden(), countedClicks(1))
	r.pass(time.Second)
	r.ok(oneClick(ledger.ClickForged, "U1"), countedClicks(1))
	if n := strings.Count(string(snapshotOf(t, r.l)), `{"click":`); n != 2 {
		t.Errorf("%d are remembered, want those of this hour, 2", n)
	}
	r.restore()
}

// What can't stand in a line, or is neither a click nor a count, is not taken.
func TestClicksThatMakeNoSense(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	many := &ledger.ClicksRefused{Surface: "slack"}
	for n := range ledger.MaxClicksListed + 1 {
		many.Rest = append(many.Rest, ledger.ClickCount{Kind: "forged", User: fmt.Sprintf("U%03d", n), N: 1})
	}
	for _, b := range []*ledger.ClicksRefused{
		{}, {Surface: "slack"}, {Kind: "forged"}, {Surface: "slack", Kind: "For ged"}, {Surface: "slack", Kind: "forged", User: "<@U1>"},
		{Surface: "slack", Kind: "forged", User: strings.Repeat("U", 33)}, {Surface: "slack", Kind: "forged", Name: "a\nb"},
		{Surface: "slack", Kind: "forged", Name: "\x1b[31m"}, {Surface: "slack", Kind: "forged", Name: strings.Repeat("n", 101)},
		{Surface: "slack", Kind: "forged", Verb: "approve now"}, {Surface: "slack", Kind: "forged", Since: t0()},
		{Surface: "slack", Kind: "refused", Word: "please unfreeze"}, {Surface: "slack", Kind: "refused", Verb: "approve", Word: "unfreeze"},
		{Surface: "slack", Word: "unfreeze", Rest: []ledger.ClickCount{{Kind: "forged", N: 1}}},
		{Surface: "slack", Kind: "forged", Rest: []ledger.ClickCount{{Kind: "forged", N: 1}}},
		{Surface: "slack", Rest: []ledger.ClickCount{{Kind: "forged"}}}, {Surface: "slack", Rest: []ledger.ClickCount{{N: 1}}},
		{Surface: "slack", Rest: []ledger.ClickCount{{Kind: "nobody", N: 1}, {Kind: "forged", N: 1}}},
		{Surface: "slack", User: "U1", Rest: []ledger.ClickCount{{Kind: "forged", N: 1}}}, {Surface: "slack", Case: 1, Rest: []ledger.ClickCount{{Kind: "forged", N: 1}}},
		many,
	} {
		r.refused(ledger.RefusedBad, remedy.Warden(), b)
	}
	e, err := ledger.NewEntry(r.now, remedy.Warden(), "n9", oneClick("forged", "U1"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if a := r.raw(data); a.Results[0].Code != ledger.RefusedBad {
		t.Errorf("a node that is no voter: %+v", a.Results[0])
	}
}

// Whoever asks first puts no more into the log than the bounds, whatever comes,
// from whichever node, at whatever instant, and across snapshots.
func TestNoClicksMakeTheLogGrow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l, nodes := ledger.New(), []remedy.NodeID{"n1", "n2", "n3"}
		now, index := t0(), uint64(0)
		var logged []time.Time
		put := func(node remedy.NodeID, b ledger.Body) ledger.Result {
			e, err := ledger.NewEntry(now, remedy.Warden(), node, b)
			if err != nil {
				t.Fatal(err)
			}
			data, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			index++
			return l.Apply(index, 1, data).(ledger.Applied).Results[0]
		}
		put("n1", &ledger.ClusterInit{ClusterID: "c", Voters: nodes})
		users := rapid.IntRange(1, 60).Draw(t, "users")
		for range rapid.IntRange(50, 300).Draw(t, "clicks") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{-30, 0, 0, 1, 5, 60, 300, 1200}).Draw(t, "seconds")) * time.Second)
			node := rapid.SampledFrom(nodes).Draw(t, "node")
			b := oneClick(rapid.SampledFrom([]ledger.ClickKind{"forged", "nobody", "foreign"}).Draw(t, "kind"), fmt.Sprint("U", rapid.IntRange(0, users).Draw(t, "user")))
			if rapid.IntRange(0, 4).Draw(t, "counted") == 0 {
				b = countedClicks(2)
			}
			if now.Sub(l.Status().Time) > ledger.MaxGap {
				put(node, &ledger.ClockAccept{})
			}
			want := l.AdmitsClicks(now, node, b)
			if !want.OK {
				continue
			}
			if got := put(node, b); got != want {
				t.Fatalf("it was foretold as %+v and is %+v", want, got)
			}
			logged = append(logged, l.Status().Time)
			if rapid.IntRange(0, 9).Draw(t, "snapshot") == 0 {
				back := ledger.New()
				if err := back.Restore(bytes.NewReader(snapshotOf(t, l))); err != nil {
					t.Fatal(err)
				}
				l = back
			}
		}
		for i, from := range logged {
			n := 0
			for _, at := range logged[i:] {
				if at.Sub(from) < time.Hour {
					n++
				}
			}
			if n > ledger.MaxClicksTold+len(nodes) {
				t.Fatalf("%d entries within an hour of %v", n, from)
			}
		}
	})
}

// Foretelling answers as applying does, and changes nothing.
func TestForetell(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	for _, by := range []remedy.Actor{bob(), alice()} {
		before := hashOf(t, r.l)
		said := r.l.Foretell(r.now, by, r.yes(id))
		if hashOf(t, r.l) != before {
			t.Fatal("it changed the state")
		}
		if said.OK != (by.Name == "alice") {
			t.Errorf("%s is foretold %+v", by.Name, said)
		}
		if got := r.as(by, r.yes(id)).Results[0]; got != said {
			t.Errorf("%+v was foretold, and it is %+v", said, got)
		}
	}
}
