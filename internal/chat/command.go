package chat

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// Command is what somebody said to warden in chat, as the arguments of the command
// line that would say the same. It is one of a few forms: free text is never
// turned into an action.
type Command struct {
	// Word is the first word: "why", "drain", "hold".
	Word string
	// Args are the arguments of warden's command line; empty for help.
	Args []string
	// Private says that the answer concerns only who asked.
	Private bool
	// Case is the case that it is about; 0 for none.
	Case remedy.CaseID
	// Action and Host are set for a run by hand, which is shown first and then asked
	// about; Reason is what was said of it.
	Action remedy.ActionName
	Host   string
	Reason string
}

// spoken is one thing that can be said.
type spoken struct{ word, form, what string }

// Changes reports whether it asks for something to be done, undone, held back or
// let go on, if only for a look at it first. The others just read.
func (k Command) Changes() bool {
	switch k.Word {
	case "drain", "run", "undo", "hold", "release", "freeze", "unfreeze":
		return true
	}
	return false
}

func spokenWords() []spoken {
	return []spoken{
		{"", "", "what is going on, and what waits for an answer"},
		{"why", "why W-1042, or why not HOST at 02:40", "how it came about, or why nothing was done"},
		{"drain", "drain HOST", "what draining it would do, and a button"},
		{"run", "run ACTION HOST", "the same for any action"},
		{"undo", "undo W-1042", "what putting it back would do, and a button"},
		{"hold", "hold HOST 4h kernel upgrade", "keep my hands off a host or a pool"},
		{"release", "release HOST", "end a hold"},
		{"freeze", "freeze network work", "stop all acting; anybody may"},
		{"unfreeze", "unfreeze", "go on"},
		{"trust", "trust ACTION", "how right I was, and what is missing"},
		{"summary", "summary", "what the morning's summary would say now"},
		{"help", "help", "this"},
	}
}

// The arguments that can be said. They are taken for nothing else: none begins
// with a dash.
var (
	caseWord   = regexp.MustCompile(`^(?i:w-)?([1-9][0-9]{0,17})$`)
	hostWord   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._:-]{0,252}$`)
	actionWord = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	spanWord   = regexp.MustCompile(`^[0-9]{1,6}(s|m|h|d|w)$`)
)

// ParseCommand reads what somebody said. Its error says what could have been
// meant; then nothing is done.
func ParseCommand(text string) (Command, error) {
	words := strings.Fields(Clean(strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(text)))
	if len(words) == 0 {
		return Command{Args: []string{"status"}}, nil
	}
	k := Command{Word: strings.ToLower(words[0])}
	rest := words[1:]
	one := func(ok func(string) bool) bool { return len(rest) == 1 && ok(rest[0]) }
	switch k.Word {
	case "help":
		return k, nil
	case "why":
		return k.why(rest)
	case "drain", "run":
		return k.run(rest)
	case "undo":
		if !one(caseWord.MatchString) {
			return k.wrong()
		}
		k.about(rest[0])
		k.Args = []string{"undo", k.Case.String(), "--plan"}
	case "hold":
		if len(rest) < 3 || !hostWord.MatchString(rest[0]) || !spanWord.MatchString(rest[1]) {
			return k.wrong()
		}
		k.Args = []string{"hold", rest[0], rest[1], "--reason=" + reason(rest[2:])}
	case "release":
		if !one(hostWord.MatchString) {
			return k.wrong()
		}
		k.Args = []string{"release", rest[0]}
	case "freeze":
		if len(rest) == 0 {
			return k.wrong()
		}
		k.Args = []string{"freeze", "--reason=" + reason(rest)}
	case "unfreeze":
		if len(rest) > 0 {
			return k.wrong()
		}
		k.Args = []string{"unfreeze"}
	case "trust":
		if len(rest) > 0 && !one(actionWord.MatchString) {
			return k.wrong()
		}
		k.Args = append([]string{"trust"}, rest...)
	case "summary":
		if len(rest) > 0 {
			return k.wrong()
		}
		k.Args = []string{"summary", "preview"}
	default:
		return Command{}, fmt.Errorf("nothing was done: %q is no word of mine. Did you mean `%s`? `help` lists what I know", clip(k.Word, 40), closest(k.Word))
	}
	return k, nil
}

// reason is the words of a reason, bounded as the API bounds it.
func reason(words []string) string { return clip(strings.Join(words, " "), 500) }

func (k *Command) about(word string) {
	var id uint64
	if m := caseWord.FindStringSubmatch(word); m != nil {
		_, _ = fmt.Sscan(m[1], &id)
	}
	k.Case = remedy.CaseID(id)
}

func (k Command) why(rest []string) (Command, error) {
	if len(rest) == 1 && caseWord.MatchString(rest[0]) {
		k.about(rest[0])
		k.Args = []string{"explain", k.Case.String()}
		return k, nil
	}
	if len(rest) > 0 && strings.EqualFold(rest[0], "not") {
		rest = rest[1:]
	}
	if len(rest) < 3 || !hostWord.MatchString(rest[0]) || !strings.EqualFold(rest[1], "at") || len(rest) > 4 {
		return k.wrong()
	}
	k.Args = []string{"explain", "--host=" + rest[0], "--at=" + strings.Join(rest[2:], " ")}
	return k, nil
}

// run is shown first, always.
func (k Command) run(rest []string) (Command, error) {
	if k.Word == "drain" {
		rest = append([]string{"drain"}, rest...)
	}
	if len(rest) < 2 || !actionWord.MatchString(rest[0]) || !hostWord.MatchString(rest[1]) {
		return k.wrong()
	}
	k.Action, k.Host, k.Reason = remedy.ActionName(rest[0]), rest[1], reason(rest[2:])
	k.Args = []string{"run", rest[0], rest[1], "--plan"}
	return k, nil
}

// wrong says how it is said.
func (k Command) wrong() (Command, error) {
	for _, s := range spokenWords() {
		if s.word == k.Word {
			return Command{}, fmt.Errorf("nothing was done: say it as `%s`", s.form)
		}
	}
	return Command{}, fmt.Errorf("nothing was done: `help` lists what I know")
}

// HelpLines say what can be said, with what is said before it, such as "/warden".
func HelpLines(lead string) []string {
	var out []string
	for _, s := range spokenWords() {
		out = append(out, "`"+strings.TrimSpace(lead+" "+s.form)+"`  "+s.what)
	}
	return append(out, "Anybody may hold, freeze and say no. To let something happen takes an approver, as on the command line.")
}

// closest is the known word that takes the fewest edits to get to.
func closest(word string) string {
	best, at := "help", 1<<30
	for _, s := range spokenWords() {
		if d := edits(word, s.word); s.word != "" && d < at {
			best, at = s.word, d
		}
	}
	return best
}

// edits is the Levenshtein distance of two words, of which the first 40 letters
// count.
func edits(a, b string) int {
	x, y := []rune(clip(a, 40)), []rune(clip(b, 40))
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		before := row[0]
		row[0] = i + 1
		for j := range y {
			d := before
			if x[i] != y[j] {
				d = 1 + slices.Min([]int{before, row[j], row[j+1]})
			}
			before, row[j+1] = row[j+1], d
		}
	}
	return row[len(y)]
}
