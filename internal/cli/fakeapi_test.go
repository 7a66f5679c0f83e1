package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/internal/web"
)

// fakeNow is when the scripts run.
var fakeNow = time.Date(2026, 11, 20, 3, 12, 4, 0, time.UTC)

// fakeAPI is a warden that has cases and changes them when it is asked to, and
// that knows nothing of how the real one works but its API.
type fakeAPI struct {
	mu     sync.Mutex
	cases  map[remedy.CaseID]*ledger.Case
	freeze *ledger.Freeze
	waived *ledger.Waiver
	holds  []ledger.Hold
	broken ledger.Breakers
	peers  []web.RaftPeer
	// fate is how the next execution ends: see step.
	fate string
	// ledger, where there is one, is what moves of levels in force are foreseen by.
	ledger *ledger.Ledger
	// outline is the config in force, and next the file that a reload loads.
	outline config.Outline
	next    string
	// audit is where its audit files are.
	audit web.AuditHead
	// evidence is what is known of how right it was; digests are those of the
	// detectors of the config in force, whose records these are.
	evidence []trust.Evidence
	mute     bool
	digests  map[remedy.DetectorName]string
	// said is what was said of its cases, and toLabel of how many nothing was.
	said    map[remedy.CaseID]*web.CaseLabels
	against map[remedy.CaseID]ledger.Standing
	words   map[remedy.CaseID][]ledger.Objection
	toLabel int
	// as is who asks, and two says that runs by hand need somebody else's yes.
	as  string
	two bool
	// mode is how requests are answered: "", "noleader", "leaderless", "lost",
	// "mute", "unsure".
	mode      string
	interrupt func()
	quit      chan struct{}
	close     func()
}

// listen serves on a unix socket until stop.
func (f *fakeAPI) listen(socket string) (stop func(), err error) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: f.handler(), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	f.close = sync.OnceFunc(func() {
		close(f.quit)
		_ = server.Close()
	})
	return f.close, nil
}

// tell changes the fake from a script: "fate WORD", "mode WORD", "down".
func (f *fakeAPI) tell(args []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch args[0] {
	case "fate":
		f.fate = args[1]
	case "mode":
		f.mode = args[1]
	case "latch": // POOL DETAIL
		f.broken.Latches = append(f.broken.Latches, ledger.Latch{
			Pool: remedy.PoolName(args[1]), Why: ledger.LatchGuarantee, Guarantee: ledger.GuaranteeOnTime, Case: 1042, Since: fakeNow.Add(-time.Hour), Detail: args[2],
		})
	case "config": // what is in force
		o, _, err := fakeOutline(args[1])
		f.outline, f.next, f.digests = o, args[1], map[remedy.DetectorName]string{}
		for _, d := range o.Detectors {
			f.digests[d.Detector] = d.Digest
		}
		return err
	case "file": // what the next reload loads
		f.next = args[1]
	case "level": // ACTION POOL LEVEL: what the files say and is in force
		for i := range f.evidence {
			if e := &f.evidence[i]; string(e.Action) == args[1] && string(e.Pool) == args[2] {
				if err := e.Reported.UnmarshalText([]byte(args[3])); err != nil {
					return err
				}
				e.Effective = e.Reported
			}
		}
	case "held": // ACTION POOL LEVEL: what an enforced gate leaves of it
		return f.held(args[1], args[2], args[3])
	case "against": // W-1043, which asks, is said to be wrong
		f.opposed()
	case "said": // about W-1042, by several people, one of whom corrected themselves
		f.said = map[remedy.CaseID]*web.CaseLabels{1042: fakeSaid()}
		f.toLabel = 4
	case "enforce":
		for i := range f.evidence {
			f.evidence[i].Rules.Enforce = true
		}
	case "mute": // it previews no evidence, as over TCP
		f.mute = true
	case "granted": // as enforced gates leave it
		f.granted()
	case "asks": // what is not decided by one yes
		f.asks()
	case "as": // NAME
		f.as = args[1]
	case "two":
		f.two = true
	case "ranout":
		f.ranOut(1071)
	case "mend": // what is silent answers
		f.peers = fakePeers()
		f.peers[2].State, f.peers[2].Healthy, f.peers[2].Why, f.peers[2].LastIndex = "follower", true, "", 1234
	case "ghost": // only the ledger has it
		f.peers = append(f.peers, web.RaftPeer{
			Node: "warden-4", ID: "warden-4-00000004", State: web.PeerLedgerOnly, RaftVersion: 3,
			Why: "only the ledger has it as a voter",
		})
	case "leaderless-peers":
		f.peers[0].State, f.peers[0].Healthy, f.peers[0].Why = "silent", false, "no leader is known"
	case "keep": // FILE CLUSTER: a saved ledger
		return os.WriteFile(args[1], fakeLedger(args[2]), 0o600)
	case "down":
		f.close()
	default:
		return fmt.Errorf("api can't be told %q", args)
	}
	return nil
}

// onInterrupt is called when a request arrives in the mode "interrupt".
func (f *fakeAPI) onInterrupt(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.interrupt = do
}

func (f *fakeAPI) handler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			f.mu.Lock()
			mode, interrupt := f.mode, f.interrupt
			f.mu.Unlock()
			switch {
			case mode == "noleader":
				reply(w, nil, refuse(http.StatusServiceUnavailable, web.CodeNoLeader, "there is no leader: nothing was done; ask again in a moment"))
				return
			case mode == "leaderless":
				w.Header().Set("Warden-Node", "warden-2-bb")
				w.Header().Set("Warden-No-Leader-Since", fakeNow.Add(-4*time.Minute).Format(time.RFC3339))
				if r.Method != http.MethodGet {
					reply(w, nil, refuse(http.StatusServiceUnavailable, web.CodeNoLeader, "no quorum since 03:08 UTC: no leader is known, so nothing is done and nothing can be approved: nothing was done"))
					return
				}
			case mode == "unsure" && r.Method != http.MethodGet:
				reply(w, nil, refuse(http.StatusServiceUnavailable, web.CodeUnsure, "it may have been recorded all the same; look before you ask again"))
				return
			case mode == "interrupt":
				interrupt()
				<-r.Context().Done()
				return
			case mode == "mute" || mode == "lost" && r.Method != http.MethodGet:
				if mode == "lost" {
					panic(http.ErrAbortHandler)
				}
				select {
				case <-r.Context().Done():
				case <-f.quit:
				}
				return
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			v, err := do(r)
			reply(w, v, err)
		})
	}
	f.operatorRoutes(handle)
	mux.HandleFunc("GET /api/v1/operator/raft/snapshot", f.saveSnapshot)
	handle("GET /api/v1/timeline", f.timeline)
	handle("GET /api/v1/status", func(*http.Request) (any, error) { return f.status(), nil })
	handle("GET /api/v1/config", f.config)
	handle("GET /api/v1/policy", func(*http.Request) (any, error) { return f.policy(), nil })
	handle("GET /api/v1/trust", f.trust)
	handle("GET /api/v1/trust/series", f.trustSeries)
	handle("POST /api/v1/trust/preview", f.previewTrust)
	handle("POST /api/v1/trust/demotions", f.demote)
	handle("POST /api/v1/trust/reviews", f.review)
	handle("POST /api/v1/cases/{id}/label", f.label)
	handle("POST /api/v1/waivers", f.waive)
	handle("DELETE /api/v1/waivers", f.unwaive)
	handle("POST /api/v1/reload", f.reload)
	handle("GET /api/v1/stats", f.stats)
	handle("GET /api/v1/explain", f.explain)
	handle("GET /api/v1/detectors/{name}/test", f.tryDetector)
	handle("GET /api/v1/query", f.query)
	handle("GET /api/v1/cases", f.list)
	handle("GET /api/v1/hosts", f.hosts)
	handle("GET /api/v1/cases/{id}", f.onCase(func(c *ledger.Case, _ *http.Request) error {
		f.step(c)
		return nil
	}))
	handle("POST /api/v1/cases/{id}/approve", f.onCase(f.approve))
	handle("POST /api/v1/cases/{id}/deny", f.onCase(f.deny))
	handle("POST /api/v1/cases/{id}/cancel", f.onCase(f.cancel))
	handle("POST /api/v1/cases/{id}/snooze", f.onCase(f.snooze))
	handle("GET /api/v1/cases/{id}/undo", f.previewUndo)
	handle("POST /api/v1/cases/{id}/undo", f.onCase(f.undo))
	handle("POST /api/v1/cases/{id}/resolve", f.onCase(f.resolve))
	handle("POST /api/v1/runs/preview", f.previewRun)
	handle("POST /api/v1/runs", f.run)
	handle("POST /api/v1/holds", f.hold)
	handle("DELETE /api/v1/holds", f.release)
	handle("GET /api/v1/breakers", f.breakers)
	handle("POST /api/v1/breakers/reset", f.resetBreaker)
	handle("GET /api/v1/summary", f.morning)
	handle("POST /api/v1/summary/send", f.sendSummary)
	handle("POST /api/v1/freeze", f.setFreeze)
	handle("DELETE /api/v1/freeze", f.unfreeze)
	handle("POST /api/v1/pools/{name}/accept", f.accept)
	return mux
}

func refuse(status int, code, detail string) error {
	return &web.Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func reply(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if p, ok := errors.AsType[*web.Problem](err); ok {
		status, v = p.Status, p
	} else if err != nil {
		status, v = http.StatusInternalServerError, &web.Problem{Title: err.Error(), Status: http.StatusInternalServerError}
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func body[T any](r *http.Request) (T, error) {
	var v T
	return v, json.NewDecoder(r.Body).Decode(&v)
}

// onCase finds the case of a path, does something with it, and answers it.
func (f *fakeAPI) onCase(do func(c *ledger.Case, r *http.Request) error) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		c, err := f.find(r)
		if err != nil {
			return nil, err
		}
		if err := do(c, r); err != nil {
			return nil, err
		}
		level := remedy.LevelConfirm
		if c.Veto != nil {
			level = remedy.LevelAuto
		}
		return &web.CaseDetail{Schema: web.SchemaCase, ServedAt: fakeNow, Effective: level, Case: c, Labels: f.said[c.ID], Against: f.against[c.ID].Words, AgainstAt: f.against[c.ID].Newest, Words: f.words[c.ID]}, nil
	}
}

func (f *fakeAPI) find(r *http.Request) (*ledger.Case, error) {
	id, err := remedy.ParseCaseID(r.PathValue("id"))
	if err != nil {
		return nil, refuse(http.StatusUnprocessableEntity, web.CodeInvalid, err.Error())
	}
	c := f.cases[id]
	if c == nil {
		return nil, refuse(http.StatusNotFound, ledger.RefusedNoCase, fmt.Sprintf("there is no case %s", id))
	}
	return c, nil
}

func (f *fakeAPI) approve(c *ledger.Case, r *http.Request) error {
	q, err := body[web.ApproveRequest](r)
	if err != nil {
		return err
	}
	if several, err := f.several(c, q); several {
		return err
	}
	switch {
	case c.Answer != nil && c.Host == "ingest-17":
		words, repeated := chat.TooLate(chat.Late{Case: c, By: person("sam"), Approve: true, Now: fakeNow})
		if repeated {
			return nil
		}
		return refuse(http.StatusConflict, ledger.RefusedDecided, words)
	case c.Outcome == remedy.OutcomeExpired:
		return refuse(http.StatusGone, ledger.RefusedExpired, c.ID.String()+" expired: it is asked again if the host stays bad")
	case c.Stage != remedy.StageWaiting:
		return refuse(http.StatusConflict, ledger.RefusedStage, c.ID.String()+" is "+string(c.Stage)+" and asks nothing")
	case q.PlanHash != c.PlanHash:
		return refuse(http.StatusConflict, ledger.RefusedApproval, "the plan is "+c.PlanHash+" and not "+q.PlanHash+": look at it again")
	case c.Host == "ingest-99":
		return refuse(http.StatusForbidden, engine.RefusedNotYours, "mallory is not an approver of drain: ask one of sam, @oncall")
	}
	c.Answer = &ledger.CaseReply{Approve: true, By: person("sam"), At: fakeNow, PlanHash: q.PlanHash, Reason: q.Reason}
	return nil
}

func (f *fakeAPI) deny(c *ledger.Case, r *http.Request) error {
	q, err := body[web.DenyRequest](r)
	if err != nil || c.Stage != remedy.StageWaiting {
		return refuse(http.StatusConflict, ledger.RefusedStage, c.ID.String()+" is "+string(c.Stage)+" and asks nothing")
	}
	c.Answer = &ledger.CaseReply{By: f.user(), At: fakeNow, Reason: q.Reason}
	c.Note, c.Stage, c.Outcome, c.ClosedAt = q.Reason, remedy.StageClosed, remedy.OutcomeDenied, fakeNow
	return nil
}

func (f *fakeAPI) snooze(c *ledger.Case, r *http.Request) error {
	q, err := body[web.SnoozeRequest](r)
	if err != nil {
		return err
	}
	if why := unsnoozable(c); why != "" {
		return refuse(http.StatusConflict, ledger.RefusedStage, why)
	}
	c.Stage, c.Ask = remedy.StageProposed, nil
	c.Snooze = &ledger.Snooze{By: f.user(), At: fakeNow, Until: fakeNow.Add(time.Duration(q.Seconds) * time.Second), Reason: q.Reason, Announced: c.Veto != nil}
	return nil
}

func (f *fakeAPI) cancel(c *ledger.Case, r *http.Request) error {
	q, err := body[web.CancelRequest](r)
	switch {
	case err != nil:
		return err
	case c.UnknownExecution() || c.Stage == remedy.StageVerifying || c.Stage == remedy.StageOut:
		return refuse(http.StatusConflict, ledger.RefusedStage, c.ID.String()+" is "+string(c.Stage)+": it ran already, and only putting it back is left: `warden undo "+c.ID.String()+"`")
	case c.Stage == remedy.StageClosed:
		return refuse(http.StatusConflict, ledger.RefusedStage, c.ID.String()+" is closed already: there is nothing to stop")
	}
	c.Cancel = &ledger.Cancel{By: person("sam"), At: fakeNow, Reason: q.Reason}
	if c.Stage == remedy.StageExecuting {
		c.Cancel.Token = c.Execution().Token
		return nil
	}
	c.Stage, c.Outcome, c.ClosedAt, c.Note = remedy.StageClosed, remedy.OutcomeCancelled, fakeNow, "by sam"
	return nil
}

func (f *fakeAPI) undo(c *ledger.Case, r *http.Request) error {
	q, err := body[web.UndoRequest](r)
	if err != nil {
		return err
	}
	c.UndoReason = q.Reason
	c.Stage = remedy.StageExecuting
	c.Executions = append(c.Executions, ledger.Execution{Token: remedy.Token{Term: 3, Index: 99}, Attempt: 1, Kind: remedy.KindUndo, By: person("sam"), StartedAt: fakeNow})
	return nil
}

func (f *fakeAPI) resolve(c *ledger.Case, r *http.Request) error {
	q, err := body[web.ResolveRequest](r)
	if err != nil {
		return err
	}
	if !c.UnknownExecution() {
		return refuse(http.StatusConflict, ledger.RefusedStage, c.ID.String()+" is "+string(c.Stage)+" and its outcome is not unknown: there is nothing to resolve")
	}
	c.Stage, c.Outcome = remedy.StageOut, remedy.OutcomeDone
	if q.As == "in" {
		c.Stage, c.Outcome = remedy.StageClosed, remedy.OutcomeFailed
	}
	return nil
}

// step moves a case on by one look, as time would: an approved one is run, a
// running one is verified, and ends as fate wills.
func (f *fakeAPI) step(c *ledger.Case) {
	x := c.Execution()
	switch {
	case c.Ask != nil && c.Ask.ByHand && c.Answer == nil:
		f.answerOfOthers(c)
	case c.UnknownExecution() || f.fate == "stuck":
	case c.Stage == remedy.StageWaiting && c.Answer != nil:
		c.Stage = remedy.StageExecuting
		c.Executions = append(c.Executions, ledger.Execution{Token: remedy.Token{Term: 3, Index: 77}, Attempt: 1, Kind: remedy.KindAct, By: c.Answer.By, StartedAt: fakeNow, TakesOut: true})
	case c.Stage == remedy.StageExecuting && c.Cancels(x.Token) && f.fate == "":
		x.Outcome, x.FinishedAt = remedy.OutcomeAborted, fakeNow
		c.Stage, c.Outcome, c.ClosedAt, c.Note = remedy.StageClosed, remedy.OutcomeCancelled, fakeNow, "by sam"
		if x.Kind == remedy.KindUndo {
			c.Stage, c.Outcome, c.ClosedAt = remedy.StageOut, remedy.OutcomeDone, time.Time{}
		}
	case c.Stage == remedy.StageExecuting && x.Kind == remedy.KindUndo:
		f.end(c, x, remedy.OutcomeUndone)
	case c.Stage == remedy.StageExecuting && slices.Contains([]string{"failed", "unknown", "aborted"}, f.fate):
		f.end(c, x, "")
	case c.Stage == remedy.StageExecuting:
		c.Stage, x.Outcome, x.FinishedAt = remedy.StageVerifying, remedy.OutcomeDone, fakeNow.Add(2*time.Second)
	case c.Stage == remedy.StageVerifying:
		x.Took = remedy.Known(f.fate != "unverified")
		c.Stage, c.Outcome = remedy.StageOut, remedy.OutcomeDone
		if f.fate == "unverified" {
			c.Outcome, c.Note = remedy.OutcomeUnverified, "12 sessions are left"
		}
	}
}

// end ends an execution as fate wills, and well without one.
func (f *fakeAPI) end(c *ledger.Case, x *ledger.Execution, well remedy.Outcome) {
	switch f.fate {
	case "failed":
		x.Outcome, c.Note = remedy.OutcomeFailed, "HAProxy said no"
		c.Stage, c.Outcome = remedy.StageClosed, remedy.OutcomeFailed
		if x.Kind == remedy.KindUndo {
			c.Stage, c.Outcome = remedy.StageOut, remedy.OutcomeDone
		}
	case "unknown":
		x.Outcome, c.Outcome = remedy.OutcomeUnknown, remedy.OutcomeUnknown
	case "aborted":
		x.Outcome, c.Note = remedy.OutcomeAborted, "ingest-17 is good again"
		c.Stage, c.Outcome = remedy.StageClosed, remedy.OutcomeSelfRecovered
		if x.Kind == remedy.KindUndo {
			c.Stage, c.Outcome = remedy.StageOut, remedy.OutcomeDone
		}
	default:
		x.Outcome = remedy.OutcomeDone
		c.Stage, c.Outcome, c.ClosedAt = remedy.StageClosed, well, fakeNow
	}
}
