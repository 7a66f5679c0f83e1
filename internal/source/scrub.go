package source

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

const (
	redacted = "[redacted]"
	// maxQuote caps what is quoted of a server's words, in bytes.
	maxQuote = 300
)

// Addresses in a server's words can hold the credentials of others, such as
// those that a Thanos has for its stores.
var (
	userInURL  = regexp.MustCompile(`//[^/\s@]+@`)
	tokenInURL = regexp.MustCompile(`(?i)([?&;][a-z_-]*(?:token|key|password|passwd|secret|auth|signature|sig|session|code)=)[^&\s"'#]+`)
)

// credentials are read for one request and live no longer.
type credentials struct {
	token    string
	username string
	password string
}

// String keeps the credentials out of whatever prints them.
func (credentials) String() string { return redacted }

// GoString does so for %#v.
func (credentials) GoString() string { return redacted }

func (c credentials) apply(req *http.Request) {
	switch {
	case c.token != "":
		req.Header.Set("Authorization", "Bearer "+c.token)
	case c.password != "":
		req.SetBasicAuth(c.username, c.password)
	}
}

// scrub takes the credentials out of a text, in the forms they are sent or
// echoed in, and whatever looks like a credential in an address.
func (c credentials) scrub(s string) string {
	for _, secret := range []string{c.token, c.password, c.basic()} {
		if secret == "" {
			continue
		}
		s = strings.ReplaceAll(s, secret, redacted)
		s = strings.ReplaceAll(s, url.QueryEscape(secret), redacted)
		s = strings.ReplaceAll(s, url.PathEscape(secret), redacted)
		if quoted, err := json.Marshal(secret); err == nil {
			s = strings.ReplaceAll(s, strings.Trim(string(quoted), `"`), redacted)
		}
		s = strings.ReplaceAll(s, strings.Trim(fmt.Sprintf("%q", secret), `"`), redacted)
	}
	s = userInURL.ReplaceAllString(s, "//"+redacted+"@")
	return tokenInURL.ReplaceAllString(s, "${1}"+redacted)
}

func (c credentials) basic() string {
	if c.password == "" {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(c.username + ":" + c.password))
}

// quote quotes a server's words: scrubbed before they are capped, lest half a
// secret remain, on one line and without control characters.
func (c credentials) quote(s string) string {
	s = c.scrub(strings.ToValidUTF8(s, "?"))
	return fmt.Sprintf("%q", clip(strings.Join(strings.Fields(s), " ")))
}

// clip caps a text at maxQuote bytes.
func clip(s string) string {
	if len(s) <= maxQuote {
		return s
	}
	return strings.ToValidUTF8(s[:maxQuote], "") + "..."
}

// serverSaid quotes the error in a body, Prometheus's or plain text, as
// `, "words"`, and returns Prometheus's error type.
func serverSaid(media string, body []byte, auth credentials) (said, kind string) {
	var e struct {
		Type  string `json:"errorType"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(body, &e); err == nil && e.Error != "" {
		if e.Type != "" {
			return ", " + auth.quote(e.Type+": "+e.Error), e.Type
		}
		return ", " + auth.quote(e.Error), ""
	}
	if text := strings.TrimSpace(string(body)); text != "" && !isHTML(media) && !strings.HasPrefix(text, "<") {
		return ", " + auth.quote(text), ""
	}
	return "", ""
}
