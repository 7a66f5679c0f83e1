package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/peer"
	"warden/internal/remedy"
)

// hashEvery is after how many log records the nodes compare their states.
const hashEvery = 1000

const (
	// hashAgain is how often a hash is sent again that not everybody answered.
	hashAgain = 10 * time.Second
	// hashGrace is how long differing hashes may wait for the voter that decides
	// which is right, before everything is frozen.
	hashGrace = 30 * time.Second
)

// hashOptions is what a hashWatch is made of. All fields are required.
type hashOptions struct {
	Ledger *ledger.Ledger
	Node   remedy.NodeID
	// Every is after how many log records a state is compared.
	Every uint64
	Clock clock.Clock
	// Ask sends this node's hash to every other voter, and has the answers of
	// those that gave one in time.
	Ask func(ctx context.Context, index uint64, hash string) map[remedy.NodeID]peer.Verdict
	// Leads reports whether this node leads, as far as it knows.
	Leads func() bool
	// Tell pages, and commits a freeze as well when asked to.
	Tell func(ctx context.Context, detail string, freeze bool) error
	// Stop ends the process: this node's state is not the majority's.
	Stop   func(d divergence)
	Logger *zap.Logger
}

// hashWatch compares this node's state with the others', at the same entries on
// all of them. Each node sends its hash to all and comes to its own verdict.
type hashWatch struct {
	hashOptions
	points chan ledger.Point
	kick   chan struct{}

	told map[string]bool // Run's own

	mu       sync.Mutex
	hashes   *ledger.Hashes
	disputed map[uint64]time.Time // since when
	answered map[uint64]bool      // indexes that every voter has answered
}

func newHashWatch(o hashOptions) *hashWatch {
	w := &hashWatch{
		hashOptions: o, points: make(chan ledger.Point, 1), kick: make(chan struct{}, 1), hashes: ledger.NewHashes(o.Node),
		disputed: map[uint64]time.Time{}, told: map[string]bool{}, answered: map[uint64]bool{},
	}
	o.Ledger.Watch(o.Every, func(p ledger.Point) {
		select {
		case w.points <- p:
		default: // still hashing the one before: Apply waits for nobody
		}
	})
	return w
}

// Run hashes, sends and judges until ctx ends.
func (w *hashWatch) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-w.points:
			w.mine(p)
			w.send(ctx)
		case <-w.kick: // another's word, which is no reason to say anything again
		case <-w.Clock.After(hashAgain):
			w.send(ctx)
		}
		w.judge(ctx)
	}
}

// mine hashes a point.
func (w *hashWatch) mine(p ledger.Point) {
	hash, err := p.Hash()
	if err != nil {
		w.Logger.Error("the state can't be hashed; this is a bug, please report it", zap.Error(err))
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hashes.Add(w.Node, p.Index, hash)
	kept := w.hashes.Indexes()
	forgotten := func(index uint64) bool { return !slices.Contains(kept, index) }
	for index := range w.answered {
		if forgotten(index) {
			delete(w.answered, index)
		}
	}
	for index := range w.disputed {
		if forgotten(index) {
			delete(w.disputed, index)
		}
	}
}

// Compare takes in another node's hash and says what this one makes of it.
func (w *hashWatch) Compare(_ context.Context, node remedy.NodeID, index uint64, hash string) peer.Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hashes.Add(node, index, hash)
	own, known := w.hashes.Hash(w.Node, index)
	switch {
	case !known:
		return peer.VerdictUnknown
	case own == hash:
		return peer.VerdictSame
	}
	select {
	case w.kick <- struct{}{}:
	default:
	}
	return peer.VerdictDiffers
}

// newestSent is of how many of its newest hashes a node goes on telling those
// that have not answered.
const newestSent = 4

// send tells the others this node's newest hashes, until each has answered.
func (w *hashWatch) send(ctx context.Context) {
	type sending struct {
		index uint64
		hash  string
	}
	var due []sending
	w.mu.Lock()
	kept := w.hashes.Indexes()
	for _, index := range kept[max(0, len(kept)-newestSent):] {
		if hash, _ := w.hashes.Hash(w.Node, index); !w.answered[index] {
			due = append(due, sending{index, hash})
		}
	}
	w.mu.Unlock()
	for _, s := range due {
		answers := w.Ask(ctx, s.index, s.hash)
		w.mu.Lock()
		all := true
		for _, v := range w.Ledger.Status().Voters {
			if v == w.Node {
				continue
			}
			_, known := w.hashes.Hash(v, s.index)
			switch answers[v] {
			case peer.VerdictSame:
				w.hashes.Add(v, s.index, s.hash)
			case peer.VerdictDiffers:
				if !known { // which it is, it says when it asks
					w.hashes.Add(v, s.index, "another ("+string(v)+")")
				}
			case peer.VerdictUnknown: // it is behind, and compares when it gets there
			default:
				all = false
			}
		}
		w.answered[s.index] = all
		w.mu.Unlock()
	}
}

// hashFinding is what one look at all hashes asks for.
type hashFinding struct {
	detail string
	freeze bool
	stop   *divergence
}

// judge acts on what is known of each index.
func (w *hashWatch) judge(ctx context.Context) {
	for _, f := range w.findings(w.Ledger.Status().Voters, w.Clock.Now()) {
		switch {
		case f.stop != nil:
			w.Stop(*f.stop)
			return
		case w.told[f.detail] || !w.Leads():
		default:
			w.Logger.Error("states differ", zap.String("detail", f.detail))
			if err := w.Tell(ctx, f.detail, f.freeze); err != nil {
				w.Logger.Error("that states differ could not be told", zap.Error(err))
				continue
			}
			w.told[f.detail] = true
		}
	}
}

// findings is what is wrong now, by index; that this node must stop is the last.
func (w *hashWatch) findings(voters []remedy.NodeID, now time.Time) []hashFinding {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []hashFinding
	for _, index := range w.hashes.Indexes() {
		j := w.hashes.Judge(index, voters)
		if j.Verdict != ledger.HashDisputed {
			delete(w.disputed, index)
		}
		switch j.Verdict {
		case ledger.HashPending:
		case ledger.HashMinority:
			own, _ := w.hashes.Hash(w.Node, index)
			return append(out, hashFinding{stop: &divergence{Node: w.Node, Index: index, Hash: own, Majority: j.Majority}})
		case ledger.HashAgreed:
			for _, n := range j.Others {
				out = append(out, hashFinding{detail: fmt.Sprintf("the state of %s at log index %d is not the majority's, so that node stops: remove it, empty its data directory and join it again", n, index)})
			}
		case ledger.HashDisputed:
			since, known := w.disputed[index]
			if !known {
				w.disputed[index], since = now, now
			}
			if j.Missing == 0 || now.Sub(since) >= hashGrace {
				out = append(out, hashFinding{freeze: true, detail: fmt.Sprintf("the nodes' states differ at log index %d and no majority agrees (%s and %s): nobody knows who is right. Compare what they show with the load balancers, keep one, and join the others anew",
					index, w.Node, names(j.Others))})
			}
		}
	}
	return out
}

func names(nodes []remedy.NodeID) string {
	words := make([]string, len(nodes))
	for i, n := range nodes {
		words[i] = string(n)
	}
	return strings.Join(words, ", ")
}

// divergence is why a node stopped for good: its state is not the majority's.
type divergence struct {
	Node     remedy.NodeID `json:"node"`
	Index    uint64        `json:"index"`
	Hash     string        `json:"hash"`
	Majority string        `json:"majority"`
}

// Error says what to do.
func (d divergence) Error() string {
	return fmt.Sprintf("the state of %s at log index %d is not the one that most nodes have (%.12s, theirs is %.12s), so it can't be trusted and this node doesn't start: "+
		"run `warden operator raft remove-peer %s` on another node, empty this node's data directory, start it, and run `warden operator raft join` for it",
		d.Node, d.Index, d.Hash, d.Majority, d.Node)
}

// divergedFile remembers in the data directory that the state in it is wrong,
// and divergedBegun that somebody was about to say so.
const (
	divergedFile  = "diverged.json"
	divergedBegun = divergedFile + ".tmp"
)

// keepDiverged makes it stick: every later start refuses, so that nothing votes
// that is built on a wrong state, until people have emptied the directory. A
// mark that is there is replaced whole, and never taken away: where the disk is
// full a piece of one does as well.
func keepDiverged(dir string, d divergence) error {
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	begun := filepath.Join(dir, divergedBegun)
	f, err := os.OpenFile(begun, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(begun, filepath.Join(dir, divergedFile))
	}
	parent, failed := os.Open(dir) // the name must outlive a power cut too
	if failed != nil {
		return errors.Join(err, failed)
	}
	return errors.Join(err, parent.Sync(), parent.Close())
}

// refuseDiverged refuses a data directory whose state is known to be wrong.
func refuseDiverged(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, divergedFile))
	if errors.Is(err, fs.ErrNotExist) {
		data, err = os.ReadFile(filepath.Join(dir, divergedBegun))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("whether this node's state may be trusted can't be read: %w", err)
	}
	var d divergence
	if err := json.Unmarshal(data, &d); err != nil {
		d.Node = "this node" // a file that was cut off says as much
	}
	return d
}

// watchHashes makes the node's comparing of states.
func (d *daemon) watchHashes() *hashWatch {
	return newHashWatch(hashOptions{
		Ledger: d.ledger, Node: d.node.ID(), Every: cmp.Or(d.HashEvery, hashEvery), Clock: d.Clock, Ask: d.peers.Hashes, Leads: d.leads,
		Tell: d.engine.Diverged, Stop: d.stopDiverged, Logger: d.Logger.Named("hashes"),
	})
}

// stopDiverged ends the process at once, as a disk that fails does: what this
// node thinks is not to be acted on any more, nor to be voted with.
func (d *daemon) stopDiverged(v divergence) {
	if err := keepDiverged(d.Storage, v); err != nil {
		d.Logger.Error("the data directory could not be marked: it must not be used again", zap.Error(err))
	}
	d.Logger.Error("this node stops", zap.Error(v))
	exit := d.Exit
	if exit == nil {
		exit = os.Exit //nolint:forbidigo // as when the disk fails: nothing else of this process may go on
	}
	exit(ExitError)
}
