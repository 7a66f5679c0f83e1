package slack

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	api "github.com/slack-go/slack"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// threads tells the threads of cases what happened since they were told last, all
// of it in one message a case.
func (r *round) threads(ctx context.Context) {
	for _, p := range r.owed.Posts {
		if !strings.HasPrefix(p.Key, "thread/") || p.ID == "" || r.owed.About == nil || ctx.Err() != nil {
			continue
		}
		m, ok := r.owed.About(p.Case)
		if !ok || m.Case == nil {
			continue
		}
		since, err := time.Parse(time.RFC3339Nano, p.Hash)
		if err != nil || !lastEvent(m.Case).After(since) {
			continue
		}
		var made rendered
		var at target
		to := target{channel: p.Place, thread: p.ID}
		err = r.alone(p.Key, func() (err error) {
			made = threadOf(m.Case, since, r.set.Zone)
			at, _, err = r.send(ctx, r.x, p.Key, to, made)
			return err
		})
		switch {
		case errors.Is(err, errHeld) && r.hopeless(p.Key, to):
			r.Logger.Warn("a thread is not told what happened: Slack refuses it", zap.Stringer("case", p.Case))
			r.release(p.Key, to)
		case errors.Is(err, errLater):
			_ = r.later(to, err)
			continue
		case err != nil && slackCode(err) == "":
			return // it is said the next time
		case err != nil:
			r.hold(p.Key, to, err) // nobody waits for a thread
			continue
		default:
			r.overflow(ctx, target{channel: at.channel, thread: p.ID}, made.Full)
		}
		p.Hash = shown(lastEvent(m.Case))
		r.got.Posts = append(r.got.Posts, receipt(p))
	}
}

// threadOf is one line for each event after an instant, and what a command that
// went wrong has printed.
func threadOf(c *ledger.Case, since time.Time, zone *time.Location) rendered {
	b := &builder{}
	var lines []string
	for _, e := range c.Events {
		if e.At.After(since) {
			by := ""
			if e.By != "" && e.By != "warden" {
				by = " · " + e.By
			}
			lines = append(lines, chat.When(e.At, c.ChangedAt, zone)+"  "+chat.Bare(e.What+by))
		}
	}
	b.lines("events", lines)
	if x := c.Execution(); x != nil && x.FinishedAt.After(since) && x.Outcome != remedy.OutcomeDone && strings.TrimSpace(x.Output) != "" {
		b.output(strings.Split(strings.TrimSpace(x.Output), "\n"))
	}
	text := c.ID.String()
	if len(lines) > 0 {
		text += ": " + lines[len(lines)-1]
	}
	return rendered{Text: short(plain(text), maxText), Blocks: b.blocks, Full: b.full}
}

// overflowWait is how long what was cut waits for its channel's turn, each part:
// others wait as long.
const overflowWait = 5 * time.Second

// overflow puts what had to be cut into the thread. It is worth a wait: the
// message says that it is there.
func (r *round) overflow(ctx context.Context, at target, full []whole) {
	to := target{channel: at.channel, thread: cmp.Or(at.thread, at.ts)}
	for _, x := range full {
		for _, part := range x.parts() {
			d := r.ready(r.x, to)
			if d > 0 && d <= overflowWait {
				select {
				case <-ctx.Done():
				case <-r.Clock.After(d):
				}
			}
			b := []api.Block{api.NewSectionBlock(newText(part), nil, nil)}
			if _, _, err := r.send(ctx, r.x, "full/"+to.channel+"/"+to.thread, to, rendered{Text: short(part, maxText), Blocks: b}); err != nil {
				r.Logger.Warn("what was cut of a message can't be put into its thread: `warden show` has it", zap.String("channel", to.channel), zap.String("message", to.thread), zap.Error(err))
				return
			}
		}
	}
}

func newText(s string) *api.TextBlockObject { return text(api.MarkdownType, s) }

// fence is how what a command printed begins and ends.
const fence = "```"

// parts cuts it into pieces that fit into a message each, at most maxParts of them,
// never within an entity; the last says where the rest is.
func (x whole) parts() []string {
	const maxParts = 4
	const rest = " …(cut: warden show has all of it)"
	most := maxSection
	if x.Code {
		most -= 2 * len(fence)
	}
	var out []string
	s := x.Text
	for s != "" && len(out) < maxParts {
		r := []rune(s)
		n := uncut(r, min(len(r), most))
		out, s = append(out, string(r[:n])), string(r[n:])
	}
	if s != "" {
		out[len(out)-1] = cut(out[len(out)-1], most-utf8.RuneCountInString(rest)) + rest
	}
	if x.Code {
		for i := range out {
			out[i] = fence + out[i] + fence
		}
	}
	return out
}
