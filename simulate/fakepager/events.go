package fakepager

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// The statuses of incidents and alerts.
const (
	statusTriggered    = "triggered"
	statusAcknowledged = "acknowledged"
	statusResolved     = "resolved"
)

// event is what is posted to either events endpoint.
type event struct {
	RoutingKey string  `json:"routing_key"`
	Action     string  `json:"event_action"`
	DedupKey   string  `json:"dedup_key"`
	Client     string  `json:"client"`
	ClientURL  string  `json:"client_url"`
	Images     []image `json:"images"`
	Links      []Link  `json:"links"`
	Payload    *struct {
		Summary   string         `json:"summary"`
		Source    string         `json:"source"`
		Severity  string         `json:"severity"`
		Timestamp string         `json:"timestamp"`
		Component string         `json:"component"`
		Group     string         `json:"group"`
		Class     string         `json:"class"`
		Details   map[string]any `json:"custom_details"`
	} `json:"payload"`
}

type image struct {
	Src  string `json:"src"`
	Href string `json:"href"`
	Alt  string `json:"alt"`
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a caller that hung up gets nothing
}

// refuse is the events API's way to say no.
func refuse(w http.ResponseWriter, why string) {
	writeJSON(w, http.StatusBadRequest, map[string]any{"status": "invalid event", "message": "Event object is invalid", "errors": []string{why}})
}

// read takes in an event and holds it to what both endpoints ask for. It
// returns the service that it is for.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (event, string, bool) {
	var e event
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err != nil || len(body) > maxPayload {
		refuse(w, "Payload is larger than 512 KB")
		return e, "", false
	}
	if err := json.Unmarshal(body, &e); err != nil || !strings.HasPrefix(strings.TrimSpace(string(body)), "{") {
		refuse(w, "JSON is invalid")
		return e, "", false
	}
	if len(e.RoutingKey) != routingKeyLen {
		refuse(w, "'routing_key' is missing, or not 32 characters long")
		return e, "", false
	}
	i := slices.IndexFunc(s.Services, func(sv Service) bool { return slices.Contains(sv.Keys, e.RoutingKey) })
	if i < 0 {
		refuse(w, "Invalid routing key")
		return e, "", false
	}
	if _, _, ok := s.spend("key "+e.RoutingKey, eventsPerMin); !ok {
		writeJSON(w, http.StatusTooManyRequests, map[string]any{"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly. Please retry later."})
		return e, "", false
	}
	for _, l := range e.Links {
		if l.Href == "" {
			refuse(w, "'links.href' is missing or blank")
			return e, "", false
		}
	}
	return e, s.Services[i].ID, true
}

func (s *Server) enqueue(w http.ResponseWriter, r *http.Request) {
	e, service, ok := s.read(w, r)
	if !ok {
		return
	}
	switch p := e.Payload; {
	case !slices.Contains([]string{"trigger", "acknowledge", "resolve"}, e.Action):
		refuse(w, "'event_action' must be trigger, acknowledge or resolve")
	case utf8.RuneCountInString(e.DedupKey) > maxDedup:
		refuse(w, "'dedup_key' is longer than 255 characters")
	case e.Action != "trigger" && e.DedupKey == "":
		refuse(w, "'dedup_key' is missing or blank")
	case e.Action != "trigger":
		s.follow(e)
		accepted(w, e.DedupKey)
	case p == nil || strings.TrimSpace(p.Summary) == "" || p.Source == "" || p.Severity == "":
		refuse(w, "'payload.summary', 'payload.source' or 'payload.severity' is missing or blank")
	case utf8.RuneCountInString(p.Summary) > maxSummary:
		refuse(w, "'payload.summary' is longer than 1024 characters")
	case !slices.Contains([]string{"critical", "error", "warning", "info"}, p.Severity):
		refuse(w, "'payload.severity' is invalid")
	case slices.ContainsFunc(e.Images, func(i image) bool { return !strings.HasPrefix(i.Src, "https://") }):
		refuse(w, "'images.src' must be served via HTTPS")
	default:
		accepted(w, s.trigger(e, service))
	}
}

func accepted(w http.ResponseWriter, key string) {
	writeJSON(w, http.StatusAccepted, map[string]any{"status": "success", "message": "Event processed", "dedup_key": key})
}

// trigger opens an alert, or adds to the one that is open, and returns its key.
func (s *Server) trigger(e event, service string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.DedupKey != "" {
		if _, a := s.open(e); a != nil {
			a.Triggers++
			a.Summary, a.Severity, a.Details = e.Payload.Summary, e.Payload.Severity, e.Payload.Details
			return e.DedupKey
		}
	}
	p := e.Payload
	inc := s.raise(service, Alert{
		Key: e.DedupKey, Routing: e.RoutingKey, Severity: p.Severity, Summary: p.Summary, Source: p.Source,
		Component: p.Component, Group: p.Group, Class: p.Class, Details: p.Details,
	})
	return inc.Key
}

// follow acknowledges or resolves what is open; anything else is dropped.
func (s *Server) follow(e event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inc, a := s.open(e)
	if a == nil {
		return
	}
	if e.Action == "acknowledge" {
		a.Status, inc.Status, inc.AckedBy = statusAcknowledged, statusAcknowledged, "event"
		s.publish("incident.acknowledged", inc)
		return
	}
	a.Status = statusResolved
	if !slices.ContainsFunc(inc.Alerts, func(a Alert) bool { return a.Status != statusResolved }) {
		s.resolve(inc, "event")
	}
}

// open finds the open alert that an event is about, by both its keys.
func (s *Server) open(e event) (*Incident, *Alert) {
	for _, inc := range s.incidents {
		for i := range inc.Alerts {
			if a := &inc.Alerts[i]; a.Key == e.DedupKey && a.Routing == e.RoutingKey && a.Status != statusResolved {
				return inc, a
			}
		}
	}
	return nil, nil
}

func (s *Server) enqueueChange(w http.ResponseWriter, r *http.Request) {
	e, service, ok := s.read(w, r)
	if !ok {
		return
	}
	switch p := e.Payload; {
	case strings.HasPrefix(e.RoutingKey, "R"):
		refuse(w, "Change events can't be sent to a ruleset's key")
	case p == nil || strings.TrimSpace(p.Summary) == "":
		refuse(w, "'payload.summary' is missing or blank")
	case utf8.RuneCountInString(p.Summary) > maxSummary:
		refuse(w, "'payload.summary' is longer than 1024 characters")
	case len(e.Images) > 0:
		refuse(w, "'images' is not supported: links only")
	default:
		s.mu.Lock()
		s.changes = append(s.changes, Change{Service: service, Summary: p.Summary, Source: p.Source, Details: p.Details, Links: e.Links, At: s.Clock.Now()})
		s.mu.Unlock()
		writeJSON(w, http.StatusAccepted, map[string]any{"status": "success", "message": "Change event processed"})
	}
}
