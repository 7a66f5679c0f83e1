package web

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// metric describes one series family. Names are written out, so that they can
// be found, and docs/metrics.md has a row for each.
type metric struct {
	name, help string
	labels     []string
}

func (m metric) desc() *prometheus.Desc { return prometheus.NewDesc(m.name, m.help, m.labels, nil) }

// ledgerCounters are the counters that live in the ledger. One that isn't
// listed is shown all the same, without a help text.
var ledgerCounters = []metric{
	{"warden_would_have_acted_total", "Times that every guardrail allowed auto.", []string{"action", "detector", "pool"}},
	{"warden_would_have_asked_total", "Times that the guardrails allowed confirm and no more.", []string{"action", "detector", "pool"}},
	{"warden_cases_total", "Closed cases by outcome.", []string{"action", "detector", "pool", "outcome"}},
	{"warden_actions_total", "Executions by who started them and how they ended.", []string{"action", "pool", "trigger", "result"}},
	{"warden_guardrail_blocks_total", "Decisions that were blocked, by the guardrail that blocked first.", []string{"guardrail", "action", "pool"}},
	{"warden_labels_total", "Statements about whether a detector was right, by what and who said it.", []string{"action", "pool", "label", "source"}},
	{"warden_demotions_total", "Times that warden or a person lowered a level until a review, by why.", []string{"action", "pool", "why"}},
}

var (
	mBuild      = metric{"warden_build_info", "Always 1; which build this is.", []string{"version", "revision", "goversion"}}
	mHash       = metric{"warden_config_hash", "Fingerprint of this node's config: equal numbers mean equal configs.", nil}
	mReloadOK   = metric{"warden_config_last_reload_successful", "1 if the newest attempt to load the config succeeded.", nil}
	mReloadAt   = metric{"warden_config_last_reload_success_timestamp_seconds", "When the config was last loaded.", nil}
	mLevel      = metric{"warden_policy_level", "The rung: 0 blocked, 1 metric-only, 2 notify, 3 confirm, 4 auto.", []string{"action", "pool", "kind"}}
	mPending    = metric{"warden_pending_cases", "Cases that wait for a person's answer, or were approved and have not started.", []string{"action", "pool"}}
	mUnknown    = metric{"warden_unknown_executions", "Open cases of which nobody knows whether the effect happened.", []string{"action", "pool"}}
	mHosts      = metric{"warden_hosts", "Hosts by their worst verdict in the newest round.", []string{"pool", "verdict"}}
	mOutBy      = metric{"warden_hosts_out_of_service", "Hosts that are out of service, by whose hand.", []string{"pool", "by"}}
	mHostOut    = metric{"warden_host_out", "1 for each host that is out of service because of warden.", []string{"pool", "host", "case"}}
	mGuardrail  = metric{"warden_guardrail_active", "Open cases whose newest decision this guardrail blocks.", []string{"guardrail", "pool"}}
	mFrozen     = metric{"warden_frozen", "1 while all acting is stopped.", nil}
	mHolds      = metric{"warden_holds", "Holds in force on hosts of a pool, or on all of it.", []string{"pool"}}
	mStale      = metric{"warden_source_stale", "1 if the newest round could not show that the source is fresh.", []string{"source"}}
	mAge        = metric{"warden_source_last_point_age_seconds", "How old the source's canary_target was in the newest round.", []string{"source"}}
	mEvaluated  = metric{"warden_detector_last_evaluation_timestamp_seconds", "The instant that the detector last judged.", []string{"detector", "pool"}}
	mRounds     = metric{"warden_rounds_total", "Rounds since this node last became the leader.", nil}
	mLocal      = metric{"warden_local_rounds_total", "Rounds that this node evaluated without leading: nothing was committed or decided on them.", nil}
	mRoundAt    = metric{"warden_last_round_timestamp_seconds", "When the newest round was.", nil}
	mPoolUsable = metric{"warden_pool_usable", "1 while the inventory may be believed; else nothing is done in the pool.", []string{"pool"}}
	mPoolSize   = metric{"warden_pool_hosts", "The committed size of the pool.", []string{"pool"}}
)

// described lists every metric of the collector.
func described() []metric {
	return append(slices.Concat(ledgerCounters, watchMetrics(), trustMetrics()), mBuild, mHash, mReloadOK, mReloadAt, mLevel, mPending, mUnknown, mHosts, mOutBy, mHostOut,
		mGuardrail, mFrozen, mHolds, mStale, mAge, mEvaluated, mRounds, mLocal, mRoundAt, mPoolUsable, mPoolSize)
}

// collector reads the ledger and the newest round at each scrape, so that
// nothing is counted twice and nothing has to be kept up to date.
type collector struct{ *surface }

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range described() {
		out <- m.desc()
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	x := scrape{out}
	now, raft, cfg := c.now(), c.raft(), c.Engine.Config()
	v := c.Engine.View()
	defer v.Release()
	x.gauge(mBuild, 1, c.Build.Version, c.Build.Revision, c.Build.GoVersion)
	x.gauge(mHash, hashNumber(cfg.Hash))
	reload := c.Node.Reloaded()
	x.gauge(mReloadOK, bit(reload.OK))
	x.gauge(mReloadAt, seconds(reload.At))
	if c.Node.Ready() != nil {
		// Counters that start anew, at 0 or at a snapshot's, would look like a
		// reset, and a freeze that is not known like none. What this node sees
		// for itself is true all the same.
		if c.behind() != nil {
			judged := map[remedy.PoolName][]remedy.Judgement{}
			for _, name := range c.pools() {
				judged[name] = c.picture(v, name, now).judged
			}
			c.local(x, v, cfg, judged)
		}
		return
	}
	counters := c.Ledger.Counters()
	x.counters(counters)
	x.unblocked(cfg, counters)
	led := c.Ledger.Status()
	x.gauge(mFrozen, bit(led.Freeze != nil))
	for _, l := range c.levels(cfg, "") {
		x.gauge(mLevel, float64(l.File), string(l.Action), string(l.Pool), "file")
		x.gauge(mLevel, float64(l.Effective), string(l.Action), string(l.Pool), "effective")
	}
	x.outbox(c.Ledger, now)
	x.judging(cfg)
	if c.Ledger.Floor().Version >= trustSince {
		x.trust(c.assessments(now))
	}
	judged := map[remedy.PoolName][]remedy.Judgement{}
	for _, name := range c.pools() {
		p := c.picture(v, name, now)
		judged[name] = p.judged
		x.pool(&p, cfg, led.Holds, !v.At.IsZero())
		x.delays(&p, cfg, now)
		x.storms(&p, cfg)
		x.latched(name, c.Ledger.Latches(name))
	}
	if raft.Leader {
		x.send(prometheus.CounterValue, mRounds, float64(v.Rounds))
	}
	c.local(x, v, cfg, judged)
}

// local is what this node sees for itself, whoever leads.
func (c collector) local(x scrape, v *engine.View, cfg *engine.Config, judged map[remedy.PoolName][]remedy.Judgement) {
	x.send(prometheus.CounterValue, mLocal, float64(c.Engine.LocalRounds()))
	if v.At.IsZero() {
		return // nothing was seen: what is said now would be made up
	}
	x.gauge(mRoundAt, seconds(v.At))
	for _, s := range sourceStates(cfg, judged) {
		x.gauge(mStale, bit(s.Fresh == nil || !*s.Fresh), string(s.Source))
		if s.AgeSec != nil {
			x.gauge(mAge, *s.AgeSec, string(s.Source))
		}
	}
	for _, d := range detectorStates(cfg, judged, "") {
		if !d.At.IsZero() {
			x.gauge(mEvaluated, seconds(d.At), string(d.Detector), string(d.Pool))
		}
	}
}

// scrape is where one scrape's metrics go.
type scrape struct{ out chan<- prometheus.Metric }

func (x scrape) gauge(m metric, v float64, labels ...string) {
	x.send(prometheus.GaugeValue, m, v, labels...)
}

func (x scrape) send(kind prometheus.ValueType, m metric, v float64, labels ...string) {
	sent, err := prometheus.NewConstMetric(m.desc(), kind, v, labels...)
	if err != nil { // such as a label that isn't UTF-8
		sent = prometheus.NewInvalidMetric(m.desc(), err)
	}
	x.out <- sent
}

func (x scrape) counters(all []ledger.Counter) {
	for _, c := range all {
		m := metric{name: c.Name, help: c.Name}
		if i := slices.IndexFunc(ledgerCounters, func(k metric) bool { return k.name == c.Name }); i >= 0 {
			m.help = ledgerCounters[i].help
		}
		values := make([]string, len(c.Labels))
		for i, l := range c.Labels {
			m.labels, values[i] = append(m.labels, l.Name), l.Value
		}
		x.send(prometheus.CounterValue, m, float64(c.Value), values...)
	}
}

// unblocked sends a 0 for each guardrail that never blocked an action in its
// pool: the ledger begins to count at the first block, and an increase is seen
// only by those who saw the 0 before.
func (x scrape) unblocked(cfg *engine.Config, all []ledger.Counter) {
	i := slices.IndexFunc(ledgerCounters, func(k metric) bool { return k.name == "warden_guardrail_blocks_total" })
	m := ledgerCounters[i]
	seen := map[[3]string]bool{}
	for _, c := range all {
		if c.Name == m.name && len(c.Labels) == 3 {
			seen[[3]string{c.Labels[0].Value, c.Labels[1].Value, c.Labels[2].Value}] = true
		}
	}
	for action, a := range cfg.Actions {
		for pool := range a.Levels {
			for _, g := range policy.Names() {
				if key := [3]string{g, string(action), string(pool)}; !seen[key] {
					x.send(prometheus.CounterValue, m, 0, key[:]...)
				}
			}
		}
	}
}

// pool sends what there is to say about one pool.
func (x scrape) pool(p *poolPicture, cfg *engine.Config, holds []ledger.Hold, seen bool) {
	pool := string(p.name)
	x.gauge(mPoolUsable, bit(p.facts.SizeKnown), pool)
	x.gauge(mPoolSize, float64(p.status.N), pool)
	held := 0
	for _, h := range holds {
		count(&held, h.Pool == p.name)
	}
	x.gauge(mHolds, float64(held), pool)
	warden, other := p.outBy()
	x.gauge(mOutBy, float64(warden), pool, "warden")
	x.gauge(mOutBy, float64(other), pool, "other")
	if seen {
		verdicts := p.verdicts()
		for _, v := range slices.Sorted(maps.Keys(verdicts)) {
			x.gauge(mHosts, float64(verdicts[v]), pool, v)
		}
	}
	x.cases(p, cfg)
}

// cases sends what a pool's open cases say.
func (x scrape) cases(p *poolPicture, cfg *engine.Config) {
	pending, unknown := map[remedy.ActionName]int{}, map[remedy.ActionName]int{}
	for name, a := range cfg.Actions {
		if _, ok := a.Levels[p.name]; ok {
			pending[name], unknown[name] = 0, 0
		}
	}
	blocks := map[string]int{}
	for _, c := range p.status.Open {
		if c.Stage == remedy.StageWaiting {
			pending[c.Action]++
		}
		if c.UnknownExecution() {
			unknown[c.Action]++
		}
		if tookOut(c) {
			x.gauge(mHostOut, 1, string(p.name), string(c.Host), c.ID.String())
		}
		if c.Decision == nil || (c.Stage != remedy.StageDetected && c.Stage != remedy.StageProposed) {
			continue // decided, and the guardrails had their say
		}
		for _, a := range c.Decision.Answers {
			n := 0
			count(&n, a.Effect == remedy.EffectBlock || a.Effect == remedy.EffectWait)
			blocks[a.Guardrail] += n
		}
	}
	for _, name := range slices.Sorted(maps.Keys(pending)) {
		x.gauge(mPending, float64(pending[name]), string(name), string(p.name))
	}
	for _, name := range slices.Sorted(maps.Keys(unknown)) {
		x.gauge(mUnknown, float64(unknown[name]), string(name), string(p.name))
	}
	for _, name := range slices.Sorted(maps.Keys(blocks)) {
		x.gauge(mGuardrail, float64(blocks[name]), name, string(p.name))
	}
}

func bit(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// seconds is an instant in Unix seconds; 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// hashNumber turns a fingerprint into a number that a float64 holds exactly.
func hashNumber(hash string) float64 {
	sum := sha256.Sum256([]byte(hash))
	var b [8]byte
	copy(b[2:], sum[:6])
	return float64(binary.BigEndian.Uint64(b[:]))
}
