package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/internal/web"
)

func labelNames() []string {
	return []string{trust.Right.String(), trust.Wrong.String(), trust.Unclear.String()}
}

func (p *program) newLabelCommand() *cobra.Command {
	var q web.LabelRequest
	var withdraw bool
	cmd := &cobra.Command{
		Use: "label CASE right|wrong|unclear", Short: "Say whether the detector was right about a case", GroupID: groupTrust, Args: cobra.RangeArgs(1, 2),
		Example: `  warden label W-1042 right
  warden label W-1042 wrong --note 'canary senders were being restarted'
  warden label W-1042 --withdraw
  warden label W-1042 --withdraw --of bob`,
		Long: `Say whether the detector was right about a case: right if the host was bad and taking it
out was the thing to do, wrong if not, unclear if you looked and can't say. That is the
evidence that rungs are earned with. Anybody may say wrong or unclear, and take their
own word back; what raises trust, an approver of the action says: right, and unclear
where it would overrule a wrong. Your newest word counts, and the earlier ones are
kept; --withdraw also takes back what you said as you denied or undid. Where people
differ, the worse word counts.

While somebody says wrong, warden does nothing to that host without an approver's yes,
for the action's cooldown, 6 h at least, after the case. An approver lifts another's
word with --withdraw --of, which shows it first: what they said stays evidence, and
they are told. What they say after it was shown is not lifted.

If warden acted on the case and it was wrong, the action is demoted at once.`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return labelNames(), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := caseArg(args[0])
			switch {
			case err != nil:
				return err
			case q.Of != "" && !withdraw:
				return usage("--of says whose word is lifted: give --withdraw with it")
			case withdraw && len(args) == 2:
				return usage("--withdraw takes back what you said: leave %q out", args[1])
			case !withdraw && len(args) == 1:
				return usage("say which: %s; or --withdraw", strings.Join(labelNames(), ", "))
			case !withdraw && !slices.Contains(labelNames(), args[1]):
				return usage("%q is not a label: use %s", args[1], strings.Join(labelNames(), ", "))
			case !withdraw:
				q.Label = args[1]
			}
			return p.label(cmd.Context(), id, q)
		},
	}
	cmd.Flags().StringVar(&q.Note, "note", "", "what you saw, a `TEXT` for the record")
	cmd.Flags().BoolVar(&withdraw, "withdraw", false, "take back what you said before")
	cmd.Flags().StringVar(&q.Of, "of", "", "with --withdraw: lift what another `NAME` said, as an approver")
	return cmd
}

func (p *program) label(ctx context.Context, id remedy.CaseID, q web.LabelRequest) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	if q.Of != "" {
		if q.Seen, err = p.shownWords(ctx, client, id, q.Of); err != nil {
			return err
		}
	}
	res, err := write(ctx, p, showLook(id), func(ctx context.Context) (*web.Labelled, error) { return client.Label(ctx, id, q) })
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		return p.printer.object(res)
	}
	said := "labelled " + q.Label
	if q.Label == "" {
		said = "your word is taken back"
	}
	if q.Of != "" {
		said = say("what %s said keeps nothing from being done any more", q.Of)
	}
	p.printer.line(say("%s: %s%s", id, said, comesTo(res, q)))
	if res.Row != nil {
		p.printer.line(numbersAfter(res))
	}
	if q.Label == "" {
		p.printer.talk("The opposite: warden label %s right|wrong|unclear", id)
	} else {
		p.printer.talk("The opposite: warden label %s --withdraw", id)
	}
	return nil
}

// shownWords shows what somebody says against the host and action of a case, before an
// approver lifts it, and returns when the newest of it was said. On a terminal it asks.
func (p *program) shownWords(ctx context.Context, client *web.Client, id remedy.CaseID, of string) (seen time.Time, err error) {
	d, err := client.Case(ctx, id)
	if err != nil {
		return seen, err
	}
	shown := p.talker()
	for _, w := range d.Words {
		if w.By != of {
			continue
		}
		if w.At.After(seen) {
			seen = w.At
		}
		note := ""
		if w.Note != "" {
			note = ": " + w.Note
		}
		shown.line(say("%s  %s%s", shown.stamp(w.At), w.Words(), note))
	}
	if !seen.IsZero() && p.interactive() {
		err = p.confirm(ctx, "give --yes", "Lift it?")
	}
	return seen, err
}

// comesTo says what the case's label is, where that isn't what was just said.
func comesTo(res *web.Labelled, q web.LabelRequest) string {
	switch {
	case res.Uncounted:
		return "; so many say so that it isn't counted as evidence, and it keeps warden from acting all the same"
	case res.Label == trust.Unlabelled:
		return "; it has no label now"
	case res.Conflict:
		return "; people differ on it, and " + res.Label.String() + " counts"
	case res.Label.String() != q.Label:
		return "; it counts as " + res.Label.String()
	}
	return ""
}

// numbersAfter says what a label did to the numbers: "drain on web: 12 of 13
// right, at least 66.7%; demoted to confirm".
func numbersAfter(res *web.Labelled) string {
	r := res.Row
	text := say("%s on %s: ", r.Action, r.Pool)
	d := detectorOf(r, res.Detector, res.Digest)
	switch {
	case d == nil:
		text += "its detector is another one by now, so nothing counts that is in force"
	case d.Window.Labelled() == 0:
		text += fmt.Sprintf("%s, none labelled", count(d.Window.Episodes, "episode"))
	default:
		text += fmt.Sprintf("%d of %d right, at least %s", d.Window.Right, d.Window.Labelled(), percent(d.Window.Low))
	}
	switch {
	case r.Demotion != nil && r.Demotion.Case == res.Case && res.Label != trust.Wrong:
		text += say("; still demoted to %s, until a review: warden promote %s --pool %s --review --reason TEXT", r.Demotion.To, r.Action, r.Pool)
	case r.Demotion != nil && r.Demotion.Case == res.Case:
		text += say("; demoted to %s", r.Demotion.To)
	case r.Next != nil && r.Next.Met && r.Demotion == nil:
		text += say("; the gate for %s is met", r.Next.To)
	}
	return text
}

// detectorOf is the record in force that a case belongs to; nil where its
// detector is another one by now.
func detectorOf(r *web.TrustRow, name remedy.DetectorName, digest string) *trust.DetectorAssessment {
	for i := range r.Detectors {
		if d := &r.Detectors[i]; d.Detector == name && d.Digest == digest {
			return d
		}
	}
	return nil
}
