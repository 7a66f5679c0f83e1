package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	api "github.com/slack-go/slack"
	"go.uber.org/zap"

	"warden/internal/ledger"
)

// pace is how far posts in one channel are apart: Slack takes about one a second
// (https://docs.slack.dev/apis/web-api/rate-limits).
const pace = time.Second

// errLater says that a channel, or all of Slack, is to be left alone for a while.
var errLater = errors.New("not yet")

// ready is how long a message has to wait before it can be posted, or edited: for
// its channel's turn, and for as long as Slack wants no more of its kind.
func (s *Slack) ready(x session, to target) time.Duration {
	method := methodPost
	if to.ts != "" {
		method = methodUpdate
	}
	limit, lane := x.pauses.left(method, to.channel), x.pauses.lane(to.channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.next[lane].Sub(s.Clock.Now()), limit, 0)
}

// used notes that something was said in a channel, which has its turn again a while later.
func (s *Slack) used(x session, channel string) {
	lane := x.pauses.lane(channel)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next[lane] = s.Clock.Now().Add(pace)
}

// target is where a message is, or is to be.
type target struct {
	channel, ts string
	// thread is the message that it answers; empty for none.
	thread string
	// refused is why it stands there without its blocks; nil where it has them.
	refused error
	// spelled says that it says so as text already, where its blocks are refused.
	spelled bool
}

// send posts a message, or edits the one that is there. It returns where it is: a
// new one is at none of the places that stand already.
// gone says that what should have been edited can't be any more.
func (s *Slack) send(ctx context.Context, x session, key string, to target, r rendered, stand ...ledger.Post) (at target, gone bool, err error) {
	if s.ready(x, to) > 0 {
		return to, false, errLater
	}
	defer s.used(x, to.channel)
	var refused error
	for _, blocks := range [][]api.Block{r.Blocks, withoutCharts(r.Blocks), nil} {
		if blocks != nil && len(blocks) == len(r.Blocks) && err != nil {
			continue // it has no chart to leave out
		}
		if blocks == nil && refused != nil && to.spelled {
			to.refused = refused
			return to, false, nil
		}
		at, err = s.once(ctx, x, key, to, r, blocks, stand)
		if blocks == nil {
			at.refused = refused
		}
		if !refusedBlocks(err) {
			break
		}
		refused = err
		s.Logger.Warn("Slack refused the blocks of a message: it goes with less", zap.String("key", key), zap.Error(err))
	}
	code := slackCode(err)
	if to.ts != "" && slices.Contains([]string{"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_archived", "is_inactive", "not_in_channel"}, code) {
		return to, true, err
	}
	return at, false, err
}

func (s *Slack) once(ctx context.Context, x session, key string, to target, r rendered, blocks []api.Block, stand []ledger.Post) (target, error) {
	txt := r.Text
	if blocks == nil && len(r.Blocks) > 0 {
		txt = textOf(r)
	}
	opts := []api.MsgOption{
		api.MsgOptionText(txt, false), api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl(),
		api.MsgOptionMetadata(api.SlackMetadata{EventType: "case_message", EventPayload: map[string]any{"key": key, "cluster": x.cluster}}),
	}
	if len(blocks) > 0 {
		opts = append(opts, api.MsgOptionBlocks(blocks...))
	}
	if to.ts != "" {
		channel, ts, _, err := x.client.UpdateMessageContext(ctx, to.channel, to.ts, opts...)
		if err != nil {
			return to, fmt.Errorf("edit the message of %s: %w", key, err)
		}
		if at := (target{channel: channel, ts: ts}); !believable(to, at) {
			return to, fmt.Errorf("edit the message of %s: %w", key, errLie)
		}
		return target{channel: channel, ts: ts, thread: to.thread}, nil
	}
	if to.thread != "" {
		opts = append(opts, api.MsgOptionTS(to.thread))
	}
	channel, ts, err := x.client.PostMessageContext(ctx, to.channel, opts...)
	if at := (target{channel: channel, ts: ts}); err == nil && (!believable(to, at) || taken(at, stand)) {
		err = errLie
	}
	if err != nil {
		if ambiguous(err) {
			s.mu.Lock()
			s.maybe[key] = true
			s.mu.Unlock()
		}
		return to, fmt.Errorf("post the message of %s in %s: %w", key, to.channel, err)
	}
	s.mu.Lock()
	delete(s.maybe, key)
	s.mu.Unlock()
	x.pauses.learn(to.channel, channel)
	return target{channel: channel, ts: ts, thread: to.thread}, nil
}

// slackCode is Slack's word for what is wrong; empty where it said none.
func slackCode(err error) string {
	if e, ok := errors.AsType[api.SlackErrorResponse](err); ok {
		return e.Err
	}
	return ""
}

// ambiguous reports whether a post may have been made although it failed: it may
// not where it never got there, or was turned away. With trouble of its own Slack
// may have got as far.
func ambiguous(err error) bool {
	if code := slackCode(err); code != "" && code != errNoCode {
		return ofTrouble(code)
	}
	if _, limited := errors.AsType[*api.RateLimitedError](err); limited {
		return false
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return false
	}
	return true
}

// withoutCharts are blocks that every workspace takes.
func withoutCharts(blocks []api.Block) []api.Block {
	return slices.DeleteFunc(slices.Clone(blocks), func(b api.Block) bool { return b.BlockType() == api.MBTDataVisualization })
}

// textOf is all that a message says, for where its blocks were refused: less
// pretty, and nothing lost.
func textOf(r rendered) string {
	if r.Spelled != "" {
		return r.Spelled
	}
	out := []string{r.Text}
	for _, b := range r.Blocks {
		switch b := b.(type) {
		case *api.SectionBlock:
			if b.Text != nil {
				out = append(out, b.Text.Text)
			}
			for _, f := range b.Fields {
				out = append(out, f.Text)
			}
		case *api.ContextBlock:
			for _, e := range b.ContextElements.Elements {
				if t, ok := e.(*api.TextBlockObject); ok {
					out = append(out, t.Text)
				}
			}
		}
	}
	return short(strings.Join(out, "\n"), maxText)
}

// hash is of what a message shows.
func (r rendered) hash() string {
	b, err := json.Marshal(r)
	if err != nil {
		return ""
	}
	return digest(string(b))
}
