package peer

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"warden/internal/clock"
	"warden/internal/engine"
	"warden/internal/remedy"
)

func query(hosts ...remedy.HostName) remedy.OpinionQuery {
	return remedy.OpinionQuery{Pool: "web", Detector: "canary", Digest: "d1", At: start, Hosts: hosts}
}

func bad(hosts ...remedy.HostName) func(context.Context, remedy.OpinionQuery) remedy.Opinion {
	return func(_ context.Context, q remedy.OpinionQuery) remedy.Opinion {
		o := remedy.Opinion{Digest: q.Digest}
		for _, h := range hosts {
			o.Findings = append(o.Findings, remedy.Finding{Pool: q.Pool, Detector: q.Detector, Host: h, At: q.At, Verdict: remedy.VerdictBad})
		}
		return o
	}
}

// TestOpinions shows that all others are asked at the same time, and that each
// answer is what its node said.
func TestOpinions(t *testing.T) {
	c := newCell(t)
	arrived := make(chan struct{}, 2)
	both := make(chan struct{})
	meet := func(next func(context.Context, remedy.OpinionQuery) remedy.Opinion) func(context.Context, remedy.OpinionQuery) remedy.Opinion {
		return func(ctx context.Context, q remedy.OpinionQuery) remedy.Opinion {
			arrived <- struct{}{}
			select { // each waits for the other: one after the other would never end
			case <-both:
			case <-ctx.Done():
			}
			return next(ctx, q)
		}
	}
	go func() {
		<-arrived
		<-arrived
		close(both)
	}()
	c.serve(n2, &machine{opine: meet(bad("h1", "h3"))}, clock.System())
	c.serve(n3, &machine{opine: meet(bad("h2"))}, clock.System())
	got := c.client(n1, clock.System()).Opinions(t.Context(), query("h1", "h2", "h3"))
	if len(got) != 2 || got[0].Node != n2 || got[1].Node != n3 || len(got[0].Findings) != 2 || got[0].Findings[1].Host != "h3" || got[1].Digest != "d1" {
		t.Errorf("%+v", got)
	}
}

// TestOpinionsThatDontCount shows that an answer which is not to the question
// is no answer, and that a silent voter delays nobody's answer.
func TestOpinionsThatDontCount(t *testing.T) {
	for name, m := range map[string]*machine{
		"about a host nobody asked about": {opine: bad("h9")},
		"twice about one":                 {opine: bad("h1", "h1")},
		"out of order":                    {opine: bad("h2", "h1")},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCell(t)
			c.serve(n2, m, clock.System())
			c.serve(n3, &machine{opine: bad("h1")}, clock.System())
			got := c.client(n1, clock.System()).Opinions(t.Context(), query("h1", "h2"))
			if len(got) != 1 || got[0].Node != n3 {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("another node's", func(t *testing.T) {
		c := newCell(t)
		c.listen(n2, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"node":"n3-00000003","digest":"d1"}`))
		}))
		if got := c.client(n1, clock.System()).Opinions(t.Context(), query("h1")); len(got) != 0 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("silent", func(t *testing.T) {
		c := newCell(t)
		ended := make(chan error, 1)
		c.serve(n2, &machine{opine: func(ctx context.Context, _ remedy.OpinionQuery) remedy.Opinion {
			<-ctx.Done() // the asker's deadline reaches the one that is asked
			ended <- ctx.Err()
			return remedy.Opinion{}
		}}, clock.System())
		c.serve(n3, &machine{opine: bad("h1")}, clock.System())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := c.client(n1, clock.System()).Opinions(ctx, query("h1"))
		if len(got) == 0 || got[len(got)-1].Node != n3 || len(got) == 2 && len(got[0].Findings) > 0 {
			t.Errorf("%+v", got)
		}
		select {
		case err := <-ended:
			if err == nil {
				t.Error("it ended without a reason")
			}
		case <-time.After(30 * time.Second):
			t.Error("the voter goes on for nobody")
		}
	})
}

// TestOpinionsAtOnce shows that one node judges for few others at a time.
func TestOpinionsAtOnce(t *testing.T) {
	c := newCell(t)
	var running atomic.Int32
	var peak sync.Mutex
	most := int32(0)
	release := make(chan struct{})
	full := make(chan struct{}, 16)
	c.serve(n2, &machine{opine: func(ctx context.Context, q remedy.OpinionQuery) remedy.Opinion {
		n := running.Add(1)
		defer running.Add(-1)
		peak.Lock()
		most = max(most, n)
		peak.Unlock()
		full <- struct{}{}
		<-release
		return bad("h1")(ctx, q)
	}}, clock.System())
	client := c.client(n1, clock.System())
	done := make(chan int, 6)
	for range 6 {
		go func() { done <- len(client.Opinions(t.Context(), query("h1"))) }()
	}
	for range opinionsLive {
		<-full
	}
	close(release)
	for range 6 {
		if n := <-done; n != 1 {
			t.Errorf("%d opinions", n)
		}
	}
	peak.Lock()
	defer peak.Unlock()
	if most > opinionsLive {
		t.Errorf("%d at once", most)
	}
}

// TestClocks shows that the other clock's distance is told in spite of the way,
// and how far that can be wrong.
func TestClocks(t *testing.T) {
	c := newCell(t)
	c.serve(n2, &machine{}, clock.NewStepped(start.Add(90*time.Second)))
	c.serve(n3, &machine{}, clock.NewStepped(start.Add(-time.Hour)))
	got := c.client(n1, clock.NewStepped(start)).Clocks(t.Context())
	want := []remedy.ClockReading{{Node: n2, Ahead: 90 * time.Second}, {Node: n3, Ahead: -time.Hour}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	r := reading(n2, start, 4*time.Second, start.Add(5*time.Second))
	if r.Ahead != 3*time.Second || r.Error != 2*time.Second {
		t.Errorf("%+v", r)
	}
}

// TestHashes shows that each voter's word comes back under its name.
func TestHashes(t *testing.T) {
	c := newCell(t)
	c.serve(n2, &machine{verdict: VerdictDiffers}, clock.System())
	got := c.client(n1, clock.System()).Hashes(t.Context(), 7, "abc")
	if len(got) != 1 || got[n2] != VerdictDiffers {
		t.Errorf("%+v", got)
	}
	if got := c.client(n1, clock.System()).Hashes(t.Context(), 0, "abc"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestForward shows what passes, and what says that nothing was sent.
func TestForward(t *testing.T) {
	c := newCell(t)
	c.listen(n1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Idempotency-Key") != "" || r.Header.Get(HeaderNode) != string(n2) || r.URL.RequestURI() != "/api/v1/holds?target=a%2Fb" {
			t.Errorf("%s %v", r.URL.RequestURI(), r.Header)
		}
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte("no"))
	}))
	client := c.client(n2, clock.System())
	r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/api/v1/holds?target=a%2Fb", nil)
	r.Header.Set("Idempotency-Key", "x")
	status, _, body, err := client.Forward(t.Context(), n1, r, nil)
	if err != nil || status != http.StatusConflict || string(body) != "no" {
		t.Errorf("%d %q %v", status, body, err)
	}
	if _, _, _, err := client.Forward(t.Context(), n3, r, nil); !errors.Is(err, engine.ErrNotCommitted) {
		t.Error(err)
	}
}

// FuzzDecoders shows that no bytes upset whoever reads them, and that what is
// read is within its bounds.
func FuzzDecoders(f *testing.F) {
	f.Add([]byte(`{"pool":"web","detector":"canary","digest":"d1","at":"2026-11-20T03:12:00Z","hosts":["h1"]}`))
	f.Add([]byte(`{"node":"n2-00000002","digest":"d1","findings":[{"host":"h1","verdict":"bad"}]}`))
	f.Add([]byte(`{"index":7,"hash":"abc"}`))
	f.Add([]byte(`{"outcome":"committed","applied":{"term":1,"index":2,"results":[{"ok":true}]}}`))
	f.Add([]byte(`{"node":"n2-00000002","now":"2026-11-20T03:12:00Z"} x`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var q remedy.OpinionQuery
		if strict(bytes.NewReader(raw), maxQuery, &q) == nil && checkQuery(&q) == nil && len(q.Hosts) > maxHosts {
			t.Error("too many hosts")
		}
		var o remedy.Opinion
		if strict(bytes.NewReader(raw), maxQuery, &o) == nil && checkOpinion(&o, n2, query("h1", "h2")) == nil && (len(o.Findings) > 2 || o.Node != n2) {
			t.Errorf("%+v", o)
		}
		var h hashQuery
		if strict(bytes.NewReader(raw), maxSmall, &h) == nil && h.check() == nil && (h.Index == 0 || len(h.Hash) > maxHashLen) {
			t.Errorf("%+v", h)
		}
		var a relayAnswer
		if strict(bytes.NewReader(raw), maxEntry, &a) == nil && a.check(1) == nil && (a.Outcome == committed) != (a.Applied != nil) {
			t.Errorf("%+v", a)
		}
	})
}

// TestHungVoterHoldsUpNothing shows that one voter that takes the question and
// says nothing is waited for only while its answer could change anything.
func TestHungVoterHoldsUpNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		says   func(context.Context, remedy.OpinionQuery) remedy.Opinion
		within bool
	}{
		"the other finds both bad":   {says: bad("h1", "h2"), within: true},
		"the other finds one bad":    {says: bad("h1")},
		"the other finds none of it": {says: bad()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCell(t)
			gone := make(chan struct{})
			c.serve(n2, &machine{opine: func(context.Context, remedy.OpinionQuery) remedy.Opinion { <-gone; return remedy.Opinion{} }}, clock.System())
			t.Cleanup(func() { close(gone) })
			c.serve(n3, &machine{opine: tt.says}, clock.System())
			const deadline = time.Second
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			if tt.within {
				ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
			}
			defer cancel()
			began := time.Now()
			got := c.client(n1, clock.System()).Opinions(ctx, query("h1", "h2"))
			if len(got) != 1 || got[0].Node != n3 {
				t.Errorf("%+v", got)
			}
			if took := time.Since(began); tt.within && took >= opinionWithin || !tt.within && took < deadline/2 {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestSettled is about when another opinion would change nothing.
func TestSettled(t *testing.T) {
	t.Parallel()
	q := query("h1", "h2")
	yes, one, unknown := bad("h1", "h2")(t.Context(), q), bad("h1")(t.Context(), q), remedy.Opinion{Why: "no data"}
	for name, tt := range map[string]struct {
		said   []remedy.Opinion
		voters int
		want   bool
	}{
		"nobody of three":           {nil, 3, false},
		"one yes of three":          {[]remedy.Opinion{yes}, 3, true},
		"one yes of five":           {[]remedy.Opinion{yes}, 5, false},
		"two yes of five":           {[]remedy.Opinion{yes, yes}, 5, true},
		"half a yes of three":       {[]remedy.Opinion{one}, 3, false},
		"one no of three":           {[]remedy.Opinion{unknown}, 3, false},
		"two no of three":           {[]remedy.Opinion{unknown, unknown}, 3, true},
		"three no of five":          {[]remedy.Opinion{unknown, unknown, unknown}, 5, true},
		"one host settled, one not": {[]remedy.Opinion{yes, one, unknown}, 5, false},
		"two of two":                {[]remedy.Opinion{yes}, 2, true},
		"no other of two":           {nil, 2, false},
	} {
		if got := settled(q, tt.said, tt.voters); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
