//go:build integration

package main_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// crew is a trio that looks after one fleet behind one load balancer.
type crew struct {
	*trio
	fleet    *fleet
	balancer *balancer
	settings settings
}

// newCrew makes three nodes at a rung over a healthy fleet of this size, all
// with the same settings. Nothing runs yet, so that edit can make a node's file
// differ.
func (w *world) newCrew(t *testing.T, level string, size int, change func(*settings)) *crew {
	t.Helper()
	f := w.fleet(strings.NewReplacer("/", "-", "=", "-").Replace(t.Name()), size, false)
	b := newBalancer(t, f)
	s := w.settings(t, level, f, b)
	if change != nil {
		change(&s)
	}
	_, text, ok := strings.Cut(s.text(t), "config_version = 1\n")
	if !ok {
		t.Fatal("the settings begin with something else")
	}
	return &crew{trio: newTrioAt(t, "default", text), fleet: f, balancer: b, settings: s}
}

// edit changes one place of a node's file.
func (c *trio) edit(a *agent, from, to string) {
	c.t.Helper()
	text, err := os.ReadFile(a.config)
	if err != nil {
		c.t.Fatal(err)
	}
	if n := strings.Count(string(text), from); n != 1 {
		c.t.Fatalf("%s's file has %q %d times", a.name, from, n)
	}
	a.write(strings.Replace(string(text), from, to, 1))
}

// others are all nodes but these.
func (c *trio) others(than ...*agent) []*agent {
	return slices.DeleteFunc(slices.Clone(c.nodes), func(a *agent) bool { return slices.Contains(than, a) })
}

// leader is who leads now, of those that run.
func (c *trio) leader() *agent {
	c.t.Helper()
	up := 0
	for _, a := range c.nodes {
		if a.running() {
			up++
		}
	}
	leader, _ := c.agreed(up, 3)
	return leader
}

// told are the messages of all nodes that hold all the words.
func (c *trio) told(words ...string) []string {
	var all []string
	for _, a := range c.nodes {
		all = append(all, a.messages(words...)...)
	}
	return all
}

// tells waits until some node says all the words in one message.
func (c *trio) tells(words ...string) string {
	c.t.Helper()
	var message string
	eventually(c.t, fmt.Sprintf("a node says %q", words), func() error {
		if all := c.told(words...); len(all) > 0 {
			message = all[0]
			return nil
		}
		return fmt.Errorf("they say:\n%s", strings.Join(c.told(), ""))
	})
	return message
}
