package inventory

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// list writes a program that lists hosts. Nothing may fork while the file is
// open for writing, or the kernel refuses to run it as busy.
func list(t *testing.T, body string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "list")
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return file
}

func newExec(t *testing.T, body string, change ...func(*ExecOptions)) Inventory {
	t.Helper()
	o := ExecOptions{Argv: []string{list(t, body), "--pool={{ .Pool }}"}, Pool: "web", MaxBytes: 1 << 20, MaxHosts: 100}
	for _, f := range change {
		f(&o)
	}
	inv, err := NewExec(o)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestExecForms(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]Host{
		`echo b; echo; echo '# a remark'; echo a`:                 {{Name: "a"}, {Name: "b"}},
		`printf 'b\r\na\r\n'`:                                     {{Name: "a"}, {Name: "b"}},
		`echo '["b", "a"]'`:                                       {{Name: "a"}, {Name: "b"}},
		`echo '# yaml'; echo '- b'; echo '- a'`:                   {{Name: "a"}, {Name: "b"}},
		`echo '[{"targets": ["a:1"], "labels": {"rack": "r1"}}]'`: {{Name: "a:1", Labels: map[string]string{"rack": "r1"}}},
		`echo "$1-$WARDEN_POOL" | cut -c3-`:                       {{Name: "pool-web-web"}},
		`echo noise >&2; echo a`:                                  {{Name: "a"}},
		`echo "$SEEN$HOME$HIDDEN"`:                                {{Name: "yes"}},
	} {
		inv := newExec(t, body, func(o *ExecOptions) {
			o.Argv[1] = "--pool-{{ .Pool }}"
			o.Env, o.Lookup = []string{"SEEN"}, func(n string) (string, bool) { return "yes", n == "SEEN" || n == "HIDDEN" }
		})
		got, err := inv.Hosts(t.Context())
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", body, err, d)
		}
	}
}

// TestExecFails holds that nothing but exit 0 with hosts is a list.
func TestExecFails(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"exit 0":              "no hosts",
		"echo; echo '# none'": "", // whatever it says, it is no list
		"echo '[]'":           "no hosts",
		"echo a; exit 1":      "exit 1",
		"echo a; echo 'can not log in' >&2; exit 2": "exit 2: can not log in",
		"echo a; kill -9 $$":                        "signal",
		"echo token=hunter2 >&2; exit 1":            "[redacted]",
		"echo planted >&2; exit 1":                  "[redacted]",
		"seq 1000 | sed s/^/h/":                     "listed 1000 hosts, and 100 is the most",
		"echo 'two words'":                          "not one name",
		"echo -rf":                                  "", // YAML, if anything
		"echo a; echo -rf":                          "not a host name",
		"echo 'a;id'":                               "not a host name",
		"echo '$(id)'":                              "not a host name",
		"echo a; echo A":                            "same host",
		`printf 'a\000b\n'`:                         "not a host name",
		`printf 'a\377\n'`:                          "",
		"echo 'h1: x'":                              "not one name",
	} {
		hosts, err := newExec(t, body, func(o *ExecOptions) { o.Secrets = func() []string { return []string{"planted"} } }).Hosts(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || hosts != nil {
			t.Errorf("%s: %v, %v, want %q", body, hosts, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "planted") || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s: a secret came out: %v", body, err)
		}
	}
}

// TestExecQuotesNamesOnly prints what is no list, with a secret in it that
// warden knows, or doesn't: an answer of the API that was to be asked.
func TestExecQuotesNamesOnly(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`echo "curl: 401 Authorization: Bearer other-hunter2"`: "not one name", `echo "/$API_TOKEN"`: "not a host name", `echo "$API_TOKEN"; echo "$API_TOKEN"`: "listed twice",
		`echo '{"error": "for other-hunter2 and friends"}'`: "write a list", `echo '[{"other-hunter2=": 1}]'`: "write either name", `echo '[["other hunter2"], {"a'`: "neither valid",
		`printf '%070d%s' 0 "$API_TOKEN"; echo; echo ';'`: "not a host name", `echo '["web/hunter2"]'`: "not a host name", `echo '- other: *hunter2'`: "YAML's",
	} {
		_, err := newExec(t, body, func(o *ExecOptions) {
			o.Env = []string{"API_TOKEN"}
			o.Lookup = func(n string) (string, bool) { return "tok-hunter2-verysecret", n == "API_TOKEN" }
		}).Hosts(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q and no secret", body, err, want)
		}
	}
	_, err := newExec(t, "echo web-1; echo web-1").Hosts(t.Context())
	if err == nil || !strings.Contains(err.Error(), `"web-1" is listed twice`) {
		t.Errorf("a host's name helps: %v", err)
	}
}

func TestExecIsCapped(t *testing.T) {
	t.Parallel()
	inv := newExec(t, "seq 3000 | sed s/^/h/", func(o *ExecOptions) { o.MaxBytes, o.MaxHosts = 2000, 10_000 })
	if hosts, err := inv.Hosts(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 2000 bytes") {
		t.Errorf("%d hosts, %v", len(hosts), err)
	}
}

// TestExecGoesStaleAfterThreeFailures runs it as the engine does.
func TestExecGoesStaleAfterThreeFailures(t *testing.T) {
	t.Parallel()
	flag := filepath.Join(t.TempDir(), "broken")
	inv := newExec(t, fmt.Sprintf("test -e %s && exit 1; echo a; echo b", flag))
	var tr Tracker
	refresh := func() State {
		tr.Update(inv.Hosts(t.Context()))
		return tr.State()
	}
	if s := refresh(); !s.Usable() || len(s.Hosts) != 2 {
		t.Fatalf("%+v", s)
	}
	write(t, flag, nil)
	for i := range 3 {
		if s := refresh(); s.Stale != (i == 2) || len(s.Hosts) != 2 {
			t.Errorf("failure %d: %+v", i+1, s)
		}
	}
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	if s := refresh(); !s.Usable() {
		t.Errorf("back: %+v", s)
	}
}

func TestNewExecRefuses(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]ExecOptions{
		"command:":  {Argv: []string{"list"}, MaxBytes: 1, MaxHosts: 1},
		".Host":     {Argv: []string{"/list", "{{ .Host }}"}, MaxBytes: 1, MaxHosts: 1},
		"empty":     {Argv: []string{"/list", "{{ .Pool }}"}, MaxBytes: 1, MaxHosts: 1},
		"max_bytes": {Argv: []string{"/list"}, MaxHosts: 1},
	} {
		if _, err := NewExec(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func FuzzDecodeOutput(f *testing.F) {
	for _, s := range []string{"a\nb\n", "[]", "- a", "-rf", "a b", "\x00", "\"a\"", "{", "# x\n", "\xef\xbb\xbf[\"a\"]"} {
		f.Add([]byte(s))
	}
	regex := regexp.MustCompile(`^([a-z0-9]+)`)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, re := range []*regexp.Regexp{nil, regex} {
			hosts, err := decodeOutput(data, re)
			if (err == nil) == (len(hosts) == 0) {
				t.Fatalf("%d hosts, %v", len(hosts), err)
			}
			for _, h := range hosts {
				if !ValidName(string(h.Name)) {
					t.Fatalf("%q", h.Name)
				}
			}
		}
	})
}
