package chat

import (
	"fmt"

	"warden/internal/remedy"
)

// CardData is what templates may say of a case: text as it is in messages, empty
// where it isn't known. None of it is escaped; what a template makes of it is.
type CardData struct {
	// State is the card's, such as "question", and Joke the situation that its line
	// of tone is for, empty where it has none.
	State, Joke string
	// Case is "W-1042"; Host, Pool, Action and Detector are names.
	Case, Host, Pool, Action, Detector string
	// Level is that at which it happened, Stage and Outcome how the case stands.
	Level, Stage, Outcome string
	// Number is what was measured, with its unit and window, Threshold what is bad,
	// and Since when the host turned bad.
	Number, Threshold, Since string
	// InService of Of hosts are in service after the plan, and Floor have to be.
	InService, Of, Floor string
	// Count is how many complaints about this host there were; 0 for no complaint.
	Count int
}

// data is the card's, of the case and of nothing else.
func (w *cardWriter) data(k Card) CardData {
	c := w.c
	d := CardData{
		State: string(k.State), Joke: k.JokeOf, Case: c.ID.String(), Host: string(c.Host), Pool: string(c.Pool), Action: string(c.Action), Detector: string(c.Detector),
		Stage: string(c.Stage), Outcome: string(c.Outcome),
	}
	if w.m.Level > remedy.LevelBlocked {
		d.Level = w.m.Level.String()
	}
	if f := evidence(c); f != nil {
		d.Number, d.Threshold, d.Since = measured(*f), badTerm(*f), w.badSince(f)
	}
	if a, ok := w.answer("pool_floor"); ok && a.Effect != remedy.EffectNotBind {
		var in, of, floor int
		if n, _ := fmt.Sscanf(a.Observed, "%d of %d in service", &in, &of); n == 2 {
			d.InService, d.Of = fmt.Sprint(in), fmt.Sprint(of)
		}
		if n, _ := fmt.Sscanf(a.Limit, "floor %d", &floor); n == 1 {
			d.Floor = fmt.Sprint(floor)
		}
	}
	if k.State == CardComplaint {
		d.Count = max(1, w.o.Repeat)
	}
	return d
}
