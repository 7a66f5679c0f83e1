package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"warden/internal/audit"
	"warden/internal/ledger"
)

// subject is what operations are about, as far as they say it alike.
type subject struct {
	Pool     string    `json:"pool"`
	Host     string    `json:"host"`
	Action   string    `json:"action"`
	Detector string    `json:"detector"`
	Case     string    `json:"case"`
	Node     string    `json:"node"`
	Approve  bool      `json:"approve"`
	Freeze   bool      `json:"freeze"`
	Took     bool      `json:"took"`
	Returned bool      `json:"returned"`
	Helped   bool      `json:"helped"`
	Out      bool      `json:"out"`
	On       bool      `json:"on"`
	Withdraw bool      `json:"withdraw"`
	Of       string    `json:"of"`
	Outcome  string    `json:"outcome"`
	Label    string    `json:"label"`
	To       string    `json:"to"`
	Until    time.Time `json:"until"`
	Surfaces []string  `json:"surfaces"`
	Date     string    `json:"date"`
	Again    bool      `json:"again"`
	// What people, or warden, say of it: the first that is there.
	Reason  string `json:"reason"`
	Comment string `json:"comment"`
	Note    string `json:"note"`
	Why     string `json:"why"`
	Detail  string `json:"detail"`
	// What is said of clicks that did nothing.
	clicked
}

// operation is one of a line's entry, with its result.
type operation struct {
	kind   string
	result ledger.Result
	subject
}

func operations(l *audit.Line) []operation {
	var e ledger.Entry
	if err := json.Unmarshal(l.Bytes(), &e); err != nil {
		return nil
	}
	out := make([]operation, 0, len(e.Ops))
	for i, op := range e.Ops {
		o := operation{kind: op.Kind}
		if err := json.Unmarshal(op.Body, &o.subject); err != nil {
			// A field of another shape, such as a detector's: the others are read.
			o.Node = ""
		}
		if i < len(l.Results) {
			o.result = l.Results[i]
		}
		if o.Case == "" && o.result.Case != 0 {
			o.Case = o.result.Case.String()
		}
		out = append(out, o)
	}
	return out
}

// routine reports whether a line holds nothing but what every round and every
// notice brings: no person, no refusal, nothing that it led to.
func routine(l *audit.Line) bool {
	if l.Type != audit.TypeEntry || l.Person || l.Answer != audit.AnswerAllowed {
		return false
	}
	ops := operations(l)
	return len(ops) > 0 && !slices.ContainsFunc(ops, func(o operation) bool { return !o.routine() })
}

// routine reports whether an operation is one that every round brings.
func (o operation) routine() bool {
	if o.result.Also != "" {
		return false
	}
	switch o.kind {
	case "notice.receipt", "notice.delivered", "trust.report", "node.report", "trust.judge", "case.judge", "pool.size", "pool.out", "host.good", "shadow.end", "cases.forget":
		return true
	case "exec.verdict":
		return o.Took && !o.Returned
	case "exec.helped":
		return o.Helped
	}
	return false
}

// saidMost is how many operations of one entry are said one by one.
const saidMost = 3

// auditWords says what a line did, and what it led to, in a line. The routine
// beside what isn't is left out.
func auditWords(l *audit.Line) string {
	ops := operations(l)
	if len(ops) == 0 {
		return joined(" ", l.What, l.Case)
	}
	told := slices.DeleteFunc(slices.Clone(ops), operation.routine)
	if len(told) == 0 {
		told = ops
	}
	var said []string
	for _, o := range told[:min(len(told), saidMost)] {
		said = append(said, o.sentence())
	}
	if more := len(told) - saidMost; more > 0 {
		said = append(said, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(said, "; ")
}

// sentence is an operation in words, why, and what it led to.
func (o operation) sentence() string {
	text := o.words()
	why := ""
	for _, s := range []string{o.Reason, o.Comment, o.Note, o.Why, o.Detail} {
		if why == "" {
			why = oneLine(s)
		}
	}
	switch {
	case why == "":
	case o.kind == "case.answer" && !o.Approve && slices.Contains(denials(), why):
		text += " (" + why + ")"
	default:
		text += ": " + cut(why, 120)
	}
	if o.result.Also != "" {
		text += "; so " + o.result.Also
	}
	return text
}

// oneLine is text with blanks for what doesn't print, as in a line's own fields.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }), " ")
}

// words say an operation. One that a newer build wrote goes by its own name.
func (o operation) words() string {
	on := joined(" on ", o.Action, o.Pool)
	where := joined("/", o.Host, o.Pool)
	until := ""
	if !o.Until.IsZero() {
		until = "until " + o.Until.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	pick := func(yes bool, a, b string) string {
		if yes {
			return a
		}
		return b
	}
	j := func(parts ...string) string { return joined(" ", parts...) }
	switch o.kind {
	case "case.answer":
		return j(pick(o.Approve, "approved", "denied"), o.Case)
	case "case.label":
		if o.Of != "" {
			return j("lifted what", o.Of, "said of", o.Case)
		}
		if o.Withdraw {
			return j("withdrew the label of", o.Case)
		}
		return j("labelled", o.Case, o.Label)
	case "case.cancel":
		return j("cancelled", o.Case)
	case "case.snooze":
		return j("snoozed", o.Case, until)
	case "case.reconsider":
		return j("took back the announcement of", o.Case)
	case "case.expire":
		return j(o.Case, "expired: nobody answered in time")
	case "case.close":
		return j("closed", o.Case, o.Outcome)
	case "case.stayed":
		return j(o.Case, "stayed bad with nothing done")
	case "case.spare":
		return j("spared balancers for", o.Case)
	case "case.forgot":
		return j("saw that balancers forgot", o.Case)
	case "case.judge":
		return j("judged", where, "for", o.Action, o.Case)
	case "trust.demote":
		return j("demoted", on, "to", o.To)
	case "trust.review":
		return j("reviewed", on)
	case "trust.judge":
		return j("judged the gate of", on)
	case "trust.report", "node.report":
		return j("took up the config of", o.Node)
	case "freeze.set":
		return j("froze", until)
	case "freeze.lift":
		return "unfroze"
	case "hold.set":
		return j("held", where, until)
	case "hold.release":
		return j("released", where)
	case "restraint.expire":
		return pick(o.Freeze, "ended the freeze: its time was up", j("ended the hold on", where)+": its time was up")
	case "breaker.trip":
		return j("tripped the breaker of", pick(o.Pool == "", "everything", o.Pool))
	case "breaker.reset":
		return j("reset the breaker of", pick(o.Pool == "", "everything", o.Pool))
	case "storm":
		return j(pick(o.On, "common mode began in", "common mode ended in"), o.Pool, "for", o.Detector)
	case "storm.reset":
		return j("reset common mode in", o.Pool)
	case "manual.open":
		return j("asked to run", o.Action, "on", where, o.Case)
	case "resolve":
		return j("resolved", o.Case, "as", pick(o.Out, "out", "in"))
	case "exec.start":
		return j("started", o.Case)
	case "exec.finish":
		return j("finished", o.Case, o.Outcome)
	case "exec.verdict":
		if o.Returned {
			return j("saw", o.Case, "put back by somebody else")
		}
		return j("saw that", o.Case, pick(o.Took, "took", "did not take"))
	case "exec.helped":
		return j("saw that", o.Case, pick(o.Helped, "helped", "did not help"))
	case "pool.size":
		return j("counted pool", o.Pool)
	case "pool.accept":
		return j("accepted the size of pool", o.Pool)
	case "pool.out":
		return j("noted which hosts are out in", o.Pool)
	case "host.good":
		return j("saw", where, "well")
	case "shadow.end":
		return j("ended the shadow of", o.Action, "on", where)
	case "cases.forget":
		return "forgot old cases"
	case "notice.receipt", "notice.delivered":
		return j("told people", pick(o.Surface == "", "", "on "+o.Surface))
	case "summary.due":
		return j("noted that a summary is due:", o.Date)
	case "summary.send":
		return "had a summary sent"
	case "surfaces.set":
		return j("has people told on", strings.Join(o.Surfaces, ", "))
	case "tenure.begin":
		return pick(o.Again, "looks again, after nobody did for a while", "began to lead")
	case "notice.add":
		return j("had it told", o.Case)
	case "node.waive":
		return j("waived", o.Node)
	case "node.unwaive":
		return j("unwaived", o.Node)
	case "voter.add":
		return j("added voter", o.Node)
	case "voter.remove":
		return j("removed voter", o.Node)
	case "cluster.init":
		return "made the cluster"
	case "clock.accept":
		return "accepted the clock's step"
	case ledger.KindClicksRefused:
		return o.clickWords(o.Case)
	}
	return j(o.kind, on, o.Host, o.Case, o.Node)
}
