package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// The faults, besides those at a point of an execution.
const (
	FaultKill      = "kill"      // kill -9 at a moment that nobody chose
	FaultHavoc     = "havoc"     // kill -9 of one node after the other, each started again at once
	FaultPause     = "pause"     // SIGSTOP for longer than an election
	FaultTerminate = "terminate" // SIGTERM: the planned way out
	FaultPair      = "pair"      // one pair of nodes doesn't reach each other, all others do
	FaultAlone     = "alone"     // a node reaches the services and none of its peers
	FaultUnplug    = "unplug"    // a node reaches nobody
	FaultOneWay    = "one-way"   // a node hears nothing of its peers, and they hear it
	FaultFlap      = "flap"      // a node's peers come and go
	FaultSplit     = "split"     // no node reaches any other: nobody has a majority
	FaultSlow      = "slow"      // the ways between the nodes are slow and lose packets
	FaultMute      = "mute"      // a node's connections stay open and carry nothing
	FaultClock     = "clock"     // a wall clock is set an hour ahead or back
	FaultFull      = "full"      // a disk is full
	FaultReadOnly  = "read-only" // a disk comes back read-only after a restart
	FaultLost      = "lost"      // a disk is lost; people remove the node and have the new one join
	FaultTransfer  = "transfer"  // people have another node lead
	FaultTail      = "tail"      // the end of a stopped node's log is cut off
	FaultSnapshot  = "snapshot"  // a bit of a stopped node's snapshot is flipped
	FaultRefuse    = "refuse"    // HAProxy's runtime API refuses connections
	FaultHang      = "hang"      // it takes commands and neither applies nor answers them
	FaultHalf      = "half"      // it applies commands and the answers are lost
	FaultSit       = "sit"       // it applies commands, much later
	FaultStall     = "stall"     // HAProxy itself stands still, and then does all that it was told
	FaultFlaky     = "flaky"     // each of these now and then
	FaultReload    = "reload"    // HAProxy is reloaded, and forgets every drain
	FaultSource    = "source"    // Prometheus does not answer
	FaultRollout   = "rollout"   // the nodes get another config, one after the other
)

// Faults are all of them, in the order in which seeds take them.
func Faults() []string {
	return []string{
		FaultPause, FaultAlone, FaultReload, FaultKill, FaultClock, FaultHalf, FaultRollout, FaultTail, FaultFlap,
		FaultTerminate, FaultLost, FaultSit, FaultPair, FaultFull, FaultSlow, FaultHang, FaultUnplug, FaultSnapshot, FaultOneWay,
		FaultRefuse, FaultStall, FaultHavoc, FaultReadOnly, FaultMute, FaultTransfer, FaultSource, FaultSplit, FaultFlaky,
	}
}

// The roles that a fault is given to.
const (
	Leader   = "leader"
	Follower = "follower"
	All      = "all"
)

// Act is one fault of a plan: what, to whom, and for how long.
type Act struct {
	Fault string
	Role  string
	For   time.Duration
	// Ahead is the way a clock is set.
	Ahead bool
}

func (a Act) String() string {
	return fmt.Sprintf("%s of %s for %v", a.Fault, a.Role, a.For.Round(100*time.Millisecond))
}

// Scene is a fault, and beside it one point at which a process is to fail.
type Scene struct {
	Act  Act
	Cell Cell
	// Down is how long a process that died stays dead, or a paused one paused.
	Down time.Duration
	// After is how often the point is passed before it fires.
	After int
}

// Plan is what is done to one cluster.
type Plan struct {
	Seed uint64
	// Founding is a point at which a node fails while the cluster is founded.
	Founding Cell
	Scenes   []Scene
}

// scenes is how many scenes a plan has.
const scenes = 3

// With gives every scene of a plan the same cell.
func (p Plan) With(cell Cell) Plan {
	p.Scenes = slices.Clone(p.Scenes)
	for i := range p.Scenes {
		p.Scenes[i].Cell = cell
	}
	return p
}

// PlanOf draws a seed's plan. Which faults and cells a seed gets follows from
// its number, so that consecutive seeds share them out between them; the rest
// is drawn. Points are the binary's own list.
func PlanOf(seed uint64, points []string) Plan {
	rng := rand.New(rand.NewPCG(seed, 0x77617264656e))
	p := Plan{Seed: seed}
	faults := Faults()
	var cells, founding []Cell
	for _, c := range Cells(points) {
		switch {
		case c.Why != "":
		case c.Founding():
			founding = append(founding, c)
		default:
			cells = append(cells, c)
		}
	}
	if len(founding) > 0 {
		p.Founding = founding[int(seed-1)*stride(len(founding))%len(founding)]
	}
	for i := range scenes {
		n := int(seed-1)*scenes + i
		s := Scene{
			Act: Act{
				Fault: faults[n%len(faults)], Role: []string{Leader, Leader, Follower}[rng.IntN(3)],
				For: 1500*time.Millisecond + time.Duration(rng.Int64N(int64(4*time.Second))), Ahead: rng.IntN(2) == 0,
			},
			// Long enough for an election, and mostly short enough to begin in time.
			Down: time.Second + time.Duration(rng.Int64N(int64(3700*time.Millisecond))), After: 1 + rng.IntN(2),
		}
		if rng.IntN(4) == 0 {
			s.Down += 8 * time.Second // beyond what a successor waits
		}
		if s.Act.Fault == FaultKill && rng.IntN(3) == 0 {
			s.Act.Role = All
		}
		if len(cells) > 0 {
			// A stride that shares no factor with the number of cells visits all.
			s.Cell = cells[n*stride(len(cells))%len(cells)]
		}
		p.Scenes = append(p.Scenes, s)
	}
	return p
}

// stride is a step through n things that visits each once and neighbours far
// apart.
func stride(n int) int {
	for s := n*5/8 + 1; ; s++ {
		if gcd(s, n) == 1 {
			return s
		}
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
