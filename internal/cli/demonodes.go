package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/cluster"
	"warden/internal/peertls"
	"warden/internal/web"
	"warden/simulate/story"
)

// demoNodes is how many nodes the demo has.
const demoNodes = 3

// demoNode is one of the nodes: a machine of its own as far as one process can
// have several, and the daemon that runs on it while it is up.
type demoNode struct {
	d    *demo
	name string
	dir  string // its own data directory and certificate
	port *port

	mu   sync.Mutex
	life *life // nil before the first start
}

// life is one run of a node's daemon, from its start to its death or the end.
type life struct {
	*daemon
	seat  *story.Seat
	wire  *wire
	stop  context.CancelCauseFunc
	ended chan struct{} // closed when the daemon has let go of its directory
	err   error         // how it ended; to be read after ended
	log   zap.AtomicLevel
}

// up is the node's life, if it has one.
func (n *demoNode) up() (*life, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life == nil || n.life.wire.dead.Load() {
		return nil, false
	}
	return n.life, true
}

// last is the daemon of the node's newest life, over or not.
func (n *demoNode) last() *daemon {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.life.daemon
}

// mint writes the node's certificate, as `warden operator tls` makes it.
func (n *demoNode) mint(ca peertls.Pair, now time.Time) error {
	pair, err := peertls.Issue(ca, peertls.Request{Name: n.name, Lasts: demoLasts}, now)
	if err != nil {
		return err
	}
	dir := filepath.Join(n.dir, "tls")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of %s: %w", n.name, err)
	}
	for name, data := range map[string][]byte{"node.crt": pair.Cert, "node.key": pair.Key, caCert: ca.Cert} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return fmt.Errorf("write the certificate of %s: %w", n.name, err)
		}
	}
	return nil
}

// when is what the demo's clock showed at an instant of real time, but for what
// was skipped since.
func (d *demo) when(at time.Time) time.Time {
	return d.clock.Now().Add(-time.Duration(float64(d.p.clock.Since(at)) * d.o.speed))
}

// timing is how soon the nodes miss their leader. At a keyboard somebody waits for
// it; the script waits for what follows, and is told on busy machines as well.
func (d *demo) timing() cluster.Timing {
	if d.o.script {
		return cluster.TimingTogether
	}
	return cluster.TimingDefault
}

// demoLasts is how long the demo's certificates are valid, on a clock that may
// run for days in an hour.
const demoLasts = 3650 * day

// start starts the production daemon on what the node has. One that was killed
// and has not let go of its directory yet is waited for.
func (n *demoNode) start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life != nil {
		if !n.life.wire.dead.Load() {
			return fmt.Errorf("%s is up", n.name)
		}
		select {
		case <-n.life.ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	l := &life{seat: n.d.clock.Seat(), wire: newWire(n.port), ended: make(chan struct{}), log: zap.NewAtomicLevelAt(zap.InfoLevel)}
	logger := n.d.logger.WithOptions(zap.IncreaseLevel(l.log)).With(zap.String("node", n.name))
	b := thisBuild()
	running, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	l.stop = stop
	var err error
	l.daemon, err = openDaemon(ctx, daemonOptions{
		ConfigFile: n.d.config, Storage: filepath.Join(n.dir, "ledger"), NodeName: n.name,
		Socket: filepath.Join(n.d.sockets, n.name+".sock"), Listen: "127.0.0.1:0", Lifecycle: true,
		Clock: n.d.clock, Announcer: lively{n.d.heard, l.wire}, Logger: logger, Registry: prometheus.NewRegistry(),
		Env:   func(string) (string, bool) { return "", false }, // nobody's environment leaks in
		Build: web.Build{Version: b.Version, Revision: b.Revision, GoVersion: b.Go},
		Exit: func(code int) {
			stop(fmt.Errorf("%s can't go on (exit code %d): see %s", n.name, code, n.d.log.Name()))
		},
		Machine: machine{
			TLSDir: filepath.Join(n.dir, "tls"), Network: l.wire, Dial: l.wire.dial, EngineClock: l.seat,
			When: n.d.when, Powered: l.wire.powered, Timing: n.d.timing(),
		},
	})
	if err != nil {
		l.wire.cut()
		l.seat.Leave()
		stop(nil)
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	n.life = l
	go n.run(running, l)
	return nil
}

func (n *demoNode) run(ctx context.Context, l *life) {
	defer close(l.ended)
	l.err = l.Run(ctx)
	killed := errors.Is(context.Cause(ctx), errPowerLost)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !killed {
		l.err = errors.Join(cause, l.err)
	}
	if killed {
		l.err = nil // how a dead process tidies up is nobody's business
	}
	l.wire.cut()
	l.seat.Leave()
	if !killed {
		n.d.fell(n.name)
	}
}

// kill ends the node's life abruptly: see wire. Its directory stays.
func (n *demoNode) kill() error {
	l, ok := n.up()
	if !ok {
		return fmt.Errorf("%s is dead already", n.name)
	}
	l.wire.cut()
	l.log.SetLevel(zap.FatalLevel) // the dead write no log
	l.seat.Leave()
	l.stop(errPowerLost)
	return nil
}

// lively is the console as one life of a node has it.
type lively struct {
	chat.Announcer
	wire *wire
}

// Announce implements chat.Announcer.
func (a lively) Announce(ctx context.Context, m chat.Message) error {
	if err := a.wire.powered(); err != nil {
		return err
	}
	return a.Announcer.Announce(ctx, m)
}
