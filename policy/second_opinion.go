package policy

import (
	"fmt"

	"warden/internal/remedy"
)

const docSecondOpinion = "Lowers auto to notify unless a majority of the configured voters, this node included, finds the host bad from where each stands."

// SecondOpinion counts the voters that found the host bad by the same detector
// at the same instant. Another detector, unknown and silence are no answer.
type SecondOpinion struct {
	// Off says that the config wants none.
	Off bool
	// Voters are all that are configured, dead or alive; Bad those of them that
	// say bad, this node included.
	Voters, Bad int
	// Others is what those said that do not agree; may be empty.
	Others string
}

// waived says why a proposal needs no second opinion of anybody; empty when it
// does. At confirm a person is asked, who sees what each node says.
func (p *Proposal) waived(w *World) string {
	switch {
	case p.Asked:
		return "a person was asked, and decides"
	case effective(w.Effective) == remedy.LevelConfirm:
		return "a person is asked"
	}
	return ""
}

// checkSecondOpinion wants a majority of the configured voters to find the host
// bad before warden acts by itself. At every rung but confirm it binds alike, so
// that what is counted there is what auto would have done.
func checkSecondOpinion(p *Proposal, w *World) remedy.Answer {
	a := w.secondOpinion()
	if why := p.waived(w); why != "" {
		return notBound(a.Observed + "; " + why)
	}
	return a
}

func (w *World) secondOpinion() remedy.Answer {
	v, ok := w.SecondOpinion.Get()
	most := v.Voters/2 + 1
	limit := fmt.Sprintf("auto needs %d", most)
	unknown := func(why string) remedy.Answer {
		a := capAtNotify("unknown: "+why, "auto needs a majority of the voters")
		a.Unreadable = true
		return a
	}
	switch {
	case !ok:
		return unknown(why(w.SecondOpinion, "what the other voters say is not known"))
	case v.Voters < 1, v.Bad < 0, v.Bad > v.Voters:
		return unknown("the count of voters makes no sense")
	case v.Voters == 1:
		return allow("this node is alone", "")
	case v.Off:
		return allow("corroborate is off", "")
	}
	said := fmt.Sprintf("%d of %d voters say bad", v.Bad, v.Voters)
	if v.Others != "" {
		said += " (" + v.Others + ")"
	}
	if v.Bad < most {
		return capAtNotify(said, limit)
	}
	return allow(said, limit)
}
