package slack

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	api "github.com/slack-go/slack"
)

const planted = "xoxb-PLANTED/one+two=="

// A token goes to Slack's address alone: no redirect takes it elsewhere, in a form
// or in a header.
func TestWireFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for _, code := range []int{301, 302, 303, 307, 308} {
		moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/?session="+url.QueryEscape(planted), code)
		}))
		client := api.New(planted, api.OptionHTTPClient(newWire(&http.Client{}, nil)), api.OptionAPIURL(moved.URL+"/"))
		_, inForm := client.AuthTestContext(t.Context())
		_, inHeader := client.GetPermalinkContext(t.Context(), &api.PermalinkParameters{Channel: "C1", Ts: "1.2"})
		for _, err := range []error{inForm, inHeader} {
			if err == nil || !strings.Contains(err.Error(), "redirects") || strings.Contains(err.Error(), "PLANTED") || strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("%d: %v", code, err)
			}
		}
		moved.Close()
	}
}

// Whatever is answered comes without the token, and what is wrong with it is said
// in words of warden's own.
func TestWireAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status      int
		body, retry string
		want        string
		team        string
	}{
		"well":              {status: 200, body: `{"ok":true,"team":"acme"}`, team: "acme"},
		"the token":         {status: 200, body: `{"ok":true,"team":"TOKEN QUERY BASE"}`, team: "[redacted] [redacted] [redacted]"},
		"a code":            {status: 200, body: `{"ok":false,"error":"invalid_auth"}`, want: "invalid_auth"},
		"no code":           {status: 200, body: `{"ok":false,"error":"TOKEN\u001b[31m <!channel>"}`, want: errNoCode},
		"a page":            {status: 200, body: "<p>TOKEN</p>", want: "what answered is not Slack"},
		"in trouble":        {status: 503, body: "TOKEN", want: "slack server error: 503 Service Unavailable"},
		"limited":           {status: 429, body: `{"ok":false}`, retry: "7", want: "retry after 7s"},
		"limited in words":  {status: 429, body: `{"ok":false}`, retry: planted, want: "retry after 30s"},
		"limited backwards": {status: 429, body: `{"ok":false}`, retry: "-7", want: "retry after 30s"},
		"too long":          {status: 200, body: `{"ok":true,"team":"` + strings.Repeat("x", maxAnswer) + `"}`, want: "broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.retry != "" {
					w.Header().Set("Retry-After", test.retry)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, strings.NewReplacer("TOKEN", planted, "QUERY", url.QueryEscape(planted), "BASE", base64.StdEncoding.EncodeToString([]byte(planted))).Replace(test.body))
			}))
			t.Cleanup(s.Close)
			client := api.New(planted, api.OptionHTTPClient(newWire(&http.Client{}, nil)), api.OptionAPIURL(s.URL+"/"))
			who, err := client.AuthTestContext(t.Context())
			switch {
			case test.want == "" && err != nil, test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "PLANTED")):
				t.Errorf("%v, want %q", err, test.want)
			case err == nil && who.Team != test.team:
				t.Errorf("%q, want %q", who.Team, test.team)
			}
		})
	}
}

// Why there is no answer is said without an address, and what slack-go and the
// courier ask of an error can still be asked.
func TestWireWithoutAnswer(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	private := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(private.Close)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	for address, want := range map[string]string{
		gone.URL: "is refused", private.URL: "not trusted", strings.Replace(plain.URL, "http:", "https:", 1): "speak TLS", "http://PLANTED.invalid": "resolved", silent.URL: "in time",
	} {
		client := api.New(planted, api.OptionHTTPClient(newWire(&http.Client{Timeout: time.Second}, nil)), api.OptionAPIURL(address+"/PLANTED/"))
		_, err := client.AuthTestContext(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "PLANTED") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
		if dial, ok := errors.AsType[*net.OpError](err); want == "is refused" && (!ok || dial.Op != "dial" || ambiguous(err)) {
			t.Errorf("%v: it is not seen that nothing was sent", err)
		}
	}
}

// The address of a socket lets in whoever has it, and a proxy's may hold a
// password: neither is in an error.
func TestSocketErrorsHoldNoAddress(t *testing.T) {
	t.Parallel()
	_, bad := url.Parse(fmt.Sprintf("wss://wss.example.net:%s/link/?ticket=PLANTED", "x"))
	for _, err := range []error{bad, errors.New("invalid proxy address \"http://fran:PLANTED@proxy\""), &unanswered{text: "told", cause: errors.New("PLANTED")}} {
		if got := worded(t.Context(), err); got == nil || strings.Contains(got.Error(), "PLANTED") || !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
	if worded(t.Context(), nil) != nil {
		t.Error("nothing is an error")
	}
}
