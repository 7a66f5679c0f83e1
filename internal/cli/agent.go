package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/remedy"
	"warden/internal/systemd"
	"warden/internal/web"
)

// agentFlags are the flags of `warden agent`: Alertmanager's names, since
// these users type them already.
type agentFlags struct {
	configFile string
	storage    string
	listen     string
	lifecycle  bool
	socket     string
	nodeName   string
	peerListen string
	logLevel   string
	logFormat  string
}

// stopSlack is how much longer than the longest execution a daemon that was
// told to stop waits for what runs, and closeWithin what it has after that to
// hand over and close its files. Without a quorum the end of an effect can't be
// committed, so that all of the first is waited out; had the second no time of
// its own, nothing would be closed then. The supervisor asks systemd for both.
const (
	stopSlack   = 10 * time.Second
	closeWithin = 10 * time.Second
)

func (p *program) newAgentCommand() *cobra.Command {
	f := agentFlags{}
	cmd := &cobra.Command{
		Use:     "agent",
		Short:   "Run the daemon",
		GroupID: groupRun,
		Args:    cobra.NoArgs,
		Long: `Run the daemon: watch, decide, and act as far as the config allows. It stays in the
foreground; the packages run it under systemd.

Messages for people go to standard output, the log to standard error. SIGHUP reloads
the config, all of it or nothing. SIGTERM and SIGINT start nothing new, wait for what
runs and stop.`,
		Example: `  warden config check warden.toml
  warden agent --config.file warden.toml --storage.path data --web.socket "$PWD/warden.sock"
  WARDEN_SOCKET="$PWD/warden.sock" warden status`,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runAgent(cmd.Context(), f) },
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.configFile, "config.file", "warden.toml", "the config `FILE`")
	fs.StringVar(&f.storage, "storage.path", "data", "the `DIR` of the ledger, all that warden remembers; made when missing")
	fs.StringVar(&f.listen, "web.listen-address", "127.0.0.1:9723", "the `ADDRESS` for reading over HTTP: metrics, health, API; loopback only, empty for none")
	fs.StringVar(&f.socket, "web.socket", "", "the `PATH` of the unix socket that the commands use (env WARDEN_SOCKET; default "+defaultSocket+")")
	fs.BoolVar(&f.lifecycle, "web.enable-lifecycle", false, "allow POST /-/reload over TCP as well")
	fs.StringVar(&f.nodeName, "node.name", host, "the `NAME` of this node, by which it finds itself in [cluster] peers")
	fs.StringVar(&f.peerListen, "cluster.listen-address", "", "the `ADDRESS` to listen on for peers; wins over the config, default this node's in [cluster] peers")
	fs.StringVar(&f.logLevel, "log.level", "", "the `LEVEL`: debug, info, warn or error; wins over the config")
	fs.StringVar(&f.logFormat, "log.format", "", "the `FORMAT`: json, console, or auto, which is console on a terminal; wins over the config")
	complete(cmd, "log.level", "debug", "info", "warn", "error")
	complete(cmd, "log.format", "json", "console", "auto")
	return cmd
}

// runAgent runs the daemon until a signal ends it.
func (p *program) runAgent(ctx context.Context, f agentFlags) error {
	log, err := p.agentLogger(f)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // standard error can't be synced everywhere
	if f.socket == "" {
		f.socket = defaultSocket
		if s, ok := p.env("WARDEN_SOCKET"); ok && s != "" {
			f.socket = strings.TrimPrefix(s, "unix:")
		}
	}
	// Under systemd the directory is there; for anybody else it is made.
	if err := os.Mkdir(filepath.Dir(f.socket), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the socket's directory: %w: give --web.socket a path in a directory of yours", err)
	}
	b := thisBuild()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer tameStandardLog(log)()
	notifier, err := systemd.Open(systemd.Env(p.env))
	if err != nil {
		return err
	}
	defer func() { _ = notifier.Close() }() // what it has to say has been sent
	d, err := openDaemon(ctx, daemonOptions{
		ConfigFile: f.configFile, Storage: f.storage, NodeName: f.nodeName, PeerListen: f.peerListen,
		Socket: f.socket, Listen: f.listen, Lifecycle: f.lifecycle,
		Clock:     p.clock,
		Announcer: chat.NewConsole(p.out, chat.ConsoleOptions{Color: p.colours(), Zone: p.printer.zone, Width: columns(p.out)}),
		Logger:    log, Registry: registry, Env: p.env, Notifier: notifier,
		Build: web.Build{Version: b.Version, Revision: b.Revision, GoVersion: b.Go},
	})
	if err != nil {
		return err
	}
	return startAgainStatus(d.Logger, p.serveAgent(ctx, d))
}

// serveAgent serves until ctx ends, which SIGTERM and SIGINT see to, and
// reloads at SIGHUP.
func (p *program) serveAgent(ctx context.Context, d *daemon) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	go func() {
		for {
			select {
			case <-hup:
				_, _ = d.Reload(ctx, remedy.Actor{Name: "SIGHUP"}) // it logs what is wrong, and the old config stays
			case <-ctx.Done():
				return
			}
		}
	}()
	d.Logger.Info("warden is up", zap.String("version", d.Build.Version), zap.String("node", string(d.node.ID())),
		zap.String("socket", d.Socket), zap.String("listen_address", d.Address()))
	return d.Run(ctx)
}

// agentLogger makes the daemon's logger: flags win over the config, and a
// config that can't be read yet is told in the default form.
func (p *program) agentLogger(f agentFlags) (*zap.Logger, error) {
	level, format := config.DefaultLogLevel, config.DefaultLogFormat
	if c, _, err := config.Load(f.configFile, config.Options{}); err == nil {
		level, format = c.Log.Level, c.Log.Format
	}
	if f.logLevel != "" {
		level = f.logLevel
	}
	if f.logFormat != "" {
		format = f.logFormat
	}
	return newLogger(p.err, level, format, isTerminal(p.err))
}

// newLogger makes a logger that writes JSON, or lines for people.
func newLogger(w io.Writer, level, format string, terminal bool) (*zap.Logger, error) {
	lv, err := zapcore.ParseLevel(level)
	if err != nil || lv > zapcore.ErrorLevel {
		return nil, usage("--log.level %q: use debug, info, warn or error", level)
	}
	ec := zap.NewProductionEncoderConfig()
	ec.TimeKey, ec.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	ec.EncodeDuration = zapcore.StringDurationEncoder
	var enc zapcore.Encoder
	switch format {
	case "json":
		enc = zapcore.NewJSONEncoder(ec)
	case "console":
		enc = zapcore.NewConsoleEncoder(ec)
	case "auto":
		if terminal {
			enc = zapcore.NewConsoleEncoder(ec)
		} else {
			enc = zapcore.NewJSONEncoder(ec)
		}
	default:
		return nil, usage("--log.format %q: use json, console or auto", format)
	}
	return zap.New(zapcore.NewCore(enc, zapcore.Lock(zapcore.AddSync(w)), lv)), nil
}
