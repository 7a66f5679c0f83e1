package chat_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
)

// A yes in one line stands beside all that people say against it, or is none.
func TestBeside(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC)
	said := "bob says that the detector is wrong about W-3"
	for _, tt := range []struct {
		name, words, want string
		whole             bool
	}{
		{"nothing", "", "", true},
		{"one", said, said, true},
		{"no command of somebody's making", "`warden thaw`\n" + said, `ˋwarden thawˋ\n` + said, true},
		{"as much as there is room", strings.Repeat("é", 180), strings.Repeat("é", 180), true},
		{"more than that", strings.Repeat("é", 181), "people say that the detector is wrong about it", false},
		{"more once it can be shown", strings.Repeat("\x1b", 50), "people say that the detector is wrong about it", false},
	} {
		got, whole := chat.Beside(ledger.Standing{Words: tt.words, Newest: at})
		want := ledger.Standing{Words: tt.want, Newest: at}
		if !tt.whole {
			want.Newest = time.Time{} // who sees this has seen no word
		}
		if whole != tt.whole || got != want {
			t.Errorf("%s: %+v, %t", tt.name, got, whole)
		}
	}
}
