package chat_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/chat"
	"warden/internal/remedy"
)

func TestFindingSentence(t *testing.T) {
	with := func(change func(*remedy.Finding)) remedy.Finding {
		f := *badFinding()
		change(&f)
		return f
	}
	unknown := func(reason string) remedy.Finding {
		return with(func(f *remedy.Finding) {
			f.Verdict, f.Reason, f.Value, f.BadSince = remedy.VerdictUnknown, reason, remedy.Fact[float64]{}, time.Time{}
		})
	}
	for _, tt := range []struct {
		name, want, short string
		finding           remedy.Finding
	}{
		{"bad", "8% of expected canary data over 10m, bad below 50%, for 5m or longer", "8%", *badFinding()},
		{"bad since before", "8% of expected canary data over 10m, bad below 50%, for 6m10s", "8%",
			with(func(f *remedy.Finding) { f.BadSince = f.At.Add(-370 * time.Second) })},
		{"good", "99.8% of expected canary data over 10m, good above 80%", "99.8%", *goodFinding()},
		{"stopped", "0% of expected canary data over 10m (the host stopped sending, its newest sample was 6m old), bad below 50%, for 5m or longer", "no data",
			with(func(f *remedy.Finding) {
				f.Stopped, f.Value, f.Newest = true, remedy.Known(0.0), f.At.Add(-6*time.Minute)
			})},
		{"stopped, age unknown", "0% of expected canary data over 10m (the host stopped sending), bad below 50%, for 5m or longer", "no data",
			with(func(f *remedy.Finding) { f.Stopped, f.Value, f.Newest = true, remedy.Known(0.0), time.Time{} })},
		{"just below", "49.96% of expected canary data over 10m, bad below 50%, for 5m or longer", "49.96%",
			with(func(f *remedy.Finding) { f.Value = remedy.Known(0.4996) })},
		{"no share", "412 ms over 10m, bad below 300, for 5m or longer", "412 ms",
			with(func(f *remedy.Finding) { f.Value, f.Unit, f.Bad = remedy.Known(412.3), "ms", 300 })},
		{"between", "65% of expected canary data over 10m, neither bad (below 50%) nor good (above 80%)", "65%",
			with(func(f *remedy.Finding) {
				f.Verdict, f.Reason, f.Value = remedy.VerdictUnknown, remedy.ReasonBetween, remedy.Known(0.65)
			})},
		{"pending", "8% of expected canary data over 10m, bad below 50%, for 2m: not yet for 5m", "8%",
			with(func(f *remedy.Finding) {
				f.Verdict, f.Reason, f.BadSince = remedy.VerdictUnknown, remedy.ReasonPending, f.At.Add(-2*time.Minute)
			})},
		{"out", "not judged: the host is out of service", "unknown",
			with(func(f *remedy.Finding) { f.Verdict, f.Value = remedy.VerdictOut, remedy.Fact[float64]{} })},
		{"bad without a number", "nothing trustworthy measured over 10m, bad below 50%, for 5m or longer", "unknown",
			with(func(f *remedy.Finding) { f.Value = remedy.Fact[float64]{} })},
		{"between without a number", "unknown: between the thresholds, neither bad nor good", "unknown", unknown(remedy.ReasonBetween)},
		{"stale", "unknown: its newest sample is too old", "unknown", unknown(remedy.ReasonStale)},
		{"no reason", "unknown: no reason was recorded", "unknown", unknown("")},
		{"a new reason", "unknown: moon phase", "unknown", unknown("moon_phase")},
		{"hostile", `unknown: x\n\x1b[31mW-9 approved`, "unknown", unknown("x\n\x1b[31mW-9 approved")},
		{"zero", "unknown: no reason was recorded", "unknown", remedy.Finding{}},
	} {
		if got := chat.FindingSentence(tt.finding); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
		if got := chat.FindingShort(tt.finding); got != tt.short {
			t.Errorf("%s: got %q, want %q in short", tt.name, got, tt.short)
		}
	}
}

func TestEveryReasonHasWords(t *testing.T) {
	for _, reason := range []string{
		remedy.ReasonBetween, remedy.ReasonPending, remedy.ReasonNoSeries, remedy.ReasonNoValue, remedy.ReasonNeverSeen, remedy.ReasonStale,
		remedy.ReasonFewPoints, remedy.ReasonNotANumber, remedy.ReasonDuplicate, remedy.ReasonNoFreshness,
		remedy.ReasonSourceFailed, remedy.ReasonSourceStale, remedy.ReasonNoExpectation, remedy.ReasonFuture,
		remedy.ReasonManyStopped, remedy.ReasonPeersNotFresh,
	} {
		if got := chat.ReasonWords(reason); got == strings.ReplaceAll(reason, "_", " ") {
			t.Errorf("%s is only spelled out", reason)
		}
	}
}

func TestAnswerWords(t *testing.T) {
	for want, answer := range map[string]remedy.Answer{
		"9 of 10 in service after this, limit: floor 6": {Guardrail: "pool_floor", Effect: remedy.EffectAllow, Observed: "9 of 10 in service after this", Limit: "floor 6"},
		`frozen by kim: network\nwork`:                  {Guardrail: "freeze", Effect: remedy.EffectBlock, Observed: "frozen by kim: network\nwork"},
		"assumed: at most confirm":                      {Guardrail: "in_service_known", Effect: remedy.EffectCap, Cap: remedy.LevelConfirm, Observed: "assumed"},
		"":                                              {Guardrail: "hold", Effect: remedy.EffectAsk},
	} {
		if got := chat.AnswerWords(answer); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 250 * time.Millisecond: "250ms", time.Second: "1s", 370 * time.Second: "6m10s", 10 * time.Minute: "10m",
		4 * time.Hour: "4h", 90 * time.Minute: "1h30m", 24 * time.Hour: "1d", 52 * time.Hour: "2d 4h",
		59600 * time.Millisecond: "1m", -time.Minute: "-1m", math.MinInt64: "-0s",
		999600 * time.Microsecond: "1s", time.Hour - 400*time.Millisecond: "1h", 24*time.Hour - 20*time.Second: "1d", 5*time.Hour + 20*time.Minute + time.Second: "5h20m",
		52*time.Hour + time.Minute: "2d 4h", 41 * 24 * time.Hour: "41d", 300 * time.Microsecond: "0s",
	} {
		if got := chat.Span(d); got != want {
			t.Errorf("%d: got %q, want %q", d, got, want)
		}
	}
}

func TestShares(t *testing.T) {
	for ratio, want := range map[float64]string{
		0.08: "8%", 0: "0%", 1: "100%", 0.998: "99.8%", 0.413: "41%", 0.0004: "0.04%", 1.2: "120%", 0.9999: "99.99%",
		math.Inf(1): "not a number",
	} {
		if got := chat.FindingShort(remedy.Finding{Value: remedy.Known(ratio), Term: remedy.Term{Unit: "of expected"}}); got != want {
			t.Errorf("%v: got %q, want %q", ratio, got, want)
		}
	}
	if got := chat.FindingShort(remedy.Finding{Value: remedy.Known(math.NaN()), Term: remedy.Term{Unit: "of expected"}}); got != "not a number" {
		t.Errorf("NaN: got %q", got)
	}
}

// A bad value must never read as if it were not below its threshold.
func TestRoundingNeverCrossesTheThreshold(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := *badFinding()
		f.Bad = float64(rapid.IntRange(1, 1000).Draw(r, "threshold, in tenths of a percent")) / 1000
		below := f.Bad - float64(rapid.IntRange(1, 1_000_000).Draw(r, "millionths"))/1e6
		if below < 0 {
			return
		}
		f.Value = remedy.Known(below)
		var got, limit float64
		sentence := chat.FindingSentence(f)
		if _, err := fmt.Sscanf(sentence, "%g%% of expected canary data over 10m, bad below %g%%", &got, &limit); err != nil {
			r.Fatalf("%q: %v", sentence, err)
		}
		if got >= limit {
			r.Errorf("%v below %v reads as %q", below, f.Bad, sentence)
		}
	})
}

func TestWhen(t *testing.T) {
	if got := chat.When(at(3, 6, 0), at(9, 0, 0), nil); got != "03:06 UTC" {
		t.Errorf("the same day: %q", got)
	}
	if got := chat.When(at(3, 6, 0), at(9, 0, 0).AddDate(0, 0, 1), nil); got != "2026-11-20 03:06 UTC" {
		t.Errorf("another day: %q", got)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"web-07.example.net": "web-07.example.net", "größe €": "größe €", `a\b`: `a\b`, "": "",
		"a\nb\r\t\x00": `a\nb\r\t\x00`, "\x1b[31mred\x1b[0m": `\x1b[31mred\x1b[0m`, "\u202eevil": `\u202eevil`,
		"\u009b31m": `\u009b31m`, "\x9b\xff": `\x9b\xff`, "a\u2028b\u00a0c": `a\u2028b\u00a0c`, "\ufffd": "\ufffd",
	} {
		if got := chat.Clean(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
