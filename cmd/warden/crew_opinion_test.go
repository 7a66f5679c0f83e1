//go:build integration && !failpoints

package main_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"warden/internal/remedy"
	"warden/internal/web"
)

// vantage is from where one node sees Prometheus: as it is, as if the fleet
// were another one, or not at all.
type vantage struct {
	url   string
	sees  atomic.Pointer[string] // the name of the fleet it sees; nil for none
	fleet string
}

// vantage stands in front of the world's Prometheus.
func (w *world) vantage(t *testing.T, fleet string) *vantage {
	t.Helper()
	v := &vantage{fleet: fleet}
	v.look(fleet)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		sees := v.sees.Load()
		body, err := io.ReadAll(in.Body)
		if err != nil || sees == nil {
			out.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		other := func(s string) string {
			return strings.ReplaceAll(s, url.QueryEscape(`"`+fleet+`"`), url.QueryEscape(`"`+*sees+`"`))
		}
		req, err := http.NewRequestWithContext(in.Context(), in.Method, w.source()+in.URL.Path+"?"+other(in.URL.RawQuery), strings.NewReader(other(string(body))))
		if err != nil {
			out.WriteHeader(http.StatusInternalServerError)
			return
		}
		req.Header = in.Header.Clone()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			out.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		maps.Copy(out.Header(), resp.Header)
		out.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(out, resp.Body) // the client is gone
	}))
	t.Cleanup(server.Close)
	v.url = server.URL
	return v
}

func (v *vantage) look(fleet string) { v.sees.Store(&fleet) }

// secondOpinion: the leader's Prometheus says that a host is bad, one other's
// says good, and the third's can't be asked: nobody acts alone, and the case has
// what each said. Two of three say bad: it acts.
func (w *world) secondOpinion(t *testing.T) {
	t.Parallel()
	c := w.newCrew(t, "auto", 10, nil)
	twin := w.fleet(c.fleet.name+"-twin", 10, false)
	views := map[*agent]*vantage{}
	extra := ""
	for _, a := range c.nodes {
		views[a] = w.vantage(t, c.fleet.name)
		extra += "[sources.prometheus.per_node." + a.name + "]\nurl = \"" + views[a].url + "\"\n"
	}
	for _, a := range c.nodes {
		c.edit(a, "[pools.web]\n", extra+"[pools.web]\n")
	}
	leader := c.begin()
	left := c.others(leader)
	good, silent := left[0], left[1]
	views[good].look(twin.name)
	views[silent].sees.Store(nil)
	host := c.fleet.hosts[victim]
	c.fleet.fall(0, victim)

	told := leader.await("it only complains", host, func(k *web.CaseSummary) error {
		return mustBe("the outcome", k.Outcome, remedy.OutcomeTold)
	})
	leader.rounds(3)
	c.balancer.untouched(t)
	k := leader.show(told.ID)
	if a := answer(k, "second_opinion"); a.Cap != remedy.LevelNotify || a.Observed == "" {
		t.Errorf("the guardrail answers %+v", a)
	}
	c.tells("complaint", told.ID.String(), host)
	for _, id := range []string{string(c.id(good)), string(c.id(silent))} {
		if r := good.must(exitOK, "show", told.ID.String()); !strings.Contains(r.out, id) {
			t.Errorf("show has nothing of %s:\n%s", id, r.out)
		}
	}
	for _, o := range k.Opinions {
		switch o.Node {
		case c.id(good):
			if o.Finding == nil || o.Finding.Verdict != remedy.VerdictGood {
				t.Errorf("%s said %+v", good.name, o)
			}
		case c.id(silent):
			if o.Finding != nil && o.Finding.Verdict != remedy.VerdictUnknown || o.Finding == nil && o.Why == "" {
				t.Errorf("%s said %+v", silent.name, o)
			}
		}
	}
	if len(k.Opinions) < 2 {
		t.Errorf("the case has the opinions %+v", k.Opinions)
	}

	// The silent one can be asked again, and finds it bad: two of three.
	views[silent].look(c.fleet.name)
	if out := c.leader().staged(host, remedy.StageOut); out.ID != told.ID {
		t.Errorf("%s acted, and %s complained", out.ID, told.ID)
	}
	c.balancer.onlyChanged(t, map[string][]string{host: {up, drained}}, c.balancer.set(host, "drain"))
}
