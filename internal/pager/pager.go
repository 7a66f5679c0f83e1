// Package pager tells PagerDuty, and through it whoever was paged, what warden
// sees, does and holds back from: notes on the incident that is about a host,
// change events for what warden did by itself, and alerts about warden's own
// troubles, which end when their cause does.
//
// What it says follows from the ledger: notes.go, changes.go and conditions.go
// are pure, and courier.go makes PagerDuty agree with them. It never acknowledges
// anything. See ADR 0022 and docs/pagerduty.md.
package pager

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Settings are those of [pagerduty], with the cluster's name.
type Settings struct {
	Cluster string
	// APIURL and EventsURL take the place of PagerDuty's own; empty for those.
	APIURL, EventsURL string
	// From is the e-mail address of the user in whose name notes are written.
	From string
	// Services are the ids of the services whose incidents may be about hosts;
	// HostKeys where their alerts hold the host; Lookback how long before its case
	// an incident may have begun.
	Services []string
	HostKeys []string
	Lookback time.Duration
	// Notes is off, outcomes or all.
	Notes string
	// ChangeEvents has what warden does by itself shown as changes; Resolve lets it
	// resolve an incident whose host it has mended.
	ChangeEvents, Resolve bool
	// PageWhen are the kinds of alerts that are sent, PageOnConfirm the pools whose
	// waiting questions alert.
	PageWhen      []string
	PageOnConfirm []remedy.PoolName
	// Token and RoutingKey read the secrets anew; nil where one isn't configured.
	Token, RoutingKey func() (string, error)
}

// The values of Settings.Notes.
const (
	NotesOff      = "off"
	NotesOutcomes = "outcomes"
	NotesAll      = "all"
)

// Options is what a Pager is made of.
type Options struct {
	// State is what warden's own alerts are worked out of, as it is now.
	State func() State
	// Talk is where people talk about a case: the address of its Slack message, or
	// "". Nil for nowhere.
	Talk   func(remedy.CaseID) string
	Clock  clock.Clock
	Logger *zap.Logger
	// Transport sends; nil means one of its own, which heeds HTTPS_PROXY. For
	// tests.
	Transport http.RoundTripper
}

// Pager reaches PagerDuty for the Couriers that it makes, one after the other as
// the config is reloaded. What it remembers is a cache, and all of it can be
// forgotten: posts in the ledger say what was sent.
type Pager struct {
	Options
	http  *http.Client
	found finder
	// alone is what failed, and until when it is left alone; said is what was logged
	// already.
	alone pauses
	mu    sync.Mutex
	said  map[string]bool
	// last is the Courier that delivered last: another one has other settings.
	last *Courier
}

// New makes a pager. It calls nobody before one of its Couriers delivers.
func New(o Options) *Pager {
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	return &Pager{Options: o, http: newClient(o.Transport), said: map[string]bool{}}
}

// Courier makes the chat.Courier of the surface pagerduty, with settings that
// are its own for good.
func (p *Pager) Courier(s Settings) *Courier { return &Courier{pager: p, settings: s} }

// Courier is the chat.Courier of the surface pagerduty.
type Courier struct {
	pager    *Pager
	settings Settings
}

var _ chat.Courier = (*Courier)(nil)

// first reports whether something is said for the first time, as far as it is
// remembered. The caller holds mu.
func (p *Pager) first(key string) bool {
	if p.said[key] {
		return false
	}
	if len(p.said) > maxPauses {
		clear(p.said)
	}
	p.said[key] = true
	return true
}

// begins forgets what an earlier Courier found and was refused.
func (p *Pager) begins(c *Courier) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == c {
		return
	}
	p.last = c
	clear(p.said)
	p.alone.forget()
	p.found.forget()
}

// Surface implements chat.Courier.
func (*Courier) Surface() ledger.Surface { return ledger.SurfacePagerDuty }

// keepFor is how long what PagerDuty was not told is kept: what is older is no
// news to whoever was paged.
const keepFor = 24 * time.Hour

// Deliver implements chat.Courier. Alerts and change events go by one API, and
// notes by another; one that is down holds up only its own.
func (c *Courier) Deliver(ctx context.Context, owed chat.Owed) (chat.Delivery, error) {
	c.pager.begins(c)
	d := &delivery{c: c.pager, s: &c.settings, owed: owed, state: c.pager.State(), posted: map[string]ledger.Post{}, spoke: map[remedy.CaseID]int{}, lost: map[remedy.CaseID]bool{}}
	d.api.open(c.pager, &c.settings)
	d.api.spare(c.pager.Clock.Now())
	var errs []error
	for _, part := range []struct {
		half half
		do   func(context.Context) error
	}{{halfEvents, d.alerts}, {halfEvents, d.changes}, {halfREST, d.notes}} {
		sent := d.out.Sent
		if err := part.do(ctx); err != nil && !errors.Is(err, errResting) {
			errs = append(errs, err)
		}
		if d.out.Sent > sent && !d.resting(part.half.key()) {
			c.pager.alone.works(part.half.key())
		}
	}
	d.settle()
	return d.out, errors.Join(append(errs, d.rest()...)...)
}

// rest asks to be left alone only where neither half is of use.
func (d *delivery) rest() []error {
	a, why := d.c.alone.left(halfREST.key(), d.c.Clock.Now())
	b, also := d.c.alone.left(halfEvents.key(), d.c.Clock.Now())
	switch noREST, noEvents := d.api.rest == nil && d.api.err.rest == nil, d.api.events == nil && d.api.err.events == nil; {
	case noREST:
		a, why = b, also
	case noEvents:
		b = a
	}
	if a == 0 || b == 0 {
		return nil
	}
	d.out.Wait = min(a, b)
	if d.tried {
		return nil // what was met just now says it
	}
	return []error{why}
}

// delivery is one call of Deliver.
type delivery struct {
	c     *Pager
	s     *Settings
	owed  chat.Owed
	state State
	api   api
	out   chat.Delivery
	// posted are the receipts of this delivery, by key: they are newer than those
	// of the ledger.
	posted map[string]ledger.Post
	// held are the cases about which something could not be told yet.
	held map[remedy.CaseID]bool
	// oldest is how far back incidents are looked for in this delivery; zero for as
	// far as the first of them is.
	oldest time.Time
	// tried says that something failed in this delivery, and failures how often, by
	// half.
	tried    bool
	failures [2]int
	// spoke is how many notes and changes there were about a case, and lost are the
	// cases about which something was given up.
	spoke map[remedy.CaseID]int
	lost  map[remedy.CaseID]bool
}

// resting reports whether something is left alone now.
func (d *delivery) resting(key string) bool { return d.c.alone.resting(key, d.c.Clock.Now()) }

// post finds a receipt, this delivery's first.
func (d *delivery) post(key string) (ledger.Post, bool) {
	if p, ok := d.posted[key]; ok {
		return p, !p.Gone
	}
	if d.owed.Post == nil {
		return ledger.Post{}, false
	}
	return d.owed.Post(key)
}

// receipt notes what was sent. What is longer than the ledger takes is left out.
func (d *delivery) receipt(p ledger.Post) {
	if len(p.Key) > maxKey {
		return
	}
	if len(p.Link) > maxLink {
		p.Link = ""
	}
	d.posted[p.Key] = p
	d.out.Posts = append(d.out.Posts, p)
}

// The bounds of a ledger.Post.
const (
	maxKey  = 200
	maxLink = 500
)

// hold keeps what is owed about a case for another time.
func (d *delivery) hold(id remedy.CaseID) {
	if d.held == nil {
		d.held = map[remedy.CaseID]bool{}
	}
	d.held[id] = true
}

// settle says which notices were told: all but those of cases that are held.
// What is too old is given up, and that is said.
func (d *delivery) settle() {
	old, told := 0, map[remedy.CaseID]int{}
	for _, m := range d.owed.Messages {
		late := d.owed.Now.Sub(m.Notice.At) > keepFor
		if d.held[m.Notice.Case] && m.Notice.Case != 0 && !late {
			continue
		}
		d.out.Seqs = append(d.out.Seqs, m.Notice.Seq)
		switch id := m.Notice.Case; {
		case id != 0 && d.spoke[id] > 0:
			told[id]++
		case late && (d.held[id] || d.wanted(m)):
			old++
		case d.lost[id]:
			d.out.Dropped++
		default:
			d.out.Unwanted++
		}
	}
	for id, n := range told {
		d.out.Merged += max(n-d.spoke[id], 0)
	}
	d.out.Dropped += old
	if old > 0 {
		d.c.Logger.Warn("what PagerDuty could not be told for a day is dropped; `warden cases` has it", zap.Int("notices", old))
	}
}

// wanted reports whether a notice is worth a note that was never written.
func (d *delivery) wanted(m chat.Message) bool {
	if ok, err := d.api.canRead(); m.Case == nil || !ok && err == nil || !slices.Contains(milestones(d.s.Notes), m.Notice.Kind) {
		return false
	}
	p, ok := d.post(noteKey(m.Case.ID))
	return !ok || p.Seq < m.Notice.Seq
}

// trouble judges an error of a call: it reports whether the call is worth
// another try, and notes how long to wait before that. What is hopeless is
// logged with what to do about it, once.
func (d *delivery) trouble(err error, what string, about zap.Field) (again bool) {
	var t *trouble
	if !errors.As(err, &t) {
		return true
	}
	if t.again {
		d.tried = true
		// What one note, alert or change event meets is its own; what a second one
		// meets too is not.
		if d.failures[t.half]++; t.wide || d.failures[t.half] > 1 {
			d.c.alone.fails(t.half.key(), d.c.Clock.Now(), t)
		}
		return true
	}
	d.out.Refused++
	key := what + t.text + about.String
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	if d.c.first(key) {
		d.c.Logger.Error(what+" can't be sent to PagerDuty and is given up", about, zap.Error(err))
	}
	return false
}
