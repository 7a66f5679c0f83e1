package pager

import (
	"fmt"
	"testing"
	"time"
)

// TestPauses: one memory for whatever is left alone.
func TestPauses(t *testing.T) {
	t.Parallel()
	var p pauses
	at := func(d time.Duration) time.Time { return began.Add(d) }
	left := func(key string, d time.Duration) time.Duration { n, _ := p.left(key, at(d)); return n }
	check := func(what string, got, want time.Duration) {
		t.Helper()
		if got != want {
			t.Errorf("%s: left alone for %s, want %s", what, got, want)
		}
	}
	rest := halfREST.key()
	check("nothing happened", left(rest, 0), 0)
	p.leave("note", at(0), time.Minute)
	check("so long", left("note", 20*time.Second), 40*time.Second)
	check("to the end", left("note", time.Minute), 0)
	check("the clock was set back", left("note", -time.Second), 0)
	check("another", left("other", 0), 0)

	// What fails again waits longer, up to a bound, although the pause was over.
	why, now := &trouble{text: "down"}, time.Duration(0)
	for i, want := range []int{1, 2, 4, 8, 16, 30, 30} {
		p.fails(rest, at(now), why)
		check(fmt.Sprintf("failure %d", i+1), left(rest, now), time.Duration(want)*time.Second)
		now += time.Minute
	}
	p.fails(rest, at(now), &trouble{wait: 10 * time.Minute})
	check("as long as it asks for", left(rest, now), 10*time.Minute)
	check("the other half", left(halfEvents.key(), now), 0)
	p.works(rest)
	check("it works", left(rest, now), 0)
	p.fails(rest, at(now), why)
	if n, because := p.left(rest, at(now)); n != time.Second || because != why {
		t.Errorf("after it worked: %s, %v", n, because)
	}

	// One thing that fails waits longer each time, too, up to a bound of its own; in what
	// all would meet it is only put behind the others.
	for _, want := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		p.aside("alert", at(now), why)
		check("an alert that fails", left("alert", now), time.Duration(want)*time.Second)
		now += time.Minute
	}
	p.aside("note", at(now), &trouble{wide: true, wait: time.Hour})
	check("what all would meet", left("note", now), 0)
	p.aside("other", at(now), errResting)
	check("what is no call's", left("other", now), 0)
	for _, tt := range []struct {
		a, b string
		want int
	}{{"alert", "note", -1}, {"note", "alert", 1}, {"never", "alert", -1}, {"never", "either", 0}} {
		if got := p.before(tt.a, tt.b); got != tt.want {
			t.Errorf("%s before %s: %d", tt.a, tt.b, got)
		}
	}
	if n := p.times("alert"); n != 8 {
		t.Errorf("left alone %d times", n)
	}
	p.works("alert")
	if p.times("alert") != 0 || p.before("alert", "never") != 0 {
		t.Error("it works, and is remembered")
	}
	p.fails(rest, at(now), why)

	// However many there are, a half is not forgotten, and what is over goes first.
	p.leave("over", at(now-time.Hour), time.Minute)
	for i := range 3 * maxPauses {
		p.leave(fmt.Sprint("note ", i), at(now), time.Minute+time.Duration(i)*time.Second)
	}
	check("of a crowd the last", left(fmt.Sprint("note ", 3*maxPauses-1), now), time.Minute+time.Duration(3*maxPauses-1)*time.Second)
	check("of a crowd the first", left("note 0", now), 0)
	check("the half", left(rest, now), 2*time.Second)
	if len(p.on) > maxPauses {
		t.Errorf("%d are remembered", len(p.on))
	}
	p.forget()
	check("forgotten", left(rest, now), 0)
}
