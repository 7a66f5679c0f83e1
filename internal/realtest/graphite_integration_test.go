//go:build integration

package realtest

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestGraphite(t *testing.T) {
	t.Parallel()
	g := StartGraphite(t)
	now := time.Now().Truncate(time.Minute)
	points := []GraphitePoint{{"a.one", now, 1}, {"s10.a", now, 10}, {"s60.a", now, 60}}
	g.Send(points...)
	g.Wait(points...)
	g.StopWeb()
	if resp, err := http.Get(g.URL); err == nil {
		_ = resp.Body.Close()
		t.Error("graphite-web still answers")
	}
	g.StartWeb()
	g.StopCarbon()
	g.StartCarbon()
	g.Wait(points[2]) // from its file by now, not from carbon's cache
	resp, err := http.Get(g.URL + "/render?format=json&target=nofunc(a)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "unknown function: nofunc") {
		t.Errorf("%d %s %v", resp.StatusCode, body, err)
	}
}
