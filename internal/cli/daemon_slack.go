package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// newSlack makes the node's side of Slack. It lives as long as the daemon, and
// asks for the settings whenever it needs them.
func (d *daemon) newSlack() *slack.Slack {
	return slack.New(slack.Options{
		Settings:  d.slackSettings,
		ClusterID: func() string { return d.ledger.Status().ClusterID },
		Leader: func() bool {
			id, _ := d.Machine.leader(d.node)
			return id != ""
		},
		Case:    func(id remedy.CaseID) (*ledger.Case, bool) { return d.ledger.Case(id) },
		Against: func(c *ledger.Case) ledger.Standing { return d.ledger.Standing(c) },
		Desk:    slackDesk{d},
		HomeOf:  func(by remedy.Actor) slack.Home { return slack.HomeOf(d.ledger, by) },
		Refused: d.clicks.note,
		Clock:   d.Clock,
		Wire:    clock.System(),
		Logger:  d.Logger.Named("slack"),
		Dial:    d.Machine.Dial,
	})
}

// slackCouriers is Slack where a config file wants it.
func (d *daemon) slackCouriers(file *config.Config) []chat.Courier {
	var out []chat.Courier
	if file.Chat.Slack.Enabled {
		out = append(out, d.slack)
	}
	return out
}

// slackSettings are the settings of [chat.slack] in force; none where it is off.
func (d *daemon) slackSettings() slack.Settings {
	file := d.File()
	if file == nil || !file.Chat.Slack.Enabled {
		return slack.Settings{}
	}
	set := slackSettings(file, d.Env)
	d.mu.Lock()
	defer d.mu.Unlock()
	set.Templates = d.templates
	return set
}

// slackSettings are what a config file says of Slack.
func slackSettings(file *config.Config, env config.Env) slack.Settings {
	s := file.Chat.Slack
	secret := func(which func(config.SlackSecrets) config.Secret) func() (string, error) {
		return func() (string, error) {
			all, err := file.SlackSecrets(env)
			return which(all).Reveal(), err
		}
	}
	return slack.Settings{
		HTTP:          s.Mode == config.SlackHTTP,
		BotToken:      secret(func(x config.SlackSecrets) config.Secret { return x.BotToken }),
		AppToken:      secret(func(x config.SlackSecrets) config.Secret { return x.AppToken }),
		SigningSecret: secret(func(x config.SlackSecrets) config.Secret { return x.SigningSecret }),
		Cluster:       file.Cluster.Name,
		Channel:       s.Channel, Channels: s.Channels, Summary: s.SummaryChannel,
		Tone: chat.Tone(s.Tone), Zone: s.Zone(), ComplainEvery: s.ComplainAtMostEvery.Std(), Budget: s.BudgetPerHour,
		AskReason: file.Approvals.AskReasonOnDeny, APIURL: s.APIURL, People: file.UnixOf, MaxSnooze: file.Approvals.MaxSnooze.Std(),
	}
}

// slackDesk does what people ask for in Slack as the unix socket would.
type slackDesk struct{ d *daemon }

// Do implements slack.Desk.
func (s slackDesk) Do(ctx context.Context, by remedy.Actor, w slack.Wish) error {
	c, err := s.d.server.As(by)
	if err != nil {
		return err
	}
	// Here the others are no wishes.
	//exhaustive:ignore
	switch w.Verb {
	case chat.VerbApprove:
		_, err = c.Approve(ctx, w.Case, web.ApproveRequest{PlanHash: w.Plan, Reason: w.Reason, Question: w.Question, Seen: w.Seen})
	case chat.VerbDeny:
		_, err = c.Deny(ctx, w.Case, web.DenyRequest{Reason: w.Reason, Question: w.Question})
	case chat.VerbSnooze:
		_, err = c.Snooze(ctx, w.Case, web.SnoozeRequest{Seconds: int64(min(w.For, s.d.File().Approvals.MaxSnooze.Std()) / time.Second), Reason: w.Reason, Question: w.Question})
	case chat.VerbCancel:
		_, err = c.Cancel(ctx, w.Case, web.CancelRequest{Reason: w.Reason})
	case chat.VerbUndo:
		_, err = c.Undo(ctx, w.Case, web.UndoRequest{})
	case chat.VerbRight:
		_, err = c.Label(ctx, w.Case, web.LabelRequest{Label: "right", Note: w.Reason})
	case chat.VerbWrong:
		_, err = c.Label(ctx, w.Case, web.LabelRequest{Label: "wrong", Note: w.Reason})
	case chat.VerbDid:
		_, err = c.Label(ctx, w.Case, web.LabelRequest{Label: "right", Note: "done by hand"})
	case chat.VerbRun:
		_, err = c.Run(ctx, web.RunRequest{Action: w.Action, Host: w.Host, Reason: w.Reason, PlanHash: w.Plan, Once: w.Once})
	case chat.VerbHold, chat.VerbOnIt:
		err = s.hold(ctx, c, w)
	default:
		err = fmt.Errorf("%q is nothing that can be asked for by a button; use the command line", w.Verb)
	}
	if _, ok := errors.AsType[*web.APIError](err); err != nil && !ok {
		return &slack.Lost{Err: err}
	}
	return slackRefusal(err, err)
}

// slackRefusal is an error for who asked in Slack, of the kind that its cause has:
// whether somebody else may, or whether nobody knows if it was done.
func slackRefusal(said, cause error) error {
	refused, ok := errors.AsType[*web.APIError](cause)
	switch {
	case said == nil:
		return nil
	case ok && refused.Status == http.StatusForbidden:
		return &slack.NotYours{Err: said}
	case ok && refused.Code == ledger.RefusedSuperseded:
		return &slack.Outdated{Err: said}
	case ok && refused.Status >= http.StatusInternalServerError, errors.Is(cause, web.ErrUnreachable), errors.Is(cause, errTimeout):
		return &slack.Lost{Err: said}
	}
	return said
}

// hold keeps warden's hands off a case's host, in the name of who asks.
func (s slackDesk) hold(ctx context.Context, client *web.Client, w slack.Wish) error {
	c, ok := s.d.ledger.Case(w.Case)
	if !ok {
		return fmt.Errorf("%s is gone from the ledger: hold its host by name, with `warden hold HOST %s --reason TEXT`", w.Case, w.For)
	}
	_, err := client.Hold(ctx, web.HoldRequest{Target: string(c.Host), Pool: c.Pool, For: config.Duration(w.For).String(), Reason: w.Reason})
	return err
}

// Ask implements slack.Desk: it runs the command that the words stand for, as the
// person who said them.
func (s slackDesk) Ask(ctx context.Context, by remedy.Actor, k chat.Command) (slack.Reply, error) {
	client, err := s.d.server.As(by)
	if err != nil {
		return slack.Reply{}, err
	}
	var out, errs bytes.Buffer
	p := &program{
		env: func(string) (string, bool) { return "", false }, in: strings.NewReader(""), out: &out, err: &errs, clock: s.d.Clock,
		local: s.d.File().Chat.Slack.Zone(), client: client,
	}
	args := append([]string{"--no-input", "--no-color", "--tz=" + s.d.File().Chat.Slack.Timezone}, k.Args...)
	if code, err := p.attempt(ctx, args); code != ExitOK {
		said := errors.New(strings.TrimPrefix(strings.TrimSpace(noteOf(errs.String(), out.String())), "warden: "))
		return slack.Reply{}, slackRefusal(said, err)
	}
	reply := slack.Reply{Text: noteOf(out.String(), errs.String())}
	switch {
	case k.Action != "":
		if show, err := client.PreviewRun(ctx, web.RunRequest{Action: k.Action, Host: remedy.HostName(k.Host), Reason: k.Reason}); err == nil && show.Allowed {
			reply.Plan = show.PlanHash
		}
	case k.Word == "":
		now, err := client.Status(ctx)
		if err != nil {
			return slack.Reply{}, err
		}
		for _, w := range now.Waiting {
			reply.Waiting = append(reply.Waiting, w.ID)
		}
		reply.Links = slack.LinksOf(s.d.ledger)
	}
	return reply, nil
}

// noteOf is the first text that says something.
func noteOf(texts ...string) string {
	for _, t := range texts {
		if strings.TrimSpace(t) != "" {
			return t
		}
	}
	return ""
}
