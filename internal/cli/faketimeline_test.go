package cli

import (
	"net/http"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// timeline is an incident with everything that a review can meet: a host that was
// drained with a yes, one that was held back in a common mode, one of a name that
// wants to be Markdown, a freeze and a blind source.
func (f *fakeAPI) timeline(r *http.Request) (any, error) {
	q := r.URL.Query()
	if q.Get("incident") == "Q0" {
		return nil, refuse(http.StatusNotFound, ledger.RefusedNoCase, "warden has no note on incident Q0: give `--since`, `--until` and `--host` instead")
	}
	at := func(m float64) time.Time { return fakeNow.Add(-time.Hour).Add(time.Duration(m * float64(time.Minute))) }
	drained := &ledger.Case{
		ID: 1042, Pool: "ingest", Host: "ingest-17", Action: "drain", Detector: "canary_missing", Stage: remedy.StageOut, Outcome: remedy.OutcomeDone,
		OpenedAt: at(6), ChangedAt: at(16), Opened: fakeFinding("ingest-17", 0.41, 6*time.Minute), Decision: fakeDecision(remedy.LevelConfirm),
		Ask:        &ledger.Ask{Approvers: []string{"@oncall"}, AskedAt: at(6), ExpiresAt: at(26)},
		Answer:     &ledger.CaseReply{Approve: true, By: person("sam"), At: at(14), Reason: "looks | right"},
		Executions: []ledger.Execution{{Kind: remedy.KindAct, By: person("sam"), StartedAt: at(14.1), FinishedAt: at(14.2), Outcome: remedy.OutcomeDone, Took: remedy.Known(true), TookAt: at(16)}},
		Events: []ledger.Event{
			{At: at(6), What: "opened", By: "warden"}, {At: at(6), What: "decided: confirm", By: "warden"}, {At: at(6), What: "asked", By: "warden"},
			{At: at(14), What: "approved", By: "sam"}, {At: at(14.1), What: "START act", By: "warden"}, {At: at(14.2), What: "FINISHED done", By: "warden"},
			{At: at(16), What: "verified: took", By: "warden"},
		},
	}
	drained.Opened.At, drained.Opened.BadSince = at(6), at(0)
	storm := remedy.Answer{Guardrail: "common_mode", Effect: remedy.EffectBlock, Observed: "9 of 40 bad", Limit: "8 (20 %)"}
	held := &ledger.Case{
		ID: 1043, Pool: "ingest", Host: "ingest-17", Action: "restart_receiver", Detector: "canary_missing", Stage: remedy.StageClosed, Outcome: remedy.OutcomeSelfRecovered,
		OpenedAt: at(30), ClosedAt: at(41), ChangedAt: at(41), Opened: fakeFinding("ingest-17", 0.12, 5*time.Minute), Decision: fakeDecision(remedy.LevelBlocked, storm),
		Events: []ledger.Event{{At: at(30), What: "opened", By: "warden"}, {At: at(30), What: "blocked by common_mode", By: "warden"}, {At: at(41), What: "closed: self_recovered", By: "warden"}},
	}
	held.Opened.At, held.Opened.BadSince = at(30), at(25)
	near := &ledger.Case{
		ID: 1044, Pool: "ingest", Host: "[ingest-18](x)<b>", Action: "drain", Stage: remedy.StageDetected, OpenedAt: at(31), ChangedAt: at(31),
		Opened: fakeFinding("ingest-18", 0.2, 5*time.Minute), Decision: fakeDecision(remedy.LevelBlocked, storm),
	}
	t := &web.Timeline{
		Schema: web.SchemaTimeline, ServedAt: fakeNow, Cluster: "prod", Incident: q.Get("incident"), From: at(-24), To: at(60), Hosts: []remedy.HostName{"ingest-17"},
		Cases: []*ledger.Case{drained, held}, Nearby: []*ledger.Case{near},
		Storms:     []web.TimelineStorm{{Pool: "ingest", StormState: ledger.StormState{Detector: "canary_missing", StartedAt: at(29), EndedAt: at(45), Detail: "canary_missing: 9 of 40 hosts are bad at once"}}},
		Latches:    []ledger.Latch{},
		Resets:     []ledger.Reset{{Pool: "ingest", By: person("kim"), At: at(50), Comment: "the switch was it"}},
		Freeze:     &ledger.Freeze{By: person("kim"), Reason: "look first", Since: at(32)},
		Holds:      []ledger.Hold{{Pool: "ingest", Host: "ingest-17", By: person("kim"), Reason: "taken apart", Since: at(48), Until: at(600)}},
		Happenings: []ledger.Happening{{Kind: ledger.HappenedLead, At: at(-20), Node: "warden-2", Term: 7}, {Kind: ledger.HappenedBlind, At: at(33), Until: at(35), Source: "prometheus", Why: "timeout"}},
	}
	if t.Incident != "" {
		t.Link = "https://example.pagerduty.com/incidents/" + t.Incident
	} else {
		t.Hosts, t.Cases, t.Nearby, t.Storms, t.Resets, t.Freeze, t.Holds, t.Happenings = []remedy.HostName{remedy.HostName(q.Get("host"))}, nil, nil, nil, nil, nil, nil, nil
	}
	return t, nil
}
