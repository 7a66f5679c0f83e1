package cli

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakepager"
)

// pagedTrio is a fleetTrio with one PagerDuty, where questions alert.
type pagedTrio struct {
	*fleetTrio
	pd *fakepager.Server
}

func newPagedTrio(t *testing.T, hosts int) *pagedTrio {
	t.Helper()
	const token, key = "u+token", "e0123456789012345678901234567890"
	pd := fakepager.New(fakepager.Options{
		Clock: clock.System(), Token: token, Users: []fakepager.User{{ID: "U1", Name: "warden", Email: "warden@example.net"}},
		Services: []fakepager.Service{{ID: "PWEB", Name: "web"}, {ID: "PWARDEN", Name: "warden", Keys: []string{key}}},
	})
	at := httptest.NewServer(pd)
	t.Cleanup(at.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{"rest": token, "routing": key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &pagedTrio{newFleetTrio(t, hosts, "[sources.prometheus]", fmt.Sprintf(`[pagerduty]
enabled          = true
api_token_file   = %q
routing_key_file = %q
from_email       = "warden@example.net"
services         = ["PWEB"]
page_on_confirm  = ["web"]
api_url          = %q
events_url       = %q

[sources.prometheus]`, filepath.Join(dir, "rest"), filepath.Join(dir, "routing"), at.URL, at.URL)), pd}
}

// raised opens the incident of a host, as its monitor does.
func (c *pagedTrio) raised(host string) string {
	return c.pd.Raise("PWEB", fakepager.Alert{Key: "monitor:" + host, Summary: host + " is bad", Source: host, Severity: "critical"})
}

// notes are those of an incident.
func (c *pagedTrio) notes(incident string) (out []string) {
	for _, inc := range c.pd.Incidents() {
		for _, n := range inc.Notes {
			if inc.ID == incident {
				out = append(out, n.Content)
			}
		}
	}
	return out
}

// told waits until an incident has notes that say so, one each, and no others.
func (c *pagedTrio) told(incident string, says ...string) {
	c.t.Helper()
	var got []string
	defer func() {
		if c.t.Failed() {
			c.t.Logf("%s, which is to have %q: %q", incident, says, got)
		}
	}()
	c.eventually("its incident says what became of the host", func() bool {
		got = c.notes(incident)
		return slices.EqualFunc(got, says, strings.Contains)
	})
}

// alerts are the open incidents that warden itself made.
func (c *pagedTrio) alerts() (out []string) {
	for _, inc := range c.pd.Incidents() {
		if inc.Service == "PWARDEN" && inc.Status != "resolved" {
			out = append(out, inc.Key)
		}
	}
	return out
}

// TestDrainedWhilePagerDutyIsAway has a yes by command drain its host while PagerDuty
// is away, in each way, on three real daemons: exactly once. The leader that could not
// tell goes, and the next one says on each incident how it ended, once, ends every
// alert, and finds an incident that opened after its question was told.
func TestDrainedWhilePagerDutyIsAway(t *testing.T) {
	t.Parallel()
	c := newPagedTrio(t, 40)
	leader, follower := c.leader(theThree()...)
	troubles := []fakepager.Fault{
		{Trouble: fakepager.Silent},
		{Trouble: fakepager.Slow, Wait: time.Second},
		{Trouble: fakepager.Unavailable},
		{Trouble: fakepager.Cut},
		{Trouble: fakepager.Cut, After: true},
		{Trouble: fakepager.RateLimited, Wait: time.Second},
		{Trouble: fakepager.Hollow},
		{Trouble: fakepager.Lies},
		{Trouble: fakepager.Revoked},
	}
	hosts := c.world.Hosts()
	during, later := hosts[len(troubles)], hosts[len(troubles)+1]
	ids, incidents := map[string]remedy.CaseID{}, map[string]string{}
	for _, host := range hosts[:len(troubles)] {
		incidents[host] = c.raised(host)
		c.sickens(host)
	}
	incidents[during] = c.raised(during)
	c.sickens(later)
	for _, host := range hosts[:len(troubles)] {
		ids[host] = c.waiting(host)
		c.told(incidents[host], "wants to drain "+host)
	}
	ids[later] = c.waiting(later)
	c.eventually("each question has its alert", func() bool { return len(c.alerts()) == len(troubles)+1 })
	c.eventually("a question without an incident is put on record", func() bool {
		_, ok := c.nodes[follower].d.ledger.Post(ledger.SurfacePagerDuty, "later/"+ids[later].String())
		return ok
	})

	for i, f := range troubles {
		c.pd.Become(f)
		if i == 0 {
			c.sickens(during)
		}
		calls := len(c.pd.Requests())
		c.drains([]string{leader, follower}[i%2], hosts[i], ids[hosts[i]])
		if f.Trouble == fakepager.Unavailable {
			c.eventually("it is tried", func() bool { return len(c.pd.Requests()) > calls })
		}
		if k := c.answered(ids[hosts[i]], theThree()...); !k.Answer.Approve || k.Answer.By.Via != "cli" {
			t.Errorf("%s: %+v", f.Trouble, k.Answer)
		}
	}
	ids[during] = c.waiting(during)
	c.drains(follower, during, ids[during])
	for _, id := range ids {
		if id != ids[later] {
			c.done(id, theThree()...)
		}
	}

	c.nodes[leader].stop()
	left := slices.DeleteFunc(theThree(), func(name string) bool { return name == leader })
	incidents[later] = c.raised(later)
	c.pd.Mend()
	next, _ := c.leader(left...)
	c.told(incidents[later], "wants to drain "+later)
	c.drains(next, later, ids[later])
	for _, host := range append(hosts[:len(troubles):len(troubles)], later) {
		c.told(incidents[host], "wants to drain "+host, "drained "+host)
	}
	c.told(incidents[during], "drained "+during)
	c.eventually("every alert is over", func() bool { return len(c.alerts()) == 0 })
	for _, name := range left {
		c.eventually(name+" knows of nothing that is owed", func() bool { return len(c.nodes[name].d.ledger.PendingFor(ledger.SurfacePagerDuty)) == 0 })
	}
	c.drainedOnce(hosts[:len(troubles)+2]...)
	for _, inc := range c.pd.Incidents() {
		switch {
		case inc.Service == "PWEB" && (inc.Status != "triggered" || inc.AckedBy != ""):
			t.Errorf("warden touched %+v", inc)
		case inc.Service == "PWARDEN" && (len(inc.Alerts) != 1 || inc.Alerts[0].Triggers != 1 || inc.AckedBy != ""):
			t.Errorf("alerted more than once: %+v", inc)
		}
	}
	if n := len(c.pd.Changes()); n != 0 {
		t.Errorf("people said yes to all of it, and %d changes are said to be warden's own", n)
	}
}
