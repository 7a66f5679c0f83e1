package story

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/ledger"
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
		Fleet: f, Ledger: ledger.New(), Clock: NewPacer(scaled), Pool: "web",
		Told: func() []chat.Message { return nil }, Patience: time.Minute,
	}
}

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

func TestPacerHurriesNothingButAWait(t *testing.T) {
	t.Parallel()
	scaled, err := clock.NewScaled(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), 1)
	if err != nil {
		t.Fatal(err)
	}
	p := NewPacer(scaled)
	before := p.Read()
	p.Hurry()
	if got := p.Read().Mono - before.Mono; got > time.Minute {
		t.Errorf("it skipped %s and nobody waited", got)
	}
	if p.Resting() {
		t.Error("it rests and nobody waited")
	}
	woken := p.After(time.Hour)
	if !p.Resting() {
		t.Error("it does not rest although somebody waits")
	}
	p.Hurry()
	<-woken
	after := p.Read()
	if wall, mono := after.Wall.Sub(before.Wall), after.Mono-before.Mono; wall != mono || mono < time.Hour || mono > time.Hour+time.Minute {
		t.Errorf("wall went on by %s and monotonic time by %s, want both an hour", wall, mono)
	}
	if p.Resting() {
		t.Error("it rests although the wait is over")
	}
	p.Hurry()
	if got := p.Read().Mono - after.Mono; got > time.Minute {
		t.Errorf("it skipped %s more and nobody waited", got)
	}
}
