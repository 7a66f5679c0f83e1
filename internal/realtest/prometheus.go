package realtest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// prometheusBinary is where Debian's prometheus package puts the program.
const prometheusBinary = "/usr/bin/prometheus"

// PrometheusOptions says what the real Prometheus scrapes, every second.
type PrometheusOptions struct {
	// Targets are host:port addresses by job. Note that Prometheus 2.42 waits
	// five seconds before its first scrape.
	Targets map[string][]string
	// ScrapeConfig holds further lines for each job, indented by four spaces,
	// such as "    honor_labels: true".
	ScrapeConfig string
	// Config replaces the whole configuration file.
	Config string
	// Args are further command line arguments.
	Args []string
}

// Prometheus is a running Prometheus. It ends with the test that started it.
type Prometheus struct {
	// URL is its address, such as "http://127.0.0.1:41234"; it stays the same
	// over Stop and Start.
	URL string

	tb     testing.TB
	dir    string
	listen string
	args   []string
	cmd    *exec.Cmd
	exited chan struct{}
	log    bytes.Buffer
}

// StartPrometheus starts a real Prometheus on a free loopback port and waits
// until it is ready. It fails the test when the program is missing, or when it
// does not come up.
func StartPrometheus(tb testing.TB, opts PrometheusOptions) *Prometheus {
	tb.Helper()
	if _, err := os.Stat(prometheusBinary); err != nil {
		tb.Fatalf("no Prometheus to test against: %v; apt-get install --no-install-recommends prometheus", err)
	}
	p := &Prometheus{tb: tb, dir: tb.TempDir(), args: opts.Args}
	config := opts.Config
	if config == "" {
		config = prometheusConfig(opts)
	}
	if err := os.WriteFile(p.configFile(), []byte(config), 0o600); err != nil {
		tb.Fatalf("write the configuration of Prometheus: %v", err)
	}
	// Somebody else's program may take the port after all: try again.
	var err error
	for range 3 {
		p.listen = Address(tb)
		p.URL = "http://" + p.listen
		if err = p.start(); err == nil {
			tb.Cleanup(p.Stop)
			return p
		}
	}
	tb.Fatalf("Prometheus did not come up: %v", err)
	return nil
}

// Stop kills Prometheus and waits until it is gone. Its data stays for Start.
// Stopping twice does nothing.
func (p *Prometheus) Stop() {
	p.tb.Helper()
	if p.cmd == nil {
		return
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Errorf("kill Prometheus, process %d: %v", p.cmd.Process.Pid, err)
	}
	select {
	case <-p.exited:
	case <-time.After(readyWithin):
		p.tb.Errorf("Prometheus, process %d, does not go away", p.cmd.Process.Pid)
	}
	p.cmd = nil
}

// Start starts a stopped Prometheus again, on its data and at its address.
func (p *Prometheus) Start() {
	p.tb.Helper()
	if p.cmd != nil {
		p.tb.Fatal("Prometheus runs already")
	}
	if err := p.start(); err != nil {
		p.tb.Fatalf("Prometheus did not come up again: %v", err)
	}
}

// Freeze halts the process without ending its connections: from outside a
// server that hangs. It returns when every thread has stopped, since a signal
// that was sent has not arrived everywhere yet. Thaw lets it go on.
func (p *Prometheus) Freeze() {
	p.tb.Helper()
	p.signal(syscall.SIGSTOP)
	for end := time.Now().Add(readyWithin); !p.stopped(); {
		if time.Now().After(end) {
			p.tb.Fatalf("Prometheus did not stop within %s of SIGSTOP", readyWithin)
		}
		<-time.After(pollEvery)
	}
}

// stopped reports whether every thread of the process is stopped.
func (p *Prometheus) stopped() bool {
	p.tb.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		p.tb.Fatalf("the threads of Prometheus: %d found, %v", len(files), err)
	}
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that ended
		}
		// The state follows the name, which is in parentheses and may hold any.
		_, after, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')'):]), " ")
		if !strings.HasPrefix(after, "T") {
			return false
		}
	}
	return true
}

// Thaw lets a frozen Prometheus go on.
func (p *Prometheus) Thaw() { p.signal(syscall.SIGCONT) }

func (p *Prometheus) signal(s syscall.Signal) {
	p.tb.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.tb.Fatalf("signal %v to Prometheus: %v", s, err)
	}
}

func (p *Prometheus) configFile() string { return filepath.Join(p.dir, "prometheus.yml") }

// File writes a file beside the configuration, such as one with rules.
func (p *Prometheus) File(name, text string) {
	p.tb.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.tb.Fatalf("write %s of Prometheus: %v", name, err)
	}
}

func (p *Prometheus) start() error {
	p.log.Reset()
	args := append([]string{
		"--config.file=" + p.configFile(), "--storage.tsdb.path=" + filepath.Join(p.dir, "data"),
		"--web.listen-address=" + p.listen, "--web.enable-lifecycle", "--log.level=warn",
	}, p.args...)
	cmd := exec.Command(prometheusBinary, args...)
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // killed: that it says so is no news
	}()
	p.cmd, p.exited = cmd, exited
	if err := p.waitReady(); err != nil {
		p.Stop() // only now may the log be read
		return fmt.Errorf("%w; it said:\n%s", err, p.log.String())
	}
	return nil
}

func (p *Prometheus) waitReady() error {
	client := &http.Client{Timeout: time.Second}
	deadline := time.Now().Add(readyWithin)
	for {
		resp, err := client.Get(p.URL + "/-/ready")
		if err == nil {
			if err = resp.Body.Close(); resp.StatusCode == http.StatusOK {
				return err
			}
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready within %v: %w", readyWithin, err)
		}
		select {
		case <-p.exited:
			return errors.New("it ended at once")
		case <-time.After(pollEvery):
		}
	}
}

func prometheusConfig(opts PrometheusOptions) string {
	var b strings.Builder
	b.WriteString("global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 1s\n")
	if len(opts.Targets) > 0 {
		b.WriteString("scrape_configs:\n")
	}
	for _, job := range slices.Sorted(maps.Keys(opts.Targets)) {
		fmt.Fprintf(&b, "  - job_name: %q\n", job)
		if opts.ScrapeConfig != "" {
			b.WriteString(strings.TrimRight(opts.ScrapeConfig, "\n") + "\n")
		}
		b.WriteString("    static_configs:\n      - targets:\n")
		for _, target := range opts.Targets[job] {
			fmt.Fprintf(&b, "          - %q\n", target)
		}
	}
	return b.String()
}
