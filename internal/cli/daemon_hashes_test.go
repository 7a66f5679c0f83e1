package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/peer"
	"warden/internal/remedy"
)

// hashed are some nodes with a ledger each, whose watches ask one another.
type hashed struct {
	t     *testing.T
	nodes []remedy.NodeID
	mu    sync.Mutex
	cut   map[remedy.NodeID]bool
	leds  map[remedy.NodeID]*ledger.Ledger
	watch map[remedy.NodeID]*hashWatch
	stops map[remedy.NodeID]divergence
	tells []string // what the leader, the first node, told
	froze int
	index uint64
}

func newHashed(t *testing.T, n int) *hashed {
	t.Helper()
	h := &hashed{
		t: t, nodes: []remedy.NodeID{"n1", "n2", "n3"}[:n], cut: map[remedy.NodeID]bool{}, leds: map[remedy.NodeID]*ledger.Ledger{},
		watch: map[remedy.NodeID]*hashWatch{}, stops: map[remedy.NodeID]divergence{},
	}
	for _, id := range h.nodes {
		h.leds[id] = ledger.New()
		h.watch[id] = newHashWatch(hashOptions{
			Ledger: h.leds[id], Node: id, Every: 10, Clock: clock.System(), Logger: zaptest.NewLogger(t),
			Ask: func(ctx context.Context, index uint64, hash string) map[remedy.NodeID]peer.Verdict {
				return h.ask(ctx, id, index, hash)
			},
			Leads: func() bool { return id == "n1" },
			Tell: func(_ context.Context, detail string, freeze bool) error {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.tells = append(h.tells, detail)
				if freeze {
					h.froze++
				}
				return nil
			},
			Stop: func(d divergence) {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.stops[id], h.cut[id] = d, true
			},
		})
		go h.watch[id].Run(t.Context())
	}
	h.apply(&ledger.ClusterInit{ClusterID: "c", Voters: h.nodes}, nil)
	return h
}

// ask asks every node that can be reached.
func (h *hashed) ask(ctx context.Context, from remedy.NodeID, index uint64, hash string) map[remedy.NodeID]peer.Verdict {
	out := map[remedy.NodeID]peer.Verdict{}
	for _, id := range h.nodes {
		h.mu.Lock()
		cut := h.cut[id] || h.cut[from]
		h.mu.Unlock()
		if id != from && !cut {
			out[id] = h.watch[id].Compare(ctx, from, index, hash)
		}
	}
	return out
}

// apply applies an entry on all nodes; other is what some apply instead, as a
// fault of theirs would have it.
func (h *hashed) apply(b ledger.Body, other map[remedy.NodeID]ledger.Body) {
	h.t.Helper()
	h.index++
	for _, id := range h.nodes {
		body := b
		if o, ok := other[id]; ok {
			body = o
		}
		e, err := ledger.NewEntry(time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC), remedy.Warden(), "n1", body)
		if err != nil {
			h.t.Fatal(err)
		}
		data, err := e.Encode()
		if err != nil {
			h.t.Fatal(err)
		}
		h.leds[id].Apply(h.index, 1, data)
	}
}

func (h *hashed) away(id remedy.NodeID, away bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut[id] = away
}

// on goes on to the next point and lets a while pass.
func (h *hashed) on(d time.Duration) {
	h.t.Helper()
	for more := true; more; more = h.index%10 != 0 {
		h.apply(note("x"), nil)
	}
	synctest.Wait()
	pass(d)
}

// pass lets time pass in a testing/synctest bubble, where it costs none, until
// everything that it brings about has come to rest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func note(text string) ledger.Body { return &ledger.NoticeAdd{Kind: ledger.NoticeSource, Detail: text} }

// want asserts who stopped, how much was told and how often it froze.
func (h *hashed) want(stopped []remedy.NodeID, tells, froze int) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.stops) != len(stopped) || len(h.tells) != tells || h.froze != froze {
		h.t.Errorf("stopped are %v, told was %q, and it froze %d times", h.stops, h.tells, h.froze)
	}
	for _, id := range stopped {
		if d := h.stops[id]; d.Node != id || d.Hash == d.Majority || d.Index == 0 {
			h.t.Errorf("%s stopped with %+v", id, d)
		}
	}
}

// Nodes that agree find nothing, also when one was away for a while.
func TestHashesAgree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHashed(t, 3)
		h.on(time.Minute)
		h.away("n3", true)
		h.on(time.Minute)
		h.away("n3", false)
		h.on(time.Minute)
		h.want(nil, 0, 0)
		for _, id := range h.nodes {
			if n := h.watch[id].differing(); n != 0 {
				t.Errorf("%s shows %d states that differ", id, n)
			}
			for _, index := range h.watch[id].hashes.Indexes() {
				if j := h.watch[id].hashes.Judge(index, h.nodes); j.Verdict != ledger.HashAgreed || j.Missing != 0 {
					t.Errorf("%s makes %+v of %d", id, j, index)
				}
			}
		}
	})
}

// The one of three that is wrong stops, whether it leads or not, and the others
// go on; the leader says who it is.
func TestTheMinorityStops(t *testing.T) {
	t.Parallel()
	for _, wrong := range []remedy.NodeID{"n1", "n3"} {
		t.Run(string(wrong), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHashed(t, 3)
				h.on(time.Minute)
				h.apply(note("x"), map[remedy.NodeID]ledger.Body{wrong: note("y")})
				h.on(time.Minute)
				tells := 1
				if wrong == "n1" {
					tells = 0 // it leads no more
				}
				h.want([]remedy.NodeID{wrong}, tells, 0)
				if tells > 0 && !strings.Contains(h.tells[0], "n3 at log index 20 is not the majority's") {
					t.Errorf("told was %q", h.tells[0])
				}
				for _, id := range h.nodes {
					if h.watch[id].differing() == 0 {
						t.Errorf("%s shows nothing of a state that differs", id)
					}
				}
			})
		})
	}
}

// Where no majority agrees nobody knows who is right: everything is frozen, at
// once when all have spoken, and after a while when the one that would decide
// it stays away. If it comes in time, it decides.
func TestWithoutAMajorityEverythingIsFrozen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHashed(t, 3)
		h.apply(note("x"), map[remedy.NodeID]ledger.Body{"n2": note("y"), "n3": note("z")})
		h.on(time.Second)
		h.want(nil, 1, 1)
		h.on(time.Minute) // told once an index
		h.want(nil, 2, 2)
	})
	synctest.Test(t, func(t *testing.T) {
		h := newHashed(t, 3)
		h.away("n3", true)
		h.apply(note("x"), map[remedy.NodeID]ledger.Body{"n2": note("y")})
		h.on(hashGrace / 2)
		h.want(nil, 0, 0)
		pass(hashGrace)
		h.want(nil, 1, 1)
	})
	synctest.Test(t, func(t *testing.T) {
		h := newHashed(t, 3)
		h.away("n3", true)
		h.apply(note("x"), map[remedy.NodeID]ledger.Body{"n2": note("y")})
		h.on(time.Second)
		h.away("n3", false)
		pass(2 * hashAgain)
		h.want([]remedy.NodeID{"n2"}, 1, 0)
	})
}

// A node whose state is known to be wrong does not start, and says what to do.
func TestADivergedNodeDoesNotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := refuseDiverged(dir); err != nil {
		t.Fatal(err)
	}
	want := divergence{Node: "n3-0000beef", Index: 3000, Hash: strings.Repeat("a", 64), Majority: strings.Repeat("b", 64)}
	if err := keepDiverged(dir, want); err != nil {
		t.Fatal(err)
	}
	err := refuseDiverged(dir)
	got, ok := errors.AsType[divergence](err)
	if !ok || got != want {
		t.Fatalf("it is %v", err)
	}
	for _, words := range []string{"n3-0000beef at log index 3000", "remove-peer n3-0000beef", "empty this node's data directory", "raft join"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("it says %q, want %q in it", err, words)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, divergedFile), []byte(`{"node":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if refuseDiverged(dir) == nil {
		t.Error("a mark that was cut off lets it start")
	}
}

// What marks a data directory is made beside the mark that is there and put in
// its place, so that at no instant there is none; and one that was only begun
// when the power failed counts.
func TestTheMarkIsNeverMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	first, second := divergence{Node: "n3-0000beef", Index: 3000}, divergence{Node: "n3-0000beef", Index: 4000}
	if err := keepDiverged(dir, first); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(at(divergedFile), at("held")); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(at("held"))
	if err != nil {
		t.Fatal(err)
	}
	if err := keepDiverged(dir, second); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(at("held")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the mark was written over in place: %q, %v", after, err)
	}
	if got, ok := errors.AsType[divergence](refuseDiverged(dir)); !ok || got != second {
		t.Errorf("it is %v", got)
	}
	if err := os.Rename(at(divergedFile), at(divergedFile+".tmp")); err != nil {
		t.Fatal(err)
	}
	if got, ok := errors.AsType[divergence](refuseDiverged(dir)); !ok || got != second {
		t.Errorf("a mark that was begun lets it start: %v", got)
	}
}
