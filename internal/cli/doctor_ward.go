package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"warden/internal/annotate"
	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/config"
	"warden/internal/doctor"
	"warden/internal/engine"
	"warden/internal/pager"
	"warden/internal/peertls"
	"warden/internal/remedy"
	"warden/internal/webhook"
)

// ward is what a config stands for, while it is looked at.
type ward struct {
	p       *program
	file    *config.Config
	made    *engine.Config
	env     config.Env
	node    string
	machine doctor.Machine
}

// files looks at the secrets, programs, sockets and directories that are named.
func (w *ward) files(context.Context) []doctor.Result {
	report := config.CheckFiles(w.file, w.node, w.env)
	out := doctor.Problems(report, "every file that the config names is there, and its secrets are nobody else's")
	dir, ok := w.env("CREDENTIALS_DIRECTORY")
	for i, r := range out {
		if (!ok || dir == "") && strings.Contains(r.Seen, "$CREDENTIALS_DIRECTORY, which is not set") {
			// That is how it is outside of the unit, and says nothing about it.
			out[i].Status, out[i].Fix = doctor.Unknown, "while the unit runs, run this as root: systemd has its credentials in /run/credentials/warden.service"
		}
	}
	return out
}

// sources has each detector judge once, as the agent would, and asks the sources
// that no detector uses for their canary_target.
func (w *ward) sources(ctx context.Context) []doctor.Result {
	var out []doctor.Result
	for _, name := range sortedKeys(w.made.Sources) {
		judged := false
		for _, d := range w.made.Detectors {
			if spec := d.Spec(); spec.Source == name {
				judged = true
				for _, pool := range spec.Pools {
					out = append(out, w.judge(ctx, name, spec.Name, pool))
				}
			}
		}
		if !judged {
			out = append(out, doctor.Bad(doctor.Warn, string(name), "remove it, or let a detector use it", "no detector asks it"))
		}
	}
	return out
}

// judge has one detector judge one pool, and says how fresh the data was.
func (w *ward) judge(ctx context.Context, source remedy.SourceName, detector remedy.DetectorName, pool remedy.PoolName) doctor.Result {
	subject := fmt.Sprintf("%s, for %s on %s", source, detector, pool)
	fix := fmt.Sprintf("`warden detector test %s --pool %s --config FILE` shows what was asked and answered", detector, pool)
	now := w.p.clock.Now()
	t, err := engine.Try(ctx, w.made, engine.TrialQuery{Detector: detector, Pool: pool}, now, func(remedy.HostName) remedy.ServiceState { return remedy.ServiceUnknown })
	if err != nil {
		return doctor.Bad(doctor.Unknown, subject, "mend the pool's inventory first", "%v", err)
	}
	for _, a := range t.Asked {
		if a.Failed != "" {
			return doctor.Bad(doctor.Fail, subject, fix, "%s", a.Failed)
		}
	}
	if t.Failed != "" {
		return doctor.Bad(doctor.Fail, subject, fix, "%s", t.Failed)
	}
	var newest time.Time
	unseen := 0
	for i := range t.Findings {
		f := &t.Findings[i]
		if f.Newest.IsZero() {
			unseen++
		} else if f.Newest.After(newest) {
			newest = f.Newest
		}
	}
	seen := fmt.Sprintf("data of %d of %d hosts", len(t.Findings)-unseen, len(t.Findings))
	if !newest.IsZero() {
		seen += fmt.Sprintf(", the newest %s old", chat.Span(max(0, now.Sub(newest)).Round(time.Second)))
	}
	switch {
	case unseen == len(t.Findings):
		return doctor.Bad(doctor.Fail, subject, fix+", and names that match no host", "%s", seen)
	case now.Sub(newest) < -w.made.MaxClockOffset:
		return doctor.Bad(doctor.Fail, subject, "set this machine's clock, or the source's, by NTP", "its newest data are %s in the future: the clocks differ", chat.Span(newest.Sub(now)))
	case unseen > 0:
		return doctor.Bad(doctor.Warn, subject, fix, "%s", seen)
	}
	return doctor.Good(subject, "%s", seen)
}

// inventories reads each pool's list of hosts.
func (w *ward) inventories(ctx context.Context) []doctor.Result {
	var out []doctor.Result
	for _, name := range sortedKeys(w.made.Pools) {
		p := w.made.Pools[name]
		hosts, err := p.Inventory.Hosts(ctx)
		switch n := len(hosts); {
		case err != nil:
			out = append(out, doctor.Bad(doctor.Fail, string(name), "mend pools."+string(name)+".inventory, or what it reads: the pool is blocked meanwhile", "%v", err))
		case n == 0:
			out = append(out, doctor.Bad(doctor.Fail, string(name), "mend pools."+string(name)+".inventory: an empty list never means that there are none, and the pool is blocked", "the list is empty"))
		case n <= p.Limits.MinInService:
			out = append(out, doctor.Bad(doctor.Warn, string(name), "use a lower min_in_service, if that is not what you want", "%s, and min_in_service %d: none can be taken out", count(n, "host"), p.Limits.MinInService))
		default:
			out = append(out, doctor.Good(string(name), "%s, floor %d, %d out at most", count(n, "host"), p.Limits.MinInService, p.Limits.MaxOut))
		}
	}
	return out
}

// actions looks whether each action's backend answers in each pool, and whether
// warden may change it.
func (w *ward) actions(ctx context.Context) []doctor.Result {
	var out []doctor.Result
	for _, name := range sortedKeys(w.made.Actions) {
		a := w.made.Actions[name]
		for _, pool := range sortedKeys(a.Levels) {
			out = append(out, w.action(ctx, name, pool, a))
		}
	}
	return out
}

func (w *ward) action(ctx context.Context, name remedy.ActionName, pool remedy.PoolName, a engine.Action) doctor.Result {
	subject := fmt.Sprintf("%s on %s", name, pool)
	fix := fmt.Sprintf("mend what actions.%s leads to: without its answer nothing is done there", name)
	if checker, ok := unhinted(a.Action).(interface {
		Check(ctx context.Context, pool remedy.PoolName) error
	}); ok {
		if err := checker.Check(ctx, pool); err != nil {
			return doctor.Bad(doctor.Fail, subject, fix, "%v", err)
		}
		return doctor.Good(subject, "its load balancers answer, and let warden change them")
	}
	for key, argv := range map[string][]string{"run": w.file.Actions[name].Run, "undo": w.file.Actions[name].Undo} {
		if len(argv) == 0 {
			continue
		}
		if err := w.program(argv[0]); err != nil {
			return doctor.Bad(doctor.Fail, subject, fmt.Sprintf("mend actions.%s.%s, or the program", name, key), "%v", err)
		}
	}
	hosts, err := w.made.Pools[pool].Inventory.Hosts(ctx)
	if err != nil || len(hosts) == 0 {
		return doctor.Bad(doctor.Unknown, subject, "mend the pool's inventory first", "nobody knows its hosts")
	}
	got, err := a.Observe(ctx, pool, []remedy.HostName{hosts[0].Name})
	switch _, there := got[hosts[0].Name]; {
	case err != nil:
		return doctor.Bad(doctor.Fail, subject, fix, "%v", err)
	case !there:
		return doctor.Bad(doctor.Unknown, subject, "look whether it should know that host", "its programs can be run, and it says nothing of %s", hosts[0].Name)
	}
	return doctor.Good(subject, "its programs can be run, and it says how %s is", hosts[0].Name)
}

// programsOf are the programs that a config's actions start; none without one.
func programsOf(file *config.Config) []doctor.Program {
	if file == nil {
		return nil
	}
	var out []doctor.Program
	for _, name := range sortedKeys(file.Actions) {
		a := file.Actions[name]
		for _, argv := range [][]string{a.Plan, a.Run, a.Observe, a.ObserveAll, a.Undo, a.Verify.Command} {
			if len(argv) > 0 {
				out = append(out, doctor.Program{Action: string(name), Path: argv[0]})
			}
		}
	}
	return out
}

// approvers looks who of those that may say yes is anybody.
func (w *ward) approvers(context.Context) []doctor.Result {
	var out []doctor.Result
	for _, name := range sortedKeys(w.file.Actions) {
		levels := w.file.Levels(name)
		asks := slices.ContainsFunc(sortedKeys(levels), func(p remedy.PoolName) bool { return levels[p] >= remedy.LevelConfirm })
		r := w.machine.Approvers(string(name), w.file.ApproversOf(name), w.file.ApprovalsOf(name))
		if !asks && r.Status == doctor.Fail { // nobody is asked yet
			r.Status = doctor.Warn
		}
		out = append(out, r)
	}
	return out
}

// certificates looks how long the certificates between nodes are good for.
func (w *ward) certificates(context.Context) []doctor.Result {
	var out []doctor.Result
	c := w.file.Cluster
	for _, file := range []string{c.TLSCertFile, c.TLSCAFile} {
		if file == "" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			out = append(out, doctor.Bad(doctor.Fail, file, "`warden operator tls` makes it", "it can't be read: %v", errors.Unwrap(err)))
			continue
		}
		infos, err := peertls.Show(data)
		if err != nil {
			out = append(out, doctor.Bad(doctor.Fail, file, "put a certificate in PEM form there: `warden operator tls` makes one", "it %v", err))
			continue
		}
		for _, i := range infos {
			fix := "make a new one with `warden operator tls cert create` and replace the file: it is read again while warden runs"
			if i.Authority {
				fix = "make a new authority with `warden operator tls ca create`, and have every node trust both before the first certificate of it is used"
			}
			out = append(out, doctor.Certificate(fmt.Sprintf("%s (%s)", i.Subject, file), fix, i.NotBefore, i.NotAfter, w.p.clock.Now()))
		}
	}
	return out
}

// outside are the checks of whom warden tells what happened.
func (w *ward) outside() []doctor.Check {
	var checks []doctor.Check
	places, err := placesOf(w.file, w.env)
	for _, p := range places {
		checks = append(checks, annotate.Check(p.Place, w.p.clock.Now))
	}
	if err != nil {
		checks = append(checks, doctor.Check{Name: "annotations", Run: func(context.Context) []doctor.Result {
			return []doctor.Result{doctor.Bad(doctor.Fail, "", "mend [annotations] in the config", "%v", err)}
		}})
	}
	if w.file.Chat.Slack.Enabled {
		var all []remedy.Approver
		for _, name := range sortedKeys(w.file.Actions) {
			all = append(all, w.file.ApproversOf(name)...)
		}
		checks = append(checks, slack.Checks(slackSettings(w.file, w.env), all, nil)...)
	}
	if w.file.PagerDuty.Enabled {
		checks = append(checks, pager.New(pager.Options{Clock: w.p.clock, Logger: zap.NewNop()}).Checks(pagerSettings(w.file, w.env))...)
	}
	for _, h := range w.file.Webhooks {
		o, err := webhookOf(w.file, h, w.env)
		if err != nil {
			checks = append(checks, doctor.Check{Name: "webhook", Run: func(context.Context) []doctor.Result {
				return []doctor.Result{doctor.Bad(doctor.Fail, h.Name, "mend it in the config", "%v", err)}
			}})
			continue
		}
		checks = append(checks, webhook.Check(o))
	}
	if w.file.Heartbeat.URLFile.IsSet() {
		checks = append(checks, doctor.Check{Name: "heartbeat", Run: func(context.Context) []doctor.Result {
			if _, err := w.file.HeartbeatURL(w.env); err != nil {
				return []doctor.Result{doctor.Bad(doctor.Fail, "", "write the whole address that the watcher gave into url_file", "%v", err)}
			}
			return []doctor.Result{doctor.Good("", "its address can be read; it is not asked, for that would say that warden works")}
		}})
	}
	return checks
}
