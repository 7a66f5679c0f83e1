//go:build integration && failpoints

package chaos_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"warden/internal/web"
	"warden/simulate/chaos"
)

const (
	// clusterPort is where the nodes listen for each other, clusterPorts plus a
	// node's number where the proxies of the others do.
	clusterPort  = "7300"
	clusterPorts = 7300
	// diskSize is a node's whole disk: a few segments of the log.
	diskSize = "80m"
)

func peerAddress(i int) string { return fmt.Sprintf("127.0.0.1:%d", clusterPorts+i) }

// node is one machine: a directory with a disk of its own, and at most one
// process at a time.
type node struct {
	run                          *seedRun
	i                            int
	name                         string
	dir, config, storage, socket string
	armed, fired, clock          string
	client                       *web.Client
	rules                        rules

	mu      sync.Mutex // guards the process
	cmd     *exec.Cmd
	exited  chan struct{}
	log     *os.File
	stopped time.Duration // since when it is paused; zero while it isn't
	point   string        // where, if that is known
	endedAt time.Duration // when its last process ended
}

func newNode(r *seedRun, i int) *node {
	r.t.Helper()
	n := &node{run: r, i: i, name: fmt.Sprintf("n%d", i)}
	n.dir = filepath.Join(r.dir, n.name)
	n.storage = filepath.Join(n.dir, "data")
	if err := os.MkdirAll(n.storage, 0o700); err != nil {
		r.t.Fatal(err)
	}
	must(r.t, "mount", "-t", "tmpfs", "-o", "mode=700,size="+diskSize, "tmpfs", n.storage)
	r.t.Cleanup(func() { _ = run("umount", "-l", n.storage) })
	n.config, n.socket = filepath.Join(n.dir, "warden.toml"), filepath.Join(n.dir, "w.sock")
	n.armed, n.clock = filepath.Join(n.dir, "armed"), filepath.Join(n.dir, "clock")
	n.fired = filepath.Join(r.logs, n.name+".fired")
	var err error
	if n.log, err = os.Create(filepath.Join(r.logs, n.name+".log")); err != nil {
		r.t.Fatal(err)
	}
	if n.client, err = web.NewClient(n.socket); err != nil {
		r.t.Fatal(err)
	}
	n.rules = r.usual()
	n.write()
	r.t.Cleanup(func() {
		n.kill()
		n.client.Close()
		_ = n.log.Close()
	})
	return n
}

// write puts the config that rules say on the disk.
func (n *node) write() {
	n.run.t.Helper()
	text := n.run.configText(n, n.rules)
	if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
		n.run.t.Fatal(err)
	}
	_ = os.WriteFile(filepath.Join(n.run.logs, n.name+".toml"), []byte(text), 0o600) // for the reader of a failure
}

// shortens reports whether the node shortens its log behind a snapshot. The
// others keep all of theirs, so that the verdict sees it; two do, since one that
// was away may be given a snapshot for its log.
func (n *node) shortens() bool { return n.i > 2 }

// start starts the process, unless one runs.
func (n *node) start() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running() {
		return
	}
	n.run.tell("%s starts", n.name)
	argv := append(n.run.net.within(n.i), os.Getenv(binaryVariable), "agent",
		"--config.file", n.config, "--storage.path", n.storage, "--web.socket", n.socket,
		"--web.listen-address", "127.0.0.1:9723", "--node.name", n.name, "--log.format", "json", "--log.level", "debug")
	argv = append(argv, n.run.clusterFlags(n)...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{
		"TZ=UTC", "CHAOS_NODE=" + n.name, "WARDEN_CLOCK_FILE=" + n.clock,
		"WARDEN_FAILPOINT_FILE=" + n.armed, "WARDEN_FAILPOINT_LOG=" + n.fired,
		"WARDEN_SNAPSHOT_THRESHOLD=10", "WARDEN_SNAPSHOT_SECONDS=1", "WARDEN_TRAILING_LOGS=" + map[bool]string{true: "50", false: "100000"}[n.shortens()],
	}
	cmd.Stdout, cmd.Stderr = n.log, n.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		n.run.t.Errorf("%s: %v", n.name, err)
		return
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in ProcessState
		n.run.tell("%s ended: %v", n.name, cmd.ProcessState)
		n.resumed()
		n.run.record(func() { n.endedAt = n.run.now() })
		close(exited)
	}()
	n.cmd, n.exited = cmd, exited
}

// restart starts a process that ended by itself, as systemd does: a while after.
func (n *node) restart() {
	var ago time.Duration
	n.run.record(func() { ago = n.run.now() - n.endedAt })
	if ago > time.Second {
		n.start()
	}
}

// running reports whether the process is there. The caller holds mu.
func (n *node) running() bool {
	if n.exited == nil {
		return false
	}
	select {
	case <-n.exited:
		return false
	default:
		return true
	}
}

func (n *node) alive() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.running()
}

// signal sends a signal, if the process is there.
func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.running() {
		return
	}
	if err := n.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		n.run.t.Errorf("%s: %v: %v", n.name, s, err)
	}
}

// kill is kill -9, and waits for it.
func (n *node) kill() {
	n.signal(syscall.SIGKILL)
	n.mu.Lock()
	exited := n.exited
	n.mu.Unlock()
	if exited != nil {
		<-exited
	}
}

// pause is SIGSTOP, and resume SIGCONT.
func (n *node) pause() {
	n.signal(syscall.SIGSTOP)
	n.paused("")
}

func (n *node) resume() {
	n.resumed()
	n.signal(syscall.SIGCONT)
}

// paused notes that the process stands still from now on, and at which point.
func (n *node) paused(point string) {
	at := n.run.now()
	n.run.record(func() {
		if n.stopped == 0 {
			n.stopped, n.point = at, point
		}
	})
}

func (n *node) resumed() {
	n.run.record(func() {
		if n.stopped != 0 {
			n.run.pauses = append(n.run.pauses, chaos.Pause{Node: n.name, From: n.stopped, To: n.run.now(), Point: n.point})
			n.stopped = 0
		}
	})
}

// still reports whether every thread of the process is stopped, as a failpoint
// leaves it.
func (n *node) still() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.running() {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.cmd.Process.Pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
	return strings.HasPrefix(after, "T")
}

// arm has the process, and the next ones, meet these points.
func (n *node) arm(spec string) {
	text := ""
	if spec != "" {
		text = fmt.Sprintf("%s # %d\n", spec, n.run.now())
	}
	// Renamed, so that a hit never reads half a spec.
	if err := os.WriteFile(n.armed+".new", []byte(text), 0o600); err != nil {
		n.run.t.Error(err)
	}
	if err := os.Rename(n.armed+".new", n.armed); err != nil {
		n.run.t.Error(err)
	}
}

// setClock sets the wall clock of the node this far off.
func (n *node) setClock(off time.Duration) {
	if err := os.WriteFile(n.clock+".new", fmt.Appendf(nil, "%d\n", int(off.Seconds())), 0o600); err != nil {
		n.run.t.Error(err)
	}
	if err := os.Rename(n.clock+".new", n.clock); err != nil {
		n.run.t.Error(err)
	}
}

// fill takes all space of the node's disk.
func (n *node) fill() {
	f, err := os.Create(filepath.Join(n.storage, "filler"))
	if err != nil {
		return // nothing is left even for this
	}
	defer f.Close()
	_, _ = io.Copy(f, zeroes{})
}

func (n *node) unfill() { _ = os.Remove(filepath.Join(n.storage, "filler")) }

// readOnly mounts the disk read-only, or not; only while nobody writes to it.
func (n *node) readOnly(on bool) error {
	return run("mount", "-o", "remount,"+map[bool]string{true: "ro", false: "rw"}[on], n.storage)
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// command runs one command of warden against this node, as a person does.
func (n *node) command(args ...string) (code int, said string) {
	var out bytes.Buffer
	cmd := exec.CommandContext(n.run.t.Context(), os.Getenv(binaryVariable), append([]string{"--no-input", "--timeout", "8s"}, args...)...)
	cmd.Env = []string{"WARDEN_SOCKET=" + n.socket, "TZ=UTC"}
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return -1, err.Error()
	}
	return cmd.ProcessState.ExitCode(), strings.TrimSpace(out.String())
}
