package inventory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestValidName(t *testing.T) {
	for _, s := range []string{
		"a", "9", "a.example.net", "a_example_net", "a:9100", "Host-1", "10.0.0.1", "2001:db8::1",
		strings.Repeat("a", 253),
	} {
		if !ValidName(s) {
			t.Errorf("%q must be valid", s)
		}
	}
	for _, s := range []string{
		"", "-a", "--help", ".a", "_a", ":9", "a b", "a/b", "../a", "a;b", "a|b", "a$b", "a`b", "a'b", `a"b`, "a\nb", "a\x00",
		"a\x7f", "a,b", "a%b", "a=b", "a@b", "[::1]", "bücher", "а", "a\u200b", strings.Repeat("a", 254),
	} {
		if ValidName(s) {
			t.Errorf("%q must not be valid", s)
		}
	}
}

func TestStatic(t *testing.T) {
	inv, err := NewStatic([]string{"b", "a", "C"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // what one caller does to its list must not reach the next
		hosts, err := inv.Hosts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Host{{Name: "C"}, {Name: "a"}, {Name: "b"}}, hosts); diff != "" {
			t.Error(diff)
		}
		hosts[0].Name = "changed"
	}
	for _, tt := range []struct{ names, want string }{
		{"", "no hosts"},
		{"a b a", `"a" is listed twice`},
		{"a.net A.net", `"a.net" and "A.net" are the same host`},
		{"a -rf", `"-rf" is not a host name`},
	} {
		_, err := NewStatic(strings.Fields(tt.names), nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.names, err, tt.want)
		}
	}
}

func TestDecodeForms(t *testing.T) {
	ab := []Host{{Name: "a"}, {Name: "b"}}
	labelled := []Host{{Name: "a", Labels: map[string]string{"rack": "012", "az": "x"}}, {Name: "b"}}
	grouped := []Host{
		{Name: "a:9100", Labels: map[string]string{"rack": "1"}},
		{Name: "b:9100", Labels: map[string]string{"rack": "1"}},
		{Name: "c:9100"},
	}
	stripped := []Host{{Name: "a", Labels: map[string]string{"rack": "1"}}, {Name: "b", Labels: map[string]string{"rack": "1"}}, {Name: "c"}}
	port := regexp.MustCompile(`^([^:]+):\d+$`)
	tests := []struct {
		name, in string
		regex    *regexp.Regexp
		want     []Host
	}{
		{"JSON names", `["b","a"]`, nil, ab},
		{"JSON with BOM", "\xef\xbb\xbf[\"b\",\"a\"]", nil, ab},
		{"YAML names", "- b\n- a # the other\n", nil, ab},
		{"YAML document mark and quotes", "---\n- 'b'\n- \"a\"\n...\n", nil, ab},
		{"YAML flow", "[b, a]", nil, ab},
		{"YAML flow lines", "[\n  b,\n  a,\n]\n", nil, ab},
		{"JSON objects", `[{"name":"b"},{"name":"a","labels":{"rack":"012","az":"x"}}]`, nil, labelled},
		{"YAML objects", "- name: b\n- name: a\n  labels:\n    rack: 012\n    az: x\n", nil, labelled},
		{"YAML objects, labels empty", "- name: b\n  labels:\n- {name: a, labels: {rack: 012, az: x}}\n", nil, labelled},
		{"JSON file_sd", `[{"targets":["b:9100","a:9100"],"labels":{"rack":"1"}},{"targets":["c:9100"]},{"targets":[]}]`, nil, grouped},
		{"YAML file_sd", "- targets: ['b:9100', a:9100]\n  labels: {rack: 1}\n- targets:\n  - c:9100\n", nil, grouped},
		{"YAML file_sd, host_regex", "- targets: ['b:9100', a:9100]\n  labels: {rack: 1}\n- targets:\n  - c:9100\n", port, stripped},
		{"names, host_regex", `["a:1","b:2"]`, port, ab},
		{"CRLF", "- b\r\n- a\r\n", nil, ab},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode([]byte(tt.in), tt.regex)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	deepYAML := strings.Repeat("- ", 100_000) + "a"
	tests := []struct{ name, in, want string }{
		{"nothing", "", "no hosts"},
		{"blank", " \n\t", "no hosts"},
		{"comment only", "# none yet\n", "nothing (null)"},
		{"empty list", "[]", "no hosts"},
		{"empty groups", `[{"targets":[]}]`, "no hosts"},
		{"null", "null", "nothing (null)"},
		{"text", "oops", `the text "oops"`},
		{"a map", `{"hosts":["a"]}`, "a map with the keys"},
		{"number", "12", `the value "12"`},
		{"number as a host", "- 123\n", "write a name in quotes"},
		{"float as a host", "- 1.50\n", `the value "1.50"`},
		{"bool as a host", `[true]`, `the value "true"`},
		{"null as a host", "- a\n-\n", "item 2: it is nothing"},
		{"JSON cut off", `["a","b`, "neither valid JSON nor valid YAML"},
		{"JSON with more behind it", `["a"] ["b"]`, "neither valid JSON nor valid YAML"},
		{"HTML", "<html><body>login</body></html>", "the text"},
		{"binary", "\xff\xfe[\x00", "not UTF-8"},
		{"two documents", "- a\n---\n- b\n", "several YAML documents"},
		{"mixed forms", "- a\n- name: b\n", "item 2 is a {name, labels}, those before it are a name"},
		{"unknown key", `[{"name":"a","lables":{}}]`, `unknown key "lables"`},
		{"unknown key in a group", `[{"targets":["a"],"source":"x"}]`, `unknown key "source"`},
		{"both keys", `[{"name":"a","targets":["a"]}]`, "either name or targets"},
		{"no key", `[{}]`, "(none)"},
		{"name no text", `[{"name":7}]`, `name is the value "7"`},
		{"targets no list", `[{"targets":"a"}]`, "targets is the text"},
		{"target no text", `[{"targets":[["a"]]}]`, "target 1 is a list"},
		{"labels no map", `[{"name":"a","labels":["x"]}]`, "labels is a list"},
		{"label no text", `[{"name":"a","labels":{"x":null}}]`, `label "x" is nothing`},
		{"twice", `["a","b","a"]`, `"a" is listed twice`},
		{"twice by case", `["a","A"]`, `"a" and "A" are the same host`},
		{"bad name", `["a","$(reboot)"]`, `"$(reboot)" is not a host name`},
		{"option", `["-x"]`, "is not a host name"},
		{"control characters", `["a\u001b[2J"]`, `"a\x1b[2J" is not a host name`},
		{"long", `["` + strings.Repeat("a", 300) + `"]`, `aaaa"...`},
		{"key twice", "- name: a\n  name: b\n", "name"},
		{"alias", "- &a x\n- *a\n", "anchor"},
		{"tag", "- !!str 12\n", "tag"},
		{"deep flow", strings.Repeat("[", 1_000_000), "more than 100 deep"},
		{"deep flow JSON", strings.Repeat("[", 200) + strings.Repeat("]", 200), "item 1: it is a list"},
		{"deep block", deepYAML, "more than 100 deep"},
		{"many tags", strings.Repeat("!a ", 100_000), "more than 100 deep"},
		{"many anchors", strings.Repeat("&a\n", 100_000), "more than 100 deep"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hosts, err := decode([]byte(tt.in), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%v, %v, want an error with %q", hosts, err, tt.want)
			}
			if len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("the error is not fit to be shown: %q", err)
			}
		})
	}
	for _, tt := range []struct{ regex, in, want string }{
		{`^[a-z]+`, `["a"]`, "has no group"},
		{`^([a-z]+)$`, `["a","b9"]`, `"b9" does not match host_regex`},
		{`^([a-z]*)`, `["9"]`, "does not match"},
		{`^([a-z]+):`, `["a:1","a:2"]`, `"a:1" and "a:2" are the same host "a"`},
	} {
		_, err := decode([]byte(tt.in), regexp.MustCompile(tt.regex))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("host_regex %s: %v, want %q", tt.regex, err, tt.want)
		}
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	inv := NewFile(path, nil)
	if _, err := inv.Hosts(t.Context()); err == nil || !strings.Contains(err.Error(), "create it or correct") || strings.Count(err.Error(), path) != 1 {
		t.Errorf("missing file: %v", err)
	}
	write(t, path, []byte("- b\n- a\n"))
	if err := os.Chtimes(path, longAgo, longAgo); err != nil {
		t.Fatal(err)
	}
	hosts, err := inv.Hosts(t.Context())
	if err != nil || len(hosts) != 2 || hosts[0].Name != "a" {
		t.Errorf("an old file: %v, %v", hosts, err)
	}
	write(t, path, []byte(`["c"]`))
	if hosts, err = inv.Hosts(t.Context()); err != nil || len(hosts) != 1 || hosts[0].Name != "c" {
		t.Errorf("after a change: %v, %v", hosts, err)
	}
	write(t, path, append([]byte("- a\n"), make([]byte, maxFileBytes)...))
	if _, err = inv.Hosts(t.Context()); err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
		t.Errorf("too large: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = inv.Hosts(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
	if _, err = NewFile(t.TempDir(), nil).Hosts(t.Context()); err == nil || !strings.Contains(err.Error(), "it is a directory") {
		t.Errorf("directory: %v", err)
	}
	f := &file{path: path, busy: make(chan struct{}, 1)}
	f.busy <- struct{}{} // as if a read hung
	hung, cancelHung := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancelHung()
	if _, err = f.Hosts(hung); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "has not ended") {
		t.Errorf("behind a read that hangs: %v", err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = NewFile(fifo, nil).Hosts(t.Context()); err == nil || !strings.Contains(err.Error(), "it is a named pipe") {
		t.Errorf("fifo: %v", err)
	}
}

func TestTracker(t *testing.T) {
	var tr Tracker
	if s := tr.State(); s.Usable() || s.Stale {
		t.Errorf("before the first refresh: %+v", s)
	}
	boom := errors.New("boom")
	hosts := []Host{{Name: "a"}}
	steps := []struct {
		hosts         []Host
		err           error
		usable, stale bool
		failures      int
	}{
		{nil, boom, false, false, 1},
		{hosts, nil, true, false, 0},
		{nil, boom, true, false, 1},
		{nil, nil, true, false, 2}, // an empty list is a failure
		{nil, boom, false, true, 3},
		{nil, boom, false, true, 4},
		{hosts, nil, true, false, 0},
	}
	for i, st := range steps {
		tr.Update(st.hosts, st.err)
		s := tr.State()
		if s.Usable() != st.usable || s.Stale != st.stale || s.Failures != st.failures || (s.Err != nil) != (st.failures > 0) {
			t.Errorf("step %d: %+v", i, s)
		}
		if i >= 1 && len(s.Hosts) != 1 {
			t.Errorf("step %d: the last good list is lost", i)
		}
	}
}

func TestTrackerNeverLosesTheLastGoodList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tr Tracker
		var good []Host
		failed := 0
		for _, n := range rapid.SliceOf(rapid.IntRange(0, 3)).Draw(t, "sizes") {
			var hosts []Host
			for i := range n {
				hosts = append(hosts, hostOf(fmt.Sprint("h", i), nil))
			}
			tr.Update(hosts, nil)
			if failed++; n > 0 {
				good, failed = hosts, 0
			}
			s := tr.State()
			if diff := cmp.Diff(good, s.Hosts); diff != "" || s.Failures != failed || s.Stale != (failed >= 3) {
				t.Fatalf("%+v %s", s, diff)
			}
		}
	})
}

func TestLargeLists(t *testing.T) {
	const n = 20_000
	var y strings.Builder
	for i := range n {
		fmt.Fprintf(&y, "- name: h%05d.example.net\n  labels: {rack: r%d}\n", i, i%100)
	}
	hosts, err := decode([]byte(y.String()), nil)
	if err != nil || len(hosts) != n || hosts[n-1].Labels["rack"] != "r99" {
		t.Errorf("%d hosts, %v", len(hosts), err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`["a","b"]`, "- a\n- b\n", `[{"name":"a","labels":{"x":"y"}}]`, `[{"targets":["a:1"],"labels":{"x":1}}]`,
		"- targets: [a, 'b']\n  labels:\n    x: 012\n", "- &x a\n- *x\n", "- !!str a\n", "- |\n  a\n", "? a\n: b\n", "- <<: {name: a}\n",
		"[", "{", "- - - a", "---\n...\n---\n", "- \"\\u0041\"", "%YAML 1.2\n---\n- a\n", "- .inf\n- .nan\n- 0x1F\n- ~\n", "- a: b: c\n", "- 'a\n",
	} {
		f.Add([]byte(s), "")
		f.Add([]byte(s), "^([a-z]+)")
	}
	f.Fuzz(func(t *testing.T, data []byte, pattern string) {
		var regex *regexp.Regexp
		if pattern != "" {
			re, err := regexp.Compile(pattern)
			if err != nil {
				return
			}
			regex = re
		}
		hosts, err := decode(data, regex)
		if (err == nil) == (len(hosts) == 0) {
			t.Fatalf("%d hosts and %v", len(hosts), err)
		}
		for i, h := range hosts {
			if !ValidName(string(h.Name)) {
				t.Errorf("%q came through", h.Name)
			}
			if i > 0 && hosts[i-1].Name >= h.Name {
				t.Errorf("%q and %q out of order", hosts[i-1].Name, h.Name)
			}
		}
	})
}
