package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// chatTrio is three real daemons with Socket Mode to one Slack.
type chatTrio struct {
	*trio
	fake *fakeslack.Server
}

// theThree are the nodes of a trio.
func theThree() []string { return []string{"n1", "n2", "n3"} }

func newChatTrio(t *testing.T, words ...string) *chatTrio {
	t.Helper()
	fake, err := fakeslack.New(fakeslack.Options{Unlimited: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := fake.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{"bot": "xoxb-fake", "app": "xapp-fake"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	section := fmt.Sprintf("backend   = \"be_web\"\n\n[chat.slack]\nenabled = true\nbot_token_file = %q\napp_token_file = %q\nchannel = \"#ops\"\ntone = \"plain\"\napi_url = %q\n",
		filepath.Join(dir, "bot"), filepath.Join(dir, "app"), fake.URL()+"/api/")
	c := &chatTrio{newTrio(t, append(words, "backend   = \"be_web\"\n", section, "for     = \"5m\"", "for     = \"5m\"\ninterval = \"1s\"")...), fake}
	c.eventually("all three take clicks", func() bool { return len(fake.Connections()) == 3 })
	c.eventually("people are told in Slack", func() bool {
		for _, m := range c.nodes {
			if _, asks := m.d.ledger.Surfaces(); asks != ledger.SurfaceSlack {
				return false
			}
		}
		return true
	})
	return c
}

// question is what a test asks people in Slack.
type question struct {
	host    remedy.HostName
	summary string
	// expires is how long it waits; an hour when 0.
	expires time.Duration
}

// poses commits a question to the people on call, on the leader, and waits
// until it is seen in Slack and all nodes named know it.
func (c *chatTrio) poses(leader string, q question, names ...string) (remedy.CaseID, fakeslack.Message) {
	c.t.Helper()
	id := c.posed(leader, q)
	c.eventually("all know the case", func() bool {
		return !slices.ContainsFunc(names, func(name string) bool {
			_, ok := c.nodes[name].d.ledger.Case(id)
			return !ok
		})
	})
	var m fakeslack.Message
	c.eventually(fmt.Sprintf("%s is seen in Slack", id), func() bool {
		var ok bool
		m, ok = c.card(id)
		return ok
	})
	return id, m
}

func (c *chatTrio) posed(leader string, q question) remedy.CaseID {
	c.t.Helper()
	if q.expires == 0 {
		q.expires = time.Hour
	}
	if q.summary == "" {
		q.summary = "drain it"
	}
	d := c.nodes[leader].d
	p := remedy.Plan{Action: "drain", Pool: "web", Host: q.host, Summary: q.summary, Steps: []string{"drain"}, ManualHint: "do it by hand"}
	decision := remedy.Decision{Level: remedy.LevelConfirm, Effective: remedy.LevelConfirm}
	applied, err := d.engine.Relayed(c.t.Context(), d.node.ID(), &ledger.CaseJudge{
		Pool: "web", Host: q.host, Action: "drain", Detector: "canary_missing", Digest: q.summary,
		Finding:  remedy.Finding{Detector: "canary_missing", Pool: "web", Host: q.host, At: d.Clock.Now(), Verdict: remedy.VerdictBad},
		Decision: &decision, Plan: &p,
		Ask: &ledger.Ask{PlanHash: p.Hash(), Approvers: []string{"slack:@oncall-ops"}, ExpiresAt: d.Clock.Now().Add(q.expires)},
	})
	if err != nil || !applied.Results[0].OK {
		c.t.Fatalf("%+v %v", applied, err)
	}
	return applied.Results[0].Case
}

// card is the message that asks about a case.
func (c *chatTrio) card(id remedy.CaseID) (fakeslack.Message, bool) {
	all := c.fake.Messages(fakeslack.Ops)
	for _, m := range slices.Backward(all) {
		for _, b := range m.Buttons() {
			if b.ActionID == "warden.approve" && strings.Contains(b.Value, ".approve."+fmt.Sprint(uint64(id))+".") {
				return m, true
			}
		}
	}
	return fakeslack.Message{}, false
}

// held makes the payload of a tap on a screen that may be out of date later.
func (c *chatTrio) held(user string, m fakeslack.Message, action string) map[string]any {
	c.t.Helper()
	p, err := c.fake.Clicked(user, fakeslack.Ops, m.TS, action)
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// via sends a payload to one connection.
func (c *chatTrio) via(number int, p map[string]any) *fakeslack.Delivery {
	c.fake.Via(fakeslack.To(number))
	return c.fake.Deliver(fakeslack.KindInteractive, p)
}

// opens has a user tap No, by way of one connection, and waits for the dialog.
func (c *chatTrio) opens(user string, number int, m fakeslack.Message) {
	c.t.Helper()
	c.via(number, c.held(user, m, "warden.deny"))
	c.eventually(user+" is asked why not", func() bool { _, ok := c.fake.Modal(user); return ok })
}

// says gives the reason for the no.
func (c *chatTrio) says(user string, number int) {
	c.t.Helper()
	c.fake.Via(fakeslack.To(number))
	if _, err := c.fake.SubmitView(user, map[string]string{"reason": "known work"}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *chatTrio) connections() []int {
	var out []int
	for _, k := range c.fake.Connections() {
		out = append(out, k.Number)
	}
	return out
}

// whispered is what a user was told alone, newest last.
func (c *chatTrio) whispered(user string) (out []string) {
	for _, m := range c.fake.Ephemerals(user, fakeslack.Ops) {
		out = append(out, m.Text)
	}
	return out
}

// hears waits for the n-th thing that a user alone is told.
func (c *chatTrio) hears(user string, n int) string {
	c.t.Helper()
	c.eventually(fmt.Sprintf("%s is told for the %d. time", user, n), func() bool { return len(c.whispered(user)) >= n })
	return c.whispered(user)[n-1]
}

func (c *chatTrio) answered(id remedy.CaseID, names ...string) *ledger.Case {
	c.t.Helper()
	c.eventually(fmt.Sprintf("all have the answer to %s", id), func() bool {
		return !slices.ContainsFunc(names, func(name string) bool {
			k, ok := c.nodes[name].d.ledger.Case(id)
			return !ok || k.Answer == nil
		})
	})
	k, _ := c.nodes[names[0]].d.ledger.Case(id)
	for _, name := range names {
		if o, _ := c.nodes[name].d.ledger.Case(id); o.Answer.By.Name != k.Answer.By.Name || o.Answer.Approve != k.Answer.Approve || decisions(o) != 1 {
			c.t.Errorf("%s: %s has %+v and %d decisions, %s has %+v", id, name, o.Answer, decisions(o), names[0], k.Answer)
		}
	}
	return k
}

// untouched wants a case without an answer on all nodes.
func (c *chatTrio) untouched(id remedy.CaseID, why string) {
	c.t.Helper()
	for name, m := range c.nodes {
		if k, ok := m.d.ledger.Case(id); ok && k.Answer != nil {
			c.t.Errorf("%s on %s: %s was answered: %+v", why, name, id, k.Answer)
		}
	}
}

// auditHas wants a line of a node's audit that holds all words.
func (c *chatTrio) auditHas(name string, words ...string) {
	c.t.Helper()
	var out string
	c.eventually(fmt.Sprintf("the audit of %s has %q", name, words), func() bool {
		_, out, _ = c.run(name, "audit", "tail", "-n", "200")
		return slices.ContainsFunc(strings.Split(out, "\n"), func(line string) bool {
			return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) })
		})
	})
}

// clicksLogged is how many entries on clicks a node's audit has.
func (c *chatTrio) clicksLogged(name string) int {
	c.t.Helper()
	_, out, _ := c.run(name, "audit", "tail", "-n", "1000", "--what", "click.refused")
	return strings.Count(out, "turned away")
}
