package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"warden/detectors"
	"warden/internal/audit"
	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/clock"
	"warden/internal/cluster"
	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/heartbeat"
	"warden/internal/ledger"
	"warden/internal/peer"
	"warden/internal/peertls"
	"warden/internal/remedy"
	"warden/internal/source"
	"warden/internal/systemd"
	"warden/internal/telemetry"
	"warden/internal/web"
)

// daemonOptions is what a daemon is made of. The agent passes the machine's
// own; the demo passes a scaled clock and a directory of its own, and runs the
// same code otherwise.
type daemonOptions struct {
	ConfigFile string
	Storage    string
	NodeName   string
	Clock      clock.Clock
	Announcer  chat.Announcer
	Logger     *zap.Logger
	Registry   *prometheus.Registry
	Env        config.Env
	Build      web.Build
	// Socket is the unix socket's path, Listen the loopback address of the
	// read-only listener (empty for none), and Lifecycle allows reloads on it.
	Socket, Listen string
	Lifecycle      bool
	// Notifier tells systemd how the process is; nil where there is none.
	Notifier *systemd.Notifier
	// PeerListen is where to listen for peers; empty for what the config says.
	PeerListen string
	// HashEvery is after how many log records states are compared; hashEvery when 0.
	HashEvery uint64
	// Exit ends the process when raft can't go on; os.Exit when nil.
	Exit func(code int)
	// Machine is the node's own where several share a process.
	Machine machine
}

// daemon is one running node: the ledger, raft, and the engine on top.
type daemon struct {
	daemonOptions
	build  builder
	ledger *ledger.Ledger
	floor  floor
	node   *cluster.Node
	tls    *peertls.Store // nil without peers
	peers  *peer.Client
	report *reporter
	hashes *hashWatch
	audit  *audit.Writer
	// auditSays is what the audit files have people told.
	auditSays sayings
	engine    *engine.Engine
	told      *chat.Deliveries
	talkers   talkers
	outlets   *outlets
	server    *web.Server
	mirror    *telemetry.Mirror
	pulse     *heartbeat.Heartbeat
	slack     *slack.Slack
	door      *door
	clicks    *clickBook
	// quit takes why the process should end and be started again.
	quit chan error
	// supervisor keeps systemd informed.
	supervisor *systemd.Supervisor

	mu   sync.Mutex // serialises reloads
	file *config.Config
	// templates are those of file, and nextTemplates of what load read last.
	templates, nextTemplates *slack.Templates
	// outline is the file as it may be shown.
	outline config.Outline
	reload  web.ReloadState
}

// openDaemon loads the config, opens the data directory and the listeners and
// makes the engine. Nothing runs yet. On an error nothing is left open.
func openDaemon(ctx context.Context, o daemonOptions) (*daemon, error) {
	d := &daemon{daemonOptions: o, ledger: ledger.New(), quit: make(chan error, 1)}
	d.floor.ledger = d.ledger
	d.clicks = newClickBook(func(ctx context.Context, b *ledger.ClicksRefused) error { return d.engine.RefusedClicks(ctx, b) }, d.Clock, d.Logger.Named("clicks"))
	d.slack = d.newSlack()
	metrics, err := source.NewMetrics(o.Registry)
	if err != nil {
		return nil, err
	}
	if d.door, err = d.newDoor(); err != nil {
		return nil, err
	}
	if err := d.countRefusals(); err != nil {
		return nil, err
	}
	d.mirror, err = telemetry.New(telemetry.Options{
		Settings: d.mirrorSettings, Leading: d.leads, Node: o.NodeName, Registry: o.Registry, Clock: o.Clock, Logger: o.Logger.Named("telemetry"),
	})
	if err != nil {
		return nil, err
	}
	if d.told, err = chat.NewDeliveries(o.Registry); err != nil {
		return nil, err
	}
	d.build = builder{clock: o.Clock, env: o.Env, metrics: metrics, node: o.NodeName, dial: o.Machine.Dial}
	if d.outlets, err = newOutlets(d); err != nil {
		return nil, err
	}
	d.talkers = d.newTalkers()
	file, cfg, _, err := d.load()
	if err != nil {
		return nil, err
	}
	d.file, d.outline, d.templates = file, outlineOf(file, cfg), d.nextTemplates
	d.reload = web.ReloadState{OK: true, At: o.Clock.Now()}
	if err := refuseDiverged(o.Storage); err != nil {
		return nil, err
	}
	engineClock := o.Machine.engineClock(o.Clock)
	arrivals := engine.NewArrivals(d.ledger, engineClock)
	if err := d.openNode(ctx, arrivals); err != nil {
		return nil, err
	}
	if err := showStorage(o.Registry, o.Storage); err != nil {
		return nil, errors.Join(err, d.closeNode(ctx))
	}
	d.peers = d.peersOf()
	d.engine = engine.New(engine.Options{
		Log: d.log(), Voters: d.voters(), Ledger: d.ledger, Clock: engineClock, Announcer: d.told.Announcer(o.Announcer, string(ledger.SurfaceConsole)), Logger: o.Logger.Named("engine"), Node: d.node.ID(),
		Arrived: arrivals.Arrived,
	}, cfg)
	if d.pulse, err = d.newHeartbeat(); err != nil {
		return nil, errors.Join(err, d.closeNode(ctx))
	}
	d.hashes = d.watchHashes()
	if err := showHashes(o.Registry, d.hashes); err != nil {
		return nil, errors.Join(err, d.closeNode(ctx))
	}
	d.server, err = web.Open(ctx, web.Options{
		Socket: o.Socket, Listen: o.Listen, Lifecycle: o.Lifecycle, Engine: d.engine, Ledger: d.ledger, Node: d.webNode(), Peers: webPeers{d.peers, d.node}, Operator: operator{d},
		Build: o.Build, Clock: o.Clock, Logger: o.Logger.Named("web"), Registry: o.Registry,
	})
	if err != nil {
		return nil, errors.Join(err, d.closeNode(ctx))
	}
	d.supervisor = d.newSupervisor()
	d.report = newReporter(d.engine, o.Clock, o.Logger.Named("report"))
	d.auditSays.begin(d.report.tell)
	return d, nil
}

// mirrorSettings are the settings of [telemetry.graphite] in force.
func (d *daemon) mirrorSettings() telemetry.Settings {
	file := d.File()
	g := file.Telemetry.Graphite
	return telemetry.Settings{Enabled: g.Enabled, Address: g.Address, Prefix: g.Prefix, Cluster: file.Cluster.Name, Interval: g.Interval.Std()}
}

// leads reports whether this node leads, as far as it knows.
func (d *daemon) leads() bool {
	s, err := d.node.Status()
	return err == nil && s.Leader
}

// webNode is the node as the HTTP surface shows it.
func (d *daemon) webNode() web.Node {
	return web.Node{
		ID: d.node.ID(), AuditPath: d.audit.Path,
		Cluster: func() string { return d.File().Cluster.Name },
		Raft: func() (web.RaftStatus, error) {
			s, err := d.node.Status()
			return web.RaftStatus{
				Leader: s.Leader, LeaderID: s.LeaderID, Term: s.Term, CommitIndex: s.CommitIndex, AppliedIndex: s.AppliedIndex,
				Voters: s.Voters, SnapshotIndex: s.LastSnapshotIndex, SnapshotAt: s.LastSnapshotAt,
			}, err
		},
		Leader:   func() (remedy.NodeID, time.Time) { return d.Machine.leader(d.node) },
		Ready:    d.ready,
		Troubles: d.troubles,
		Outline: func() config.Outline {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.outline
		},
		Reload: d.Reload,
		Reloaded: func() web.ReloadState {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.reload
		},
	}
}

// Address is where the read-only listener listens; empty without one.
func (d *daemon) Address() string { return d.server.Address() }

// Run serves and leads until ctx ends, then stops in order: nothing new
// starts, the running effect ends and is committed, the listeners close, raft
// shuts down.
func (d *daemon) Run(ctx context.Context) error {
	leading, stopLeading := context.WithCancelCause(context.WithoutCancel(ctx))
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	defer d.supervise(ctx)()
	failed := make(chan error, 3)
	var group sync.WaitGroup
	group.Go(func() { failed <- d.server.Serve(serving) })
	group.Go(func() { failed <- d.node.Watch(serving) })
	group.Go(func() { d.mirror.Run(serving) })
	group.Go(func() { d.hashes.Run(serving) })
	group.Go(func() { d.pulse.Run(leading) })
	group.Go(func() { d.engine.Follow(serving) })
	group.Go(func() { d.report.run(serving) })
	group.Go(func() { d.serveSlack(serving) })
	// Its last words are said while this node can still commit, whatever stops it.
	counting, stopCounting := context.WithCancel(ctx)
	defer stopCounting()
	group.Go(func() { d.clicks.run(counting) })
	d.servePeers()
	led := make(chan struct{})
	group.Go(func() {
		defer close(led)
		failed <- d.lead(leading)
	})
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	case err = <-d.quit:
	}
	stopCounting()
	d.Logger.Info("stopping: nothing new starts")
	d.supervisor.Stopping(d.drainWithin()+closeWithin, "stopping: nothing new starts, and what runs is waited for")
	wait, cancelWait := context.WithTimeout(context.WithoutCancel(ctx), d.drainWithin())
	defer cancelWait()
	if errors.Is(context.Cause(ctx), errPowerLost) {
		wait = ctx // it has ended
	}
	if drained := d.engine.Drain(wait); drained != nil {
		d.Logger.Error("an effect is still running; the next start looks after it", zap.Error(drained))
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	stopLeading(errStopping)
	select {
	case <-led:
	case <-last.Done():
	}
	stopServing()
	closed := d.closeNode(last)
	group.Wait()
	return errors.Join(err, closed)
}

// errStopping is why a tenure ends when the process was told to stop.
var errStopping = errors.New("warden is stopping")

// load reads, checks and builds the config file. Warnings are logged, and
// returned. The error is a *web.ReloadRefused when the file is what is wrong.
func (d *daemon) load() (*config.Config, *engine.Config, config.Report, error) {
	file, report, err := config.Load(d.ConfigFile, config.Options{IsSelector: detectors.IsSelector})
	if err != nil && !errors.Is(err, config.ErrInvalid) {
		return nil, nil, nil, err
	}
	if file != nil {
		report = append(report, config.CheckFiles(file, d.NodeName, d.Env)...)
		var worded config.Report
		d.nextTemplates, worded = slackTemplates(file)
		report = append(report, worded...)
	}
	for _, p := range report {
		d.Logger.Warn("config", zap.String("problem", p.String()))
	}
	if report.Err() != nil {
		return nil, nil, nil, fmt.Errorf("%w; `warden config check %s` shows all there is to say", &web.ReloadRefused{Report: report}, d.ConfigFile)
	}
	cfg, err := d.build.build(file)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", d.ConfigFile, err)
	}
	told, terr := d.talkers.couriers(file)
	posted, perr := d.outlets.couriers(file)
	if err := errors.Join(terr, perr); err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", d.ConfigFile, err)
	}
	cfg.Couriers = d.counted(slices.Concat(told, posted, d.slackCouriers(file)))
	return file, cfg, report, nil
}

// outlineOf is a config as it may be shown, with the digests of the detectors
// that were made of it.
func outlineOf(file *config.Config, cfg *engine.Config) config.Outline {
	digests := map[remedy.DetectorName]string{}
	for _, d := range cfg.Detectors {
		digests[d.Spec().Name] = d.Spec().Digest
	}
	return file.Outline(digests)
}

// lead runs the engine whenever this node leads, until ctx ends. Executions that
// still run are none of its business: Drain waits for them.
func (d *daemon) lead(ctx context.Context) error {
	return d.node.Lead(ctx, func(ctx context.Context, _ uint64) error {
		if err := d.nameCluster(ctx); err != nil {
			return err
		}
		defer d.keepVoters(ctx)()
		return d.engine.Run(ctx)
	})
}

// Reload puts the config file in force: all of it, or, when anything is wrong
// with it, none of it. What it changes is logged, and told.
func (d *daemon) Reload(ctx context.Context, by remedy.Actor) (web.Reloaded, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.supervisor.Reloading()()
	file, cfg, report, err := d.load()
	if err != nil {
		d.reload.OK = false
		d.Logger.Error("the config was not reloaded, and the old one stays in force", zap.String("by", by.Name), zap.Error(err))
		return web.Reloaded{}, err
	}
	outline := outlineOf(file, cfg)
	changes := config.Compare(d.outline, outline)
	d.file, d.outline, d.templates = file, outline, d.nextTemplates
	d.reload = web.ReloadState{OK: true, At: d.Clock.Now()}
	f := foresee(d.ledger, d.node.ID(), cfg, d.Clock.Now())
	force, gates, moves := inForce(f, d.node.ID(), changes), gateLines(f, changes, d.Clock.Now()), movesElsewhere(f, changes)
	lines := reloadWords(changes, force, gates, moves)
	switch err := d.engine.Reconfigure(ctx, cfg); {
	case errors.Is(err, engine.ErrNotCommitted): // the reporter has the leader commit it
	case err != nil:
		// The new config is in force on this node all the same; its stricter
		// side holds at once, and what it allows waits for the commit.
		d.Logger.Warn("the reloaded config is not reported yet", zap.Error(err))
	}
	d.Logger.Info("config reloaded", zap.String("by", by.Name), zap.String("hash", outline.Hash), zap.Strings("changes", lines))
	told := ""
	if len(changes) > 0 {
		told = fmt.Sprintf("config of %s reloaded by %s: %s\n%s", d.node.ID(), by.Name, changes.Verdict()+engine.MovesInWords(moves), strings.Join(lines, "\n"))
	}
	d.report.tell(told)
	return web.Reloaded{Hash: outline.Hash, Changes: changes, InForce: force, Gates: gates, Moves: moves, Warnings: report}, nil
}

// File returns the config file in force.
func (d *daemon) File() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.file
}
