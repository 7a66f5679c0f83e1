package cli

import (
	"strings"
	"testing"
	"unicode"

	"warden/internal/web"
)

// FuzzMarkdown has names and reasons be anything: what is pasted in a review is
// text in its cell.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{"a|b", "[x](y)", "<script>", "`a`", "a\nb", "\x1b[31m", "**a**", `\|`, "# a", "~~a~~"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := md(s)
		bare := strings.NewReplacer(`\\`, "", `\|`, "", "\\`", "", `\*`, "", `\_`, "", `\[`, "", `\]`, "", `\<`, "", `\>`, "", `\#`, "", `\~`, "").Replace(got)
		if strings.ContainsAny(bare, "\\`*_[]<>|#~") || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q is %q", s, got)
		}
		if l := mdLink(s); strings.ContainsAny(l, "() <>\\\n") {
			t.Errorf("%q is the link %q", s, l)
		}
	})
}

// A case says where people talk of it, and that an incident could not be told.
func TestWhereACaseIsTalkedOf(t *testing.T) {
	t.Parallel()
	var got []string
	for _, row := range postRows([]web.CasePost{
		{Surface: "slack", About: "case", ID: "1.2", Link: "https://slack.example.net/p1"},
		{Surface: "pagerduty", About: "incident", ID: "Q1", Link: "https://pd.example.net/Q1"},
		{Surface: "pagerduty", About: "incident", ID: "ambiguous: 2"},
	}) {
		got = append(got, row[0].text+"="+row[1].text)
	}
	want := "slack=https://slack.example.net/p1 | incident=Q1  https://pd.example.net/Q1 | incident=none: 2 open incidents may be about the host (ambiguous: 2)"
	if strings.Join(got, " | ") != want {
		t.Errorf("%q", got)
	}
}
