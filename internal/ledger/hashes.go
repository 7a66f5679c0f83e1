package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"warden/internal/remedy"
)

// Point is the state right after one entry. It stays as it is while the ledger
// moves on, so that it can be hashed beside later Applies.
type Point struct {
	Index, Term uint64
	state       io.WriterTo
}

// Hash is the SHA-256 of the state, as Ledger.Hash has it. It takes as long as
// writing a snapshot.
func (p Point) Hash() (string, error) {
	sum := sha256.New()
	if _, err := p.state.WriteTo(sum); err != nil {
		return "", fmt.Errorf("hash the state at %d: %w", p.Index, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Watch has take called with the state after each entry with which the log
// reached or passed a multiple of every, which must be above 0: the log has
// records that are no entries, so that a multiple itself may never be applied.
// All nodes have these points at the same entries. take is called by Apply,
// which waits for it: it hands the point over and returns.
func (l *Ledger) Watch(every uint64, take func(Point)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.every, l.take = every, take
}

// watched hands a point to whoever watches, if one was reached since before.
func (l *Ledger) watched(before uint64) {
	if l.take != nil && l.m.index/l.every > before/l.every {
		l.take(Point{Index: l.m.index, Term: l.m.term, state: &snapshot{m: l.m.clone()}})
	}
}

// HashVerdict is what a node makes of all hashes of one index.
type HashVerdict string

// The verdicts on the hashes of one index.
const (
	// HashPending: no two differ, and not enough are known.
	HashPending HashVerdict = "pending"
	// HashAgreed: more than half of the voters have this node's hash.
	HashAgreed HashVerdict = "agreed"
	// HashMinority: more than half of the voters have one other hash. This
	// node's state is wrong.
	HashMinority HashVerdict = "minority"
	// HashDisputed: some differ, and nobody knows yet who is right, or ever will.
	HashDisputed HashVerdict = "disputed"
)

// HashJudgement is a verdict and who is concerned.
type HashJudgement struct {
	Verdict HashVerdict
	// Majority is the hash that more than half of the voters have; empty when
	// none is known.
	Majority string
	// Others are the nodes with another hash than the majority's, or, without
	// one, than this node's; sorted.
	Others []remedy.NodeID
	// Missing is how many voters' hashes are not known.
	Missing int
}

// Hashes collects nodes' state hashes and compares them. Every node sends its
// own to all others, so that each comes to the same verdict by itself and nobody
// has to be believed. It is pure and not safe for concurrent use.
type Hashes struct {
	self remedy.NodeID
	kept []nodeHash // in order of arrival
}

type nodeHash struct {
	node  remedy.NodeID
	index uint64
	hash  string
}

// keptHashes is how many hashes of one node are kept: enough for a voter that
// comes back after a while, and a bound for one that says nonsense.
const keptHashes = 16

// NewHashes returns an empty collection of the node self.
func NewHashes(self remedy.NodeID) *Hashes { return &Hashes{self: self} }

// Add takes in one node's hash. A later one of the same index replaces it.
func (h *Hashes) Add(node remedy.NodeID, index uint64, hash string) {
	h.kept = slices.DeleteFunc(h.kept, func(k nodeHash) bool { return k.node == node && k.index == index })
	h.kept = append(h.kept, nodeHash{node, index, hash})
	have := 0
	for i, k := range slices.Backward(h.kept) {
		if k.node == node {
			have++
		}
		if have > keptHashes {
			h.kept = slices.Delete(h.kept, i, i+1)
			return
		}
	}
}

// Hash is a node's hash at the index; false when it isn't known.
func (h *Hashes) Hash(node remedy.NodeID, index uint64) (string, bool) {
	for _, k := range h.kept {
		if k.node == node && k.index == index {
			return k.hash, true
		}
	}
	return "", false
}

// Indexes are those of this node's own hashes that are kept, oldest first.
func (h *Hashes) Indexes() []uint64 {
	var out []uint64
	for _, k := range h.kept {
		if k.node == h.self {
			out = append(out, k.index)
		}
	}
	slices.Sort(out)
	return out
}

// Judge compares all hashes of an index that voters sent. Only this node's own
// counts without being a voter's: that of one which is joining.
func (h *Hashes) Judge(index uint64, voters []remedy.NodeID) HashJudgement {
	own, known := h.Hash(h.self, index)
	if !known {
		return HashJudgement{Verdict: HashPending}
	}
	var all []nodeHash
	for _, k := range h.kept {
		if k.index == index && (k.node == h.self || slices.Contains(voters, k.node)) {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b nodeHash) int { return cmp.Compare(a.node, b.node) })
	out := HashJudgement{Verdict: HashPending, Missing: len(voters)}
	for _, k := range all {
		if slices.Contains(voters, k.node) {
			out.Missing--
		}
		same := 0
		for _, o := range all {
			if o.hash == k.hash && slices.Contains(voters, o.node) {
				same++
			}
		}
		if 2*same > len(voters) {
			out.Majority = k.hash
		}
	}
	right := cmp.Or(out.Majority, own)
	for _, k := range all {
		if k.hash != right {
			out.Others = append(out.Others, k.node)
		}
	}
	switch {
	case out.Majority == own:
		out.Verdict = HashAgreed
	case out.Majority != "":
		out.Verdict = HashMinority
	case len(out.Others) > 0:
		out.Verdict = HashDisputed
	}
	return out
}
