package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/clock"
	"warden/internal/doctor"
	"warden/internal/golden"
	"warden/internal/peertls"
)

// examined runs `warden doctor` in a directory of its own, on a machine that is the
// same everywhere: people, room on the disk, what the service manager has.
func examined(t *testing.T, dir, socket string, args ...string) (code int, out, talk string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := &program{
		env: func(name string) (string, bool) { return socket, name == "WARDEN_SOCKET" },
		in:  strings.NewReader(""), out: &stdout, err: &stderr, clock: clock.NewStepped(fakeNow), local: time.UTC,
	}
	root := p.newRootCommand()
	root.SetArgs([]string{"version"}) // makes the printer
	root.SetOut(&stderr)
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	stdout.Reset()
	stderr.Reset()
	if len(args) > 0 {
		p.printer.format = format(args[0])
	}
	err := p.examine(t.Context(), looking{
		config: filepath.Join(dir, "warden.toml"), storage: filepath.Join(dir, "data"), node: "n1", within: time.Minute,
		machine: doctor.Machine{
			Units: []string{filepath.Join(dir, "warden.service")}, Credentials: filepath.Join(dir, "nothing"),
			Me: func() string { return "warden" }, MayWrite: func(string) error { return nil }, Free: func(string) (uint64, error) { return 20 << 30, nil },
			User: func(name string) error {
				if name == "sam" {
					return nil
				}
				return errors.New("unknown user")
			},
			Group: func(string) error { return errors.New("unknown group") },
		},
	})
	return exitCode(t.Context(), err), stdout.String(), stderr.String()
}

// unplaced replaces what differs between machines.
func unplaced(out, dir string) string {
	out = strings.ReplaceAll(out, dir+"/", "")
	out = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`).ReplaceAllString(out, "127.0.0.1:PORT")
	return regexp.MustCompile(`sha256:[0-9a-f]+|[0-9a-f]{12,}`).ReplaceAllString(out, "HASH")
}

func doctorGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	golden.Check(t, update, file, got)
}

// sickbed is a machine where each thing that can be told from a file, a server or
// a socket is there, and well.
type sickbed struct {
	dir, socket string
	answer      func(w http.ResponseWriter, r *http.Request) bool // false: as a healthy one would
	web         *httptest.Server
}

func newSickbed(t *testing.T) *sickbed {
	t.Helper()
	b := &sickbed{dir: t.TempDir()}
	b.socket = filepath.Join(b.dir, "w.sock")
	b.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !strings.HasSuffix(r.URL.Path, "/query") && !strings.HasSuffix(r.URL.Path, "/query_range") {
			t.Errorf("doctor sent a %s to %s, which may change something", r.Method, r.URL.Path)
		}
		switch {
		case b.answer != nil && b.answer(w, r):
		case strings.Contains(r.URL.Path, "/api/v1/"):
			_, _ = fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
		case r.URL.Path == "/api/annotations":
			_, _ = fmt.Fprint(w, `[]`)
		}
	}))
	t.Cleanup(b.web.Close)
	ca, err := peertls.NewAuthority("warden test", fakeNow, 400*day)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := peertls.Issue(ca, peertls.Request{Name: "n1", Lasts: 20 * day}, fakeNow)
	if err != nil {
		t.Fatal(err)
	}
	b.write(t, "node.crt", pair.Cert)
	b.write(t, "node.key", pair.Key)
	b.write(t, "ca.crt", ca.Cert)
	b.write(t, "key", []byte("PLANTED-key-of-the-webhook\n"))
	b.write(t, "token", []byte("PLANTED-token-of-grafana\n"))
	b.write(t, "warden.service", []byte("[Service]\nType=notify\nWatchdogSec=30s\n"))
	if err := os.Mkdir(filepath.Join(b.dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *sickbed) write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// file is a config of all that doctor looks at.
func (b *sickbed) file() string {
	return strings.NewReplacer("DIR", b.dir, "URL", b.web.URL).Replace(`config_version = 1

[cluster]
name = "prod"
tls_cert_file = "DIR/node.crt"
tls_key_file  = "DIR/node.key"
tls_ca_file   = "DIR/ca.crt"
peers = ["n1=127.0.0.1:9724", "n2=127.0.0.2:9724", "n3=127.0.0.3:9724"]

[sources.prometheus]
type = "prometheus"
url  = "URL"
timeout = "5s"

[pools.web]
inventory          = { type = "static", hosts = ["web-1", "web-2", "web-3", "web-4"] }
min_in_service     = 2
max_out_of_service = 1

[detectors.canary_missing]
type    = "canary"
source  = "prometheus"
pools   = ["web"]
propose = "drain"
query   = "canary_received_total"
expect_per_minute = 60

[actions.drain]
policy    = "confirm"
approvers = ["sam", "fran"]
type      = "haproxy"
address   = "unix:DIR/haproxy.sock"
backend   = "be_web"

[annotations.grafana]
url = "URL"
token_file = "DIR/token"

[[webhooks]]
name = "status-page"
url = "URL/hook"
secret_file = "DIR/key"
`)
}

// With what there is to see, and without an agent.
func TestDoctorWithoutAgent(t *testing.T) {
	t.Parallel()
	b := newSickbed(t)
	b.write(t, "warden.toml", []byte(b.file()))
	code, out, talk := examined(t, b.dir, b.socket)
	if code != ExitError || strings.Contains(out+talk, "PLANTED") {
		t.Errorf("exit %d", code)
	}
	doctorGolden(t, "doctor-alone.golden", unplaced(out+talk, b.dir))
}

// Everything is wrong: each finding says what to do, and no secret comes out.
func TestDoctorOfEverythingWrong(t *testing.T) {
	t.Parallel()
	b := newSickbed(t)
	b.answer = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Location", "https://login.example.net/?session=PLANTED")
		switch {
		case strings.HasPrefix(r.URL.Path, "/api/v1/"):
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasPrefix(r.URL.Path, "/hook"):
			w.WriteHeader(http.StatusFound)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = fmt.Fprint(w, "PLANTED")
		return true
	}
	file := strings.NewReplacer(`"sam", "fran"`, `"fran", "@oncall"`, `"static", hosts = ["web-1", "web-2", "web-3", "web-4"]`, `"file", path = "`+b.dir+`/hosts.json"`).Replace(b.file())
	b.write(t, "warden.toml", []byte(file))
	b.write(t, "warden.service", []byte("[Service]\nType=simple\n"))
	old, err := peertls.NewAuthority("warden test", fakeNow.Add(-400*day), 399*day)
	if err != nil {
		t.Fatal(err)
	}
	b.write(t, "ca.crt", old.Cert)
	for name, mode := range map[string]fs.FileMode{"key": 0o644, "data": 0o755} {
		if err := os.Chmod(filepath.Join(b.dir, name), mode); err != nil { //nolint:gosec // it is what the test is about
			t.Fatal(err)
		}
	}
	code, out, talk := examined(t, b.dir, b.socket)
	if code != ExitError || strings.Contains(out+talk, "PLANTED") {
		t.Errorf("exit %d, or a secret came out", code)
	}
	doctorGolden(t, "doctor-wrong.golden", unplaced(out+talk, b.dir))
}

// A config that can't be loaded, or isn't there, leaves the rest to be seen.
func TestDoctorWithoutConfig(t *testing.T) {
	t.Parallel()
	b := newSickbed(t)
	code, out, talk := examined(t, b.dir, b.socket)
	if code != ExitError {
		t.Errorf("exit %d", code)
	}
	doctorGolden(t, "doctor-noconfig.golden", unplaced(out+talk, b.dir))
	b.write(t, "warden.toml", []byte(strings.Replace(b.file(), "policy    =", "polcy     =", 1)))
	if code, out, _ := examined(t, b.dir, b.socket); code != ExitError || !strings.Contains(out, `unknown key "polcy"`) || !strings.Contains(out, "not looked at while") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// With an agent it says how the cluster is. The JSON has the same.
func TestDoctorWithAgent(t *testing.T) {
	t.Parallel()
	b := newSickbed(t)
	b.write(t, "warden.toml", []byte(b.file()))
	api := newFakeAPI()
	stop, err := api.listen(b.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	_, out, talk := examined(t, b.dir, b.socket)
	doctorGolden(t, "doctor-agent.golden", unplaced(onlyAgent(out), b.dir))
	code, out, _ := examined(t, b.dir, b.socket, "json")
	var d diagnosis
	if err := json.Unmarshal([]byte(out), &d); err != nil || code != ExitError || d.Schema != "warden.doctor/v1" || d.Status != doctor.Fail || len(d.Results) < 10 {
		t.Errorf("exit %d, %v, %s\n%s", code, err, talk, out)
	}
	for _, r := range d.Results {
		if r.Check == "" || r.Seen == "" || (r.Status != doctor.OK) != (r.Fix != "") || strings.Contains(r.Fix, "gap in warden") {
			t.Errorf("%+v", r)
		}
	}
}

// onlyAgent keeps what the agent said.
func onlyAgent(out string) string {
	_, after, _ := strings.Cut(out, "  agent ")
	return "agent " + after
}

// A check that hangs holds up nobody for longer than it may.
func TestDoctorThatHangs(t *testing.T) {
	t.Parallel()
	b := newSickbed(t)
	b.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return true
	}
	b.write(t, "warden.toml", []byte(b.file()))
	all := doctor.Run(t.Context(), []doctor.Check{
		{Name: "hangs", Run: func(context.Context) []doctor.Result { select {} }},
		{Name: "is cut off", Run: func(ctx context.Context) []doctor.Result {
			<-ctx.Done()
			return []doctor.Result{doctor.Bad(doctor.Fail, "", "wait", "cut off")}
		}},
		{Name: "is well", Run: func(context.Context) []doctor.Result { return []doctor.Result{doctor.Good("", "well")} }},
	}, 50*time.Millisecond)
	want := []doctor.Result{
		{Check: "hangs", Status: doctor.Unknown, Seen: "no answer in time", Fix: "look whether it hangs, or give it longer with --within"},
		{Check: "is cut off", Status: doctor.Fail, Seen: "cut off", Fix: "wait"}, {Check: "is well", Status: doctor.OK, Seen: "well"},
	}
	if d := cmp.Diff(want, all); d != "" {
		t.Error(d)
	}
	if doctor.Worst(all) != doctor.Fail || doctor.Worst(nil) != doctor.OK {
		t.Error(doctor.Worst(all), doctor.Worst(nil))
	}
}
