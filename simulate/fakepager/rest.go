package fakepager

import (
	"encoding/json"
	"io"
	"net/http"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
)

// writeError is the REST API's way to say no.
func writeError(w http.ResponseWriter, status, code int, message string, details ...string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{"message": message, "code": code, "errors": details}})
}

// accept is the header that names the version.
const accept = "application/vnd.pagerduty+json;version=2"

// rest holds every call of the REST API to who may make it, and how often.
func (s *Server) rest(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Token token=")
		reads := s.ReadToken != "" && token == s.ReadToken
		if !ok || token == "" || token != s.Token && !reads {
			writeError(w, http.StatusUnauthorized, 2006, "Authentication failed")
			return
		}
		left, reset, ok := s.spend("token "+token, restPerMin)
		rateHeaders(w.Header(), restPerMin, left, reset)
		switch {
		case !ok:
			writeError(w, http.StatusTooManyRequests, 2020, "Rate Limit Exceeded")
		case strings.ReplaceAll(r.Header.Get("Accept"), " ", "") != accept:
			writeError(w, http.StatusNotAcceptable, 2002, "Arguments Caused Error", "Accept must be "+accept)
		case reads && r.Method != http.MethodGet:
			writeError(w, http.StatusForbidden, 2010, "Access Denied")
		default:
			next(w, r)
		}
	}
}

// from is who writes, by the From header.
func (s *Server) from(w http.ResponseWriter, r *http.Request) (User, bool) {
	from := r.Header.Get("From")
	if from == "" {
		writeError(w, http.StatusBadRequest, 2016, "You must specify a user's email address in the \"From\" header to perform this action")
		return User{}, false
	}
	if a, err := mail.ParseAddress(from); err != nil || a.Address != from {
		writeError(w, http.StatusBadRequest, 1028, "Malformed \"From\" header")
		return User{}, false
	}
	i := slices.IndexFunc(s.Users, func(u User) bool { return strings.EqualFold(u.Email, from) })
	if i < 0 {
		writeError(w, http.StatusBadRequest, 1008, "Requester User Not Found")
		return User{}, false
	}
	return s.Users[i], true
}

// pages cuts one page out of a list.
func pages[T any](w http.ResponseWriter, r *http.Request, name string, all []T) {
	number := func(key string, def int) (int, bool) {
		text := r.URL.Query().Get(key)
		if text == "" {
			return def, true
		}
		n, err := strconv.Atoi(text)
		return n, err == nil && n >= 0
	}
	limit, okLimit := number("limit", defaultPage)
	offset, okOffset := number("offset", 0)
	if !okLimit || !okOffset || limit == 0 || limit > maxPage || offset+limit > maxRecords {
		writeError(w, http.StatusBadRequest, 2001, "Invalid Input Provided", "limit is at most 100, and offset and limit together 10000")
		return
	}
	part := all[min(offset, len(all)):min(offset+limit, len(all))]
	answer := map[string]any{name: part, "limit": limit, "offset": offset, "more": offset+limit < len(all), "total": nil}
	if r.URL.Query().Get("total") == "true" {
		answer["total"] = len(all)
	}
	writeJSON(w, http.StatusOK, answer)
}

func (s *Server) listIncidents(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	statuses, services := q["statuses[]"], q["service_ids[]"]
	for _, st := range statuses {
		if !slices.Contains([]string{statusTriggered, statusAcknowledged, statusResolved}, st) {
			writeError(w, http.StatusBadRequest, 1003, "Invalid Status Provided")
			return
		}
	}
	var span [2]time.Time
	for i, key := range []string{"since", "until"} {
		if text := q.Get(key); text != "" {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				writeError(w, http.StatusBadRequest, 2004, "Invalid time values in 'since' and/or 'until' parameters")
				return
			}
			span[i] = at
		}
	}
	s.mu.Lock()
	out := []any{}
	for _, inc := range s.incidents {
		switch {
		case len(statuses) > 0 && !slices.Contains(statuses, inc.Status),
			len(services) > 0 && !slices.Contains(services, inc.Service),
			q.Get("incident_key") != "" && q.Get("incident_key") != inc.Key,
			inc.Created.Before(span[0]), !span[1].IsZero() && inc.Created.After(span[1]):
			continue
		}
		out = append(out, s.incident(r, inc))
	}
	s.mu.Unlock()
	pages(w, r, "incidents", out)
}

// incident is how one looks outside. The caller holds s.mu.
func (s *Server) incident(r *http.Request, inc *Incident) map[string]any {
	counts := map[string]int{"all": len(inc.Alerts)}
	for _, a := range inc.Alerts {
		counts[map[bool]string{true: "resolved", false: "triggered"}[a.Status == statusResolved]]++
	}
	return map[string]any{
		"id": inc.ID, "type": "incident", "incident_number": inc.Number, "title": inc.Title, "summary": inc.Title, "status": inc.Status, "incident_key": inc.Key,
		"created_at": inc.Created.UTC().Format(time.RFC3339), "html_url": "http://" + r.Host + "/pager#" + inc.ID, "alert_counts": counts,
		"service": map[string]any{"id": inc.Service, "type": "service_reference", "summary": inc.Service},
	}
}

// lookup finds the incident that a path names, and holds s.mu if it does.
func (s *Server) lookup(w http.ResponseWriter, r *http.Request) *Incident {
	s.mu.Lock()
	inc := s.find(r.PathValue("id"))
	if inc == nil {
		s.mu.Unlock()
		writeError(w, http.StatusNotFound, 2100, "Not Found")
	}
	return inc
}

func (s *Server) getIncident(w http.ResponseWriter, r *http.Request) {
	if inc := s.lookup(w, r); inc != nil {
		defer s.mu.Unlock()
		writeJSON(w, http.StatusOK, map[string]any{"incident": s.incident(r, inc)})
	}
}

func (s *Server) listAlerts(w http.ResponseWriter, r *http.Request) {
	inc := s.lookup(w, r)
	if inc == nil {
		return
	}
	out := make([]any, 0, len(inc.Alerts))
	for _, a := range inc.Alerts {
		out = append(out, map[string]any{
			"id": a.ID, "type": "alert", "summary": a.Summary, "status": a.Status, "severity": a.Severity, "alert_key": a.Key,
			"created_at": a.Created.UTC().Format(time.RFC3339), "incident": map[string]any{"id": inc.ID, "type": "incident_reference"},
			"service": map[string]any{"id": inc.Service, "type": "service_reference"},
			"body": map[string]any{
				"type": "alert_body", "details": a.Details,
				"cef_details": map[string]any{
					"source_origin": a.Source, "source_component": a.Component, "service_group": a.Group, "event_class": a.Class,
					"severity": a.Severity, "dedup_key": a.Key, "details": a.Details,
				},
			},
		})
	}
	s.mu.Unlock()
	pages(w, r, "alerts", out)
}

func (s *Server) note(n Note) map[string]any {
	u := User{}
	if i := slices.IndexFunc(s.Users, func(u User) bool { return u.Email == n.Email }); i >= 0 {
		u = s.Users[i]
	}
	return map[string]any{
		"id": n.ID, "content": n.Content, "created_at": n.Created.UTC().Format(time.RFC3339),
		"user": map[string]any{"id": u.ID, "type": "user_reference", "summary": u.Name},
	}
}

func (s *Server) listNotes(w http.ResponseWriter, r *http.Request) {
	inc := s.lookup(w, r)
	if inc == nil {
		return
	}
	defer s.mu.Unlock()
	out := make([]any, 0, len(inc.Notes))
	for _, n := range inc.Notes {
		out = append(out, s.note(n))
	}
	writeJSON(w, http.StatusOK, map[string]any{"notes": out})
}

// maxBody bounds what a call of the REST API may send.
const maxBody = 1 << 20

func (s *Server) createNote(w http.ResponseWriter, r *http.Request) {
	u, ok := s.from(w, r)
	if !ok {
		return
	}
	var in struct {
		Note struct {
			Content string `json:"content"`
		} `json:"note"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&in); err != nil || strings.TrimSpace(in.Note.Content) == "" {
		writeError(w, http.StatusBadRequest, 2001, "Invalid Input Provided", "Content cannot be empty.")
		return
	}
	inc := s.lookup(w, r)
	if inc == nil {
		return
	}
	defer s.mu.Unlock()
	n := Note{ID: s.id("N"), Email: u.Email, Content: in.Note.Content, Created: s.Clock.Now()}
	inc.Notes = append(inc.Notes, n)
	s.publish("incident.annotated", inc)
	writeJSON(w, http.StatusOK, map[string]any{"note": s.note(n)})
}

func (s *Server) manageIncidents(w http.ResponseWriter, r *http.Request) {
	u, ok := s.from(w, r)
	if !ok {
		return
	}
	var in struct {
		Incidents []struct {
			ID     string `json:"id"`
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"incidents"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxBody)).Decode(&in); err != nil || len(in.Incidents) == 0 {
		writeError(w, http.StatusBadRequest, 2001, "Invalid Input Provided")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []any{}
	for _, want := range in.Incidents {
		inc := s.find(want.ID)
		switch {
		case want.Type != "incident" && want.Type != "incident_reference":
			writeError(w, http.StatusBadRequest, 2001, "Invalid Input Provided", "type must be incident")
			return
		case inc == nil:
			writeError(w, http.StatusNotFound, 2100, "Not Found")
			return
		case inc.Status == statusResolved:
			writeError(w, http.StatusBadRequest, 1001, "Incident Already Resolved")
			return
		case want.Status == statusResolved:
			s.resolve(inc, u.Email)
		case want.Status == statusAcknowledged:
			inc.Status, inc.AckedBy = statusAcknowledged, u.Email
			s.publish("incident.acknowledged", inc)
		case want.Status != "":
			writeError(w, http.StatusBadRequest, 1003, "Invalid Status Provided")
			return
		}
		out = append(out, s.incident(r, inc))
	}
	writeJSON(w, http.StatusOK, map[string]any{"incidents": out})
}

func (s *Server) listUsers(w http.ResponseWriter, r *http.Request) {
	out := []any{}
	for _, u := range s.Users {
		if q := r.URL.Query().Get("query"); strings.Contains(u.Email, q) || strings.Contains(u.Name, q) {
			out = append(out, map[string]any{"id": u.ID, "type": "user", "name": u.Name, "summary": u.Name, "email": u.Email})
		}
	}
	pages(w, r, "users", out)
}

// me is the user of a user's key; an account's key has none.
func (s *Server) me(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusBadRequest, 2001, "Invalid Input Provided", "this is an account's key: it is no user's")
}

func (s *Server) getService(w http.ResponseWriter, r *http.Request) {
	for _, sv := range s.Services {
		if sv.ID == r.PathValue("id") {
			writeJSON(w, http.StatusOK, map[string]any{"service": map[string]any{"id": sv.ID, "type": "service", "name": sv.Name, "summary": sv.Name, "status": "active"}})
			return
		}
	}
	writeError(w, http.StatusNotFound, 2100, "Not Found")
}
