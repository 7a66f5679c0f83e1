package cli

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"warden/internal/chat"
	"warden/internal/trust"
	"warden/simulate/story"
)

// The keys that a raw terminal sends where others send a signal.
const (
	keyInterrupt = 0x03 // Ctrl-C
	keyEnd       = 0x04 // Ctrl-D
	keyEscape    = 0x1b
)

// openingPause is how long, on the demo's clock, all is well before the first
// host goes bad by itself.
const openingPause = time.Minute

// lookEvery is how often, on the demo's clock, the verdicts are looked at, and
// settled how often they must be the same before they are worth a line.
const (
	lookEvery = 15 * time.Second
	settled   = 3
)

// keyboard is the demo in the hands of a person.
type keyboard struct {
	*demo
	bad      string // the host that h made bad
	nextBad  int
	mailBad  bool // m made a host of mail bad
	fallen   bool // the twelve are at a tenth
	vanished bool // the twelve series are gone
	broken   bool // the metrics are broken
	verdicts struct {
		said, seen string
		times      int // that seen was seen
	}
	stuck    bool        // b breaks them by a freeze next, and not by an error
	rolled   string      // the nodes as they were said last
	met      bool        // the nodes have found each other
	reviving atomic.Bool // a node is being started
	armed    bool        // the leader dies in its next action
}

// play runs the demo on the keyboard until q.
func (d *demo) play(ctx context.Context) error {
	restore, err := d.screen.makeRaw(d.p.in)
	if err != nil {
		return err
	}
	defer restore()
	ctx, stop := d.whileRunning(ctx)
	defer stop()
	context.AfterFunc(ctx, restore) // a signal: before anything that takes time
	d.banner()
	k := &keyboard{demo: d}
	d.heard.hear(k.hint)
	keys := make(chan byte)
	go readKeys(ctx, d.p.in, keys)
	var opening <-chan time.Time
	look := d.clock.After(lookEvery)
	roll := d.p.clock.After(0)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-opening:
			opening = nil
			if k.bad == "" {
				k.host(ctx)
			}
		case <-look:
			look = d.clock.After(lookEvery)
			k.judged()
		case <-roll:
			roll = d.p.clock.After(rollEvery)
			k.rollCall()
			if opening == nil && !k.met && k.together() {
				k.met = true
				d.note("three nodes, all voters, watching %s: %d hosts, every 15 s, drain at %s", demoPool, demoHosts, d.level())
				opening = d.clock.After(openingPause)
			}
		case key, ok := <-keys:
			if !ok || key == 'q' || key == keyInterrupt || key == keyEnd {
				restore()
				d.farewell()
				return nil
			}
			k.press(ctx, key)
		}
	}
}

// rollEvery is how often, in real time, it is looked who leads.
const rollEvery = 100 * time.Millisecond

// together reports whether all nodes vote and have reported their file.
func (k *keyboard) together() bool {
	st := k.leading().ledger.Status()
	return len(st.Voters) == demoNodes && len(st.Reports) == demoNodes
}

// rollCall keeps the status line, and says when who leads, follows or is dead
// has changed; and whom k has killed in the middle of an action.
func (k *keyboard) rollCall() {
	if name := k.Killed(); k.armed && name != "" {
		k.armed = false
		k.simulate("%s is killed in the middle of an action: its START is committed, the load balancer has the command, and nobody knows the answer", name)
		k.aside("its successor waits out what it may still do, some ten minutes here, and looks; r starts it again")
	}
	now := k.roll()
	k.screen.setStatus(k.p.printer.paint(bold, clip(now, columns(k.p.out))))
	if now != k.rolled {
		k.rolled = now
		k.note("%s", now)
	}
}

// clip cuts a line to a terminal's width; 0 is none.
func clip(line string, width int) string {
	runes := []rune(line)
	if width > 1 && len(runes) >= width {
		runes = runes[:width-1]
	}
	return string(runes)
}

// readKeys sends each key. What an arrow or function key sends begins with an
// escape and is one read: it is dropped.
func readKeys(ctx context.Context, in io.Reader, keys chan<- byte) {
	defer close(keys)
	buf := make([]byte, 64)
	for {
		n, err := in.Read(buf)
		got := buf[:n]
		if n > 1 && got[0] == keyEscape {
			got = nil
		}
		for _, b := range got {
			select {
			case keys <- b:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

const demoKeys = `  Keys   a approve   d deny   u undo   p promote in demo.toml   e explain   s status   f freeze
         h a host goes bad   c 12 hosts fall at once   b the metrics break   v 12 series vanish
         k kill the leader in its next action, k again at once   r start a dead node again
         y the newest case was right   w it was wrong   l reset the breaker   ? keys   q quit
         m a host of mail goes bad     g the summary of what happened: both are to be read, and answered, in Chat`

func (d *demo) banner() {
	where := d.data + " (deleted on exit; --keep DIR to keep)"
	if d.o.keep != "" {
		where = d.data + " (stays)"
	}
	d.say("%s  ·  time x%v", d.title(), d.o.speed)
	for _, n := range d.nodes {
		d.say("  %s http://%s/metrics   WARDEN_SOCKET=%s warden cases", n.name, n.last().Address(), n.last().Socket)
	}
	d.say("  Fakes  Prometheus %s   HAProxy %s", d.fleet.PrometheusURL(), d.fleet.HAProxyAddress())
	d.say("  Chat   %s/chat   Pager %s/pager", d.outside.slack.URL(), d.outside.pagerURL)
	d.say("  Data   %s", where)
	d.say("%s", demoKeys)
	d.say("")
	d.note("three nodes find each other over mutual TLS on loopback")
}

// judged says how the hosts are judged, when that has changed and settled.
func (k *keyboard) judged() {
	v := &k.verdicts
	now := "no verdict yet"
	for _, j := range k.leading().engine.View().Judgements(demoPool) {
		if j.Detector == demoDetector {
			now = story.Verdicts(j.Findings())
		}
	}
	if now != v.seen {
		v.seen, v.times = now, 0
	}
	if v.times++; v.times < settled || v.said == now {
		return
	}
	v.said = now
	k.note("judged: %s", now)
}

// note says something that happened, with the demo's time.
func (d *demo) note(format string, args ...any) {
	o := d.p.printer
	d.say("%s  %s", o.paint(dim, o.clockTime(d.clock.Now())), fmt.Sprintf(format, args...))
}

func (d *demo) farewell() {
	commands := d.story().Commands()
	d.say("")
	d.say("The load balancers got %s in all:", count(len(commands), "command"))
	for _, c := range commands {
		d.say("  %s", c)
	}
	if d.o.keep != "" {
		d.say("Config, ledger and log stay in %s.", d.data)
	}
	d.say("To begin for real: warden config example --minimal > warden.toml")
}

// press does what a key stands for.
func (k *keyboard) press(ctx context.Context, key byte) {
	var err error
	switch key {
	case 'a':
		err = k.answer(ctx, true)
	case 'd':
		err = k.answer(ctx, false)
	case 'u':
		err = k.undo(ctx)
	case 'p':
		err = k.promoteNext(ctx)
	case 'f':
		err = k.freeze(ctx)
	case 'k':
		err = k.kill()
	case 'r':
		err = k.revive(ctx)
	case 'l':
		err = k.release(ctx)
	case 'h':
		k.host(ctx)
	case 'c':
		k.commonMode()
	case 'm':
		k.mail()
	case 'g':
		k.command(ctx, "summary", "send")
	case 'b':
		k.metrics()
	case 'v':
		k.vanish()
	case 'y':
		k.label(ctx, trust.Right)
	case 'w':
		k.label(ctx, trust.Wrong)
	case 'e':
		k.explain(ctx)
	case 's':
		k.command(ctx, "status")
	case '?':
		k.say("%s", demoKeys)
	}
	if err != nil {
		k.note("%s %s", k.p.printer.paint(yellow, "no:"), chat.Clean(err.Error()))
	}
}
