package annotate_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakeGrafana holds to what Grafana's page on its annotations API says:
// https://grafana.com/docs/grafana/latest/developers/http_api/annotations/
type fakeGrafana struct {
	*httptest.Server
	mu     sync.Mutex
	all    map[int64]*fakeAnnotation
	next   int64
	reads  int
	writes int
	// fail answers instead; lose takes the request and breaks the connection
	// before its answer.
	fail func(w http.ResponseWriter, r *http.Request) bool
	lose bool
}

type fakeAnnotation struct {
	ID           int64    `json:"id"`
	DashboardUID string   `json:"dashboardUID"`
	PanelID      int      `json:"panelId"`
	Time         int64    `json:"time"`
	TimeEnd      int64    `json:"timeEnd"`
	Text         string   `json:"text"`
	Tags         []string `json:"tags"`
}

const grafanaToken = "glsa_of_a_test"

func newFakeGrafana(t *testing.T) *fakeGrafana {
	t.Helper()
	f := &fakeGrafana{all: map[int64]*fakeAnnotation{}, next: 1000}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeGrafana) say(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v)
}

func (f *fakeGrafana) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil && f.fail(w, r) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+grafanaToken {
		f.say(w, http.StatusUnauthorized, map[string]string{"message": "Unauthorized"})
		return
	}
	switch {
	case r.URL.Path == "/api/annotations" && r.Method == http.MethodGet:
		f.find(w, r)
	case r.URL.Path == "/api/annotations" && r.Method == http.MethodPost:
		f.post(w, r)
	case strings.HasPrefix(r.URL.Path, "/api/annotations/") && r.Method == http.MethodPatch:
		f.patch(w, r)
	default:
		f.say(w, http.StatusNotFound, map[string]string{"message": "Not found"})
	}
}

func (f *fakeGrafana) find(w http.ResponseWriter, r *http.Request) {
	f.reads++
	q := r.URL.Query()
	number := func(key string, otherwise int64) int64 {
		n, err := strconv.ParseInt(q.Get(key), 10, 64)
		if err != nil {
			return otherwise
		}
		return n
	}
	from, to, limit := number("from", 0), number("to", 1<<60), number("limit", 100)
	found := []*fakeAnnotation{}
	for _, a := range f.all {
		if a.Time <= to && a.TimeEnd >= from && !slices.ContainsFunc(q["tags"], func(t string) bool { return !slices.Contains(a.Tags, t) }) && int64(len(found)) < limit {
			found = append(found, a)
		}
	}
	f.say(w, http.StatusOK, found)
}

// tooMany is the bound of [annotations] tags_length in grafana.ini, 500 unless set.
func tooMany(tags []string) bool {
	b, _ := json.Marshal(tags)
	return len(b) > 500
}

func (f *fakeGrafana) post(w http.ResponseWriter, r *http.Request) {
	f.writes++
	var a fakeAnnotation
	switch err := json.NewDecoder(r.Body).Decode(&a); {
	case err != nil:
		f.say(w, http.StatusBadRequest, map[string]string{"message": "bad request data"})
		return
	case a.Text == "":
		f.say(w, http.StatusBadRequest, map[string]string{"message": "Failed to save annotation"})
		return
	case tooMany(a.Tags):
		f.say(w, http.StatusBadRequest, map[string]string{"message": "tags length exceeds the maximum allowed"})
		return
	}
	f.next++
	a.ID = f.next
	a.TimeEnd = max(a.TimeEnd, a.Time) // a point ends when it begins
	f.all[a.ID] = &a
	if f.lose {
		panic(http.ErrAbortHandler)
	}
	f.say(w, http.StatusOK, map[string]any{"message": "Annotation added", "id": a.ID})
}

func (f *fakeGrafana) patch(w http.ResponseWriter, r *http.Request) {
	f.writes++
	id, _ := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/api/annotations/"), 10, 64)
	a, ok := f.all[id]
	if !ok {
		f.say(w, http.StatusNotFound, map[string]string{"message": "Could not find annotation to update"})
		return
	}
	var p struct {
		Text    *string  `json:"text"`
		Tags    []string `json:"tags"`
		Time    int64    `json:"time"`
		TimeEnd int64    `json:"timeEnd"`
	}
	if json.NewDecoder(r.Body).Decode(&p) != nil || tooMany(p.Tags) {
		f.say(w, http.StatusBadRequest, map[string]string{"message": "bad request data"})
		return
	}
	if p.Text != nil && *p.Text != "" {
		a.Text = *p.Text
	}
	if p.Tags != nil {
		a.Tags = p.Tags
	}
	if p.Time > 0 {
		a.Time = p.Time
	}
	if p.TimeEnd > 0 {
		a.TimeEnd = p.TimeEnd
	}
	f.say(w, http.StatusOK, map[string]string{"message": "Annotation patched"})
}
