package chat_test

import (
	"strings"
	"testing"

	"warden/internal/chat"
)

// Where nothing can be tapped, a card has no buttons and no word about taps, and what
// they do is in commands.
func TestASpelledCardNeedsNoTap(t *testing.T) {
	t.Parallel()
	seen := map[chat.CardState]int{}
	for _, all := range examples() {
		for _, e := range all {
			k, with := chat.CardOf(e.m, chat.CardOptions{Spelled: true, Tone: chat.TonePlain}), chat.CardOf(e.m, chat.CardOptions{Tone: chat.TonePlain})
			seen[k.State]++
			var said strings.Builder
			said.WriteString(strings.Join(append(append([]string{k.Title, k.Text}, k.Lead...), k.Spelled...), "\n"))
			for _, f := range k.Facts {
				said.WriteString("\n" + f.Label + ": " + f.Text)
			}
			if len(k.Buttons) != 0 || strings.Contains(strings.ToLower(said.String()), "tap") {
				t.Errorf("%s: %v\n%s", e.name, k.Buttons, said.String())
			}
			for _, b := range with.Buttons {
				// Its first word is what the button does; "I did it" is a word on the detector, and more.
				want := map[chat.Verb]string{
					chat.VerbApprove: "`warden approve ", chat.VerbDeny: "`warden deny ", chat.VerbSnooze: "`warden snooze ", chat.VerbUndo: "`warden undo ", chat.VerbCancel: "`warden cancel ",
					chat.VerbRight: " right`", chat.VerbWrong: " wrong`", chat.VerbDid: " right`", chat.VerbPreview: "`warden run ", chat.VerbDetails: "`warden show ",
				}[b.Verb]
				if want == "" || !strings.Contains(said.String(), want) {
					t.Errorf("%s: nothing says how to do %q without its button:\n%s", e.name, b.Verb, said.String())
				}
			}
		}
	}
	for _, s := range []chat.CardState{chat.CardComplaint, chat.CardQuestion, chat.CardAnnounced, chat.CardWorking, chat.CardDone, chat.CardTrouble, chat.CardOver} {
		if seen[s] == 0 {
			t.Errorf("no example is %s", s)
		}
	}
}
