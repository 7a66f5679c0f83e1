package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/clock"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Cluster is the nodes that a story plays on.
type Cluster interface {
	// Nodes are those that are up, in the order of their names.
	Nodes() []Node
	// KillInAction has the load balancer carry out the next command and keep the
	// answer, and kills who sent it before it gets one. It returns at once.
	KillInAction()
	// Killed is the node that KillInAction has killed; empty until then.
	Killed() string
	// Kill kills a node now.
	Kill(name string) error
	// Start starts a dead node on what it left behind.
	Start(ctx context.Context, name string) error
}

// Node is one node that is up, as it is at this moment.
type Node struct {
	Name   string
	ID     remedy.NodeID
	Ledger *ledger.Ledger
	Engine *engine.Engine
	// Leads says that it leads, as far as it knows, and Term since when. Quorum
	// says that what is asked of the cluster has a chance there.
	Leads, Quorum bool
	Term          uint64
	// Rounds is how many rounds it has finished since it leads.
	Rounds int
}

// turn turns to the node that leads or, without one, to the first that is up.
func (r *Run) turn() Node {
	at := leader(r.Cluster.Nodes())
	r.Ledger, r.Engine = at.Ledger, at.Engine
	return at
}

// leader is who leads; of two who think so, the later one. Without one it is the
// first node.
func leader(nodes []Node) Node {
	at := Node{Ledger: ledger.New()}
	if len(nodes) > 0 {
		at = nodes[0]
	}
	for _, n := range nodes {
		if n.Leads && (!at.Leads || n.Term > at.Term) {
			at = n
		}
	}
	return at
}

// settledAfter is how many rounds a node that has just been elected needs until
// what it decides is as ever: the first may be cut short by the election itself,
// the second is complete, and from the third on it acts on what it sees.
const settledAfter = 3

// settle waits until somebody leads, and for long enough to decide as ever: on a
// busy machine there are elections that no story knows of. Where too few nodes are
// up for anybody to lead there is nothing to wait for.
func (r *Run) settle(ctx context.Context) error {
	limit := clock.NewDeadline(r.real, r.Patience)
	for {
		at, ok := r.settled()
		if ok {
			return nil
		}
		if limit.Expired() {
			return fmt.Errorf("no node has led for %d rounds, within %s of real time", settledAfter, r.Patience)
		}
		if at.Leads {
			if err := r.next(ctx); err != nil {
				return err
			}
		} else if err := clock.Sleep(ctx, r.real, eventEvery); err != nil { // elections are held in real time
			return err
		}
	}
}

// settled is who leads, and whether that node decides as ever, or nobody can.
func (r *Run) settled() (Node, bool) {
	nodes := r.Cluster.Nodes()
	at := leader(nodes)
	return at, len(nodes) <= len(r.Down) || at.Leads && at.Rounds >= settledAfter
}

// upTo waits until a node has applied what the leader has.
func (r *Run) upTo(ctx context.Context, n Node, index uint64) error {
	limit := clock.NewDeadline(r.real, r.Patience)
	for n.Ledger.Status().Index < index {
		if limit.Expired() {
			return fmt.Errorf("%s has not applied entry %d within %s of real time", n.Name, index, r.Patience)
		}
		if err := clock.Sleep(ctx, r.real, pollEvery); err != nil {
			return err
		}
	}
	return nil
}

// nodes words who is up and who leads.
func (r *Run) nodes() string {
	var out []string
	for _, n := range r.Cluster.Nodes() {
		what := "follows"
		switch {
		case n.Leads:
			what = fmt.Sprintf("leads in term %d", n.Term)
		case !n.Quorum:
			what = "has no leader"
		}
		out = append(out, n.Name+" "+what)
	}
	for _, name := range r.Down {
		out = append(out, name+" is dead")
	}
	return strings.Join(out, ", ")
}

// together looks for n nodes up, one leading and the others following, all
// voters, each of them having reported its file, in one ledger.
func together(n int) func(*Run) Sight {
	return func(r *Run) Sight {
		s := Sight{Want: fmt.Sprintf("%d nodes up, one of them leading, 3 voters that have reported", n), Seen: r.nodes()}
		st := r.Ledger.Status()
		s.Seen += fmt.Sprintf("; %d voters, %d reports", len(st.Voters), len(st.Reports))
		lead, quorum := 0, 0
		nodes := r.Cluster.Nodes()
		for _, one := range nodes {
			if one.Leads {
				lead++
			}
			if one.Quorum {
				quorum++
			}
		}
		s.OK = len(nodes) == n && lead == 1 && quorum == n && len(st.Voters) == 3 && len(st.Reports) == 3
		return s
	}
}

// succeeded looks for a leader of a later term than the step began in.
func succeeded(r *Run) Sight {
	at := leader(r.Cluster.Nodes())
	return Sight{
		OK: at.Leads && at.Term > r.TermBefore && !slices.Contains(r.Down, at.Name), Seen: r.nodes(),
		Want: fmt.Sprintf("another node leads, in a term after %d", r.TermBefore),
	}
}

// headless looks for nobody leading.
func headless(r *Run) Sight {
	nodes := r.Cluster.Nodes()
	return Sight{
		OK:   len(nodes) > 0 && !slices.ContainsFunc(nodes, func(n Node) bool { return n.Leads || n.Quorum }),
		Want: "no leader and no quorum", Seen: r.nodes(),
	}
}

// alike looks for one chain of entries and one state on all three nodes.
func alike(r *Run) Sight {
	const want = 3
	seen := map[string]bool{}
	var words []string
	nodes := r.Cluster.Nodes()
	for _, n := range nodes {
		st := n.Ledger.Status()
		hash, err := n.Ledger.Hash()
		if err != nil {
			return Sight{Want: "a state that can be hashed", Seen: err.Error()}
		}
		seen[fmt.Sprint(st.Index, st.Chain, hash)] = true
		words = append(words, fmt.Sprintf("%s at entry %d, chain %.12s", n.Name, st.Index, st.Chain))
	}
	return Sight{
		OK: len(seen) == 1 && len(nodes) == want, Want: fmt.Sprintf("%d nodes at one entry with one chain and one state", want),
		Seen: strings.Join(words, "; "),
	}
}

// struck looks for the leader having been killed in the middle of an action.
func struck(r *Run) Sight {
	name := r.Cluster.Killed()
	if name != "" && !slices.Contains(r.Down, name) {
		r.Down = append(r.Down, name)
	}
	return Sight{OK: name != "", Want: "the leader killed in the middle of an action", Seen: r.nodes()}
}

// halfway looks for the only case being between START and FINISHED, that START
// being the dead node's, and remembers both.
func halfway(r *Run) Sight {
	open := r.Open()
	s := Sight{Want: "one case, executing, with START committed and no FINISHED", Seen: fmt.Sprintf("%d open cases%s", len(open), ids(open))}
	if len(open) != 1 {
		return s
	}
	x := open[0].Execution()
	s.OK = open[0].Stage == remedy.StageExecuting && x != nil && x.FinishedAt.IsZero() && aborted(open[0].Executions[:len(open[0].Executions)-1])
	if s.OK {
		r.Case, r.Begun = open[0].ID, x.Token
	}
	return s
}

// aborted reports whether all of the executions were called off before their
// effect, as a busy machine does whose evidence grows too old meanwhile.
func aborted(all []ledger.Execution) bool {
	return !slices.ContainsFunc(all, func(x ledger.Execution) bool { return x.Outcome != remedy.OutcomeAborted || x.Late != "" })
}

// finishedFor looks for the dead node's execution having been finished by its
// successor, on what the load balancer said, without another effect.
func finishedFor(r *Run) Sight {
	return theCase("out, done and took, by one effect, finished by a successor", func(c *ledger.Case) bool {
		x := c.Acted()
		if x == nil {
			return false
		}
		took, known := x.Took.Get()
		return c.Stage == remedy.StageOut && x.Token == r.Begun && x.Outcome == remedy.OutcomeDone && known && took && aborted(c.Executions[:len(c.Executions)-1])
	})(r)
}

// commandsFor looks for how many commands the load balancer got for a host.
func commandsFor(host string, want int) func(*Run) Sight {
	return func(r *Run) Sight {
		n := 0
		for _, c := range r.Fleet.Changes() {
			if c.Host == host {
				n++
			}
		}
		return Sight{OK: n == want, Want: fmt.Sprintf("%d commands for %s", want, host), Seen: fmt.Sprintf("%d commands", n)}
	}
}

// says looks for how many voters' files say a level.
func says(level remedy.Level, want int) func(*Run) Sight {
	return func(r *Run) Sight {
		n := 0
		for _, rep := range r.Ledger.Status().Reports {
			for _, l := range rep.Levels {
				if l.Action == r.Action && l.Pool == r.Pool && l.Level == level {
					n++
				}
			}
		}
		return Sight{OK: n == want, Want: fmt.Sprintf("%d of 3 nodes say %s", want, level), Seen: fmt.Sprintf("%d of 3", n)}
	}
}

// killTwo kills the leader and another node.
func (r *Run) killTwo() error {
	first := r.turn().Name
	for _, n := range slices.Concat([]string{first}, others(r.Cluster.Nodes(), first)[:1]) {
		r.Down = append(r.Down, n)
		if err := r.Cluster.Kill(n); err != nil {
			return err
		}
	}
	return nil
}

func others(nodes []Node, but string) []string {
	var out []string
	for _, n := range nodes {
		if n.Name != but {
			out = append(out, n.Name)
		}
	}
	return out
}

// ask has the leader do what a person wants. Where an election comes between,
// it was certainly not done, and the person asks again, as people do.
func (r *Run) ask(ctx context.Context, do func(*engine.Engine) error) error {
	limit := clock.NewDeadline(r.real, r.Patience)
	for {
		r.turn()
		err := do(r.Engine)
		var refused *engine.Refusal
		transient := errors.Is(err, engine.ErrNotCommitted) || errors.Is(err, engine.ErrBusy) || errors.As(err, &refused) && refused.Code == engine.RefusedTransient
		if !transient || limit.Expired() {
			return err
		}
		if err := clock.Sleep(ctx, r.real, eventEvery); err != nil {
			return err
		}
	}
}

// stated looks for the statement of a node without quorum.
func stated(r *Run) Sight {
	text := r.Status()
	want := []string{"NO QUORUM since", "nothing can be approved"}
	ok := !slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(text, w) })
	return Sight{OK: ok, Want: "warden status says: " + strings.Join(want, ", "), Seen: text}
}

// start starts the node that was killed first of those that are dead.
func (r *Run) start(ctx context.Context) error {
	name := r.Down[0]
	r.Down = r.Down[1:]
	return r.Cluster.Start(ctx, name)
}

// settle is how long, on the story's clock, a dead node's execution may take to
// be finished: what it may still have done itself is waited for first.
const settle = 40 * time.Minute
