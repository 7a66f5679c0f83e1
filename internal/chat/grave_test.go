package chat_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// While something serious goes on no message of any kind has a joke, whatever the
// tone and however often it was said: it reads as it would in the plain tone. What
// only waits, or holds back for reasons of its own, is nothing serious.
func TestNoJokesWhileSomethingSeriousGoesOn(t *testing.T) {
	t.Parallel()
	says := func(guardrail string, e remedy.Effect, unreadable bool) func(*chat.Message) {
		return func(m *chat.Message) {
			if m.Case == nil || m.Case.Decision == nil {
				m.Grave = true // there is no other way to know
				return
			}
			c, d := *m.Case, *m.Case.Decision
			d.Answers = slices.DeleteFunc(slices.Clone(d.Answers), func(a remedy.Answer) bool { return a.Guardrail == guardrail })
			d.Answers = append(d.Answers, remedy.Answer{Guardrail: guardrail, Effect: e, Unreadable: unreadable, Observed: "it fires"})
			c.Decision, m.Case = &d, &c
		}
	}
	serious := map[string]func(*chat.Message){
		"block_when fires":         says("block_when", remedy.EffectBlock, false),
		"block_when asks":          says("block_when", remedy.EffectAsk, false),
		"block_when can't be told": says("block_when", remedy.EffectBlock, true),
		"a breaker is open":        says("breaker", remedy.EffectBlock, false),
		"common mode":              says("common_mode", remedy.EffectBlock, false),
		"elsewhere":                func(m *chat.Message) { m.Grave = true },
	}
	light := map[string]func(*chat.Message){
		"nothing":              func(*chat.Message) {},
		"block_when allows":    says("block_when", remedy.EffectAllow, false),
		"the breaker waits":    says("breaker", remedy.EffectWait, false),
		"the rate is used up":  says("rate", remedy.EffectBlock, false),
		"block_when not bound": says("block_when", remedy.EffectNotBind, false),
	}
	jokes, kinds := 0, map[ledger.NoticeKind]bool{}
	for name, list := range examples() {
		for _, e := range append(list, ends(list)...) {
			kinds[e.m.Notice.Kind] = true
			for _, tone := range []chat.Tone{chat.ToneBitter, chat.ToneDry, chat.TonePlain, ""} {
				for _, repeat := range []int{0, 2, 3, 6} {
					o := chat.CardOptions{Tone: tone, Repeat: repeat, Since: at(3, 6, 0)}
					for why, change := range serious {
						m := e.m
						change(&m)
						got := chat.CardOf(m, o)
						if got.Joke != "" || got.JokeOf != "" || got.Data.Joke != "" {
							t.Errorf("%s, %s, %s, %q ×%d: %q (%s)", name, e.name, why, tone, repeat, got.Joke, got.JokeOf)
						}
						plain := o
						plain.Tone = chat.TonePlain
						if d := cmp.Diff(chat.CardOf(m, plain), got); d != "" {
							t.Errorf("%s, %s, %s, %q ×%d: not as in the plain tone\n%s", name, e.name, why, tone, repeat, d)
						}
						ro := chat.RenderOptions{Repeat: repeat}
						told := chat.Render(m, ro)
						ro.Plain = true
						if d := cmp.Diff(chat.Render(m, ro), told); d != "" {
							t.Errorf("%s, %s, %s ×%d: the console jokes\n%s", name, e.name, why, repeat, d)
						}
					}
					want := chat.CardOf(e.m, o).Joke
					for why, change := range light {
						m := e.m
						if m.Case == nil || m.Case.Decision == nil {
							continue
						}
						change(&m)
						if got := chat.CardOf(m, o).Joke; got != want {
							t.Errorf("%s, %s, %s, %q ×%d: %q, want %q", name, e.name, why, tone, repeat, got, want)
						}
					}
					if want != "" {
						jokes++
					}
				}
			}
		}
	}
	if jokes < 20 {
		t.Errorf("only %d of all cards have a joke when nothing is wrong", jokes)
	}
	for _, k := range noticeKinds() {
		if !kinds[k] {
			t.Errorf("no example of %s", k)
		}
	}
}

// ends are what becomes of complaints: each ending has a joke of its own.
func ends(of []example) []example {
	var out []example
	for _, e := range of {
		if e.m.Case == nil || e.m.Notice.Kind != ledger.NoticeComplaint {
			continue
		}
		for name, change := range map[string]func(*ledger.Case){
			"recovered": closed(remedy.OutcomeSelfRecovered, ""), "by hand": closed(remedy.OutcomeReturned, "put back by another hand"), "no data": closed(remedy.OutcomeNoData, ""),
		} {
			c := *e.m.Case
			change(&c)
			m := e.m
			m.Case = &c
			out = append(out, example{e.name + ", " + name, m})
		}
	}
	return out
}
