package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"warden/actions"
	"warden/internal/chat"
	"warden/internal/command"
	"warden/internal/config"
	"warden/internal/doctor"
	"warden/internal/remedy"
	"warden/internal/web"
)

// unhinted is an action without the hints that were put around it.
func unhinted(a actions.Action) actions.Action {
	if h, ok := a.(hinted); ok {
		return h.Action
	}
	return a
}

// program looks whether a program may be run: see command.CheckExecutable.
func (w *ward) program(path string) error { return command.CheckExecutable(path) }

// decidedLately is how old a decision may be that tells how the clocks are.
const decidedLately = 10 * time.Minute

// askAgent asks the running agent how it and its cluster are. The config is the
// file's; nil when it can't be loaded.
func (p *program) askAgent(file *config.Config) func(context.Context) []doctor.Result {
	return func(ctx context.Context) []doctor.Result {
		client, err := p.dial()
		if err != nil {
			return []doctor.Result{doctor.Bad(doctor.Unknown, "", "give the agent's socket with $WARDEN_SOCKET", "%v", err)}
		}
		defer client.Close()
		client.Observe = nil
		ctx, cancel := context.WithTimeoutCause(ctx, p.flags.timeout, errTimeout)
		defer cancel()
		s, err := client.Status(ctx)
		if err != nil {
			why := err.Error()
			if errors.Is(err, errTimeout) {
				why = "no answer within " + chat.Span(p.flags.timeout)
			}
			return []doctor.Result{doctor.Bad(doctor.Unknown, "", "start it, or give its socket with $WARDEN_SOCKET; `systemctl status warden` says why it isn't running", "no running agent says how the cluster is: %s", why)}
		}
		out := []doctor.Result{p.quorum(s), inForceOf(s, file), sameConfigs(s)}
		out = append(out, troubles(s)...)
		out = append(out, members(ctx, client, s)...)
		return append(out, p.clocks(ctx, client))
	}
}

// quorum is whether anything can be committed.
func (p *program) quorum(s *web.Status) doctor.Result {
	subject := string(s.Node)
	switch n := len(s.Raft.Voters); {
	case s.LeaderID == "" || s.NoQuorum != nil:
		return doctor.Bad(doctor.Fail, subject, "look at the other nodes, and at the network between them; docs/runbooks/quorum-lost.md", "it knows no leader: nothing is done, and nothing can be approved")
	case s.Behind != nil:
		return doctor.Bad(doctor.Warn, subject, "wait; if it lasts, look at the network between the nodes", "it is not up to date: %s", s.Behind.Text)
	case s.Freeze != nil:
		return doctor.Bad(doctor.Warn, subject, "lift it with `warden unfreeze` when its reason is gone", "it runs, and is frozen by %s: %s", s.Freeze.By.Name, s.Freeze.Reason)
	case n > 1 && s.Raft.CanLose == 0:
		return doctor.Bad(doctor.Warn, subject, "add a node, or bring back the one that is down: three or five voters can lose some", "%s leads %d voters, and none may be lost", s.LeaderID, n)
	default:
		return doctor.Good(subject, "%s leads %s, %d can be lost; up %s", s.LeaderID, count(n, "voter"), s.Raft.CanLose, chat.Span(time.Duration(s.UptimeSec*float64(time.Second))))
	}
}

// inForceOf is whether the agent runs the file that was looked at.
func inForceOf(s *web.Status, file *config.Config) doctor.Result {
	const subject = "config"
	switch {
	case file == nil:
		return doctor.Bad(doctor.Unknown, subject, "mend the config first", "the agent has %s in force; the file can't be loaded", s.ConfigHash)
	case file.Hash() != s.ConfigHash:
		return doctor.Bad(doctor.Warn, subject, "see `warden policy diff`, then `warden reload`; or give the agent's file with --config", "the agent has %s in force, and the file is %s", s.ConfigHash, file.Hash())
	}
	return doctor.Good(subject, "the file is in force: %s", s.ConfigHash)
}

// sameConfigs is whether all nodes have one config.
func sameConfigs(s *web.Status) doctor.Result {
	const subject = "configs of all nodes"
	for _, n := range s.Nodes {
		if n.ConfigHash != s.ConfigHash {
			return doctor.Bad(doctor.Warn, subject, "put the same file on every node and reload: until then the lowest level and the strictest limit hold", "%s", configs(s))
		}
	}
	if missing := len(s.Raft.Voters) - len(s.Nodes); missing > 0 {
		return doctor.Bad(doctor.Warn, subject, "start the nodes that are missing, or `warden operator raft remove-peer` them: until then every level is metric-only", "%s of %d voters has not reported its file", count(missing, "node"), len(s.Raft.Voters))
	}
	return doctor.Good(subject, "%s", configs(s))
}

// members are the other nodes, as this one sees them.
func members(ctx context.Context, client *web.Client, s *web.Status) []doctor.Result {
	if len(s.Raft.Voters) < 2 {
		return nil
	}
	peers, err := client.RaftPeers(ctx)
	if err != nil {
		return []doctor.Result{doctor.Bad(doctor.Unknown, "peers", "`warden operator raft list-peers` asks again", "%v", err)}
	}
	var out []doctor.Result
	for _, x := range peers.Peers {
		switch subject := string(x.ID); {
		case !x.Healthy:
			out = append(out, doctor.Bad(doctor.Warn, subject, "look at that node: `warden doctor` there, and its journal", "it is %s: %s", x.State, x.Why))
		default:
			out = append(out, doctor.Good(subject, "%s, %d entries behind", x.State, x.TrailsLeaderBy))
		}
	}
	return out
}

// clocks is what the newest decision says of them: the leader asks the others for
// each.
func (p *program) clocks(ctx context.Context, client *web.Client) doctor.Result {
	const subject = "clocks"
	unknown := func(format string, args ...any) doctor.Result {
		return doctor.Bad(doctor.Unknown, subject, "the guardrail clock of the next decision says it; until then, compare `date` on all nodes", format, args...)
	}
	cases, err := client.Cases(ctx, web.CaseQuery{Limit: 1})
	if err != nil {
		return unknown("%v", err)
	}
	if len(cases.Cases) == 0 {
		return unknown("no decision yet says how they are")
	}
	c, err := client.Case(ctx, cases.Cases[0].ID)
	if err != nil {
		return unknown("%v", err)
	}
	d := c.Case.Decision
	if d == nil || c.ServedAt.Sub(c.Case.ChangedAt) > decidedLately {
		return unknown("no decision of the last %s says how they are", chat.Span(decidedLately))
	}
	for _, a := range d.Answers {
		if a.Guardrail != "clock" {
			continue
		}
		seen := strings.TrimSpace(fmt.Sprintf("%s %s", a.Observed, a.Limit))
		if a.Effect != remedy.EffectAllow {
			return doctor.Bad(doctor.Fail, subject, "let NTP keep the clocks of all nodes; nothing is done until they agree", "%s, at the decision about %s", seen, c.Case.ID)
		}
		return doctor.Good(subject, "%s, at the decision about %s", seen, c.Case.ID)
	}
	return unknown("the newest decision says nothing of them")
}
