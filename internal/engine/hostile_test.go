package engine

import (
	"slices"
	"testing"
	"time"

	"warden/detectors"
	"warden/internal/ledger"
	"warden/internal/realtest/hostile"
	"warden/internal/remedy"
	"warden/internal/source"
)

// hostileTimeout is the source's in these tests, and hostileSlack what a busy
// machine may take longer.
const (
	hostileTimeout = 250 * time.Millisecond
	hostileSlack   = 10 * time.Second
)

// hostileRig is an engine at auto that asks a real source, which asks a server
// that can lie.
type hostileRig struct {
	*rig
	server *hostile.Server
}

func newHostileRig(t *testing.T, d hostile.Dialect, open func(url string) source.Source, change ...func(*setup)) *hostileRig {
	t.Helper()
	server, err := hostile.Start(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	src := open(server.URL)
	r := newRig(t, append([]func(*setup){func(s *setup) {
		s.config = func(c *Config) { c.Sources["prom"] = Source{Source: src, MaxStaleness: c.Sources["prom"].MaxStaleness} }
	}}, change...)...)
	r.t = t
	// What is started is known from its START; it need not run, and could not
	// without a clock that moves by itself.
	r.spawn = func(func()) {}
	return &hostileRig{rig: r, server: server}
}

// started counts the committed STARTs.
func (r *hostileRig) started() int {
	n := 0
	for _, e := range r.log.entries {
		if hasOp(e, "exec.start") {
			n++
		}
	}
	return n
}

// look runs a round, which must end in time, whatever the source says.
func (r *hostileRig) look(asks int) {
	r.t.Helper()
	began := time.Now()
	r.round()
	// Four are asked at a time, and a question may be asked twice (POST, GET).
	if took, most := time.Since(began), time.Duration(2*(asks/4+1))*hostileTimeout+hostileSlack; took > most {
		r.t.Errorf("the round took %v of at most %v", took, most)
	}
}

func hostileHosts() []string {
	hosts := make([]string, 0, 10)
	for _, h := range hostNames(10) {
		hosts = append(hosts, string(h))
	}
	return hosts
}

func hostilePrometheus() hostile.Prometheus {
	return hostile.Prometheus{Hosts: hostileHosts(), Label: "instance", Received: 60, Age: 5}
}

func hostileGraphite() hostile.Graphite {
	return hostile.Graphite{Hosts: hostileHosts(), Prefix: "canary.", Suffix: ".received", Step: 30, Received: 30}
}

// inGraphite is the rig's detector as it would be on Graphite.
func inGraphite(s *setup) {
	s.canary.Dialect, s.canary.Query, s.canary.CanaryTarget, s.canary.HostNode = detectors.Graphite, "canary.*.received", "canary.target.received", 2
	s.canary.HostLabel, s.canary.MaxStaleness = "", 2*time.Minute
}

func openGraphite(t *testing.T) func(string) source.Source {
	t.Helper()
	return func(url string) source.Source {
		g, err := source.NewGraphite(source.Options{Name: "prom", URL: url, Timeout: hostileTimeout}, true)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(g.Close)
		return g
	}
}

// byThreshold has the rig's hosts judged by a threshold detector: a host that
// receives less than half is bad.
func byThreshold(t *testing.T, change func(*detectors.ThresholdSpec)) func(*setup) {
	t.Helper()
	spec := detectors.DefaultThreshold()
	c := defaults().canary
	spec.Name, spec.Source, spec.Pools, spec.Propose, spec.HostLabel = c.Name, c.Source, c.Pools, c.Propose, c.HostLabel
	spec.Interval, spec.For, spec.MaxStaleness = c.Interval, c.For, c.MaxStaleness
	spec.Conditions, spec.CanaryTarget = []detectors.Condition{{Query: c.Query, BadBelow: new(15.0), ClearAbove: new(20.0)}}, c.CanaryTarget
	change(&spec)
	d, err := detectors.NewThreshold(spec)
	if err != nil {
		t.Fatal(err)
	}
	return func(s *setup) {
		before := s.config
		s.config = func(c *Config) {
			before(c)
			c.Detectors = []detectors.Detector{d}
		}
	}
}

// TestBadAnswersToThreshold gives the bad answers of Prometheus to a threshold
// detector.
func TestBadAnswersToThreshold(t *testing.T) {
	badAnswers(t, toThreshold(hostilePrometheus().Answers()), func(t *testing.T) *hostileRig {
		t.Helper()
		return newHostileRig(t, hostilePrometheus(), openPrometheus(t), byThreshold(t, func(*detectors.ThresholdSpec) {}))
	})
}

// TestBadAnswersToThresholdOnGraphite gives it those of Graphite.
func TestBadAnswersToThresholdOnGraphite(t *testing.T) {
	badAnswers(t, toThreshold(hostileGraphite().Answers()), func(t *testing.T) *hostileRig {
		t.Helper()
		return newHostileRig(t, hostileGraphite(), openGraphite(t), byThreshold(t, func(s *detectors.ThresholdSpec) {
			s.Dialect, s.HostLabel, s.HostNode = detectors.Graphite, "", 2
			s.Conditions[0].Query, s.CanaryTarget, s.MaxStaleness = "canary.*.received", "canary.target.received", 2*time.Minute
		}))
	})
}

// toThreshold says which answers are other to a threshold detector than to one
// that counts: a number below 0 is one like another.
func toThreshold(answers []hostile.Answer) []hostile.Answer {
	for i := range answers {
		if answers[i].Name == "negative numbers" {
			answers[i].WellFormed = true
		}
	}
	return answers
}

// TestBadAnswersOfGraphite is the same for a source that speaks /render.
func TestBadAnswersOfGraphite(t *testing.T) {
	answers := hostileGraphite().Answers()
	if len(answers) < 80 {
		t.Fatalf("%d bad answers", len(answers))
	}
	badAnswers(t, answers, func(t *testing.T) *hostileRig {
		t.Helper()
		return newHostileRig(t, hostileGraphite(), openGraphite(t), inGraphite)
	})
}

func openPrometheus(t *testing.T) func(string) source.Source {
	t.Helper()
	return func(url string) source.Source {
		p, err := source.NewPrometheus(source.Options{Name: "prom", URL: url, Timeout: hostileTimeout})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		return p
	}
}

// TestBadAnswersOfPrometheus gives every bad answer there is to an engine that
// would act, were it believed: nothing starts, no case opens but where every host
// is said to be bad in the best of forms, each round ends in time, and once the server is honest again the bad host is acted on.
func TestBadAnswersOfPrometheus(t *testing.T) {
	answers := hostilePrometheus().Answers()
	if len(answers) < 80 {
		t.Fatalf("%d bad answers", len(answers))
	}
	badAnswers(t, answers, func(t *testing.T) *hostileRig {
		t.Helper()
		return newHostileRig(t, hostilePrometheus(), openPrometheus(t))
	})
}

// badRounds is how many rounds a lie lasts: enough to act on a bad host.
const badRounds = 4

func badAnswers(t *testing.T, answers []hostile.Answer, fresh func(*testing.T) *hostileRig) {
	t.Helper()
	t.Run("control: an honest answer is acted on", func(t *testing.T) {
		t.Parallel()
		r := fresh(t)
		r.look(7)
		r.look(7)
		r.server.Bad(string(r.host(0)))
		for range badRounds {
			r.look(7)
		}
		if r.started() != 1 {
			t.Fatalf("%d executions were started: %+v\n%+v", r.started(), r.l.Cases(ledger.CaseFilter{}), r.e.view.Load().round.pools[ingest].judgements)
		}
	})
	for scope, name := range map[hostile.Scope]string{hostile.Values: "values", hostile.Everything: "everything"} {
		for _, a := range answers {
			t.Run(name+"/"+a.Name, func(t *testing.T) {
				t.Parallel()
				r := fresh(t)
				bad := string(r.host(0))
				r.look(7)
				asks := int(r.server.Asked())
				r.look(asks)
				if n := len(r.l.Cases(ledger.CaseFilter{})); n > 0 || r.started() > 0 {
					t.Fatalf("%d cases of good answers", n)
				}
				r.server.Turn(scope, a)
				if !a.Innocent {
					r.server.Bad(bad)
				}
				rounds := badRounds
				if a.Heavy {
					rounds = 1
				}
				for range rounds {
					r.look(asks)
				}
				if r.server.Lied() == 0 {
					t.Fatal("it was never asked")
				}
				if n := r.started(); n > 0 {
					t.Errorf("%d executions were started", n)
				}
				for _, c := range r.l.Cases(ledger.CaseFilter{}) {
					if !a.WellFormed {
						t.Errorf("a case of %q was opened", c.Host)
					}
					if d := c.Decision; d == nil || d.Level != remedy.LevelBlocked || d.BlockedBy != "common_mode" || !slices.Contains(r.src.hosts, c.Host) {
						t.Errorf("case %s of %q: %+v", c.ID, c.Host, d)
					}
				}
				r.server.Bad(bad)
				r.server.Honest()
				// Longer than storm_cooldown, which a lie about all hosts begins.
				for range 40 {
					if r.look(asks); r.started() > 0 {
						return
					}
				}
				t.Errorf("the bad host is not acted on once the answers are honest: %+v", r.l.Cases(ledger.CaseFilter{}))
			})
		}
	}
}
