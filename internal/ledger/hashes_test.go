package ledger_test

import (
	"bytes"
	"slices"
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// The points lie at the same entries on every node, also where a multiple is no
// entry, and on one that began with a snapshot; each is the state at its index.
func TestPoints(t *testing.T) {
	t.Parallel()
	h := newRig(t)
	watch := func(l *ledger.Ledger) (points *[]ledger.Point) {
		points = new([]ledger.Point)
		l.Watch(10, func(p ledger.Point) { *points = append(*points, p) })
		return points
	}
	all := watch(h.l)
	var joined *rig
	var later *[]ledger.Point
	hashes := map[uint64]string{}
	for i := range uint64(60) {
		h.index += i % 3 // raft's own records in between
		h.ok(&ledger.NoticeAdd{Kind: ledger.NoticeSource, Detail: "x"})
		hashes[h.index] = hashOf(t, h.l)
		if joined != nil {
			joined.index = h.index - 1
			joined.raw(h.log[len(h.log)-1])
		}
		if i == 30 {
			joined = &rig{t: t, l: ledger.New(), now: h.now, index: h.index, term: h.term}
			later = watch(joined.l)
			if err := joined.l.Restore(bytes.NewReader(snapshotOf(t, h.l))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(*all) != int(h.index/10) {
		t.Errorf("%d points up to %d, want one for every 10", len(*all), h.index)
	}
	for i, p := range *all {
		hash, err := p.Hash()
		if err != nil || hash != hashes[p.Index] || p.Index/10 != uint64(i+1) {
			t.Errorf("point %d is %d, %s (%v), want %s", i, p.Index, hash, err, hashes[p.Index])
		}
	}
	tail := (*all)[len(*all)-len(*later):]
	if len(*later) == 0 || !slices.EqualFunc(tail, *later, func(a, b ledger.Point) bool { return a.Index == b.Index && a.Term == b.Term }) {
		t.Errorf("the one that began with a snapshot has points %v, want %v", *later, tail)
	}
}

func TestHashesJudge(t *testing.T) {
	t.Parallel()
	voters := []remedy.NodeID{"n1", "n2", "n3"}
	type hashes = map[remedy.NodeID]string
	tests := []struct {
		name   string
		have   hashes
		voters []remedy.NodeID
		want   ledger.HashVerdict
		others []remedy.NodeID
	}{
		{"nobody's", nil, voters, ledger.HashPending, nil},
		{"not mine", hashes{"n2": "a", "n3": "a"}, voters, ledger.HashPending, nil},
		{"mine alone", hashes{"n1": "a"}, voters, ledger.HashPending, nil},
		{"the only voter's", hashes{"n1": "a"}, voters[:1], ledger.HashAgreed, nil},
		{"two agree", hashes{"n1": "a", "n2": "a"}, voters, ledger.HashAgreed, nil},
		{"all agree", hashes{"n1": "a", "n2": "a", "n3": "a"}, voters, ledger.HashAgreed, nil},
		{"another is alone", hashes{"n1": "a", "n2": "b", "n3": "a"}, voters, ledger.HashAgreed, []remedy.NodeID{"n2"}},
		{"this one is alone", hashes{"n1": "b", "n2": "a", "n3": "a"}, voters, ledger.HashMinority, []remedy.NodeID{"n1"}},
		{"two differ", hashes{"n1": "b", "n2": "a"}, voters, ledger.HashDisputed, []remedy.NodeID{"n2"}},
		{"all differ", hashes{"n1": "a", "n2": "b", "n3": "c"}, voters, ledger.HashDisputed, []remedy.NodeID{"n2", "n3"}},
		{"two voters differ", hashes{"n1": "a", "n2": "b"}, voters[:2], ledger.HashDisputed, []remedy.NodeID{"n2"}},
		{"a stranger's doesn't count", hashes{"n1": "a", "n8": "b", "n9": "b"}, voters, ledger.HashPending, nil},
		{"a joiner is wrong", hashes{"n1": "b", "n2": "a", "n3": "a"}, []remedy.NodeID{"n2", "n3"}, ledger.HashMinority, []remedy.NodeID{"n1"}},
		{"a joiner is no vote", hashes{"n1": "a", "n2": "a"}, []remedy.NodeID{"n2", "n3", "n4"}, ledger.HashPending, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := ledger.NewHashes("n1")
			for node, hash := range tt.have {
				h.Add(node, 7, hash)
				h.Add(node, 8, "other")
			}
			got := h.Judge(7, tt.voters)
			if got.Verdict != tt.want || !slices.Equal(got.Others, tt.others) {
				t.Errorf("it is %+v, want %s, %v", got, tt.want, tt.others)
			}
			if agreed := tt.want == ledger.HashAgreed || tt.want == ledger.HashMinority; agreed != (got.Majority != "") {
				t.Errorf("the majority's is %q", got.Majority)
			}
		})
	}
}

// What a node says is kept for a while only, and a later word replaces one.
func TestHashesAreBounded(t *testing.T) {
	t.Parallel()
	h := ledger.NewHashes("n1")
	h.Add("n1", 1, "mine")
	for i := range uint64(1000) {
		h.Add("n2", i+1, "x")
	}
	if got, ok := h.Hash("n1", 1); !ok || got != "mine" {
		t.Error("another node's hashes drove this node's out")
	}
	if _, ok := h.Hash("n2", 1); ok {
		t.Error("a thousand are kept")
	}
	h.Add("n2", 1000, "y")
	if got, _ := h.Hash("n2", 1000); got != "y" || !slices.Equal(h.Indexes(), []uint64{1}) {
		t.Errorf("it is %q, of %v", got, h.Indexes())
	}
}

// The point of a year of cases is handed over in the time that Apply may take.
func BenchmarkPoint(b *testing.B) {
	r := manyCases(b, aYearOfCases)
	data := entryOf(b, r.now, judge("h1", 0, func(j *ledger.CaseJudge) { j.Decision = blocked("rate") }))
	r.l.Watch(1, func(ledger.Point) {})
	b.ReportAllocs()
	for b.Loop() {
		r.index++
		r.l.Apply(r.index, r.term, data)
	}
}

// BenchmarkPointHash is the hashing itself, which runs beside Apply.
func BenchmarkPointHash(b *testing.B) {
	r := manyCases(b, aYearOfCases)
	var point ledger.Point
	r.l.Watch(1, func(p ledger.Point) { point = p })
	r.ok(&ledger.NoticeAdd{Kind: ledger.NoticeSource, Detail: "x"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := point.Hash(); err != nil {
			b.Fatal(err)
		}
	}
}
