package realtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Exporter is a scrape target whose metrics the test decides. It is safe for
// concurrent use and ends with the test that started it.
type Exporter struct {
	// Address is host:port, for PrometheusOptions.Targets.
	Address string

	server *httptest.Server

	mu   sync.Mutex
	text string
	page func() string
}

// StartExporter starts an exporter that shows text, in the Prometheus text
// format, until Set or SetFunc say otherwise.
func StartExporter(tb testing.TB, text string) *Exporter {
	tb.Helper()
	e := &Exporter{text: text}
	e.server = httptest.NewServer(http.HandlerFunc(e.serve))
	e.Address = e.server.Listener.Addr().String()
	tb.Cleanup(e.Stop)
	return e
}

// Set replaces what the exporter shows.
func (e *Exporter) Set(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text, e.page = text, nil
}

// SetFunc makes the exporter call page at each scrape, one call at a time.
func (e *Exporter) SetFunc(page func() string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.page = page
}

// Stop makes the target disappear: scrapes get no connection. Stopping twice
// does nothing.
func (e *Exporter) Stop() {
	e.server.CloseClientConnections()
	e.server.Close()
}

func (e *Exporter) serve(w http.ResponseWriter, _ *http.Request) {
	e.mu.Lock()
	text := e.text
	if e.page != nil {
		text = e.page()
	}
	e.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = io.WriteString(w, text) // a scraper that went away is none of ours
}
