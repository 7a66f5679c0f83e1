//go:build integration && failpoints

package chaos_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"warden/internal/realtest"
	"warden/simulate/chaos"
)

// The moods of the runtime API in front of the real HAProxy.
const (
	moodFine   = ""
	moodRefuse = "refuse" // connections are closed at once
	moodHang   = "hang"   // what is asked gets no answer; commands are never applied
	moodHalf   = "half"   // commands are applied, and the answer is cut off
	moodSit    = "sit"    // commands are applied when the mood changes, however long that takes
	moodFlaky  = "flaky"  // each of these now and then
)

// balancer is a real HAProxy behind a runtime API that the harness owns: it
// notes each command with its time and the node that it came from, and can
// refuse, hang, and do things by halves. All changes of servers come through it.
type balancer struct {
	*realtest.HAProxy
	run   *seedRun
	mu    sync.Mutex
	mood  string
	moved chan struct{}   // closed when the mood changes
	apply sync.Mutex      // one command at a time reaches HAProxy, so that their order is known
	out   map[string]bool // by server: what the commands made of it
}

// prompt is how long HAProxy takes for a command at most while it moves.
const prompt = 2 * time.Second

var command = regexp.MustCompile(`^set server ([^/]+)/(\S+) state (\S+)$`)

// newBalancer starts HAProxy with one backend for each pool, and a port for
// the nodes.
func newBalancer(r *seedRun, pools ...pool) *balancer {
	r.t.Helper()
	opts := realtest.HAProxyOptions{Backend: pools[0].name, Servers: pools[0].hosts}
	for _, p := range pools[1:] {
		opts.Extra += "backend " + p.name + "\n"
		for _, host := range p.hosts {
			opts.Extra += fmt.Sprintf(" server %s 127.0.0.1:9 weight 100\n", host)
		}
	}
	b := &balancer{run: r, moved: make(chan struct{}), out: map[string]bool{}}
	b.HAProxy = realtest.StartHAProxy(r.t, opts)
	l, err := net.Listen("tcp", net.JoinHostPort(r.net.services(), balancerPort))
	if err != nil {
		r.t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { b.serve(conn) })
		}
	})
	r.t.Cleanup(func() { _ = l.Close(); b.be(moodFine); serving.Wait() })
	return b
}

// be changes the mood.
func (b *balancer) be(mood string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mood = mood
	close(b.moved)
	b.moved = make(chan struct{})
}

func (b *balancer) feels() (string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mood == moodFlaky {
		return []string{moodFine, moodFine, moodRefuse, moodHang, moodHalf}[rand.IntN(5)], b.moved
	}
	return b.mood, b.moved
}

func (b *balancer) serve(conn net.Conn) {
	defer conn.Close()
	node := b.run.nodeAt(conn.RemoteAddr())
	mood, moved := b.feels()
	if mood == moodRefuse {
		return
	}
	line, err := readLine(conn)
	if err != nil {
		return // nothing was asked
	}
	var sets []string
	for part := range strings.SplitSeq(line, ";") {
		if part = strings.TrimSpace(part); !strings.HasPrefix(part, "show ") {
			sets = append(sets, part)
		}
	}
	switch {
	case len(sets) == 0 && mood == moodHang:
		b.until(moved, conn)
		return
	case len(sets) == 0:
		if reply, err := b.ask(line); err == nil {
			_, _ = io.WriteString(conn, reply)
		}
		return
	}
	notes := b.came(node, sets)
	switch mood {
	case moodHang:
		b.until(moved, conn)
		return
	case moodSit:
		<-moved
		for i := range notes {
			notes[i].Held = true
		}
	}
	reply, err := b.change(line, notes)
	if err == nil && mood != moodHalf {
		_, _ = io.WriteString(conn, reply)
	}
}

// until waits for the mood to change, but no longer than the asker does.
func (b *balancer) until(moved <-chan struct{}, conn net.Conn) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = conn.Read(make([]byte, 1))
	}()
	select {
	case <-moved:
	case <-gone:
	}
	_ = conn.Close()
	<-gone
}

// came notes commands that arrived.
func (b *balancer) came(node string, sets []string) []*chaos.Effect {
	var notes []*chaos.Effect
	for _, set := range sets {
		e := &chaos.Effect{Backend: "haproxy", Node: node, Came: b.run.now()}
		if m := command.FindStringSubmatch(set); m != nil {
			e.Pool, e.Host, e.Out = m[1], m[2], m[3] != "ready"
		} else {
			b.run.trouble(chaos.Unstarted, "HAProxy was told %q, which no action says", set)
		}
		notes = append(notes, e)
	}
	b.run.record(func() { b.run.effects = append(b.run.effects, notes...) })
	return notes
}

// change gives commands to HAProxy and notes when.
func (b *balancer) change(line string, notes []*chaos.Effect) (string, error) {
	b.apply.Lock()
	defer b.apply.Unlock()
	began := b.run.now()
	reply, err := b.ask(line)
	b.run.record(func() {
		for _, e := range notes {
			e.Applied = b.run.now()
			e.Held = e.Held || e.Applied-began > prompt
			b.out[e.Pool+"/"+e.Host] = e.Out
		}
	})
	return reply, err
}

// reload has HAProxy start another worker, which knows of no drain.
func (b *balancer) reload() {
	b.apply.Lock()
	defer b.apply.Unlock()
	b.Reload()
	b.run.record(func() {
		clear(b.out)
		b.run.resets = append(b.run.resets, chaos.Reset{Backend: "haproxy", At: b.run.now()})
	})
}

// stall stops HAProxy's worker with everything that it has been sent, and
// returns what lets it go on.
func (b *balancer) stall() func() {
	pid := 0
	for line := range strings.Lines(b.Command("show info")) {
		if word, ok := strings.CutPrefix(strings.TrimSpace(line), "Pid: "); ok {
			pid, _ = strconv.Atoi(word)
		}
	}
	if pid == 0 || syscall.Kill(pid, syscall.SIGSTOP) != nil {
		b.run.t.Errorf("HAProxy's worker, %d, can't be stopped", pid)
		return func() {}
	}
	return func() { _ = syscall.Kill(pid, syscall.SIGCONT) }
}

func (b *balancer) ask(line string) (string, error) {
	conn, err := net.DialTimeout("unix", b.Socket, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, line); err != nil {
		return "", err
	}
	reply, err := io.ReadAll(conn)
	return string(reply), err
}

// truth asks HAProxy itself who is out, past everything.
func (b *balancer) truth(pool string) ([]string, error) {
	reply, err := b.ask("show servers state " + pool + "\n")
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.Lines(reply) {
		f := strings.Fields(line)
		// be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state ...
		if len(f) > 6 && f[1] == pool && f[6] != "0" {
			out = append(out, f[3])
		}
	}
	slices.Sort(out)
	return out, nil
}

// readLine reads one line, byte by byte: what follows it is not for us.
func readLine(conn net.Conn) (string, error) {
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return "", err
	}
	var line []byte
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(conn, one); err != nil {
			return "", err
		}
		line = append(line, one[0])
		if one[0] == '\n' {
			return string(line), nil
		}
	}
}
