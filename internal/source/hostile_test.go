package source

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"warden/internal/realtest/hostile"
	"warden/internal/remedy"
)

// mostMemory is what one bad answer may cost.
const mostMemory = 64 << 20

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
// deadline and its memory. It is not parallel, for memory is the process's.
func TestBadAnswersAreCheap(t *testing.T) {
	const timeout = 500 * time.Millisecond
	d := hostile.Prometheus{Hosts: []string{"h00000", "h00001", "h00002"}, Label: "instance", Received: 60, Age: 5}
	server, err := hostile.Start(d)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	// Caps as for some 20 000 hosts: what fits under them is read whole, and
	// costs several times its size.
	p, err := NewPrometheus(Options{Name: "prom", URL: server.URL, Timeout: timeout, MaxBytes: 8 << 20, MaxSeries: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	q := remedy.NewQuery("prom", "increase(canary_received_total[1m])", at.Add(-time.Minute), at, 30*time.Second).KeyedBy("instance")
	if r := p.Fetch(t.Context(), q); r.Failed != "" {
		t.Fatalf("the honest answer: %s", r.Failed)
	}
	for _, a := range d.Answers() {
		t.Run(a.Name, func(t *testing.T) {
			server.Turn(hostile.Everything, a)
			if a.Heavy && a.Change != nil {
				p.Fetch(t.Context(), q) // the server makes it, in this process, and keeps it
			}
			stop := peak()
			began := time.Now()
			p.Fetch(t.Context(), q)
			if took := time.Since(began); took > timeout+3*time.Second {
				t.Errorf("took %v", took)
			}
			if most := stop(); most > mostMemory {
				t.Errorf("took %d MB", most>>20)
			}
		})
	}
}

// TestPeakSees shows that the test above can fail.
func TestPeakSees(t *testing.T) {
	stop := peak()
	b := make([]byte, 2*mostMemory)
	for i := range b {
		b[i] = 1
	}
	if most := stop(); most < 2*mostMemory {
		t.Errorf("%d bytes were seen as %d", len(b), most)
	}
	runtime.KeepAlive(b)
}
