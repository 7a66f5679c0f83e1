package cli

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"warden/internal/remedy"
)

// valve is a way to a load balancer on which questions pass, and no orders.
type valve struct {
	ln    net.Listener
	to    atomic.Value // a string, as fleet.HAProxyTCP has it
	group sync.WaitGroup
}

func newValve(t *testing.T) *valve {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &valve{ln: ln}
	v.group.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			v.group.Go(func() { v.serve(in) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		v.group.Wait()
	})
	return v
}

func (v *valve) address() string { return "tcp://" + v.ln.Addr().String() }

func (v *valve) serve(in net.Conn) {
	defer in.Close()
	to, ok := v.to.Load().(string)
	if !ok {
		return
	}
	out, err := net.Dial("tcp", strings.TrimPrefix(to, "tcp://"))
	if err != nil {
		return
	}
	defer out.Close()
	v.group.Go(func() {
		_, _ = io.Copy(in, out)
		_ = in.Close()
	})
	buf := make([]byte, 4096)
	for {
		n, err := in.Read(buf)
		if err != nil {
			return
		}
		if bytes.Contains(buf[:n], []byte("set server")) {
			continue // and its sender waits for an answer
		}
		if _, err := out.Write(buf[:n]); err != nil {
			return
		}
	}
}

// TestStopsWithoutQuorum ends the last of three nodes with an effect in its hand
// whose end it can't commit any more. It waits as long as an effect may take, and
// then closes what it has in order: it has time for that of its own.
func TestStopsWithoutQuorum(t *testing.T) {
	t.Parallel()
	v := newValve(t)
	c := newFleetTrio(t, 6, "unix:/nowhere/haproxy.sock\"", v.address()+"\"\nstart_within = \"2s\"\ntimeout = \"3s\"")
	v.to.Store(c.world.HAProxyTCP())
	leader, _ := c.leader(theThree()...)
	host := c.world.Hosts()[0]
	c.sickens(host)
	id := c.waiting(host)
	k, _ := c.nodes[leader].d.ledger.Case(id)
	c.must(leader, "approve", id.String(), "--plan-hash", k.PlanHash, "--yes")
	c.eventually(id.String()+" runs", func() bool {
		k, _ := c.nodes[leader].d.ledger.Case(id)
		return k.Stage == remedy.StageExecuting
	})
	for _, name := range theThree() {
		if name != leader {
			c.nodes[name].stop()
		}
	}
	c.nodes[leader].stop() // it says what goes wrong, as all stops here do
	for _, name := range theThree() {
		c.start(name) // directories and audit files are free
	}
	c.eventually("what it had begun came to an end", func() bool {
		k, ok := c.nodes[leader].d.ledger.Case(id)
		return ok && len(k.Executions) > 0 && k.Executions[0].Outcome != ""
	})
	if set := c.world.Changes(); len(set) != 0 {
		t.Errorf("the load balancer was told %+v", set)
	}
}
