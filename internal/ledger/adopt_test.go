package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

func adoption(r *rig) ledger.Adoption {
	return ledger.Adoption{
		ClusterID: "c2", Voters: []remedy.NodeID{n1}, Index: r.index + 1000, Term: r.term, At: r.now, By: alice(), Why: "restored by alice",
	}
}

// adopted is the ledger that an adoption makes.
func adopted(t *testing.T, l *ledger.Ledger, saved []byte, a ledger.Adoption) *ledger.Ledger {
	t.Helper()
	w, err := l.Adopt(bytes.NewReader(saved), a)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	out := ledger.New()
	if err := out.Restore(&b); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAdoptNeverGoesBack restores what was saved before a day's work: what
// people and counters rely on stays, and nothing is done until a person looked.
func TestAdoptNeverGoesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.drained("h1")
	r.okAs(alice(), &ledger.HoldSet{Pool: pool, Host: "h8", Reason: "disk", Until: r.now.Add(time.Hour)})
	r.ok(&ledger.Storm{Pool: "both", Detector: "d", On: true, Detail: "then"})
	r.ok(&ledger.PoolSize{Pool: "both", N: 10})
	r.ok(&ledger.PoolSize{Pool: "shrunk", N: 10})
	r.ok(&ledger.PoolSize{Pool: "back", N: 10})
	r.ok(&ledger.PoolSize{Pool: "back", N: 3})
	saved := snapshotOf(t, r.l)
	before := r.l.Status()

	r.pass(10 * time.Minute)
	r.ok(&ledger.Storm{Pool: "both", Detector: "d"})
	r.ok(&ledger.Storm{Pool: "both", Detector: "d", On: true, Detail: "again"})
	r.ok(&ledger.Storm{Pool: "both", Detector: "d"})
	r.ok(&ledger.Storm{Pool: "new", Detector: "d", On: true})
	r.ok(&ledger.PoolSize{Pool: "shrunk", N: 3})
	r.ok(&ledger.PoolSize{Pool: "back", N: 10})
	r.okAs(bob(), &ledger.CaseCancel{Case: r.ok(judge("h4", remedy.LevelConfirm, r.asks("alice"))), Reason: "known work", QuietFor: time.Hour})
	second := r.drained("h2")
	r.okAs(alice(), &ledger.HoldSet{Pool: pool, Host: "h9", Reason: "sale", Until: r.now.Add(time.Hour)},
		&ledger.HoldSet{Pool: pool, Host: "h8", Reason: "longer", Until: r.now.Add(2 * time.Hour)})
	was, starts := r.l.Status(), len(r.l.Starts(pool))
	hash := hashOf(t, r.l)

	l := adopted(t, r.l, saved, adoption(r))
	if hashOf(t, r.l) != hash {
		t.Error("the ledger itself has changed")
	}
	st := l.Status()
	if st.Freeze == nil || st.Freeze.Reason != "restored by alice" || !st.Freeze.Until.IsZero() || st.Freeze.By.Name != "alice" {
		t.Errorf("frozen: %+v", st.Freeze)
	}
	if st.ClusterID != "c2" || st.Index != r.index+1000 || st.Time.Before(was.Time) || st.Chain == was.Chain || st.Chain == before.Chain {
		t.Errorf("%+v", st)
	}
	if len(st.Reports) != 1 || l.Level(drain, pool) != r.l.Level(drain, pool) {
		t.Errorf("the voters' reports are lost: %+v", st.Reports)
	}
	if len(st.Holds) != 2 || st.Holds[0].Reason != "longer" || st.Holds[1].Reason != "sale" {
		t.Errorf("held: %+v", st.Holds)
	}
	if got := len(l.Starts(pool)); got != starts {
		t.Errorf("%d starts are remembered, want %d: the pace would be forgotten", got, starts)
	}
	if c, ok := l.Case(first); !ok || c.Host != "h1" {
		t.Errorf("the saved case is %+v", c)
	}
	if _, ok := l.Case(second); ok {
		t.Error("a case from after the snapshot is still there")
	}
	if n := l.Pending(); len(n) != 1 || !n[0].Page || !strings.Contains(n[0].Detail, "restored by alice") {
		t.Errorf("told: %+v", n)
	}
	for name, want := range map[remedy.PoolName]struct{ on, latched bool }{"both": {true, true}, "new": {true, false}} {
		if s := l.Pool(name, r.now).Storms; len(s) != 1 || s[0].On != want.on || s[0].Latched != want.latched {
			t.Errorf("the storms of %s are %+v, want %+v", name, s, want)
		}
	}
	if got, want := l.Pool(pool, r.now).Quiets, r.l.Pool(pool, r.now).Quiets; len(want) != 1 || !slices.Equal(got, want) {
		t.Errorf("quiet are %+v, want %+v", got, want)
	}
	if p := l.Pool("shrunk", r.now); p.Blocked == "" || p.N != 3 {
		t.Errorf("the shrunk pool is %+v", p)
	}
	for _, name := range []remedy.PoolName{"both", "new"} {
		if p := l.Pool(name, r.now); p.Blocked != "" {
			t.Errorf("%s is blocked: %+v", name, p)
		}
	}
	for _, c := range r.l.Counters() {
		found := false
		for _, d := range l.Counters() {
			found = found || d.Name == c.Name && d.Value >= c.Value
		}
		if !found {
			t.Errorf("the counter %s has gone back", c.Name)
		}
	}

	// The next case has a number that nobody has seen yet, and nothing starts.
	r.l, r.index = l, st.Index
	id := r.ok(judge("h3", remedy.LevelAuto))
	if id <= second {
		t.Errorf("%s is given out twice", id)
	}
	r.refused(ledger.RefusedFrozen, remedy.Warden(), r.starting(id))
	r.okAs(alice(), &ledger.FreezeLift{})

	// The inventory is judged again by what either remembers of it.
	r.ok(&ledger.PoolSize{Pool: "shrunk", N: 3})
	if p := l.Pool("shrunk", r.now); p.Blocked == "" {
		t.Errorf("the shrink is forgotten: %+v", p)
	}
	for _, name := range []remedy.PoolName{"shrunk", "back", "both"} {
		if p := l.Pool(name, r.now); name != "shrunk" && !p.Stale && p.Blocked != "" {
			t.Errorf("nobody would read %s again: %+v", name, p)
		}
		r.ok(&ledger.PoolSize{Pool: name, N: 10})
		if p := l.Pool(name, r.now); p.Blocked != "" || p.Stale {
			t.Errorf("%s is back and %+v", name, p)
		}
	}
}

// TestAdoptForOneVoter is what a recovery does: it goes on from its own state,
// once, however often the process dies in between.
func TestAdoptForOneVoter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.drained("h1")
	r.okAs(alice(), &ledger.VoterAdd{Node: "n2-bbbb"}, report("n2-bbbb", setup{level: remedy.LevelConfirm, limits: roomy()}))
	a := adoption(r)
	a.Index = r.index
	l := adopted(t, r.l, snapshotOf(t, r.l), a)
	st := l.Status()
	if len(st.Voters) != 1 || st.Voters[0] != n1 || len(st.Reports) != 1 || st.Cases != r.l.Status().Cases {
		t.Errorf("%+v", st)
	}
	// The other's file counts no longer, and people are told before they unfreeze.
	moved := fmt.Sprintf("%s on %s is auto now, it was confirm", drain, pool)
	n := l.Pending()
	if !strings.HasPrefix(st.Freeze.Reason, a.Why) || !strings.Contains(st.Freeze.Reason, moved) || len(n) != 1 || !n[0].Page || !strings.Contains(n[0].Detail, moved) {
		t.Errorf("a level rises and nobody is told: %q, %+v", st.Freeze.Reason, n)
	}
	again := adopted(t, l, snapshotOf(t, l), a)
	if hashOf(t, again) != hashOf(t, l) {
		t.Error("adopting the same again changes something")
	}
}

func TestAdoptRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	saved := snapshotOf(t, r.l)
	for name, change := range map[string]func(*ledger.Adoption){
		"no cluster": func(a *ledger.Adoption) { a.ClusterID = "" },
		"no voters":  func(a *ledger.Adoption) { a.Voters = nil },
		"no person":  func(a *ledger.Adoption) { a.By = remedy.Warden() },
		"no reason":  func(a *ledger.Adoption) { a.Why = "" },
	} {
		a := adoption(r)
		change(&a)
		if _, err := r.l.Adopt(bytes.NewReader(saved), a); err == nil {
			t.Errorf("%s: adopted", name)
		}
	}
	for cut := 0; cut < len(saved); cut += 17 {
		if _, err := r.l.Adopt(bytes.NewReader(saved[:cut]), adoption(r)); !errors.Is(err, ledger.ErrSnapshot) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if _, err := ledger.Inspect(bytes.NewReader(saved[:cut])); !errors.Is(err, ledger.ErrSnapshot) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	r := busyRig(t)
	saved := snapshotOf(t, r.l)
	c, err := ledger.Inspect(bytes.NewReader(saved))
	if err != nil {
		t.Fatal(err)
	}
	st := r.l.Status()
	if c.Index != st.Index || c.Term != st.Term || !c.Time.Equal(st.Time) || c.ClusterID != st.ClusterID || c.Bytes != int64(len(saved)) || c.SHA256 != hashOf(t, r.l) {
		t.Errorf("%+v of %+v", c, st)
	}
	count, size := map[string]int{}, int64(0)
	for _, k := range c.Records {
		count[k.Kind] = k.Count
		size += k.Bytes
	}
	if count["case"] != st.Cases || count["pool"] == 0 || count["report"] != len(st.Reports) || count["hold"] != len(st.Holds) {
		t.Errorf("%v", count)
	}
	if size >= c.Bytes || size < c.Bytes/2 {
		t.Errorf("the records have %d of %d bytes", size, c.Bytes)
	}
}
