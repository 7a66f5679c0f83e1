package engine

import (
	"context"
	"errors"
	"slices"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// ErrBusy is wrapped by a Log when an entry was certainly not committed, since
// the log did not take it in time. It may be tried again.
var ErrBusy = errors.New("the log is busy: nothing was committed")

// Relayed commits, on the leader, what another node says for itself. The
// instant is the leader's own: a node with a wrong clock moves committed time
// no further than the leader would. Whoever calls it has checked that a node
// may say such things.
func (e *Engine) Relayed(ctx context.Context, node remedy.NodeID, bodies ...ledger.Body) (ledger.Applied, error) {
	applied, err := e.commitFor(ctx, node, remedy.Warden(), bodies...)
	if err == nil {
		e.Kick()
	}
	return applied, err
}

// say commits what this node says for itself: here if it leads, and otherwise
// through the leader.
func (e *Engine) say(ctx context.Context, body ledger.Body) (ledger.Applied, error) {
	applied, err := e.commitEntry(ctx, remedy.Warden(), body)
	if !errors.Is(err, ErrNotCommitted) {
		return applied, err
	}
	entry, err := ledger.NewEntry(e.entryTime(), remedy.Warden(), e.Node, body)
	if err != nil {
		return ledger.Applied{}, err
	}
	return e.Log.Relay(ctx, entry)
}

// Reported reports whether the ledger has this node's config as it is in force,
// or wants none: a node that is no voter has none to report. A waiver is ended
// by reporting again: this node is up, so its word counts.
func (e *Engine) Reported() bool {
	st := e.Ledger.Status()
	if !slices.Contains(st.Voters, e.Node) {
		return true
	}
	if slices.ContainsFunc(st.Waivers, func(w ledger.Waiver) bool { return w.Node == e.Node }) {
		return false
	}
	want := e.Config().Report(e.Node)
	return slices.ContainsFunc(st.Reports, func(r ledger.NodeReport) bool { return r.Node == e.Node && sameReport(&r, want) })
}

// ReportConfig has this node's config committed, through the leader if that is
// another node. The ledger's refusal is an error.
func (e *Engine) ReportConfig(ctx context.Context) error {
	applied, err := e.say(ctx, e.Config().Report(e.Node))
	if err != nil {
		return err
	}
	return fromResult(applied.Results[0])
}
