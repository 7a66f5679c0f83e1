package chat

import (
	"time"

	"warden/internal/remedy"
)

// Morning is what a morning summary says: facts and words, with no markup of any
// surface. Every string in it is one line of printable text (see Clean), whatever
// hosts are called or people have written, and none holds a secret. It follows
// from the ledger: the same on every node.
type Morning struct {
	// Date is the day in Zone on which it was due, such as 2026-11-20; of an extra
	// one the instant at which it was asked for, as the ledger's Summary has it.
	Date string `json:"date" doc:"the day on which it was due, in its zone; of an extra one the instant at which it was asked for"`
	// From and To are what it covers: From is in it, To isn't.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Zone string    `json:"zone" doc:"the zone its times are given in"`
	// By is who asked for an extra one; empty for the day's own.
	By string `json:"by,omitempty" doc:"who asked for an extra one; none for the day's own"`
	// Title is the greeting with the night in one sentence: what a lock screen
	// shows, in at most MaxHeadline characters.
	Title string `json:"title"`
	// Mistakes is how many acts and wishes in it were wrong.
	Mistakes int `json:"mistakes,omitempty" doc:"how many acts and wishes in it were wrong"`
	// Quiet says that there is nothing to report: Title is all there is to say, and
	// a surface leaves Parts away but for the one on warden itself.
	Quiet bool `json:"quiet"`
	// Skip says that nothing is to be posted: a quiet day, where the config wants no
	// line for those.
	Skip bool `json:"skip,omitempty" doc:"a quiet day, and the config wants no line for those: it is posted nowhere"`
	// Parts are in the order in which they are told. Only those that the config
	// wants, and that have something to say, are there.
	Parts []MorningPart `json:"parts"`
	// Chart is nil where nobody wants it, or there is nothing to draw.
	Chart *MorningChart `json:"chart,omitempty"`
	// Gaps say what it can't know, such as that older cases are forgotten.
	Gaps []string `json:"gaps,omitempty" doc:"what it can't know, such as of cases that are forgotten"`
}

// MorningGreeting is what the Title of a summary in the morning begins with.
const MorningGreeting = "Good morning."

// MorningPart is one part of a Morning.
type MorningPart struct {
	Name MorningPartName `json:"name"`
	// Title is its heading: "Wanted to, not allowed".
	Title string `json:"title"`
	// Count is how many there are, those included that Items leaves away; it stands
	// behind the title. 0 where a number says nothing.
	Count int           `json:"count,omitempty"`
	Items []MorningItem `json:"items"`
	// More says what Items leaves away and where to find it; empty for nothing.
	More string `json:"more,omitempty"`
}

// MorningPartName says what a part is about.
type MorningPartName string

// The parts, in the order in which they are told.
const (
	MorningDid      MorningPartName = "did"       // what was done, by warden and through it
	MorningWanted   MorningPartName = "wanted"    // what warden would have done and was not allowed to
	MorningWaiting  MorningPartName = "waiting"   // questions nobody has answered
	MorningStillOut MorningPartName = "still_out" // hosts that are out because of warden
	MorningTrust    MorningPartName = "trust"     // how right it was, and what gates say
	MorningSelf     MorningPartName = "self"      // nodes, failovers, configs, sources
	MorningLabels   MorningPartName = "labels"    // cases that lack somebody's word
)

// MorningParts lists the parts in the order in which they are told.
func MorningParts() []MorningPartName {
	return []MorningPartName{MorningDid, MorningWanted, MorningWaiting, MorningStillOut, MorningTrust, MorningSelf, MorningLabels}
}

// MorningItem is one line of a part.
type MorningItem struct {
	// Case is what it is about, 0 for none; Pool, Host and Action are the case's,
	// and are cleaned for showing: what acts looks the case up.
	Case   remedy.CaseID `json:"case,omitempty"`
	Pool   string        `json:"pool,omitempty"`
	Host   string        `json:"host,omitempty"`
	Action string        `json:"action,omitempty"`
	// At is when it happened; zero where that says nothing. Text doesn't hold it.
	At time.Time `json:"at,omitzero"`
	// Text is the line, without time and case: "drained edge-11 by itself, verified".
	Text string `json:"text"`
	// Stress is what ends the line and matters most in it, such as "nobody has
	// looked": a surface makes it bold. Empty for none.
	Stress string `json:"stress,omitempty"`
	// Earlier says that a summary before this one had it already: it went on since.
	Earlier bool `json:"earlier,omitempty"`
	// Tokens are the executions that the line tells of.
	Tokens []string `json:"tokens,omitempty"`
	// Ask is the question that it is about, while that can still be answered.
	Ask *MorningAsk `json:"ask,omitempty"`
	// Offers are what a person may do about it, the likeliest first.
	Offers []MorningOffer `json:"offers,omitempty"`
}

// MorningAsk is the question of an item, as a button has to name it.
type MorningAsk struct {
	PlanHash  string    `json:"plan_hash"`
	AskedAt   time.Time `json:"asked_at"`
	ExpiresAt time.Time `json:"expires_at"`
	// Question is its number: see ledger.Case.Question.
	Question uint64 `json:"question,omitempty"`
	// Against is what people say against it, Seen when the newest of it was said: whoever
	// offers a yes shows all of it beside it. Where it is too much for that, Seen is zero
	// and nothing offers a yes. See ledger.Standing.
	Against string    `json:"against,omitempty"`
	Seen    time.Time `json:"seen,omitzero"`
}

// MorningOffer is one thing that a person may do about an item.
type MorningOffer struct {
	Verb MorningVerb `json:"verb"`
	// Label is what a button says: "Put edge-07 back". It is short, but for the
	// host's name.
	Label string `json:"label"`
	// Command does the same on a terminal. Of a host or pool whose name could mean
	// something to a shell it is empty.
	Command string `json:"command,omitempty"`
}

// MorningVerb is what an offer does, for whoever makes a button of it.
type MorningVerb string

// The verbs.
const (
	OfferRight   MorningVerb = "right"   // label the case right
	OfferWrong   MorningVerb = "wrong"   // label it wrong
	OfferPutBack MorningVerb = "undo"    // undo the case: its host goes back into service
	OfferOnIt    MorningVerb = "on_it"   // hold the host, in the person's name, for OnItFor
	OfferHold    MorningVerb = "hold"    // hold the host, so that it is not asked about
	OfferApprove MorningVerb = "approve" // say yes to the item's Ask
	OfferLook    MorningVerb = "look"    // look at the case: its line has no room for what a yes has to have seen
	OfferDeny    MorningVerb = "deny"    // say no to it
	OfferRun     MorningVerb = "run"     // run the action by hand; a preview comes first
	OfferResolve MorningVerb = "resolve" // say whether the host is out: the outcome is unknown
)

// OnItFor is how long a host is held by somebody who says that they are on it,
// OnItReason the hold's reason. That a person holds the host is what later
// summaries know it by.
const (
	OnItFor    = 24 * time.Hour
	OnItReason = "on it"
)

// MorningChart are numbers a day, for a chart: every series has one for each day.
type MorningChart struct {
	Title string `json:"title"`
	// Days are dates such as 2026-11-20, oldest first, in the Morning's zone.
	Days   []string        `json:"days"`
	Series []MorningSeries `json:"series"`
	// Since is the first day of which everything is known; empty where that is so of
	// all. Days before it may lack cases that are forgotten.
	Since string `json:"since,omitempty"`
}

// MorningSeries is one line of a chart.
type MorningSeries struct {
	Name   string `json:"name"`
	Values []int  `json:"values"`
}

// MorningNow is what is known of the present beside the ledger.
type MorningNow struct {
	// Answering is how many voters answered in the newest round, this node included;
	// unknown where this node doesn't lead and so asks nobody.
	Answering remedy.Fact[int]
	// ChecksAnHour is how many verdicts on hosts detectors give in an hour.
	ChecksAnHour int
}

// VerbWords is an action as words that a host follows: "drain ", "draining ",
// "drained ". An action other than drain is run.
func VerbWords(a remedy.ActionName) (do, doing, did string) {
	w := doingWords(a)
	return w.do, w.ing, w.did
}

// Fit cuts a line to a number of characters, and says so with an ellipsis.
func Fit(s string, most int) string { return clip(s, most) }
