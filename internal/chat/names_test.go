package chat

import "testing"

// TestNamesStayAsTheyAre holds that a sentence that begins with a name begins
// with the name, whatever a sentence begins with otherwise.
func TestNamesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"fran reviewed drain on web: fixed":            "fran reviewed drain on web: fixed",
		"kim reset the latch of web: looked":           "kim reset the latch of web: looked",
		"drain on web is at notify at most":            "drain on web is at notify at most",
		"canary counts for levels again, by kim":       "canary counts for levels again, by kim",
		"thea has n1 hand over the leadership":         "thea has n1 hand over the leadership",
		"frozen by kim: deploy":                        "Frozen by kim: deploy",
		"the freeze has expired":                       "The freeze has expired",
		"source prom can't be believed: it is too old": "Source prom can't be believed: it is too old",
	} {
		if got := opening(said); got != want {
			t.Errorf("%q becomes %q", said, got)
		}
	}
}
