package fakepager

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Each trouble looks as it does outside, for as often as it was asked for.
func TestFaults(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.s.Raise("PINGEST", Alert{Summary: "s"})
	for _, tt := range []struct {
		trouble Trouble
		status  int
		code    float64
	}{{RateLimited, 429, 2020}, {Gone, 403, 2010}, {Revoked, 401, 2006}} {
		d.s.Trip(Fault{Trouble: tt.trouble, Path: "/incidents", Times: 1, Wait: 7 * time.Second})
		a := d.call("GET", "/incidents/"+id, "")
		d.want(a, tt.status, tt.code)
		if tt.trouble == RateLimited && a.header.Get("ratelimit-reset") != "7" {
			t.Errorf("%v", a.header)
		}
		d.want(d.call("GET", "/incidents/"+id, ""), 200, 0)
	}
	raw := func(within time.Duration) (int, string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/incidents/"+id, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range d.header {
			req.Header.Set(k, v)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text), err
	}
	d.s.Trip(Fault{Trouble: Unavailable, Times: 1})
	if status, _, err := raw(time.Minute); status != 503 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
	d.s.Trip(Fault{Trouble: HTML, Times: 1})
	if status, text, err := raw(time.Minute); status != 200 || !strings.Contains(text, "<html>") || err != nil {
		t.Errorf("%d %q, %v", status, text, err)
	}
	d.s.Trip(Fault{Trouble: Cut, Times: 1})
	// A GET on a connection that was cut is repeated by the client once.
	d.s.Trip(Fault{Trouble: Cut, Times: 1})
	if _, _, err := raw(time.Minute); err == nil {
		t.Error("a cut connection gave an answer")
	}
	d.s.Mend()
	d.s.Trip(Fault{Trouble: Silent, Times: 1})
	if _, _, err := raw(50 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	d.s.Trip(Fault{Trouble: Lies, Path: "/incidents"})
	if a := d.call("GET", "/incidents", ""); len(a.body["incidents"].([]any)) != 0 {
		t.Errorf("%v", a.body)
	}
	d.s.Mend()
	d.s.Trip(Fault{Trouble: Lies, Path: "/v2/"})
	d.want(d.event(set("e", "dedup_key", "lie")), 202, 0)
	if all := d.s.Incidents(); len(all) != 1 {
		t.Errorf("%+v", all)
	}
	d.s.Become(Fault{Trouble: Hollow})
	if a := d.call("POST", "/incidents/"+id+"/notes", note); a.status != 200 || len(a.body) != 0 || len(d.s.Incidents()[0].Notes) != 0 {
		t.Errorf("%d %v", a.status, a.body)
	}
	if a := d.event(set("e", "dedup_key", "hollow")); a.status != 202 || len(a.body) != 0 || len(d.s.Incidents()) != 1 {
		t.Errorf("%d %v", a.status, a.body)
	}
	d.s.Become(Fault{Trouble: Slow, Wait: time.Hour, Times: 2})
	if _, _, err := raw(50 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	answered := make(chan int)
	go func() {
		status, _, _ := raw(time.Minute)
		answered <- status
	}()
	for status := 0; status == 0; {
		select {
		case status = <-answered:
			if status != 200 {
				t.Errorf("after its time a slow one answers %d", status)
			}
		case <-time.After(time.Millisecond): // once it waits, or before
			d.clk.Advance(time.Hour)
		}
	}
	d.s.Mend()
	d.want(d.call("GET", "/incidents/"+id, ""), 200, 0)
	if got := d.s.Requests(); len(got) < 8 || got[0].Path != "/incidents/"+id || got[0].Status != 429 {
		t.Errorf("%+v", got)
	}
}

// What is lost after it took effect is there all the same.
func TestAnswerLost(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.s.Raise("PINGEST", Alert{Summary: "s"})
	d.s.Trip(Fault{Trouble: Cut, Path: "/incidents/", Times: 1, After: true})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/incidents/"+id+"/notes", strings.NewReader(note))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range d.header {
		req.Header.Set(k, v)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("it was answered")
	}
	if n := len(d.s.Incidents()[0].Notes); n != 1 {
		t.Errorf("%d notes", n)
	}
}

// The page shows what is there as text, whatever it says, and loads nothing
// from anywhere.
func TestPage(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	evil := `<script>alert(1)</script>"onmouseover=x`
	id := d.s.Raise("PINGEST", Alert{Summary: evil, Source: evil, Severity: "critical"})
	d.want(d.call("POST", "/incidents/"+id+"/notes", `{"note":{"content":"<b>first</b>\nsecond"}}`), 200, 0)
	d.want(d.change(`{"routing_key":"`+keyOne+`","payload":{"summary":"drained"},"links":[{"href":"javascript:alert(1)","text":"x"}]}`), 202, 0)
	for _, path := range []string{"/pager", "/pager/style.css"} {
		resp := httptest.NewRecorder()
		d.s.ServeHTTP(resp, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		body := resp.Body.String()
		if resp.Code != 200 || strings.Contains(body, "<script") || strings.Contains(body, "<b>") || strings.Contains(body, "javascript:") || strings.Contains(body, "style=") {
			t.Errorf("%s: %d\n%s", path, resp.Code, body)
		}
		if path == "/pager" && (!strings.Contains(resp.Header().Get("Content-Security-Policy"), "default-src 'none'") || !strings.Contains(body, "1 open") || !strings.Contains(body, "&lt;b&gt;first")) {
			t.Errorf("%v\n%s", resp.Header(), body)
		}
	}
}
