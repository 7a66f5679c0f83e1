//go:build integration && !failpoints

package main_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"warden/internal/realtest"
)

// cost is what one system takes for a round of all judges.
type cost struct {
	system     string
	judges     int
	rounds     float64
	own, tsdb  float64 // CPU seconds a round
	each       float64 // seconds on the wall for one query, or one rule
	asked      float64 // queries, or rules evaluated, a round
	rss, first float64 // MB above idle, of warden: when it runs, and in its first round
	tsdbRSS    float64 // MB at the peak, of Prometheus
	busy       string
	missed     float64
}

// beside is one fleet, judged by Prometheus' rules and by warden.
type beside struct {
	tb     testing.TB
	data   *canaryData
	p      *realtest.Prometheus
	rounds int    // to measure
	late   string // warden's late_within

	idle        float64 // CPU seconds a second of a Prometheus that is asked nothing
	idleRSS     float64
	idleOwn     float64 // the same of a warden that has no detectors
	idleWarden  float64 // MB
	rows        []cost
	differences []string
}

// newBeside starts a Prometheus that holds the fleet's data, and measures it
// and a warden without detectors.
func newBeside(tb testing.TB, data *canaryData, rounds int, late string) *beside {
	tb.Helper()
	b := &beside{tb: tb, data: data, rounds: rounds, late: late}
	b.p = realtest.StartPrometheus(tb, realtest.PrometheusOptions{
		Config: "global:\n  evaluation_interval: 15s\n", Args: []string{realtest.RemoteWriteArg, "--query.timeout=2m"},
	})
	b.ahead()
	d := startDryRun(tb, data, b.p, nil, late)
	before, own, began := cpuOf(tb, b.p.PID()), cpuOf(tb, d.pid), time.Now()
	<-time.After(time.Duration(rounds) * data.step / 2)
	b.idle = (cpuOf(tb, b.p.PID()) - before).Seconds() / time.Since(began).Seconds()
	b.idleOwn = (cpuOf(tb, d.pid) - own).Seconds() / time.Since(began).Seconds()
	b.idleRSS, b.idleWarden = memoryOf(tb, b.p.PID(), "VmRSS"), memoryOf(tb, d.pid, "VmRSS")
	d.stop()
	return b
}

// ahead writes all the data that the next measurement needs, with a margin.
func (b *beside) ahead() { b.data.reach(b.tb, b.p, time.Now().Add(b.horizon())) }

func (b *beside) horizon() time.Duration {
	return time.Duration(4*b.rounds+24) * b.data.step
}

// warm is how long both get to start: a first round, and what is unusual after.
func (b *beside) warm() time.Duration { return 5*b.data.step + 2*time.Second }

// during measures the CPU of Prometheus over the rounds, without what it takes
// when it is asked nothing, and its peak memory. It ends when done says that so
// many rounds are over, which is asked towards the end only.
func (b *beside) during(c *cost, done func() bool) (cpu float64) {
	b.tb.Helper()
	pid := b.p.PID()
	forgetPeak(b.tb, pid)
	before, began := cpuOf(b.tb, pid), time.Now()
	<-time.After(time.Duration(b.rounds)*b.data.step - b.data.step/2)
	for !done() {
		if time.Since(began) > time.Duration(2*b.rounds+4)*b.data.step {
			b.tb.Fatalf("%s with %d judges: not %d rounds within %v: too many hosts for this machine as it is", c.system, c.judges, b.rounds, time.Since(began))
		}
		<-time.After(b.data.step / 5)
	}
	cpu = (cpuOf(b.tb, pid) - before).Seconds() - b.idle*time.Since(began).Seconds()
	c.tsdbRSS, c.busy = memoryOf(b.tb, pid, "VmHWM"), load(b.tb)
	return max(0, cpu)
}

// rules measures the judges as Prometheus' own rules.
func (b *beside) rules(all []judge) (verdicts map[string]map[string]bool) {
	b.tb.Helper()
	b.ahead()
	b.p.Reload(rulesConfig(b.p, all, b.data.step))
	b.evaluated(all, forSteps+2)
	before := metrics(b.tb, b.p.URL)
	c := cost{system: "Prometheus' rules", judges: len(all)}
	goal := before["prometheus_rule_evaluations_total"] + float64(b.rounds*len(all))
	cpu := b.during(&c, func() bool { return metrics(b.tb, b.p.URL)["prometheus_rule_evaluations_total"] >= goal })
	delta := since(before, metrics(b.tb, b.p.URL))
	done := delta["prometheus_rule_evaluations_total"]
	if done < float64(len(all)) || delta["prometheus_rule_evaluation_failures_total"] > 0 {
		b.tb.Fatalf("%d rules were evaluated %v times, %v of them failed", len(all), done, delta["prometheus_rule_evaluation_failures_total"])
	}
	c.rounds, c.asked = done/float64(len(all)), float64(len(all))
	c.tsdb, c.missed = cpu/c.rounds, delta["prometheus_rule_group_iterations_missed_total"]
	c.each = delta["prometheus_rule_evaluation_duration_seconds_sum"] / delta["prometheus_rule_evaluation_duration_seconds_count"]
	b.rows = append(b.rows, c)
	verdicts = map[string]map[string]bool{}
	for _, j := range all {
		verdicts[j.name] = firing(b.tb, b.p, j)
	}
	b.p.Reload(rulesConfig(b.p, nil, b.data.step))
	return verdicts
}

// evaluated waits until all rules were evaluated n times since now.
func (b *beside) evaluated(all []judge, n int) {
	b.tb.Helper()
	goal := metrics(b.tb, b.p.URL)["prometheus_rule_evaluations_total"] + float64(n*len(all))
	for end := time.Now().Add(20 * b.warm()); metrics(b.tb, b.p.URL)["prometheus_rule_evaluations_total"] < goal; <-time.After(b.data.step / 5) {
		if time.Now().After(end) {
			b.tb.Fatalf("Prometheus did not evaluate %d rules %d times within %v: too many hosts for this machine", len(all), n, 20*b.warm())
		}
	}
}

// since is what counters rose by; one that is new began at 0.
func since(before, after map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for name, v := range after {
		out[name] = v - before[name]
	}
	return out
}

// warden measures the judges as warden's detectors.
func (b *beside) warden(all []judge) (verdicts map[string]map[string]bool) {
	b.tb.Helper()
	b.ahead()
	d := startDryRun(b.tb, b.data, b.p, all, b.late)
	defer d.stop()
	rounds := func() float64 { return metrics(b.tb, d.url)["warden_rounds_total"] }
	d.until("the first rounds", 20*b.warm(), func() error {
		if n := rounds(); n < forSteps+2 {
			return fmt.Errorf("%v rounds", n)
		}
		return nil
	})
	c := cost{system: "warden", judges: len(all), first: memoryOf(b.tb, d.pid, "VmHWM") - b.idleWarden}
	// Begin and end behind a round, so that whole ones are counted.
	last := rounds()
	d.until("the next round", 20*b.warm(), func() error {
		if rounds() == last {
			return fmt.Errorf("still at %v rounds", last)
		}
		return nil
	})
	forgetPeak(b.tb, d.pid)
	before, own := metrics(b.tb, d.url), cpuOf(b.tb, d.pid)
	cpu := b.during(&c, func() bool { return rounds() >= before["warden_rounds_total"]+float64(b.rounds) })
	own = cpuOf(b.tb, d.pid) - own
	delta := since(before, metrics(b.tb, d.url))
	c.rounds = delta["warden_rounds_total"]
	c.own, c.tsdb = own.Seconds()/c.rounds, cpu/c.rounds
	c.rss = memoryOf(b.tb, d.pid, "VmHWM") - b.idleWarden
	c.asked = delta["warden_source_request_duration_seconds_count"] / c.rounds
	c.each = delta["warden_source_request_duration_seconds_sum"] / delta["warden_source_request_duration_seconds_count"]
	b.rows = append(b.rows, c)
	return d.bad(b.data, all)
}

// side judges by both, and compares whom they find bad, both ways. It returns
// that.
func (b *beside) side(n int) map[string]map[string]bool {
	b.tb.Helper()
	all := judges(n)
	ours := b.warden(all)
	theirs := b.rules(all)
	for _, j := range all {
		b.compare(j.name, "warden alone", ours[j.name], theirs[j.name])
		b.compare(j.name, "Prometheus alone", theirs[j.name], ours[j.name])
		if wanted := b.data.hosts / perPool; len(theirs[j.name]) == 0 && wanted > 0 || b.data.storm && len(theirs[j.name]) != b.data.hosts {
			b.tb.Fatalf("%s fires for %d hosts: the data are not what they should be", j.name, len(theirs[j.name]))
		}
	}
	if len(b.differences) > 0 {
		b.tb.Fatalf("warden and Prometheus disagree:\n%s", strings.Join(b.differences, "\n"))
	}
	return ours
}

func (b *beside) compare(name, who string, x, y map[string]bool) {
	for host := range x {
		if !y[host] && len(b.differences) < 20 {
			b.differences = append(b.differences, name+": "+who+" finds "+host+" bad")
		}
	}
}

// table is the rows as docs/benchmarks.md has them.
func (b *beside) table() string {
	var out strings.Builder
	bad := "0.1 %"
	if b.data.storm {
		bad = "100 %"
	}
	for _, c := range b.rows {
		own, rss := "–", "–"
		if c.system == "warden" {
			own, rss = fmt.Sprintf("%.3f", c.own), fmt.Sprintf("%.0f (%.0f)", c.rss, c.first)
		}
		missed := ""
		if c.missed > 0 {
			missed = fmt.Sprintf(", %.0f rounds missed", c.missed)
		}
		fmt.Fprintf(&out, "| %d | %s | %d | %s | %s | %.3f | **%.3f** | %.0f × %.2f | %s | %.0f | %.1f%s | %s |\n", b.data.hosts, bad, c.judges, c.system,
			own, c.tsdb, c.own+c.tsdb, c.asked, c.each, rss, c.tsdbRSS, c.rounds, missed, c.busy)
	}
	return out.String()
}

const tableHead = "| hosts | bad | judges | system | own CPU-s a round | TSDB CPU-s a round | together | queries or rules a round × s each | own RSS, MB above idle (first round) | TSDB peak RSS, MB | rounds | load |\n" +
	"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"

// TestRulesBeside holds the harness of the measurement itself to what it says,
// in small: the same hosts are bad by warden's detectors and by Prometheus' own
// rules, in a quiet fleet and in a storm.
func TestRulesBeside(t *testing.T) {
	for _, storm := range []bool{false, true} {
		t.Run(fmt.Sprintf("storm=%v", storm), func(t *testing.T) {
			t.Parallel()
			b := newBeside(t, &canaryData{hosts: 200, step: time.Second, storm: storm}, 1, "1s")
			bad := b.side(3)
			want := map[string][]int{"instant_0": {7, 13}, "window_1": {7, 11, 13}, "low_2": {7}} // see canaryData.kind
			for name, hosts := range want {
				if got := len(bad[name]); storm && got != 200 || !storm && got != len(hosts) {
					t.Errorf("%s finds %d hosts bad", name, got)
				}
				for _, i := range hosts {
					if !bad[name][hostName(i)] {
						t.Errorf("%s does not find %s bad", name, hostName(i))
					}
				}
			}
			if len(b.rows) != 2 {
				t.Errorf("%d rows", len(b.rows))
			}
			t.Logf("\n%s%s", tableHead, b.table())
		})
	}
}

// BenchmarkRulesBeside measures warden beside Prometheus' own rules on the same
// data: `make bench-rules`. It prints rows for docs/benchmarks.md. What it
// needs to know is in the environment: see the Makefile.
func BenchmarkRulesBeside(b *testing.B) {
	hosts := fromEnv(b, "WARDEN_BENCH_HOSTS", 10_000)
	rounds := fromEnv(b, "WARDEN_BENCH_ROUNDS", 6)
	late := cmp.Or(os.Getenv("WARDEN_BENCH_LATE"), "30s")
	version, err := exec.Command("/usr/bin/prometheus", "--version").CombinedOutput()
	if err != nil {
		b.Fatal(err)
	}
	first, _, _ := strings.Cut(string(version), "\n")
	fmt.Printf("%s; %s, %d cores; late_within %s\n\n%s", first, runtime.Version(), runtime.NumCPU(), late, tableHead)
	var idle strings.Builder
	for b.Loop() {
		for _, storm := range []bool{false, true} {
			if bad := os.Getenv("WARDEN_BENCH_BAD"); (bad == "few" && storm) || (bad == "all" && !storm) {
				continue
			}
			s := newBeside(b, &canaryData{hosts: hosts, step: 15 * time.Second, storm: storm}, rounds, late)
			for _, n := range []int{3, 10} {
				if only := os.Getenv("WARDEN_BENCH_JUDGES"); only != "" && only != strconv.Itoa(n) {
					continue
				}
				s.rows = nil
				s.side(n)
				fmt.Print(s.table())
			}
			s.p.Stop()
			fmt.Fprintf(&idle, "\nIdle, at %.1f %% of a core and %.0f MB: warden without detectors; at %.1f %% and %.0f MB: Prometheus with the data.",
				100*s.idleOwn, s.idleWarden, 100*s.idle, s.idleRSS)
		}
	}
	fmt.Println(idle.String())
}

func fromEnv(b *testing.B, name string, otherwise int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s=%q is not a number of 1 or more", name, text)
	}
	return n
}
