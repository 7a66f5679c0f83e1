package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// stillOut lists the hosts that are out of service because of warden, as of now:
// those that are out longest first.
func (w *morning) stillOut() chat.MorningPart {
	p := chat.MorningPart{Name: chat.MorningStillOut, Title: "Still out because of me"}
	for _, c := range w.night.Cases {
		a := c.Acted()
		if a == nil || !c.UnknownExecution() && c.Stage != remedy.StageOut && c.Stage != remedy.StageVerifying || !a.TakesOut && !c.UnknownExecution() {
			continue
		}
		i := item(c, a.StartedAt)
		i.Earlier = !w.in(a.StartedAt)
		who := ""
		switch {
		case c.Manual != nil:
			who = ", run by " + short(c.Manual.By.Name)
		case c.Answer != nil && c.Answer.Approve:
			who = ", approved by " + short(c.Answer.By.Name)
		}
		say(&i, "%s for %s%s", short(c.Host), chat.Span(w.present().Sub(a.StartedAt)), who)
		switch h := w.hold(c); {
		case c.UnknownExecution():
			stress(&i, "nobody knows whether it is out")
			i.Offers = append(i.Offers, chat.MorningOffer{Verb: chat.OfferResolve, Label: label("Where is %s?", c.Host), Command: fmt.Sprintf("warden resolve %s --as out|in", c.ID)})
		case h != nil:
			i.Text = chat.Fit(i.Text+"; "+short(h.By.Name)+" is on it until "+w.when(h.Until), mostText)
			w.putBack(c, &i)
		default:
			stress(&i, "nobody has looked")
			w.putBack(c, &i)
			i.Offers = append(i.Offers, chat.MorningOffer{
				Verb: chat.OfferOnIt, Label: "I'm on it",
				Command: quoted("warden hold %s 24h --pool %s --reason '"+chat.OnItReason+"'", string(c.Host), string(c.Pool)),
			})
		}
		p.Items = append(p.Items, i)
	}
	p.Count = len(p.Items)
	slices.SortStableFunc(p.Items, func(a, b chat.MorningItem) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Case, b.Case)) })
	return p
}

// present is the present, as committed time has it: what lasts is counted up to it.
func (w *morning) present() time.Time {
	if w.night.Now.After(w.to) {
		return w.night.Now
	}
	return w.to
}

// putBack offers to undo a case.
func (*morning) putBack(c *ledger.Case, i *chat.MorningItem) {
	i.Offers = append(i.Offers, chat.MorningOffer{Verb: chat.OfferPutBack, Label: label("Put %s back", c.Host), Command: fmt.Sprintf("warden undo %s", c.ID)})
}

// hold is a person's hold on the case's host; nil for none. One that warden set
// in somebody's name, for they undid it without a reason, is one too: they looked.
func (w *morning) hold(c *ledger.Case) *ledger.Hold {
	for i := range w.night.Holds {
		if h := &w.night.Holds[i]; h.Pool == c.Pool && h.Host == c.Host && h.By.Person && h.Until.After(w.present()) {
			return h
		}
	}
	return nil
}

// labels asks for somebody's word on a few cases: those on which warden acted
// first, then the newest. What another part asks about isn't asked twice.
func (w *morning) labels(parts []chat.MorningPart) chat.MorningPart {
	p := chat.MorningPart{Name: chat.MorningLabels, Title: "Was I right?"}
	wanted := len(w.o.Parts) == 0
	offered := map[remedy.CaseID]bool{}
	for _, part := range parts {
		if !wanted && !slices.Contains(w.o.Parts, part.Name) {
			continue
		}
		for _, i := range part.Items {
			if i.Ask != nil || slices.ContainsFunc(i.Offers, func(o chat.MorningOffer) bool { return o.Verb == chat.OfferRight }) {
				offered[i.Case] = true
			}
		}
	}
	var lack []sampled
	for _, s := range w.samples {
		if s.Label() == trust.Unlabelled && s.At.Before(w.to) && w.to.Sub(s.At) <= chartDays*24*time.Hour && !offered[s.Case] {
			lack = append(lack, s)
		}
	}
	slices.SortFunc(lack, func(a, b sampled) int {
		if a.Acted != b.Acted {
			if a.Acted {
				return -1
			}
			return 1
		}
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Case, a.Case))
	})
	if len(lack) > mostLabels {
		p.More = fmt.Sprintf("of %d that lack a word, these would help most", len(lack))
	}
	for _, s := range lack[:min(len(lack), mostLabels)] {
		i := chat.MorningItem{Case: s.Case, Pool: chat.Clean(string(s.key.Pool)), Host: chat.Clean(string(s.Host)), Action: chat.Clean(string(s.key.Action)), At: s.At, Offers: labelOffers(s.Case)}
		_, _, did := chat.VerbWords(s.key.Action)
		what := "would have " + strings.TrimSpace(did)
		if s.Acted {
			what = strings.TrimSpace(did)
		}
		say(&i, "%s %s, said %s", what, short(s.Host), short(s.key.Detector))
		p.Items = append(p.Items, i)
	}
	return p
}
