package annotate_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"warden/internal/annotate"
	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/outbound"
	"warden/internal/remedy"
)

// sick is a place that has trouble with the marks of some cases.
type sick struct {
	picky
	of func(remedy.CaseID) bool
	// tries counts requests that make a mark.
	tries *int
}

// Make implements annotate.Place.
func (s sick) Make(_ context.Context, m annotate.Mark) (string, outbound.Reply, error) {
	*s.tries++
	if s.of(m.Case) {
		return "", outbound.Reply{Status: http.StatusInternalServerError}, nil
	}
	s.made[m.Key]++
	return "1", outbound.Reply{Status: http.StatusOK}, nil
}

// queue is what is owed, as the engine keeps it.
type queue struct {
	*desk
	owed []chat.Message
}

// add owes the outcomes of so many cases, from the one with that id on.
func (q *queue) add(from, n int) {
	for i := from; i < from+n; i++ {
		q.owed = append(q.owed, message(uint64(i), ledger.NoticeOutcome, newCase(func(c *ledger.Case) { c.ID = remedy.CaseID(i) })))
	}
}

// turns delivers so many times, with a pause after each.
func (q *queue) turns(t *testing.T, n int, pause time.Duration) (failed int) {
	t.Helper()
	for range n {
		got, err := q.bring(t.Context(), nil, q.owed...)
		if err != nil {
			failed++
		}
		done := map[uint64]bool{}
		for _, seq := range got.Seqs {
			done[seq] = true
		}
		var left []chat.Message
		for _, m := range q.owed {
			if !done[m.Notice.Seq] {
				left = append(left, m)
			}
		}
		q.owed, q.later = left, q.later+pause
	}
	return failed
}

// However many marks the place always has trouble with, the others are made, and those
// are given up after a day.
func TestMarksInTroubleHoldUpNoOther(t *testing.T) {
	t.Parallel()
	p := sick{picky: picky{map[string]int{}}, of: func(id remedy.CaseID) bool { return id <= 30 }, tries: new(int)}
	q := &queue{desk: newDesk(p, true, false)}
	q.add(1, 40)
	q.turns(t, 20, 30*time.Second)
	if len(p.made) != 10 || len(q.owed) != 30 {
		t.Fatalf("after ten minutes %d marks are made, and %d owed", len(p.made), len(q.owed))
	}
	q.turns(t, 1000, 30*time.Second) // some eight hours in which there is nothing else
	if len(q.owed) != 30 {
		t.Errorf("%d are owed: some were given up before a day was over", len(q.owed))
	}
	before := *p.tries
	for i := range 200 { // most of two days with something else each quarter of an hour
		q.add(100+i, 1)
		q.turns(t, 2, 450*time.Second)
	}
	if len(q.owed) != 0 || len(p.made) != 210 {
		t.Errorf("two days later %d are owed, and %d made", len(q.owed), len(p.made))
	}
	if n := *p.tries - before; n > 200+30*4*24+1000 {
		t.Errorf("%d tries", n)
	}
}

// A place that is in trouble altogether is asked for little, and loses no mark.
func TestAPlaceInTroubleLosesNoMark(t *testing.T) {
	t.Parallel()
	down := true
	p := sick{picky: picky{map[string]int{}}, of: func(remedy.CaseID) bool { return down }, tries: new(int)}
	q := &queue{desk: newDesk(p, true, false)}
	q.add(1, 50)
	if failed := q.turns(t, 100, 30*time.Minute); failed != 100 {
		t.Errorf("%d deliveries of 100 failed", failed)
	}
	if *p.tries > 300 || len(q.owed) != 50 {
		t.Errorf("in two days %d tries; %d are owed", *p.tries, len(q.owed))
	}
	down = false
	if q.turns(t, 3, time.Second); len(q.owed) != 0 || len(p.made) != 50 {
		t.Errorf("once it is well %d are owed, and %d made", len(q.owed), len(p.made))
	}
}

// A moment's trouble after a long outage is no reason to give a mark up.
func TestAMomentsTroubleLosesNoOldMark(t *testing.T) {
	t.Parallel()
	n := 0
	p := sick{picky: picky{map[string]int{}}, of: func(id remedy.CaseID) bool { n++; return id == 2 && n < 5 }, tries: new(int)}
	q := &queue{desk: newDesk(p, true, false)}
	q.later = 72 * time.Hour
	q.add(1, 3)
	if q.turns(t, 10, time.Minute); len(q.owed) != 0 || len(p.made) != 3 {
		t.Errorf("%d are owed, and %d made", len(q.owed), len(p.made))
	}
}

// After an outage every mark was in trouble: a few that still are keep none of the others
// from being made, whatever the order.
func TestSickMarksStarveNoneAfterAnOutage(t *testing.T) {
	t.Parallel()
	down := true
	p := sick{picky: picky{map[string]int{}}, of: func(id remedy.CaseID) bool { return down || id <= 3 }, tries: new(int)}
	q := &queue{desk: newDesk(p, true, false)}
	q.add(1, 10)
	q.turns(t, 20, 30*time.Second) // ten minutes of outage
	down = false
	q.turns(t, 2000, 30*time.Second) // most of a day in which nothing else is marked
	if len(q.owed) != 3 {
		t.Errorf("16 hours after the place is well: %d owed, %d made; 7 of them it would take at once", len(q.owed), len(p.made))
	}
}
