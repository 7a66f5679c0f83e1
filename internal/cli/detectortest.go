package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/engine"
	"warden/internal/remedy"
	"warden/internal/web"
)

// asking is where a command that asks sources gets its answer from: a running
// warden, or a config file and the sources themselves.
type asking struct {
	config string
	at     string
}

func (a *asking) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.at, "at", "", "at this `TIME`: 02:40, '2026-11-20 02:40' or RFC 3339; now unless given")
	cmd.Flags().StringVar(&a.config, "config", "", "ask the sources of this `FILE` from here, without a running warden; run it as warden's user")
}

// when is the instant that was asked for; zero for now.
func (a *asking) when(p *program) (time.Time, error) {
	if a.at == "" {
		return time.Time{}, nil
	}
	t, err := parseAt(a.at, p.clock.Now(), p.printer.zone)
	if err != nil {
		return t, &usageError{err}
	}
	return t, nil
}

// offline makes what a config file stands for.
func (a *asking) offline(p *program) (*engine.Config, error) {
	cfg, _, err := p.loadConfig(a.config)
	if err != nil {
		return nil, err
	}
	return builder{clock: p.clock, env: p.env}.build(cfg)
}

func (p *program) newDetectorCommand() *cobra.Command {
	return group("detector", "Try detectors", groupAuthor, p.newDetectorTestCommand())
}

func (p *program) newDetectorTestCommand() *cobra.Command {
	var from asking
	var pool, host string
	cmd := &cobra.Command{
		Use: "test NAME", Short: "Have a detector judge once, and show its arithmetic", Args: cobra.ExactArgs(1),
		Example: `  warden detector test canary_missing
  warden detector test canary_missing --host ingest-17 --at 02:40
  warden detector test canary_missing --config ./warden.toml`,
		Long: `Have a detector judge once, on fresh answers: every host's verdict with its numbers, the
series that belong to no host, and, with --host, what it saw at each instant it looked at.
Where a number in the config is plainly off, a line to paste is proposed. Nothing is done
about any host.

A running warden is asked, unless --config names a file: then its sources are asked from
here, with what this machine may read, and nobody knows who is out of service.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := from.when(p)
			if err != nil {
				return err
			}
			q := engine.TrialQuery{Detector: remedy.DetectorName(args[0]), Pool: remedy.PoolName(pool), Host: remedy.HostName(host), At: at}
			t, err := p.try(cmd.Context(), from, q)
			if err != nil {
				return err
			}
			if p.printer.asJSON() {
				return p.printer.object(t)
			}
			p.showTrial(t, q.Host)
			return nil
		},
	}
	cmd.Flags().StringVar(&host, "host", "", "show the arithmetic for this `HOST`")
	cmd.Flags().StringVar(&pool, "pool", "", "the `POOL` to judge, if the detector judges several")
	from.flags(cmd)
	return cmd
}

func (p *program) try(ctx context.Context, from asking, q engine.TrialQuery) (*web.Trial, error) {
	if from.config == "" {
		client, err := p.dial()
		if err != nil {
			return nil, err
		}
		defer client.Close()
		return read(ctx, p, func(ctx context.Context) (*web.Trial, error) {
			return client.TestDetector(ctx, q.Detector, q.Pool, q.Host, q.At)
		})
	}
	cfg, err := from.offline(p)
	if err != nil {
		return nil, err
	}
	now := p.clock.Now()
	return read(ctx, p, func(ctx context.Context) (*web.Trial, error) {
		t, err := engine.Try(ctx, cfg, q, now, func(remedy.HostName) remedy.ServiceState { return remedy.ServiceUnknown })
		if err != nil {
			return nil, err
		}
		return &web.Trial{Schema: web.SchemaTrial, ServedAt: now, Trial: *t}, nil
	})
}

func (p *program) showTrial(t *web.Trial, host remedy.HostName) {
	o := p.printer
	o.line(o.paint(bold, say("%s (%s) judges pool %s at %s, on source %s", t.Detector, t.Kind, t.Pool, o.stamp(t.At), t.Source)))
	rows := make([][]cell, 0, len(t.Asked))
	for _, a := range t.Asked {
		rows = append(rows, []cell{c("%s", a.Query), c("%s", joined(": ", seriesWords(a.Series), a.Failed))})
	}
	o.table("  ", nil, rows)
	if t.Failed != "" {
		o.line(o.paint(red, say("  not believed: %s", t.Failed)))
	}
	o.line("")
	rows = rows[:0]
	for i := range t.Findings {
		f := &t.Findings[i]
		if host != "" && f.Host != host {
			continue
		}
		verdict := f.Verdict.String()
		rows = append(rows, []cell{c("%s", f.Host), c("%s", verdict).in(styleOfVerdict(verdict)), c("%s", chat.FindingSentence(*f)), c("%s", samples(f))})
	}
	o.table("", []string{"HOST", "VERDICT", "WHY", "ON"}, rows)
	if len(t.Steps) > 0 {
		o.line("")
		rows = rows[:0]
		for _, s := range t.Steps {
			rows = append(rows, []cell{c("%s", o.clockTime(s.At)), c("%s", s.State), c("%s", s.Text)})
		}
		o.table("  ", []string{"AT", "STATE", "ARITHMETIC"}, rows)
	}
	if t.Unmatched > 0 {
		o.line("")
		o.line(o.paint(yellow, say("%d series belong to no host of %s: see host_label and host_regex", t.Unmatched, t.Pool)))
		for _, name := range t.Strangers {
			o.line(say("  %q", name))
		}
	}
	for i, x := range t.Proposals {
		if i == 0 {
			o.line("")
			o.line(o.paint(bold, say("Plainly off, for [detectors.%s]:", t.Detector)))
		}
		o.line(say("  %s", x.Line))
		o.line(say("      %s", x.Why))
	}
}

func seriesWords(n int) string {
	if n == 1 {
		return "1 series"
	}
	return fmt.Sprintf("%d series", n)
}
