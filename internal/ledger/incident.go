package ledger

import (
	"strconv"
	"strings"
	"time"

	"warden/internal/remedy"
)

// Incident is what the surface pagerduty found out about the incident of a
// case's host.
type Incident struct {
	// ID is what PagerDuty calls it, and Link leads there; empty where Several may
	// be about the host, for then it is none of them.
	ID, Link string
	Several  int
	// At is when that was committed.
	At time.Time
}

// ambiguous begins the ID of a post of a case whose host several incidents may be
// about.
const ambiguous = "ambiguous: "

// IncidentKey is the key of the post that says which incident a case is about.
func IncidentKey(id remedy.CaseID) string { return "incident/" + id.String() }

// SeveralIncidents is the ID of such a post where n of them may be about the host.
func SeveralIncidents(n int) string { return ambiguous + strconv.Itoa(n) }

// AsIncident reads a post under IncidentKey; false for one that says nothing.
func AsIncident(p Post) (Incident, bool) {
	if n, several := strings.CutPrefix(p.ID, ambiguous); several {
		count, err := strconv.Atoi(n)
		return Incident{Several: count, At: p.At}, err == nil && count > 0
	}
	return Incident{ID: p.ID, Link: p.Link, At: p.At}, p.ID != ""
}

// Incident is what is known of the incident of a case; false for nothing.
func (l *Ledger) Incident(id remedy.CaseID) (Incident, bool) {
	p, ok := l.Post(SurfacePagerDuty, IncidentKey(id))
	if !ok {
		return Incident{}, false
	}
	return AsIncident(p)
}
