package chat

import "fmt"

// spelled is for a surface that shows no buttons: what can be done, each with its
// command, the most important first.
func (w *cardWriter) spelled(buttons []Button) []string {
	var out []string
	for _, b := range buttons {
		if c := w.commandOf(b.Verb); c != "" {
			out = append(out, Clean(b.Label+": "+c))
		}
	}
	return out
}

// commandOf is what somebody types in the place of a tap; empty where the card says it
// anyway.
func (w *cardWriter) commandOf(v Verb) string {
	c := w.c
	// The others are on no card of a case, or say what another of its commands says.
	//exhaustive:ignore
	switch v {
	case VerbApprove:
		return "`" + c.YesCommand(w.m.Seen) + "`"
	case VerbDeny:
		if c.Veto == nil {
			return fmt.Sprintf("`warden deny %s --reason false-alarm`, or known-work, not-now, other", c.ID)
		}
	case VerbSnooze:
		if c.Veto == nil {
			return fmt.Sprintf("`warden snooze %s 30m`", c.ID)
		}
	case VerbUndo:
		return fmt.Sprintf("`warden undo %s`", c.ID)
	case VerbCancel:
		return fmt.Sprintf("`warden cancel %s`", c.ID)
	case VerbRight:
		return fmt.Sprintf("`warden label %s right`", c.ID)
	case VerbWrong:
		return fmt.Sprintf("`warden label %s wrong`", c.ID)
	case VerbPreview:
		return fmt.Sprintf("`warden run %s %s --plan`", c.Action, c.Host)
	case VerbDetails:
		return fmt.Sprintf("`warden show %s`", c.ID)
	}
	return ""
}
