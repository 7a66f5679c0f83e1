package peer

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"warden/internal/engine"
	"warden/internal/remedy"
)

var _ engine.Voters = (*Client)(nil)

// straggle is how much longer the others are waited for once those that have
// answered settle the matter, in real time: a node that hangs must not make the
// rounds of the others so long that what they judged is too old to act on.
const straggle = 250 * time.Millisecond

// Opinions has every other voter judge for itself: see engine.Voters. They are
// asked at the same time, each within its own deadline, and answers come in the
// order of the nodes' ids. Who is still silent shortly after the others have
// settled whether a majority finds each host bad is left out.
func (c *Client) Opinions(ctx context.Context, q remedy.OpinionQuery) []remedy.Opinion {
	body, err := json.Marshal(q)
	if err != nil {
		c.Logger.Error("a question can't be encoded; this is a bug, please report it", zap.Error(err))
		return nil
	}
	return everybody(ctx, c, "opinion", opinionWithin, func(ctx context.Context, to remedy.NodeID) (remedy.Opinion, error) {
		var o remedy.Opinion
		if err := c.ask(ctx, to, http.MethodPost, pathOpinion, body, maxAnswer, &o); err != nil {
			return o, err
		}
		return o, checkOpinion(&o, to, q)
	}, func(said []remedy.Opinion, voters int) bool { return settled(q, said, voters) })
}

// settled reports whether it is known of every host that a majority of the
// voters, the one that asks among them, finds it bad, or that none can any more.
func settled(q remedy.OpinionQuery, said []remedy.Opinion, voters int) bool {
	silent := voters - 1 - len(said)
	for _, host := range q.Hosts {
		bad := 1
		for _, o := range said {
			if o.Digest == q.Digest && o.Why == "" && slices.ContainsFunc(o.Findings, func(f remedy.Finding) bool { return f.Host == host && f.Verdict == remedy.VerdictBad }) {
				bad++
			}
		}
		if bad <= voters/2 && bad+silent > voters/2 {
			return false
		}
	}
	return true
}

// Clocks asks every other voter for its time: see engine.Voters. Who is still
// silent shortly after a majority, this node among it, has told is left out.
func (c *Client) Clocks(ctx context.Context) []remedy.ClockReading {
	return everybody(ctx, c, "clock", clockWithin, func(ctx context.Context, to remedy.NodeID) (remedy.ClockReading, error) {
		sent := c.Clock.Read()
		var a clockAnswer
		if err := c.ask(ctx, to, http.MethodGet, pathClock, nil, maxSmall, &a); err != nil {
			return remedy.ClockReading{}, err
		}
		if a.Node != to || a.Now.IsZero() {
			return remedy.ClockReading{}, errOther
		}
		return reading(to, sent.Wall, c.Clock.Read().Mono-sent.Mono, a.Now), nil
	}, func(told []remedy.ClockReading, voters int) bool { return 1+len(told) > voters/2 })
}

// reading takes the answer for the other clock's time half way between question
// and answer. How long that took is measured without the wall clock, which may
// be what is wrong.
func reading(node remedy.NodeID, sent time.Time, took time.Duration, theirs time.Time) remedy.ClockReading {
	half := max(took, 0) / 2
	return remedy.ClockReading{Node: node, Ahead: theirs.Sub(sent.Add(half)), Error: half}
}

// Hashes asks every other voter what it makes of this node's state hash after
// an entry. Who doesn't answer is left out.
func (c *Client) Hashes(ctx context.Context, index uint64, hash string) map[remedy.NodeID]Verdict {
	out := map[remedy.NodeID]Verdict{}
	body, err := json.Marshal(hashQuery{Index: index, Hash: hash})
	if err != nil {
		c.Logger.Error("a question can't be encoded; this is a bug, please report it", zap.Error(err))
		return out
	}
	for _, a := range everybody(ctx, c, "state hash", clockWithin, func(ctx context.Context, to remedy.NodeID) (hashAnswer, error) {
		var a hashAnswer
		if err := c.ask(ctx, to, http.MethodPost, pathHash, body, maxSmall, &a); err != nil {
			return a, err
		}
		return a, a.check(to)
	}, nil) {
		out[a.Node] = a.Verdict
	}
	return out
}

// everybody asks all other voters at the same time and returns the answers of
// those that gave one in time. Once enough, which may be nil, says of the answers
// and the number of voters that no other one changes anything, the rest have
// straggle left.
func everybody[T any](ctx context.Context, c *Client, what string, limit time.Duration, ask func(context.Context, remedy.NodeID) (T, error), enough func([]T, int) bool) []T {
	others := slices.DeleteFunc(slices.Clone(c.Voters()), func(id remedy.NodeID) bool { return id == c.Node })
	slices.Sort(others)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var mu sync.Mutex
	answers, got := make([]*T, len(others)), []T{}
	answered := func(i int, a T) {
		mu.Lock()
		defer mu.Unlock()
		answers[i] = &a
		if got = append(got, a); enough != nil && enough(got, len(others)+1) {
			time.AfterFunc(straggle, cancel) //nolint:forbidigo // sockets are on real time
		}
	}
	var group sync.WaitGroup
	for i, to := range others {
		group.Go(func() {
			a, err := ask(ctx, to)
			if err != nil {
				c.Logger.Debug("a voter said nothing", zap.String("asked", what), zap.String("node", string(to)), zap.Error(err))
				return
			}
			answered(i, a)
		})
	}
	group.Wait()
	out := []T{}
	for _, a := range answers {
		if a != nil {
			out = append(out, *a)
		}
	}
	return out
}
