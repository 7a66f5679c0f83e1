package slack

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// earlierPrefix is what the keys of messages begin with that a newer one of their case
// has taken the place of, and that still say what they said.
const earlierPrefix = "was/"

// replaces notes that a case's message is posted anew: the one before asks something
// that is not asked any more, or couldn't be edited. It is on record before it is edited, so that the next
// leader edits it where this one can't. A complaint stands for other cases, too.
func (r *round) replaces(c *ledger.Case, was ledger.Post) {
	if state, _, _ := strings.Cut(was.Hash, "."); was.ID == "" || chat.CardState(state) == chat.CardComplaint {
		return
	}
	r.got.Posts = append(r.got.Posts, ledger.Post{Key: earlierPrefix + c.ID.String() + "/" + was.ID, Case: c.ID, Place: was.Place, ID: was.ID})
}

// replaced are the messages that were posted anew and don't say so yet.
func (r *round) replaced() []ledger.Post {
	return slices.DeleteFunc(slices.Concat(r.owed.Posts, r.got.Posts), func(p ledger.Post) bool {
		return !strings.HasPrefix(p.Key, earlierPrefix) || p.Gone || p.ID == ""
	})
}

// earlier has each of them lead to the newer one, without buttons.
func (r *round) earlier(ctx context.Context) error {
	var failed error
	for _, p := range r.replaced() {
		if ctx.Err() != nil || away(failed) {
			break
		}
		if r.owed.About == nil {
			continue
		}
		m, ok := r.owed.About(p.Case)
		if !ok || m.Case == nil {
			continue // its receipts go with it
		}
		to := target{channel: p.Place, ts: p.ID}
		var gone bool
		err := r.alone(p.Key, func() (err error) {
			_, gone, err = r.send(ctx, r.x, p.Key, to, saidAnew(m.Case, r.newest(p.Case.String())))
			return err
		})
		switch {
		case gone: // nobody reads it any more
		case errors.Is(err, errHeld) && r.hopeless(p.Key, to) && !p.At.IsZero() && r.owed.Now.Sub(p.At) > giveUpAfter:
			r.Logger.Warn("an earlier message of a case is given up: for a day it couldn't be edited, and it doesn't lead to the newer one", zap.Stringer("case", p.Case), zap.Error(err))
			r.release(p.Key, to)
		case errors.Is(err, errLater):
			_ = r.later(to, err)
			continue
		case err != nil:
			failed = errors.Join(failed, err)
			continue
		}
		r.got.Posts = slices.DeleteFunc(r.got.Posts, func(x ledger.Post) bool { return x.Key == p.Key })
		r.got.Posts = append(r.got.Posts, ledger.Post{Key: p.Key, Case: p.Case, Gone: true})
	}
	return failed
}

// newest is where a case's message is by now.
func (r *round) newest(id string) string {
	for _, p := range slices.Backward(r.got.Posts) {
		if p.Key == "case/"+id {
			return p.Link
		}
	}
	p, _ := r.owed.Post("case/" + id)
	return p.Link
}

// saidAnew is a message in whose place a newer one is.
func saidAnew(c *ledger.Case, newer string) rendered {
	about := c.ID.String() + ": " + string(c.Action) + " " + string(c.Host)
	words := "a newer message"
	if newer != "" {
		words = "<" + entities.Replace(newer) + "|" + words + ">"
	}
	lead, is := "Said anew", "is told"
	if c.Stage == remedy.StageWaiting && c.Answer == nil {
		lead, is = "Asked again", "is asked"
	}
	b := &builder{}
	b.section("again", short("*"+lead+".* "+mark(chat.Clean(about))+" "+is+" in "+words+", and nothing can be answered here any more.", maxSection))
	return rendered{Text: short(plain(chat.Clean(lead+", in a newer message. "+about)), maxText), Blocks: b.blocks}
}
