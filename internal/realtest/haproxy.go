// Package realtest starts real servers from Debian's packages for integration
// tests, on free loopback ports and for as long as the test runs. A missing
// server fails the test: nothing is skipped.
package realtest

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// haproxyBinary is where Debian's haproxy package puts the program.
const haproxyBinary = "/usr/sbin/haproxy"

// readyWithin bounds how long a server may take to come up, reload or go away.
const readyWithin = 15 * time.Second

// pollEvery is the pause between two looks at a server that is coming up.
const pollEvery = 20 * time.Millisecond

// HAProxyOptions says what the real HAProxy balances. The zero value is one
// backend "be" with the servers h1 to h4 and no health checks.
type HAProxyOptions struct {
	// Backend names the one backend; "be" when empty.
	Backend string
	// Servers names the servers in it; h1 to h4 when empty. Each gets an HTTP
	// server of its own, which the helper runs.
	Servers []string
	// Check makes HAProxy check the servers every 100 ms.
	Check bool
	// Extra is appended to the configuration as it is.
	Extra string
}

// HAProxy is a running HAProxy in master-worker mode with its backend servers.
// All of it ends with the test that started it.
type HAProxy struct {
	// Socket and Operator are unix sockets of the runtime API, at level admin
	// and operator. TCP is host:port of the same API at level admin.
	Socket, Operator, TCP string
	// URL is where real traffic goes in. A request for /hold is answered only
	// after ReleaseHeld; all others are answered at once with the server's name.
	URL string
	// Backend is the backend's name.
	Backend string

	tb      testing.TB
	cmd     *exec.Cmd
	exited  chan struct{}
	servers map[string]*httptest.Server

	mu   sync.Mutex
	held chan struct{}
}

// StartHAProxy starts a real HAProxy on free loopback ports and waits until it
// answers. It fails the test when the program is missing, or when it does not
// come up.
func StartHAProxy(tb testing.TB, opts HAProxyOptions) *HAProxy {
	tb.Helper()
	if _, err := os.Stat(haproxyBinary); err != nil {
		tb.Fatalf("no HAProxy to test against: %v; apt-get install --no-install-recommends haproxy", err)
	}
	if opts.Backend == "" {
		opts.Backend = "be"
	}
	if len(opts.Servers) == 0 {
		opts.Servers = []string{"h1", "h2", "h3", "h4"}
	}
	dir := haproxyDir(tb)
	h := &HAProxy{
		Socket: filepath.Join(dir, "admin.sock"), Operator: filepath.Join(dir, "op.sock"),
		Backend: opts.Backend, tb: tb,
		servers: map[string]*httptest.Server{}, held: make(chan struct{}),
	}
	for _, name := range opts.Servers {
		h.servers[name] = httptest.NewServer(h.handler(name))
	}
	tb.Cleanup(h.stopServers)
	// A port that was free a moment ago may be taken by now: try again.
	var err error
	for range 3 {
		if err = h.start(dir, opts); err == nil {
			tb.Cleanup(h.stop)
			return h
		}
	}
	tb.Fatalf("HAProxy did not come up: %v", err)
	return nil
}

// Command sends one line to the runtime API and returns the whole reply.
func (h *HAProxy) Command(line string) string {
	h.tb.Helper()
	out, err := h.command(line)
	if err != nil {
		h.tb.Fatalf("runtime API: %q: %v", line, err)
	}
	return out
}

// Stat returns `show stat` with a map from column to value for each server,
// by the server's name. Frontends and the backend's sum are left out.
func (h *HAProxy) Stat() map[string]map[string]string {
	h.tb.Helper()
	text := strings.TrimPrefix(strings.TrimSpace(h.Command("show stat "+h.Backend+" 4 -1")), "# ")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) == 0 {
		h.tb.Fatalf("show stat is no CSV: %v", err)
	}
	out := map[string]map[string]string{}
	for _, row := range rows[1:] {
		fields := map[string]string{}
		for i, column := range rows[0] {
			fields[column] = row[i]
		}
		out[fields["svname"]] = fields
	}
	return out
}

// reloadAgain is how long a reload may take before it is asked for once more.
const reloadAgain = 4 * time.Second

// Reload makes HAProxy replace its worker, as systemctl reload does, and waits
// until the new one answers.
func (h *HAProxy) Reload() {
	h.tb.Helper()
	old, err := h.worker()
	if err != nil {
		h.tb.Fatalf("reload: %v", err)
	}
	asked := time.Time{}
	err = h.poll(func() error {
		// A master that is still starting its first worker loses the signal,
		// and one that can't start the next keeps the old: it is asked again,
		// as a person would.
		if time.Since(asked) > reloadAgain {
			if err := h.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
				return err
			}
			asked = time.Now()
		}
		now, err := h.worker()
		if err == nil && now == old {
			err = errors.New("the old worker still answers")
		}
		return err
	})
	if err != nil {
		h.tb.Fatalf("reload: %v", err)
	}
}

// Get sends one request through the frontend and returns the name of the
// server that answered.
func (h *HAProxy) Get() string {
	h.tb.Helper()
	body, err := h.get(h.tb.Context(), "/")
	if err != nil {
		h.tb.Fatalf("request through HAProxy: %v", err)
	}
	return body
}

// Hold opens n sessions that stay open until ReleaseHeld or the end of the
// test, and returns when their requests have reached the servers.
func (h *HAProxy) Hold(n int) {
	h.tb.Helper()
	arrived := h.sessions() + n
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { _, _ = h.get(context.WithoutCancel(h.tb.Context()), "/hold") })
	}
	h.tb.Cleanup(func() { h.ReleaseHeld(); wg.Wait() })
	err := h.poll(func() error {
		if now := h.sessions(); now < arrived {
			return fmt.Errorf("%d of %d sessions are open", now, arrived)
		}
		return nil
	})
	if err != nil {
		h.tb.Fatalf("hold: %v", err)
	}
}

// ReleaseHeld answers every request that is being held.
func (h *HAProxy) ReleaseHeld() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.held)
	h.held = make(chan struct{})
}

// StopServer closes one backend server, so that its health check fails.
func (h *HAProxy) StopServer(name string) {
	h.tb.Helper()
	srv, ok := h.servers[name]
	if !ok {
		h.tb.Fatalf("no backend server %q", name)
	}
	srv.Close()
}

func (h *HAProxy) handler(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			h.mu.Lock()
			held := h.held
			h.mu.Unlock()
			select {
			case <-held:
			case <-r.Context().Done():
			}
		}
		_, _ = io.WriteString(w, name)
	})
}

func (h *HAProxy) start(dir string, opts HAProxyOptions) error {
	front := Address(h.tb)
	h.TCP, h.URL = Address(h.tb), "http://"+front
	var cfg strings.Builder
	fmt.Fprintf(&cfg, "global\n stats socket %s mode 600 level admin expose-fd listeners\n", h.Socket)
	fmt.Fprintf(&cfg, " stats socket ipv4@%s level admin\n stats socket %s mode 600 level operator\n", h.TCP, h.Operator)
	fmt.Fprintf(&cfg, "defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n")
	fmt.Fprintf(&cfg, "frontend fe\n bind %s\n default_backend %s\nbackend %s\n", front, h.Backend, h.Backend)
	for _, name := range opts.Servers {
		fmt.Fprintf(&cfg, " server %s %s weight 100", name, h.servers[name].Listener.Addr())
		if opts.Check {
			cfg.WriteString(" check inter 100")
		}
		cfg.WriteString("\n")
	}
	cfg.WriteString(opts.Extra)
	path := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(path, []byte(cfg.String()), 0o600); err != nil {
		return err
	}
	logPath := filepath.Join(dir, "haproxy.log")
	log, err := os.Create(logPath)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	h.cmd = exec.Command(haproxyBinary, "-W", "-db", "-f", path)
	h.cmd.Stdout, h.cmd.Stderr = log, log
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := h.cmd.Start(); err != nil {
		return err
	}
	h.exited = make(chan struct{})
	go func() { _ = h.cmd.Wait(); close(h.exited) }()
	if err := h.poll(func() error { _, err := h.worker(); return err }); err != nil {
		h.stop()
		said, _ := os.ReadFile(logPath)
		return fmt.Errorf("%w; it said: %s", err, said)
	}
	return nil
}

// stop ends the whole process group, the workers of earlier reloads included.
func (h *HAProxy) stop() {
	_ = syscall.Kill(-h.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-h.exited:
	case <-time.After(2 * time.Second):
	}
	_ = syscall.Kill(-h.cmd.Process.Pid, syscall.SIGKILL)
	<-h.exited
}

func (h *HAProxy) stopServers() {
	h.ReleaseHeld()
	for _, srv := range h.servers {
		srv.CloseClientConnections()
		srv.Close()
	}
}

func (h *HAProxy) sessions() int {
	h.tb.Helper()
	sum := 0
	for _, fields := range h.Stat() {
		n := 0
		_, _ = fmt.Sscan(fields["scur"], &n)
		sum += n
	}
	return sum
}

func (h *HAProxy) worker() (string, error) {
	out, err := h.command("show info")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if pid, ok := strings.CutPrefix(strings.TrimSpace(line), "Pid: "); ok {
			return pid, nil
		}
	}
	return "", fmt.Errorf("show info names no Pid: %q", out)
}

func (h *HAProxy) command(line string) (string, error) {
	conn, err := net.DialTimeout("unix", h.Socket, time.Second)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", err
	}
	out, err := io.ReadAll(conn)
	return string(out), err
}

func (h *HAProxy) get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+path, nil)
	if err != nil {
		return "", err
	}
	// One connection a request, so that the balancing is of requests.
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", resp.Status)
	}
	return string(body), err
}

func (h *HAProxy) poll(ready func() error) error {
	end := time.Now().Add(readyWithin)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %s: %w", readyWithin, err)
		}
		select {
		case <-h.exited:
			return fmt.Errorf("HAProxy exited: %w", err)
		case <-time.After(pollEvery):
		}
	}
}

// haproxyDir is the test's own directory, or a shorter one where that would
// make a socket's path longer than the kernel takes: HAProxy binds it under a
// longer name first.
func haproxyDir(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	if len(dir) <= 70 {
		return dir
	}
	//nolint:usetesting // the test's own directory has too long a name
	short, err := os.MkdirTemp("", "haproxy")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(short) })
	return short
}
