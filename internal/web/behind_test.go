package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"warden/internal/engine"
	"warden/internal/remedy"
)

// TestBehind asks a node that no leader has brought up to date: reads are
// answered and marked, what isn't there is unknown, and it isn't ready.
func TestBehind(t *testing.T) {
	t.Parallel()
	p, c := newPair(t, remedy.LevelConfirm)
	p.lead("", "")
	const text = "no quorum since this node started: this is as of entry 7"
	p.ready(&Behind{Index: 7, Text: text})
	var as AsOf
	c.Observe = func(a AsOf) { as = a }
	st, err := c.Status(t.Context())
	if err != nil || st.Behind == nil || st.Behind.Index != 7 || st.NoQuorum == nil || as.Behind != text {
		t.Fatalf("%+v %v %+v", st, err, as)
	}
	_, err = c.Case(t.Context(), 99)
	wantAPI(t, err, http.StatusServiceUnavailable, CodeNoLeader)
	_, err = c.Reload(t.Context())
	wantAPI(t, err, http.StatusServiceUnavailable, CodeNoLeader)
	if err := c.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), text) {
		t.Error(err)
	}

	p.ready(fmt.Errorf("%w: no answer from n3", ErrNoCluster))
	_, err = c.Status(t.Context())
	if wantAPI(t, err, http.StatusServiceUnavailable, CodeNoLeader); strings.Contains(err.Error(), "in a moment") || !strings.Contains(err.Error(), "no answer from n3") {
		t.Error(err)
	}
	p.ready(engine.ErrNotCommitted) // anything else passes soon
	_, err = c.Status(t.Context())
	wantAPI(t, err, http.StatusServiceUnavailable, engine.RefusedTransient)
	p.ready(nil)
	if st, err = c.Status(t.Context()); err != nil || st.Behind != nil || as.Behind != "" {
		t.Errorf("%+v %v", st, as)
	}
}
