package web

import (
	"time"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// What alert rules about warden itself need: deploy/prometheus/warden-alerts.yml.
// All of it is committed, or of the config, so that every node says the same,
// and all of it is there at 0 before the first time.
var (
	mOldest   = metric{"warden_oldest_pending_seconds", "How long the oldest case has waited for a person's answer, or for its start; 0 while none waits.", []string{"action", "pool"}}
	mRunning  = metric{"warden_action_running_seconds", "How long the oldest execution has been running; 0 while none is. One of which nobody knows how it ended is not running.", []string{"action", "pool"}}
	mAllowed  = metric{"warden_action_allowed_seconds", "How long an execution may take, from START to the end of its effect.", []string{"action", "pool"}}
	mStorm    = metric{"warden_common_mode", "1 while so many hosts look bad at once that hands are off.", []string{"detector", "pool"}}
	mInterval = metric{"warden_detector_interval_seconds", "The time between two instants that the detector judges.", []string{"detector", "pool"}}
	mOutbox   = metric{"warden_outbox_messages", "Notices that people were not told yet, by where.", []string{"integration"}}
	mUntold   = metric{"warden_outbox_oldest_seconds", "How long the oldest of them has waited; 0 while there is none.", []string{"integration"}}
)

func watchMetrics() []metric {
	return []metric{mOldest, mRunning, mAllowed, mStorm, mBreaker, mInterval, mOutbox, mUntold}
}

// outbox sends what waits to be told on each surface.
func (x scrape) outbox(led *ledger.Ledger, now time.Time) {
	surfaces, _ := led.Surfaces()
	for _, s := range surfaces {
		pending, oldest := led.PendingFor(s), 0.0
		for _, n := range pending {
			oldest = max(oldest, now.Sub(n.At).Seconds())
		}
		x.gauge(mOutbox, float64(len(pending)), string(s))
		x.gauge(mUntold, oldest, string(s))
	}
}

// judging sends how often the detectors judge.
func (x scrape) judging(cfg *engine.Config) {
	for _, d := range cfg.Detectors {
		spec := d.Spec()
		if spec.Proposes == "" {
			continue // it judges when it is asked
		}
		for _, pool := range spec.Pools {
			x.gauge(mInterval, spec.Interval.Seconds(), string(spec.Name), string(pool))
		}
	}
}

// delays sends how long the cases of a pool have waited and run.
func (x scrape) delays(p *poolPicture, cfg *engine.Config, now time.Time) {
	waiting, running, allowed := map[remedy.ActionName]float64{}, map[remedy.ActionName]float64{}, map[remedy.ActionName]float64{}
	for name, a := range cfg.Actions {
		if _, ok := a.Levels[p.name]; ok {
			waiting[name], running[name] = 0, 0
			allowed[name] = (a.Spec.StartWithin + a.Spec.Timeout).Seconds()
		}
	}
	for _, c := range p.status.Open {
		run := c.Execution()
		switch {
		case c.Stage == remedy.StageWaiting && c.Ask != nil:
			waiting[c.Action] = max(waiting[c.Action], now.Sub(c.Ask.AskedAt).Seconds())
		case c.Stage == remedy.StageExecuting && run != nil && run.Outcome == "":
			running[c.Action] = max(running[c.Action], now.Sub(run.StartedAt).Seconds())
			// What its START says holds, whatever the config says by now.
			allowed[c.Action] = max(allowed[c.Action], (run.StartWithin + run.RunWithin).Seconds())
		}
	}
	send := func(m metric, by map[remedy.ActionName]float64) {
		for name, v := range by {
			x.gauge(m, v, string(name), string(p.name))
		}
	}
	send(mOldest, waiting)
	send(mRunning, running)
	send(mAllowed, allowed)
}

// storms sends, for each detector of a pool, whether it has hands off.
func (x scrape) storms(p *poolPicture, cfg *engine.Config) {
	on := map[remedy.DetectorName]bool{}
	for _, d := range cfg.Detectors {
		spec := d.Spec()
		if spec.Proposes == "" {
			continue
		}
		for _, pool := range spec.Pools {
			if pool == p.name {
				on[spec.Name] = false
			}
		}
	}
	for _, s := range p.status.Storms {
		on[s.Detector] = s.On
	}
	for name, v := range on {
		x.gauge(mStorm, bit(v), string(name), string(p.name))
	}
}
