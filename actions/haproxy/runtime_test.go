package haproxy_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"warden/actions"
	"warden/actions/haproxy"
	"warden/internal/remedy"
)

func TestNewRefuses(t *testing.T) {
	good := haproxy.Options{Name: "drain", Address: "/run/x.sock", State: "drain"}
	for name, change := range map[string]func(*haproxy.Options){
		"no name":        func(o *haproxy.Options) { o.Name = "" },
		"no state":       func(o *haproxy.Options) { o.State = "" },
		"other state":    func(o *haproxy.Options) { o.State = "disabled" },
		"no address":     func(o *haproxy.Options) { o.Address = "" },
		"relative":       func(o *haproxy.Options) { o.Address = "run/x.sock" },
		"no port":        func(o *haproxy.Options) { o.Address = "tcp://127.0.0.1" },
		"http":           func(o *haproxy.Options) { o.Address = "http://127.0.0.1:80" },
		"password":       func(o *haproxy.Options) { o.Address = "tcp://u:hunter2@127.0.0.1:80" },
		"backend":        func(o *haproxy.Options) { o.Backend = "be;show info" },
		"pool's backend": func(o *haproxy.Options) { o.Backends = map[remedy.PoolName]string{"web": "be\nx"} },
	} {
		opts := good
		change(&opts)
		_, err := haproxy.New(opts)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, address := range []string{"/run/x.sock", "unix:///run/x.sock", "tcp://127.0.0.1:9999", "tcp://[::1]:9999", "tcp://lb1.example.net:9999"} {
		opts := good
		opts.Address = address
		if _, err := haproxy.New(opts); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestManualHint(t *testing.T) {
	for want, opts := range map[string]haproxy.Options{
		`echo "set server {{ .Pool }}/{{ .Host }} state drain" | socat stdio /run/haproxy/admin.sock`: {Address: "unix:///run/haproxy/admin.sock", State: "drain"},
		`echo "set server be/{{ .Host }} state maint" | socat stdio TCP:127.0.0.1:9999`:               {Address: "tcp://127.0.0.1:9999", State: "maint", Backend: "be"},
		`echo "set server be/{{ .Host }} state ready" | socat stdio '/run/my ha.sock'`:                {Address: "/run/my ha.sock", State: "ready", Backend: "be"},
	} {
		opts.Name = "drain"
		a, err := haproxy.New(opts)
		if err != nil {
			t.Fatal(err)
		}
		spec := a.Spec()
		if spec.ManualHint != want || spec.TakesOut == (opts.State == "ready") || !spec.Idempotent || !spec.CanObserve {
			t.Errorf("%+v, want hint %q", spec, want)
		}
	}
}

func TestBackendOfAPool(t *testing.T) {
	s := fixture(t)
	a := newAction(t, s, func(o *haproxy.Options) {
		o.Backend, o.Backends = "", map[remedy.PoolName]string{"web": "be"}
	})
	if _, err := a.Observe(t.Context(), "web", nil); err != nil {
		t.Error(err)
	}
	if _, err := a.Observe(t.Context(), "be", nil); err != nil {
		t.Error(err)
	}
	if _, err := a.Observe(t.Context(), "be;quit", nil); !errors.Is(err, actions.ErrBackend) {
		t.Errorf("a pool's name as a backend's: %v", err)
	}
}

func TestNothingIsConcludedFromABadAnswer(t *testing.T) {
	change := func(command, from, to string) func(*socket, *haproxy.Options) {
		return func(s *socket, _ *haproxy.Options) {
			s.replies[command] = strings.Replace(s.replies[command], from, to, 1)
		}
	}
	whole := func(command, reply string) func(*socket, *haproxy.Options) {
		return func(s *socket, _ *haproxy.Options) { s.replies[command] = reply }
	}
	for name, tt := range map[string]struct {
		spoil func(*socket, *haproxy.Options)
		says  string
	}{
		"no such backend":    {whole("show servers state be", "Can't find backend.\n\n"), "set the action's backend"},
		"no such proxy":      {whole("show stat be 4 -1", "No such proxy.\n\n"), "set the action's backend"},
		"not allowed":        {whole("show info", "Permission denied\n\n"), "level admin"},
		"other format":       {change("show servers state be", "1\n", "2\n"), "format version"},
		"no header":          {change("show servers state be", "# be_id", "be_id"), "column names"},
		"short line":         {change("show servers state be", " 2 0 100 100 60 ", " "), "values for"},
		"no number":          {change("show servers state be", " 2 0 100", " 2 x 100"), "srv_admin_state"},
		"impossible state":   {change("show servers state be", " 2 0 100", " 7 0 100"), "operational state"},
		"odd name":           {change("show servers state be", " h1 ", " h;1 "), "valid name"},
		"stat without rate":  {change("show stat be 4 -1", ",rate,", ",rat,"), "column rate"},
		"stat without names": {change("show stat be 4 -1", "# pxname", "pxname"), "column names"},
		"short stat line":    {change("show stat be 4 -1", "be,h1,0,0,", "be,h1\nbe,h1,0,0,"), "values for"},
		"empty":              {func(s *socket, _ *haproxy.Options) { clear(s.replies); s.replies["show info"] = "" }, "level"},
		"cut short":          {func(s *socket, _ *haproxy.Options) { s.cut = 900 }, "cut short"},
		"too large":          {func(_ *socket, o *haproxy.Options) { o.MaxReply = 1000 }, "larger than 1000 bytes"},
		"hangs": {func(s *socket, o *haproxy.Options) {
			s.hang, o.ReplyTimeout = true, 50*time.Millisecond
		}, "no whole reply within 50ms"},
		"refuses": {func(_ *socket, o *haproxy.Options) {
			o.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }
		}, "show info"},
		"closed to us": {func(_ *socket, o *haproxy.Options) {
			o.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, os.ErrPermission }
		}, "`mode`"},
		"no route": {func(_ *socket, o *haproxy.Options) {
			o.DialTimeout = 50 * time.Millisecond
			o.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		}, "no connection within 50ms"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fixture(t)
			a := newAction(t, s, func(o *haproxy.Options) { tt.spoil(s, o) })
			got, err := a.Observe(t.Context(), "web", nil)
			if got != nil || !errors.Is(err, actions.ErrBackend) {
				t.Fatalf("got %v, %v", got, err)
			}
			if name != "empty" && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %q does not say %q", err, tt.says)
			}
			report, err := a.Apply(t.Context(), actions.Job{Pool: "web", Host: "h4"})
			if err == nil || len(s.commands()) > 0 && report.Prior == "" {
				t.Errorf("apply: %+v, %v; sent %q", report, err, s.commands())
			}
		})
	}
}

func TestTheContextEndsAHangingExchange(t *testing.T) {
	s := fixture(t)
	s.hang = true
	a := newAction(t, s, func(o *haproxy.Options) { o.ReplyTimeout = time.Hour })
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("run_within passed")
	time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
	if _, err := a.Observe(ctx, "web", nil); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	// Nothing goes out once the context has ended.
	before := len(s.commands())
	if _, err := a.Apply(ctx, actions.Job{Pool: "web", Host: "h1"}); err == nil || len(s.commands()) != before {
		t.Errorf("got %v, sent %q", err, s.commands())
	}
}

func TestNoSocket(t *testing.T) {
	a, err := haproxy.New(haproxy.Options{Name: "drain", State: "drain", Address: filepath.Join(t.TempDir(), "none.sock")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Apply(t.Context(), actions.Job{Pool: "web", Host: "h1"})
	if !errors.Is(err, actions.ErrBackend) || !strings.Contains(err.Error(), "nothing was sent") {
		t.Errorf("got %v", err)
	}
}

func TestCheck(t *testing.T) {
	for level, says := range map[string]string{"admin\n\n": "", "operator\n\n": "level admin", "user\n\n": "level admin", "Unknown command: 'x'\n\n": ""} {
		s := fixture(t)
		s.replies["show cli level"] = level
		err := newAction(t, s, nil).Check(t.Context(), "web")
		if (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", level, err)
		}
	}
	s := fixture(t)
	s.replies["show servers state be"] = "Can't find backend.\n\n"
	if err := newAction(t, s, nil).Check(t.Context(), "web"); !errors.Is(err, actions.ErrBackend) {
		t.Errorf("got %v", err)
	}
}
