package web

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// The headers that say what an answer is as of. They stand on every answer of
// the API.
const (
	headerLeader = "Warden-Leader"          // the leader that the answering node knows of; absent without one
	headerNoneAt = "Warden-No-Leader-Since" // when that node lost sight of the last one, if it knows
	headerBehind = "Warden-Behind"          // why the answer isn't up to date; absent where nothing is known to be missing
)

// NoQuorum is what there is to say while this node knows no leader: warden does
// nothing, and takes no answer. It goes on looking.
type NoQuorum struct {
	// Since is when this node lost sight of the last leader; absent when it has
	// known none since it started.
	Since time.Time `json:"since,omitzero"`
	Text  string    `json:"text" doc:"what that means, in words"`
	// ByHand are the actions that wait, or that this node would want by what it
	// sees, with how to do each by hand.
	ByHand []ByHand `json:"by_hand"`
}

// ErrNoCluster means that the node belongs to no cluster and has nothing to show.
var ErrNoCluster = errors.New("no cluster")

// Behind means that the node knows no leader, and that none has brought it up to
// date since it started: what it shows was true once.
type Behind struct {
	// Index is the last entry of the log that is in what is shown; 0 when none is.
	Index uint64 `json:"index"`
	Text  string `json:"text" doc:"what that means, in words"`
}

// Error implements error.
func (b *Behind) Error() string { return b.Text }

// behind is what reads are marked with; nil on a node that is up to date, and on
// one that answers no reads.
func (s *surface) behind() *Behind {
	b, _ := errors.AsType[*Behind](s.Node.Ready())
	return b
}

// ByHand is one action that warden wants and can't do.
type ByHand struct {
	// Case is 0 for what only this node's own round sees: no case can be opened.
	Case   remedy.CaseID     `json:"case,omitempty"`
	Pool   remedy.PoolName   `json:"pool"`
	Host   remedy.HostName   `json:"host"`
	Action remedy.ActionName `json:"action"`
	Stage  remedy.Stage      `json:"stage,omitempty" doc:"the case's; empty for what only this node's own round sees"`
	// Hint is the command; empty when the config and the plan say none.
	Hint string `json:"hint,omitempty" doc:"how to do it by hand"`
}

// AsOf says what an answer of the API is as of.
type AsOf struct {
	// Node answered. It is another than the one that was asked when that one
	// passed the request on.
	Node remedy.NodeID
	// Leader is the leader that node knew of; empty without one, and then
	// NoLeaderSince is since when, zero if it can't say.
	Leader        remedy.NodeID
	NoLeaderSince time.Time
	// Index is the newest entry of the log that the answer knows of.
	Index uint64
	// Behind says why the answer isn't up to date; empty where nothing is known
	// to be missing.
	Behind string
}

// sayAsOf puts on an answer what it is as of.
func (s *surface) sayAsOf(h http.Header) {
	h.Set(headerNode, string(s.Node.ID))
	h.Set(headerIndex, strconv.FormatUint(s.Ledger.Status().Index, 10))
	id, since := s.leader()
	switch {
	case id != "":
		h.Set(headerLeader, string(id))
	case !since.IsZero():
		h.Set(headerNoneAt, since.UTC().Format(time.RFC3339))
	}
	if b := s.behind(); b != nil {
		h.Set(headerBehind, b.Text)
	}
}

// readAsOf reads it again; false where the answer says nothing of the kind.
func readAsOf(h http.Header) (AsOf, bool) {
	a := AsOf{Node: remedy.NodeID(h.Get(headerNode)), Leader: remedy.NodeID(h.Get(headerLeader)), Behind: h.Get(headerBehind)}
	if a.Node == "" {
		return a, false
	}
	// What can't be read stays unknown.
	a.Index, _ = strconv.ParseUint(h.Get(headerIndex), 10, 64)
	a.NoLeaderSince, _ = time.Parse(time.RFC3339, h.Get(headerNoneAt))
	return a, true
}

// noQuorum lists what people have to do themselves.
func (s *surface) noQuorum(v *engine.View, now time.Time) *NoQuorum {
	_, since := s.leader()
	out := &NoQuorum{Since: since.UTC(), Text: noLeader(since), ByHand: []ByHand{}}
	cfg := s.Engine.Config()
	hint := func(action remedy.ActionName, pool remedy.PoolName, host remedy.HostName) string {
		a, ok := cfg.Actions[action]
		if !ok {
			return ""
		}
		return a.Spec.Hint(pool, host)
	}
	type subject struct {
		pool   remedy.PoolName
		host   remedy.HostName
		action remedy.ActionName
	}
	known := map[subject]bool{}
	for _, c := range s.Ledger.Cases(ledger.CaseFilter{Open: true}) {
		known[subject{c.Pool, c.Host, c.Action}] = true
		if !wantedByHand(c) {
			continue
		}
		b := ByHand{Case: c.ID, Pool: c.Pool, Host: c.Host, Action: c.Action, Stage: c.Stage, Hint: hint(c.Action, c.Pool, c.Host)}
		if c.Plan != nil && c.Plan.ManualHint != "" {
			b.Hint = c.Plan.ManualHint
		}
		out.ByHand = append(out.ByHand, b)
	}
	proposes := map[remedy.DetectorName]remedy.ActionName{}
	for _, d := range cfg.Detectors {
		proposes[d.Spec().Name] = d.Spec().Proposes
	}
	for _, pool := range s.pools() {
		p := s.picture(v, pool, now)
		for i := range p.hosts {
			h := &p.hosts[i]
			for _, f := range h.Findings {
				x := subject{pool, h.Host, proposes[f.Detector]}
				if f.Verdict != remedy.VerdictBad.String() || x.action == "" || known[x] {
					continue
				}
				known[x] = true
				out.ByHand = append(out.ByHand, ByHand{Pool: pool, Host: h.Host, Action: x.action, Hint: hint(x.action, pool, h.Host)})
			}
		}
	}
	return out
}

// wantedByHand reports whether a case is about something that is still to be
// done to its host: it waits for an answer, or its host was bad when a leader
// last looked.
func wantedByHand(c *ledger.Case) bool {
	switch c.Stage {
	case remedy.StageWaiting:
		return true
	case remedy.StageDetected, remedy.StageProposed:
		return c.Latest != nil && c.Latest.Verdict == remedy.VerdictBad
	case remedy.StageExecuting, remedy.StageVerifying, remedy.StageOut, remedy.StageClosed:
	}
	return false
}
