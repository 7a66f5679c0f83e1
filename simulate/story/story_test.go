package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fleet"
)

// world is a world in which nothing runs but the clock.
func world(t *testing.T) World {
	t.Helper()
	scaled, err := clock.NewScaled(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), 60)
	if err != nil {
		t.Fatal(err)
	}
	f, err := fleet.New(fleet.Options{Pool: "web", Hosts: []string{"web-01", "web-02"}, Clock: scaled})
	if err != nil {
		t.Fatal(err)
	}
	return World{
		Fleet: f, Cluster: nodes{{Name: "a", Ledger: ledger.New(), Leads: true, Rounds: settledAfter}}, Clock: NewPacer(scaled), Pool: "web",
		Told: func() []chat.Message { return nil }, Patience: time.Minute,
	}
}

// nodes is a cluster in which nobody dies.
type nodes []Node

func (n nodes) Nodes() []Node                     { return n }
func (nodes) KillInAction()                       {}
func (nodes) Killed() string                      { return "" }
func (nodes) Kill(string) error                   { return errors.New("nobody dies here") }
func (nodes) Start(context.Context, string) error { return errors.New("nobody is dead") }

// notes keeps what a teller was told.
type notes struct {
	begun   []string
	checked []string
}

func (n *notes) Begin(_ int, s Step) { n.begun = append(n.begun, s.Title) }

func (n *notes) Checked(_ time.Time, l Line, s Sight) {
	word := "FAIL"
	if s.OK {
		word = "ok"
	}
	n.checked = append(n.checked, word+" "+l.Says)
}

func sees(ok bool) func(*Run) Sight {
	return func(*Run) Sight { return Sight{OK: ok, Want: "yes", Seen: "what there is"} }
}

func TestPlayStopsAtTheFirstUntrueLine(t *testing.T) {
	t.Parallel()
	n := &notes{}
	err := Play(t.Context(), world(t), []Step{
		{Title: "one", Lines: []Line{{Says: "a", Look: sees(true)}, {Says: "b", Look: sees(true)}}},
		{Title: "two", Lines: []Line{{Says: "c", Look: sees(false)}, {Says: "d", Look: sees(true)}}},
		{Title: "three"},
	}, n)
	if !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "step 2, c: wanted yes, saw what there is") {
		t.Errorf("got error %v", err)
	}
	if want := []string{"one", "two"}; !slices.Equal(n.begun, want) {
		t.Errorf("begun %v, want %v", n.begun, want)
	}
	if want := []string{"ok a", "ok b", "FAIL c"}; !slices.Equal(n.checked, want) {
		t.Errorf("checked %v, want %v", n.checked, want)
	}
}

func TestPlayStopsWhenAStepCannotHappen(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such host")
	n := &notes{}
	err := Play(t.Context(), world(t), []Step{
		{Title: "one", Do: func(context.Context, *Run) error { return cause }, Lines: []Line{{Says: "a", Look: sees(true)}}},
	}, n)
	if !errors.Is(err, ErrFailed) || !errors.Is(err, cause) || len(n.checked) > 0 {
		t.Errorf("got error %v and %v", err, n.checked)
	}
}

// TestPlaySeesTheLoadBalancer has the load balancer be another than people
// asked for: no line can be true then, whatever it looks at.
func TestPlaySeesTheLoadBalancer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		do    func(f *fleet.Fleet) error
		asked []string
		want  string
	}{
		"as asked":  {do: func(*fleet.Fleet) error { return nil }},
		"a reload":  {do: func(f *fleet.Fleet) error { f.ReloadBalancer(); return nil }, want: "saw “reload”"},
		"expected":  {do: func(f *fleet.Fleet) error { f.ReloadBalancer(); return nil }, asked: []string{"reload"}},
		"too often": {do: func(f *fleet.Fleet) error { f.ReloadBalancer(); f.ReloadBalancer(); return nil }, asked: []string{"reload"}, want: "saw “reload”, “reload”"},
		"not yet":   {do: func(*fleet.Fleet) error { return nil }, asked: []string{"reload"}},
		"down":      {do: func(f *fleet.Fleet) error { return f.SetDown("web-02", true) }, want: "web-02 is ready (down: true)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Play(t.Context(), world(t), []Step{{
				Title: name,
				Do: func(_ context.Context, r *Run) error {
					r.Asked = tt.asked
					return tt.do(r.Fleet)
				},
				Lines: []Line{{Says: "a", Look: sees(true)}},
			}}, &notes{})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got error %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestPlayLooksAtEveryLedger has one node remember something else than the one
// that leads, and one that doesn't come up to it.
func TestPlayLooksAtEveryLedger(t *testing.T) {
	t.Parallel()
	ahead := func(entries uint64) *ledger.Ledger {
		led := ledger.New()
		for i := range entries {
			e, err := ledger.NewEntry(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), remedy.Warden(), "a-12345678", &ledger.FreezeSet{Reason: "x"})
			if err != nil {
				t.Fatal(err)
			}
			data, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			led.Apply(i+1, 1, data)
		}
		return led
	}
	frozen := func(r *Run) Sight {
		return Sight{OK: r.Ledger.Status().Index == 1, Want: "1 entry", Seen: fmt.Sprint(r.Ledger.Status().Index)}
	}
	tests := map[string]struct {
		others []uint64
		want   string
	}{
		"all alike":       {others: []uint64{1, 1}},
		"one knows more":  {others: []uint64{1, 2}, want: "wanted 1 entry, saw 2, in the ledger of n1"},
		"one lags behind": {others: []uint64{0, 1}, want: "n0 has not applied entry 1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world(t)
			w.Patience = 100 * time.Millisecond
			all := nodes{{Name: "leader", Ledger: ahead(1), Leads: true, Term: 2, Rounds: settledAfter}}
			for i, n := range tt.others {
				// The old leader doesn't know yet that it was deposed.
				all = append(all, Node{Name: fmt.Sprintf("n%d", i), Ledger: ahead(n), Leads: i == 0, Term: 1})
			}
			w.Cluster = all
			err := Play(t.Context(), w, []Step{{Title: name, Lines: []Line{{Says: "a", Look: frozen}}}}, &notes{})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got error %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestEventsAreWaitedFor has a line come true in real time, and one that never does.
func TestEventsAreWaitedFor(t *testing.T) {
	t.Parallel()
	w := world(t)
	w.Patience = 200 * time.Millisecond
	looks := 0
	err := Play(t.Context(), w, []Step{{Title: "one", Lines: []Line{
		{Says: "a", Event: true, Look: func(*Run) Sight { looks++; return Sight{OK: looks > 3} }},
		{Says: "b", Event: true, Look: sees(false)},
	}}}, &notes{})
	if err == nil || !strings.Contains(err.Error(), "step 1, b: wanted yes") || looks < 4 {
		t.Errorf("got error %v after %d looks", err, looks)
	}
}

// electing is a cluster that elects another leader each time it has been looked
// at so often.
type electing struct {
	nodes
	looks, every int
}

func (e *electing) Nodes() []Node {
	e.looks++
	at := Node{Name: "a", Ledger: ledger.New(), Term: uint64(1 + e.looks/e.every)}
	if e.looks%e.every != 0 {
		at.Leads, at.Rounds = true, settledAfter
	}
	return []Node{at}
}

// TestAnElectionIsWaitedFor has nobody lead now and then. What is seen meanwhile
// makes no line untrue, and what is untrue without it still does.
func TestAnElectionIsWaitedFor(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		look func(looks int) bool
		want string
	}{
		"untrue while they elect": {look: func(looks int) bool { return looks > 20 }},
		"untrue":                  {look: func(int) bool { return false }, want: "step 1, a: wanted yes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world(t)
			c := &electing{every: 4}
			w.Cluster = c
			err := Play(t.Context(), w, []Step{{
				Title: "one", Do: func(context.Context, *Run) error { return nil },
				Lines: []Line{{Says: "a", Look: func(*Run) Sight {
					if c.looks > 20 {
						c.every = 1000 // they are done
					}
					return Sight{OK: tt.look(c.looks), Want: "yes"}
				}}},
			}}, &notes{})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got error %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestNobodyLeads has a line wait in vain for a leader, and one that knows that
// there can be none.
func TestNobodyLeads(t *testing.T) {
	t.Parallel()
	for _, dead := range []int{0, 2} {
		w := world(t)
		w.Patience = 50 * time.Millisecond
		w.Cluster = nodes{{Name: "a", Ledger: ledger.New()}}
		err := Play(t.Context(), w, []Step{{Title: "one", Lines: []Line{
			{Says: "a", Event: true, Look: func(r *Run) Sight { r.Down = make([]string, dead); return Sight{OK: true} }},
			{Says: "b", Look: sees(true)},
		}}}, &notes{})
		if (err == nil) != (dead == 2) || err != nil && !strings.Contains(err.Error(), "step 1, b: no node has led") {
			t.Errorf("%d dead: got error %v", dead, err)
		}
	}
}

// TestPlayGivesUpOnARoundThatNeverEnds has an engine that does nothing.
func TestPlayGivesUpOnARoundThatNeverEnds(t *testing.T) {
	t.Parallel()
	w := world(t)
	w.Patience = 50 * time.Millisecond
	led := ledger.New()
	w.Cluster = nodes{{Name: "a", Ledger: led, Leads: true, Engine: engine.New(engine.Options{Ledger: led, Clock: w.Clock}, &engine.Config{})}}
	err := Play(t.Context(), w, []Step{{Title: "one", Lines: []Line{{Says: "a", Within: time.Hour, Look: sees(false)}}}}, &notes{})
	if err == nil || !strings.Contains(err.Error(), "no round ended within 50ms of real time") {
		t.Errorf("got error %v", err)
	}
}

// TestScriptIsWhole holds the script to its own form.
func TestScriptIsWhole(t *testing.T) {
	t.Parallel()
	if n := len(TwelveHosts()); n != 12 || slices.Contains(TwelveHosts(), BadHost) {
		t.Errorf("the twelve hosts are %d: %v", n, TwelveHosts())
	}
	titles := map[string]bool{}
	for i, s := range Script() {
		if s.Title == "" || titles[s.Title] || len(s.Lines) == 0 {
			t.Errorf("step %d, %q, has no title of its own, or no line", i+1, s.Title)
		}
		titles[s.Title] = true
		for _, l := range s.Lines {
			if l.Says == "" || l.Look == nil || l.Within < 0 || l.Rounds < 0 {
				t.Errorf("step %d: a line is not whole: %q", i+1, l.Says)
			}
		}
	}
}

func TestPacerHurriesNothingButRest(t *testing.T) {
	t.Parallel()
	scaled, err := clock.NewScaled(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), 1)
	if err != nil {
		t.Fatal(err)
	}
	p := NewPacer(scaled)
	before := p.Read()
	hurried := func(want time.Duration) {
		t.Helper()
		from := p.Read().Mono
		p.Hurry()
		if got := p.Read().Mono - from; got < want || got > want+2*time.Minute {
			t.Errorf("it skipped %s, want %s", got, want)
		}
	}
	hurried(0) // nobody is there
	a, b := p.Seat(), p.Seat()
	hurried(0) // nobody rests
	hour := a.After(time.Hour)
	if hurried(0); p.Resting() {
		t.Error("they rest although one is at work")
	}
	half := b.After(30 * time.Minute)
	if !p.Resting() {
		t.Error("they don't rest although both wait")
	}
	carried := p.After(20 * time.Minute) // somebody else
	hurried(29 * time.Minute)
	<-half
	<-carried
	if hurried(0); p.Resting() {
		t.Error("they rest although one was woken")
	}
	b.Leave()
	hurried(29 * time.Minute)
	<-hour
	after := p.Read()
	if wall, mono := after.Wall.Sub(before.Wall), after.Mono-before.Mono; wall != mono || mono < time.Hour || mono > time.Hour+time.Minute {
		t.Errorf("wall went on by %s and monotonic time by %s, want both an hour", wall, mono)
	}
	// For one that has left, everything is over.
	<-b.After(time.Hour)
	if left := clock.NewDeadline(a, time.Hour).Left(); left == 0 {
		t.Error("a deadline of the living is over")
	}
	late := clock.NewDeadline(a, time.Hour)
	a.Leave()
	if !late.Expired() || a.Since(after.Wall) < afterlife {
		t.Error("a deadline of the dead is not over")
	}
}
