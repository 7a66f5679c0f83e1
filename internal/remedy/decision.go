package remedy

// Effect is what one guardrail's answer does to a proposal.
type Effect string

// The effects a guardrail's answer can have.
const (
	EffectAllow   Effect = "allow"     // does not stand in the way
	EffectCap     Effect = "cap"       // lowers the level to Cap
	EffectBlock   Effect = "block"     // nothing may be done
	EffectWait    Effect = "wait"      // blocked this round, reported as waiting
	EffectAsk     Effect = "ask"       // a person must repeat the request with the reason shown
	EffectNotBind Effect = "not_bound" // this guardrail does not bind this kind of execution
)

// Answer is one guardrail's answer to one proposal, stored with the decision.
type Answer struct {
	Guardrail string `json:"guardrail"`
	Effect    Effect `json:"effect"`
	// Cap is the highest level the answer leaves: LevelAuto for allow,
	// LevelBlocked for block and wait.
	Cap Level `json:"cap"`
	// Observed and Limit are what was seen and what it was held against, in
	// words for people: "1 of 10 bad", "2 (20 %)".
	Observed string `json:"observed"`
	Limit    string `json:"limit,omitempty"`
	// Unreadable reports that the guardrail could not be evaluated, and so
	// answered as the table says for what can't be read.
	Unreadable bool `json:"unreadable,omitempty"`
}

// Decision is the level reached and every guardrail's answer. It is a plain
// value that is stored whole: the answers are the reply to "why" and "why not".
type Decision struct {
	// Level is the effective level lowered by every guardrail.
	Level Level `json:"level"`
	// Effective is the level before the guardrails: the lowest that every
	// configured voter last committed, lowered by demotions.
	Effective Level `json:"effective"`
	// BlockedBy names the first guardrail that blocked; empty when none did.
	BlockedBy string `json:"blocked_by,omitempty"`
	// Waiting reports that the block is a wait: it will pass by itself.
	Waiting bool `json:"waiting,omitempty"`
	// Asks names the guardrails a person must acknowledge by repeating the
	// request; the request was refused for now.
	Asks []string `json:"asks,omitempty"`
	// WouldAct reports that every guardrail allows auto; WouldAsk that they
	// allow confirm but not auto. Both are about the guardrails alone, not
	// about the effective level.
	WouldAct bool `json:"would_act,omitempty"`
	WouldAsk bool `json:"would_ask,omitempty"`
	// Rehearsed are the newest cases, newest first, whose actions were not done
	// either, below confirm, and are counted in answers all the same, so that
	// what is learnt there is what would happen above. Those answers say so.
	Rehearsed []CaseID `json:"rehearsed,omitempty"`
	// Answers has one entry per guardrail, always all of them, in table order.
	Answers []Answer `json:"answers"`
}

// Allowed reports whether anything at all may be done.
func (d Decision) Allowed() bool { return d.Level > LevelBlocked }

// Basis is the state of the world an admission depended on: the pool's and the
// global revision. START is refused when either has moved.
type Basis struct {
	Pool   uint64 `json:"pool"`
	Global uint64 `json:"global"`
}
