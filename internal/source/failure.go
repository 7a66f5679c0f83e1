package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// The values of the metrics' label code besides HTTP status codes.
const (
	codeBadQuery    = "bad_query"   // not sent: the question makes no sense
	codeCredentials = "credentials" // not sent: the token or password could not be read
	codeTimeout     = "timeout"     // no complete answer in time
	codeCancelled   = "cancelled"   // the caller no longer wanted it
	codeUnreachable = "unreachable" // no connection, or it broke
	codeTooLarge    = "too_large"   // over the cap on bytes or series
	codeBadAnswer   = "bad_answer"  // status 200, but not an answer one may use
)

// failure is why there is no answer, in words for people.
type failure struct {
	code  string
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.cause }

func fail(code, format string, args ...any) *failure {
	return &failure{code: code, text: fmt.Sprintf(format, args...)}
}

// explain says in words why no answer came. What net/http says is cut out of
// its wrapping, which holds the address with the whole query.
func (p *endpoint) explain(ctx context.Context, err error) error {
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		err = urlErr.Err
	}
	var code, text string
	_, isDNS := errors.AsType[*net.DNSError](err)
	_, isCert := errors.AsType[*tls.CertificateVerificationError](err)
	_, isTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case errors.Is(err, errTooLarge):
		code, text = codeTooLarge, fmt.Sprintf("the answer is larger than %d bytes: %s", p.opts.MaxBytes, p.words.tooLarge)
	case errors.Is(ctx.Err(), context.Canceled):
		code, text = codeCancelled, "the query was called off by warden: nothing to do"
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		code, text = codeTimeout, fmt.Sprintf("no complete answer within %v: check the server's load, make the query cheaper, or raise the source's timeout", p.opts.Timeout)
	case isDNS:
		code, text = codeUnreachable, "its name can't be resolved: check url and DNS"
	case isCert:
		code, text = codeUnreachable, fmt.Sprintf("its certificate is not trusted (%s): check the source's CA and the host in url", inWords(err))
	case isTLS, errors.Is(err, http.ErrSchemeMismatch):
		code, text = codeUnreachable, "it does not speak TLS: write http:// in url, or put TLS in front of it"
	case errors.Is(err, syscall.ECONNREFUSED):
		code, text = codeUnreachable, "connection refused: check that it runs, and the port in url"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		code, text = codeUnreachable, "the answer was cut off: check the server's log, and any proxy before it"
	default:
		code, text = codeUnreachable, fmt.Sprintf("the request failed (%s): check url and the network", inWords(err))
	}
	return &failure{code: code, text: text, cause: err}
}

// checkRedirect refuses to go where the configuration doesn't say.
func checkRedirect(r reply) error {
	if r.code/100 != 3 {
		return nil
	}
	return fail(codeLabel(r.code), "it redirects (%d) to %s, and redirects are not followed: put the final address into url; if that is a login page, check token_file",
		r.code, redirectTarget(r.header))
}

// checkReply says what is wrong with a reply that holds no answer, and what to
// do. Its body may be cut.
func checkReply(r reply, auth credentials) error {
	code, body := r.code, r.body
	if err := checkRedirect(r); err != nil {
		return err
	}
	media := mediaType(r.header)
	if code == http.StatusOK {
		first := strings.TrimLeft(string(body[:min(len(body), 64)]), " \t\r\n")
		if len(body) == 0 {
			return fail(codeBadAnswer, "the answer is empty: check url, and any proxy in between")
		}
		if !isHTML(media) && !strings.HasPrefix(first, "<") {
			return fail(codeBadAnswer, "got %s that is not an answer of the Prometheus API (it begins %s): check url", media, auth.quote(first))
		}
		return fail(codeBadAnswer, "got %s: is this the login page of a proxy? check url and token_file", media)
	}
	said, kind := serverSaid(media, body, auth)
	return fail(codeLabel(code), "%s%s: %s", statusText(code), said, advice(code, kind, string(body), r.header.Get("Retry-After"), auth))
}

func advice(code int, kind, body, retryAfter string, auth credentials) string {
	switch {
	case strings.Contains(body, "exceeded maximum resolution"):
		return "Prometheus gives at most 11,000 points a series: raise the detector's interval, or shorten its window, for or seen_within"
	case kind == "timeout":
		return "the server took too long: make the query cheaper, for example with a recording rule, or give the server more"
	case strings.Contains(body, "too many samples"):
		return "the query is too heavy for the server: narrow it, or aggregate it with a recording rule"
	}
	switch code {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return "try the query in the server's own page and correct it in the config"
	case http.StatusUnauthorized:
		return "check token_file, or username and password_file"
	case http.StatusForbidden:
		return "the credentials may not query: give them read access, or use others"
	case http.StatusNotFound:
		return "there is no Prometheus API at this address: check url, which may need a prefix such as /prometheus"
	case http.StatusTooManyRequests:
		return "the server asks to slow down" + after(retryAfter, auth) + ": raise the detectors' interval or the server's limit"
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return "the server, or what a proxy forwards to, is down or overloaded" + after(retryAfter, auth) + ": check it"
	default:
		if code >= 500 {
			return "check the server's log"
		}
		return "check url, and any proxy in between"
	}
}

func after(retryAfter string, auth credentials) string {
	if retryAfter == "" {
		return ""
	}
	return " (Retry-After: " + auth.quote(retryAfter) + ")"
}

func statusText(code int) string {
	if text := http.StatusText(code); text != "" {
		return fmt.Sprintf("status %d %s", code, text)
	}
	return fmt.Sprintf("status %d", code)
}

// codeLabel keeps the label to the status codes that exist: a server must not
// be able to make series at will.
func codeLabel(code int) string {
	if http.StatusText(code) == "" {
		return "other"
	}
	return fmt.Sprint(code)
}

func mediaType(h http.Header) string {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return "an answer without a usable content type"
	}
	return media
}

func isHTML(media string) bool { return media == "text/html" || media == "application/xhtml+xml" }

// redirectTarget names only the host, for the rest may hold a session.
func redirectTarget(h http.Header) string {
	u, err := url.Parse(h.Get(refusedLocation))
	switch {
	case err != nil || (u.Host == "" && u.Path == ""):
		return "an address that can't be read"
	case u.Host == "":
		return "another path of the same host"
	default:
		return inWords(errors.New(u.Host))
	}
}

// inWords is an error's text on one line, at a length fit for a message.
func inWords(err error) string {
	return clip(strings.Join(strings.Fields(strings.ToValidUTF8(err.Error(), "?")), " "))
}
