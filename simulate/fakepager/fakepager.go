// Package fakepager is a PagerDuty for tests and for the demo: the REST API v2,
// the Events API v2 with its change events, and webhooks v3, as far as warden
// uses them. It holds its callers to what PagerDuty's documentation says (see
// Rules), and fails on command in each way that a service on the other side of
// the internet does (see Fault).
package fakepager

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"warden/internal/clock"
)

// Options is what a Server is made of.
type Options struct {
	// Clock is where all its time comes from.
	Clock clock.Clock
	// Token is the API key that may do everything, ReadToken one that may only
	// read; empty for none.
	Token, ReadToken string
	Users            []User
	Services         []Service
	// Client delivers webhooks; one of its own when nil.
	Client *http.Client
}

// User is one user of the account.
type User struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// Service is one service of the account.
type Service struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Keys are the integration keys whose events come to it, 32 characters each.
	Keys []string `json:"-"`
}

// Incident is one incident as it stands.
type Incident struct {
	ID      string
	Number  int
	Service string
	Title   string
	Key     string // incident_key
	Status  string // triggered, acknowledged or resolved
	Created time.Time
	Alerts  []Alert
	Notes   []Note
	// ResolvedBy and AckedBy are e-mail addresses, or "event" for an event's.
	ResolvedBy, AckedBy string
}

// Alert is one alert of an incident.
type Alert struct {
	ID       string
	Key      string // dedup_key
	Routing  string // the integration key that it came by
	Status   string // triggered, acknowledged or resolved
	Severity string
	Summary  string
	Source   string
	// Component, Group and Class are those of the event.
	Component, Group, Class string
	Details                 map[string]any
	Created                 time.Time
	// Triggers is how many trigger events it had.
	Triggers int
}

// Note is one note on an incident.
type Note struct {
	ID      string
	Email   string
	Content string
	Created time.Time
}

// Change is one change event.
type Change struct {
	Service string
	Summary string
	Source  string
	Details map[string]any
	Links   []Link
	At      time.Time
}

// Link is one link of an event.
type Link struct {
	Href string `json:"href"`
	Text string `json:"text,omitempty"`
}

// Request is one call that was made, for tests that count them.
type Request struct {
	At     time.Time
	Method string
	Path   string
	From   string
	Status int // 0 when the connection was cut
}

// Server is the fake. It is an http.Handler: REST, events and the page /pager
// are on one address. It is safe for concurrent use.
type Server struct {
	Options
	mux *http.ServeMux

	mu        sync.Mutex
	incidents []*Incident
	changes   []Change
	requests  []Request
	faults    []*Fault
	calls     map[string][]time.Time // by whom a limit counts
	hooks     []*hook
	ids       int
}

// New makes a server with nothing in it.
func New(o Options) *Server {
	if o.Client == nil {
		o.Client = &http.Client{Timeout: hookAnswerSecs * time.Second}
	}
	s := &Server{Options: o, calls: map[string][]time.Time{}, mux: http.NewServeMux()}
	s.mux.HandleFunc("POST /v2/enqueue", s.enqueue)
	s.mux.HandleFunc("POST /v2/change/enqueue", s.enqueueChange)
	s.mux.HandleFunc("GET /incidents", s.rest(s.listIncidents))
	s.mux.HandleFunc("PUT /incidents", s.rest(s.manageIncidents))
	s.mux.HandleFunc("GET /incidents/{id}", s.rest(s.getIncident))
	s.mux.HandleFunc("GET /incidents/{id}/alerts", s.rest(s.listAlerts))
	s.mux.HandleFunc("GET /incidents/{id}/notes", s.rest(s.listNotes))
	s.mux.HandleFunc("POST /incidents/{id}/notes", s.rest(s.createNote))
	s.mux.HandleFunc("GET /users", s.rest(s.listUsers))
	s.mux.HandleFunc("GET /users/me", s.rest(s.me))
	s.mux.HandleFunc("GET /services/{id}", s.rest(s.getService))
	s.mux.HandleFunc("GET /pager", s.page)
	s.mux.HandleFunc("GET /pager/style.css", s.style)
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/pager" || r.URL.Path == "/pager/style.css" {
		s.mux.ServeHTTP(w, r) // for people: it doesn't fail and isn't counted
		return
	}
	seen := &recorder{ResponseWriter: w}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, Request{At: s.Clock.Now(), Method: r.Method, Path: r.URL.Path, From: r.Header.Get("From"), Status: seen.status})
		if n := len(s.requests); n > maxRequests {
			s.requests = slices.Delete(s.requests, 0, n-maxRequests)
		}
	}()
	if f := s.tripped(r.URL.Path); f != nil && s.fail(seen, r, *f) {
		return
	}
	s.mux.ServeHTTP(seen, r)
}

// maxRequests bounds the calls that are remembered.
const maxRequests = 10_000

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets the connection be cut.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// id makes an id such as PagerDuty's: unique in this server, and the same in
// every run. The caller holds s.mu.
func (s *Server) id(prefix string) string {
	s.ids++
	return fmt.Sprintf("%s%06d", prefix, s.ids)
}

// Raise opens an incident on a service, as another tool's event would, and
// returns its id. The alert's ID, Status, Created and Triggers are filled in.
func (s *Server) Raise(service string, a Alert) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raise(service, a).ID
}

func (s *Server) raise(service string, a Alert) *Incident {
	a.ID, a.Status, a.Created, a.Triggers = s.id("A"), statusTriggered, s.Clock.Now(), 1
	if a.Key == "" {
		a.Key = s.id("uuid-")
	}
	inc := &Incident{
		ID: s.id("Q"), Number: len(s.incidents) + 1, Service: service, Title: a.Summary, Key: a.Key, Status: statusTriggered, Created: a.Created, Alerts: []Alert{a},
	}
	s.incidents = append(s.incidents, inc)
	s.publish("incident.triggered", inc)
	return inc
}

// Group adds another alert to an incident, as PagerDuty's grouping does.
func (s *Server) Group(incident string, a Alert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc := s.find(incident); inc != nil {
		a.ID, a.Status, a.Created, a.Triggers = s.id("A"), statusTriggered, s.Clock.Now(), 1
		inc.Alerts = append(inc.Alerts, a)
	}
}

// Close resolves an incident, as a person does in the app.
func (s *Server) Close(incident, email string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc := s.find(incident); inc != nil {
		s.resolve(inc, email)
	}
}

// resolve ends an incident and its alerts. The caller holds s.mu.
func (s *Server) resolve(inc *Incident, by string) {
	inc.Status, inc.ResolvedBy = statusResolved, by
	for i := range inc.Alerts {
		inc.Alerts[i].Status = statusResolved
	}
	s.publish("incident.resolved", inc)
}

// find returns an incident or nil. The caller holds s.mu.
func (s *Server) find(id string) *Incident {
	i := slices.IndexFunc(s.incidents, func(inc *Incident) bool { return inc.ID == id })
	if i < 0 {
		return nil
	}
	return s.incidents[i]
}

// Incidents are all incidents, oldest first, as copies.
func (s *Server) Incidents() []Incident {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Incident, len(s.incidents))
	for i, inc := range s.incidents {
		out[i] = *inc
		out[i].Alerts, out[i].Notes = slices.Clone(inc.Alerts), slices.Clone(inc.Notes)
	}
	return out
}

// Changes are all change events, oldest first.
func (s *Server) Changes() []Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changes)
}

// Requests are the newest calls, oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}
