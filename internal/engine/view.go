package engine

import (
	"reflect"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// View is what the newest round saw: for showing, and for deciding between
// rounds. It is never changed after it was published.
type View struct {
	// At is when the round was; zero before the first one.
	At time.Time
	// Rounds counts the rounds of this tenure; Warm whether one was complete.
	Rounds int
	Warm   bool
	// ClockStep is how far wall and monotonic time have moved apart.
	ClockStep time.Duration
	round     *round
}

// View returns the newest round's.
func (e *Engine) View() *View { return e.view.Load() }

func (e *Engine) publish(r *round) {
	e.view.Store(&View{At: r.now, Rounds: e.rounds + 1, Warm: e.warm.Load() || r.complete, ClockStep: time.Duration(e.drift.Load()), round: r})
}

func (r *round) pool(name remedy.PoolName) *poolRound {
	if r == nil {
		return nil
	}
	return r.pools[name]
}

// Hosts returns the pool's hosts with their service state and the backend's
// word for it.
func (v *View) Hosts(pool remedy.PoolName) []HostStatus {
	p := v.round.pool(pool)
	if p == nil {
		return nil
	}
	out := make([]HostStatus, len(p.hosts))
	for i, h := range p.hosts {
		out[i] = HostStatus{Host: h.Name, State: p.states[i], Admin: p.admin[i]}
	}
	return out
}

// HostStatus is one host as the newest round saw it.
type HostStatus struct {
	Host  remedy.HostName
	State remedy.ServiceState
	Admin string
}

// Judgements returns what the detectors said of the pool.
func (v *View) Judgements(pool remedy.PoolName) []remedy.Judgement {
	p := v.round.pool(pool)
	if p == nil {
		return nil
	}
	out := make([]remedy.Judgement, len(p.judgements))
	for i, j := range p.judgements {
		out[i] = j.Judgement
	}
	return out
}

// sameReport compares a committed report with the wanted one. Both have been
// made by Config.Report, so that their order is the same; JSON has turned
// empty slices into nil ones.
func sameReport(have, want *ledger.NodeReport) bool {
	if len(have.Levels) == 0 && len(want.Levels) == 0 {
		have.Levels, want.Levels = nil, nil
	}
	return reflect.DeepEqual(have, want)
}
