package clock

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestSteppedFiresInOrderAtTheDueInstant(t *testing.T) {
	c := NewStepped(start)
	var got []string
	note := func(name string) func() {
		return func() { got = append(got, name+c.Now().Sub(start).String()) }
	}
	c.AfterFunc(3*time.Second, note("c"))
	c.AfterFunc(time.Second, func() {
		note("a")()
		c.AfterFunc(time.Second, note("nested"))
	})
	c.AfterFunc(3*time.Second, note("d"))
	stop := c.AfterFunc(2*time.Second, note("stopped"))
	if !stop() || stop() {
		t.Error("stop must report true once and false afterwards")
	}
	c.AfterFunc(time.Minute, note("later"))
	if next, ok := c.Next(); !ok || !next.Equal(start.Add(time.Second)) {
		t.Errorf("Next = %v, %v", next, ok)
	}
	c.Advance(10 * time.Second)
	want := []string{"a1s", "nested2s", "c3s", "d3s"}
	if !slices.Equal(got, want) {
		t.Errorf("fired %v, want %v", got, want)
	}
	if c.Now() != start.Add(10*time.Second) || c.Waiters() != 1 {
		t.Errorf("clock at %v with %d waiters", c.Now(), c.Waiters())
	}
	c.Advance(-time.Hour)
	if c.Since(start) != 10*time.Second {
		t.Error("a negative Advance moved the clock")
	}
}

func TestSteppedAfter(t *testing.T) {
	c := NewStepped(start)
	ch := c.After(time.Second)
	select {
	case <-ch:
		t.Fatal("fired before Advance")
	case at := <-c.After(0):
		if at != start {
			t.Errorf("After(0) sent %v", at)
		}
	}
	c.Advance(time.Minute)
	if at := <-ch; at != start.Add(time.Second) {
		t.Errorf("After(1s) sent %v: want the due instant", at)
	}
}

func TestSteppedIsSortedWhateverTheOrderOfArming(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewStepped(start)
		delays := rapid.SliceOf(rapid.IntRange(0, 20)).Draw(t, "delays")
		var fired []int
		for _, d := range delays {
			c.AfterFunc(time.Duration(d)*time.Second, func() { fired = append(fired, d) })
		}
		for range 21 {
			c.Advance(time.Second)
		}
		want := slices.Sorted(slices.Values(delays))
		if !slices.Equal(fired, want) {
			t.Fatalf("fired %v, want %v", fired, want)
		}
	})
}

func TestDeadlineTakesTheStricterScale(t *testing.T) {
	tests := []struct {
		name  string
		moves func(*Stepped)
		left  time.Duration
	}{
		{"nothing passed", func(*Stepped) {}, 30 * time.Second},
		{"both passed", func(c *Stepped) { c.Advance(10 * time.Second) }, 20 * time.Second},
		{"wall set back", func(c *Stepped) { c.Skew(-time.Hour); c.Advance(10 * time.Second) }, 20 * time.Second},
		{"wall ahead, as after a suspend", func(c *Stepped) { c.Skew(25 * time.Second) }, 5 * time.Second},
		{"wall past it", func(c *Stepped) { c.Skew(time.Hour) }, 0},
		{"monotonic past it", func(c *Stepped) { c.Skew(-time.Hour); c.Advance(30 * time.Second) }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := NewStepped(start)
			d := NewDeadline(c, 30*time.Second)
			tt.moves(c)
			if d.Left() != tt.left || d.Expired() != (tt.left == 0) {
				t.Errorf("Left = %v, Expired = %v, want %v", d.Left(), d.Expired(), tt.left)
			}
			if !d.Wall().Equal(start.Add(30 * time.Second)) {
				t.Errorf("Wall = %v", d.Wall())
			}
		})
	}
	if !(Deadline{}).Expired() {
		t.Error("the zero Deadline must have passed")
	}
}

func TestWithTimeout(t *testing.T) {
	c := NewStepped(start)
	ctx, cancel := WithTimeout(t.Context(), c, time.Second)
	defer cancel()
	child, cancelChild := context.WithCancel(ctx)
	defer cancelChild()
	if ctx.Err() != nil {
		t.Fatal("ended before its time")
	}
	c.Advance(time.Second)
	<-ctx.Done()
	<-child.Done()
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) || !errors.Is(context.Cause(child), context.DeadlineExceeded) {
		t.Errorf("Err = %v, cause of the child = %v", ctx.Err(), context.Cause(child))
	}

	cancelled, cancel2 := WithTimeout(t.Context(), c, time.Second)
	cancel2()
	if !errors.Is(cancelled.Err(), context.Canceled) || c.Waiters() != 0 {
		t.Errorf("cancelled: %v, %d waiters left", cancelled.Err(), c.Waiters())
	}
	parent, cancelParent := context.WithCancel(t.Context())
	of, cancel3 := WithTimeout(parent, c, time.Second)
	defer cancel3()
	cancelParent()
	if <-of.Done(); !errors.Is(of.Err(), context.Canceled) {
		t.Errorf("parent cancelled: %v", of.Err())
	}
	past, cancel4 := WithTimeout(t.Context(), c, 0)
	defer cancel4()
	if !errors.Is(past.Err(), context.DeadlineExceeded) {
		t.Errorf("timeout 0: %v", past.Err())
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := System()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		before := c.Read()
		if err := Sleep(ctx, c, 30*time.Second); err != nil {
			t.Fatal(err)
		}
		after := c.Read()
		if after.Mono-before.Mono != 30*time.Second || after.Wall.Sub(before.Wall) != 30*time.Second {
			t.Errorf("slept from %v to %v", before, after)
		}
		if err := Sleep(ctx, c, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sleep past the context's end: %v", err)
		}
		if err := Sleep(ctx, c, 0); err == nil {
			t.Error("Sleep on an ended context must say so")
		}
	})
}

func TestSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := System()
		t0 := c.Now()
		<-c.After(time.Second)
		if c.Since(t0) != time.Second {
			t.Errorf("Since = %v", c.Since(t0))
		}
		fired := make(chan struct{})
		c.AfterFunc(time.Second, func() { close(fired) })
		if !c.AfterFunc(time.Second, func() { t.Error("fired after stop") })() {
			t.Error("stop came in time and says it did not")
		}
		<-fired
		if r := c.Read(); r.Wall != r.Wall.Round(0) || r.Mono != 2*time.Second {
			t.Errorf("Read = %+v", r)
		}
	})
}

func TestScaled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := NewScaled(start, 60)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		at := <-c.After(time.Minute)
		if time.Since(began) != time.Second || at != start.Add(time.Minute) {
			t.Errorf("a minute took %v of real time and ended at %v", time.Since(began), at)
		}
		if at := <-c.After(0); at != c.Now() {
			t.Errorf("After(0) sent %v", at)
		}

		hour := c.After(time.Hour)
		var fired sync.WaitGroup
		fired.Add(1)
		c.AfterFunc(30*time.Minute, fired.Done)
		stop := c.AfterFunc(40*time.Minute, func() { t.Error("fired after stop") })
		if !stop() {
			t.Error("stop came in time and says it did not")
		}
		c.Jump(-time.Hour)
		c.Jump(2 * time.Hour)
		fired.Wait()
		<-hour
		if time.Since(began) != time.Second {
			t.Error("Jump took real time")
		}
		if got := c.Since(start); got != 2*time.Hour+time.Minute {
			t.Errorf("after the jump %v have passed", got)
		}
		first, second := c.After(2*time.Minute), c.After(time.Minute)
		if a, b := <-second, <-first; b.Sub(a) != time.Minute {
			t.Errorf("a shorter timer armed later fired at %v, the longer at %v", a, b)
		}
	})
	for _, speed := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := NewScaled(start, speed); err == nil {
			t.Errorf("speed %v was accepted", speed)
		}
	}
}

func TestClocksAreSafeForConcurrentUse(t *testing.T) {
	scaled, err := NewScaled(start, 1e6)
	if err != nil {
		t.Fatal(err)
	}
	stepped := NewStepped(start)
	var wg sync.WaitGroup
	for _, c := range []Clock{System(), scaled, stepped} {
		for range 4 {
			wg.Go(func() {
				for range 100 {
					stop := c.AfterFunc(time.Microsecond, func() {})
					c.After(time.Microsecond)
					c.Read()
					stop()
				}
			})
		}
	}
	for range 100 {
		stepped.Advance(time.Microsecond)
		stepped.Skew(time.Second)
		scaled.Jump(time.Microsecond)
	}
	wg.Wait()
}
