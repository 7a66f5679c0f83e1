package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"warden/internal/doctor"
)

// FuzzDiagnosis has all that doctor saw be anything, as it may come from a source, a
// load balancer, a certificate or Slack: each finding is one line and its fix another,
// and nothing of either paints a terminal.
func FuzzDiagnosis(f *testing.F) {
	for _, s := range nasty {
		f.Add(s, s, s)
	}
	f.Add("", "", "")
	f.Add("web-1", strings.Repeat("🔥", 10_000), "\ta\vb\u0085c\u2028d")
	f.Fuzz(func(t *testing.T, subject, seen, fix string) {
		var out, talk bytes.Buffer
		o := &printer{out: &out, err: &talk, zone: time.UTC}
		all := []doctor.Result{
			{Check: "source", Subject: subject, Status: doctor.OK, Seen: seen},
			{Check: seen, Subject: subject, Status: doctor.Fail, Seen: seen, Fix: "do: " + fix},
			{Check: "clock", Subject: subject, Status: doctor.Unknown, Seen: seen, Fix: "do: " + fix},
		}
		o.diagnosis(all)
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != 5 {
			t.Fatalf("%d lines: %q", len(lines), lines)
		}
		for i, begins := range []string{"ok ", "FAIL ", " ", "unknown ", " "} {
			l := lines[i]
			if !strings.HasPrefix(l, begins) || begins == " " && !strings.HasPrefix(strings.TrimLeft(l, " "), "fix: do:") {
				t.Errorf("line %d is %q", i, l)
			}
			if !utf8.ValidString(l) || strings.ContainsFunc(l, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("more than text: %q", l)
			}
		}
		if got := talk.String(); got != "1 ok, 1 unknown, 0 to look at, 1 failed\n" {
			t.Errorf("%q", got)
		}
	})
}
