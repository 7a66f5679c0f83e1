package engine

import (
	"context"
	"slices"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// Label commits a person's word on whether the detector was right about a case.
// Anybody may say wrong or unclear, which lowers trust, and take their own word
// back. What raises it needs an approver of the action: right, and whatever
// leaves the case better than it is, as unclear does over a wrong that warden saw; and
// lifting another person's word.
func (e *Engine) Label(ctx context.Context, by remedy.Actor, b ledger.CaseLabel) error {
	b.Lowers = false
	c, ok := e.Ledger.Case(b.Case)
	if !ok { // one that is being opened is nobody's to speak of before its action is known
		return refusal(ledger.RefusedNoCase, "there is no case %s: see `warden cases`", b.Case)
	}
	if b.Of != "" && b.Of != by.Name {
		if err := e.mayAct(by, c.Action); err != nil {
			return err
		}
	}
	if !b.Withdraw {
		if err := e.mayLabel(by, c, b.Label); err != nil {
			return err
		}
		b.Lowers = e.mayAct(by, c.Action) != nil
	}
	_, err := e.ask(ctx, by, &b)
	return err
}

// mayLabel refuses a word that raises trust to those who may not approve.
func (e *Engine) mayLabel(by remedy.Actor, c *ledger.Case, label trust.Label) error {
	err := e.mayAct(by, c.Action)
	if err == nil || label == trust.Right {
		return err
	}
	s, ok := e.sample(c)
	said := trust.Statement{Label: label, Source: trust.SourcePerson, By: by.Name, At: e.entryTime()}
	if !ok || !s.Eases(said) {
		return nil
	}
	is := s.Resolve()
	return refusal(RefusedNotYours, "%s is %s (%s, by %s), and %s would take that away: %v. Anybody may say wrong, and take their own word back",
		c.ID, is.Label, is.Source, is.By, label, err)
}

// sample is the evidence about a case, where it is kept one by one.
func (e *Engine) sample(c *ledger.Case) (trust.Sample, bool) {
	in, ok := e.Ledger.Trust(c.Action, c.Pool)
	if !ok {
		return trust.Sample{}, false
	}
	for _, r := range slices.Concat(in.Current, in.Older) {
		for _, s := range r.Cases {
			if s.Case == c.ID && s.Host == c.Host {
				return s, true
			}
		}
	}
	return trust.Sample{}, false
}

// Demote commits that a person takes a level away at once. Anybody may.
func (e *Engine) Demote(ctx context.Context, by remedy.Actor, b ledger.TrustDemote) error {
	_, err := e.ask(ctx, by, &b)
	return err
}

// Review commits that a person has looked at what lowered an action in a pool.
// It needs an approver of the action.
func (e *Engine) Review(ctx context.Context, by remedy.Actor, b ledger.TrustReview) error {
	if err := e.mayAct(by, b.Action); err != nil {
		return err
	}
	_, err := e.ask(ctx, by, &b)
	return err
}
