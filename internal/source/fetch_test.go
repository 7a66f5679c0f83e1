package source

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"warden/internal/remedy"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

type fake func(context.Context, remedy.Query) remedy.Result

func (f fake) Fetch(ctx context.Context, q remedy.Query) remedy.Result { return f(ctx, q) }

func TestFetchAll(t *testing.T) {
	var mu sync.Mutex
	asked := map[remedy.Query]int{}
	var now atomic.Int32
	var most int32
	full := make(chan struct{})
	var once sync.Once
	good := fake(func(_ context.Context, q remedy.Query) remedy.Result {
		n := now.Add(1)
		defer now.Add(-1)
		mu.Lock()
		most = max(most, n)
		mu.Unlock()
		if n == 3 {
			once.Do(func() { close(full) })
		}
		<-full // all three workers meet here, so the bound is reached
		mu.Lock()
		defer mu.Unlock()
		asked[q]++
		return remedy.Result{Frame: remedy.NewFrame(q.KeyedBy("expr"), []remedy.Series{{Labels: map[string]string{"expr": q.Expr}, Points: []remedy.Point{{At: q.Start.UnixMilli(), Value: 1}}}})}
	})
	bad := fake(func(_ context.Context, q remedy.Query) remedy.Result {
		if q.Expr == "index" {
			var none []int
			_ = none[len(q.Expr)]
		}
		panic("hunter2")
	})
	sloppy := fake(func(context.Context, remedy.Query) remedy.Result {
		return remedy.Result{Failed: "no", Frame: remedy.NewFrame(remedy.Query{}, nil)}
	})
	ask := func(source, expr string) remedy.Query {
		return remedy.NewQuery(remedy.SourceName(source), expr, at, at, time.Second)
	}
	var queries []remedy.Query
	for i := range 9 {
		queries = append(queries, ask("good", fmt.Sprint(i%6)))
	}
	queries = append(queries, ask("bad", "value"), ask("bad", "index"), ask("absent", "x"), ask("nil", "x"), ask("sloppy", "x"))
	results := FetchAll(t.Context(), map[remedy.SourceName]Source{"good": good, "bad": bad, "nil": nil, "sloppy": sloppy}, queries, 3)

	if len(results) != 11 || len(asked) != 6 {
		t.Errorf("%d results of %d questions", len(results), len(asked))
	}
	for q, n := range asked {
		if n != 1 || results[q].Frame.Keys.Name(0) != q.Expr {
			t.Errorf("%s asked %d times: %+v", q.Expr, n, results[q])
		}
	}
	if most != 3 {
		t.Errorf("%d at a time, want 3", most)
	}
	for q, want := range map[remedy.Query]string{
		ask("bad", "value"): "warden failed on the answer (string)",
		ask("bad", "index"): "index out of range",
		ask("absent", "x"):  "source absent is not configured",
		ask("nil", "x"):     "source nil is not configured",
		ask("sloppy", "x"):  "no",
	} {
		if r := results[q]; !strings.Contains(r.Failed, want) || strings.Contains(r.Failed, "hunter2") || r.Frame != nil {
			t.Errorf("%v: %+v, want %q", q, r, want)
		}
	}
	if r := FetchAll(t.Context(), nil, nil, 0); r == nil || len(r) != 0 {
		t.Errorf("no queries: %v", r)
	}
}
