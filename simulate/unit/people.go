package unit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"warden/internal/config"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// tester is who freezes, holds and lifts in tests: somebody who may do anything.
func (w *world) tester() remedy.Actor {
	a := remedy.Actor{Name: "test", Via: "test", Person: true}
	for _, x := range w.config.Actions {
		for _, who := range x.Approvers {
			if who[0] == '@' {
				a.Groups = append(a.Groups, who[1:])
			} else {
				a.Name = who
			}
		}
	}
	slices.Sort(a.Groups)
	return a
}

// someone is a person by name; "@ops" is somebody of that group.
func (w *world) someone(by string) remedy.Actor {
	switch {
	case by == "":
		return w.tester()
	case by[0] == '@':
		return remedy.Actor{Name: "test", Groups: []string{by[1:]}, Via: "test", Person: true}
	}
	return remedy.Actor{Name: by, Via: "test", Person: true}
}

// plan notes that something happens at an instant.
func (w *world) plan(at time.Duration, path []string, do func(ctx context.Context) error) {
	w.deeds = append(w.deeds, deed{at: at, line: w.file.document.Line(path...), do: do})
}

// planEnd notes that something ends at an instant, be it after the test.
func (w *world) planEnd(at time.Duration, path []string, do func(ctx context.Context) error) {
	w.plan(at, path, do)
	w.deeds[len(w.deeds)-1].ends = true
}

// people lays out what happens by hand.
func (w *world) people() {
	for i, text := range w.test.Freeze {
		s, err := parseSpan(text)
		if err != nil {
			continue // it was said
		}
		path := w.at("freeze", config.Element(i))
		w.plan(s.from, path, func(ctx context.Context) error {
			return w.engine.Freeze(ctx, w.tester(), "the test has it frozen", time.Time{})
		})
		if s.to < forever {
			w.planEnd(s.to, path, func(ctx context.Context) error { return w.engine.Unfreeze(ctx, w.tester()) })
		}
	}
	for _, name := range sortedKeys(w.test.Holds) {
		w.hold(name)
	}
	for _, name := range sortedKeys(w.test.Out) {
		host, path := remedy.HostName(name), w.at("out", string(name))
		s, err := parseSpan(w.test.Out[name])
		if err != nil || !w.isHost(host, path) {
			continue
		}
		set := func(admin string) func(context.Context) error {
			return func(context.Context) error {
				for _, pool := range w.poolsOf(host) {
					w.lb.set(place{pool, host}, admin)
				}
				return nil
			}
		}
		w.plan(s.from, path, set(byHand))
		if s.to < forever {
			w.planEnd(s.to, path, set(ready))
		}
	}
	for i := range w.test.Do {
		d, path := &w.test.Do[i], w.at("do", config.Element(i))
		if w.isHost(d.Host, append(path, "host")) {
			w.plan(d.At.Std(), path, func(ctx context.Context) error { return w.carryOut(ctx, d) })
		}
	}
	slices.SortStableFunc(w.deeds, func(a, b deed) int { return int(a.at - b.at) })
}

// hold lays out a hold on a host or a pool.
func (w *world) hold(name config.Text) {
	path := w.at("holds", string(name))
	s, err := parseSpan(w.test.Holds[name])
	if err != nil {
		return
	}
	var targets []ledger.HoldSet
	if _, isPool := w.hosts[remedy.PoolName(name)]; isPool {
		targets = append(targets, ledger.HoldSet{Pool: remedy.PoolName(name)})
	} else if w.isHost(remedy.HostName(name), path) {
		for _, pool := range w.poolsOf(remedy.HostName(name)) {
			targets = append(targets, ledger.HoldSet{Pool: pool, Host: remedy.HostName(name)})
		}
	}
	w.plan(s.from, path, func(ctx context.Context) error {
		for _, t := range targets {
			if err := w.engine.Hold(ctx, w.tester(), target(t), "the test holds it", w.test.start.Add(s.to)); err != nil {
				return err
			}
		}
		return nil
	})
}

// isHost says so when no pool has the host.
func (w *world) isHost(h remedy.HostName, path []string) bool {
	if w.poolsOf(h) != nil {
		return true
	}
	w.bad(path, "no pool has a host %q%s", h, config.Meant(string(h), w.allHosts()))
	return false
}

// carryOut has a person do something about a host's case.
func (w *world) carryOut(ctx context.Context, d *Deed) error {
	var found *ledger.Case
	for _, c := range w.open() {
		fits := c.Stage == remedy.StageWaiting
		if d.Verb == "undo" {
			fits = c.Stage == remedy.StageOut || c.Stage == remedy.StageVerifying
		}
		if c.Host == d.Host && (found == nil || fits) {
			found = c
		}
	}
	if found == nil {
		return fmt.Errorf("%s has no open case to %s", d.Host, d.Verb)
	}
	by := w.someone(d.By)
	if d.Verb == "undo" {
		return w.engine.Undo(ctx, by, found.ID, remedy.UndoReason(d.Reason))
	}
	return w.engine.Answer(ctx, by, ledger.CaseAnswer{Case: found.ID, Approve: d.Verb == "approve", PlanHash: found.PlanHash, Reason: d.Reason})
}
