package cli

import (
	"context"
	_ "embed" // the demo's config
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/peertls"
	"warden/internal/remedy"
	"warden/simulate/fleet"
	"warden/simulate/story"
)

//go:embed demo.toml
var demoTOML string

// The names in demo.toml that the story is about.
const (
	demoPool     remedy.PoolName     = "web"
	demoDetector remedy.DetectorName = "canary_missing"
	demoAction   remedy.ActionName   = "drain"
	demoHosts                        = 40
	sideHosts                        = 10 // of each of the small pools
)

// demo is three daemons as they are, with a simulated world around them.
type demo struct {
	p        *program
	o        demoOptions
	screen   *screen
	clock    *story.Pacer
	fleet    *fleet.Fleet
	sides    map[remedy.PoolName]*fleet.Fleet // the small pools beside it
	outside  *demoOutside
	zone     *time.Location
	nodes    []*demoNode
	strike   strike
	revivals sync.WaitGroup // nodes that are being started
	heard    *listener
	logger   *zap.Logger
	person   remedy.Actor

	sockets string // a directory of its own, for paths of sockets must be short
	data    string // config, ledger and log
	config  string
	log     *os.File

	fall   sync.Once
	fallen string        // the node that ended by itself; to be read after down
	down   chan struct{} // closed then
}

// openDemo makes the world and starts the daemon in it. On an error nothing is
// left behind.
func (p *program) openDemo(ctx context.Context, o demoOptions, w *screen) (*demo, error) {
	d := &demo{p: p, o: o, screen: w, person: demoPerson(), down: make(chan struct{}), zone: demoZone(p.printer.zone)}
	opened := false
	defer func() {
		if !opened {
			_ = d.clean() // the error that matters is on its way
		}
	}()
	if err := d.directories(); err != nil {
		return nil, err
	}
	scaled, err := clock.NewScaled(p.clock.Now(), o.speed)
	if err != nil {
		return nil, err
	}
	d.clock = story.NewPacer(scaled)
	if err := d.openFleet(ctx); err != nil {
		return nil, err
	}
	if err := d.openOutside(ctx); err != nil {
		return nil, err
	}
	if err := d.openNodes(ctx); err != nil {
		return nil, errors.Join(err, d.halt())
	}
	opened = true
	return d, nil
}

// demoPerson is the person at the keyboard, as the approvers name them.
func demoPerson() remedy.Actor {
	a := remedy.Actor{Name: "you", UID: uint32(max(0, os.Getuid())), Via: "console", Person: true}
	u, err := user.Current()
	if err != nil || !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,63}$`).MatchString(u.Username) {
		return a // a user without a name, as in many containers
	}
	a.Name = u.Username
	ids, err := u.GroupIds()
	if err != nil {
		return a
	}
	for _, id := range ids {
		if g, err := user.LookupGroupId(id); err == nil {
			a.Groups = append(a.Groups, g.Name)
		}
	}
	return a
}

// longestTemp is how long the path of a directory for sockets may be before
// the sockets' own paths would be too long for the system.
const longestTemp = 60

// directories makes the demo's directories: one for sockets, and in it, or
// where --keep says, one for what is worth keeping.
func (d *demo) directories() error {
	base := os.TempDir()
	if len(base) > longestTemp {
		base = "/tmp"
	}
	var err error
	if d.sockets, err = os.MkdirTemp(base, "warden-demo-"); err != nil {
		return fmt.Errorf("make a temporary directory: %w: set TMPDIR to one that can be written", err)
	}
	d.data = d.sockets
	if d.o.keep != "" {
		if d.data, err = filepath.Abs(d.o.keep); err != nil {
			return fmt.Errorf("--keep: %w", err)
		}
		if err := os.MkdirAll(d.data, 0o700); err != nil {
			return fmt.Errorf("--keep: %w", err)
		}
		if there, err := os.ReadDir(d.data); err != nil || len(there) > 0 {
			return errors.Join(err, fmt.Errorf("--keep: %s is not empty: name a directory that does not exist yet", d.data))
		}
	}
	d.log, err = os.OpenFile(filepath.Join(d.data, "warden.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("make the log: %w", err)
	}
	return nil
}

// openFleet starts the simulated hosts and the two servers in front of each pool.
func (d *demo) openFleet(ctx context.Context) error {
	var err error
	if d.fleet, err = d.openPool(ctx, demoPool, demoHosts, d.sockets); err != nil {
		return err
	}
	d.sides = map[remedy.PoolName]*fleet.Fleet{}
	for _, pool := range []remedy.PoolName{story.MailPool, story.EdgePool} {
		if d.sides[pool], err = d.openPool(ctx, pool, sideHosts, ""); err != nil {
			return err
		}
	}
	if d.o.fault != nil {
		return d.o.fault(d.fleet)
	}
	return nil
}

// openPool starts one pool's hosts, with the socket in a directory if there is one.
func (d *demo) openPool(ctx context.Context, pool remedy.PoolName, hosts int, dir string) (*fleet.Fleet, error) {
	o := fleet.Options{Pool: string(pool), Seed: d.o.seed, Clock: d.clock, SocketDir: dir}
	for i := range hosts {
		o.Hosts = append(o.Hosts, fmt.Sprintf("%s-%02d", pool, i+1))
	}
	f, err := fleet.New(o)
	if err != nil {
		return nil, err
	}
	// Whatever ends the command, the fleet goes last: see clean.
	return f, f.Start(context.WithoutCancel(ctx))
}

// openNodes writes the one config of all nodes and starts them on it.
func (d *demo) openNodes(ctx context.Context) error {
	now := d.clock.Now()
	ca, err := peertls.NewAuthority("warden demo", now, demoLasts)
	if err != nil {
		return err
	}
	var peers []string
	for i := range demoNodes {
		n := &demoNode{d: d, name: fmt.Sprintf("node-%d", i+1)}
		n.dir = filepath.Join(d.data, n.name)
		if n.port, err = openPort(ctx); err != nil {
			return err
		}
		d.nodes = append(d.nodes, n)
		peers = append(peers, fmt.Sprintf("%q", n.name+"="+n.port.Addr().String()))
		if err := n.mint(ca, now); err != nil {
			return err
		}
	}
	d.config = filepath.Join(d.data, "demo.toml")
	gates := "warn" // at a keyboard p hands over trust at once; the script has it earned
	if d.o.script {
		gates = "enforce"
	}
	secrets, err := d.secrets()
	if err != nil {
		return err
	}
	mail, edge := d.sides[story.MailPool], d.sides[story.EdgePool]
	text := strings.NewReplacer(
		"@GATES@", gates, "@ZONE@", d.zone.String(), "@SECRETS@", secrets,
		"@SLACK@", d.outside.slack.URL(), "@PAGER@", d.outside.pagerURL, "@MAIL@", demoMail, "@PAGERMAIL@", pagerMail, "@SERVICE@", demoService,
		"@PROMETHEUS_MAIL@", mail.PrometheusURL(), "@HAPROXY_MAIL@", mail.HAProxyAddress(), "@HOSTS_MAIL@", hostLines(mail.Hosts()),
		"@PROMETHEUS_EDGE@", edge.PrometheusURL(), "@HAPROXY_EDGE@", edge.HAProxyAddress(), "@HOSTS_EDGE@", hostLines(edge.Hosts()),
		"@PROMETHEUS@", d.fleet.PrometheusURL(), "@HAPROXY@", d.fleet.HAProxyAddress(),
		"@PEERS@", strings.Join(peers, ", "), "@TLS@", filepath.Join(d.nodes[0].dir, "tls"),
		"@APPROVER@", d.person.Name, "@HOSTS@", hostLines(d.fleet.Hosts()),
	).Replace(demoTOML)
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	if d.logger, err = newLogger(d.log, "info", "json", false); err != nil {
		return err
	}
	d.heard = &listener{Announcer: chat.NewConsole(d.voice(), chat.ConsoleOptions{
		Color: d.p.colours(), Zone: d.p.printer.zone, Width: max(0, columns(d.p.out)-len("    | ")),
	})}
	for _, n := range d.nodes {
		if err := n.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

func hostLines(hosts []string) string {
	const perLine = 8
	var lines []string
	for len(hosts) > 0 {
		n := min(perLine, len(hosts))
		lines = append(lines, `  "`+strings.Join(hosts[:n], `", "`)+`",`)
		hosts = hosts[n:]
	}
	return strings.Join(lines, "\n")
}

// close stops the nodes and then the world, and removes what is not kept.
func (d *demo) close() error { return errors.Join(d.halt(), d.clean()) }

// haltWithin is how long the demo waits for its nodes to stop, in real time:
// far longer than its fake load balancer ever takes.
const haltWithin = time.Minute

// halt stops the nodes in order and returns what went wrong with them.
func (d *demo) halt() error {
	d.disarm()
	d.revivals.Wait()
	return d.stopNodes()
}

func (d *demo) clean() error {
	for _, n := range d.nodes {
		if n.port != nil {
			n.port.close()
		}
	}
	d.outside.close()
	if d.fleet != nil {
		d.fleet.Close()
	}
	for _, f := range d.sides {
		if f != nil {
			f.Close()
		}
	}
	var errs []error
	if d.log != nil {
		errs = append(errs, d.log.Close())
	}
	if d.sockets != "" {
		errs = append(errs, os.RemoveAll(d.sockets))
	}
	return errors.Join(errs...)
}

// level is the action's level in the config file as a node has it that is up.
func (d *demo) level() remedy.Level {
	return d.leading().File().Level(demoAction, demoPool)
}

var policyLine = regexp.MustCompile(`(?m)^` + string(demoPool) + `(\s*)= "([a-z-]+)"(.*)$`)

// promote edits the config file as a person would, and has the named nodes that
// are up reload it, all without a name. It returns what it changed, as FILE:LINE
// and the two levels.
func (d *demo) promote(ctx context.Context, to remedy.Level, nodes ...string) (string, error) {
	edited, from, line, err := d.edited(to)
	if err != nil {
		return "", err
	}
	if err := replaceFile(d.config, edited); err != nil {
		return "", err
	}
	what := fmt.Sprintf("demo.toml:%d  %s = %q -> %q", line, demoPool, from, to)
	if from == to.String() {
		what = fmt.Sprintf("demo.toml:%d  %s = %q", line, demoPool, to)
	}
	var reloaded []string
	for _, n := range d.nodes {
		l, ok := n.up()
		if !ok || len(nodes) > 0 && !slices.Contains(nodes, n.name) || l.File().Level(demoAction, demoPool) == to {
			continue
		}
		if _, err := l.Reload(ctx, remedy.Actor{Name: "you", Via: "demo", Person: true}); err != nil {
			return what, fmt.Errorf("reload on %s: %w", n.name, err)
		}
		reloaded = append(reloaded, n.name)
		d.wait(ctx, func() bool { return d.reported(l) })
	}
	return what + "   reloaded on " + strings.Join(reloaded, ", "), nil
}

// edited is the config file with another level, the level that it has now, and
// the line in which that stands.
func (d *demo) edited(to remedy.Level) (text, from string, line int, err error) {
	now, err := os.ReadFile(d.config)
	if err != nil {
		return "", "", 0, fmt.Errorf("read the config: %w", err)
	}
	at := policyLine.FindSubmatchIndex(now)
	if at == nil {
		return "", "", 0, fmt.Errorf("%s has no line that says %s = LEVEL: put it back", d.config, demoPool)
	}
	return string(now[:at[4]]) + to.String() + string(now[at[5]:]), string(now[at[4]:at[5]]), 1 + strings.Count(string(now[:at[0]]), "\n"), nil
}

// draft writes the config file with another level beside it.
func (d *demo) draft(to remedy.Level) (string, error) {
	text, _, _, err := d.edited(to)
	if err != nil {
		return "", err
	}
	file := filepath.Join(d.data, "draft.toml")
	return file, replaceFile(file, text)
}

// reportWait is how long a person waits between reloading one node and the next,
// in real time, for what the first one says to be known everywhere. Without a
// quorum it never is, and that is no reason not to reload the others.
const reportWait = 2 * time.Second

// wait waits for something that takes a moment of real time.
func (d *demo) wait(ctx context.Context, until func() bool) {
	limit := clock.NewDeadline(d.p.clock, reportWait)
	for !until() && !limit.Expired() && clock.Sleep(ctx, d.p.clock, strikeEvery) == nil {
		continue
	}
}

// reported reports whether all nodes that are up know which file a node has.
func (d *demo) reported(l *life) bool {
	hash := l.engine.Config().Hash
	return !slices.ContainsFunc(d.Nodes(), func(n story.Node) bool {
		return !slices.ContainsFunc(n.Ledger.Status().Reports, func(r ledger.NodeReport) bool { return r.Node == l.node.ID() && r.ConfigHash == hash })
	})
}

// replaceFile puts a new file in an old one's place, all of it or nothing.
func replaceFile(name, text string) error {
	next := name + ".new"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the config: %w", err)
	}
	if err := os.Rename(next, name); err != nil {
		return errors.Join(fmt.Errorf("replace the config: %w", err), os.Remove(next))
	}
	return nil
}
