package pager

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/PagerDuty/go-pagerduty"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// The receipts of alerts: what is open, and since when something has lasted that
// isn't worth an alert yet. Both are kept in the ledger, so that the next leader
// goes on counting.
const (
	alertPost = "alert/"
	sincePost = "since/"
)

// statusSuccess is what the Events API says of an event that it took.
const statusSuccess = "success"

// step is one thing to do so that PagerDuty agrees with what is wrong.
type step struct {
	// trigger is sent when it is not nil; resolve is the key of an alert to end.
	trigger *condition
	resolve string
	// post is the receipt, once that is done.
	post ledger.Post
	// moved says that the alert was opened by another routing key, and can't be
	// ended by this one.
	moved bool
	// late says that it happened too long ago to be told.
	late bool
}

// reconcile says what to do so that what was sent agrees with what is wrong. It
// is pure: whoever leads comes to the same. What needs no call comes first, then what
// is critical, then ends.
func reconcile(now time.Time, wrong []condition, st State, cluster, mark string) []step {
	have, want := map[string]ledger.Post{}, map[string]bool{}
	for _, p := range st.Posts {
		have[p.Key] = p
	}
	var begin, end []step
	for i := range wrong {
		c := &wrong[i]
		if st.unknowable(c.kind) {
			continue
		}
		want[c.key] = true
		since, counting := c.since, have[sincePost+c.key]
		if since.IsZero() {
			at, err := time.Parse(time.RFC3339Nano, counting.ID)
			if err != nil {
				begin = append(begin, step{post: ledger.Post{Key: sincePost + c.key, ID: now.UTC().Format(time.RFC3339Nano)}})
				continue
			}
			since = at
		}
		if now.Sub(since) < c.after {
			continue
		}
		p, open := have[alertPost+c.key]
		switch {
		case open && p.Hash == c.mark && p.Place == mark:
		case !open && c.once && now.Sub(since) > keepFor:
			begin = append(begin, step{late: true, trigger: c})
		case !open || p.Place != mark:
			// What is going to be sent is on record before it is, so that somebody ends
			// it although the receipt is lost and its cause is gone by then.
			begin = append(begin, step{moved: open, post: ledger.Post{Key: alertPost + c.key, ID: idOf(c.id), Place: mark}})
		default:
			begin = append(begin, step{trigger: c, post: ledger.Post{Key: alertPost + c.key, ID: idOf(c.id), Place: mark, Hash: c.mark}})
		}
	}
	for _, p := range st.Posts {
		key, alert := strings.CutPrefix(p.Key, alertPost)
		if !alert {
			if key, alert = strings.CutPrefix(p.Key, sincePost); !alert {
				continue
			}
		}
		if want[key] || st.unknowable(kindOf(key, cluster)) || st.stillStuck(have[alertPost+key]) {
			continue
		}
		s := step{post: ledger.Post{Key: p.Key, Gone: true}}
		if strings.HasPrefix(p.Key, alertPost) {
			s.resolve, s.moved = key, p.Place != mark
		}
		end = append(end, s)
	}
	slices.SortFunc(end, func(a, b step) int { return cmp.Compare(a.post.Key, b.post.Key) })
	out := append(end, begin...)
	slices.SortStableFunc(out, func(a, b step) int { return cmp.Compare(a.rank(), b.rank()) })
	return out
}

// stillStuck reports whether an alert about a question that nobody could answer is to
// stay: its case is decided afresh each round, and a guardrail that blocks it for a moment,
// the night, or a plan that can't be made just now, is no end of that, after which somebody
// would be paged anew.
func (st State) stillStuck(alert ledger.Post) bool {
	return strings.HasSuffix(alert.Hash, unaskedMark) && slices.ContainsFunc(st.Cases, func(c *ledger.Case) bool {
		asked := c.Decision == nil || c.Decision.Level >= remedy.LevelConfirm
		return c.ID.String() == alert.ID && (c.Stage == remedy.StageDetected || c.Stage == remedy.StageProposed && asked && c.Snooze == nil)
	})
}

// calls reports whether a step is to send something.
func (s step) calls() bool { return s.trigger != nil && !s.late || s.resolve != "" && !s.moved }

// rank orders steps: whoever has to come now has precedence over whoever may go.
func (s step) rank() int {
	switch {
	case !s.calls():
		return 0
	case s.trigger != nil && s.trigger.severity == critical:
		return 1
	case s.trigger == nil:
		return 2
	}
	return 3
}

// idOf is the case that an alert is about, for its receipt.
func idOf(id remedy.CaseID) string {
	if id == 0 {
		return ""
	}
	return id.String()
}

// kindOf reads an alert's kind from its key.
func kindOf(key, cluster string) string {
	rest, _ := strings.CutPrefix(key, keyPrefix+strings.ReplaceAll(chat.Clean(cmp.Or(cluster, "-")), "/", "_")+"/")
	kind, _, _ := strings.Cut(rest, "/")
	return kind
}

// printOf tells one routing key from another, and gives neither away.
func printOf(key string) string {
	sum := sha256.Sum256([]byte("warden routing key\x00" + key))
	return hex.EncodeToString(sum[:6])
}

// alerts makes PagerDuty agree with what is wrong with warden. What one alert meets,
// or the end of one, holds up no other.
func (d *delivery) alerts(ctx context.Context) error {
	if ok, err := d.api.canSend(); !ok {
		return err
	}
	steps := reconcile(d.state.Now, conditions(d.state, d.s), d.state, d.s.Cluster, printOf(d.api.key))
	slices.SortStableFunc(steps, func(a, b step) int { return d.c.alone.before(a.post.Key, b.post.Key) })
	var errs []error
	for _, s := range steps {
		if s.moved {
			d.once("an alert was opened with another routing key: if it is still open in PagerDuty, resolve it by hand", zap.String("alert", s.post.Key))
		}
		if s.late {
			d.once("an alert is not sent: what it is about is more than a day old", zap.String("alert", s.trigger.key), zap.String("about", s.trigger.summary))
			continue
		}
		if !s.calls() {
			d.receipt(s.post)
			continue
		}
		if d.resting(halfEvents.key()) || d.resting(s.post.Key) {
			continue // it failed or was refused lately, as one for a routing key that is not there
		}
		sent, err := d.send(ctx, s)
		if err != nil {
			errs = append(errs, err)
			d.c.alone.aside(s.post.Key, d.c.Clock.Now(), err)
		}
		if sent {
			d.receipt(s.post)
			d.c.alone.works(s.post.Key)
		}
	}
	return errors.Join(errs...)
}

// once logs something once.
func (d *delivery) once(what string, about ...zap.Field) {
	words := []string{what}
	for _, f := range about {
		words = append(words, f.String)
	}
	key := strings.Join(words, "\x00")
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	if d.c.first(key) {
		d.c.Logger.Warn(what, about...)
	}
}

// send sends one event. It reports false for one that PagerDuty refused: it is
// wanted still, and is tried again after a pause.
func (d *delivery) send(ctx context.Context, s step) (bool, error) {
	event := &pagerduty.V2Event{RoutingKey: d.api.key, Action: "resolve", DedupKey: s.resolve}
	if c := s.trigger; c != nil {
		details := map[string]any{"what to do": detail(c.do), "since": c.since.UTC().Format(time.RFC3339)}
		if c.since.IsZero() {
			delete(details, "since")
		}
		if c.id != 0 {
			details["case"] = c.id.String()
		}
		event.Action, event.DedupKey, event.Client = "trigger", c.key, "warden"
		event.Payload = &pagerduty.V2Payload{
			Summary: clip(chat.Clean(c.summary), maxSummary), Source: clip("warden/"+d.s.Cluster+"/"+chat.Clean(c.source), maxDetail), Severity: c.severity,
			Timestamp: d.state.Now.UTC().Format(time.RFC3339), Component: detail(c.component), Group: detail(string(c.pool)), Class: c.kind, Details: details,
		}
		if d.c.Talk != nil && c.id != 0 {
			event.ClientURL = cleanLink(d.c.Talk(c.id))
		}
	}
	_, err := call(ctx, func(ctx context.Context) (*pagerduty.V2EventResponse, error) {
		got, err := d.api.events.ManageEventWithContext(ctx, event)
		return right(got, err, func(r *pagerduty.V2EventResponse) bool {
			return r.Status == statusSuccess && r.DedupKey == event.DedupKey
		})
	})
	if err == nil {
		d.out.Sent++
		return true, nil
	}
	if d.trouble(err, "the alert", zap.String("alert", event.DedupKey)) {
		return false, err
	}
	d.c.alone.leave(s.post.Key, d.c.Clock.Now(), refusedPause)
	return false, nil
}
