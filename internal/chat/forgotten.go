package chat

import "warden/internal/remedy"

// forgotten says that a load balancer forgot at a reload what warden had done,
// and why it is not put back.
func (w *writer) forgotten() headline {
	c, verb, why := w.c, w.verb(), ""
	if c.Forgotten != nil {
		why = c.Forgotten.Why
	}
	w.line("The load balancer was reloaded and forgot it, so %s takes traffic again. I don't put it back now%s.", c.Host, suffixed(": ", noteOf(w.m.Notice.Detail, why)))
	switch f := c.Forgotten; {
	case f != nil && f.Cancelled:
		w.line("The putting back was called off; the case ends as returned.")
	case f != nil:
		w.line("I look again every round for a while, and then leave it to you.")
	case c.Stage == remedy.StageExecuting:
		w.line("Since then: %s is executing.", c.ID)
	default:
		w.line("Since then: %s is %s.", c.ID, w.standing())
	}
	w.byHand()
	return w.head("not "+verb.done+"any more: ", ", forgotten at a reload")
}
