package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"warden/detectors"
	"warden/internal/chat"
	"warden/internal/remedy"
)

// lentTo is what a detector is lent to: the hosts of a pool. The detector is the
// one of a config: another config's says nothing for it.
type lentTo struct {
	detector remedy.DetectorName
	config   string // its hash
	pool     remedy.PoolName
}

// lentView is a pool's view for a detector that is to judge hosts which are out
// as well: that is what it was lent for. Their state is unknown to it.
func (e *Engine) lentView(p *poolRound, r *round) remedy.PoolView {
	view := e.poolView(p, r, false)
	for i := range view.Hosts {
		if view.Hosts[i].State == remedy.ServiceOut {
			view.Hosts[i].State = remedy.ServiceUnknown
		}
	}
	return view
}

// lend has a detector judge a pool, hosts that are out too, outside of the
// rounds. Within one of its intervals it is asked once: what it judges doesn't
// change before. The caller holds e.mu.
func (e *Engine) lend(ctx context.Context, cfg *Config, d detectors.Detector, pool remedy.PoolName) *remedy.Judgement {
	p := e.view.Load().round.pool(pool)
	if p == nil {
		return nil // before the first round
	}
	at := judgedAt(e.Clock.Now(), d.Spec().Interval)
	key := lentTo{d.Spec().Name, cfg.Hash, pool}
	if known := e.lent[key]; known != nil && known.At.Equal(at) {
		return known
	}
	view := e.lentView(p, &round{cfg: cfg, now: e.Clock.Now()})
	j := d.Judge(view, at, e.fetchFresh(ctx, cfg, d.Queries(view, at)), nil)
	maps.DeleteFunc(e.lent, func(k lentTo, _ *remedy.Judgement) bool { return k.config != cfg.Hash })
	e.lent[key] = &j
	return &j
}

// verifier is the detector that says whether an action took, and how long to
// wait for its word. An action that heals is verified by the detector that
// opened the case, once its window has nothing in it of the time before.
func (cfg *Config) verifier(a Action, opened remedy.DetectorName) (d detectors.Detector, within time.Duration, ok bool) {
	within = a.within()
	switch {
	case a.Verify.Detector != "":
		d, ok = cfg.detector(a.Verify.Detector)
	case a.Spec.Heals && a.Verify.Command == nil && opened != "":
		if d, ok = cfg.detector(opened); ok {
			within = max(within, d.Spec().Window+3*d.Spec().Interval)
		}
	}
	return d, within, ok
}

// tookBy is what a detector says of an effect that ended at the given time: good
// by data of which nothing is older than that.
// It comes with what the detector says, in words.
func (e *Engine) tookBy(ctx context.Context, cfg *Config, d detectors.Detector, x *execution, ended time.Time) (took remedy.Fact[bool], said string) {
	spec := d.Spec()
	unknown := func(why string) (remedy.Fact[bool], string) { return remedy.Unknown[bool](why), why }
	j := e.lend(ctx, cfg, d, x.c.Pool)
	if j == nil {
		return unknown(fmt.Sprintf("%s has not judged yet", spec.Name))
	}
	i, ok := j.Of(x.c.Host)
	if !ok {
		return unknown(fmt.Sprintf("%s left the inventory, so nothing judges it", x.c.Host))
	}
	f := j.Finding(i)
	said = fmt.Sprintf("%s: %s", spec.Name, chat.FindingSentence(f))
	switch {
	case j.At.Add(-spec.Window).Before(ended), f.Verdict == remedy.VerdictGood && !f.Newest.After(ended):
		return unknown(said + ", by data of before the action")
	case f.Verdict == remedy.VerdictGood:
		return remedy.Known(true), said
	case f.BadNow:
		return remedy.Known(false), said
	}
	return unknown(said)
}

// probing is one pool's probe in a round.
type probing struct {
	d    detectors.Detector
	p    *poolRound
	view remedy.PoolView
	at   time.Time
}

// probes are those of the pools that have hosts out. What they say is shown and
// nothing else: it puts no host back, opens no case, and counts towards nothing.
func (e *Engine) probes(cfg *Config, r *round) []probing {
	var out []probing
	for _, name := range sorted(r.pools) {
		p := r.pools[name]
		d, ok := cfg.detector(cfg.Pools[name].Probe)
		if !ok || !slices.Contains(p.states, remedy.ServiceOut) && len(e.Ledger.Pool(name, r.now).Out) == 0 {
			continue
		}
		out = append(out, probing{d: d, p: p, view: e.lentView(p, r), at: judgedAt(r.now, d.Spec().Interval)})
	}
	return out
}

// Fitness is what the pool's probe says of a host that is out; false when it
// says nothing of it.
func (v *View) Fitness(pool remedy.PoolName, host remedy.HostName) (remedy.Finding, bool) {
	p := v.round.pool(pool)
	if p == nil || p.probe == nil {
		return remedy.Finding{}, false
	}
	i, ok := p.probe.Of(host)
	if !ok {
		return remedy.Finding{}, false
	}
	return p.probe.Finding(i), true
}
