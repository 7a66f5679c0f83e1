package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"warden/internal/remedy"
)

// frameworkWords are how the library words what it finds wrong.
var frameworkWords = regexp.MustCompile(`validation failed|expected |unexpected |unmarshal|invalid (integer|character)|request body|json:|\bEOF\b`)

// TestInvalidRequestsAreInPlainWords sends to every endpoint what it doesn't
// take: what is wrong is told field by field, and with what to do.
func TestInvalidRequestsAreInPlainWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remedy.LevelConfirm, me(t))
	w.serve()
	w.rounds(1)
	var doc struct {
		Paths map[string]map[string]struct {
			RequestBody json.RawMessage `json:"requestBody"`
		}
	}
	if err := json.Unmarshal(fetch(t, w, openAPIPath+".json"), &doc); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 5000)
	tried := 0
	for path, operations := range doc.Paths {
		path = regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(path, "1")
		for method, o := range operations {
			requests := []*http.Request{httptest.NewRequestWithContext(t.Context(), strings.ToUpper(method), "http://localhost"+path+"?colour=red", nil)}
			if len(o.RequestBody) > 0 {
				for _, body := range []string{`{`, `[]`, `{"colour":"red"}`, `{"reason":"","label":"good","to":"up","as":"sideways","action":""}`, `{"reason":"` + long + `","note":"` + long + `","reason":7}`, `7`} {
					r := httptest.NewRequestWithContext(t.Context(), strings.ToUpper(method), "http://localhost"+path, strings.NewReader(body))
					r.Header.Set("Content-Type", "application/json")
					requests = append(requests, r)
				}
				requests = append(requests, httptest.NewRequestWithContext(t.Context(), strings.ToUpper(method), "http://localhost"+path, nil))
			}
			for _, r := range requests {
				r.RequestURI = ""
				answer := w.raw(false, r)
				data, err := io.ReadAll(answer.Body)
				if err != nil {
					t.Fatal(err)
				}
				var p Problem
				if json.Unmarshal(data, &p) != nil || p.Code != CodeInvalid {
					continue
				}
				tried++
				said := p.text()
				if found := frameworkWords.FindString(said); found != "" {
					t.Errorf("%s %s: %q is for programmers: %s", r.Method, r.URL.Path, found, data)
				}
				if !strings.Contains(said, ": ask again with that mended; /api/v1/openapi.json") && len(p.Errors) > 0 {
					t.Errorf("%s %s doesn't say what to do: %s", r.Method, r.URL.Path, said)
				}
			}
		}
	}
	if tried < 60 {
		t.Errorf("only %d requests were found wrong", tried)
	}
}

// TestInvalidFields holds the words of single fields.
func TestInvalidFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remedy.LevelConfirm, me(t))
	c := w.serve()
	w.rounds(1)
	for want, err := range map[string]error{
		"limit: it is at most 1000: ask again":                                     second(c.Cases(t.Context(), CaseQuery{Limit: 5000})),
		"stage: it is one of detected, proposed, ":                                 second(c.Cases(t.Context(), CaseQuery{Stage: "napping"})),
		"reason: it can't be empty; to: it is one of metric-only, notify, confirm": second(c.Demote(t.Context(), DemoteRequest{Action: "drain", Pool: "ingest", To: remedy.LevelAuto})),
		"note: it has at most 1000 characters":                                     second(c.Label(t.Context(), 1, LabelRequest{Label: "right", Note: strings.Repeat("x", 1001)})),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}
