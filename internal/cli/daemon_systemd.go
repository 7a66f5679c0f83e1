package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"warden/internal/cluster"
	"warden/internal/config"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/systemd"
)

const (
	// watchSlack is what the signs of life may be late for want of a processor,
	// of memory, or because judging a large fleet takes its time.
	watchSlack = time.Minute
	// answerWithin bounds one question to raft.
	answerWithin = 10 * time.Second
	// fetchedAtOnce is how many queries a source is asked at a time, at the
	// least, and queriesEach how many one detector has for one pool, at the most.
	fetchedAtOnce, queriesEach = 4, 12
)

// newSupervisor makes what keeps systemd informed.
func (d *daemon) newSupervisor() *systemd.Supervisor {
	l := &lookout{d: d}
	return systemd.New(systemd.Options{Notifier: d.Notifier, Look: l.look, Clock: d.Clock, Logger: d.Logger.Named("systemd")})
}

// supervise says that the daemon is ready, which means that its config is
// loaded, its log open and its listeners are too, and not that there is a
// leader: the first node of a cluster that starts would wait for ever. What it
// returns ends the supervision, when the process may as well.
func (d *daemon) supervise(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.supervisor.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// drainWithin is how long what runs is waited for: the longest execution, and more.
func (d *daemon) drainWithin() time.Duration {
	return d.engine.Config().LongestExecution() + stopSlack
}

// lookout looks whether the daemon gets on. One goroutine uses it.
type lookout struct {
	d       *daemon
	answers uint64 // how often raft has answered
}

// look asks everything that has to move whether it does. It may hang with what
// it asks.
func (l *lookout) look(ctx context.Context) systemd.Sample {
	d := l.d
	if err := l.ask(ctx); err == nil {
		l.answers++
	}
	s, err := d.node.Status()
	file, cfg := d.File(), d.engine.Config()
	return systemd.Sample{
		Signs: []systemd.Sign{
			// Rounds are run whether this node leads or not, and nothing here needs traffic.
			{Name: "evaluation", Mark: strconv.FormatUint(d.engine.Pulse(), 10), Within: cfg.Standstill(fetchWithin(file)) + watchSlack},
			{Name: "applying the log", Mark: strconv.FormatUint(s.AppliedIndex, 10), Idle: err == nil && s.AppliedIndex >= s.CommitIndex, Within: watchSlack},
			{Name: "raft", Mark: strconv.FormatUint(l.answers, 10), Within: watchSlack},
		},
		Status: statusLine(d.standing(s.Leader, s.LeaderID, len(s.Voters))),
	}
}

func (l *lookout) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return l.d.node.Answers(ctx)
}

// fetchWithin is how long asking the sources for one round may take at the
// longest. They are asked at the same time, each a few queries at a time.
func fetchWithin(c *config.Config) time.Duration {
	queries := map[remedy.SourceName]int{}
	for _, det := range c.Detectors {
		queries[det.Source] += queriesEach * max(1, len(det.Pools))
	}
	for _, b := range c.Guardrails.BlockWhen {
		queries[b.Source] += 2
	}
	var longest time.Duration
	for name, n := range queries {
		rounds := (n + fetchedAtOnce - 1) / fetchedAtOnce
		longest = max(longest, time.Duration(rounds)*c.Sources[name].Timeout.Std())
	}
	return longest
}

// standing is what the status line says.
type standing struct {
	leader    bool
	leaderID  remedy.NodeID
	voters    int
	replaying bool
	behind    bool // no leader has brought this node up to date since it started
	apart     bool // it belongs to no cluster yet
	waiting   int
	out       int
	unknown   int
	freeze    *ledger.Freeze
	// refused says that the newest config was not loaded.
	refused bool
}

func (d *daemon) standing(leader bool, leaderID remedy.NodeID, voters int) standing {
	ready := d.node.Ready()
	s := standing{leader: leader, leaderID: leaderID, voters: voters, replaying: ready != nil, freeze: d.ledger.Status().Freeze}
	_, s.behind = errors.AsType[*cluster.BehindError](ready)
	s.apart = errors.Is(ready, cluster.ErrNoCluster)
	d.mu.Lock()
	s.refused = !d.reload.OK
	d.mu.Unlock()
	for _, c := range d.ledger.Cases(ledger.CaseFilter{Open: true}) {
		switch {
		case c.Stage == remedy.StageWaiting:
			s.waiting++
		case c.UnknownExecution():
			s.unknown++
		}
	}
	for name := range d.engine.Config().Pools {
		s.out += len(d.ledger.Pool(name, d.Clock.Now()).Out)
	}
	return s
}

// statusLine is what `systemctl status` shows.
func statusLine(s standing) string {
	var parts []string
	switch {
	case s.leader && s.voters > 1:
		parts = append(parts, fmt.Sprintf("leader of %d voters", s.voters))
	case s.leader:
		parts = append(parts, "leader, alone")
	case s.leaderID != "":
		parts = append(parts, fmt.Sprintf("follower of %s, %d voters", s.leaderID, s.voters))
	default:
		parts = append(parts, "no leader: nothing is done")
	}
	switch {
	case s.apart:
		return strings.Join(append(parts, "in no cluster yet: see warden operator raft list-peers"), ", ")
	case s.behind:
		return strings.Join(append(parts, "not up to date since its start"), ", ")
	case s.replaying:
		// What follows would be from before.
		return strings.Join(append(parts, "replaying the log"), ", ")
	}
	parts = append(parts, fmt.Sprintf("%d waiting", s.waiting), hostsOut(s.out))
	if s.unknown > 0 {
		parts = append(parts, fmt.Sprintf("%d UNKNOWN", s.unknown))
	}
	if s.freeze != nil {
		parts = append(parts, "FROZEN by "+s.freeze.By.Name)
	} else {
		parts = append(parts, "not frozen")
	}
	if s.refused {
		parts = append(parts, "the newest config was NOT loaded")
	}
	return strings.Join(parts, ", ")
}

func hostsOut(n int) string {
	if n == 1 {
		return "1 host out"
	}
	return fmt.Sprintf("%d hosts out", n)
}
