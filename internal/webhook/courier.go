// Package webhook tells receivers outside, such as a status page, what happens:
// signed events, one JSON body each.
//
// Each receiver is a surface of its own, with a pace of its own, so one that is
// down delays no other. An event is sent until the receiver takes it (at least
// once, the id is stable). After an outage a case's last state is sent and not
// its history. Nothing waits for a receiver, and nothing that one answers changes
// what warden does.
package webhook

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/outbound"
	"warden/internal/remedy"
)

const (
	// batch is how many events are sent before what got through is committed.
	batch = 20
	// more is how soon the next batch follows.
	more = time.Millisecond
	// giveUpAfter is how long an event is tried that the receiver refuses, or is in
	// trouble with while it takes others, giveUpTries times at least: a later one of the
	// case may be fine.
	giveUpAfter = 24 * time.Hour
	giveUpTries = 3
	// ownTries is after how many 5xx to an event those behind it are tried, some ten
	// minutes: until then the order is kept. mostTrouble is how many of them are passed
	// over in one delivery: a receiver that is down is not asked for all.
	ownTries    = 20
	mostTrouble = 10
	// goneKey is the key of the receipt that says that a receiver is gone.
	goneKey = "gone"
)

// Result is how one request ended, as it is counted.
type Result string

// The results.
const (
	Delivered Result = "delivered"
	Failed    Result = "failed"  // no answer, or trouble: it is tried again
	Refused   Result = "refused" // the receiver calls the event wrong: it is tried for a day
	Gone      Result = "gone"    // 410: the receiver is told nothing any more
)

// Results lists every Result.
func Results() []Result { return []Result{Delivered, Failed, Refused, Gone} }

// Options say whom a Courier tells, and what. All but Pools are needed.
type Options struct {
	// Name and URL are the receiver's; Key reads what it knows events by.
	Name, URL string
	Key       func() (string, error)
	// Pools are those whose cases it is told of; empty for all. Kinds are what it is
	// told.
	Pools []remedy.PoolName
	Kinds []ledger.NoticeKind
	// Cluster is asked for each delivery: the id is known only once there is one.
	Cluster func() Cluster
	Client  *outbound.Client
	Clock   clock.Clock
	Logger  *zap.Logger
	// Count is called once for each request.
	Count func(Result)
	// Say has people told, on the other surfaces.
	Say func(text string)
}

// Courier is a chat.Courier for one receiver. It keeps nothing between calls.
type Courier struct {
	o    Options
	held outbound.Held
}

// New makes a Courier.
func New(o Options) *Courier { return &Courier{o: o} }

// Surface implements chat.Courier.
func (c *Courier) Surface() ledger.Surface { return SurfaceOf(c.o.Name) }

// SurfaceOf is the surface of the webhook of that name.
func SurfaceOf(name string) ledger.Surface {
	return ledger.SurfaceWebhook + ledger.Surface("/"+name)
}

// letter is one event to be sent, with all the notices that it answers for.
type letter struct {
	event Event
	seqs  []uint64
	at    time.Time
}

// key is what is remembered of it where it goes wrong.
func (l letter) key() string { return l.event.ID }

// Deliver implements chat.Courier.
func (c *Courier) Deliver(ctx context.Context, owed chat.Owed) (chat.Delivery, error) {
	var d chat.Delivery
	if len(owed.Messages) == 0 {
		return d, nil
	}
	if p, ok := owed.Post(goneKey); ok && p.Hash == hashOf(c.o.URL) {
		d = allOf(owed) // it asked for no more
		d.Unwanted = len(d.Seqs)
		return d, nil
	}
	letters, unwanted := c.letters(owed.Messages)
	d.Seqs, d.Unwanted = unwanted, len(unwanted)
	var failed error
	outbound.Only(&c.held, letters, letter.key)
	tried, answers := 0, false
	var troubled []letter
	for _, l := range letters {
		if c.held.Waits(l.key(), owed.Now) {
			continue
		}
		if len(troubled) == mostTrouble && c.held.Troubles(l.key()) >= ownTries {
			continue // not asked for all of them
		}
		if tried == batch {
			d.Wait = max(d.Wait, more)
			break
		}
		tried++
		r, err := c.send(ctx, l.event)
		switch {
		case err != nil:
			c.o.Count(Failed)
			return d, fmt.Errorf("webhook %s: %w", c.o.Name, err)
		case r.OK():
			c.o.Count(Delivered)
			answers = true
			d.Seqs = append(d.Seqs, l.seqs...)
			d.Sent, d.Merged = d.Sent+1, d.Merged+len(l.seqs)-1
		case r.Status == http.StatusGone:
			c.o.Count(Gone)
			return c.giveUp(owed, d), nil
		case r.Refused():
			c.o.Count(Refused)
			answers = true
			c.held.Refused(l.key(), owed.Now)
			failed = fmt.Errorf("webhook %s: %w", c.o.Name, r.Failure("the receiver"))
			c.drop(&d, l, owed.Now, failed)
		case r.Trouble() && c.held.Trouble(l.key()) >= ownTries && len(troubled) < mostTrouble:
			c.o.Count(Failed) // after so many it may be of this event alone
			troubled = append(troubled, l)
			failed = fmt.Errorf("webhook %s: %w", c.o.Name, r.Failure("the receiver"))
		default:
			c.o.Count(Failed)
			d.Wait = r.RetryAfter
			return d, fmt.Errorf("webhook %s: %w", c.o.Name, r.Failure("the receiver"))
		}
	}
	for _, l := range troubled {
		if answers && c.held.Own(l.key(), owed.Now) >= giveUpTries { // it is its own
			c.drop(&d, l, owed.Now, failed)
		}
	}
	return d, failed
}

// drop gives an event up that has gone wrong for a day.
func (c *Courier) drop(d *chat.Delivery, l letter, now time.Time, why error) {
	if now.Sub(l.at) > giveUpAfter {
		c.o.Logger.Warn("an event is dropped: for a day the receiver has refused it, or was in trouble with it while it took others", zap.String("webhook", c.o.Name), zap.String("event", l.event.ID), zap.Error(why))
		d.Seqs = append(d.Seqs, l.seqs...)
		d.Dropped += len(l.seqs)
	}
}

// letters are the events to send, oldest first, and the notices that need no
// telling here. Of a case only the newest is sent.
func (c *Courier) letters(all []chat.Message) (letters []letter, unwanted []uint64) {
	cluster := c.o.Cluster()
	newest := map[remedy.CaseID]int{} // of cases, where in letters
	for _, m := range all {
		if !c.wants(m) {
			unwanted = append(unwanted, m.Notice.Seq)
			continue
		}
		l := letter{seqs: []uint64{m.Notice.Seq}, at: m.Notice.At}
		if i, ok := newest[m.Notice.Case]; ok && m.Notice.Case != 0 {
			l.seqs = append(letters[i].seqs, l.seqs...)
			letters[i].seqs = nil
		}
		l.event = newEvent(m, cluster, len(l.seqs)-1)
		newest[m.Notice.Case] = len(letters)
		letters = append(letters, l)
	}
	letters = slices.DeleteFunc(letters, func(l letter) bool { return len(l.seqs) == 0 })
	slices.SortStableFunc(letters, func(a, b letter) int { return cmp.Compare(a.event.Seq, b.event.Seq) })
	return letters, unwanted
}

// wants reports whether the receiver is told of it.
func (c *Courier) wants(m chat.Message) bool {
	pool := m.Notice.Pool
	if m.Case != nil {
		pool = m.Case.Pool
	}
	return slices.Contains(c.o.Kinds, m.Notice.Kind) && (len(c.o.Pools) == 0 || pool == "" || slices.Contains(c.o.Pools, pool))
}

func (c *Courier) send(ctx context.Context, e Event) (outbound.Reply, error) {
	key, err := c.o.Key()
	if err != nil {
		return outbound.Reply{}, err
	}
	body, err := e.body()
	if err != nil {
		return outbound.Reply{}, err
	}
	return c.o.Client.Send(ctx, http.MethodPost, c.o.URL, http.Header{
		"Content-Type": {"application/json"}, HeaderEventID: {e.ID}, HeaderSignature: {Sign(key, c.o.Clock.Now(), body)},
	}, body)
}

// giveUp tells the receiver nothing any more, for it says that it is gone, until
// its address changes.
func (c *Courier) giveUp(owed chat.Owed, sofar chat.Delivery) chat.Delivery {
	c.o.Logger.Warn("a webhook's receiver is gone (410): it is told nothing until its url changes", zap.String("webhook", c.o.Name))
	c.o.Say(fmt.Sprintf("webhook %s answers that it is gone (410): it is told nothing any more, until its url changes. Remove its [[webhooks]], or correct url", c.o.Name))
	d := allOf(owed)
	d.Sent, d.Refused, d.Merged, d.Unwanted = sofar.Sent, 1, sofar.Merged, sofar.Unwanted
	d.Dropped = len(d.Seqs) - len(sofar.Seqs)
	d.Posts = []ledger.Post{{Key: goneKey, Hash: hashOf(c.o.URL)}}
	return d
}

func allOf(owed chat.Owed) (d chat.Delivery) {
	for _, m := range owed.Messages {
		d.Seqs = append(d.Seqs, m.Notice.Seq)
	}
	return d
}

// hashOf stands for an address, which may hold what nobody else is to know.
func hashOf(url string) string {
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:16])
}
