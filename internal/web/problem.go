package web

import (
	"errors"
	"net/http"
	"strings"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Problem is how the API words an error: problem details as in RFC 9457, with
// a stable code and, when a guardrail refused, the decision.
type Problem struct {
	Title  string `json:"title" doc:"the status in words"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty" doc:"what is wrong and what to do"`
	// Code is one of the ledger's or the engine's Refused* words, or one of the
	// Code* words of this package.
	Code string `json:"code,omitempty" doc:"a stable word"`
	// Decision holds every guardrail's answer when one refused.
	Decision *remedy.Decision `json:"decision,omitempty"`
	Errors   []ProblemPart    `json:"errors,omitempty" doc:"what is wrong with the request, part by part"`
}

// ProblemPart is one thing that is wrong with a request.
type ProblemPart struct {
	Where string `json:"where,omitempty"`
	// Key is the config key that is meant, for a config file.
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
}

// The codes of errors that neither the ledger nor the engine worded.
const (
	CodeInvalid    = "invalid"     // the request is malformed
	CodeReadOnly   = "read_only"   // this listener only reads
	CodeNobody     = "nobody"      // nobody can say who asks
	CodeNoLeader   = "no_leader"   // no leader could be asked: certainly nothing was done
	CodeUnsure     = "unsure"      // it may have been committed or not: look
	CodeCrossSite  = "cross_site"  // another site's page sent it, or the Host is foreign
	CodeNoEndpoint = "no_endpoint" // no such path or method
	CodeNotFound   = "not_found"   // no such pool
	CodeConfig     = "config"      // the config file has errors: nothing of it is in force
	CodeInternal   = "internal"    // a bug
)

// Error implements error.
func (p *Problem) Error() string { return p.text() }

// GetStatus is the HTTP status, for huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType makes the answer's type that of a problem, for huma.
func (*Problem) ContentType(string) string { return "application/problem+json" }

// text is the detail with the parts behind it.
func (p *Problem) text() string {
	words := []string{p.Detail}
	if p.Detail == "" {
		words[0] = p.Title
	}
	if p.Code == CodeInvalid {
		return words[0] // it says the parts already
	}
	for _, e := range p.Errors {
		if e.Where != "" {
			words = append(words, e.Where+": "+e.Message)
		} else {
			words = append(words, e.Message)
		}
	}
	return strings.Join(words, "; ")
}

func problem(status int, code, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// refused turns an error of the engine into a problem.
func refused(err error) error {
	if r, ok := errors.AsType[*engine.Refusal](err); ok {
		p := problem(statusOf(r.Code), r.Code, r.Reason)
		p.Decision = r.Decision
		return p
	}
	switch {
	case errors.Is(err, engine.ErrNotCommitted):
		return problem(http.StatusServiceUnavailable, CodeNoLeader, err.Error()+": nothing was done; ask again in a moment")
	case errors.Is(err, engine.ErrBusy):
		return problem(http.StatusServiceUnavailable, engine.RefusedTransient, err.Error()+"; ask again in a moment")
	}
	return problem(http.StatusServiceUnavailable, CodeUnsure, err.Error()+": it may have been recorded all the same; look before you ask again")
}

// statusOf is the HTTP status of a refusal's code. A code that is not listed
// is a conflict with what is.
func statusOf(code string) int {
	switch code {
	case ledger.RefusedPerson, engine.RefusedNotYours:
		return http.StatusForbidden
	case ledger.RefusedNoCase, engine.RefusedNotFound:
		return http.StatusNotFound
	case ledger.RefusedExpired:
		return http.StatusGone
	case ledger.RefusedBad, engine.RefusedAmbiguous:
		return http.StatusUnprocessableEntity
	case engine.RefusedAsk:
		return http.StatusPreconditionRequired
	case engine.RefusedTransient, engine.RefusedBackend:
		return http.StatusServiceUnavailable
	}
	return http.StatusConflict
}
