package slack

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Whatever Slack calls somebody, and whatever their name is, the ledger takes what
// is said of their click.
func TestTheLedgerTakesWhatIsAudited(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC)
	l := ledger.New()
	e, err := ledger.NewEntry(now, remedy.Warden(), "n1", &ledger.ClusterInit{ClusterID: "c", Voters: []remedy.NodeID{"n1"}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	l.Apply(1, 1, data)
	rapid.Check(t, func(t *rapid.T) {
		user := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Z0-9]{0,40}`)).Draw(t, "user")
		r := request{by: rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "by"), id: 3, verb: "approve"}
		b := refused(user, r, rapid.SampledFrom([]error{ErrForged, ErrForeign, ErrNobody, errUnknown, errOutdated, &NotYours{Err: ErrNobody}, &Lost{Err: ErrForged}, errors.New("x")}).Draw(t, "why"))
		if said := l.AdmitsClicks(now, "n1", &b); !said.OK {
			t.Fatalf("%+v: %+v", b, said)
		}
	})
}
