package slack_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/simulate/fakeslack"
)

// What somebody says and may not have is in the audit as a click would be: by
// whom, which word, and why. What only reads, and what is no word, is not: it asked
// for nothing that was refused.
func TestRefusedWordsAreAudited(t *testing.T) {
	t.Parallel()
	no := errors.New("not now")
	for name, tt := range map[string]struct {
		user, text string
		err        error
		want       *ledger.ClicksRefused
	}{
		"not theirs":  {fakeslack.Carol, "unfreeze", &slack.NotYours{Err: no}, &ledger.ClicksRefused{Kind: ledger.ClickNotYours, Name: "carol@example.net", Word: "unfreeze"}},
		"refused":     {fakeslack.Fran, "release web-07", no, &ledger.ClicksRefused{Kind: ledger.ClickRefused, Name: "fran", Word: "release"}},
		"of a case":   {fakeslack.Fran, "undo W-3", no, &ledger.ClicksRefused{Kind: ledger.ClickRefused, Name: "fran", Word: "undo", Case: 3}},
		"lost":        {fakeslack.Alice, "freeze network work", &slack.Lost{Err: no}, &ledger.ClicksRefused{Kind: ledger.ClickLost, Name: "alice@example.net", Word: "freeze"}},
		"a guest":     {fakeslack.Gus, "hold web-07 4h kernel", nil, &ledger.ClicksRefused{Kind: ledger.ClickNobody, Word: "hold"}},
		"reads":       {fakeslack.Alice, "why W-99", no, nil},
		"is no word":  {fakeslack.Alice, "please unfreeze", no, nil},
		"wrong form":  {fakeslack.Alice, "release", no, nil},
		"guest reads": {fakeslack.Gus, "why W-3", nil, &ledger.ClicksRefused{Kind: ledger.ClickNobody, Word: "why", Case: 3}},
	} {
		for _, how := range []string{"slash", "mention"} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				w, m := open(t)
				w.mu.Lock()
				w.answers = func(chat.Command) (slack.Reply, error) { return slack.Reply{}, tt.err }
				w.mu.Unlock()
				var err error
				if how == "slash" {
					_, err = w.fake.Slash(tt.user, fakeslack.Ops, tt.text)
				} else {
					_, _, err = w.fake.Mention(tt.user, fakeslack.Ops, m.TS, tt.text)
				}
				if err != nil {
					t.Fatal(err)
				}
				if said := w.told(tt.user, 1); said == "" {
					t.Error("who said it hears nothing")
				}
				if tt.want == nil {
					w.audited(0)
					return
				}
				want := *tt.want
				want.Surface, want.User = ledger.SurfaceSlack, tt.user
				if d := cmp.Diff([]ledger.ClicksRefused{want}, w.audited(1)); d != "" {
					t.Error(d)
				}
			})
		}
	}
}
