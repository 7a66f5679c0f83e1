package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"warden/detectors"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/source"
)

// mostStrangers is how many series of nobody a trial names.
const mostStrangers = 20

// TrialQuery asks for one evaluation of a detector.
type TrialQuery struct {
	Detector remedy.DetectorName
	// Pool is one that the detector judges; may be empty when that is only one.
	Pool remedy.PoolName
	// Host, if set, has its arithmetic shown.
	Host remedy.HostName
	// At is the instant to judge, aligned to the detector's interval by Try;
	// zero is the newest that a round would judge.
	At time.Time
}

// Trial is one evaluation of a detector, outside of the rounds.
type Trial struct {
	Detector remedy.DetectorName `json:"detector"`
	Kind     string              `json:"kind"`
	Pool     remedy.PoolName     `json:"pool"`
	Source   remedy.SourceName   `json:"source"`
	At       time.Time           `json:"at"`
	// Failed is why the source could not be believed; empty when it was.
	Failed string `json:"failed,omitempty"`
	// Asked are the questions, with what came back.
	Asked []TrialAsked `json:"asked"`
	// Findings has one for each host of the pool, in the order of names.
	Findings []remedy.Finding `json:"findings"`
	// Steps is the arithmetic for the host that was asked about.
	Steps []detectors.Step `json:"steps,omitempty"`
	// Unmatched counts series that belong to no host; Strangers names some.
	Unmatched int                  `json:"unmatched"`
	Strangers []string             `json:"strangers"`
	Proposals []detectors.Proposal `json:"proposals"`
}

// TrialAsked is one question to the source.
type TrialAsked struct {
	Query string `json:"query"`
	// Series is how many there were in the answer.
	Series int    `json:"series"`
	Failed string `json:"failed,omitempty"`
}

// Try has a detector judge once, on fresh answers. It needs no running engine,
// and changes nothing.
func Try(ctx context.Context, cfg *Config, q TrialQuery, now time.Time, state func(remedy.HostName) remedy.ServiceState) (*Trial, error) {
	d, ok := cfg.detector(q.Detector)
	if !ok {
		return nil, refusal(RefusedNotFound, "there is no detector %s: see `warden config show`", q.Detector)
	}
	spec := d.Spec()
	switch {
	case q.Pool == "" && len(spec.Pools) == 1:
		q.Pool = spec.Pools[0]
	case q.Pool == "":
		return nil, refusal(ledger.RefusedBad, "%s judges %d pools: name one with --pool", q.Detector, len(spec.Pools))
	case !slices.Contains(spec.Pools, q.Pool):
		return nil, refusal(RefusedNotFound, "%s does not judge pool %s", q.Detector, q.Pool)
	}
	at := judgedAt(now, spec.Interval)
	if !q.At.IsZero() {
		if at = q.At.Truncate(spec.Interval); at.After(now) {
			return nil, refusal(ledger.RefusedBad, "%s has not come yet: give an instant in the past", q.At.Format(time.RFC3339))
		}
	}
	hosts, err := cfg.Pools[q.Pool].Inventory.Hosts(ctx)
	if err != nil {
		return nil, refusal(RefusedBackend, "the inventory of pool %s can't be read: %v", q.Pool, err)
	}
	view := remedy.PoolView{Name: q.Pool, Hosts: make([]remedy.HostView, len(hosts))}
	for i, h := range hosts {
		view.Hosts[i] = remedy.HostView{Name: h.Name, State: state(h.Name)}
	}
	view.Roster = view.Listed()
	sources := map[remedy.SourceName]source.Source{}
	for name, s := range cfg.Sources {
		sources[name] = source.Fresh(s.Source)
	}
	asked := d.Queries(view, at)
	results := source.FetchAll(ctx, sources, asked, parallelFetches)
	j := d.Judge(view, at, results, nil)
	out := &Trial{
		Detector: spec.Name, Kind: spec.Kind, Pool: q.Pool, Source: spec.Source, At: j.At, Findings: j.Findings(), Unmatched: j.Unmatched,
		Asked: []TrialAsked{}, Strangers: []string{}, Proposals: []detectors.Proposal{},
	}
	for _, a := range asked {
		said := TrialAsked{Query: a.Expr, Failed: results[a].Failed}
		if f := results[a].Frame; f != nil {
			said.Series = f.Keys.Len()
		}
		out.Asked = append(out.Asked, said)
	}
	switch fresh, known := j.SourceFresh.Get(); {
	case !known:
		out.Failed = j.SourceFresh.Why
	case !fresh:
		out.Failed = "canary_target is not fresh, so nothing on source " + string(spec.Source) + " is believed"
	}
	if err := out.explain(d, view, at, results, &j, q.Host); err != nil {
		return nil, err
	}
	return out, nil
}

// explain adds what the detector can say besides its verdicts.
func (t *Trial) explain(d detectors.Detector, view remedy.PoolView, at time.Time, results remedy.Results, j *remedy.Judgement, host remedy.HostName) error {
	steps, ok := d.(detectors.Stepper)
	if host != "" {
		i, listed := j.Of(host)
		if !listed {
			return refusal(RefusedNotFound, "%s is not in the inventory of pool %s: see `warden hosts --pool %s`", host, t.Pool, t.Pool)
		}
		if ok && t.Failed == "" {
			t.Steps = steps.Steps(view, at, results, i)
		}
	}
	if ok && t.Failed == "" {
		t.Strangers = append(t.Strangers, steps.Strangers(view, at, results, mostStrangers)...)
	}
	if a, ok := d.(detectors.Adviser); ok && t.Failed == "" {
		t.Proposals = append(t.Proposals, a.Advise(view, j, results, t.Strangers)...)
	}
	return nil
}

// Try has a detector of the config in force judge once, on fresh answers.
func (e *Engine) Try(ctx context.Context, q TrialQuery) (*Trial, error) {
	v := e.View()
	defer v.Release()
	states := map[remedy.HostName]remedy.ServiceState{}
	cfg := e.Config()
	d, ok := cfg.detector(q.Detector)
	if ok && q.Pool == "" && len(d.Spec().Pools) == 1 {
		q.Pool = d.Spec().Pools[0]
	}
	for _, h := range v.Hosts(q.Pool) {
		states[h.Host] = h.State
	}
	return Try(ctx, cfg, q, e.Clock.Now(), func(h remedy.HostName) remedy.ServiceState {
		if ok && d.Spec().Proposes == "" && states[h] == remedy.ServiceOut {
			return remedy.ServiceUnknown // it is there to judge hosts that are out
		}
		return states[h]
	})
}

// Ask asks a source one question, for people.
func (c *Config) Ask(ctx context.Context, name remedy.SourceName, expr string, from, to time.Time, step time.Duration) (source.Answer, error) {
	s, ok := c.Sources[name]
	if !ok {
		return source.Answer{}, refusal(RefusedNotFound, "there is no source %s: use one of %s", name, remedy.Listed(sorted(c.Sources)))
	}
	raw, ok := s.Source.(source.Raw)
	if !ok {
		return source.Answer{}, fmt.Errorf("source %s can't show its answers", name)
	}
	return raw.Raw(ctx, remedy.NewQuery(name, expr, from, to, step)), nil
}
