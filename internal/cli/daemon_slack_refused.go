package cli

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"warden/internal/chat/slack"
	"warden/internal/web"
)

// refusals are what Slack doesn't take from this node, as troubles of it.
func refusals(all []slack.Refusal) []web.Trouble {
	var out []web.Trouble
	for _, r := range all {
		what := fmt.Sprintf("Slack refuses to post %s in %s", messages(r.N), r.Channel)
		do := "invite the app to the channel and look at its posting permissions, or name another channel in chat.slack; what waits for an answer is in warden cases meanwhile"
		if r.Edit {
			what = fmt.Sprintf("Slack refuses to edit %s in %s", messages(r.N), r.Channel)
			do = "what stands there is outdated, and is said anew in a message of its own; look at the app's permissions and membership"
		}
		if r.Spelled {
			what = fmt.Sprintf("Slack refuses the blocks of %s in %s", messages(r.N), r.Channel)
			do = "it stands there as text, with commands in the place of its buttons, which it gets as soon as Slack takes them; if that lasts, report it with what the log of this node says"
		}
		if r.Trouble {
			what = fmt.Sprintf("%s for %s can't be posted or edited in Slack just now", messages(r.N), r.Channel)
			do = "it is tried again, and the others go on; if it lasts, look at https://status.slack.com, for a proxy on the way there, and into the log of this node; warden cases has what waits"
		}
		out = append(out, web.Trouble{What: what, Why: "it says " + r.Code, Since: r.Since.UTC(), Do: do})
	}
	return out
}

func messages(n int) string {
	if n == 1 {
		return "a message"
	}
	return fmt.Sprintf("%d messages", n)
}

// troubles are what this node can't do just now.
func (d *daemon) troubles() []web.Trouble {
	return append(d.door.Troubles(), refusals(d.slack.Refusals())...)
}

// countRefusals registers the metric of what Slack refuses.
func (d *daemon) countRefusals() error {
	return d.Registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warden_slack_messages_refused",
		Help: "Messages that Slack refuses to post or to edit for a reason of their own, on the node that tells people; they are tried again.",
	}, func() float64 {
		n := 0
		for _, r := range d.slack.Refusals() {
			n += r.N
		}
		return float64(n)
	}))
}
