package cli

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/engine"
	"warden/internal/ledger"
)

// bookRig is a click book whose ledger is a function.
type bookRig struct {
	*clickBook
	mu   sync.Mutex
	said []ledger.ClicksRefused
	fail error
}

// newBookRig runs a book until the test ends. It is called in a bubble.
func newBookRig(t *testing.T) (*bookRig, context.CancelFunc) {
	t.Helper()
	r := &bookRig{}
	r.clickBook = newClickBook(func(_ context.Context, b *ledger.ClicksRefused) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.fail != nil {
			return r.fail
		}
		r.said = append(r.said, *b)
		return nil
	}, clock.System(), zap.NewNop())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.run(ctx) }()
	return r, func() { stop(); <-done }
}

func (r *bookRig) click(kind ledger.ClickKind, user string, n int) {
	for range n {
		r.note(ledger.ClicksRefused{Surface: ledger.SurfaceSlack, Kind: kind, User: user})
	}
}

func (r *bookRig) failing(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

// all is what was said so far.
func (r *bookRig) all() []ledger.ClicksRefused {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]ledger.ClicksRefused(nil), r.said...)
}

// The first of each kind and user is said at once, all others as one count at the
// end of the hour, and nothing where nothing came.
func TestClicksAreSaidOnceAndThenCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, stop := newBookRig(t)
		defer stop()
		r.click(ledger.ClickForged, "U1", 500)
		r.click(ledger.ClickNobody, "U1", 1)
		if got := r.all(); len(got) != 2 || got[0].Kind != ledger.ClickForged || got[1].Kind != ledger.ClickNobody {
			t.Fatalf("%+v", got)
		}
		<-time.After(59 * time.Minute)
		r.click(ledger.ClickForged, "U1", 1)
		if got := r.all(); len(got) != 2 {
			t.Fatalf("within the hour: %+v", got)
		}
		<-time.After(2 * time.Minute)
		got := r.all()
		if want := []ledger.ClickCount{{Kind: ledger.ClickForged, User: "U1", N: 500}}; len(got) != 3 || !reflect.DeepEqual(got[2].Rest, want) {
			t.Fatalf("%+v", got)
		}
		r.click(ledger.ClickForged, "U1", 1)
		if got := r.all(); len(got) != 4 || got[3].Kind != ledger.ClickForged {
			t.Fatalf("the next hour: %+v", got)
		}
		<-time.After(24 * time.Hour)
		if got := r.all(); len(got) != 4 {
			t.Errorf("a quiet day: %+v", got[4:])
		}
	})
}

// Thousands of users make no more than the bounds, and none is left out of the
// count.
func TestNoCrowdMakesMoreEntries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, stop := newBookRig(t)
		defer stop()
		r.failing(engine.ErrNotCommitted) // while nobody leads
		for i := range 3000 {
			r.click(ledger.ClickNobody, fmt.Sprint("U", i), 1)
		}
		r.failing(nil)
		<-time.After(2 * time.Hour)
		got, n := r.all(), 0
		for _, b := range got {
			if b.Kind != "" {
				n++
			}
			if len(b.Rest) > ledger.MaxClicksListed {
				t.Errorf("%d in one list", len(b.Rest))
			}
			for _, c := range b.Rest {
				n += c.N
			}
		}
		if len(got) > ledger.MaxClicksTold+1 || n != 3000 {
			t.Errorf("%d entries say %d clicks", len(got), n)
		}
	})
}

// What the ledger has no room for is counted; what could not be committed is said
// again; and what is left when the node stops is said then.
func TestClicksThatCantBeSaidYet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, stop := newBookRig(t)
		r.failing(&engine.Refusal{Code: ledger.RefusedPace})
		r.click(ledger.ClickForged, "U1", 1)
		r.all()
		r.failing(errors.New("nobody knows"))
		r.click(ledger.ClickForged, "U2", 1)
		<-time.After(10 * time.Minute)
		r.failing(nil)
		<-time.After(time.Minute)
		if got := r.all(); len(got) != 1 || got[0].User != "U2" {
			t.Fatalf("%+v", got)
		}
		stop()
		if got := r.all(); len(got) != 2 || !reflect.DeepEqual(got[1].Rest, []ledger.ClickCount{{Kind: ledger.ClickForged, User: "U1", N: 1}}) {
			t.Errorf("%+v", got)
		}
	})
}
