// Package annotate marks on graphs what warden did: as events of graphite-web and
// as annotations of Grafana, each at the time it happened.
//
// Marks follow from the records of cases and not from what people were told, so
// after an outage the graph shows when things happened, and each once. Graphite
// and Grafana are surfaces of their own: one that is down delays no other.
package annotate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/outbound"
	"warden/internal/remedy"
)

const (
	// batch is how many marks are made before their receipts are committed.
	batch = 20
	// more is how soon the next batch follows.
	more = time.Millisecond
	// giveUpAfter is how long a mark is tried that is refused, or in trouble while the
	// place answers others, giveUpTries times at least: a moment's trouble after an
	// outage is no reason.
	giveUpAfter = 24 * time.Hour
	giveUpTries = 3
	// mostTrouble is how many marks may be in trouble, while no other got through, until
	// it counts as the place's own, which is left alone then.
	mostTrouble = 3
)

// Result is how one mark went, as it is counted.
type Result string

// The results.
const (
	Delivered Result = "delivered"
	Failed    Result = "failed"
	Refused   Result = "refused"
)

// Results lists every Result.
func Results() []Result { return []Result{Delivered, Failed, Refused} }

// Place is where marks are made. Its errors say what is wrong in words, and hold
// no secret; a Reply that is not OK comes without one.
type Place interface {
	// Name ends the name of the surface: "graphite", "grafana".
	Name() string
	// Find looks whether a mark is there already; its id.
	Find(ctx context.Context, m Mark) (id string, there bool, r outbound.Reply, err error)
	// Make makes a mark and returns its id; empty where the place gives none.
	Make(ctx context.Context, m Mark) (id string, r outbound.Reply, err error)
	// Change has a mark say something else. Where the place can't, it does nothing.
	Change(ctx context.Context, id string, m Mark) (outbound.Reply, error)
}

// Options say what a Courier marks. All are needed.
type Options struct {
	Place Place
	// Tags are on every mark. All marks what people are told, besides what was done.
	Tags []string
	All  bool
	// Regions says that the place shows how long something lasted. Where it doesn't,
	// the end of what lasted is a mark of its own.
	Regions bool
	Logger  *zap.Logger
	// Count is called once for each mark that was tried.
	Count func(Result)
}

// Courier is a chat.Courier for one Place. What it keeps between calls is which marks
// went wrong.
type Courier struct {
	o    Options
	held outbound.Held
}

// New makes a Courier.
func New(o Options) *Courier { return &Courier{o: o} }

// Surface implements chat.Courier.
func (c *Courier) Surface() ledger.Surface { return SurfaceOf(c.o.Place.Name()) }

// SurfaceOf is the surface of the place of that name.
func SurfaceOf(place string) ledger.Surface {
	return ledger.SurfaceAnnotations + ledger.Surface("/"+place)
}

// job is one mark with the notices that it answers for.
type job struct {
	mark  Mark
	post  ledger.Post // of what was made before; empty when nothing was
	piece int         // which of the pieces it belongs to
}

// key is what a refusal of it is remembered by: another mark is another try.
func (j job) key() string { return j.mark.Key + " " + j.mark.hash() }

// piece is what is done when all of its jobs are.
type piece struct {
	seqs []uint64
	at   time.Time // of its newest notice
	bad  bool      // a job of it is still to be done
	old  bool      // ... and is given up
	// marks is how many of its jobs are done.
	marks int
	// about is the case, nil for a notice by itself, and posts are the receipts of it.
	about *ledger.Case
	posts []ledger.Post
}

// receipts say how far what was marked shows the case: only as far as its opening where
// something is left to be done.
func (p *piece) receipts() []ledger.Post {
	for i := range p.posts {
		if p.posts[i].Of = p.about.ChangedAt; p.bad {
			p.posts[i].Of = p.about.OpenedAt
		}
	}
	return p.posts
}

// Deliver implements chat.Courier.
func (c *Courier) Deliver(ctx context.Context, owed chat.Owed) (chat.Delivery, error) {
	pieces, jobs := c.plan(owed)
	var d chat.Delivery
	var stop, failed error
	var troubled []job
	jobs = outbound.InOrder(&c.held, jobs, job.key)
	tried, left, answers := 0, 0, false
	for _, j := range jobs {
		if c.held.Waits(j.key(), owed.Now) {
			pieces[j.piece].bad = true
			continue
		}
		if stop != nil || tried == batch {
			left++
			pieces[j.piece].bad = true
			continue
		}
		tried++
		post, r, err := c.do(ctx, j)
		switch {
		case err == nil && r.OK():
			c.o.Count(Delivered)
			d.Sent++
			answers = true
			pieces[j.piece].marks++
			pieces[j.piece].posts = append(pieces[j.piece].posts, post...)
		case err == nil && r.Refused():
			c.o.Count(Refused)
			answers = true
			c.held.Refused(j.key(), owed.Now)
			failed = fmt.Errorf("annotations/%s: %w", c.o.Place.Name(), r.Failure(c.o.Place.Name()))
			pieces[j.piece].bad = true
			c.drop(j, &pieces[j.piece], owed.Now, failed)
		case err == nil && r.Trouble():
			c.o.Count(Failed)
			pieces[j.piece].bad = true
			c.held.Trouble(j.key())
			troubled = append(troubled, j)
			failed = fmt.Errorf("annotations/%s: %w", c.o.Place.Name(), r.Failure(c.o.Place.Name()))
			if len(troubled) == mostTrouble && !answers {
				stop = failed
			}
		default:
			c.o.Count(Failed)
			if err == nil {
				err = r.Failure(c.o.Place.Name())
			}
			stop, d.Wait = fmt.Errorf("annotations/%s: %w", c.o.Place.Name(), err), r.RetryAfter
			pieces[j.piece].bad = true
		}
	}
	for _, j := range troubled {
		if answers && c.held.Own(j.key(), owed.Now) >= giveUpTries { // it is its own
			c.drop(j, &pieces[j.piece], owed.Now, failed)
		}
	}
	for _, p := range pieces {
		d.Posts = append(d.Posts, p.receipts()...)
		if p.bad && !p.old {
			continue
		}
		d.Seqs = append(d.Seqs, p.seqs...)
		switch n := len(p.seqs); {
		case p.old:
			d.Dropped += n
		case p.marks == 0:
			d.Unwanted += n // what they tell of is on no graph, or there already
		default:
			d.Merged += max(n-p.marks, 0)
		}
	}
	if stop == nil && left > 0 {
		d.Wait = more
	}
	if stop == nil {
		stop = failed
	}
	return d, stop
}

// drop gives a piece up, a mark of which has gone wrong for a day.
func (c *Courier) drop(j job, p *piece, now time.Time, why error) {
	if now.Sub(p.at) <= giveUpAfter {
		return
	}
	if p.old = true; len(p.seqs) > 0 { // else it was said before
		c.o.Logger.Warn("a mark is dropped: for a day it has been refused, or in trouble while others were not", zap.String("surface", string(c.Surface())), zap.String("mark", j.mark.Key), zap.Error(why))
	}
}

// plan lists what there is to be done, and for which notices.
func (c *Courier) plan(owed chat.Owed) (pieces []piece, jobs []job) {
	of := map[remedy.CaseID]int{} // cases, where in pieces
	for _, m := range owed.Messages {
		if c.point(m) {
			mark := ofNotice(m, c.o.Tags)
			jobs = append(jobs, job{mark: mark, piece: len(pieces)})
			pieces = append(pieces, piece{seqs: []uint64{m.Notice.Seq}, at: m.Notice.At})
			continue
		}
		if m.Case == nil {
			pieces = append(pieces, piece{seqs: []uint64{m.Notice.Seq}})
			continue
		}
		i, ok := of[m.Case.ID]
		if !ok {
			i = len(pieces)
			pieces = append(pieces, piece{about: m.Case})
			of[m.Case.ID] = i
		}
		pieces[i].seqs, pieces[i].at = append(pieces[i].seqs, m.Notice.Seq), m.Notice.At
	}
	for _, k := range owed.Changed {
		if _, ok := of[k.ID]; !ok {
			of[k.ID] = len(pieces)
			pieces = append(pieces, piece{at: k.ChangedAt, about: k})
		}
	}
	for i := range pieces {
		if pieces[i].about == nil {
			continue
		}
		for _, m := range ofCase(pieces[i].about, c.o.Tags, c.o.Regions) {
			p, ok := owed.Post(m.Key)
			if !ok || p.Hash != m.hash() {
				jobs = append(jobs, job{mark: m, post: p, piece: i})
			}
		}
	}
	return pieces, jobs
}

// point reports whether a notice is a mark by itself.
func (c *Courier) point(m chat.Message) bool {
	// Here the default is what the others are.
	//exhaustive:ignore
	switch m.Notice.Kind {
	case ledger.NoticeDemoted, ledger.NoticeStop:
		return true
	case ledger.NoticeStarted:
		return false // the execution is marked when it has ended
	case ledger.NoticeOutcome:
		return c.o.All && m.Case != nil && len(ofCase(m.Case, nil, true)) == 0 // denied, expired and the like
	default:
		return c.o.All
	}
}

// do makes one mark, or has it say what it should, and returns its receipt.
func (c *Courier) do(ctx context.Context, j job) ([]ledger.Post, outbound.Reply, error) {
	id := j.post.ID
	var r outbound.Reply
	var err error
	there := j.post.Key != ""
	if !there { // a request that was given up, or its receipt that was lost, may have made it
		if id, there, r, err = c.o.Place.Find(ctx, j.mark); err != nil || !r.OK() {
			return nil, r, err
		}
	}
	if there {
		r, err = c.o.Place.Change(ctx, id, j.mark)
	} else {
		id, r, err = c.o.Place.Make(ctx, j.mark)
	}
	if err != nil || !r.OK() || j.mark.Case == 0 {
		return nil, r, err // a point is never looked at again
	}
	return []ledger.Post{{Key: j.mark.Key, Case: j.mark.Case, ID: id, Hash: j.mark.hash()}}, r, nil
}

// bearer is what a place is shown; empty where it asks for nothing.
func bearer(token func() (string, error)) (string, error) {
	if token == nil {
		return "", nil
	}
	s, err := token()
	if err != nil || s == "" {
		return "", err
	}
	return "Bearer " + s, nil
}

// errAnswer is an answer that is none.
func errAnswer(what string) error {
	return fmt.Errorf("%s did not answer as it is documented to: is it what url leads to, or the login page of a proxy? check url and token_file", what)
}

// has reports whether one of the lists of tags has the tag.
func has(tags []string, tag string) bool { return slices.Contains(tags, tag) }
