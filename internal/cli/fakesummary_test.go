package cli

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/report"
	"warden/internal/web"
)

// morning words the fake's cases as the engine would.
func (f *fakeAPI) morning(r *http.Request) (any, error) {
	from := fakeNow.Add(-24 * time.Hour)
	if since := r.URL.Query().Get("since"); since != "" {
		d, err := config.ParseDuration(since)
		if err != nil {
			return nil, refuse(http.StatusUnprocessableEntity, web.CodeInvalid, err.Error())
		}
		from = fakeNow.Add(-d.Std())
	}
	night := ledger.Night{Now: fakeNow, Voters: []remedy.NodeID{"n1"}, Reports: []ledger.NodeReport{{Node: "n1", ConfigHash: "h"}}, Holds: f.holds, Freeze: f.freeze}
	for _, id := range slices.Sorted(maps.Keys(f.cases)) {
		night.Cases = append(night.Cases, f.cases[id])
	}
	m := report.Morning(night, ledger.Summary{From: from, To: fakeNow}, chat.MorningNow{ChecksAnHour: 9840}, report.MorningOptions{MostItems: report.MostItems})
	return &web.Summary{Schema: web.SchemaSummary, ServedAt: fakeNow, Summary: *m, Due: fakeNow.Add(6 * time.Hour)}, nil
}

func (f *fakeAPI) sendSummary(r *http.Request) (any, error) {
	q, err := body[web.SummarySendRequest](r)
	if err != nil {
		return nil, err
	}
	if q.Since == "13d" { // as where the ledger says no
		return nil, refuse(http.StatusConflict, ledger.RefusedPace, "one was asked for at this very instant: ask again")
	}
	return &web.SummarySent{Schema: web.SchemaSummarySent, Surfaces: []string{"console", "slack"}}, nil
}
