package outbound

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Redacted stands where a credential was.
const Redacted = "[redacted]"

// Scrub takes credentials out of an answer, wherever and however they stand in
// it: as they are, escaped for JSON, a URL or HTML, or in base64. A server, or a
// proxy on the way, may give back what it was sent, and what an answer says is
// logged and shown. At most so many bytes of the body are kept; more is an error,
// since half an answer says something else than the whole. An answer's status is
// worded anew: its phrase is the server's as well.
func Scrub(resp *http.Response, most int64, credentials ...string) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	_ = resp.Body.Close() // what it said was read
	if err != nil {
		return err
	}
	if int64(len(body)) > most {
		return fmt.Errorf("the answer is longer than %d bytes: look for a proxy or a login page on the way", most)
	}
	for _, from := range formsOf(credentials) {
		body = bytes.ReplaceAll(body, []byte(from), []byte(Redacted))
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	for name, values := range resp.Header {
		clean := make([]string, len(values))
		for i, v := range values {
			clean[i] = scrubbed(v, credentials)
		}
		resp.Header[name] = clean
	}
	resp.Status = strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)))
	return nil
}

// scrubbed is a text without credentials.
func scrubbed(text string, credentials []string) string {
	for _, from := range formsOf(credentials) {
		text = strings.ReplaceAll(text, from, Redacted)
	}
	return text
}

// holds reports whether a text holds a credential, in whatever case: hosts have
// none.
func holds(text string, credentials []string) bool {
	text = strings.ToLower(text)
	for _, form := range formsOf(credentials) {
		if strings.Contains(text, strings.ToLower(form)) {
			return true
		}
	}
	return false
}

// shortest is how long a credential is at least: a shorter one would be found
// everywhere.
const shortest = 6

// formsOf are the ways in which credentials can stand in an answer, the longest
// of each first.
func formsOf(credentials []string) []string {
	var out []string
	for _, c := range credentials {
		if len(c) < shortest {
			continue
		}
		quoted, err := json.Marshal(c)
		if err != nil {
			quoted = nil // a string always has JSON
		}
		for _, form := range []string{
			url.QueryEscape(c), url.PathEscape(c), strings.Trim(string(quoted), `"`), html.EscapeString(c), base64.StdEncoding.EncodeToString([]byte(c)),
			base64.RawURLEncoding.EncodeToString([]byte(c)), c,
		} {
			if form != "" {
				out = append(out, form)
			}
		}
	}
	return out
}

// Credentials are what a request shows who it is from: what follows the scheme of
// its Authorization header. Nil without one.
func Credentials(h http.Header) []string {
	var out []string
	for _, v := range h.Values("Authorization") {
		scheme, rest, ok := strings.Cut(v, " ")
		if !ok {
			rest = scheme
		}
		rest = strings.TrimSpace(rest)
		out = append(out, strings.TrimPrefix(rest, "token="))
	}
	return out
}
