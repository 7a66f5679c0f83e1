package source

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"warden/internal/remedy"
)

// defaultParallel is how many queries one source is asked at a time.
const defaultParallel = 4

// FetchAll asks each distinct question once, at most parallel of them at a time
// at each source (4 if parallel is not positive), and returns when all are
// answered or have failed. Queries of one expression whose windows overlap are
// one question, over all that they ask for, as far as the source is Joinable.
// Every query has an entry in the results, also one whose source is not
// configured, or panicked.
func FetchAll(ctx context.Context, sources map[remedy.SourceName]Source, queries []remedy.Query, parallel int) remedy.Results {
	if parallel <= 0 {
		parallel = defaultParallel
	}
	results := make(remedy.Results, len(queries))
	todo := make(map[remedy.SourceName][]remedy.Query)
	for _, q := range queries {
		if _, asked := results[q]; asked {
			continue
		}
		results[q] = remedy.Result{Failed: fmt.Sprintf("source %s is not configured: add it to the config, or correct the detector's source", q.Source)}
		if sources[q.Source] != nil {
			todo[q.Source] = append(todo[q.Source], q)
		}
	}
	var mu sync.Mutex // guards results
	var workers sync.WaitGroup
	for name, list := range todo {
		questions := joined(sources[name], list)
		next := make(chan question, len(questions))
		for _, q := range questions {
			next <- q
		}
		close(next)
		for range min(parallel, len(questions)) {
			workers.Go(func() {
				for q := range next {
					r := fetchOne(ctx, sources[name], q.Query)
					mu.Lock()
					for _, part := range q.parts {
						results[part] = q.answer(part, r)
					}
					mu.Unlock()
				}
			})
		}
	}
	workers.Wait()
	return results
}

// fetchOne turns a panic into a failure: what one source's answer does to its
// decoder must not end the process.
func fetchOne(ctx context.Context, s Source, q remedy.Query) (r remedy.Result) {
	defer func() {
		if p := recover(); p != nil {
			// Other panics may carry data, and data may carry secrets.
			what := fmt.Sprintf("%T", p)
			if err, ok := p.(runtime.Error); ok {
				what = err.Error()
			}
			r = remedy.Result{Failed: fmt.Sprintf("source %s: warden failed on the answer (%s): please report it", q.Source, what)}
		}
	}()
	r = s.Fetch(ctx, q)
	if r.Failed != "" {
		r.Frame = nil
	}
	return r
}
