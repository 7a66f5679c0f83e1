//go:build integration && !failpoints

package main_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"warden/internal/realtest"
)

const (
	perPool = 1000 // hosts of a pool
	// A window is of so many steps, and a host has to be bad for so many more.
	windowSteps, forSteps = 60, 2
	// perWrite is how many hosts one request of remote write is about.
	perWrite = 1000
)

// canaryData is what is known of a fleet: two gauges a host, at every step, and
// a heartbeat. It is written ahead of the clock, so that nothing is ingested
// while something is measured.
type canaryData struct {
	hosts int
	step  time.Duration
	storm bool // every host is bad; else one of 1000 is

	written time.Time // up to here
}

// The kinds of host in a quiet fleet. In a storm all are broken.
const (
	healthy = iota
	broken  // receives a third of what it is sent
	flapping
	slipping // receives 85 %: below some bounds and not below others
	silent   // has no data at all
)

// kind is how a host does. One in each 1000 is broken; what is there once more
// in the whole fleet is for the sake of comparing verdicts.
func (c *canaryData) kind(i int) int {
	switch {
	case c.storm || i%perPool == 7:
		return broken
	case i == 11:
		return flapping
	case i == 13:
		return slipping
	case i == 17:
		return silent
	}
	return healthy
}

func poolName(i int) string { return fmt.Sprintf("pool-%04d", i/perPool) }
func hostName(i int) string { return fmt.Sprintf("ingest-%07d", i) }

// pools lists the names of the pools with the numbers of their first and last
// host.
func (c *canaryData) pools(each func(name string, from, to int)) {
	for from := 0; from < c.hosts; from += perPool {
		each(poolName(from), from, min(from+perPool, c.hosts))
	}
}

// sent is what a host is sent: steady, so that the mean of the ratios over a
// window is the ratio of the means.
func sent(i int) float64 { return float64(60 + 5*(i%4)) }

// received is what arrives of it at a step: three decimals, with some noise.
func (c *canaryData) received(i int, k int64) float64 {
	share := 1.0
	switch c.kind(i) {
	case broken:
		share = 0.33
	case flapping:
		share = 0.5 + 0.5*float64(k%2) // never bad for long
	case slipping:
		share = 0.85
	}
	noise := uint64(i)*0x9E3779B97F4A7C15 + uint64(k)*0xBF58476D1CE4E5B9
	noise ^= noise >> 31
	noise *= 0x94D049BB133111EB
	milli := int64(sent(i)*share*1000) + int64(noise>>32%1000) - 500
	return float64(milli) / 1000
}

// reach writes what is missing up to a time ahead. Samples lie a third of a
// step behind its beginning, where no window ends.
func (c *canaryData) reach(tb testing.TB, p *realtest.Prometheus, until time.Time) {
	tb.Helper()
	if c.written.IsZero() {
		c.written = time.Now().Add(-(windowSteps + forSteps + 8) * c.step).Truncate(c.step)
	}
	if !until.After(c.written) {
		return
	}
	if ahead := time.Until(until); ahead > 40*time.Minute {
		tb.Fatalf("the data would have to reach %v ahead of the clock; Prometheus takes no alerts that are an hour behind the newest sample: measure fewer rounds", ahead)
	}
	var times []int64
	for at := c.written; at.Before(until); at = at.Add(c.step) {
		times = append(times, at.Add(c.step/3).UnixMilli())
	}
	c.written = c.written.Add(time.Duration(len(times)) * c.step)
	beat := realtest.Samples{Labels: map[string]string{"__name__": "canary_heartbeat"}, Times: times, Values: make([]float64, len(times))}
	p.Write([]realtest.Samples{beat})
	var writers sync.WaitGroup
	next := make(chan int)
	for range 2 {
		writers.Go(func() {
			for from := range next {
				p.Write(c.batch(from, min(from+perWrite, c.hosts), times))
			}
		})
	}
	for from := 0; from < c.hosts; from += perWrite {
		next <- from
	}
	close(next)
	writers.Wait()
}

// batch is what is known of the hosts from..to at some times.
func (c *canaryData) batch(from, to int, times []int64) []realtest.Samples {
	out := make([]realtest.Samples, 0, 2*(to-from))
	for i := from; i < to; i++ {
		if c.kind(i) == silent {
			continue
		}
		in, all := make([]float64, len(times)), make([]float64, len(times))
		for n, at := range times {
			in[n], all[n] = c.received(i, at/c.step.Milliseconds()), sent(i)
		}
		for name, values := range map[string][]float64{"canary_received": in, "canary_sent": all} {
			out = append(out, realtest.Samples{
				Labels: map[string]string{"__name__": name, "pool": poolName(i), "host": hostName(i), "job": "canary"}, Times: times, Values: values,
			})
		}
	}
	return out
}
