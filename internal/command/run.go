package command

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"warden/internal/clock"
)

// ErrNotStarted is returned, wrapped, when no process was begun: nothing
// happened, for certain.
var ErrNotStarted = errors.New("the command was not started")

const (
	// reapWithin is how long a killed process may take to go. One that hangs in
	// the kernel is left behind.
	reapWithin = 5 * time.Second
	// drainWithin is how long the output is read on after the process has
	// ended: what still holds the pipe then has left its process group.
	drainWithin = 500 * time.Millisecond
)

// Order is one run of a command.
type Order struct {
	// Argv is the program, an absolute path, and its arguments.
	Argv []string
	// Env is the whole environment, as Environ makes it.
	Env []string
	// Within is how long it may run before it is sent SIGTERM, and Grace how
	// much later SIGKILL follows. Both are required.
	Within, Grace time.Duration
	// MaxStdout caps what is kept of the standard output, in bytes, from its
	// beginning. When 0 its end is kept, as of the standard error.
	MaxStdout int
	// Effect says that it changes something, so that it matters what it leaves
	// behind: Left is filled in, which costs a look at every process.
	Effect bool
	// Clock measures Within and Grace; the system's when nil.
	Clock clock.Clock
}

// Result is how a command that was started ended.
type Result struct {
	// Exit is the exit status, or -1 when a signal ended it or it never ended.
	Exit int
	// Signal is what ended it, such as "killed"; empty when it exited.
	Signal string
	// Stopped says that it was ended for taking too long, or because ctx did.
	Stopped bool
	// Escaped says that something it started lives on outside its process
	// group and held its output until that was closed; Stuck that it could not
	// even be killed.
	Escaped, Stuck bool
	// Left says that processes of its group were alive when it had ended. They
	// were killed, in the middle of whatever they did. See Order.Effect.
	Left bool
	// Stdout and Stderr are raw: Redact them before anybody sees them. Cut says
	// that Stdout was longer than MaxStdout.
	Stdout, Stderr []byte
	Cut            bool
	// Took is how long it ran.
	Took time.Duration
}

// OK reports whether it exited with 0 by itself.
func (r Result) OK() bool { return r.Exit == 0 && r.Signal == "" && !r.Stopped && !r.Stuck }

// CutOff reports whether it, or anything that it started, did not come to its
// own end: what it meant to do may be half done, or may still come. Left is part
// of it, so ask for it with Order.Effect.
func (r Result) CutOff() bool {
	return r.Stopped || r.Stuck || r.Signal != "" || r.Escaped || r.Left
}

// String says how it ended, such as "exit 1".
func (r Result) String() string {
	switch {
	case r.Escaped:
		return r.ended() + ", leaving a process that lives on"
	case r.Left && !r.Stopped:
		return r.ended() + ", leaving processes that had to be killed"
	}
	return r.ended()
}

func (r Result) ended() string {
	took := r.Took.Round(time.Millisecond)
	switch {
	case r.Stuck:
		return fmt.Sprintf("stopped after %s and can't be killed", took)
	case r.Stopped && r.Signal != "":
		return fmt.Sprintf("stopped after %s (%s)", took, r.Signal)
	case r.Stopped:
		return fmt.Sprintf("stopped after %s (exit %d)", took, r.Exit)
	case r.Signal != "":
		return "ended by a signal (" + r.Signal + ")"
	}
	return fmt.Sprintf("exit %d", r.Exit)
}

// Run runs a command to its end, and returns an error only if it was never
// started. When Within has passed its whole process group gets SIGTERM, and
// Grace later, or as soon as ctx ends, SIGKILL. When the process has ended,
// whatever is left of its group is killed: a command is over when its first
// process is. It dies with warden, see DESIGN.md.
func Run(ctx context.Context, o Order) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrNotStarted, context.Cause(ctx))
	}
	if err := CheckExecutable(o.Argv[0]); err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	p := newProcess(o)
	began := o.Clock.Read().Mono
	go p.serve()
	if err := <-p.started; err != nil {
		return Result{}, fmt.Errorf("%w: %s: %w: check that warden's user may run it", ErrNotStarted, o.Argv[0], bare(err))
	}
	r := Result{Exit: -1}
	r.Stopped = p.guard(ctx, o)
	r.Took = o.Clock.Read().Mono - began
	select {
	case <-p.exited:
	default:
		r.Stuck = true // its goroutine and thread wait for it
		return r, nil
	}
	// The process is dead and not reaped yet, so its group's number can't have
	// become somebody else's.
	r.Left = o.Effect && groupLives(p.cmd.Process.Pid)
	p.signal(syscall.SIGKILL)
	close(p.reap)
	<-p.reaped
	r.Escaped = p.stdout.wasHeld() || p.stderr.wasHeld()
	if state := p.cmd.ProcessState; state != nil {
		r.Exit = state.ExitCode()
		if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			r.Signal = ws.Signal().String()
		}
	}
	r.Stdout, r.Cut = p.stdout.bytes()
	r.Stderr, _ = p.stderr.bytes()
	return r, nil
}

// process is one command under way.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr *capture
	started        chan error    // one value
	exited         chan struct{} // closed when it is dead, and not reaped
	reap           chan struct{} // closed when it may be
	reaped         chan struct{} // closed when it is
}

func newProcess(o Order) *process {
	p := &process{
		stdout: &capture{max: tailBytes, tail: true}, stderr: &capture{max: tailBytes, tail: true},
		started: make(chan error, 1), exited: make(chan struct{}), reap: make(chan struct{}), reaped: make(chan struct{}),
	}
	if o.MaxStdout > 0 {
		p.stdout = &capture{max: o.MaxStdout}
	}
	// The context must not kill it: guard does, and the whole group.
	p.cmd = exec.CommandContext(context.Background(), o.Argv[0], o.Argv[1:]...)
	p.cmd.Env, p.cmd.Dir = o.Env, "/"
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr // Stdin stays nil: /dev/null
	p.cmd.WaitDelay = drainWithin
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if p.cmd.Env == nil {
		p.cmd.Env = []string{} // nil would mean warden's own
	}
	return p
}

// serve starts the process and waits for it, on one thread that it keeps to
// itself: the kernel sends Pdeathsig when the thread that forked is gone, and
// Go ends threads as it likes unless a goroutine is locked to one.
func (p *process) serve() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	p.started <- err
	if err != nil {
		return
	}
	for {
		// Wait until it is dead, and leave it to be reaped.
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	close(p.exited)
	<-p.reap
	_ = p.cmd.Wait() // its state and its output say more
	close(p.reaped)
}

// guard waits until the process is dead, and sees to it that it is in time. It
// reports whether it had to.
func (p *process) guard(ctx context.Context, o Order) (stopped bool) {
	late, enough := make(chan struct{}), make(chan struct{})
	defer o.Clock.AfterFunc(o.Within, func() { close(late) })()
	defer o.Clock.AfterFunc(o.Within+o.Grace, func() { close(enough) })()
	select {
	case <-p.exited:
		return false
	case <-late:
		p.signal(syscall.SIGTERM)
	case <-ctx.Done():
		return p.kill()
	}
	select {
	case <-p.exited:
		return true
	case <-enough:
	case <-ctx.Done():
	}
	return p.kill()
}

func (p *process) kill() bool {
	p.signal(syscall.SIGKILL)
	gone := make(chan struct{})
	defer clock.System().AfterFunc(reapWithin, func() { close(gone) })()
	select {
	case <-p.exited:
	case <-gone:
	}
	return true
}

// signal sends a signal to the whole process group. The process must not be
// reaped yet. That nobody is left to get it is fine.
func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// bare takes the path out of an error that names it.
func bare(err error) error {
	if e, ok := errors.AsType[*exec.Error](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*pathError](err); ok {
		return e.Err
	}
	return err
}
