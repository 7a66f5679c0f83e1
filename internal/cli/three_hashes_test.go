package cli

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// A node whose state went wrong finds out from the others, stops, and does not
// start again on that state. The others go on.
func TestAWrongStateIsFoundOut(t *testing.T) {
	t.Parallel()
	c := newTrio(t)
	leader, wrong := c.leader("n1", "n2", "n3")
	sick := c.nodes[wrong]
	sick.exits = make(chan int, 1)

	// What no log holds: one notice more than the others have.
	st := sick.d.ledger.Status()
	e, err := ledger.NewEntry(st.Time, remedy.Warden(), sick.d.node.ID(), &ledger.NoticeAdd{Kind: ledger.NoticeSource, Detail: "a fault"})
	if err != nil {
		t.Fatal(err)
	}
	data, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	sick.d.ledger.Apply(st.Index, st.Term, data)

	stopped := -1
	c.eventually("the node that is wrong stops", func() bool {
		// Whether one of these is lost with a leader is no matter: they move the log.
		c.run(leader, "freeze", "--reason", "to move the log")
		c.run(leader, "unfreeze")
		select {
		case stopped = <-sick.exits:
			return true
		default:
			return false
		}
	})
	if stopped != ExitError {
		t.Errorf("it stopped with %d", stopped)
	}
	sick.stop() // as the exit does
	_, err = openDaemon(t.Context(), daemonOptions{
		ConfigFile: sick.config, Storage: filepath.Join(filepath.Dir(sick.config), "data"), NodeName: wrong, Socket: sick.sock, Clock: clock.System(),
		Logger: zap.NewNop(), Registry: prometheus.NewRegistry(), Env: func(string) (string, bool) { return "", false },
	})
	if d, ok := errors.AsType[divergence](err); !ok || d.Node != sick.d.node.ID() {
		t.Errorf("it starts again with %v", err)
	}
	var rest []string
	for name := range c.nodes {
		if name != wrong {
			rest = append(rest, name)
		}
	}
	leader, _ = c.leader(rest...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.nodes[leader].d.log().Verify(ctx); err != nil {
		t.Errorf("the others don't go on: %v", err)
	}
}
