package unit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// Failure is one expectation that was not met.
type Failure struct {
	// Line is where the expectation stands, and At the test's time.
	Line int
	At   time.Duration
	// Key is what was expected, such as proposals, and Want and Got in words.
	Key, Want, Got string
	// Why is what warden made of the hosts that it is about: what the detectors
	// saw, with the arithmetic, and every guardrail that stood in the way.
	Why []string
}

func target(t ledger.HoldSet) engine.Target { return engine.Target{Pool: t.Pool, Host: t.Host} }

// names checks the names that expectations use against the configuration.
func (w *world) names() {
	guardrails := policy.Names()
	guardrail := func(name string, path []string) {
		if name != "" && !slices.Contains(guardrails, name) {
			w.bad(path, "there is no guardrail %q%s", name, cmp.Or(config.Meant(name, guardrails), ": see docs/guardrails.md"))
		}
	}
	proposal := func(text string, path []string) {
		action, host, _ := strings.Cut(text, " ")
		host = strings.TrimSpace(host)
		if _, ok := w.config.Actions[remedy.ActionName(action)]; !ok {
			w.bad(path, "%s has no action %q%s", w.file.Config, action, config.Meant(action, slices.Sorted(maps.Keys(w.config.Actions))))
			return
		}
		w.isHost(remedy.HostName(host), path)
	}
	for i := range w.test.Expect {
		x := &w.test.Expect[i]
		at := func(more ...string) []string { return w.at(append([]string{"expect", config.Element(i)}, more...)...) }
		for k, p := range x.Proposals {
			proposal(p, at("proposals", config.Element(k)))
		}
		for k, p := range x.Done {
			proposal(strings.TrimPrefix(p, "undo "), at("done", config.Element(k)))
		}
		for k, h := range x.Out {
			w.isHost(remedy.HostName(h), at("out", config.Element(k)))
		}
		guardrail(x.BlockedBy, at("blocked_by"))
		guardrail(x.NotBlockedBy, at("not_blocked_by"))
		for _, h := range sortedKeys(x.Blocked) {
			guardrail(x.Blocked[h], at("blocked", string(h)))
			w.isHost(hostOf(h), at("blocked", string(h)))
		}
		for _, h := range sortedKeys(x.Stage) {
			w.isHost(hostOf(h), at("stage", string(h)))
		}
		for _, of := range []struct {
			key string
			m   map[config.Text]string
		}{{"verdict", x.Verdict}, {"reason", x.Reason}} {
			for _, key := range sortedKeys(of.m) {
				w.judged(key, at(of.key, string(key)))
			}
		}
	}
}

// hostOf is the host in "ingest-17" or "drain ingest-17".
func hostOf(key config.Text) remedy.HostName {
	fields := strings.Fields(string(key))
	if len(fields) == 0 {
		return ""
	}
	return remedy.HostName(fields[len(fields)-1])
}

// judged splits "ingest-17" or "canary_missing/ingest-17", and says so when that
// isn't one detector's word on one host.
func (w *world) judged(key config.Text, path []string) {
	name, host := split(key)
	if !w.isHost(host, path) {
		return
	}
	var by []remedy.DetectorName
	for _, d := range w.config.Detectors {
		spec := d.Spec()
		if spec.Proposes != "" && slices.ContainsFunc(w.poolsOf(host), func(p remedy.PoolName) bool { return slices.Contains(spec.Pools, p) }) {
			by = append(by, spec.Name)
		}
	}
	switch {
	case name != "" && !slices.Contains(by, name):
		w.bad(path, "%s is not judged by a detector %q%s", host, name, config.Meant(string(name), by))
	case name == "" && len(by) != 1:
		w.bad(path, "%d detectors judge %s: write which one is meant, as in %q, or name one in `detectors`", len(by), host, string(slices.Concat(by, []remedy.DetectorName{"detector"})[0])+"/"+string(host))
	}
}

func split(key config.Text) (remedy.DetectorName, remedy.HostName) {
	if d, h, ok := strings.Cut(string(key), "/"); ok {
		return remedy.DetectorName(d), remedy.HostName(h)
	}
	return "", remedy.HostName(key)
}

// look looks at the expectations of before an instant: what was decided last is
// what holds until then.
func (w *world) look(ctx context.Context, before time.Time) {
	for w.next < len(w.order) {
		i := w.order[w.next]
		x := &w.test.Expect[i]
		if !w.test.start.Add(x.At.Std()).Before(before) {
			return
		}
		w.next++
		c := &check{world: w, ctx: ctx, x: x, index: i, cases: w.open()}
		c.all()
	}
}

// check is one expectation being looked at.
type check struct {
	*world
	ctx   context.Context
	x     *Expect
	index int
	cases []*ledger.Case
}

// fail notes that something was not as expected, with why it is as it is: about
// some hosts.
func (c *check) fail(key, want, got string, hosts ...remedy.HostName) {
	slices.Sort(hosts)
	f := Failure{
		Line: c.file.document.Line(c.at("expect", config.Element(c.index), key)...), At: c.x.At.Std(), Key: key, Want: want, Got: got,
	}
	hosts = slices.Compact(hosts)
	for i, h := range hosts {
		if i == mostExplained {
			f.Why = append(f.Why, fmt.Sprintf("… and %d hosts more", len(hosts)-i))
			break
		}
		f.Why = append(f.Why, c.why(h)...)
	}
	c.result.Failures = append(c.result.Failures, f)
}

// mostExplained is about how many hosts a failure says why.
const mostExplained = 3

func listed(items []string) string {
	if len(items) == 0 {
		return "none"
	}
	const most = 10
	if len(items) > most {
		return fmt.Sprintf("%s … and %d more", strings.Join(items[:most], ", "), len(items)-most)
	}
	return strings.Join(items, ", ")
}

// normal is a list sorted, with single blanks.
func normal(items []string) []string {
	out := make([]string, len(items))
	for i, s := range items {
		out[i] = strings.Join(strings.Fields(s), " ")
	}
	slices.Sort(out)
	return out
}

// different lists the hosts that one of two sorted lists has and the other not.
func different(a, b []string) []remedy.HostName {
	var out []remedy.HostName
	for _, pair := range [2][2][]string{{a, b}, {b, a}} {
		for _, s := range pair[0] {
			if _, ok := slices.BinarySearch(pair[1], s); !ok {
				out = append(out, hostOf(config.Text(s)))
			}
		}
	}
	return out
}

// same compares two sets.
func (c *check) same(key string, want, got []string) {
	want, got = normal(want), normal(got)
	if !slices.Equal(want, got) {
		c.fail(key, listed(want), listed(got), different(want, got)...)
	}
}

func (c *check) all() {
	var proposals, blocked []*ledger.Case
	var names []string
	for _, x := range c.cases {
		switch {
		case standing(x):
			proposals, names = append(proposals, x), append(names, named(x))
		case x.Decision != nil && x.Decision.BlockedBy != "":
			blocked = append(blocked, x)
		}
	}
	if c.x.Proposals != nil {
		c.same("proposals", c.x.Proposals, names)
	}
	if c.x.Total != nil && *c.x.Total != len(c.proposed) {
		all := normal(slices.Collect(maps.Values(c.proposed)))
		c.fail("total", fmt.Sprint(*c.x.Total), fmt.Sprintf("%d: %s", len(all), listed(all)), hostsOf(all)...)
	}
	c.verdicts()
	c.blocks(proposals, blocked)
	c.decisions(proposals)
	if c.x.Out != nil {
		var out []string
		for at := range c.lb.out() {
			out = append(out, string(at.host))
		}
		slices.Sort(out)
		c.same("out", c.x.Out, slices.Compact(out))
	}
	if c.x.Done != nil {
		if want, got := inOrder(c.x.Done), c.lb.log(); !slices.Equal(want, got) {
			c.fail("done", listed(want), listed(got), different(normal(want), normal(got))...)
		}
	}
}

// inOrder is a list with single blanks.
func inOrder(items []string) []string {
	var out []string
	for _, s := range items {
		out = append(out, strings.Join(strings.Fields(s), " "))
	}
	return out
}

func hostsOf(names []string) []remedy.HostName {
	var out []remedy.HostName
	for _, n := range names {
		out = append(out, hostOf(config.Text(n)))
	}
	return out
}

// verdicts holds verdicts and their reasons against what detectors say.
func (c *check) verdicts() {
	for _, key := range sortedKeys(c.x.Verdict) {
		name, host := split(key)
		f, ok := c.finding(name, host)
		if got := f.Verdict.String(); !ok || got != c.x.Verdict[key] {
			c.fail("verdict", fmt.Sprintf("%s %s", key, c.x.Verdict[key]), got, host)
		}
	}
	for _, key := range sortedKeys(c.x.Reason) {
		name, host := split(key)
		f, _ := c.finding(name, host)
		if f.Reason != c.x.Reason[key] {
			c.fail("reason", fmt.Sprintf("%s %s", key, c.x.Reason[key]), cmp.Or(f.Reason, f.Verdict.String()+", which has none"), host)
		}
	}
}

// finding is the newest round's word of a detector on a host; of the only one
// when none is named.
func (w *world) finding(name remedy.DetectorName, host remedy.HostName) (remedy.Finding, bool) {
	v := w.engine.View()
	defer v.Release()
	for _, pool := range w.poolsOf(host) {
		for _, j := range v.Judgements(pool) {
			if i, ok := j.Of(host); ok && (name == "" || j.Detector == name) {
				return j.Finding(i), true
			}
		}
	}
	return remedy.Finding{}, false
}

// blocks holds what guardrails did against what they should have.
func (c *check) blocks(proposals, blocked []*ledger.Case) {
	by := map[string]int{}
	hosts := map[string][]remedy.HostName{}
	var all []remedy.HostName
	for _, x := range blocked {
		by[x.Decision.BlockedBy]++
		hosts[x.Decision.BlockedBy] = append(hosts[x.Decision.BlockedBy], x.Host)
		all = append(all, x.Host)
	}
	var got []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		got = append(got, fmt.Sprintf("%d by %s", by[name], name))
	}
	if want := c.x.BlockedBy; want != "" && (len(by) != 1 || by[want] == 0) {
		about := all
		for _, x := range proposals {
			about = append(about, x.Host)
		}
		c.fail("blocked_by", "cases blocked, and all of them by "+want, "blocked: "+listed(got), about...)
	}
	switch never := c.x.NotBlockedBy; {
	case never == "":
	case len(c.cases) == 0: // of which nothing can be said, whatever the guardrail does
		c.fail("not_blocked_by", "a case, and none blocked by "+never, "no case at all")
	case by[never] > 0:
		c.fail("not_blocked_by", "no case blocked by "+never, "blocked: "+listed(got), hosts[never]...)
	}
	for _, key := range sortedKeys(c.x.Blocked) {
		got := "nothing: there is no case"
		for _, x := range c.cases {
			if !fits(key, x) {
				continue
			}
			if got = "nothing"; !standing(x) && x.Decision != nil {
				got = cmp.Or(x.Decision.BlockedBy, got)
			}
			break
		}
		if got != c.x.Blocked[key] {
			c.fail("blocked", fmt.Sprintf("%s blocked by %s", key, c.x.Blocked[key]), got, hostOf(key))
		}
	}
	for _, key := range sortedKeys(c.x.Stage) {
		got := string(remedy.StageClosed)
		for _, x := range c.cases {
			if fits(key, x) {
				got = string(x.Stage)
				break
			}
		}
		if got != c.x.Stage[key] {
			c.fail("stage", fmt.Sprintf("%s %s", key, c.x.Stage[key]), got, hostOf(key))
		}
	}
}

// fits reports whether "ingest-17" or "drain ingest-17" means the case.
func fits(key config.Text, c *ledger.Case) bool {
	fields := strings.Fields(string(key))
	return c.Host == hostOf(key) && (len(fields) < 2 || fields[0] == string(c.Action))
}

// decisions holds the proposals' levels against what they should be.
func (c *check) decisions(proposals []*ledger.Case) {
	if want := c.x.Level; want != "" {
		c.every("level", want, proposals, func(d *remedy.Decision) string { return d.Level.String() })
	}
	if c.x.WouldAct != nil {
		c.every("would_act", fmt.Sprint(*c.x.WouldAct), proposals, func(d *remedy.Decision) string { return fmt.Sprint(d.WouldAct) })
	}
}

// every wants a word of the decision of every proposal, of which there must be
// one at least.
func (c *check) every(key, want string, proposals []*ledger.Case, word func(*remedy.Decision) string) {
	var got []string
	var hosts []remedy.HostName
	for _, x := range proposals {
		if x.Decision == nil {
			continue
		}
		if w := word(x.Decision); w != want {
			got, hosts = append(got, fmt.Sprintf("%s: %s", named(x), w)), append(hosts, x.Host)
		}
	}
	if len(proposals) == 0 {
		got = []string{"nothing is proposed"}
		for _, x := range c.cases {
			hosts = append(hosts, x.Host)
		}
	}
	if len(got) > 0 {
		c.fail(key, want+" for every proposal", listed(got), hosts...)
	}
}
