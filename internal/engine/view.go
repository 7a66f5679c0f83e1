package engine

import (
	"reflect"
	"slices"
	"sync/atomic"
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
	// Local says that the round was not one of a tenure of this node that
	// lasts: nothing was committed or decided on it, and nothing is started.
	Local bool
	// ClockStep is how far wall and monotonic time have moved apart.
	ClockStep time.Duration
	round     *round
	// readers counts who looks at it.
	readers atomic.Int64
}

// View returns the newest round's. It stays as it is for as long as the caller
// has it; Release it to let its memory be used again.
func (e *Engine) View() *View {
	for {
		v := e.view.Load()
		v.readers.Add(1)
		if e.view.Load() == v {
			return v
		}
		// It was replaced in between, and may have been taken for unread.
		v.readers.Add(-1)
	}
}

// Release says that the caller has done with the view and everything it got
// from it. Not to call it costs memory only.
func (v *View) Release() { v.readers.Add(-1) }

// spareVerdicts hands out the memory of views that nobody looks at any more, so
// that judging a large fleet round after round makes no garbage. Only rounds
// use it, one after the other.
type spareVerdicts struct {
	free [][]remedy.HostVerdict
	// replaced is the view before the newest. A reader who loaded it before it
	// was replaced has counted itself, or found it replaced, a round later.
	replaced *View
}

// take returns a buffer for n verdicts; nil when there is none.
func (s *spareVerdicts) take(n int) []remedy.HostVerdict {
	for i, buf := range s.free {
		if cap(buf) >= n && cap(buf) <= 2*n {
			s.free = slices.Delete(s.free, i, i+1)
			return buf
		}
	}
	return nil
}

// retire takes back what the view before the last held, unless somebody looks
// at it; the garbage collector has it then.
func (s *spareVerdicts) retire(old *View) {
	if v := s.replaced; v != nil && v.readers.Load() == 0 && v.round != nil {
		s.free = s.free[:0]
		for _, name := range sorted(v.round.pools) {
			for _, j := range v.round.pools[name].judgements {
				s.free = append(s.free, j.Verdicts)
			}
		}
	}
	s.replaced = old
}

// publish puts what a round saw in the place of what the one before did.
func (e *Engine) publish(r *round, v *View) {
	v.At, v.ClockStep, v.round = r.now, time.Duration(e.drift.Load()), r
	old := e.view.Swap(v)
	r.memory.verdicts.retire(old)
}

// foresee keeps what was seen before a tenure began, for showing. The tenure
// starts nothing on it: its own first round comes first.
func (e *Engine) foresee() {
	old := e.view.Load()
	if old.At.IsZero() {
		return
	}
	v := &View{At: old.At, Local: true, ClockStep: old.ClockStep, round: old.round}
	v.readers.Add(1) // its memory isn't handed out again
	e.view.Store(v)
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
