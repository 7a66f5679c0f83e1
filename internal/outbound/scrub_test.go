package outbound

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
	"testing"
)

const planted = `PLANTED"one/two+three<four>=`

func TestScrub(t *testing.T) {
	t.Parallel()
	forms := strings.Join(formsOf([]string{planted}), " ")
	resp := &http.Response{StatusCode: 401, Status: "401 " + planted, Header: http.Header{"X-Echo": {"a " + forms, "b"}}, Body: io.NopCloser(strings.NewReader("it was " + forms + ", you know"))}
	if err := Scrub(resp, 1000, planted, "", "it"); err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	said := resp.Status + fmt.Sprint(resp.Header) + string(body)
	if err != nil || strings.Contains(said, "PLANTED") || strings.Contains(said, html.EscapeString(planted)) || resp.Status != "401 Unauthorized" || resp.ContentLength != int64(len(body)) {
		t.Errorf("%v, %d: %s", err, resp.ContentLength, said)
	}
	if !strings.HasPrefix(string(body), "it was "+Redacted) || !strings.HasSuffix(string(body), ", you know") || resp.Header.Values("X-Echo")[1] != "b" {
		t.Errorf("more than the credential is gone: %s", said)
	}
	long := &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(make([]byte, 11)))}
	if err := Scrub(long, 10); err == nil {
		t.Error("half an answer is taken for one")
	}
	exact := &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(make([]byte, 10)))}
	if err := Scrub(exact, 10); err != nil {
		t.Error(err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{"Bearer " + planted: planted, "Token token=" + planted: planted, planted: planted} {
		if got := Credentials(http.Header{"Authorization": {header}}); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", header, got)
		}
	}
	if got := Credentials(http.Header{}); got != nil {
		t.Error(got)
	}
}

// A server that gives back the credential as the host of its redirect is not
// repeated.
func TestElsewhereHoldsNoCredential(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"https://login.example.net/?x=PLANTED": "login.example.net", "https://glsa-planted-1.example.net/": "another host", "https://glsa_PLANTED_2.example.net/": "glsa_PLANTED_2.example.net",
		"/login": "another path of its own", "://": "an address that can't be read",
	} {
		if got := elsewhere(location, []string{"glsa-PLANTED-1"}); got != want {
			t.Errorf("%s: %q, want %q", location, got, want)
		}
	}
}
