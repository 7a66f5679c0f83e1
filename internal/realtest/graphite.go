package realtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The programs of Debian's graphite-carbon, graphite-web and gunicorn. They are
// Python programs and run under the distribution's own interpreter, for
// another one that comes first on the PATH lacks their modules.
const (
	systemPython   = "/usr/bin/python3"
	carbonBinary   = "/usr/bin/carbon-cache"
	gunicornBinary = "/usr/bin/gunicorn"
	graphiteWebDir = "/usr/share/graphite-web"
	djangoAdmin    = "/usr/bin/django-admin" // of python3-django, which graphite-web needs
)

// Graphite is a running carbon-cache with a graphite-web before it. Both end
// with the test that started them.
//
// Metrics are stored at a step of one second for two hours, those whose name
// begins with "s10." at ten seconds for a day, and those whose name begins with
// "s60." at a minute for a week. Carbon takes any point that is no older.
type Graphite struct {
	// URL is graphite-web's address, such as "http://127.0.0.1:41234". It has
	// no credentials of its own: put a proxy in front to test those.
	URL string
	// Line is carbon's address for the plaintext protocol, host:port. It stays
	// the same over StopCarbon and StartCarbon, as URL does over StopWeb and
	// StartWeb.
	Line string

	tb           testing.TB
	dir          string
	pickle, link string
	carbon, web  *graphiteProcess
}

// GraphitePoint is one value of one metric.
type GraphitePoint struct {
	Metric string
	At     time.Time // carbon keeps whole seconds
	Value  float64
}

// graphiteProcess is one of the two programs.
type graphiteProcess struct {
	cmd    *exec.Cmd
	exited chan struct{}
	log    bytes.Buffer // only read when it has ended
}

// StartGraphite starts a real carbon-cache and graphite-web on free loopback
// ports and waits until both answer. It fails the test when a program is
// missing, or when one does not come up.
func StartGraphite(tb testing.TB) *Graphite {
	tb.Helper()
	for _, program := range []string{systemPython, carbonBinary, gunicornBinary, graphiteWebDir} {
		if _, err := os.Stat(program); err != nil {
			tb.Fatalf("no Graphite to test against: %v; apt-get install --no-install-recommends graphite-carbon graphite-web gunicorn", err)
		}
	}
	g := &Graphite{tb: tb, dir: tb.TempDir()}
	tb.Cleanup(func() { g.StopWeb(); g.StopCarbon() })
	// A port that was free a moment ago may be taken by now: try again.
	var err error
	for range 3 {
		if err = g.configure(); err == nil {
			err = g.start()
		}
		if err == nil {
			return g
		}
		g.StopWeb()
		g.StopCarbon()
	}
	tb.Fatalf("Graphite did not come up: %v", err)
	return nil
}

// Send hands points to carbon over one connection and returns when carbon has
// taken them all; they are not visible yet. See Wait.
func (g *Graphite) Send(points ...GraphitePoint) {
	g.tb.Helper()
	conn, err := net.DialTimeout("tcp", g.Line, time.Second)
	if err != nil {
		g.tb.Fatalf("connect to carbon: %v", err)
	}
	defer func() { _ = conn.Close() }()
	var b bytes.Buffer
	for _, p := range points {
		fmt.Fprintf(&b, "%s %v %d\n", p.Metric, p.Value, p.At.Unix())
	}
	if err := conn.SetDeadline(time.Now().Add(readyWithin)); err != nil {
		g.tb.Fatal(err)
	}
	if _, err := conn.Write(b.Bytes()); err != nil {
		g.tb.Fatalf("write to carbon: %v", err)
	}
	// Its end of the connection closes after it has read all of ours.
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		g.tb.Fatalf("write to carbon: %v", err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		g.tb.Fatalf("carbon did not take %d points: %v", len(points), err)
	}
}

// Wait waits until graphite-web shows the points, NaN excepted, each in the
// bucket of its metric's step, and goes on doing so: while carbon writes a metric
// down, its points are neither in the file that graphite-web has read nor in the
// cache that it asks next, and some of them are missing from an answer.
func (g *Graphite) Wait(points ...GraphitePoint) {
	g.tb.Helper()
	newest := map[string]GraphitePoint{}
	for _, p := range points {
		if last, ok := newest[p.Metric]; !math.IsNaN(p.Value) && (!ok || !p.At.Before(last.At)) {
			newest[p.Metric] = p
		}
	}
	for metric, p := range newest {
		step := graphiteStep(metric)
		bucket := p.At.Unix() - p.At.Unix()%step
		g.until(fmt.Sprintf("%v of %s at %d", p.Value, metric, bucket), func() (bool, error) {
			values, err := g.values(metric, bucket-1, bucket)
			v, ok := values[bucket]
			if !ok || v != p.Value || err != nil {
				return false, err
			}
			return g.written(metric, bucket, p.Value)
		})
	}
}

// WaitNewest waits until the newest value that graphite-web shows of a metric
// within the last minute is this one.
func (g *Graphite) WaitNewest(metric string, value float64) {
	g.tb.Helper()
	g.until(fmt.Sprintf("%v as the newest of %s", value, metric), func() (bool, error) {
		now := time.Now().Unix()
		values, err := g.values(metric, now-60, now+1)
		newest := int64(0)
		for at := range values {
			newest = max(newest, at)
		}
		return newest != 0 && values[newest] == value, err
	})
}

// until polls what graphite-web shows.
func (g *Graphite) until(what string, ok func() (bool, error)) {
	g.tb.Helper()
	for end := time.Now().Add(readyWithin); ; <-time.After(pollEvery) {
		shown, err := ok()
		if shown && err == nil {
			return
		}
		if time.Now().After(end) {
			g.tb.Fatalf("graphite-web does not show %s within %s: %v", what, readyWithin, err)
		}
	}
}

// values asks for a metric's values by the beginning of their buckets.
func (g *Graphite) values(metric string, from, until int64) (map[int64]float64, error) {
	form := url.Values{"target": {metric}, "format": {"json"}, "noCache": {"1"}, "from": {fmt.Sprint(from)}, "until": {fmt.Sprint(until)}}
	resp, err := graphiteClient().Get(g.URL + "/render?" + form.Encode())
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var series []struct {
		Datapoints [][2]*float64
	}
	if err := json.NewDecoder(resp.Body).Decode(&series); err != nil {
		return nil, err
	}
	values := map[int64]float64{}
	for _, s := range series {
		for _, dp := range s.Datapoints {
			if dp[0] != nil {
				values[int64(*dp[1])] = *dp[0]
			}
		}
	}
	return values, nil
}

// graphiteStep is the step that a metric is stored at, in seconds.
func graphiteStep(metric string) int64 {
	switch {
	case strings.HasPrefix(metric, "s10."):
		return 10
	case strings.HasPrefix(metric, "s60."):
		return 60
	default:
		return 1
	}
}

// StopCarbon ends carbon; stopping twice does nothing. What was written to
// disk stays.
func (g *Graphite) StopCarbon() { g.tb.Helper(); g.stop(&g.carbon) }

// StopWeb ends graphite-web; stopping twice does nothing.
func (g *Graphite) StopWeb() { g.tb.Helper(); g.stop(&g.web) }

// StartCarbon starts carbon again, at its address and on its data.
func (g *Graphite) StartCarbon() {
	g.tb.Helper()
	if err := g.startCarbon(); err != nil {
		g.tb.Fatalf("carbon did not come up again: %v", err)
	}
}

// StartWeb starts graphite-web again, at its address.
func (g *Graphite) StartWeb() {
	g.tb.Helper()
	if err := g.startWeb(); err != nil {
		g.tb.Fatalf("graphite-web did not come up again: %v", err)
	}
}

// MakeEvents makes graphite-web's database, which its events need and nothing
// else does. It takes seconds.
func (g *Graphite) MakeEvents() {
	g.tb.Helper()
	cmd := exec.Command(systemPython, djangoAdmin, "migrate", "--run-syncdb", "-v", "0")
	cmd.Dir, cmd.Env = g.dir, append(os.Environ(), g.webEnv()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		g.tb.Fatalf("graphite-web's database can't be made: %v; it said:\n%s", err, out)
	}
}

func (g *Graphite) webEnv() []string {
	return []string{"PYTHONPATH=" + g.path("conf"), "DJANGO_SETTINGS_MODULE=wsettings", "PYTHONDONTWRITEBYTECODE=1"}
}

func (g *Graphite) start() error {
	// Side by side: each takes half a second of a processor.
	carbon := make(chan error, 1)
	go func() { carbon <- g.startCarbon() }()
	return errors.Join(g.startWeb(), <-carbon)
}

func (g *Graphite) startCarbon() error {
	return g.run(&g.carbon, "carbon", func() error {
		conn, err := net.DialTimeout("tcp", g.Line, time.Second)
		if err == nil {
			err = conn.Close()
		}
		return err
	}, nil, carbonBinary, "--config="+g.path("conf/carbon.conf"), "--logdir="+g.path("log"), "--pidfile="+g.path("carbon.pid"), "--debug", "start")
}

func (g *Graphite) startWeb() error {
	listen := strings.TrimPrefix(g.URL, "http://")
	return g.run(&g.web, "graphite-web", func() error {
		resp, err := graphiteClient().Get(g.URL + "/render?target=none&format=json")
		if err == nil {
			if err = resp.Body.Close(); resp.StatusCode != http.StatusOK {
				err = fmt.Errorf("status %d", resp.StatusCode)
			}
		}
		return err
	}, g.webEnv(),
		gunicornBinary, "-w", "1", "-b", listen, "--worker-tmp-dir", g.dir, "graphite.wsgi:application")
}

// run starts a program in a process group of its own and waits until it is ready.
func (g *Graphite) run(slot **graphiteProcess, name string, ready func() error, env []string, args ...string) error {
	p := &graphiteProcess{cmd: exec.Command(systemPython, args...), exited: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = g.dir, append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // killed: that it says so is no news
	}()
	*slot = p
	for end := time.Now().Add(readyWithin); ; {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			err = errors.New("it ended at once")
		case <-time.After(pollEvery):
			if time.Now().Before(end) {
				continue
			}
		}
		g.stop(slot) // only now may the log be read
		return fmt.Errorf("%s: %w; it said:\n%s", name, err, p.log.String())
	}
}

// stop kills a program's whole process group, gunicorn's worker included.
func (g *Graphite) stop(slot **graphiteProcess) {
	g.tb.Helper()
	p := *slot
	if p == nil {
		return
	}
	*slot = nil
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	select {
	case <-p.exited:
	case <-time.After(readyWithin):
		g.tb.Errorf("process %d does not go away", p.cmd.Process.Pid)
	}
}

func (g *Graphite) path(name string) string { return filepath.Join(g.dir, name) }

// configure writes the files of both programs, with ports that are free now.
// graphite-web's database is made by MakeEvents alone: answering /render reads none.
func (g *Graphite) configure() error {
	addresses := make([]string, 4)
	for i := range addresses {
		addresses[i] = Address(g.tb)
	}
	g.URL, g.Line, g.pickle, g.link = "http://"+addresses[0], addresses[1], addresses[2], addresses[3]
	port := func(address string) string { _, p, _ := strings.Cut(address, ":"); return p }
	fill := strings.NewReplacer("{dir}", g.dir, "{web}", graphiteWebDir, "{line}", port(g.Line), "{pickle}", port(g.pickle), "{link}", port(g.link))
	for _, dir := range []string{"conf", "log", "storage/whisper", "storage/log"} {
		if err := os.MkdirAll(g.path(dir), 0o700); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"carbon.conf": carbonConfig, "storage-schemas.conf": carbonSchemas,
		"storage-aggregation.conf": carbonAggregation, "wsettings.py": graphiteSettings,
	} {
		if err := os.WriteFile(g.path(filepath.Join("conf", name)), []byte(fill.Replace(text)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func graphiteClient() *http.Client { return &http.Client{Timeout: 5 * time.Second} }

const carbonConfig = `[cache]
STORAGE_DIR = {dir}/storage
LOCAL_DATA_DIR = {dir}/storage/whisper
CONF_DIR = {dir}/conf
LOG_DIR = {dir}/log
PID_DIR = {dir}
USER =
MAX_UPDATES_PER_SECOND = inf
MAX_CREATES_PER_MINUTE = inf
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {line}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {pickle}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {link}
CARBON_METRIC_INTERVAL = 0
ENABLE_TAGS = False
ENABLE_LOGROTATION = False
`

const carbonSchemas = `[sixty]
pattern = ^s60\.
retentions = 60s:7d
[ten]
pattern = ^s10\.
retentions = 10s:1d
[default]
pattern = .*
retentions = 1s:2h
`

const carbonAggregation = `[default]
pattern = .*
xFilesFactor = 0
aggregationMethod = average
`

const graphiteSettings = `from graphite.settings import *
GRAPHITE_ROOT = '{web}'
CONF_DIR = '{dir}/conf'
STORAGE_DIR = '{dir}/storage'
LOG_DIR = '{dir}/storage/log'
WHISPER_DIR = '{dir}/storage/whisper'
STANDARD_DIRS = [WHISPER_DIR]
INDEX_FILE = '{dir}/storage/index'
CARBONLINK_HOSTS = ['127.0.0.1:{link}']
SECRET_KEY = 'of a test'
TIME_ZONE = 'UTC'
DEFAULT_CACHE_DURATION = 60
CACHES = {'default': {'BACKEND': 'django.core.cache.backends.locmem.LocMemCache'}}
ALLOWED_HOSTS = ['*']
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': '{dir}/storage/none.db'}}
`
