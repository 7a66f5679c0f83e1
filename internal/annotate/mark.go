package annotate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Mark is one thing to be seen on graphs, at the time it happened.
type Mark struct {
	// Key is what its receipt is kept under, and Case whose it is; 0 for none.
	Key  string
	Case remedy.CaseID
	// At is when it happened. Until is when it was over, of what lasts; zero for a
	// point, and while it lasts.
	At, Until time.Time
	// Text is one line, at most maxText bytes long; Data says more, in lines.
	Text, Data string
	// Tags end with the one that no other mark of the cluster has.
	Tags []string
}

// The bounds of a mark: graphite-web keeps 255 characters of `what` and of all
// tags together, and 50 of one tag (its Event model and django-tagging); Grafana
// takes 500 of tags as JSON unless configured otherwise.
const (
	maxText = 255
	maxTag  = 50
	maxData = 2000
)

// unique is the tag that tells the mark from all others.
func (m Mark) unique() string { return m.Tags[len(m.Tags)-1] }

// hash stands for all that a mark says.
func (m Mark) hash() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %q %q %q", m.At.UnixMilli(), m.Until.UnixMilli(), m.Text, m.Data, m.Tags))
	return hex.EncodeToString(sum[:12])
}

// ofCase lists what was done in a case: each execution that ended, but those that
// were called off before their effect. What lasted (what failed changed nothing) has an end, or without regions
// a mark of its own at its end, unless that was an undo, which has one.
func ofCase(c *ledger.Case, tags []string, regions bool) []Mark {
	var marks []Mark
	acted := c.Acted()
	for i := range c.Executions {
		x := &c.Executions[i]
		outcome := cmp.Or(x.Late, x.Outcome)
		if outcome == "" || outcome == remedy.OutcomeAborted {
			continue
		}
		kind, did := "act", string(c.Action)
		switch x.Kind {
		case remedy.KindAct, remedy.KindManual:
		case remedy.KindUndo:
			kind, did = "undo", "undo of "+did
		case remedy.KindReassert:
			kind, did = "reassert", did+" put back after a reload"
		}
		unique := fmt.Sprintf("%s.%d", c.ID, i+1)
		m := Mark{
			Key: "act/" + unique, Case: c.ID, At: x.StartedAt,
			Text: oneLine(fmt.Sprintf("warden: %s of %s (%s): %s, by %s. %s", did, c.Host, c.Pool, went(x, outcome), who(c, x), c.ID)),
			Tags: tagged(tags, kind, string(c.Action), string(c.Pool), unique),
		}
		if f := c.Opened; f != nil && x.Kind != remedy.KindUndo {
			m.Data = noMarkup("why: " + chat.FindingSentence(*f))
		}
		m.Data = clip(m.Data, maxData)
		over := x == acted && x.TakesOut && outcome != remedy.OutcomeFailed && !c.Open() && c.ClosedAt.After(x.StartedAt)
		if over && regions {
			m.Until = c.ClosedAt
			m.Data = strings.TrimPrefix(m.Data+"\nended: "+string(c.Outcome), "\n")
		}
		marks = append(marks, m)
		if over && !regions && c.Outcome != remedy.OutcomeUndone {
			unique += ".end"
			marks = append(marks, Mark{
				Key: "act/" + unique, Case: c.ID, At: c.ClosedAt,
				Text: oneLine(fmt.Sprintf("warden: %s of %s (%s) is over: %s. %s", c.Action, c.Host, c.Pool, c.Outcome, c.ID)),
				Tags: tagged(tags, "end", string(c.Action), string(c.Pool), unique),
			})
		}
	}
	return marks
}

// went is how an execution ended, in words.
func went(x *ledger.Execution, outcome remedy.Outcome) string {
	took, known := x.Took.Get()
	switch {
	case outcome == remedy.OutcomeUnknown:
		return "nobody knows whether it happened"
	case known && took:
		return string(outcome) + ", verified"
	case known:
		return string(outcome) + ", but it did not take"
	}
	return string(outcome)
}

// who had the execution done: the person who ran or approved it comes first.
func who(c *ledger.Case, x *ledger.Execution) string {
	switch {
	case x.By.Person:
		return x.By.Name
	case c.Manual != nil:
		return c.Manual.By.Name
	case c.Answer != nil && c.Answer.Approve:
		return "warden, approved by " + c.Answer.By.Name
	}
	return "warden itself"
}

// ofNotice is a notice as a mark: a point.
func ofNotice(m chat.Message, tags []string) Mark {
	unique := fmt.Sprintf("notice.%d", m.Notice.Seq)
	return Mark{
		Key: unique, At: m.Notice.At,
		Text: oneLine("warden: " + chat.Render(m, chat.RenderOptions{Plain: true}).Headline),
		Tags: tagged(tags, string(m.Notice.Kind), string(m.Notice.Pool), unique),
	}
}

// tagged adds to the configured tags; none is empty, too long, or two.
func tagged(tags []string, more ...string) []string {
	var out []string
	for _, t := range append(slices.Clip(tags), more...) {
		t = strings.Map(func(r rune) rune {
			if r <= ' ' || r >= 0x7f || r == ',' || r == '"' {
				return '_'
			}
			return r
		}, t)
		if t = clip(t, maxTag); t != "" {
			out = append(out, t)
		}
	}
	return out
}

func oneLine(s string) string { return clip(noMarkup(chat.Clean(s)), maxText) }

// noMarkup makes text of what would be markup: Grafana shows the text of
// annotations, and of graphite's events, as HTML, and people's words and hosts'
// names are in it. Graphite-web shows it as it is, so that entities would be
// noise there.
func noMarkup(s string) string { return strings.NewReplacer("<", "‹", ">", "›").Replace(s) }

// clip cuts text to so many bytes, between characters.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// among finds the mark with a tag in the list that a place answers with, both of
// which list them alike; empty for none. where names the place, for the error.
func among(body []byte, tag, where string) (id string, err error) {
	var all []struct {
		ID   int64    `json:"id"`
		Tags []string `json:"tags"`
	}
	if json.Unmarshal(body, &all) != nil {
		return "", errAnswer(where)
	}
	for _, one := range all {
		if has(one.Tags, tag) {
			return strconv.FormatInt(one.ID, 10), nil
		}
	}
	return "", nil
}
