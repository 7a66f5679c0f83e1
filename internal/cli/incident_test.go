package cli

import (
	"strings"
	"testing"

	"warden/internal/web"
)

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
