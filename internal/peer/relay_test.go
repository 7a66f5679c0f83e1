package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/clock"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// relayable is one of each that a node may say for itself.
func relayable(node remedy.NodeID) []ledger.Body {
	return []ledger.Body{
		&ledger.NodeReport{Node: node, MaxVersion: ledger.Version, ConfigHash: "c1"},
		&ledger.TrustReport{Node: node, Rules: trust.Rules{Enforce: true, Confidence: 0.95}},
		&ledger.ExecFinish{Case: 7, Token: remedy.Token{Term: 2, Index: 9}, Outcome: remedy.OutcomeDone},
		&ledger.FreezeSet{Reason: "the freeze file is there"},
		&ledger.NoticeAdd{Kind: ledger.NoticeConfig, Detail: "config of n2 reloaded"},
		&ledger.ClicksRefused{Surface: ledger.SurfaceSlack, Kind: ledger.ClickForged, User: "U1"},
	}
}

// TestRelay shows that what a node may say for itself is committed once, in its
// name, and that the leader's answer comes back.
func TestRelay(t *testing.T) {
	c, m := newCell(t), &machine{}
	c.serve(n1, m, clock.System())
	client := c.client(n2, clock.System())
	for _, b := range relayable(n2) {
		got, err := client.Relay(t.Context(), entry(t, n2, remedy.Warden(), b))
		if err != nil || got.Index != 7 || got.Term != 3 || len(got.Results) != 1 || !got.Results[0].OK {
			t.Fatalf("%T: %+v %v", b, got, err)
		}
	}
	if len(m.relayed) != len(relayable(n2)) || m.from[0] != n2 {
		t.Errorf("%v from %v", m.relayed, m.from)
	}
}

// TestRelayErrors shows that "certainly not" and "nobody knows" stay apart over
// the wire.
func TestRelayErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		fail error
		want error // nil for: nobody knows
	}{
		"not leader": {engine.ErrNotCommitted, engine.ErrNotCommitted},
		"busy":       {engine.ErrBusy, engine.ErrBusy},
		"refused":    {&engine.Refusal{Code: ledger.RefusedBad, Reason: "another's"}, engine.ErrNotCommitted},
		"unsure":     {errors.New("disk"), nil},
		"in time":    {context.DeadlineExceeded, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCell(t)
			c.serve(n1, &machine{fail: tc.fail}, clock.System())
			_, err := c.client(n2, clock.System()).Relay(t.Context(), entry(t, n2, remedy.Warden(), relayable(n2)[0]))
			wantFate(t, err, tc.want)
		})
	}
}

func wantFate(t *testing.T, err, want error) {
	t.Helper()
	certain := errors.Is(err, engine.ErrNotCommitted) || errors.Is(err, engine.ErrBusy)
	switch {
	case err == nil:
		t.Error("no error")
	case want == nil && certain:
		t.Errorf("certain, and nobody can know: %v", err)
	case want != nil && !errors.Is(err, want):
		t.Errorf("%v, want %v", err, want)
	}
}

// TestRelayConnections shows what each way that a connection fails says of the
// entry, and that it is sent at most once.
func TestRelayConnections(t *testing.T) {
	e := entry(t, n2, remedy.Warden(), relayable(n2)[2])
	t.Run("nobody leads", func(t *testing.T) {
		c := newCell(t)
		c.leader = ""
		_, err := c.client(n2, clock.System()).Relay(t.Context(), e)
		wantFate(t, err, engine.ErrNotCommitted)
	})
	t.Run("itself", func(t *testing.T) {
		c := newCell(t)
		c.leader = n2
		_, err := c.client(n2, clock.System()).Relay(t.Context(), e)
		wantFate(t, err, engine.ErrNotCommitted)
	})
	t.Run("nobody there", func(t *testing.T) {
		c := newCell(t)
		_, err := c.client(n2, clock.System()).Relay(t.Context(), e)
		wantFate(t, err, engine.ErrNotCommitted)
	})
	t.Run("the node starts", func(t *testing.T) {
		c := newCell(t)
		c.listen(n1, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "this node is starting", http.StatusServiceUnavailable)
		}))
		_, err := c.client(n2, clock.System()).Relay(t.Context(), e)
		wantFate(t, err, engine.ErrNotCommitted)
	})
	t.Run("a transport that tells nothing", func(t *testing.T) {
		c := newCell(t)
		client := c.client(n2, clock.System())
		client.Transport = silent{}
		_, err := client.Relay(t.Context(), e)
		wantFate(t, err, nil)
	})
	for name, answer := range map[string]http.HandlerFunc{
		"broken off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"broken off in the answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"outcome":"refused"`))
		},
		"nonsense":        func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) },
		"two values":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"outcome":"not_leader"} {}`)) },
		"unknown outcome": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"outcome":"fine"}`)) },
		"unknown field":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"outcome":"refused","x":1}`)) },
		"nothing applied": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"outcome":"committed"}`)) },
		"results missing": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"outcome":"committed","applied":{"term":1,"index":2,"results":[]}}`))
		},
		"another's status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, asked := newCell(t), make(chan struct{}, 10)
			c.listen(n1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked <- struct{}{}
				answer(w, r)
			}))
			_, err := c.client(n2, clock.System()).Relay(t.Context(), e)
			wantFate(t, err, nil)
			if len(asked) != 1 {
				t.Errorf("sent %d times", len(asked))
			}
		})
	}
	t.Run("no answer", func(t *testing.T) {
		c, over := newCell(t), make(chan struct{})
		c.listen(n1, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-over:
			case <-r.Context().Done():
			}
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := c.client(n2, clock.System()).Relay(ctx, e)
		wantFate(t, err, nil)
		close(over)
	})
}

// TestStrangers shows that nobody is listened to but a voter that is who it says.
func TestStrangers(t *testing.T) {
	c, m := newCell(t), &machine{verdict: VerdictSame}
	s := c.serve(n1, m, clock.System())
	body, err := entry(t, n2, remedy.Warden(), relayable(n2)[0]).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ peer, node string }{
		"nobody": {"", ""}, "no id": {"n2", ""}, "another's id": {"n3", string(n2)}, "no voter": {"n2", "n2-99999999"}, "no certificate": {"", string(n2)},
	} {
		for _, path := range []string{pathRelay, pathOpinion, pathHash, pathClock} {
			method := http.MethodPost
			if path == pathClock {
				method = http.MethodGet
			}
			r := httptest.NewRequestWithContext(context.WithValue(t.Context(), who{}, tc.peer), method, path, bytes.NewReader(body))
			r.Header.Set(HeaderNode, tc.node)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != http.StatusForbidden {
				t.Errorf("%s, %s: %d", name, path, w.Code)
			}
		}
	}
	if len(m.relayed) != 0 {
		t.Errorf("relayed %v", m.relayed)
	}
}

// relayKinds are what may be relayed at all.
var relayKinds = []string{"node.report", "trust.report", "exec.finish", "freeze.set", "notice.add", "click.refused"}

// TestNothingElseIsRelayed takes the golden logs, which have every operation
// there is, and has a node ask for each of them.
func TestNothingElseIsRelayed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "ledger", "testdata", "log", "v*.jsonl"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	var data []byte
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, raw...)
	}
	passed, kinds := 0, map[string]bool{}
	for line := range bytes.Lines(data) {
		var logged struct{ Entry ledger.Entry }
		if err := json.Unmarshal(line, &logged); err != nil {
			t.Fatal(err)
		}
		e := logged.Entry
		e.By, e.Node = remedy.Warden(), n2
		for _, op := range e.Ops {
			kinds[op.Kind] = true
			one := e
			one.Ops = []ledger.Op{op}
			raw, err := json.Marshal(one)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := allowed(raw, n2); err == nil {
				passed++
				if !strings.Contains(strings.Join(relayKinds, " "), op.Kind) {
					t.Errorf("%s was taken", op.Kind)
				}
			}
		}
	}
	if len(kinds) < 20 || passed == 0 {
		t.Errorf("only %d kinds were tried, %d passed", len(kinds), passed)
	}
}

// foulBodies is one of each that no node may say, not even for itself.
func foulBodies() []ledger.Body {
	return []ledger.Body{
		&ledger.FreezeLift{}, &ledger.CaseAnswer{Case: 1, Approve: true}, &ledger.PoolAccept{Pool: "a"}, &ledger.ClockAccept{},
		&ledger.HoldRelease{Pool: "a"}, &ledger.StormReset{Pool: "a"}, &ledger.RestraintExpire{}, &ledger.Resolve{Case: 1, Out: true},
		&ledger.ClusterInit{ClusterID: "x", Voters: []remedy.NodeID{n2}}, &ledger.ManualOpen{Pool: "a", Host: "h"}, &ledger.CaseCancel{Case: 1},
		&ledger.FreezeSet{Reason: "short", Until: start}, &ledger.FreezeSet{}, &ledger.NodeReport{Node: n3}, &ledger.ExecFinish{Case: 1},
		&ledger.TrustReport{Node: n3}, &ledger.TrustReport{},
		&ledger.NoticeAdd{Kind: ledger.NoticeConfig, Page: true, Detail: "x"}, &ledger.NoticeAdd{Kind: ledger.NoticeStop, Detail: "x"},
		&ledger.NoticeAdd{Kind: ledger.NoticeConfig, Case: 3, Detail: "x"}, &ledger.NoticeAdd{Kind: ledger.NoticeConfig},
		&ledger.NodeReport{MaxVersion: ledger.Version}, &ledger.ExecFinish{Token: remedy.Token{Term: 2, Index: 9}},
		&ledger.FreezeSet{Reason: strings.Repeat("x", maxReason+1)}, &ledger.NoticeAdd{Kind: ledger.NoticeConfig, Pool: "a", Detail: "x"},
		&ledger.NoticeAdd{Kind: ledger.NoticeConfig, Detail: strings.Repeat("x", maxDetail+1)},
	}
}

// TestEveryFoulBodyIsRefused asks for each of them, alone and beside each that
// may be relayed, and shows that it is for the foul one that the entry is refused.
func TestEveryFoulBodyIsRefused(t *testing.T) {
	for _, foul := range foulBodies() {
		cells := [][]ledger.Body{{foul}}
		for _, good := range relayable(n2) {
			cells = append(cells, []ledger.Body{foul, good}, []ledger.Body{good, foul})
		}
		for _, bodies := range cells {
			raw, err := json.Marshal(entry(t, n2, remedy.Warden(), bodies...))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := allowed(raw, n2); err == nil || !strings.Contains(err.Error(), "can't be relayed") {
				t.Errorf("%.300s: %v", raw, err)
			}
		}
	}
}

// TestRelayProperty makes entries of what may be relayed and one thing that may
// not, in any order: they are refused whole.
func TestRelayProperty(t *testing.T) {
	foul := foulBodies()
	rapid.Check(t, func(rt *rapid.T) {
		bodies := rapid.SliceOfN(rapid.SampledFrom(relayable(n2)), 0, 4).Draw(rt, "good")
		node := rapid.SampledFrom([]remedy.NodeID{n2, n2, n2, n3, ""}).Draw(rt, "node")
		by := rapid.SampledFrom([]remedy.Actor{remedy.Warden(), remedy.Warden(), {Name: "warden", Person: true}, {Name: "kim", Person: true}, {Name: "kim"}, {}}).Draw(rt, "by")
		good := node == n2 && by.Name == "warden" && !by.Person && len(bodies) > 0
		if rapid.Bool().Draw(rt, "foul") {
			bodies, good = append(bodies, rapid.SampledFrom(foul).Draw(rt, "what")), false
			if rapid.Bool().Draw(rt, "first") {
				bodies[0], bodies[len(bodies)-1] = bodies[len(bodies)-1], bodies[0]
			}
		}
		raw, err := json.Marshal(entry(rt, node, by, bodies...))
		if err != nil {
			rt.Fatal(err)
		}
		if _, err := allowed(raw, n2); (err == nil) != good {
			rt.Errorf("%s: %v", raw, err)
		}
	})
}

// FuzzRelay shows that no bytes have anything committed but what may be relayed.
func FuzzRelay(f *testing.F) {
	for _, b := range append(relayable(n2), foulBodies()...) {
		raw, err := json.Marshal(entry(f, n2, remedy.Warden(), b))
		if err != nil {
			f.Fatal(err)
		}
		if len(raw) > maxReason { // too long to be worth changing
			continue
		}
		f.Add(raw)
		f.Add(bytes.Replace(raw, []byte(`"kind"`), []byte(`"Kind"`), 1))
		f.Add(bytes.Replace(raw, []byte(`"ops"`), []byte(`"ops":[],"ops"`), 1))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		bodies, err := allowed(raw, n2)
		if err != nil {
			return
		}
		if len(bodies) == 0 {
			t.Fatal("nothing was taken")
		}
		for _, b := range bodies {
			switch b := b.(type) {
			case *ledger.NodeReport:
				if b.Node != n2 {
					t.Fatalf("another node's report: %+v", b)
				}
			case *ledger.TrustReport:
				if b.Node != n2 {
					t.Fatalf("another node's rules: %+v", b)
				}
			case *ledger.ExecFinish, *ledger.ClicksRefused:
			case *ledger.FreezeSet:
				if !b.Until.IsZero() {
					t.Fatalf("a freeze that ends: %+v", b)
				}
			case *ledger.NoticeAdd:
				if b.Page || b.Kind != ledger.NoticeConfig {
					t.Fatalf("a notice: %+v", b)
				}
			default:
				t.Fatalf("%T was taken", b)
			}
		}
	})
}
