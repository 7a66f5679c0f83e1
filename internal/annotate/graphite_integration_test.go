//go:build integration

package annotate_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"warden/internal/annotate"
	"warden/internal/ledger"
	"warden/internal/realtest"
)

type event struct {
	When int64    `json:"when"`
	What string   `json:"what"`
	Data string   `json:"data"`
	Tags []string `json:"tags"`
}

func events(t *testing.T, base string) (all []event) {
	t.Helper()
	resp, err := http.Get(base + "/events/get_data?" + url.Values{"tags": {"warden"}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// Against graphite-web itself: it fails without its database, then takes each
// mark once, at its time, however often it is given.
func TestRealGraphite(t *testing.T) {
	t.Parallel()
	g := realtest.StartGraphite(t)
	place := &annotate.Graphite{URL: g.URL, Client: client(t)}
	d := newDesk(place, false, false)
	if got, err := d.bring(t.Context(), nil, message(1, ledger.NoticeOutcome, newCase())); err == nil || !strings.Contains(err.Error(), "in trouble (500)") || len(got.Seqs) != 0 {
		t.Fatalf("without a database: %+v, %v", got, err)
	}
	g.MakeEvents()
	for range 2 { // the receipts are lost in between
		d = newDesk(place, false, false)
		if got, err := d.bring(t.Context(), nil, message(1, ledger.NoticeOutcome, newCase()), message(2, ledger.NoticeStop, nil)); err != nil || len(got.Seqs) != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if _, err := d.bring(t.Context(), []*ledger.Case{newCase(returned)}); err != nil {
		t.Fatal(err)
	}
	want := []event{
		{at(3, 15).Unix(), "warden: Frozen by sam: deploy", "", []string{"warden", "stop", "notice.2"}},
		{at(3, 15).Unix(), "warden: drain of web-07 (edge): done, verified, by warden itself. W-3", "why: 8% of expected canary data over 10m, bad below 50%, for 5m or longer", []string{"warden", "act", "drain", "edge", "W-3.1"}},
		{at(9, 40).Unix(), "warden: drain of web-07 (edge) is over: returned. W-3", "", []string{"warden", "end", "drain", "edge", "W-3.1.end"}},
	}
	if diff := cmp.Diff(want, events(t, g.URL)); diff != "" {
		t.Error(diff)
	}
}
