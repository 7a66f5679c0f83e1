package engine

import (
	"context"
	"slices"
	"time"

	"warden/detectors"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// The bounds of one explanation: how much history it asks the sources for, and
// how long they may take altogether, in real time.
const (
	// MaxAround is the most that an explanation looks at before and after.
	MaxAround     = 6 * time.Hour
	explainWithin = 30 * time.Second
)

// ExplainQuery asks what warden made of a host at an instant, or would have.
type ExplainQuery struct {
	Target Target
	At     time.Time
	// Around is how far before and after At history is judged.
	Around time.Duration
}

// Explanation is why something was done about a host at an instant, or why not.
type Explanation struct {
	Pool remedy.PoolName `json:"pool"`
	Host remedy.HostName `json:"host"`
	At   time.Time       `json:"at"`
	// From and To bound what was judged again.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Cases are the host's cases that were open at At. With any, nothing is
	// recomputed: their records say what happened.
	Cases []*ledger.Case `json:"cases"`
	// Forgotten says that cases of that time are no longer kept, so that none
	// proves nothing.
	Forgotten bool `json:"forgotten,omitempty"`
	// Nearby are its cases that were open at another time between From and To.
	Nearby []remedy.CaseID `json:"nearby"`
	// Recomputed has what each detector of the pool makes of the history, with
	// today's config.
	Recomputed []Recomputed `json:"recomputed"`
	// Unknowable says what of that time nobody can know any more, in words.
	Unknowable []string `json:"unknowable"`
}

// Recomputed is one detector's judgement of one host over a span of history.
type Recomputed struct {
	Detector remedy.DetectorName `json:"detector"`
	Proposes remedy.ActionName   `json:"proposes"`
	// Instants is how many were judged; Good, Bad, Between and Unknown split
	// them for this host, and Out are those at which warden had it out.
	Instants int `json:"instants"`
	Good     int `json:"good"`
	Bad      int `json:"bad"`
	Between  int `json:"between" doc:"neither bad nor clear, or bad and not for long enough yet"`
	Unknown  int `json:"unknown"`
	Out      int `json:"out"`
	// Reasons counts why it was unknown.
	Reasons map[string]int `json:"reasons"`
	// Closest is the longest run of instants past the threshold, nil without
	// any; Worst the finding that came nearest to it, nil when nothing was
	// measured.
	Closest *BadRun         `json:"closest,omitempty"`
	Worst   *remedy.Finding `json:"worst,omitempty"`
	// Failed is why questions to the source had no answer.
	Failed []string `json:"failed"`
	// Guardrails is what they would have answered at the end of Closest, as far
	// as that can be known.
	Guardrails []Recalled `json:"guardrails"`
}

// BadRun is an unbroken run of instants at which a host was past the threshold.
type BadRun struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Instants is how many there are, and Proposed whether the last of them was
	// bad for as long as `for` asks.
	Instants int  `json:"instants"`
	Proposed bool `json:"proposed"`
	// Worst is the finding furthest past the threshold.
	Worst remedy.Finding `json:"worst"`
	// RecoveredAt is the first instant after it at which the host was measured
	// and not past the threshold; absent when what came then is not known.
	RecoveredAt time.Time `json:"recovered_at,omitzero"`
	// PoolBad is how many hosts of the pool were past the threshold at its end.
	PoolBad int `json:"pool_bad"`
}

// Recalled is one guardrail's answer about the past.
type Recalled struct {
	Guardrail string `json:"guardrail"`
	// Answer is "allow", "cap" (to less than auto), "block" or "unknown".
	Answer   string `json:"answer" enum:"allow,cap,block,unknown"`
	Observed string `json:"observed"`
	Limit    string `json:"limit,omitempty"`
}

// Explain says what warden made of a host at an instant: by its cases, or,
// without any, by judging the sources' history again. It changes nothing.
func (e *Engine) Explain(ctx context.Context, q ExplainQuery) (*Explanation, error) {
	cfg, now := e.Config(), e.Clock.Now()
	switch {
	case q.Target.Host == "":
		return nil, refusal(RefusedNotFound, "name a host: what is explained is about one host")
	case q.At.After(now):
		return nil, refusal(ledger.RefusedBad, "%s has not come yet: give an instant in the past", q.At.Format(time.RFC3339))
	case q.Around <= 0 || q.Around > MaxAround:
		return nil, refusal(ledger.RefusedBad, "look at more than nothing and at most %s around it", MaxAround)
	}
	if err := e.listed(q.Target); err != nil {
		return nil, err
	}
	out := &Explanation{
		Pool: q.Target.Pool, Host: q.Target.Host, At: q.At.UTC(), From: q.At.Add(-q.Around).UTC(), To: q.At.Add(q.Around).UTC(),
		Cases: []*ledger.Case{}, Nearby: []remedy.CaseID{}, Recomputed: []Recomputed{}, Unknowable: []string{},
	}
	history := e.Ledger.Cases(ledger.CaseFilter{Pool: q.Target.Pool})
	for _, c := range slices.Backward(history) {
		openIn := func(from, to time.Time) bool {
			return c.Host == q.Target.Host && !c.OpenedAt.After(to) && (c.Open() || !c.ClosedAt.Before(from))
		}
		switch {
		case openIn(q.At, q.At):
			out.Cases = append(out.Cases, c)
		case openIn(out.From, out.To):
			out.Nearby = append(out.Nearby, c.ID)
		}
	}
	if len(out.Cases) > 0 {
		return out, nil
	}
	if !e.explaining.TryLock() {
		return nil, refusal(RefusedTransient, "another explanation is being recomputed, and sources are not asked for two at once: ask again in a moment")
	}
	defer e.explaining.Unlock()
	ctx, cancel := context.WithTimeout(ctx, explainWithin)
	defer cancel()
	past := pastOf(history, cfg, now)
	out.Forgotten = q.At.Before(past.kept)
	for _, d := range cfg.detectorsOf(q.Target.Pool) {
		if spec := d.Spec(); out.To.After(judgedAt(now, spec.Interval)) {
			out.To = judgedAt(now, spec.Interval).UTC() // what is later has not arrived
		}
	}
	view := e.pastView(q.Target.Pool, past, q.At)
	for _, d := range cfg.detectorsOf(q.Target.Pool) {
		r := recomputeHost(d, view, q.Target.Host, out.From, out.To, func(qs []remedy.Query) remedy.Results { return e.fetchFresh(ctx, cfg, qs) })
		if c := r.Closest; c != nil {
			r.Guardrails = append(past.guardrails(e.Ledger.Status().Freeze, cfg, d.Spec(), q.Target, c, view.N()),
				e.recall(ctx, cfg, q.Target, d.Spec(), c.To)...)
		}
		out.Recomputed = append(out.Recomputed, r)
	}
	out.Unknowable = append(out.Unknowable,
		"who was in service by the load balancer: taken for in, but for hosts that warden had out",
		"the level in force, freezes and holds of that time: only the present ones are kept",
		"the inventory of that time: today's is used")
	return out, nil
}

// recomputeHost judges again and keeps what is about one host.
func recomputeHost(d detectors.Detector, view remedy.PoolView, host remedy.HostName, from, to time.Time, fetch func([]remedy.Query) remedy.Results) Recomputed {
	spec := d.Spec()
	r := Recomputed{Detector: spec.Name, Proposes: spec.Proposes, Reasons: map[string]int{}, Failed: []string{}, Guardrails: []Recalled{}}
	var run *BadRun
	ended := func() {
		if run != nil && (r.Closest == nil || run.To.Sub(run.From) >= r.Closest.To.Sub(r.Closest.From)) {
			r.Closest = run
		}
		run = nil
	}
	failed := Recompute(d, view, from, to, fetch, func(j remedy.Judgement) {
		i, ok := j.Of(host)
		if !ok {
			return
		}
		f := j.Finding(i)
		r.count(f)
		v, measured := f.Value.Get()
		if measured && (r.Worst == nil || worse(f, *r.Worst)) {
			r.Worst = new(f)
		}
		if !f.BadNow {
			if run != nil && measured {
				run.RecoveredAt = f.At
			}
			ended()
			return
		}
		if run == nil {
			run = &BadRun{From: f.At, Worst: f}
		}
		run.To, run.Proposed, run.PoolBad = f.At, f.Verdict == remedy.VerdictBad, 0
		run.Instants++
		if w, known := run.Worst.Value.Get(); measured && (!known || f.Direction == remedy.Below && v < w || f.Direction == remedy.Above && v > w) {
			run.Worst = f
		}
		for k := range j.Verdicts {
			if j.Verdicts[k].BadNow {
				run.PoolBad++
			}
		}
	})
	ended()
	r.Failed = append(r.Failed, failed...)
	return r
}

func (r *Recomputed) count(f remedy.Finding) {
	r.Instants++
	switch {
	case f.Verdict == remedy.VerdictGood:
		r.Good++
	case f.Verdict == remedy.VerdictBad:
		r.Bad++
	case f.Verdict == remedy.VerdictOut:
		r.Out++
	case f.Covered():
		r.Between++
	default:
		r.Unknown++
		r.Reasons[f.Reason]++
	}
}

// worse reports whether a is nearer to its threshold than b, or further past it.
func worse(a, b remedy.Finding) bool {
	margin := func(f remedy.Finding) float64 {
		v, _ := f.Value.Get()
		if f.Direction == remedy.Above {
			return f.Bad - v
		}
		return v - f.Bad
	}
	return margin(a) < margin(b)
}

// pastView is today's inventory with everybody in service but those that warden
// had out at the instant.
func (e *Engine) pastView(pool remedy.PoolName, past past, at time.Time) remedy.PoolView {
	p := e.view.Load().round.pool(pool)
	view := remedy.PoolView{Name: pool, Hosts: make([]remedy.HostView, len(p.hosts))}
	for i, h := range p.hosts {
		state := remedy.ServiceIn
		if past.out(h.Name, at) {
			state = remedy.ServiceOut
		}
		view.Hosts[i] = remedy.HostView{Name: h.Name, State: state}
	}
	return view
}
