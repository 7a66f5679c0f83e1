package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

const (
	// mostAsked is how many hosts of a pool and detector the other voters are
	// asked about in a round. More at once are not acted on in one round anyway.
	mostAsked = 20
	// mostWeighed is how many are looked at to find those.
	mostWeighed = maxOpenCases + maxStormCases
	// opinionsWithin bounds the asking in a round, in real time: sockets and
	// other machines don't know of a scaled clock.
	opinionsWithin = 10 * time.Second
	// mostWords bounds what a decision quotes of the other voters.
	mostWords = 300
)

// opinionOf names what the other voters were asked about together.
type opinionOf struct {
	pool     remedy.PoolName
	detector remedy.DetectorName
}

// opinion is what they said.
type opinion struct {
	q    remedy.OpinionQuery
	said []remedy.Opinion
}

// askOthers has the other voters judge the hosts that would be acted on, if they
// were all of one mind. No lock is held. What is asked depends on no rung, so that what
// is counted below auto is what auto would do.
func (e *Engine) askOthers(ctx context.Context, r *round) {
	if e.agreed(r.cfg) || e.Voters == nil || ctx.Err() != nil {
		return
	}
	var asked []remedy.OpinionQuery
	for _, name := range sorted(r.pools) {
		asked = append(asked, e.inQuestion(r, r.pools[name])...)
	}
	r.opinions = e.opinions(ctx, asked)
}

// opinions asks several questions at the same time.
func (e *Engine) opinions(ctx context.Context, asked []remedy.OpinionQuery) map[opinionOf]opinion {
	if len(asked) == 0 {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, opinionsWithin)
	defer cancel()
	said := make([][]remedy.Opinion, len(asked))
	var group sync.WaitGroup
	for i, q := range asked {
		group.Go(func() { said[i] = e.Voters.Opinions(bounded, q) })
	}
	group.Wait()
	out := make(map[opinionOf]opinion, len(asked))
	for i, q := range asked {
		out[opinionOf{q.Pool, q.Detector}] = opinion{q: q, said: said[i]}
	}
	return out
}

// agreed reports whether nobody else has to be asked at all.
func (e *Engine) agreed(cfg *Config) bool {
	return !cfg.Corroborate || len(e.Ledger.Status().Voters) < 2
}

// inQuestion lists the hosts of a pool that every other guardrail lets a person
// be asked about, or more: one question for each detector.
func (e *Engine) inQuestion(r *round, p *poolRound) []remedy.OpinionQuery {
	out := make([]remedy.OpinionQuery, len(p.judgements))
	open := e.Ledger.Pool(p.name, r.now).Open
	weighed, most := 0, e.room(r, p, e.Ledger)-len(open)
	for s := range e.subjects(r, p, open, func() bool { return most <= 0 || weighed >= mostWeighed }) {
		if weighed++; weighed > mostWeighed {
			break
		}
		q := &out[s.n]
		if len(q.Hosts) == mostAsked || s.j.Verdicts[s.k].Verdict != remedy.VerdictBad {
			continue
		}
		x := e.weigh(r, s, s.j, e.Ledger)
		if !x.decide {
			continue
		}
		w := e.world(r.cfg, x.j, x.facts, x.q, r.now)
		w.Domains, w.Blocks = p.domains(x.facts, x.q.Host), r.blocking(r.cfg)
		w.SecondOpinion = remedy.Known(policy.SecondOpinion{Off: true, Voters: 2, Bad: 2})
		d := policy.Decide(r.proposal(x.q, x.facts), w)
		if !d.WouldAct && !d.WouldAsk {
			continue
		}
		if s.c == nil {
			most--
		}
		spec := s.j.detector.Spec()
		q.Pool, q.Detector, q.Digest, q.At = p.name, spec.Name, spec.Digest, s.j.At
		q.Hosts = append(q.Hosts, x.q.Host)
	}
	for i := range out {
		slices.Sort(out[i].Hosts)
	}
	return slices.DeleteFunc(out, func(q remedy.OpinionQuery) bool { return len(q.Hosts) == 0 })
}

// secondOpinion is what the voters make of a host that this node finds bad, by a
// judgement; r has what the others said, and may be nil. dissent is what each of
// the others said where they are not of one mind.
func (e *Engine) secondOpinion(cfg *Config, r *round, j *judgement, host remedy.HostName) (remedy.Fact[policy.SecondOpinion], []remedy.HostOpinion) {
	voters := e.Ledger.Status().Voters
	out := policy.SecondOpinion{Off: !cfg.Corroborate, Voters: max(1, len(voters)), Bad: 1}
	unknown := func(why string) (remedy.Fact[policy.SecondOpinion], []remedy.HostOpinion) {
		return remedy.Unknown[policy.SecondOpinion](why), nil
	}
	switch {
	case out.Voters == 1 || out.Off:
		return remedy.Known(out), nil
	case e.Voters == nil:
		return unknown("this node has no way to ask the other voters: start it with the [cluster] that has them")
	case j == nil:
		return unknown("no detector has judged it")
	case r == nil:
		return unknown("no round has run yet; wait for the first")
	case r.cfg != cfg:
		return unknown("the config was reloaded, and the other voters were not asked since; wait for the next round")
	}
	o, asked := r.opinions[opinionOf{j.Pool, j.Detector}]
	if _, ok := slices.BinarySearch(o.q.Hosts, host); !asked || !ok || !o.q.At.Equal(j.At) {
		return unknown("the other voters were not asked: something else is in the way, or too many hosts are bad at once")
	}
	var all []remedy.HostOpinion
	var against []string
	for _, v := range voters {
		if v == e.Node {
			continue
		}
		one := o.of(v, host)
		all = append(all, one)
		if one.Why == "" && one.Finding.Verdict == remedy.VerdictBad {
			out.Bad++
			continue
		}
		against = append(against, string(v)+": "+inShort(one))
	}
	if len(against) == 0 {
		return remedy.Known(out), nil
	}
	out.Others = shortened(strings.Join(against, "; "), mostWords)
	return remedy.Known(out), all
}

// of is one voter's word on a host. Only a finding by the same detector at the
// same instant is one.
func (o opinion) of(v remedy.NodeID, host remedy.HostName) remedy.HostOpinion {
	out := remedy.HostOpinion{Node: v}
	i := slices.IndexFunc(o.said, func(a remedy.Opinion) bool { return a.Node == v })
	if i < 0 {
		out.Why = "no answer"
		return out
	}
	a := o.said[i]
	k := slices.IndexFunc(a.Findings, func(f remedy.Finding) bool { return f.Host == host })
	switch {
	case a.Why != "":
		out.Why = a.Why
	case a.Digest == "":
		out.Why = "it has no such detector"
	case a.Digest != o.q.Digest:
		out.Why = "it has another config for this detector (digest " + a.Digest + ")"
	case k < 0:
		out.Why = "its inventory doesn't list the host"
	case a.Findings[k].Pool != o.q.Pool, a.Findings[k].Detector != o.q.Detector, !a.Findings[k].At.Equal(o.q.At):
		out.Why = "it judged something else"
	default:
		out.Finding = &a.Findings[k]
		return out
	}
	out.Why = shortened(chat.Clean(out.Why), mostWords)
	return out
}

// inShort words an opinion for a decision; the case has the numbers.
func inShort(o remedy.HostOpinion) string {
	if o.Why != "" {
		return o.Why
	}
	return o.Finding.Verdict.String()
}

// shortened cuts words that are too long for a decision.
func shortened(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}

// askAgain asks the other voters once more, about one host and the instant that
// it is judged at after START. Who needs nobody's opinion asks nobody. It is called
// before the host is judged, so that both take as long as the longer one.
func (e *Engine) askAgain(ctx context.Context, x *execution, q remedy.OpinionQuery) *asking {
	ctx, cancel := context.WithCancel(ctx)
	a := &asking{cancel: cancel, said: make(chan map[opinionOf]opinion, 1)}
	if asksPerson(x.c) || e.agreed(x.cfg) || e.Voters == nil {
		a.said <- nil
		return a
	}
	go func() { a.said <- e.opinions(ctx, []remedy.OpinionQuery{q}) }()
	return a
}

// asking is a question to the other voters that is under way.
type asking struct {
	cancel func()
	said   chan map[opinionOf]opinion
}

// wait returns what they said, once.
func (a *asking) wait(ctx context.Context) map[opinionOf]opinion {
	select {
	case said := <-a.said:
		return said
	case <-ctx.Done():
		return nil
	}
}

// asksPerson reports whether a case's question is put to a person, or was.
func asksPerson(c *ledger.Case) bool { return c != nil && c.Ask != nil }

// Opinion is what this node says of hosts that another node wants to act on: its
// own verdict, from its own sources, inventory and load balancers. It is nothing
// but what a detector says, and changes nothing.
func (e *Engine) Opinion(ctx context.Context, q remedy.OpinionQuery) remedy.Opinion {
	cfg, now := e.Config(), e.Clock.Now()
	none := func(format string, args ...any) remedy.Opinion {
		return remedy.Opinion{Node: e.Node, Why: fmt.Sprintf(format, args...)}
	}
	d, ok := cfg.detector(q.Detector)
	if !ok || !slices.Contains(d.Spec().Pools, q.Pool) {
		return none("it has no detector %s on pool %s", q.Detector, q.Pool)
	}
	spec := d.Spec()
	if spec.Digest != q.Digest {
		return remedy.Opinion{Node: e.Node, Digest: spec.Digest, Why: "it has another config for " + string(q.Detector) + " (digest " + spec.Digest + "): bring the configs together"}
	}
	v := e.View()
	defer v.Release()
	p := v.round.pool(q.Pool)
	switch age := now.Sub(q.At); {
	case !q.At.Equal(q.At.Truncate(spec.Interval)):
		return none("%s is no instant that %s judges", q.At.Format(time.RFC3339Nano), q.Detector)
	case age < 0:
		return none("%s has not come yet by its clock", q.At.Format(time.RFC3339))
	case age > opinionIntervals*spec.Interval+slowRound:
		return none("%s is %s ago by its clock: an opinion on the past is none", q.At.Format(time.RFC3339), age.Round(time.Second))
	case len(q.Hosts) == 0 || len(q.Hosts) > mostAsked:
		return none("it was asked about %d hosts, and answers for 1 to %d", len(q.Hosts), mostAsked)
	case p == nil || v.round.cfg != cfg:
		return none("it has not looked at pool %s yet", q.Pool)
	case now.Sub(v.At) > staleRounds*cfg.interval()+slowRound:
		return none("its newest round was %s ago", now.Sub(v.At).Round(time.Second))
	}
	view := e.poolView(p, &round{cfg: cfg, now: now}, false)
	j := judge(d, view, q.At, e.fetchFresh(ctx, cfg, d.Queries(view, q.At)), nil)
	if ctx.Err() != nil {
		return none("it could not ask its sources in time")
	}
	out := remedy.Opinion{Node: e.Node, Digest: spec.Digest}
	for _, h := range q.Hosts {
		if f, ok := j.finding(h); ok {
			out.Findings = append(out.Findings, f)
		}
	}
	return out
}

// opinionIntervals is how many of a detector's intervals the instant may be ago
// that an opinion is wanted for.
const opinionIntervals = 5
