package annotate_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"warden/internal/annotate"
	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/outbound"
	"warden/internal/remedy"
)

func at(hour, minute int) time.Time { return time.Date(2026, 11, 20, hour, minute, 0, 0, time.UTC) }

func client(t *testing.T) *outbound.Client {
	t.Helper()
	c, err := outbound.New(outbound.Options{Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// desk is a Courier with its receipts, kept as the ledger would.
type desk struct {
	// later is how long after the desk's first hour it is.
	later time.Duration
	*annotate.Courier
	posts  map[string]ledger.Post
	counts map[annotate.Result]int
}

func newDesk(place annotate.Place, regions, all bool) *desk {
	d := &desk{posts: map[string]ledger.Post{}, counts: map[annotate.Result]int{}}
	d.Courier = annotate.New(annotate.Options{
		Place: place, Tags: []string{"warden"}, All: all, Regions: regions, Logger: zap.NewNop(), Count: func(r annotate.Result) { d.counts[r]++ },
	})
	return d
}

func onGrafana(t *testing.T, f *fakeGrafana) *desk {
	t.Helper()
	return newDesk(&annotate.Grafana{URL: f.URL, Token: func() (string, error) { return grafanaToken, nil }, Client: client(t)}, true, false)
}

func (d *desk) bring(ctx context.Context, changed []*ledger.Case, all ...chat.Message) (chat.Delivery, error) {
	got, err := d.Deliver(ctx, chat.Owed{Messages: all, Changed: changed, Now: at(12, 0).Add(d.later), Post: func(k string) (ledger.Post, bool) { p, ok := d.posts[k]; return p, ok }})
	for _, p := range got.Posts {
		d.posts[p.Key] = p
	}
	return got, err
}

func newCase(change ...func(*ledger.Case)) *ledger.Case {
	c := &ledger.Case{
		ID: 3, Pool: "edge", Host: "web-07", Action: "drain", Detector: "canary_missing", Stage: remedy.StageOut, OpenedAt: at(3, 6), ChangedAt: at(3, 16),
		Opened: &remedy.Finding{
			Detector: "canary_missing", Pool: "edge", Host: "web-07", At: at(3, 11), Verdict: remedy.VerdictBad, Value: remedy.Known(0.08),
			Term: remedy.Term{Unit: "of expected canary data", Bad: 0.5, Clear: 0.8}, Window: 10 * time.Minute, For: 5 * time.Minute, BadSince: at(3, 6), BadNow: true, Newest: at(3, 10),
		},
		Executions: []ledger.Execution{{
			Attempt: 1, Kind: remedy.KindAct, By: remedy.Warden(), StartedAt: at(3, 15), FinishedAt: at(3, 16), Outcome: remedy.OutcomeDone, TakesOut: true,
			Took: remedy.Known(true), Output: "PLANTED", Note: "PLANTED",
		}},
		Note: "PLANTED",
	}
	for _, f := range change {
		f(c)
	}
	return c
}

func undone(c *ledger.Case) {
	c.Stage, c.Outcome, c.ClosedAt, c.ChangedAt = remedy.StageClosed, remedy.OutcomeUndone, at(9, 40), at(9, 40)
	c.Executions = append(c.Executions, ledger.Execution{
		Attempt: 1, Kind: remedy.KindUndo, By: remedy.Actor{Name: "sam", UID: 1000, Person: true}, StartedAt: at(9, 39), FinishedAt: at(9, 40), Outcome: remedy.OutcomeDone,
	})
}

func returned(c *ledger.Case) {
	c.Stage, c.Outcome, c.ClosedAt, c.ChangedAt = remedy.StageClosed, remedy.OutcomeReturned, at(9, 40), at(9, 40)
}

func message(seq uint64, kind ledger.NoticeKind, c *ledger.Case) chat.Message {
	m := chat.Message{Notice: ledger.Notice{Seq: seq, At: at(3, 15), Kind: kind, Detail: "frozen by sam: deploy"}, Case: c, Level: remedy.LevelAuto}
	if c != nil {
		m.Notice.Case, m.Notice.Pool = c.ID, c.Pool
	}
	return m
}

func (f *fakeGrafana) list() []fakeAnnotation {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []fakeAnnotation
	for id := int64(0); id <= f.next; id++ {
		if a := f.all[id]; a != nil {
			out = append(out, *a)
		}
	}
	return out
}

// A drain is a point while the host is out, and a region once it is back; its
// undo is a mark of its own; nothing else is made of all that people are told.
func TestGrafanaRegion(t *testing.T) {
	t.Parallel()
	f := newFakeGrafana(t)
	d := onGrafana(t, f)
	got, err := d.bring(t.Context(), nil, message(1, ledger.NoticeComplaint, newCase()), message(2, ledger.NoticeStarted, newCase()), message(3, ledger.NoticeOutcome, newCase()), message(4, ledger.NoticeStop, nil))
	if err != nil || len(got.Seqs) != 4 {
		t.Fatalf("%+v, %v", got, err)
	}
	act := fakeAnnotation{
		ID: 1002, Time: at(3, 15).UnixMilli(), TimeEnd: at(3, 15).UnixMilli(), Tags: []string{"warden", "act", "drain", "edge", "W-3.1"},
		Text: "warden: drain of web-07 (edge): done, verified, by warden itself. W-3\nwhy: 8% of expected canary data over 10m, bad below 50%, for 5m or longer",
	}
	stop := fakeAnnotation{ID: 1001, Time: at(3, 15).UnixMilli(), TimeEnd: at(3, 15).UnixMilli(), Tags: []string{"warden", "stop", "notice.4"}, Text: "warden: Frozen by sam: deploy"}
	if diff := cmp.Diff([]fakeAnnotation{stop, act}, f.list()); diff != "" {
		t.Fatal(diff)
	}
	// The next leader gives it its end, without any notice.
	next := onGrafana(t, f)
	next.posts = d.posts
	if _, err := next.bring(t.Context(), []*ledger.Case{newCase(undone)}); err != nil {
		t.Fatal(err)
	}
	act.TimeEnd, act.Text = at(9, 40).UnixMilli(), act.Text+"\nended: undone"
	undo := fakeAnnotation{
		ID: 1003, Time: at(9, 39).UnixMilli(), TimeEnd: at(9, 39).UnixMilli(), Tags: []string{"warden", "undo", "drain", "edge", "W-3.2"},
		Text: "warden: undo of drain of web-07 (edge): done, by sam. W-3",
	}
	if diff := cmp.Diff([]fakeAnnotation{stop, act, undo}, f.list()); diff != "" {
		t.Fatal(diff)
	}
	// Nothing changed since: nobody is asked.
	reads, writes := f.reads, f.writes
	if _, err := next.bring(t.Context(), []*ledger.Case{newCase(undone)}); err != nil || f.reads != reads || f.writes != writes {
		t.Errorf("asked again: %v", err)
	}
}

// A request whose answer was lost, and a receipt that was lost, make no second one.
func TestGrafanaNeverTwice(t *testing.T) {
	t.Parallel()
	f := newFakeGrafana(t)
	f.lose = true
	d := onGrafana(t, f)
	got, err := d.bring(t.Context(), nil, message(1, ledger.NoticeOutcome, newCase()), message(2, ledger.NoticeStop, nil))
	if err == nil || len(got.Seqs) != 0 || len(got.Posts) != 0 {
		t.Fatalf("the answer was lost: %+v, %v", got, err)
	}
	f.mu.Lock()
	f.lose = false
	f.mu.Unlock()
	for _, d := range []*desk{d, onGrafana(t, f)} { // the same leader, and one that has no receipt
		got, err = d.bring(t.Context(), nil, message(1, ledger.NoticeOutcome, newCase()), message(2, ledger.NoticeStop, nil))
		if err != nil || len(got.Seqs) != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if n := len(f.list()); n != 2 {
		t.Errorf("%d annotations", n)
	}
}

// One that somebody deleted stays deleted.
func TestGrafanaDeleted(t *testing.T) {
	t.Parallel()
	f := newFakeGrafana(t)
	d := onGrafana(t, f)
	if _, err := d.bring(t.Context(), nil, message(1, ledger.NoticeOutcome, newCase())); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	clear(f.all)
	f.mu.Unlock()
	if got, err := d.bring(t.Context(), nil, message(2, ledger.NoticeOutcome, newCase(returned))); err != nil || len(got.Seqs) != 1 || len(f.list()) != 0 {
		t.Errorf("%+v, %v, %v", got, err, f.list())
	}
}

func TestGrafanaTrouble(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request) bool
		want   string
		wait   time.Duration
		count  annotate.Result
	}{
		"down": {func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(502); return true }, "in trouble (502)", 0, annotate.Failed},
		"slower": {func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(429)
			return true
		}, "slow down", 30 * time.Second, annotate.Failed},
		"login": {func(w http.ResponseWriter, _ *http.Request) bool {
			_, err := w.Write([]byte("<html>PLANTED"))
			return err == nil
		}, "login page", 0, annotate.Failed},
		"moved": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/login?session=PLANTED", http.StatusFound)
			return true
		}, "redirects (302)", 0, annotate.Failed},
		"no right": {func(_ http.ResponseWriter, r *http.Request) bool {
			r.Header.Set("Authorization", "Bearer other")
			return false
		}, "refuses the credential (401)", 0, annotate.Failed},
		"refuses": {func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPost {
				w.WriteHeader(400)
			}
			return r.Method == http.MethodPost
		}, "refuses the request (400)", 0, annotate.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeGrafana(t)
			f.fail = test.answer
			d := onGrafana(t, f)
			got, err := d.bring(t.Context(), nil, message(1, ledger.NoticeOutcome, newCase()), message(2, ledger.NoticeComplaint, nil))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "PLANTED") || strings.Contains(err.Error(), grafanaToken) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if got.Wait != test.wait || len(got.Seqs) != 1 || got.Seqs[0] != 2 || d.counts[test.count] != 1 {
				t.Errorf("%+v, %v", got, d.counts)
			}
			f.mu.Lock()
			f.fail = nil
			f.mu.Unlock()
			d.later = time.Minute
			if got, err := d.bring(t.Context(), nil, message(1, ledger.NoticeOutcome, newCase())); err != nil || len(got.Seqs) != 1 || len(f.list()) != 1 {
				t.Errorf("afterwards: %+v, %v", got, err)
			}
		})
	}
}

// What is refused for a day is dropped, so that it isn't owed for ever.
func TestGrafanaRefusedForADay(t *testing.T) {
	t.Parallel()
	f := newFakeGrafana(t)
	f.fail = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			w.WriteHeader(400)
		}
		return r.Method == http.MethodPost
	}
	old := message(1, ledger.NoticeStop, nil)
	old.Notice.At = at(3, 0).Add(-48 * time.Hour)
	if got, err := onGrafana(t, f).bring(t.Context(), nil, old, message(2, ledger.NoticeStop, nil)); err == nil || len(got.Seqs) != 1 || got.Seqs[0] != 1 || got.Dropped != 1 || chat.ReasonOf(err) != chat.ReasonRefused {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAllOfIt(t *testing.T) {
	t.Parallel()
	f := newFakeGrafana(t)
	d := newDesk(&annotate.Grafana{URL: f.URL + "/", Token: func() (string, error) { return grafanaToken, nil }, Client: client(t), Dashboard: "abc", Panel: 4}, true, true)
	denied := newCase(func(c *ledger.Case) { c.Executions, c.Stage, c.Outcome = nil, remedy.StageClosed, remedy.OutcomeDenied })
	if _, err := d.bring(t.Context(), nil, message(1, ledger.NoticeComplaint, newCase()), message(2, ledger.NoticeOutcome, newCase()), message(3, ledger.NoticeOutcome, denied)); err != nil {
		t.Fatal(err)
	}
	var tags []string
	for _, a := range f.list() {
		tags = append(tags, a.Tags[len(a.Tags)-1])
		if a.DashboardUID != "abc" || a.PanelID != 4 {
			t.Errorf("on %s/%d", a.DashboardUID, a.PanelID)
		}
	}
	if diff := cmp.Diff([]string{"notice.1", "notice.3", "W-3.1"}, tags); diff != "" {
		t.Error(diff)
	}
}

// Whatever things are called, Grafana's and Graphite's bounds hold, and text stays
// one line.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	f := newFakeGrafana(t)
	long := strings.Repeat("ü, \"\n", 60)
	c := newCase(func(c *ledger.Case) {
		c.Host, c.Pool, c.Action = remedy.HostName(long), remedy.PoolName(long), remedy.ActionName(long)
	})
	if _, err := onGrafana(t, f).bring(t.Context(), nil, message(1, ledger.NoticeOutcome, c)); err != nil {
		t.Fatal(err)
	}
	a := f.list()[0]
	line, _, _ := strings.Cut(a.Text, "\nwhy: ")
	if len(line) > 255 || strings.ContainsAny(line, "\n\x1b") {
		t.Errorf("%q", line)
	}
	if all := strings.Join(a.Tags, " "); len(all) > 255 || len(strings.Fields(all)) != len(a.Tags) || strings.Contains(a.Text, "PLANTED") {
		t.Errorf("%q", a.Tags)
	}
}

// Grafana shows the text of an annotation as HTML, also of graphite's events, and
// in what is said to people there are others' words.
func TestNoMarkup(t *testing.T) {
	t.Parallel()
	f := newFakeGrafana(t)
	const evil = `<a href="https://evil.example/login">sign in</a><img src=x onerror=alert(1)> &lt;`
	c := newCase(func(c *ledger.Case) {
		c.Host, c.Pool, c.Action, c.Detector = evil, evil, evil, evil
		c.Opened.Unit, c.Executions[0].By = evil, remedy.Actor{Name: evil, Person: true}
	})
	frozen := message(2, ledger.NoticeStop, nil)
	frozen.Notice.Detail = "frozen by kim: " + evil
	if _, err := newDesk(&annotate.Grafana{URL: f.URL, Token: func() (string, error) { return grafanaToken, nil }, Client: client(t)}, true, true).
		bring(t.Context(), nil, message(1, ledger.NoticeOutcome, c), frozen); err != nil {
		t.Fatal(err)
	}
	if len(f.list()) < 2 {
		t.Fatalf("%+v", f.list())
	}
	for _, a := range f.list() {
		if strings.ContainsAny(a.Text, "<>") || !strings.Contains(a.Text, "‹a href") {
			t.Errorf("%q", a.Text)
		}
	}
}

func TestManyInBatches(t *testing.T) {
	t.Parallel()
	f := newFakeGrafana(t)
	d := onGrafana(t, f)
	var all []chat.Message
	for i := range 45 {
		all = append(all, message(uint64(i+1), ledger.NoticeStop, nil))
	}
	for _, want := range []int{20, 20, 5} {
		got, err := d.bring(t.Context(), nil, all...)
		if err != nil || len(got.Seqs) != want || got.Sent != want || got.Merged+got.Unwanted != 0 || (got.Wait > 0) != (want < len(all)) {
			t.Fatalf("%d told, wait %s, %v, want %d", len(got.Seqs), got.Wait, err, want)
		}
		all = all[len(got.Seqs):]
	}
}
