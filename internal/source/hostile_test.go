package source

import (
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"warden/internal/realtest/hostile"
	"warden/internal/remedy"
)

// mostMemory is what one bad answer may cost. One that is refused only for its
// many series costs what an answer of just so many would: a value for each
// instant and rowMemory for the names.
const (
	mostMemory = 64 << 20
	rowMemory  = 128
)

// The caps that a config has when it sets none: package config's
// DefaultMaxBytes and DefaultMaxSeries.
const (
	hostileBytes  = 256 << 20
	hostileSeries = 500_000
)

// peak watches the bytes in heap objects, also those that are garbage by now,
// until stop is called, and returns how far they rose above what was there.
func peak() (stop func() int64) {
	runtime.GC()
	read := func() int64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64())
	}
	base, most := read(), int64(0)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, read()-base)
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 {
		close(done)
		<-ended
		return max(most, read()-base)
	}
}

// TestBadAnswersAreCheap fetches every bad answer once, and holds each to its
// deadline, as far as a busy machine tells, and its memory, under the caps that
// a config has when it sets none. It is not parallel, for memory is the process's. What has nothing to do with
// what is in an answer must also fail.
func TestBadAnswersAreCheap(t *testing.T) {
	const timeout = 500 * time.Millisecond
	hosts := []string{"h00000", "h00001", "h00002"}
	prometheus := hostile.Prometheus{Hosts: hosts, Label: "instance", Received: 60, Age: 5}
	graphite := hostile.Graphite{Hosts: hosts, Prefix: "canary.", Suffix: ".received", Step: 30, Received: 30}
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	ask := func(expr, label string) remedy.Query {
		return remedy.NewQuery("s", expr, at.Add(-5*time.Minute), at, 30*time.Second).KeyedBy(label)
	}
	for _, kind := range []struct {
		name    string
		dialect hostile.Dialect
		answers []hostile.Answer
		open    func(Options) (closer, error)
		query   remedy.Query
	}{
		{"prometheus", prometheus, prometheus.Answers(), func(o Options) (closer, error) { return NewPrometheus(o) }, ask("increase(canary_received_total[1m])", "instance")},
		{"graphite", graphite, graphite.Answers(), func(o Options) (closer, error) { return NewGraphite(o, true) }, ask("canary.*.received", "")},
	} {
		server, err := hostile.Start(kind.dialect)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		open := func(timeout time.Duration) closer {
			s, err := kind.open(Options{Name: "s", URL: server.URL, Timeout: timeout, MaxBytes: hostileBytes, MaxSeries: hostileSeries})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			return s
		}
		// What is large must have the time to come to the caps.
		s, patient := open(timeout), open(2*time.Minute)
		if r := s.Fetch(t.Context(), kind.query); r.Failed != "" || r.Frame.Keys == nil {
			t.Fatalf("the honest answer: %s", r.Failed)
		}
		for _, a := range kind.answers {
			t.Run(kind.name+"/"+a.Name, func(t *testing.T) {
				server.Turn(hostile.Everything, a)
				s, timeout := s, timeout
				if a.Heavy {
					s, timeout = patient, 2*time.Minute
				}
				if a.Heavy && a.Change != nil {
					// The server makes it in this process, and keeps it.
					for n, end := server.Kept(), time.Now().Add(time.Minute); server.Kept() == n && time.Now().Before(end); {
						s.Fetch(t.Context(), kind.query)
					}
				}
				stop := peak()
				began := time.Now()
				r := s.Fetch(t.Context(), kind.query)
				if took := time.Since(began); took > timeout+30*time.Second {
					t.Errorf("took %v", took)
				}
				most := mostMemory
				if strings.Contains(r.Failed, "series: narrow") {
					most += hostileSeries * (8*kind.query.Steps() + rowMemory)
				}
				if peak := stop(); peak > int64(most) {
					t.Errorf("took %d MB of %d", peak>>20, most>>20)
				}
				if a.Change == nil && !a.Empty && r.Failed == "" {
					t.Errorf("it is taken for an answer: %+v", r.Frame)
				}
				if len(r.Failed) > 2000 {
					t.Errorf("%d bytes of words: %.300s", len(r.Failed), r.Failed)
				}
			})
		}
	}
}

type closer interface {
	Source
	Close()
}

// TestPeakSees shows that the test above can fail.
func TestPeakSees(t *testing.T) {
	stop := peak()
	b := make([]byte, 2*mostMemory)
	for i := range b {
		b[i] = 1
	}
	// What else was freed meanwhile is missing from it.
	if most := stop(); most <= mostMemory {
		t.Errorf("%d bytes were seen as %d", len(b), most)
	}
	runtime.KeepAlive(b)
}
