package haproxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"warden/actions/haproxy"
	"warden/internal/clock"
)

// farm is some HAProxies behind addresses, each with the backend "be" and
// servers of its own. What they are told to do, they do.
type farm struct {
	mu  sync.Mutex
	lbs map[string]*lb
}

// lb is one of them.
type lb struct {
	states map[string]string // by server
	pid    int
	down   bool   // can't be connected to
	deaf   string // a server whose commands it answers and doesn't carry out
	refuse string // what it answers to every command
	sent   []string
}

func newFarm(servers map[string]map[string]string) *farm {
	f := &farm{lbs: map[string]*lb{}}
	for address, states := range servers {
		f.lbs[address] = &lb{states: maps.Clone(states), pid: 100 + len(f.lbs)}
	}
	return f
}

func (f *farm) dial(_ context.Context, _, address string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.lbs[address]
	if !ok || l.down {
		return nil, errors.New("refused")
	}
	client, server := net.Pipe()
	go f.serve(l, server)
	return client, nil
}

func (f *farm) serve(l *lb, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	var out strings.Builder
	for command := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), ";") {
		out.WriteString(f.answer(l, command))
	}
	_, _ = io.WriteString(conn, out.String())
}

func (f *farm) answer(l *lb, command string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out strings.Builder
	switch {
	case command == "show info":
		fmt.Fprintf(&out, "Version: 2.6.12\nPid: %d\nUptime_sec: 100\nStart_time_sec: 1795228875\n\n", l.pid)
	case command == "show servers state be":
		out.WriteString("1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change\n")
		for i, name := range slices.Sorted(maps.Keys(l.states)) {
			fmt.Fprintf(&out, "3 be %d %s 127.0.0.1 2 %d 100 100 60\n", i, name, map[string]int{"ready": 0, "drain": 8, "maint": 1}[l.states[name]])
		}
		out.WriteString("\n")
	case command == "show stat be 4 -1":
		out.WriteString("# pxname,svname,scur,rate,status,\n")
		for _, name := range slices.Sorted(maps.Keys(l.states)) {
			fmt.Fprintf(&out, "be,%s,1,2,UP,\n", name)
		}
		out.WriteString("\n")
	case command == "show cli level":
		return "admin\n\n"
	case strings.HasPrefix(command, "show "):
		return "Can't find backend.\n\n"
	case l.refuse != "":
		return l.refuse + "\n\n"
	default:
		l.sent = append(l.sent, command)
		words := strings.Fields(command)
		server, state := strings.TrimPrefix(words[2], "be/"), words[4]
		if server != l.deaf {
			l.states[server] = state
		}
		return "\n"
	}
	return out.String()
}

// states is what every load balancer has a server as.
func (f *farm) states(server string) map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]string{}
	for address, l := range f.lbs {
		if s, ok := l.states[server]; ok {
			out[address] = s
		}
	}
	return out
}

func (f *farm) sent() map[string][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string][]string{}
	for address, l := range f.lbs {
		if len(l.sent) > 0 {
			out[address] = slices.Clone(l.sent)
		}
	}
	return out
}

func (f *farm) action(t *testing.T, change func(*haproxy.Options)) *haproxy.Action {
	t.Helper()
	opts := haproxy.Options{
		Name: "drain", Addresses: []string{"/a", "unix:///b"}, Backend: "be", State: haproxy.StateDrain,
		Dial: f.dial, Clock: clock.NewStepped(time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)),
	}
	if change != nil {
		change(&opts)
	}
	a, err := haproxy.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
