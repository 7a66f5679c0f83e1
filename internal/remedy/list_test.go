package remedy_test

import (
	"testing"

	"warden/internal/remedy"
)

func TestListed(t *testing.T) {
	t.Parallel()
	for want, names := range map[string][]remedy.NodeID{"none": nil, "n1": {"n1"}, "n1, n2": {"n1", "n2"}} {
		if got := remedy.Listed(names); got != want {
			t.Errorf("%v: %q, want %q", names, got, want)
		}
	}
}
