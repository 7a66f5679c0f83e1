package web

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// A timeline finds the cases by the notes on the incident, or by hosts and a
// span, and what of their pools goes with them.
func TestTimeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remedy.LevelConfirm, "kim")
	w.commit(remedy.Warden(), &ledger.SurfacesSet{Surfaces: []ledger.Surface{ledger.SurfaceConsole, ledger.SurfacePagerDuty}, Asks: ledger.SurfaceConsole})
	client := w.serve()
	w.setBad("h03")
	w.rounds(3)
	found := w.ledger.Cases(ledger.CaseFilter{Host: "h03"})
	if len(found) != 1 {
		t.Fatalf("%d cases", len(found))
	}
	id := found[0].ID
	w.commit(remedy.Warden(), &ledger.NoticeDelivered{Surface: ledger.SurfacePagerDuty, Posts: []ledger.Post{
		{Key: "incident/" + id.String(), Case: id, ID: "Q1", Link: "https://pd.example.net/incidents/Q1"},
		{Key: "note/" + id.String(), Case: id, Place: "Q1", ID: "N1"},
		{Key: "alert/warden/x/breaker_open/-/guarantee", ID: id.String(), Place: "Q1"},
	}})
	w.commit(remedy.Actor{Name: "kim", Person: true}, &ledger.FreezeSet{Reason: "look first"})
	d, err := client.Case(t.Context(), id)
	if err != nil || len(d.Posts) != 1 || d.Posts[0] != (CasePost{Surface: ledger.SurfacePagerDuty, About: "incident", ID: "Q1", Link: "https://pd.example.net/incidents/Q1"}) {
		t.Errorf("%+v, %v", d.Posts, err)
	}
	got, err := client.Timeline(t.Context(), TimelineQuery{Incident: "Q1"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Cases) != 1 || got.Cases[0].ID != id || len(got.Hosts) != 1 || got.Link == "" || !got.From.Equal(found[0].OpenedAt.Add(-leadIn)) || got.Freeze == nil {
		t.Errorf("%+v", got)
	}
	byHost, err := client.Timeline(t.Context(), TimelineQuery{Hosts: []string{"h03", "h04"}, Since: start.Add(-time.Hour), Until: start.Add(time.Hour)})
	if err != nil || len(byHost.Cases) != 1 || len(byHost.Hosts) != 2 || byHost.Link != "" {
		t.Errorf("%+v, %v", byHost, err)
	}
	other, err := client.Timeline(t.Context(), TimelineQuery{Hosts: []string{"h04"}, Since: start.Add(-time.Hour)})
	if err != nil || len(other.Cases) != 0 {
		t.Errorf("%+v, %v", other, err)
	}
	for _, tt := range []struct {
		q      TimelineQuery
		status int
	}{
		{TimelineQuery{}, http.StatusUnprocessableEntity},
		{TimelineQuery{Hosts: []string{"h03"}}, http.StatusUnprocessableEntity},
		{TimelineQuery{Incident: "Q2"}, http.StatusNotFound},
	} {
		_, err := client.Timeline(t.Context(), tt.q)
		if p, ok := errors.AsType[*APIError](err); !ok || p.Status != tt.status {
			t.Errorf("%+v: %v, want %d", tt.q, err, tt.status)
		}
	}
}
