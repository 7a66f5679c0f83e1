package fakepager

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"time"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle []byte

// page shows people what is on the pager, newest first. It runs no script: it
// loads itself anew.
func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	t, err := template.New("pager").Funcs(template.FuncMap{
		"at": func(t time.Time) string { return t.UTC().Format("02 Jan 15:04:05") },
	}).Parse(pageText)
	if err != nil {
		http.Error(w, "the page can't be made", http.StatusInternalServerError)
		return
	}
	incidents, changes := s.Incidents(), s.Changes()
	slices.Reverse(incidents)
	slices.Reverse(changes)
	var out bytes.Buffer
	err = t.Execute(&out, struct {
		Now       time.Time
		Open      int
		Incidents []Incident
		Changes   []Change
	}{s.Clock.Now(), countOpen(incidents), incidents, changes})
	if err != nil {
		http.Error(w, "the page can't be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	_, _ = out.WriteTo(w) // a reader that hung up gets nothing
}

func (*Server) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(pageStyle)
}

func countOpen(all []Incident) int {
	n := 0
	for i := range all {
		if all[i].Status != statusResolved {
			n++
		}
	}
	return n
}
