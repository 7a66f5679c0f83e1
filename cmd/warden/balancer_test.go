//go:build integration

package main_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/realtest"
)

// watchEvery is how often the oracle asks HAProxy how its servers are.
const watchEvery = 100 * time.Millisecond

// balancer is a real HAProxy with an oracle: what its own `show stat` said of
// every server over time, and every command that came to its runtime API. The
// daemon reaches it through gate only.
type balancer struct {
	*realtest.HAProxy
	gate  *gate
	hosts []string

	began    time.Time
	settings map[string]string // by server, before anything happened

	mu     sync.Mutex
	seen   map[string][]string // by server: each status it had, in order
	missed error               // the newest look that failed
	looks  int
}

// newBalancer starts HAProxy over the fleet's hosts and watches it until the
// test ends.
func newBalancer(t *testing.T, f *fleet) *balancer {
	t.Helper()
	b := &balancer{
		HAProxy: realtest.StartHAProxy(t, realtest.HAProxyOptions{Servers: f.hosts}),
		hosts:   f.hosts, seen: map[string][]string{},
	}
	b.gate = newGate(t, b.Socket)
	b.began, b.settings = time.Now(), b.readSettings(t)
	b.look()
	var watching sync.WaitGroup
	watching.Go(func() { b.watch(t.Context()) })
	t.Cleanup(watching.Wait)
	return b
}

func (b *balancer) watch(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(watchEvery):
			b.look()
		}
	}
}

// look asks for `show stat` once and notes what changed.
func (b *balancer) look() {
	rows, err := table(b.Socket, "show stat "+b.Backend+" 4 -1", "svname")
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks++
	if err != nil {
		b.missed = err
		return
	}
	for name, row := range rows {
		if had := b.seen[name]; len(had) == 0 || had[len(had)-1] != row["status"] {
			b.seen[name] = append(had, row["status"])
		}
	}
}

// The words of `show stat` for servers without health checks.
const (
	up      = "no check"
	drained = "DRAIN"
)

// onlyChanged asserts what happened to HAProxy since it started: these hosts
// went through these statuses, these commands arrived, in this order, and no
// other server ever changed. What is left untouched must also be as it was in
// every setting, and not have changed between two looks either.
func (b *balancer) onlyChanged(t *testing.T, want map[string][]string, commands ...string) {
	t.Helper()
	b.look()
	stat, settings := b.Stat(), b.readSettings(t)
	age := time.Since(b.began)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.missed != nil {
		t.Errorf("HAProxy could not be asked: %v", b.missed)
	}
	expected := map[string][]string{}
	for _, host := range b.hosts {
		expected[host] = []string{up}
	}
	maps.Copy(expected, want)
	if d := cmp.Diff(expected, b.seen); d != "" {
		t.Errorf("what show stat said over %d looks (-want +got):\n%s", b.looks, d)
	}
	if d := cmp.Diff(commands, b.gate.sent()); d != "" {
		t.Errorf("commands to HAProxy (-want +got):\n%s", d)
	}
	for _, host := range b.hosts {
		if _, touched := want[host]; touched {
			continue
		}
		if settings[host] != b.settings[host] {
			t.Errorf("show servers state of %s: %q, was %q", host, settings[host], b.settings[host])
		}
		// lastchg is whole seconds since the server's last change.
		since, err := strconv.Atoi(stat[host]["lastchg"])
		if err != nil || time.Duration(since+2)*time.Second < age {
			t.Errorf("%s last changed %q seconds ago; the test began %v ago", host, stat[host]["lastchg"], age)
		}
	}
}

// settled asserts that a host is, in every setting, as it was before.
func (b *balancer) settled(t *testing.T, host string) {
	t.Helper()
	if now := b.readSettings(t)[host]; now != b.settings[host] {
		t.Errorf("show servers state of %s: %q, was %q", host, now, b.settings[host])
	}
}

// set is the one command that changes a server.
func (b *balancer) set(host, state string) string {
	return "set server " + b.Backend + "/" + host + " state " + state
}

// readSettings is what `show servers state` says of each server and what does
// not move by itself.
func (b *balancer) readSettings(t *testing.T) map[string]string {
	t.Helper()
	rows, err := table(b.Socket, "show servers state "+b.Backend, "srv_name")
	if err != nil {
		t.Fatalf("show servers state: %v", err)
	}
	out := map[string]string{}
	for name, row := range rows {
		var words []string
		for _, column := range []string{"srv_addr", "srv_port", "srv_op_state", "srv_admin_state", "srv_uweight", "srv_iweight"} {
			words = append(words, column+"="+row[column])
		}
		out[name] = strings.Join(words, " ")
	}
	return out
}

// table sends one command and reads the table in the reply: a map from column
// to value for each row, by the value of one column.
func table(socket, command, key string) (map[string]map[string]string, error) {
	reply, err := talk(socket, command+"\n")
	if err != nil {
		return nil, err
	}
	_, text, ok := strings.Cut(reply, "# ")
	if !ok {
		return nil, fmt.Errorf("%q is no table", reply)
	}
	r := csv.NewReader(strings.NewReader(strings.TrimSpace(text)))
	if strings.HasPrefix(command, "show servers") {
		r.Comma = ' '
	}
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]string{}
	for _, row := range rows[1:] {
		fields := map[string]string{}
		for i, column := range rows[0] {
			if i < len(row) {
				fields[column] = row[i]
			}
		}
		out[fields[key]] = fields
	}
	return out, nil
}

func talk(socket, line string) (string, error) {
	conn, err := net.DialTimeout("unix", socket, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, line); err != nil {
		return "", err
	}
	reply, err := io.ReadAll(conn)
	return string(reply), err
}

// gate stands in front of HAProxy's runtime API, as a slow network would: it
// records every command that isn't a question, and can make those wait.
type gate struct {
	path, upstream string

	mu       sync.Mutex
	commands []string
	answered []time.Time   // when HAProxy had carried out a line of them
	shut     chan struct{} // commands wait for it to be closed; nil when open
	arrived  chan struct{} // one value for each command that came
}

func newGate(t *testing.T, upstream string) *gate {
	t.Helper()
	g := &gate{path: shortDir(t) + "/gate.sock", upstream: upstream, arrived: make(chan struct{}, 1000)}
	l, err := net.Listen("unix", g.path)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { g.serve(conn) })
		}
	})
	t.Cleanup(func() { g.open(); _ = l.Close(); serving.Wait() })
	return g
}

func (g *gate) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // a client that hangs is gone with the test
	line := make([]byte, 0, 256)
	for one := make([]byte, 1); !slices.Contains(line, '\n'); {
		if n, err := conn.Read(one); err != nil || n == 0 {
			return // nothing was asked
		}
		line = append(line, one...)
	}
	commands := g.pass(string(line))
	// What was sent arrives, even when the sender has died meanwhile.
	reply, err := talk(g.upstream, string(line))
	if err == nil {
		if commands {
			g.mu.Lock()
			g.answered = append(g.answered, time.Now())
			g.mu.Unlock()
		}
		_, _ = io.WriteString(conn, reply)
	}
}

// pass records the commands of a line and waits while the gate is shut. It
// reports whether there were any.
func (g *gate) pass(line string) bool {
	var commands []string
	for command := range strings.SplitSeq(strings.TrimSpace(line), ";") {
		if command = strings.TrimSpace(command); !strings.HasPrefix(command, "show ") {
			commands = append(commands, command)
		}
	}
	if len(commands) == 0 {
		return false
	}
	g.mu.Lock()
	g.commands = append(g.commands, commands...)
	shut := g.shut
	g.mu.Unlock()
	g.arrived <- struct{}{}
	if shut != nil {
		<-shut
	}
	return true
}

// sent lists the commands that came, in order; nil when none did.
func (g *gate) sent() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.commands)
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}
