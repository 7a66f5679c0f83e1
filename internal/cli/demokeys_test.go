package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"warden/internal/clock"
)

// typist is a person at the demo's keyboard.
type typist struct {
	t     *testing.T
	out   *transcript
	keys  *io.PipeWriter
	ended chan error
	seen  int // how much of the transcript was waited for
}

// sitDown begins a demo on the keyboard.
func sitDown(ctx context.Context, t *testing.T) *typist {
	t.Helper()
	in, keys := io.Pipe()
	p, out := demoProgram(t, terminal{Reader: in})
	p.out, p.err = terminal{Writer: out}, terminal{Writer: out}
	p.env = func(name string) (string, bool) { return "1", name == "NO_COLOR" }
	if err := p.prepare(); err != nil {
		t.Fatal(err)
	}
	y := &typist{t: t, out: out, keys: keys, ended: make(chan error, 1)}
	go func() { y.ended <- p.runDemo(ctx, demoOptions{seed: 1}) }()
	return y
}

// press types, in one read each.
func (y *typist) press(keys ...string) {
	y.t.Helper()
	for _, k := range keys {
		if _, err := io.WriteString(y.keys, k); err != nil {
			y.t.Fatalf("%q: %v", k, err)
		}
	}
}

// inAMoment is what who asks reads while nobody leads, as on a machine that is too busy
// for three nodes.
const inAMoment = "ask again in a moment"

// insists presses a key until that has come of it, again where nobody led just then.
func (y *typist) insists(key, want string) {
	y.t.Helper()
	for y.press(key); y.either(want, inAMoment) != want; y.press(key) {
		<-clock.System().After(time.Second)
	}
}

// sees waits for text after what was waited for before.
func (y *typist) sees(want string) {
	y.t.Helper()
	y.either(want)
}

// either waits for one of several texts after what was waited for before, and returns
// which came first.
func (y *typist) either(wants ...string) string {
	y.t.Helper()
	wall := clock.System()
	var ended error
	over := false
	for limit := clock.NewDeadline(wall, patient); !limit.Expired(); {
		first, at := "", -1
		for _, want := range wants {
			if i := strings.Index(y.out.String()[y.seen:], want); i >= 0 && (at < 0 || i < at) {
				first, at = want, i
			}
		}
		if at >= 0 {
			y.seen += at + len(first)
			return first
		}
		if over { // looked once more since
			y.t.Fatalf("it ended (%v) before %q\n%s", ended, wants, y.out.String())
		}
		select {
		case ended = <-y.ended:
			over = true
			y.ended <- ended
		case <-wall.After(5 * time.Millisecond):
		}
	}
	y.t.Fatalf("no %q in time after\n%s\nin\n%s", wants, y.out.String()[:y.seen], y.out.String()[y.seen:])
	return ""
}

func (y *typist) ends() error {
	y.t.Helper()
	select {
	case err := <-y.ended:
		return err
	case <-clock.System().After(patient):
		y.t.Fatalf("it does not end\n%s", y.out.String())
		return nil
	}
}

func TestDemoKeys(t *testing.T) {
	t.Parallel()
	y := sitDown(t.Context(), t)
	y.sees("3 nodes, 60 simulated hosts")
	y.sees("Keys")
	y.sees("node-1 leads  ·  node-2 follows  ·  node-3 follows  ·  term")
	y.press("a")
	y.sees("no: nobody is asked anything now")
	y.press("u")
	y.sees("no: no host is out because of warden")
	y.press("e")
	y.sees("there is no case yet")
	y.sees("web-17 gets 8% of its canary data") // by itself
	y.sees("complaint  W-1")
	y.sees("p: promote drain to confirm")
	y.insists("e", "common_mode")
	y.press("p")
	y.sees(`web = "notify" -> "confirm"`)
	y.sees("question  W-1")
	y.press("\x1b[A", "z") // an arrow and a key without a meaning do nothing
	y.insists("a", "Approved: drain web-17")
	y.sees("Drained web-17, verified")
	y.sees("y: it was right   w: it was wrong")
	y.insists("y", "W-1: labelled right")
	y.insists("u", "is back in service")
	y.press("h")
	y.sees("web-17 is repaired")
	y.insists("f", "Frozen by")
	y.insists("f", "Unfrozen by")
	y.press("b")
	y.sees("answers 503")
	y.sees("can't be believed")
	y.press("b")
	y.sees("can be believed again")
	y.press("b")
	y.sees("the metrics freeze")
	y.sees("can't be believed")
	y.press("b", "c")
	y.sees("common mode")
	y.press("c")
	y.sees("the 12 hosts are well again")
	y.sees("common mode is over")
	y.press("v")
	y.sees("the series of 12 of 40 hosts vanish")
	y.sees("28 good, 12 unknown")
	y.press("v", "s")
	y.sees("$ warden status")
	y.sees("demo")
	y.press("p")
	y.sees(`web = "confirm" -> "auto"`)
	y.press("p")
	y.sees(`web = "auto" -> "notify"`)
	y.press("w")
	y.sees("$ warden label W-")
	y.sees(" wrong")
	y.press("m")
	y.sees("mail-05 gets 8% of its canary data")
	y.sees("Drain mail-05?")
	y.sees("or tap it in Chat: http://127.0.0.1:")
	y.press("m")
	y.insists("g", "On its way to console, pagerduty, slack")
	y.press("q")
	y.sees("The load balancers got 2 commands in all:\n  set server web/web-17 state drain\n  set server web/web-17 state ready\n")
	if err := y.ends(); err != nil {
		t.Errorf("q: %v", err)
	}
}

// TestDemoKill kills the leader in the middle of an action, then a second node,
// and starts them again.
func TestDemoKill(t *testing.T) {
	t.Parallel()
	y := sitDown(t.Context(), t)
	y.sees("Keys")
	y.sees("three nodes, all voters")
	y.press("r")
	y.sees("no: no node is dead")
	y.sees("complaint  W-1")
	y.press("p")
	y.sees("reloaded on node-1, node-2, node-3")
	y.sees("question  W-1")
	y.press("k")
	y.sees("is killed in the middle of its next action")
	y.insists("a", "is killed in the middle of an action")
	y.sees(" down  ·")
	y.sees("quorum: 2 of 3 up")
	y.press("k", "k") // this one has no action before it
	y.sees("[simulator]  node-")
	y.sees("no quorum: 1 of 3 nodes up, nothing is done")
	y.press("k")
	y.sees("no: it is the last one")
	for end := clock.NewDeadline(clock.System(), patient); !strings.Contains(y.out.String(), "NO QUORUM since"); { // it learns of it by waiting
		if end.Expired() {
			t.Fatalf("no statement in\n%s", y.out.String())
		}
		y.press("s")
		<-time.After(200 * time.Millisecond)
	}
	y.press("r")
	y.sees("is started again")
	y.sees("quorum: 2 of 3 up")
	y.sees("outcome  W-1") // by whoever leads now
	y.press("r")
	y.sees("quorum: 3 of 3 up")
	y.press("q")
	y.sees("The load balancers got 1 command in all:\n  set server web/web-17 state drain\n")
	if err := y.ends(); err != nil {
		t.Errorf("q: %v", err)
	}
}

// TestDemoKeysEnd ends the demo in the other ways there are.
func TestDemoKeysEnd(t *testing.T) {
	t.Parallel()
	t.Run("signal", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		y := sitDown(ctx, t)
		y.sees("Keys")
		cancel()
		if got := exitCode(ctx, y.ends()); got != ExitInterrupted {
			t.Errorf("exit code %d, want %d", got, ExitInterrupted)
		}
	})
	t.Run("Ctrl-C", func(t *testing.T) {
		t.Parallel()
		y := sitDown(t.Context(), t)
		y.sees("Keys")
		y.press("\x03")
		if err := y.ends(); err != nil {
			t.Error(err)
		}
	})
	t.Run("the terminal is gone", func(t *testing.T) {
		t.Parallel()
		y := sitDown(t.Context(), t)
		y.sees("Keys")
		if err := y.keys.Close(); err != nil {
			t.Fatal(err)
		}
		if err := y.ends(); err != nil {
			t.Error(err)
		}
	})
}

func TestDemoScreen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &screen{w: &out}
	voice := &aside{to: s, mark: "| "}
	write := func(text string) {
		t.Helper()
		if n, err := io.WriteString(voice, text); n != len(text) || err != nil {
			t.Fatalf("wrote %d of %d: %v", n, len(text), err)
		}
	}
	write("one\n  two\n\n")
	s.setRaw(true)
	write("three\n")
	if want := "| one\n|   two\n\n| three\r\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	s.w = broken{}
	if _, err := io.WriteString(voice, "four\n"); !errors.Is(err, errBroken) {
		t.Errorf("a broken terminal: %v", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
