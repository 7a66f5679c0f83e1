package chat_test

import (
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
)

func TestStale(t *testing.T) {
	t.Parallel()
	at := func(second int) time.Time { return time.Date(2026, 11, 20, 3, 12, second, 0, time.UTC) }
	card := ledger.Post{Key: "case/W-3", Case: 3, At: at(20), Of: at(10)}
	thread := ledger.Post{Key: "thread/W-3", Case: 3, At: at(30)}
	earlier := ledger.Post{Key: "case/W-3 a", Case: 3, At: at(25), Of: at(5)}
	tests := []struct {
		name           string
		posts          []ledger.Post
		changed, later int
		want           bool
	}{
		{"as the card shows it", []ledger.Post{card}, 9, 0, false},
		{"changed while the card was on its way", []ledger.Post{card}, 15, 0, true},
		{"its thread is newer", []ledger.Post{card, thread}, 15, 0, true},
		{"in another order", []ledger.Post{thread, card}, 15, 0, true},
		{"one of two shows it", []ledger.Post{earlier, card}, 9, 0, false},
		{"nothing says how far it goes", []ledger.Post{thread}, 15, 0, false},
		{"nor how far this goes", []ledger.Post{thread}, 31, 0, true},
		{"perhaps after it, at that very instant", []ledger.Post{card}, 10, 30, true},
		{"an instant of long ago", []ledger.Post{card}, 10, 90, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			shown, ok := chat.Shown(tt.posts)[3]
			if got := chat.Stale(shown, at(tt.changed), at(tt.changed+tt.later)); !ok || got != tt.want {
				t.Errorf("shown up to %s: %t, want %t", shown.Format(time.TimeOnly), got, tt.want)
			}
		})
	}
	if all := chat.Shown([]ledger.Post{{Key: "summary/2026-11-20", At: at(1)}}); len(all) != 0 {
		t.Errorf("what is about no case: %v", all)
	}
}
