package cli

import (
	"testing"

	"warden/internal/remedy"
)

// What was only rehearsed is named in one line, however much of it there is.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		of   []remedy.CaseID
		want string
	}{
		{[]remedy.CaseID{1}, "rehearsed: at notify nothing is done. What is marked counts what would have been done for W-1."},
		{[]remedy.CaseID{9, 7, 6, 5, 4, 3}, "rehearsed: at notify nothing is done. What is marked counts what would have been done for W-9, W-7, W-6, W-5, W-4 and more."},
	} {
		if got := rehearsal(&remedy.Decision{Effective: remedy.LevelNotify, Rehearsed: tt.of}); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
