package chat

import (
	"net/url"
	"strings"
	"time"
)

// Incident is the incident in PagerDuty that is about a case's host.
type Incident struct {
	// ID is what PagerDuty calls it, and Link leads there; both may be anything.
	ID, Link string
	// At is when it was found.
	At time.Time
}

// CardLink is an address on a card.
type CardLink struct {
	// Text is what is shown, also where there is no address.
	Text string
	// URL is the address, as SafeLink lets it through; empty for none.
	URL string
}

// maxLink is how long an address may be: more than any incident's.
const maxLink = 500

// SafeLink is an address that people may be led to: https, with a host and
// without a user, and in the characters of RFC 3986 alone, so that none of it is
// markup. It is empty for any other.
func SafeLink(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" || len(s) > maxLink {
		return ""
	}
	const others = "-._~:/?#@!$&'()*+,;=%[]"
	if strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r)
	}) {
		return ""
	}
	return s
}

// incident is what a card says of the case's incident; zero for none.
func (w *cardWriter) incident() CardLink {
	if w.m.Incident == nil || Clean(w.m.Incident.ID) == "" {
		return CardLink{}
	}
	return CardLink{Text: "PagerDuty " + clip(Clean(w.m.Incident.ID), maxIncident), URL: SafeLink(w.m.Incident.Link)}
}

// maxIncident is what an incident's id is cut to: PagerDuty's have 14 characters.
const maxIncident = 40
