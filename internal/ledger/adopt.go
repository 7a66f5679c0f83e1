package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"warden/internal/remedy"
)

// Adoption says as whose a saved state goes on.
type Adoption struct {
	// ClusterID, Voters and Invited are those of the cluster that adopts it.
	ClusterID string
	Voters    []remedy.NodeID
	Invited   []remedy.NodeID
	// Index and Term are where the state will stand in the log.
	Index, Term uint64
	// At is when, By the person, and Why what they did, for the freeze and the
	// message about it.
	At  time.Time
	By  remedy.Actor
	Why string
}

// Adopt makes of a saved state one that this ledger's cluster can go on from,
// and returns it as a snapshot. The ledger itself stays as it is. A saved state
// is an old opinion of the world: executions that have ended since still run in
// it, and it doesn't know which hosts were taken out later. So it is frozen,
// within the state itself, until a person has looked and lifts that. What must
// never go back doesn't: time, the numbers of cases and notices, revisions,
// counters, the pace of starts, holds, common mode, quiet hosts, and what is
// remembered of a pool's size: of two restraints the stricter. Levels and limits
// stay those of the voters that adopt it, and where that moves a level, because
// a voter is not among them, the freeze and its message say so. Adopting for a cluster that the state belongs to already,
// after an adoption with the same freeze, changes nothing.
func (l *Ledger) Adopt(saved io.Reader, a Adoption) (io.WriterTo, error) {
	if a.ClusterID == "" || len(a.Voters) == 0 || !a.By.Person || a.Why == "" {
		return nil, errors.New("an adoption needs a cluster, its voters, a person and a reason: this is a bug, please report it")
	}
	m, err := readSnapshot(saved)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; take another snapshot, or the version of warden that wrote it", ErrSnapshot, err)
	}
	l.mu.RLock()
	now := l.m.clone()
	l.mu.RUnlock()
	if m.clusterID == a.ClusterID && m.freeze != nil && strings.HasPrefix(m.freeze.Reason, a.Why) && m.index == a.Index {
		return &snapshot{m: *m}, nil
	}
	m.adopt(&now, a)
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("the adopted state would not be sound: %w: this is a bug, please report it", err)
	}
	return &snapshot{m: m.clone()}, nil
}

// adopt goes on from m where now is.
func (m *machine) adopt(now *machine, a Adoption) {
	sum := sha256.New()
	sum.Write([]byte(now.chain))
	sum.Write([]byte(m.chain))
	m.chain = hex.EncodeToString(sum.Sum(nil))
	m.index, m.term, m.needs = a.Index, a.Term, max(m.needs, now.needs)
	if now.time.After(m.time) {
		m.time = now.time
	}
	m.clusterID, m.voters, m.invited = a.ClusterID, nodes(a.Voters), nodes(a.Invited)
	m.lastCase, m.lastNotice = max(m.lastCase, now.lastCase), max(m.lastNotice, now.lastNotice)
	m.global = max(m.global, now.global) + 1

	levels := now.levels()
	voter := func(n remedy.NodeID) bool { return slices.Contains(m.voters, n) }
	m.reports = slices.DeleteFunc(slices.Clone(now.reports), func(r NodeReport) bool { return !voter(r.Node) })
	m.waivers = slices.DeleteFunc(slices.Clone(now.waivers), func(w Waiver) bool { return !voter(w.Node) })
	m.adoptTrust(now, step{at: m.time, by: a.By})
	m.holds = mergeHolds(now.holds, m.holds)
	m.counters = mergeCounters(now.counters, m.counters)
	m.askAfresh(step{at: m.time, by: a.By})
	m.talk, m.posts, m.summaries = now.talk, mergePosts(now.posts, m.posts), mergeSummaries(now.summaries, m.summaries)
	m.happenings, m.forgot = mergeHappenings(now.happenings, m.happenings), later(now.forgot, m.forgot)
	if m.tenure = (tenure{}); now.tenure.Term == a.Term {
		m.looksFrom(step{term: a.Term, at: m.time}) // at this state, from now on
	}
	m.clicks = now.clicks // the bound is the log's that goes on
	m.forgetPosts()
	m.latches, m.resets = mergeLatches(now.latches, m.latches), mergeResets(now.resets, m.resets)
	for _, was := range now.pools {
		p := m.pool(was.Name)
		p.Rev = max(p.Rev, was.Rev)
		p.Starts = mergeStarts(was.Starts, p.Starts)
		p.Storms = mergeStorms(was.Storms, p.Storms)
		p.Quiets = mergeQuiets(was.Quiets, p.Quiets)
		m.adoptWords(p, was.Words, later(stamp(a.At), m.time))
		p.Spoken = later(p.Spoken, was.Spoken)
		p.Size = mergeSizes(was.Size, p.Size)
	}
	for _, p := range m.pools {
		m.moved(p)
	}
	// What waited to be told was of the state that is left, or has been told.
	m.notices = nil
	at := stamp(a.At)
	if at.Before(m.time) {
		at = m.time
	}
	why := a.Why
	if moved := m.movedSince(levels); moved != "" {
		why += "; the levels of voters that are no longer there don't bind any more: " + strings.ReplaceAll(strings.TrimPrefix(moved, "\n"), "\n", "; ")
	}
	m.freeze = &Freeze{By: a.By, Reason: why, Since: at}
	m.notify(Notice{Kind: NoticeStop, Page: true, Detail: fmt.Sprintf("frozen by %s: %s", a.By.Name, why)}, step{at: at})
	m.recount()
}

// mergeHolds is every hold of either; of two on one thing, the longer.
func mergeHolds(a, b []Hold) []Hold {
	order := func(x, y Hold) int { return cmp.Or(cmp.Compare(x.Pool, y.Pool), cmp.Compare(x.Host, y.Host)) }
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y Hold) int { return cmp.Or(order(x, y), y.Until.Compare(x.Until)) })
	return slices.CompactFunc(all, func(x, y Hold) bool { return order(x, y) == 0 })
}

// mergeCounters is every counter of either; of two, the larger.
func mergeCounters(a, b []counter) []counter {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y counter) int { return cmp.Or(cmp.Compare(x.Key, y.Key), cmp.Compare(y.Value, x.Value)) })
	return slices.CompactFunc(all, func(x, y counter) bool { return x.Key == y.Key })
}

// mergeStarts is every start of either, by time: a pace that was used up stays
// so. Of one start that both know, a's word counts.
func mergeStarts(a, b []Start) []Start {
	all := slices.Clone(a)
	for _, s := range b {
		if !slices.ContainsFunc(a, func(x Start) bool { return x.Case == s.Case && x.At.Equal(s.At) }) {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(x, y Start) int { return x.At.Compare(y.At) })
	return all
}

// mergeStorms is every detector's common mode of either: on, or latched, if it
// is in one of them, and as of the later beginning.
func mergeStorms(a, b []StormState) []StormState {
	out := slices.Clone(a)
	for _, s := range b {
		i, ok := slices.BinarySearchFunc(out, s.Detector, func(x StormState, d remedy.DetectorName) int { return cmp.Compare(x.Detector, d) })
		if !ok {
			out = slices.Insert(out, i, s)
			continue
		}
		was, merged := out[i], out[i]
		if s.On && !was.On || s.On == was.On && s.StartedAt.After(was.StartedAt) {
			merged = s
		}
		if was.StartedAt.After(merged.StartedAt) {
			merged.StartedAt = was.StartedAt
		}
		if s.StartedAt.After(merged.StartedAt) {
			merged.StartedAt = s.StartedAt
		}
		if !merged.On {
			merged.EndedAt = later(was.EndedAt, s.EndedAt)
		}
		merged.Latched = was.Latched || s.Latched
		out[i] = merged
	}
	return out
}

// mergeQuiets is every quiet host of either; of two on one host and action, the
// longer.
func mergeQuiets(a, b []Quiet) []Quiet {
	order := func(x, y Quiet) int { return cmp.Or(cmp.Compare(x.Host, y.Host), cmp.Compare(x.Action, y.Action)) }
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y Quiet) int { return cmp.Or(order(x, y), y.Until.Compare(x.Until)) })
	return slices.CompactFunc(all, func(x, y Quiet) bool { return order(x, y) == 0 })
}

// mergeSizes is the present size with the memory of both. It is blocked if
// either is, must come back to the larger size, and counts as stale where they
// differ, so that the inventory is read and judged once more.
func mergeSizes(now, saved sizeState) sizeState {
	out := now
	if !now.Known {
		out = saved
		out.Stale = out.Known
		return out
	}
	if !saved.Known || sameSize(now, saved) {
		return out
	}
	out.Blocked, out.From, out.Stale = cmp.Or(now.Blocked, saved.Blocked), max(now.From, saved.From), true
	all := slices.Concat(now.Sizes, saved.Sizes)
	slices.SortStableFunc(all, func(x, y sizeAt) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(y.N, x.N)) })
	out.Sizes = slices.CompactFunc(all, func(x, y sizeAt) bool { return x.N == y.N && x.At.Equal(y.At) })
	return out
}

func sameSize(a, b sizeState) bool {
	return a.N == b.N && a.Stale == b.Stale && a.Blocked == b.Blocked && a.From == b.From &&
		slices.EqualFunc(a.Sizes, b.Sizes, func(x, y sizeAt) bool { return x.N == y.N && x.At.Equal(y.At) })
}
