package chat_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// What holds while something lasts is said when it begins and not when it ends:
// checked on the ledger's own notices, for it is the ledger that words them.
func TestRulesAreSaidOnlyWhileTheyHold(t *testing.T) {
	now, kim, warden := at(3, 0, 0), person("kim"), remedy.Warden()
	l := ledger.New()
	for _, tt := range []struct {
		name  string
		after time.Duration
		by    remedy.Actor
		body  ledger.Body
		rules bool
	}{
		{"storm", 0, warden, &ledger.Storm{Pool: "edge", Detector: "canary", On: true, Detail: "canary: 4 of 10 hosts are bad at once"}, true},
		{"over", time.Minute, warden, &ledger.Storm{Pool: "edge", Detector: "canary"}, false},
		{"storm again", time.Minute, warden, &ledger.Storm{Pool: "edge", Detector: "canary", On: true, Detail: "canary: 4 of 10 hosts are bad at once"}, true},
		{"reset", time.Minute, kim, &ledger.StormReset{Pool: "edge"}, false},
		{"freeze", 0, kim, &ledger.FreezeSet{Reason: "it has expired"}, true},
		{"unfreeze", 0, kim, &ledger.FreezeLift{}, false},
		{"hold", 0, kim, &ledger.HoldSet{Pool: "edge", Host: "web-07", Reason: "released by kim", Until: at(9, 0, 0)}, true},
		{"release", 0, kim, &ledger.HoldRelease{Pool: "edge", Host: "web-07"}, false},
		{"size", 0, warden, &ledger.PoolSize{Pool: "edge", N: 10}, false},
		{"shrank", time.Minute, warden, &ledger.PoolSize{Pool: "edge", N: 4}, true},
		{"accepted", time.Minute, kim, &ledger.PoolAccept{Pool: "edge"}, false},
		{"shrank again", time.Minute, warden, &ledger.PoolSize{Pool: "edge", N: 1}, true},
		{"back", time.Minute, warden, &ledger.PoolSize{Pool: "edge", N: 4}, false},
	} {
		before := len(l.Pending())
		now = now.Add(tt.after)
		l = l.Preview(now, tt.by, tt.body)
		told := l.Pending()[before:]
		if tt.name == "size" {
			continue
		}
		if len(told) != 1 {
			t.Fatalf("%s: %d notices, want 1", tt.name, len(told))
		}
		text := chat.Render(chat.Message{Notice: told[0]}, chat.RenderOptions{})
		got := slices.ContainsFunc(text.Lines, func(s string) bool {
			return strings.HasPrefix(s, "While ") || strings.HasPrefix(s, "`warden status`")
		})
		if got != tt.rules {
			t.Errorf("%s: %q %q, want the rule: %t", tt.name, text.Headline, text.Lines, tt.rules)
		}
	}
}
