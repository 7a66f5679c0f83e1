package ledger_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// everyKind is one empty body of every kind of operation.
func everyKind() map[string]ledger.Body {
	all := map[string]ledger.Body{
		"cluster.init": &ledger.ClusterInit{}, "voter.add": &ledger.VoterAdd{}, "voter.remove": &ledger.VoterRemove{}, "node.report": &ledger.NodeReport{}, "clock.accept": &ledger.ClockAccept{},
		"pool.size": &ledger.PoolSize{}, "pool.accept": &ledger.PoolAccept{}, "pool.out": &ledger.PoolOut{},
		"host.good": &ledger.HostGood{}, "storm": &ledger.Storm{}, "storm.reset": &ledger.StormReset{},
		"freeze.set": &ledger.FreezeSet{}, "freeze.lift": &ledger.FreezeLift{},
		"hold.set": &ledger.HoldSet{}, "hold.release": &ledger.HoldRelease{}, "restraint.expire": &ledger.RestraintExpire{},
		"case.judge": &ledger.CaseJudge{}, "case.answer": &ledger.CaseAnswer{}, "case.expire": &ledger.CaseExpire{},
		"case.cancel": &ledger.CaseCancel{}, "case.forgot": &ledger.CaseForgot{}, "case.spare": &ledger.CaseSpare{},
		"case.close": &ledger.CaseClose{}, "cases.forget": &ledger.CasesForget{}, "manual.open": &ledger.ManualOpen{},
		"shadow.end": &ledger.ShadowEnd{}, "exec.start": &ledger.ExecStart{}, "exec.finish": &ledger.ExecFinish{},
		"exec.verdict": &ledger.ExecVerdict{}, "exec.helped": &ledger.ExecHelped{}, "resolve": &ledger.Resolve{},
		"notice.receipt": &ledger.NoticeReceipt{}, "notice.add": &ledger.NoticeAdd{},
	}
	if ledger.Version >= 2 {
		all["node.waive"], all["node.unwaive"] = &ledger.NodeWaive{}, &ledger.NodeUnwaive{}
	}
	if ledger.Version >= 3 {
		all["trust.report"], all["trust.judge"] = &ledger.TrustReport{}, &ledger.TrustJudge{}
		all["trust.demote"], all["trust.review"] = &ledger.TrustDemote{}, &ledger.TrustReview{}
		all["case.label"], all["case.stayed"] = &ledger.CaseLabel{}, &ledger.CaseStayed{}
		all["case.snooze"], all["case.reconsider"] = &ledger.CaseSnooze{}, &ledger.CaseReconsider{}
		all["surfaces.set"], all["notice.delivered"], all["summary.due"] = &ledger.SurfacesSet{}, &ledger.NoticeDelivered{}, &ledger.SummaryDue{}
		all["summary.send"], all["tenure.begin"] = &ledger.SummarySend{}, &ledger.TenureBegin{}
		all["click.refused"] = &ledger.ClicksRefused{}
		all["breaker.trip"], all["breaker.reset"] = &ledger.BreakerTrip{}, &ledger.BreakerReset{}
	}
	return all
}

// The words of the kinds stand in logs: they never change.
func TestKindsAreAppendOnlyWords(t *testing.T) {
	t.Parallel()
	want := map[string]int{
		"trust.report": 3, "trust.judge": 3, "trust.demote": 3, "trust.review": 3, "case.label": 3, "case.stayed": 3,
		"case.snooze": 3, "case.reconsider": 3, "node.waive": 2, "node.unwaive": 2, "breaker.trip": 3, "breaker.reset": 3,
		"surfaces.set": 3, "notice.delivered": 3, "summary.due": 3, "summary.send": 3, "tenure.begin": 3, "click.refused": 3,
	}
	for kind := range everyKind() {
		want[kind] = max(1, want[kind])
	}
	for kind, body := range everyKind() {
		e, err := ledger.NewEntry(t0(), remedy.Warden(), n1, body)
		if err != nil {
			t.Fatal(err)
		}
		if e.Ops[0].Kind != kind {
			t.Errorf("%T is called %q, want %q", body, e.Ops[0].Kind, kind)
		}
		data, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, bodies, err := ledger.DecodeEntry(data)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if !reflect.DeepEqual(bodies, []ledger.Body{body}) || back.V != want[kind] {
			t.Errorf("%s came back as %#v", kind, bodies)
		}
	}
}

// What can't be understood stops the process, with words that say what to do.
func TestApplyPanicsOnWhatItCantUnderstand(t *testing.T) {
	t.Parallel()
	const head = `{"v":1,"at":"2026-03-02T09:00:00Z","by":{"name":"warden"},"ops":`
	tests := []struct{ name, data, want string }{
		{"nothing", ``, "can't be read"},
		{"no JSON", `hello`, "can't be read"},
		{"another type", `[1]`, "can't be read"},
		{"cut off", head + `[{"kind":"storm"`, "can't be read"},
		{"too new", `{"v":4,"at":"2026-03-02T09:00:00Z","by":{"name":"x"},"ops":[]}`, "version 4 and this build knows up to 3: install"},
		{"older than what it holds", head + `[{"kind":"node.waive","body":{"node":"n1"}}]}`, "node.waive needs version 2 and its entry says 1"},
		{"no version", `{"at":"2026-03-02T09:00:00Z","by":{"name":"x"},"ops":[]}`, "version 0"},
		{"unknown field of the entry", `{"v":1,"shard":3,"ops":[]}`, `unknown field "shard"`},
		{"unknown field of the actor", `{"v":1,"by":{"name":"x","root":true},"ops":[]}`, `unknown field "root"`},
		{"unknown operation", head + `[{"kind":"pool.drop","body":{}}]}`, `operation "pool.drop", which this build doesn't know: install`},
		{"unknown operation behind a known one", head + `[{"kind":"freeze.set","body":{"reason":"x"}},{"kind":"x","body":{}}]}`, `operation "x"`},
		{"unknown field of a body", head + `[{"kind":"pool.size","body":{"pool":"p","n":3,"shards":2}}]}`, `pool.size can't be read: json: unknown field "shards"`},
		{"wrong type in a body", head + `[{"kind":"pool.size","body":{"n":"three"}}]}`, "pool.size can't be read"},
		{"unknown level", head + `[{"kind":"node.report","body":{"levels":[{"level":"root"}]}}]}`, "is not a level"},
		{"no body", head + `[{"kind":"pool.size"}]}`, "pool.size can't be read"},
		{"null body", head + `[{"kind":"pool.size","body":null}]}`, "pool.size can't be read"},
		{"something behind the entry", head + `[]} {"v":9}`, "can't be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			before := hashOf(t, r.l)
			defer func() {
				msg := fmt.Sprint(recover())
				if !strings.Contains(msg, tt.want) || !strings.Contains(msg, "log index 77") {
					t.Errorf("it said %q, want %q at log index 77", msg, tt.want)
				}
				if hashOf(t, r.l) != before {
					t.Error("the state changed")
				}
			}()
			r.l.Apply(77, 2, []byte(tt.data))
			t.Error("it was applied")
		})
	}
}

// An entry that no node could read would stop every one of them for good, so
// it is never made.
func TestWhatCantBeReadIsNotWritten(t *testing.T) {
	t.Parallel()
	bodies := map[string]ledger.Body{
		"level":   judge("h1", 9),
		"verdict": judge("h1", 1, func(b *ledger.CaseJudge) { b.Finding.Verdict = 9 }),
		"year":    &ledger.FreezeSet{Until: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	for name, b := range bodies {
		e, err := ledger.NewEntry(t0(), remedy.Warden(), n1, b)
		if err == nil {
			_, err = e.Encode()
		}
		if err == nil {
			t.Errorf("%s: it was encoded", name)
		}
	}
	e := ledger.Entry{V: ledger.Version, Ops: []ledger.Op{{Kind: "nobody.knows", Body: json.RawMessage(`{}`)}}}
	if _, err := e.Encode(); err == nil {
		t.Error("an operation that this build doesn't know was encoded")
	}
}

func TestTimeIsMonotonic(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.pass(time.Minute)
	high := r.now
	r.ok(&ledger.FreezeSet{Reason: "x"})
	r.pass(-30 * time.Minute)
	id := r.ok(judge("h1", remedy.LevelNotify))
	if c := r.get(id); !c.OpenedAt.Equal(high) {
		t.Errorf("an entry of a slow clock was stamped %v, want %v", c.OpenedAt, high)
	}
	if s := r.l.Status(); !s.Time.Equal(high) || s.Index != r.index || s.Term != r.term {
		t.Errorf("status is %+v", s)
	}
}

func TestAStepOfTheClockMustBeAccepted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.pass(ledger.MaxGap)
	r.ok(&ledger.FreezeSet{Reason: "exactly as far as one entry may go"})
	before := r.records()
	r.pass(ledger.MaxGap + time.Millisecond)
	for _, res := range r.as(alice(), &ledger.FreezeLift{}, &ledger.ClockAccept{}).Results {
		if res.OK || res.Code != ledger.RefusedClock || res.Reason == "" {
			t.Errorf("an entry that steps too far got %+v", res)
		}
	}
	if r.records() != before {
		t.Error("a refused step changed the state")
	}
	if s := r.l.Status(); s.Index != r.index {
		t.Errorf("the index is %d, want %d: a refused entry is still an entry", s.Index, r.index)
	}
	r.ok(&ledger.ClockAccept{})
	if s := r.l.Status(); !s.Time.Equal(r.now) {
		t.Errorf("the accepted time is %v", s.Time)
	}
	r.okAs(alice(), &ledger.FreezeLift{})
}

func TestTimesAreCutToMilliseconds(t *testing.T) {
	t.Parallel()
	r := bare(t)
	r.now = time.Date(2026, 3, 2, 10, 0, 0, 123456789, time.FixedZone("", 3600))
	r.ok(&ledger.FreezeSet{Until: r.now.Add(time.Hour)})
	f := r.facts().Freeze
	want := time.Date(2026, 3, 2, 9, 0, 0, 123000000, time.UTC)
	if f.Since != want || f.Until != want.Add(time.Hour) {
		t.Errorf("the freeze is %+v", f)
	}
}

// The chain covers every entry, refused ones included, in order.
func TestTheChain(t *testing.T) {
	t.Parallel()
	a, b := newRig(t), newRig(t)
	if a.l.Status().Chain != b.l.Status().Chain || a.l.Status().Chain == "" {
		t.Fatal("the same entries give different chains")
	}
	a.as(bob(), &ledger.FreezeLift{})
	if a.l.Status().Chain == b.l.Status().Chain {
		t.Error("a refused entry is not in the chain")
	}
}
