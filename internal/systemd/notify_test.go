package systemd

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// environ is an Env of a map.
func environ(m map[string]string) Env {
	return func(k string) (string, bool) {
		v, ok := m[k]
		return v, ok
	}
}

// manager is a service manager's end of the socket.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func read(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestNotifierSendsDatagrams(t *testing.T) {
	t.Parallel()
	for name, socket := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": "@warden-test-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			conn := manager(t, socket)
			n, err := Open(environ(map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": strconv.Itoa(os.Getpid())}))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = n.Close() }()
			if n.Watchdog() != 30*time.Second {
				t.Errorf("the watchdog is %s", n.Watchdog())
			}
			if err := n.send("READY=1", status("all is\nwell")); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff("READY=1\nSTATUS=all is well", read(t, conn)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestNobodyListens: without systemd everything is silent, and nothing fails.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	for _, env := range []map[string]string{{}, {"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "x"}} {
		n, err := Open(environ(env))
		if err != nil || n != nil {
			t.Fatalf("%v, %v", n, err)
		}
		if err := n.send("READY=1"); err != nil || n.Watchdog() != 0 || n.Close() != nil {
			t.Errorf("a nil Notifier does something: %v", err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, env := range map[string]map[string]string{
		"relative":    {"NOTIFY_SOCKET": "run/notify"},
		"vsock":       {"NOTIFY_SOCKET": "vsock:2:1234"},
		"nobody":      {"NOTIFY_SOCKET": filepath.Join(t.TempDir(), "none")},
		"no number":   {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "30s"},
		"zero":        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "0"},
		"beyond days": {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "9223372036854775807"},
	} {
		if _, err := Open(environ(env)); err == nil || !strings.Contains(err.Error(), "unset") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A watchdog on another process, the one that started this, is not for us.
	if d, err := watchdogOf(environ(map[string]string{"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"})); d != 0 || err != nil {
		t.Errorf("%s, %v", d, err)
	}
}

// TestFullSocketHoldsNothingUp: a manager that doesn't read costs a message, and
// never the caller.
func TestFullSocketHoldsNothingUp(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "notify")
	manager(t, socket)
	n, err := Open(environ(map[string]string{"NOTIFY_SOCKET": socket}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Close() }()
	for i := range 100_000 {
		if err := n.send("STATUS=" + strings.Repeat("x", 1000)); err != nil {
			if !strings.Contains(err.Error(), "timeout") {
				t.Errorf("message %d: %v", i, err)
			}
			return
		}
	}
	t.Fatal("the socket is never full: this test shows nothing")
}
