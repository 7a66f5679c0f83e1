package engine

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"warden/internal/ledger"
	"warden/internal/pager"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/simulate/fakepager"
)

// inProcess carries calls to a server without a socket, so that time stands still
// with everything else.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result(), nil
}

// From a bad host to a person in PagerDuty, with the real client: the incident
// gets a note when warden asks and when it failed, warden's own alert opens, the
// next leader doubles nothing and ends it when the cause is gone.
func TestPagerDutyFromBadHostToEnd(t *testing.T) {
	t.Parallel()
	var r *rig
	var pd *fakepager.Server
	key := strings.Repeat("k", 32)
	courierOf := func() *pager.Courier {
		p := pager.New(pager.Options{
			Clock: r.clk, Logger: zap.NewNop(), Transport: inProcess{pd},
			State: func() pager.State {
				st := pager.StateOf(r.l, []remedy.PoolName{ingest}, r.clk.Now())
				v := r.e.View()
				defer v.Release()
				st.Blind, st.SourcesKnown = v.Blind()
				return st
			},
		})
		return p.Courier(pager.Settings{
			Cluster: "test", APIURL: "http://pd.invalid", EventsURL: "http://pd.invalid", From: "warden@example.net", Services: []string{"P1"}, HostKeys: []string{"source"},
			Lookback: 30 * time.Minute, Notes: pager.NotesOutcomes, ChangeEvents: true, PageWhen: []string{"action_failed", "verify_failed", "action_unknown"},
			Token: func() (string, error) { return "t", nil }, RoutingKey: func() (string, error) { return key, nil },
		})
	}
	goroutines(t, func(it *rig, pass func(time.Duration)) {
		t := it.t
		r = it
		pd = fakepager.New(fakepager.Options{
			Clock: r.clk, Token: "t", Users: []fakepager.User{{ID: "U1", Name: "Warden", Email: "warden@example.net"}},
			Services: []fakepager.Service{{ID: "P1", Name: "ingest"}, {ID: "PW", Name: "warden", Keys: []string{key}}},
		})
		lead := func() func() {
			r.cfg.Couriers = nil
			cfg := *r.cfg
			cfg.Couriers = append(cfg.Couriers, courierOf())
			r.cfg = &cfg
			r.restart()
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- r.e.Run(ctx) }()
			return sync.OnceFunc(func() { stop(); r.must(<-ended) })
		}
		depose := lead()
		defer func() { depose() }() // also when a check fails
		pass(2 * time.Minute)
		id := pd.Raise("P1", fakepager.Alert{Key: "x", Summary: "bad", Source: string(r.host(3))})
		r.lb.effect = func(context.Context, func()) error { return errTest }
		r.bad(3)
		pass(8 * time.Minute)
		c := r.last(3)
		if c == nil || c.Stage != remedy.StageWaiting {
			t.Fatalf("%+v", c)
		}
		notes := func() (out []string) {
			for _, inc := range pd.Incidents() {
				for _, n := range inc.Notes {
					if inc.ID != id {
						t.Errorf("a note on %s: %s", inc.ID, n.Content)
					}
					out = append(out, n.Content)
				}
			}
			return out
		}
		if got := notes(); len(got) != 1 || !strings.Contains(got[0], "wants to drain") {
			t.Fatalf("%q", got)
		}
		if p, ok := r.l.Post(ledger.SurfacePagerDuty, "incident/"+c.ID.String()); !ok || p.ID != id {
			t.Errorf("%+v", p)
		}
		depose()
		depose = lead()
		r.must(r.answer(c.ID, true))
		pass(time.Minute)
		depose()
		depose = lead()
		pass(time.Minute)
		if got := notes(); len(got) != 2 || !strings.Contains(got[1], "FAILED to drain") {
			t.Fatalf("%q", got)
		}
		open := func() (out []string) {
			for _, inc := range pd.Incidents() {
				if inc.Service == "PW" && inc.Status != "resolved" {
					out = append(out, inc.Key)
				}
			}
			return out
		}
		if got, want := open(), []string{"warden/test/action_failed/" + string(ingest) + "/" + string(r.host(3))}; !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
		if n := pd.Incidents()[1].Alerts[0].Triggers; n != 1 || len(pd.Changes()) != 0 {
			t.Errorf("triggered %d times, %+v", n, pd.Changes())
		}
		pd.Trip(fakepager.Fault{Trouble: fakepager.Unavailable})
		e, err := ledger.NewEntry(r.clk.Now(), alice(), node, &ledger.CaseLabel{Case: c.ID, Label: trust.Right})
		r.must(err)
		if a, err := r.log.Commit(t.Context(), e); err != nil || !a.Results[0].OK {
			t.Fatalf("%+v, %v", a, err)
		}
		pass(time.Hour)
		if got := open(); len(got) != 1 {
			t.Errorf("PagerDuty was down, and is told %q", got)
		}
		depose()
		pd.Mend()
		depose = lead()
		pass(2 * time.Minute)
		if got := open(); len(got) != 0 {
			t.Errorf("still open: %q", got)
		}
		depose()
	}, func(s *setup) { s.level = remedy.LevelConfirm })
}
