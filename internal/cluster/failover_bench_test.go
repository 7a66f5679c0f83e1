package cluster

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"warden/internal/cluster/clustertest"
	"warden/internal/realtest"
)

// killsVariable is how often BenchmarkFailover kills each cluster's leader, and
// how often it has it hand over.
const killsVariable = "WARDEN_BENCH_KILLS"

// BenchmarkFailover kills the leader of three processes with kill -9, again
// and again, and measures until another one leads and has applied everything;
// then the same for a planned stop. Bare hashicorp/raft with its DefaultConfig
// and warden's two timings run beside each other, and take turns, so that all
// meet the same machine. Last, with nothing else going on in the cluster, what
// a commit takes and what confirming the leadership does.
func BenchmarkFailover(b *testing.B) {
	kills := 3
	if text := os.Getenv(killsVariable); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil || kills < 1 {
			b.Fatalf("%s=%q is no number of kills", killsVariable, text)
		}
	}
	rivals := []*rival{
		newRival(b, "hashicorp/raft, DefaultConfig", failoverSpec{Bare: true}),
		newRival(b, "warden, timing default", failoverSpec{Timing: TimingDefault}),
		newRival(b, "warden, timing lan", failoverSpec{Timing: TimingLAN}),
	}
	var out strings.Builder
	fmt.Fprintf(&out, "load before: %s\n%-32s %-9s %4s %9s %9s %9s %9s   other elections\n", load(b), "", "", "n", "median", "p90", "p99", "worst")
	for range b.N {
		for _, way := range []string{"kill -9", "hand-over"} {
			took := make([][]time.Duration, len(rivals))
			more := make([]uint64, len(rivals))
			for range kills {
				for i, r := range rivals {
					d, other := r.lose(way == "kill -9")
					took[i], more[i] = append(took[i], d), more[i]+other
				}
			}
			for i, r := range rivals {
				fmt.Fprintf(&out, "%-32s %-9s %s   %d\n", r.name, way, figures(took[i]), more[i])
			}
		}
		fmt.Fprintf(&out, "load between: %s\n", load(b))
		for _, r := range rivals {
			for _, what := range r.measure(40 * kills) {
				fmt.Fprintf(&out, "%-32s %-9s %s\n", r.name, what.name, figures(what.took))
			}
		}
	}
	fmt.Fprintf(&out, "load after: %s\n", load(b))
	fmt.Print("\n", out.String()) // b.Log cuts it short
}

// figures are the number of values, their median, p90, p99 and worst.
func figures(all []time.Duration) string {
	slices.Sort(all)
	at := func(share int) float64 { return float64(all[max(0, (len(all)*share+99)/100-1)].Microseconds()) / 1000 }
	return fmt.Sprintf("%4d %6.2f ms %6.2f ms %6.2f ms %6.2f ms", len(all), at(50), at(90), at(99), at(100))
}

func load(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// rival is one cluster of three processes.
type rival struct {
	tb    testing.TB
	name  string
	specs map[string]failoverSpec
	procs map[string]*process

	mu     sync.Mutex
	leader string
	term   uint64
	since  time.Time // when the leader's barrier was done
	hands  time.Time
	change chan struct{} // closed at the next line of anybody
	took   map[string][]time.Duration
	done   bool
}

// process is one of them.
type process struct {
	cmd   *exec.Cmd
	stdin io.Writer
	in    bool
	gone  chan struct{}
}

func newRival(tb testing.TB, name string, like failoverSpec) *rival {
	tb.Helper()
	r := &rival{tb: tb, name: name, specs: map[string]failoverSpec{}, procs: map[string]*process{}, change: make(chan struct{}), took: map[string][]time.Duration{}}
	ca := clustertest.NewAuthority(tb)
	names := []string{"a", "b", "c"}
	for _, n := range names {
		like.Peers = append(like.Peers, Peer{Name: n, Address: realtest.Address(tb)})
	}
	for _, n := range names {
		spec := like
		spec.Dir, spec.Name = filepath.Join(tb.TempDir(), n), n
		spec.Cert, spec.Key, spec.CA = ca.Files(tb.TempDir(), n)
		r.specs[n] = spec
		r.up(n)
	}
	r.whole()
	return r
}

// up starts one.
func (r *rival) up(name string) {
	r.tb.Helper()
	text, err := json.Marshal(r.specs[name])
	if err != nil {
		r.tb.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), failoverMember+"="+string(text))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		r.tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		r.tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.tb.Fatal(err)
	}
	p := &process{cmd: cmd, stdin: stdin, gone: make(chan struct{})}
	r.mu.Lock()
	r.procs[name] = p
	r.mu.Unlock()
	go func() {
		defer close(p.gone)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			r.hear(name, p, lines.Text())
		}
		_ = cmd.Wait() // killed, as a rule
	}()
	r.tb.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be gone
		<-p.gone
	})
}

// hear takes in one line of a process.
func (r *rival) hear(name string, p *process, line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	word, rest, _ := strings.Cut(line, " ")
	var term uint64
	var nanos int64
	switch word {
	case "in":
		p.in = true
	case "leads":
		if _, err := fmt.Sscanf(rest, "%d %d", &term, &nanos); err == nil && term > r.term {
			r.leader, r.term, r.since = name, term, time.Unix(0, nanos)
		}
	case "hands":
		if _, err := fmt.Sscanf(rest, "%d", &nanos); err == nil {
			r.hands = time.Unix(0, nanos)
		}
	case "measured":
		r.done = true
	case "failed":
		r.tb.Errorf("%s, %s: %s", r.name, name, rest)
		r.done = true
	default:
		if _, err := fmt.Sscanf(rest, "%d", &nanos); err == nil {
			r.took[word] = append(r.took[word], time.Duration(nanos))
		}
	}
	close(r.change)
	r.change = make(chan struct{})
}

// await waits until ok, which is called under the lock.
func (r *rival) await(what string, ok func() bool) {
	r.tb.Helper()
	limit := time.After(patience)
	for {
		r.mu.Lock()
		done, change := ok(), r.change
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-change:
		case <-limit:
			r.tb.Fatalf("%s: %s: not within %s", r.name, what, patience)
		}
	}
}

// whole waits until all three are in and one leads.
func (r *rival) whole() {
	r.tb.Helper()
	r.await("all three are in", func() bool {
		for _, p := range r.procs {
			if !p.in {
				return false
			}
		}
		return r.leader != "" && r.procs[r.leader].in
	})
}

// lose takes the leader away, by kill -9 or in order, and returns how long it
// took until another one led with its barrier done, and how many terms more
// than one that needed. The process starts again afterwards.
func (r *rival) lose(kill bool) (time.Duration, uint64) {
	r.tb.Helper()
	for {
		r.mu.Lock()
		leader, term := r.leader, r.term
		p := r.procs[leader]
		r.mu.Unlock()
		sig := syscall.SIGTERM
		if kill {
			sig = syscall.SIGKILL
		}
		began := time.Now()
		if err := p.cmd.Process.Signal(sig); err != nil {
			r.tb.Fatal(err)
		}
		<-p.gone
		r.await("another one leads", func() bool { return r.leader != leader && r.term > term })
		r.mu.Lock()
		if !kill {
			began = r.hands
		}
		took, extra := r.since.Sub(began), r.term-term-1
		r.mu.Unlock()
		r.up(leader)
		r.whole()
		// Beaten by an election that nobody asked for: it was no leader that went.
		if took > 0 {
			return took, extra
		}
	}
}

type measured struct {
	name string
	took []time.Duration
}

// measure has the leader time commits.
func (r *rival) measure(times int) []measured {
	r.tb.Helper()
	r.whole()
	r.mu.Lock()
	r.done = false
	clear(r.took)
	p := r.procs[r.leader]
	r.mu.Unlock()
	if _, err := fmt.Fprintf(p.stdin, "measure %d\n", times); err != nil {
		r.tb.Fatal(err)
	}
	r.await("the commits are measured", func() bool { return r.done })
	r.mu.Lock()
	defer r.mu.Unlock()
	return []measured{{"commit", r.took["commit"]}, {"verify", r.took["verify"]}, {"both", r.took["both"]}}
}
