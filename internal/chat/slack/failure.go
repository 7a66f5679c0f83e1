package slack

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"

	api "github.com/slack-go/slack"

	"warden/internal/chat"
)

// failure is an error with its class, as deliveries are counted.
type failure struct {
	error
	class chat.Reason
}

// Reason is the class of the error: see chat.ReasonOf.
func (f *failure) Reason() string { return string(f.class) }

func (f *failure) Unwrap() error { return f.error }

// classed adds to an error what class it is of; nil for none.
func classed(err error) error {
	if err == nil {
		return nil
	}
	return &failure{err, classOf(err)}
}

// classOf is why Slack could not be told. Slack's own words are on the page of
// each method, such as https://docs.slack.dev/reference/methods/chat.postMessage.
func classOf(err error) chat.Reason {
	if _, limited := errors.AsType[*api.RateLimitedError](err); limited {
		return chat.ReasonRateLimited
	}
	switch code := slackCode(err); {
	case code == "":
	case ofLimit(code):
		return chat.ReasonRateLimited
	case ofAccount(code), slices.Contains([]string{"no_permission", "ekm_access_denied", "access_denied", "team_access_not_granted"}, code):
		return chat.ReasonCredential
	case ofTrouble(code):
		return chat.ReasonTrouble
	default:
		return chat.ReasonRefused
	}
	if status, ok := errors.AsType[api.StatusCodeError](err); ok {
		switch {
		case status.Code >= http.StatusInternalServerError:
			return chat.ReasonTrouble
		case status.Code == http.StatusUnauthorized, status.Code == http.StatusForbidden:
			return chat.ReasonCredential
		}
		return chat.ReasonRefused
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return chat.ReasonTimeout
	}
	_, wire := errors.AsType[*net.OpError](err)
	_, dns := errors.AsType[*net.DNSError](err)
	_, cert := errors.AsType[*tls.CertificateVerificationError](err)
	if wire || dns || cert {
		return chat.ReasonUnreachable
	}
	return chat.ReasonError
}
