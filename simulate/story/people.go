package story

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/clock"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// The small pools beside the large one, and their detectors.
const (
	MailPool remedy.PoolName = "mail"
	EdgePool remedy.PoolName = "edge"

	MailDetector remedy.DetectorName = "canary_mail"
	EdgeDetector remedy.DetectorName = "canary_edge"
)

// Who is in the story's Slack, and where: one who may approve and one who may
// not, and the channels of the pools.
const (
	Approver  = "U0SAM"
	Bystander = "U0KIM"

	OpsChannel  = "C0OPS"
	MailChannel = "C0MAIL"
	EdgeChannel = "C0EDGE"
)

// in looks at another pool.
func in(pool remedy.PoolName, look func(*Run) Sight) func(*Run) Sight {
	return func(r *Run) Sight {
		back := r.enter(pool)
		defer back()
		return look(r)
	}
}

// enter turns to another pool, and back by what it returns.
func (r *Run) enter(pool remedy.PoolName) (back func()) {
	was, detector, fl := r.Pool, r.Detector, r.Fleet
	side := r.Sides[pool]
	r.Pool, r.Detector, r.Fleet = pool, side.Detector, side.Fleet
	return func() { r.Pool, r.Detector, r.Fleet = was, detector, fl }
}

// at is the next time that a clock on the wall shows.
func (r *Run) at(hour, minute int) time.Time {
	now := r.Clock.Now().In(r.Zone)
	t := time.Date(now.Year(), now.Month(), now.Day(), hour, minute, 0, 0, r.Zone)
	if !t.After(now) {
		t = time.Date(now.Year(), now.Month(), now.Day()+1, hour, minute, 0, 0, r.Zone)
	}
	return t
}

// skip jumps over a quiet stretch: once all engines rest, nothing executes and
// everybody was told. What was jumped over, nobody has seen: it is as if all
// machines had been suspended.
func (r *Run) skip(ctx context.Context, until time.Time) error {
	limit := clock.NewDeadline(r.real, r.Patience)
	for {
		r.turn()
		if r.Clock.Resting() && !r.executing() && r.untold() == "" {
			break
		}
		if limit.Expired() {
			return fmt.Errorf("it never became quiet within %s of real time: %s", r.Patience, r.untold())
		}
		if err := clock.Sleep(ctx, r.real, pollEvery); err != nil {
			return err
		}
	}
	r.Clock.Jump(until.Sub(r.Clock.Now()))
	return r.next(ctx)
}

// untold words what somebody is still to be told; "" for nothing.
func (r *Run) untold() string {
	all, _ := r.Ledger.Surfaces()
	for _, s := range all {
		if owed := r.Ledger.PendingFor(s); len(owed) > 0 {
			return fmt.Sprintf("%s is owed %d notices, the first a %s", s, len(owed), owed[0].Kind)
		}
	}
	return ""
}

// key is what a message is about, as the app that posted it says.
func key(m fakeslack.Message) string {
	var meta struct {
		Payload struct {
			Key string `json:"key"`
		} `json:"event_payload"`
	}
	_ = json.Unmarshal(m.Metadata, &meta) // a message of somebody else has none
	return meta.Payload.Key
}

// reads is all that people read of a message.
func reads(m fakeslack.Message) string {
	var blocks any
	if json.Unmarshal(m.Blocks, &blocks) != nil {
		return m.Text
	}
	words := []string{m.Text}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if text, ok := v["text"].(string); ok {
				words = append(words, text)
			}
			for _, one := range v {
				walk(one)
			}
		case []any:
			for _, one := range v {
				walk(one)
			}
		}
	}
	walk(blocks)
	return strings.Join(words, "\n")
}

// about are the messages in a channel that are about the story's case, oldest
// first: a question is a message of its own, after a complaint.
func (r *Run) about(channel string) []fakeslack.Message {
	return slices.DeleteFunc(r.Slack.Messages(channel), func(m fakeslack.Message) bool { return key(m) != "case/"+r.Case.String() })
}

// shows looks for the newest message about the story's case in a channel, with
// all of these words and none that calls anybody.
func shows(channel string, words ...string) func(*Run) Sight {
	return func(r *Run) Sight {
		all := r.about(channel)
		return oneOf(all[max(0, len(all)-1):], "message about "+r.Case.String()+" in Slack", words)
	}
}

// alone looks for the story's case having one message in a channel.
func alone(channel string) func(*Run) Sight {
	return func(r *Run) Sight {
		n := len(r.about(channel))
		return Sight{OK: n == 1, Want: "one message about " + r.Case.String(), Seen: fmt.Sprintf("%d", n)}
	}
}

// oneOf looks for exactly one message that says all the words, and calls nobody.
func oneOf(all []fakeslack.Message, what string, words []string) Sight {
	s := Sight{Want: fmt.Sprintf("one %s, which says %q and calls nobody", what, words), Seen: fmt.Sprintf("%d of them", len(all))}
	if len(all) != 1 {
		return s
	}
	s.Seen = reads(all[0])
	s.OK = !calls(s.Seen) && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(s.Seen, w) })
	return s
}

// calls reports whether a text makes somebody's phone ring.
func calls(text string) bool {
	return strings.Contains(text, "<@") || strings.Contains(text, "<!")
}

// button finds a button of the case's message by what stands on it.
func (r *Run) button(channel, label string) (fakeslack.Message, fakeslack.Button, error) {
	for _, m := range slices.Backward(r.about(channel)) {
		for _, b := range m.Buttons() {
			if b.Text == label {
				return m, b, nil
			}
		}
	}
	return fakeslack.Message{}, fakeslack.Button{}, fmt.Errorf("no message about %s has a button %q", r.Case, label)
}

// tap has somebody click a button of the case's message in Slack. Which node gets
// the click is Slack's business.
func (r *Run) tap(user, channel, label string) error {
	m, b, err := r.button(channel, label)
	if err != nil {
		return err
	}
	_, err = r.Slack.Click(user, channel, m.TS, b.ActionID)
	return err
}

// offers looks for a button on the case's message being there, or not.
func offers(channel, label string, want bool) func(*Run) Sight {
	return func(r *Run) Sight {
		_, _, err := r.button(channel, label)
		s := Sight{OK: (err == nil) == want, Want: fmt.Sprintf("a button %q: %t", label, want), Seen: "there"}
		if err != nil {
			s.Seen = err.Error()
		}
		return s
	}
}

// whispered looks for words that one person alone was shown.
func whispered(user, channel string, words string) func(*Run) Sight {
	return func(r *Run) Sight {
		s := Sight{Want: "only " + user + " sees: " + words, Seen: "nothing"}
		for _, m := range r.Slack.Ephemerals(user, channel) {
			s.Seen = reads(m)
			s.OK = s.OK || strings.Contains(s.Seen, words)
		}
		return s
	}
}

// sockets looks for a connection of each node with Slack.
func sockets(n int) func(*Run) Sight {
	return func(r *Run) Sight {
		open := r.Slack.Connections()
		return Sight{OK: len(open) == n, Want: fmt.Sprintf("%d connections with Slack", n), Seen: fmt.Sprintf("%d", len(open))}
	}
}

// mannered looks for warden having broken none of Slack's rules.
func mannered(r *Run) Sight {
	broke := r.Slack.Breaches()
	s := Sight{OK: len(broke) == 0, Want: "no broken rule of Slack's", Seen: "none"}
	if !s.OK {
		s.Seen = fmt.Sprintf("%d, the first: %s of %s, %s", len(broke), broke[0].Rule, broke[0].Method, broke[0].Detail)
	}
	return s
}

// unpaged looks for a pager on which nothing came since the night began.
func unpaged(r *Run) Sight {
	n := len(r.Pager.Incidents()) - r.Night.incidents
	return Sight{OK: n == 0, Want: "0 incidents in PagerDuty since the night began", Seen: fmt.Sprintf("%d", n)}
}

// noted looks for a change event about a host in PagerDuty, which calls nobody.
func noted(host string) func(*Run) Sight {
	return func(r *Run) Sight {
		var seen []string
		for _, c := range r.Pager.Changes() {
			seen = append(seen, c.Summary)
		}
		ok := slices.ContainsFunc(seen, func(s string) bool { return strings.Contains(s, host) })
		return Sight{OK: ok, Want: "a recent change in PagerDuty about " + host, Seen: fmt.Sprintf("%q", seen)}
	}
}

// allTold looks for nobody being owed a word on any surface.
func allTold(r *Run) Sight {
	owed := r.untold()
	return Sight{OK: owed == "", Want: "everybody was told everything", Seen: owed}
}

// theOnly looks for one open case, on a host, and remembers it.
func theOnly(host string, stage remedy.Stage) func(*Run) Sight {
	return func(r *Run) Sight {
		open := r.Open()
		s := Sight{Want: fmt.Sprintf("one open case, on %s, %s", host, stage), Seen: fmt.Sprintf("%d open cases%s", len(open), ids(open))}
		if len(open) == 1 && string(open[0].Host) == host && open[0].Stage == stage {
			r.Case, s.OK = open[0].ID, true
		}
		return s
	}
}
