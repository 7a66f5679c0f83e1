// Package story is the acceptance test that people can watch: what befalls a
// simulated fleet, what people do about it, and what must then be seen, in
// warden's ledger and in the load balancer both. The script is data; Play
// carries it out on whatever World it is given and says how every line went.
//
// After each round, whatever line is being played, every command that the
// load balancer ever got is held against the commands that a person had asked
// for by then. A story can't pass with a host touched unasked.
package story

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakepager"
	"warden/simulate/fakeslack"
	"warden/simulate/fleet"
)

// World is what a story happens to. All fields are required.
type World struct {
	Fleet *fleet.Fleet
	// Cluster is the nodes.
	Cluster Cluster
	// Clock is the clock of the fleet and of the engines.
	Clock *Pacer
	// Sides are the small pools beside Fleet, which have nodes, detectors and load
	// balancers of the same kind; nil for none.
	Sides map[remedy.PoolName]Side
	// Slack and Pager are where people are told, and Zone the zone that mornings
	// are told in; needed by the night alone.
	Slack *fakeslack.Server
	Pager *fakepager.Server
	Zone  *time.Location
	// Pool, Detector and Action are the ones that the story is about.
	Pool     remedy.PoolName
	Detector remedy.DetectorName
	Action   remedy.ActionName
	// Person approves and undoes.
	Person remedy.Actor
	// Promote writes a level for the action into the config file, which all
	// nodes share, and has the named nodes reload it, all of them without any.
	Promote func(ctx context.Context, to remedy.Level, nodes ...string) error
	// Status is what `warden status` says on a node that is up.
	Status func() string
	// Draft writes the config file with another level to a file of its own, which
	// nobody loads, and returns its name.
	Draft func(to remedy.Level) (file string, err error)
	// Type runs one of warden's own commands at the node that leads, as somebody
	// at a keyboard does, and returns what it printed and its exit code.
	Type func(ctx context.Context, args ...string) (said string, code int)
	// Told returns the messages that people got so far, oldest first.
	Told func() []chat.Message
	// Patience is how long a round may take in real time before the story is
	// given up.
	Patience time.Duration
}

// Side is a small pool beside the one that the story is about.
type Side struct {
	Fleet    *fleet.Fleet
	Detector remedy.DetectorName
}

// Step is one turn of the story.
type Step struct {
	// Title says what happens, in a few words.
	Title string
	// Do makes it happen; nil when only time passes.
	Do func(ctx context.Context, r *Run) error
	// Lines are what must be seen then, in order.
	Lines []Line
}

// Line is one thing that must be seen.
type Line struct {
	// Says words it for people, as a fact.
	Says string
	// Within is how long, on the story's clock, it may take to come true; 0
	// means that it must be true at once.
	Within time.Duration
	// Rounds is through how many further rounds it must then stay true.
	Rounds int
	// Event says that it comes true by itself and in real time, as an election
	// does: it is waited for, and no quiet stretch is skipped meanwhile.
	Event bool
	// Look looks, at the ledger of one node after the other. It must not change
	// anything.
	Look func(r *Run) Sight
}

// Sight is what was looked for and what was seen.
type Sight struct {
	OK         bool
	Want, Seen string
}

// Teller hears how a story goes.
type Teller interface {
	// Begin is called before a step happens; steps count from 1.
	Begin(n int, s Step)
	// Checked is called after a line: at is the story's time.
	Checked(at time.Time, l Line, s Sight)
}

// ErrFailed is returned, wrapped, by Play when a line did not come true.
var ErrFailed = errors.New("the story went wrong")

// Run is a story in progress, for its lines to look at.
type Run struct {
	World
	// Ledger and Engine are those of the node that leads or, without one, of the
	// first that is up. While a line is looked at on another node, Ledger is
	// that node's.
	Ledger *ledger.Ledger
	Engine *engine.Engine
	// Down are the nodes that were killed and not started again, in that order,
	// and Begun the START that the last one killed had committed and not ended.
	Down  []string
	Begun remedy.Token
	// TermBefore is the term in which the step began.
	TermBefore uint64
	// Case is the case that the story is about, once there is one.
	Case remedy.CaseID
	// Asked are the commands that people have asked for so far: the load
	// balancer may have got no others, and in no other order.
	Asked []string
	// CasesBefore is how many cases there were when the step began.
	CasesBefore int
	// ToldBefore is how many messages there were when the step began.
	ToldBefore int
	// Said is what the last command that was typed printed.
	Said string
	// Night is what the night is remembered by.
	Night night
	all   []*fleet.Fleet
	real  clock.Clock
}

// begin is a story of which nothing happened yet.
func begin(w World) *Run { return &Run{World: w, all: w.fleets(), real: clock.System()} }

// Play plays a story and stops at the first line that does not come true.
func Play(ctx context.Context, w World, steps []Step, tell Teller) error {
	r := begin(w)
	r.turn()
	for i, s := range steps {
		tell.Begin(i+1, s)
		if s.Do != nil {
			if err := r.settle(ctx); err != nil {
				return fmt.Errorf("%w: step %d, %s: %w", ErrFailed, i+1, s.Title, err)
			}
		}
		r.turn()
		r.CasesBefore, r.ToldBefore, r.TermBefore = len(r.Ledger.Cases(ledger.CaseFilter{})), len(r.Told()), r.Ledger.Status().Term
		if s.Do != nil {
			if err := s.Do(ctx, r); err != nil {
				return fmt.Errorf("%w: step %d, %s: %w", ErrFailed, i+1, s.Title, err)
			}
		}
		for _, l := range s.Lines {
			seen, err := r.line(ctx, l)
			if err != nil {
				return fmt.Errorf("%w: step %d, %s: %w", ErrFailed, i+1, l.Says, err)
			}
			tell.Checked(r.Clock.Now(), l, seen)
			if !seen.OK {
				return fmt.Errorf("%w: step %d, %s: wanted %s, saw %s", ErrFailed, i+1, l.Says, seen.Want, seen.Seen)
			}
		}
	}
	return nil
}

// line waits for a line to come true, and sees that it stays so.
func (r *Run) line(ctx context.Context, l Line) (Sight, error) {
	deadline := r.Clock.Now().Add(l.Within)
	patience := clock.NewDeadline(r.real, r.Patience)
	rounds := 0
	waits := func() bool {
		if l.Event {
			return !patience.Expired()
		}
		// On a slow machine the story's clock runs ahead of warden: there it gets as
		// many rounds as it has on a quick one.
		return r.Clock.Now().Before(deadline) || rounds < int(l.Within/roundEvery)
	}
	first := r.look
	if l.Within == 0 && !l.Event {
		first = r.lookSettled
	}
	seen, err := first(ctx, l)
	for err == nil && !seen.OK && waits() && r.unasked() == "" {
		if l.Event {
			err = clock.Sleep(ctx, r.real, eventEvery)
		} else {
			err = r.next(ctx)
			rounds++
		}
		if err != nil {
			return seen, fmt.Errorf("%w; wanted %s, saw %s", err, seen.Want, seen.Seen)
		}
		seen, err = r.look(ctx, l)
	}
	for i := 0; i < l.Rounds && seen.OK && err == nil; i++ {
		if err := r.next(ctx); err != nil {
			return seen, err
		}
		seen, err = r.lookSettled(ctx, l)
	}
	return seen, err
}

// lookSettled looks at a line that must be true now. What is seen while the nodes
// elect says nothing, but for a load balancer that was told what nobody asked for:
// then it is looked at again.
func (r *Run) lookSettled(ctx context.Context, l Line) (Sight, error) {
	limit := clock.NewDeadline(r.real, r.Patience)
	for {
		if err := r.settle(ctx); err != nil {
			return Sight{}, err
		}
		term := r.turn().Term
		seen, err := r.look(ctx, l)
		at, ok := r.settled()
		if err != nil || seen.OK || r.unasked() != "" || limit.Expired() || ok && at.Term == term {
			return seen, err
		}
	}
}

// look looks at a line, in the ledger of every node that is up, and at the load
// balancer whatever the line is about.
func (r *Run) look(ctx context.Context, l Line) (Sight, error) {
	if wrong := r.unasked(); wrong != "" {
		return Sight{Want: "no command at the load balancer but " + commands(r.Asked), Seen: wrong}, nil
	}
	at := r.turn()
	seen := l.Look(r)
	if !seen.OK || !at.Leads {
		return seen, nil
	}
	index := at.Ledger.Status().Index
	defer func() { r.Ledger = at.Ledger }()
	for _, n := range r.Cluster.Nodes() {
		if n.Name == at.Name {
			continue
		}
		if err := r.upTo(ctx, n, index); err != nil {
			return seen, err
		}
		r.Ledger = n.Ledger
		if other := l.Look(r); !other.OK {
			other.Seen += ", in the ledger of " + n.Name
			return other, nil
		}
	}
	return seen, nil
}

// fleets are those of all pools.
func (w World) fleets() []*fleet.Fleet {
	out := []*fleet.Fleet{w.Fleet}
	for _, pool := range slices.Sorted(maps.Keys(w.Sides)) {
		if f := w.Sides[pool].Fleet; f != w.Fleet {
			out = append(out, f)
		}
	}
	return out
}

// unasked describes what a load balancer was told without anybody having
// asked for it, or what it has become without having been told; "" if nothing.
func (r *Run) unasked() string {
	got := r.Commands()
	for i, c := range got {
		if i >= len(r.Asked) || c != r.Asked[i] {
			return commands(got)
		}
	}
	for _, f := range r.all {
		if wrong := changed(f); wrong != "" {
			return wrong
		}
	}
	return ""
}

// changed describes what a load balancer has become without having been told.
func changed(f *fleet.Fleet) string {
	changes, servers := f.Changes(), f.Servers()
	for n := len(f.Changes()); n != len(changes); n = len(f.Changes()) { // one came between the two looks
		changes, servers = f.Changes(), f.Servers()
	}
	admin := map[string]string{}
	for _, c := range changes {
		admin[c.Host] = c.To
	}
	for _, host := range f.Hosts() {
		want := fleet.Ready
		if to, ok := admin[host]; ok {
			want = to
		}
		if s := servers[host]; s.Admin != want || s.Down {
			return fmt.Sprintf("%s is %s (down: %t) and no command made it so", host, s.Admin, s.Down)
		}
	}
	return ""
}

// Commands are all commands that the load balancers got, oldest first.
func (r *Run) Commands() []string { return commandsOf(r.all) }

// Commands are all commands that the load balancers got, oldest first.
func (w World) Commands() []string { return commandsOf(w.fleets()) }

func commandsOf(fleets []*fleet.Fleet) []string {
	var all []fleet.Change
	for _, f := range fleets {
		all = append(all, f.Changes()...)
	}
	slices.SortStableFunc(all, func(a, b fleet.Change) int { return a.At.Compare(b.At) })
	var out []string
	for _, c := range all {
		out = append(out, c.Command)
	}
	return out
}

func commands(list []string) string {
	if len(list) == 0 {
		return "none at all"
	}
	return "“" + strings.Join(list, "”, “") + "”"
}

// roundEvery is how often the engines of a story judge, on its clock.
const roundEvery = 15 * time.Second

// pollEvery is how often, in real time, the end of a round is looked for.
const pollEvery = time.Millisecond

// eventEvery is how often something that comes by itself is looked for.
const eventEvery = 5 * time.Millisecond

// next returns when one more round has been published and the engines rest
// again. Waits are skipped, but none while a node that is up executes: its
// deadlines are on the same clock.
func (r *Run) next(ctx context.Context) error {
	r.turn()
	before := r.Engine.View().At
	limit := clock.NewDeadline(r.real, r.Patience)
	for {
		r.turn()
		done := r.Engine.View().At.After(before)
		switch {
		case done && r.Clock.Resting():
			return nil
		case !done && !r.executing():
			r.Clock.Hurry()
		}
		if limit.Expired() {
			return fmt.Errorf("no round ended within %s of real time: warden hangs, or the machine is overloaded", r.Patience)
		}
		if err := clock.Sleep(ctx, r.real, pollEvery); err != nil {
			return err
		}
	}
}

// executing reports whether an execution runs whose node is up: one that was
// begun by a dead node waits for a successor, and that is quiet.
func (r *Run) executing() bool {
	return slices.ContainsFunc(r.Ledger.Cases(ledger.CaseFilter{Open: true}), func(c *ledger.Case) bool {
		x := c.Execution()
		return c.Stage == remedy.StageExecuting && (x == nil || x.Token != r.Begun)
	})
}
