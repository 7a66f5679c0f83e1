//go:build integration && !failpoints

package main_test

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"warden/internal/realtest"
)

const systemdText = `config_version = 1

[sources.prometheus]
type    = "prometheus"
url     = "{{ .Source }}"
timeout = "1s"

[pools.web]
inventory          = { type = "static", hosts = ["web-1", "web-2"] }
min_in_service     = {{ .MinInService }}
max_out_of_service = 1

[detectors.canary_missing]
type    = "canary"
source  = "prometheus"
pools   = ["web"]
propose = "drain"
query   = "canary_received_total"
expect_per_minute = 60

[actions.drain]
policy  = "metric-only"
type    = "haproxy"
address = "unix:/nonexistent/haproxy.sock"
backend = "be_web"
`

// manager is the socket of a service manager, and what it was told.
type manager struct {
	path string
	mu   sync.Mutex
	told []string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{path: filepath.Join(shortDir(t), "notify")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 8192)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.told = append(m.told, strings.Split(string(buf[:n]), "\n")...)
			m.mu.Unlock()
		}
	}()
	return m
}

// count counts the messages that begin so.
func (m *manager) count(prefix string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, line := range m.told {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

// atLeast waits until it was told so as often as that.
func (m *manager) atLeast(t *testing.T, n int, prefix string) {
	t.Helper()
	eventually(t, "systemd is told "+prefix, func() error {
		if got := m.count(prefix); got < n {
			m.mu.Lock()
			defer m.mu.Unlock()
			return fmt.Errorf("%d times, want %d; it was told %q", got, n, m.told)
		}
		return nil
	})
}

// TestSystemdIsTold: the daemon with a source that is away and a load balancer
// that isn't there: it is ready, lives, says how it is, reloads and stops.
func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	set := settings{Template: systemdText, Source: "http://" + realtest.Address(t), MinInService: 1}
	a := newAgent(t, set)
	a.start("NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=3000000")
	m.atLeast(t, 1, "READY=1")
	m.atLeast(t, 1, "STATUS=leader, alone, 0 waiting, 0 hosts out, not frozen")
	m.atLeast(t, 5, "WATCHDOG=1")

	set.MinInService = 0
	a.write(set.text(t))
	a.signal(syscall.SIGHUP)
	m.atLeast(t, 2, "READY=1")
	if m.count("RELOADING=1") != 1 || m.count("MONOTONIC_USEC=") != 1 {
		t.Errorf("a reload was told %d times", m.count("RELOADING=1"))
	}
	a.write("nonsense")
	a.signal(syscall.SIGHUP)
	m.atLeast(t, 3, "READY=1")
	m.atLeast(t, 1, "STATUS=leader, alone, 0 waiting, 0 hosts out, not frozen, the newest config was NOT loaded")
	a.must(exitOK, "freeze", "--reason", "test")
	m.atLeast(t, 1, "STATUS=leader, alone, 0 waiting, 0 hosts out, FROZEN by ")

	a.terminate()
	m.atLeast(t, 1, "STOPPING=1")
	m.atLeast(t, 1, "STATUS=stopping")
}
