package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newHostsCommand() *cobra.Command {
	var q web.HostQuery
	cmd := &cobra.Command{
		Use: "hosts [POOL]", Short: "List hosts with their verdicts", GroupID: groupLook, Args: cobra.MaximumNArgs(1),
		Example: `  warden hosts
  warden hosts web --bad
  warden hosts --out -o wide`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				q.Pool = remedy.PoolName(args[0])
			}
			client, err := p.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			res, err := read(cmd.Context(), p, func(ctx context.Context) (*web.Hosts, error) { return client.Hosts(ctx, q) })
			if err != nil {
				return err
			}
			if p.printer.asJSON() {
				return list(p.printer, res, res.Hosts)
			}
			p.showHosts(res)
			return nil
		},
	}
	cmd.Flags().BoolVar(&q.Bad, "bad", false, "only hosts that are bad")
	cmd.Flags().BoolVar(&q.Out, "out", false, "only hosts that are out of service")
	return cmd
}

func (p *program) showHosts(res *web.Hosts) {
	switch {
	case len(res.Hosts) == 0 && res.At.IsZero():
		p.printer.talk("No round has run yet: nothing is known of any host.")
		return
	case len(res.Hosts) == 0:
		p.printer.talk("No hosts.")
		return
	}
	wide := p.printer.format == formatWide
	head := []string{"HOST", "POOL", "SERVICE", "VERDICT", "VALUE", "SINCE", "CASES", "NOTE"}
	if wide {
		head = append(head[:5], "DETECTOR", "POINTS", "NEWEST", "SINCE", "CASES", "NOTE")
	}
	now := p.asOf(res.ServedAt)
	var rows [][]cell
	for i := range res.Hosts {
		rows = append(rows, p.hostRows(&res.Hosts[i], wide, now)...)
	}
	p.printer.table("", head, rows)
}

// hostRows shows a host with the finding that its verdict comes from, or, wide,
// with each of its findings.
func (p *program) hostRows(h *web.Host, wide bool, now time.Time) [][]cell {
	findings := h.Findings
	if len(findings) == 0 {
		findings = []web.HostFinding{{}}
	} else if !wide {
		findings = []web.HostFinding{worst(h)}
	}
	service := c("%s", h.State)
	if h.Admin != "" {
		service.text += say(" (%s)", h.Admin)
	}
	if h.State == remedy.ServiceOut {
		service = service.in(bold)
	}
	cases := make([]string, 0, len(h.Cases))
	for _, id := range h.Cases {
		cases = append(cases, id.String())
	}
	rows := make([][]cell, 0, len(findings))
	for _, f := range findings {
		verdict := f.Verdict
		if !wide && h.Verdict != "" {
			verdict = h.Verdict
		}
		row := []cell{
			c("%s", h.Host), c("%s", h.Pool), service, orDash(verdict).in(styleOfVerdict(verdict)),
			c("%s", short(f.Value, f.Unit, f.Bad)),
		}
		if wide {
			row = append(row, orDash(f.Detector), c("%d", f.Points), c("%s", ago(now, f.Newest)))
		}
		rows = append(rows, append(row, c("%s", since(now, f.BadSince)), orDash(strings.Join(cases, " ")), c("%s", joined("; ", reason(f), p.hostNote(h, now)))))
	}
	return rows
}

// reason says why a verdict is unknown.
func reason(f web.HostFinding) string {
	if f.Reason == "" {
		return ""
	}
	return chat.ReasonWords(f.Reason)
}

// worst is the finding that has the host's verdict.
func worst(h *web.Host) web.HostFinding {
	for _, f := range h.Findings {
		if f.Verdict == h.Verdict {
			return f
		}
	}
	return h.Findings[0]
}

// hostNote says who keeps a host out, and who holds it.
func (p *program) hostNote(h *web.Host, now time.Time) string {
	var notes []string
	if h.OutBy != "" {
		by := "somebody else"
		if h.OutBy == "warden" {
			by = "warden"
		}
		notes = append(notes, joined(" ", "out by", by, forSince(now, h.OutSince)))
	}
	if h.Probe != nil {
		notes = append(notes, fitness(h.Probe))
	}
	if hold := h.Hold; hold != nil {
		notes = append(notes, "held by "+hold.By.Name+" for "+until(now, hold.Until)+": "+hold.Reason)
	}
	return strings.Join(notes, "; ")
}

// fitnessOf is fitness, or nothing.
func fitnessOf(f *web.HostFinding) string {
	if f == nil {
		return ""
	}
	return fitness(f)
}

// fitness says what a pool's probe says of a host that is out.
func fitness(f *web.HostFinding) string {
	measured := short(f.Value, f.Unit, f.Bad)
	switch f.Verdict {
	case remedy.VerdictGood.String():
		return say("fit to return: yes, %s by %s", measured, f.Detector)
	case remedy.VerdictBad.String():
		return say("fit to return: no, %s by %s", measured, f.Detector)
	}
	return joined(": ", say("fit to return: unknown by %s", f.Detector), reason(*f))
}

func forSince(now, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return "for " + since(now, t)
}
