package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/golden"
	"warden/internal/ledger"
	"warden/internal/outbound"
	"warden/internal/remedy"
	"warden/internal/webhook"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const key = "0123456789abcdef-of-a-test"

func at(hour, minute int) time.Time { return time.Date(2026, 11, 20, hour, minute, 0, 0, time.UTC) }

// receiver is what a receiver of events does: it verifies, and drops what it has.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []webhook.Event
	raw    [][]byte
	ids    []string
	answer func(n int, w http.ResponseWriter) // of the nth request, from 1; nil takes all
	asked  int
	last   webhook.Event // the newest, taken or not
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter)) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %v", req.Method, req.Header, err)
		}
		verify(t, req.Header.Get("Warden-Signature"), body)
		var e webhook.Event
		if err := json.Unmarshal(body, &e); err != nil {
			t.Error(err)
		}
		if req.Header.Get("Warden-Event-Id") != e.ID {
			t.Errorf("the header has id %s, the body %s", req.Header.Get("Warden-Event-Id"), e.ID)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked++
		r.last = e
		if r.answer != nil {
			rec := httptest.NewRecorder()
			r.answer(r.asked, rec)
			if rec.Code != 200 {
				maps.Copy(w.Header(), rec.Header())
				w.WriteHeader(rec.Code)
				return
			}
		}
		r.got, r.raw, r.ids = append(r.got, e), append(r.raw, body), append(r.ids, e.ID)
	}))
	t.Cleanup(r.Close)
	return r
}

// verify is the sample of docs/webhook.md, in Go.
func verify(t *testing.T, header string, body []byte) {
	t.Helper()
	m := regexp.MustCompile(`^t=([0-9]+),v1=([0-9a-f]{64})$`).FindStringSubmatch(header)
	if m == nil {
		t.Errorf("the signature is %q", header)
		return
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(m[1] + "." + string(body)))
	if want := hex.EncodeToString(mac.Sum(nil)); !hmac.Equal([]byte(want), []byte(m[2])) {
		t.Errorf("signed %s, want %s", m[2], want)
	}
}

// desk is a Courier with all that it says.
type desk struct {
	// later is how long after the desk's first hour it is.
	later time.Duration
	*webhook.Courier
	counts map[webhook.Result]int
	said   []string
	posts  map[string]ledger.Post
}

func newDesk(t *testing.T, url string, change ...func(*webhook.Options)) *desk {
	t.Helper()
	client, err := outbound.New(outbound.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	d := &desk{counts: map[webhook.Result]int{}, posts: map[string]ledger.Post{}}
	o := webhook.Options{
		Name: "status", URL: url, Key: func() (string, error) { return key, nil },
		Kinds:   []ledger.NoticeKind{ledger.NoticeStarted, ledger.NoticeOutcome, ledger.NoticeStop},
		Cluster: func() webhook.Cluster { return webhook.Cluster{Name: "prod", ID: "k3v9"} },
		Client:  client, Clock: clock.System(), Logger: zap.NewNop(),
		Count: func(r webhook.Result) { d.counts[r]++ }, Say: func(s string) { d.said = append(d.said, s) },
	}
	for _, f := range change {
		f(&o)
	}
	d.Courier = webhook.New(o)
	return d
}

// bring delivers, and keeps the receipts as the ledger would.
func (d *desk) bring(t *testing.T, all ...chat.Message) (chat.Delivery, error) {
	t.Helper()
	got, err := d.Deliver(t.Context(), chat.Owed{Messages: all, Now: at(4, 0).Add(d.later), Post: func(k string) (ledger.Post, bool) { p, ok := d.posts[k]; return p, ok }})
	for _, p := range got.Posts {
		d.posts[p.Key] = p
	}
	return got, err
}

func newCase(id remedy.CaseID, host remedy.HostName, stage remedy.Stage) *ledger.Case {
	c := &ledger.Case{
		ID: id, Pool: "edge", Host: host, Action: "drain", Detector: "canary_missing", Stage: stage, OpenedAt: at(3, 6), ChangedAt: at(3, 16),
		Executions: []ledger.Execution{{
			Token: remedy.Token{Term: 2, Index: 40}, Attempt: 1, Kind: remedy.KindAct, By: remedy.Warden(), StartedAt: at(3, 15), TakesOut: true,
			Output: "PLANTED", Note: "PLANTED",
		}},
		Ask:    &ledger.Ask{Approvers: []string{"sam"}, AskedAt: at(3, 12), ExpiresAt: at(3, 32)},
		Answer: &ledger.CaseReply{Approve: true, By: remedy.Actor{Name: "sam", UID: 1000, Person: true, Keys: []string{"slack:PLANTED"}}, At: at(3, 14), Reason: "PLANTED"},
		Note:   "PLANTED", Plan: &remedy.Plan{Steps: []string{"PLANTED"}, ManualHint: "PLANTED"},
	}
	return c
}

func message(seq uint64, kind ledger.NoticeKind, c *ledger.Case) chat.Message {
	m := chat.Message{Notice: ledger.Notice{Seq: seq, At: at(3, 15), Kind: kind}, Case: c, Level: remedy.LevelConfirm}
	if c != nil {
		m.Notice.Case, m.Notice.Pool = c.ID, c.Pool
	}
	return m
}

func TestEventIsTheDocumentedOne(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	d := newDesk(t, r.URL)
	got, err := d.bring(t, message(57, ledger.NoticeStarted, newCase(1042, "web-07", remedy.StageOut)))
	if err != nil || len(got.Seqs) != 1 || got.Seqs[0] != 57 || d.counts[webhook.Delivered] != 1 {
		t.Fatalf("%+v, %v, %v", got, err, d.counts)
	}
	if bytes.Contains(r.raw[0], []byte("PLANTED")) {
		t.Errorf("the body holds what is nobody's business: %s", r.raw[0])
	}
	var b bytes.Buffer
	if err := json.Indent(&b, r.raw[0], "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	golden.Check(t, *update, "testdata/event.json", b.String())
	page, err := os.ReadFile("../../docs/webhook.md")
	if err != nil || !strings.Contains(string(page), "```json\n"+b.String()+"```") {
		t.Errorf("docs/webhook.md has another example than testdata/event.json (%v)", err)
	}
	for _, k := range []string{"schema", "id", "seq", "kind", "at", "cluster", "pool", "headline", "page", "skipped", "repeat", "case"} {
		if !strings.Contains(string(page), "| `"+k+"` |") {
			t.Errorf("docs/webhook.md has no row for %s", k)
		}
	}
}

// Signed by another implementation, openssl's:
//
//	printf '1763608500.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef-of-a-test
func TestSignIsOpenssls(t *testing.T) {
	t.Parallel()
	got := webhook.Sign(key, time.Unix(1763608500, 999), []byte(`{"a":1}`))
	if want := "t=1763608500,v1=8d43aa9a964ef16c865d5b2cf590c54a01dc7ece1185004802b3538ae675b1e9"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// After an outage a case's last state is told, once, and says how many it stands
// for; what is about no case is all told.
func TestOnlyLastStates(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(n int, w http.ResponseWriter) {
		if n <= 2 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	d := newDesk(t, r.URL)
	one, two := newCase(1, "a", remedy.StageClosed), newCase(2, "b", remedy.StageOut)
	all := []chat.Message{
		message(1, ledger.NoticeStarted, one), message(2, ledger.NoticeComplaint, two), message(3, ledger.NoticeStarted, two),
		message(4, ledger.NoticeStop, nil), message(5, ledger.NoticeOutcome, one), message(6, ledger.NoticeStop, nil), message(7, ledger.NoticeOutcome, one),
	}
	for range 2 {
		if got, err := d.bring(t, all...); err == nil || len(got.Seqs) != 1 || got.Seqs[0] != 2 {
			t.Fatalf("while it was down: %+v, %v", got, err)
		}
	}
	got, err := d.bring(t, all...)
	if err != nil || len(got.Seqs) != 7 || got.Sent != 4 || got.Merged != 2 || got.Unwanted != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"k3v9.3", "k3v9.4", "k3v9.6", "k3v9.7"}, r.ids); diff != "" {
		t.Error(diff)
	}
	if e := r.got[3]; e.Skipped != 2 || e.Case == nil || e.Case.Stage != remedy.StageClosed || e.Case.Out {
		t.Errorf("the last of W-1: %+v %+v", e, e.Case)
	}
	if e := r.got[0]; e.Skipped != 0 || !e.Case.Out || e.Case.By != "sam" {
		t.Errorf("W-2: %+v %+v", e, e.Case)
	}
}

func TestPoolsAndKinds(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	d := newDesk(t, r.URL, func(o *webhook.Options) { o.Pools = []remedy.PoolName{"core"} })
	in := newCase(2, "b", remedy.StageOut)
	in.Pool = "core"
	got, err := d.bring(t, message(1, ledger.NoticeStarted, newCase(1, "a", remedy.StageOut)), message(2, ledger.NoticeStarted, in),
		message(3, ledger.NoticeLabel, in), message(4, ledger.NoticeStop, nil))
	if err != nil || len(got.Seqs) != 4 {
		t.Fatalf("%+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"k3v9.2", "k3v9.4"}, r.ids); diff != "" {
		t.Error(diff)
	}
}

func TestRetryAfterIsHeeded(t *testing.T) {
	t.Parallel()
	for _, code := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		r := newReceiver(t, func(n int, w http.ResponseWriter) {
			if n == 2 {
				w.Header().Set("Retry-After", "90")
				w.WriteHeader(code)
			}
		})
		got, err := newDesk(t, r.URL).bring(t, message(1, ledger.NoticeStop, nil), message(2, ledger.NoticeStop, nil), message(3, ledger.NoticeStop, nil))
		if err == nil || got.Wait != 90*time.Second || len(got.Seqs) != 1 || r.asked != 2 {
			t.Errorf("%d: %+v, %v, asked %d times", code, got, err, r.asked)
		}
	}
}

// 410 is the end of it: said once, and remembered by whoever leads next, until
// the address changes.
func TestGone(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, func(_ int, w http.ResponseWriter) { w.WriteHeader(http.StatusGone) })
	d := newDesk(t, r.URL)
	got, err := d.bring(t, message(1, ledger.NoticeStop, nil), message(2, ledger.NoticeStop, nil))
	if err != nil || len(got.Seqs) != 2 || got.Dropped != 2 || got.Refused != 1 || len(d.said) != 1 || !strings.Contains(d.said[0], "webhook status answers that it is gone") || strings.Contains(d.said[0], r.URL) {
		t.Fatalf("%+v, %v, said %q", got, err, d.said)
	}
	next := newDesk(t, r.URL)
	next.posts = d.posts
	if got, err := next.bring(t, message(3, ledger.NoticeStop, nil)); err != nil || len(got.Seqs) != 1 || got.Unwanted != 1 || r.asked != 1 || len(next.said) != 0 {
		t.Errorf("the next leader: %+v, %v, asked %d times", got, err, r.asked)
	}
	elsewhere := newReceiver(t, nil)
	moved := newDesk(t, elsewhere.URL)
	moved.posts = d.posts
	if _, err := moved.bring(t, message(4, ledger.NoticeStop, nil)); err != nil || len(elsewhere.ids) != 1 {
		t.Errorf("at another address: %v, %q", err, elsewhere.ids)
	}
}

// What the receiver calls wrong holds up nothing else, and is dropped after a day.
func TestRefused(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	r.answer = func(n int, w http.ResponseWriter) {
		if n%2 == 1 {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	}
	d := newDesk(t, r.URL)
	got, err := d.bring(t, message(1, ledger.NoticeStop, nil), message(2, ledger.NoticeStop, nil))
	if err == nil || len(got.Seqs) != 1 || got.Seqs[0] != 2 || got.Wait != 0 || got.Sent != 1 || got.Dropped != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	old := message(1, ledger.NoticeStop, nil)
	old.Notice.At = at(4, 0).Add(-25 * time.Hour)
	if got, err := d.bring(t, old); err != nil || len(got.Seqs) != 0 {
		t.Errorf("at once: %+v, %v", got, err)
	}
	d.later = time.Minute
	if got, err := d.bring(t, old); err == nil || len(got.Seqs) != 1 || got.Dropped != 1 || chat.ReasonOf(err) != chat.ReasonRefused {
		t.Errorf("after a day: %+v, %v", got, err)
	}
	if d.counts[webhook.Refused] != 2 {
		t.Errorf("%v", d.counts)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := newReceiver(t, nil)
	r := newReceiver(t, func(_ int, w http.ResponseWriter) {
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	if got, err := newDesk(t, r.URL).bring(t, message(1, ledger.NoticeStop, nil)); err == nil || len(got.Seqs) != 0 || elsewhere.asked != 0 {
		t.Errorf("%+v, %v, asked elsewhere %d times", got, err, elsewhere.asked)
	}
}

func TestManyInBatches(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	d := newDesk(t, r.URL)
	var all []chat.Message
	for i := range 45 {
		all = append(all, message(uint64(i+1), ledger.NoticeStop, nil))
	}
	for _, want := range []int{20, 20, 5} {
		got, err := d.bring(t, all...)
		if err != nil || len(got.Seqs) != want || (got.Wait > 0) != (want < len(all)) {
			t.Fatalf("%d told, wait %s, %v, want %d", len(got.Seqs), got.Wait, err, want)
		}
		all = all[len(got.Seqs):]
	}
}

// Without a key nothing leaves.
func TestNoKey(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	d := newDesk(t, r.URL, func(o *webhook.Options) {
		o.Key = func() (string, error) { return "", errors.New("the secret's file can't be read") }
	})
	if got, err := d.bring(t, message(1, ledger.NoticeStop, nil)); err == nil || len(got.Seqs) != 0 || r.asked != 0 {
		t.Errorf("%+v, %v, asked %d times", got, err, r.asked)
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	c := newCase(1, remedy.HostName("\x1b[31m<script>\n"+strings.Repeat("x", 300)), remedy.StageOut)
	if _, err := newDesk(t, r.URL).bring(t, message(1, ledger.NoticeStarted, c)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(r.got[0].Headline, "\x1b\n") || len([]rune(r.got[0].Headline)) > chat.MaxHeadline {
		t.Errorf("%q", r.got[0].Headline)
	}
}
