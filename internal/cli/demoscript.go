package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/remedy"
	"warden/simulate/story"
)

// script tells the whole story without a keyboard and checks it.
func (d *demo) script(ctx context.Context) error {
	ctx, stop := d.whileRunning(ctx)
	defer stop()
	o, began, from := d.p.printer, d.p.clock.Now(), d.clock.Now()
	d.say("%s", d.title())
	d.say("Every line that begins with ok was checked, in the ledger of every node, at the load balancers and in Slack.")
	d.say("What the console says stands behind a |. The clock skips what is quiet.")
	t := &scribe{d: d}
	err := story.Play(ctx, d.story(), story.Script(), t)
	took := d.p.clock.Since(began).Round(100 * time.Millisecond)
	switch {
	case err == nil:
		d.say("")
		d.say("%s: %d of %d lines, %s of story in %s.", o.paint(green, "All true"), t.ok, t.ok, chat.Span(d.clock.Since(from)), took)
		d.say("On a terminal `warden demo` gives you the keys. Then: warden config example --minimal")
		return nil
	case !errors.Is(err, story.ErrFailed):
		return err
	case ctx.Err() != nil:
		return errors.Join(context.Cause(ctx), err)
	}
	if !t.failed {
		d.say("    %s  %s", o.paint(red, "FAIL"), cleanLines(err.Error()))
	}
	d.say("")
	d.say("How it stood when it went wrong, %s of story and %s after the beginning:", chat.Span(d.clock.Since(from)), took)
	for _, line := range story.Describe(d.story()) {
		d.say("  %s", chat.Clean(line))
	}
	if d.o.keep == "" {
		d.say("To look closer, run it again with --keep DIR: config, ledger and log stay there.")
	}
	return exit(ExitError)
}

// story is the world that the script plays in.
func (d *demo) story() story.World {
	return story.World{
		Fleet: d.fleet, Sides: d.storySides(), Slack: d.outside.slack, Pager: d.outside.pager, Zone: d.zone, Cluster: d, Clock: d.clock, Status: func() string { return d.status(context.Background()) },
		Pool: demoPool, Detector: demoDetector, Action: demoAction, Person: d.person,
		Promote: func(ctx context.Context, to remedy.Level, nodes ...string) error {
			what, err := d.promote(ctx, to, nodes...)
			if err == nil {
				d.say("    %s", what)
			}
			return err
		},
		Draft: d.draft, Type: d.typeIn,
		Told: d.heard.Told, Patience: d.o.patience,
	}
}

// storySides are the small pools, as the story knows them.
func (d *demo) storySides() map[remedy.PoolName]story.Side {
	return map[remedy.PoolName]story.Side{
		story.MailPool: {Fleet: d.sides[story.MailPool], Detector: story.MailDetector},
		story.EdgePool: {Fleet: d.sides[story.EdgePool], Detector: story.EdgeDetector},
	}
}

// typeIn runs one of warden's own commands against the node that leads, and shows
// it as it stands in a terminal. Where an election comes between, it is typed
// again, as people do.
func (d *demo) typeIn(ctx context.Context, args ...string) (string, int) {
	o := d.p.printer
	d.say("    %s", o.paint(bold, "$ warden "+asTyped(args)))
	limit := clock.NewDeadline(d.p.clock, d.o.patience)
	for {
		var out bytes.Buffer
		sub := &program{env: d.p.env, in: strings.NewReader(""), out: &out, err: &out, clock: d.clock, local: d.p.printer.zone}
		code := sub.run(ctx, append(slices.Clone(args), "--url", "unix:"+d.leading().Socket, "--no-input"))
		if code != ExitUnreachable || limit.Expired() || clock.Sleep(ctx, d.p.clock, strikeEvery) != nil {
			_, _ = (&aside{to: d.screen, mark: "      "}).Write(out.Bytes()) // the screen's own error shows with the next line
			return out.String(), code
		}
	}
}

// asTyped is a command's arguments as one types them.
func asTyped(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		if out[i] = a; strings.ContainsAny(a, " '\"") {
			out[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

// scribe writes the story down line by line.
type scribe struct {
	d      *demo
	ok     int
	failed bool
}

// Begin implements story.Teller.
func (t *scribe) Begin(n int, s story.Step) {
	t.d.say("")
	t.d.say("%s", t.d.p.printer.paint(bold, fmt.Sprintf("%2d  %s", n, s.Title)))
}

// Checked implements story.Teller.
func (t *scribe) Checked(at time.Time, l story.Line, s story.Sight) {
	o := t.d.p.printer
	if s.OK {
		t.ok++
		t.d.say("    %s    %s  %s", o.paint(green, "ok"), o.paint(dim, o.clockTime(at)), l.Says)
		return
	}
	t.failed = true
	t.d.say("    %s  %s  %s", o.paint(red, "FAIL"), o.paint(dim, o.clockTime(at)), l.Says)
	t.d.say("          wanted  %s", chat.Clean(s.Want))
	t.d.say("          saw     %s", chat.Clean(s.Seen))
}

// say writes one line on the screen, whole.
func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.screen, format+"\n", args...)
}

// title is the demo's first line.
func (d *demo) title() string {
	name := "warden demo"
	if v := thisBuild().Version; v != "unknown" {
		name = "warden " + v + " demo"
	}
	return d.p.printer.paint(bold, name) +
		fmt.Sprintf("  ·  %d nodes, %d simulated hosts, nothing leaves this machine", demoNodes, demoHosts+2*sideHosts)
}

// whileRunning is ctx until a node ends by itself, the cause then saying why.
func (d *demo) whileRunning(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-ctx.Done():
		case <-d.down:
			cancel(fmt.Errorf("%s has ended by itself: the log says why", d.fallen))
		}
	}()
	return ctx, func() { cancel(nil) }
}

// voice is where the chat console writes: the screen, set off from the rest.
func (d *demo) voice() io.Writer {
	return &aside{to: d.screen, mark: "    " + d.p.printer.paint(dim, "|") + " "}
}

// aside puts a mark before each line. What is written must end with a line.
type aside struct {
	to   io.Writer
	mark string
}

// Write implements io.Writer.
func (a *aside) Write(b []byte) (int, error) {
	var out bytes.Buffer
	for line := range bytes.Lines(b) {
		if len(bytes.TrimSpace(line)) > 0 {
			out.WriteString(a.mark)
		}
		out.Write(line)
	}
	if _, err := a.to.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(b), nil
}
