package ledger_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// update writes the golden files of the present version, if there are none.
// Those that are there are never overwritten: snapshots and logs like them are
// on people's disks.
var update = flag.Bool("update", false, "write golden files of a new version; existing ones are kept")

// goldenLine is one line of a golden log.
type goldenLine struct {
	Index uint64          `json:"index"`
	Term  uint64          `json:"term"`
	Entry json.RawMessage `json:"entry"`
}

// goldenRig is the fixed history behind the golden files: every kind of
// operation, admitted and refused, and something left over of each record.
func goldenRig(t *testing.T) *rig {
	t.Helper()
	r := busyRig(t)
	r.okAs(alice(), &ledger.Resolve{Case: 8, Out: true, Reason: "looked"})
	r.okAs(alice(), &ledger.FreezeLift{})
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.HoldRelease{Pool: pool, Host: "h5"})
	r.okAs(alice(), &ledger.HoldRelease{Pool: pool, Host: "h5"}, &ledger.PoolAccept{Pool: "other"})
	r.ok(&ledger.Storm{Pool: pool, Detector: canary, On: true, Detail: "again"}, &ledger.Storm{Pool: pool, Detector: canary})
	r.okAs(bob(), &ledger.StormReset{Pool: pool})
	r.refused(ledger.RefusedBasis, remedy.Warden(), r.starting(3, func(b *ledger.ExecStart) { b.Basis.Pool = 0 }))
	r.pass(35 * time.Minute)
	r.ok(&ledger.CaseExpire{Case: 3, QuietFor: time.Hour}, &ledger.ShadowEnd{Pool: pool, Host: "h6"},
		&ledger.HostGood{Pool: pool, Host: "h4", Action: drain}, &ledger.CaseClose{Case: 5, Outcome: remedy.OutcomeSelfRecovered})
	id := r.ok(judge("h10", remedy.LevelConfirm, r.asks("@ops")))
	r.okAs(alice(), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash})
	r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeAborted)
	r.okAs(bob(), &ledger.CaseCancel{Case: id, Reason: "not tonight", QuietFor: time.Hour})
	back := r.ok(judge("h12", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(alice(), &ledger.CaseAnswer{Case: back, Approve: true, PlanHash: r.get(back).PlanHash})
	two := func(b *ledger.ExecStart) {
		b.Balancers = []remedy.BalancerState{{Name: "/run/a.sock", Admin: "ready"}, {Name: "/run/b.sock", Admin: "ready"}, {Name: "/run/c.sock", Admin: "ready"}}
	}
	r.finish(back, r.start(back, remedy.Warden(), two), remedy.OutcomePartial, func(b *ledger.ExecFinish) { b.Spared = []string{"/run/c.sock"} })
	r.ok(&ledger.CaseSpare{Case: back, Balancers: []string{"/run/b.sock"}, Note: "h12 is half back"})
	r.ok(&ledger.CaseForgot{Case: back, Balancers: []string{"/run/a.sock"}, Blocked: "host_lock", Note: "pid 7"})
	r.finish(back, r.start(back, remedy.Warden(), reasserting), remedy.OutcomeFailed)
	r.refused(ledger.RefusedPace, remedy.Warden(), r.starting(back, reasserting))
	r.long(25 * time.Hour)
	r.ok(&ledger.RestraintExpire{Pool: pool, Host: "h2"}, &ledger.CasesForget{Before: t0().Add(30 * time.Second)},
		&ledger.NoticeReceipt{Upto: 20}, &ledger.NoticeAdd{Kind: ledger.NoticeSource, Page: true, Detail: "prom went blind"})
	r.okAs(alice(), &ledger.HoldSet{Pool: pool, Reason: "sale", Until: r.now.Add(time.Hour)}, &ledger.FreezeSet{Reason: "sale"})
	r.ok(judge("h11", remedy.LevelConfirm, r.asks("alice")))
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.VoterAdd{Node: "n2-bbbb"})
	r.okAs(alice(), &ledger.VoterAdd{Node: "n2-bbbb"}, report("n2-bbbb", setup{level: remedy.LevelConfirm, limits: roomy()}))
	r.okAs(alice(), &ledger.VoterAdd{Node: "n3-cccc"}, report("n3-cccc", setup{level: remedy.LevelNotify, limits: roomy()}))
	r.okAs(alice(), &ledger.VoterRemove{Node: "n3-cccc"})
	if ledger.Version < 2 {
		return r
	}
	r.okAs(alice(), &ledger.VoterAdd{Node: "n3-cccc", MaxVersion: 2}, report("n3-cccc", setup{level: remedy.LevelNotify, limits: roomy()}))
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.NodeWaive{Node: "n3-cccc", Reason: "its disk"})
	r.okAs(alice(), &ledger.NodeWaive{Node: "n3-cccc", Reason: "its disk"})
	r.refused(ledger.RefusedVersion, alice(), &ledger.VoterAdd{Node: "n4-dddd", MaxVersion: 1})
	r.okAs(alice(), &ledger.NodeUnwaive{Node: "n3-cccc"})
	r.okAs(alice(), &ledger.NodeWaive{Node: "n2-bbbb", Reason: "its rack"})
	if ledger.Version < 3 {
		return r
	}
	r.ok(&ledger.BreakerTrip{Pool: pool, Guarantee: ledger.GuaranteeStop, Case: 3, Detail: "seen"}, &ledger.BreakerTrip{Pool: "other", Guarantee: ledger.GuaranteeOnTime, Detail: "seen"},
		&ledger.BreakerTrip{Guarantee: ledger.GuaranteeState, Detail: "seen"})
	r.refused(ledger.RefusedBad, alice(), &ledger.BreakerReset{Pool: pool, Seen: r.now})
	r.okAs(alice(), &ledger.BreakerReset{Pool: pool, Comment: "looked", Seen: r.now})
	goldenTrust(r)
	goldenAsks(r)
	goldenTalk(r)
	goldenWords(r)
	return r
}

// goldenTalk adds surfaces, receipts, a summary, and somebody whom a surface
// vouches for.
func goldenTalk(r *rig) {
	r.t.Helper()
	r.ok(&ledger.SurfacesSet{Surfaces: []ledger.Surface{ledger.SurfaceSlack, ledger.SurfaceConsole}, Asks: ledger.SurfaceSlack})
	fran := remedy.Actor{Name: "fran@example.net", Keys: []string{"slack:U1"}, Via: "slack", Person: true}
	id := r.ok(judge("s1", remedy.LevelConfirm, r.asks("slack:U1")))
	r.okAs(fran, r.yes(id))
	r.ok(&ledger.SummaryDue{Date: "2026-03-04", From: t0(), To: r.now})
	last := r.l.LastNotice()
	defer func() {
		r.okAs(alice(), &ledger.SummarySend{From: t0()})
		r.ok(&ledger.NoticeAdd{Kind: ledger.NoticeSource, Source: "prom", Blind: true, Detail: "prom is blind"},
			&ledger.NoticeAdd{Kind: ledger.NoticeSource, Source: "graphite", Blind: true, Detail: "graphite is blind"}, &ledger.NoticeAdd{Kind: ledger.NoticeSource, Source: "prom"})
		r.pass(time.Minute)
		r.ok(&ledger.CasesForget{Before: t0().Add(40 * time.Minute)})
		r.ok(oneClick(ledger.ClickNobody, "U2"), oneClick(ledger.ClickForged, ""), countedClicks(3))
		r.refused(ledger.RefusedPace, remedy.Warden(), oneClick(ledger.ClickNobody, "U2"))
	}()
	r.ok(&ledger.NoticeDelivered{Surface: ledger.SurfaceSlack, Seqs: []uint64{last - 1}, Posts: []ledger.Post{
		{Key: "case/" + id.String(), Case: id, Place: "C1", ID: "1.1", Link: "https://example.net/p1", Hash: "a", Seq: last - 1}, {Key: "alert/x", ID: "2"},
	}}, &ledger.NoticeReceipt{Upto: last - 2})
}

// goldenAsks adds questions to two people, announcements and delays.
func goldenAsks(r *rig) {
	r.t.Helper()
	two := func(b *ledger.CaseJudge) { b.Ask.Needed = 2 }
	id := r.ok(judge("q1", remedy.LevelConfirm, r.asks("alice", "bob"), two))
	r.okAs(alice(), r.yes(id))
	r.okAs(bob(), &ledger.CaseSnooze{Case: id, Until: r.now.Add(30 * time.Minute), Reason: "deploy"})
	r.refused(ledger.RefusedDecided, alice(), &ledger.CaseSnooze{Case: id, Until: r.now.Add(time.Hour)})
	told := r.ok(judge("q2", remedy.LevelAuto, announced))
	r.ok(&ledger.NoticeReceipt{Upto: r.l.Pending()[len(r.l.Pending())-1].Seq})
	later := r.ok(judge("q4", remedy.LevelAuto, announced))
	r.okAs(bob(), &ledger.CaseSnooze{Case: later, Until: r.now.Add(time.Hour)})
	r.ok(&ledger.CaseReconsider{Case: told, Why: "its level fell"})
	lost := r.ok(judge("q3", remedy.LevelAuto, announced))
	r.long(31 * time.Minute)
	r.ok(&ledger.CaseReconsider{Case: lost, Undelivered: true, Why: "nobody was told"})
	r.ok(judge("q1", remedy.LevelConfirm, r.asks("alice", "bob"), two), judge("q4", remedy.LevelAuto, announced))
	r.okAs(alice(), r.yes(id))
}

// goldenTrust adds what is known of trust, of each kind of record.
func goldenTrust(r *rig) {
	r.t.Helper()
	r.okAs(alice(), &ledger.FreezeLift{}, &ledger.HoldRelease{Pool: pool}, &ledger.PoolSize{Pool: pool, N: 20, Accepted: true},
		&ledger.BreakerReset{Comment: "looked", Seen: r.now}, &ledger.VoterRemove{Node: "n2-bbbb"}, &ledger.VoterRemove{Node: "n3-cccc"})
	wide := setup{level: remedy.LevelAuto, limits: roomy()}
	wide.limits.MaxOut = 15
	r.okAs(alice(), &ledger.VoterAdd{Node: "n2-bbbb", MaxVersion: ledger.Version}, report("n2-bbbb", wide))
	r.ok(report(n1, wide), trustOf(n1), trustOf("n2-bbbb"), &ledger.TenureBegin{})
	r.pass(time.Minute)
	wrong := r.acts("t1")
	r.okAs(bob(), &ledger.CaseLabel{Case: wrong, Label: trust.Wrong, Note: "it was fine"})
	r.okAs(bob(), &ledger.CaseLabel{Case: wrong, Withdraw: true})
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.CaseLabel{Case: wrong, Label: trust.Right})
	r.okAs(alice(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "looked", Seen: r.now})
	r.denied("t2", "known-work")
	r.ok(judge("t3", remedy.LevelNotify, counted, func(b *ledger.CaseJudge) { b.BadHosts = 3 }))
	r.recovered("t4")
	by := r.ok(judge("t5", remedy.LevelNotify, counted))
	out := finding("t5", remedy.VerdictOut)
	r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "t5"}}}, &ledger.CaseClose{Case: by, Outcome: remedy.OutcomeSuperseded, Finding: &out})
	r.pass(time.Minute)
	r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "t6"}}})
	r.fails("t7", remedy.OutcomeFailed)
	r.long(5 * time.Hour)
	for _, id := range r.l.Unstayed(r.now) {
		r.ok(&ledger.CaseStayed{Case: id})
	}
	r.ok(trustOf(n1, enforced, digest("d2")))
	for _, g := range r.l.Claims() {
		r.ok(&ledger.TrustJudge{Action: g.Action, Pool: g.Pool, Claim: g.Claim, Revision: g.Revision, To: remedy.LevelConfirm, Said: "0 of 35 labelled"})
	}
	r.refused(ledger.RefusedDecided, remedy.Warden(), r.verdict(r.evidence().Grant.Claim, remedy.LevelAuto))
	r.okAs(bob(), &ledger.TrustDemote{Action: drain, Pool: pool, To: remedy.LevelNotify, Reason: "noisy"})
	r.long(100 * 24 * time.Hour)
	r.ok(&ledger.CasesForget{Before: r.now.Add(-24 * time.Hour)})
	r.ok(judge("t8", remedy.LevelNotify, counted))
}

// keep writes a golden file unless it is there.
func keep(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// golden lists the golden files of a kind that this build reads, one a version,
// each with its recorded hash.
func golden(t *testing.T, pattern string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for v := range ledger.Version {
		f := filepath.Join("testdata", fmt.Sprintf(pattern, v+1))
		sum, err := os.ReadFile(f + ".hash")
		if err != nil {
			t.Fatal(err)
		}
		out[f] = strings.TrimSpace(string(sum))
	}
	return out
}

func TestGoldenFilesAreWritten(t *testing.T) {
	if !*update {
		return
	}
	r := goldenRig(t)
	var log bytes.Buffer
	for i, data := range r.log {
		line, err := json.Marshal(goldenLine{Index: uint64(i + 1), Term: r.term, Entry: data})
		if err != nil {
			t.Fatal(err)
		}
		log.Write(append(line, '\n'))
	}
	sum := []byte(hashOf(t, r.l) + "\n")
	for path, data := range map[string][]byte{
		"testdata/snapshots/v%d.snap": snapshotOf(t, r.l), "testdata/snapshots/v%d.snap.hash": sum,
		"testdata/log/v%d.jsonl": log.Bytes(), "testdata/log/v%d.jsonl.hash": sum,
	} {
		keep(t, fmt.Sprintf(path, ledger.Version), data)
	}
}

// Every build reads the snapshots of every build before it, and makes the same
// state of them.
func TestGoldenSnapshots(t *testing.T) {
	t.Parallel()
	for file, want := range golden(t, "snapshots/v%d.snap") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		l := ledger.New()
		if err := l.Restore(bytes.NewReader(data)); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if got := hashOf(t, l); got != want {
			t.Errorf("%s is the state %s now, it was %s", file, got, want)
		}
	}
}

// Every build makes the same of the logs of every build before it: otherwise
// two versions side by side in one cluster would part ways.
func TestGoldenLogs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for file, want := range golden(t, "log/v%d.jsonl") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		l := ledger.New()
		lines := bufio.NewScanner(bytes.NewReader(data))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var g goldenLine
			if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
				t.Fatal(err)
			}
			e, _, err := ledger.DecodeEntry(g.Entry)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, op := range e.Ops {
				seen[op.Kind] = true
			}
			l.Apply(g.Index, g.Term, g.Entry)
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		if got := hashOf(t, l); got != want {
			t.Errorf("%s leads to %s now, it was %s", file, got, want)
		}
	}
	for kind := range everyKind() {
		if !seen[kind] {
			t.Errorf("no golden log holds a %s", kind)
		}
	}
}
