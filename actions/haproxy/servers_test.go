package haproxy_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"warden/actions"
	"warden/actions/haproxy"
)

// The inventory is who is listed, whatever its state, by any load balancer; and
// no list at all while one of them can't be asked.
func TestServersAreTheHosts(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*haproxy.Options)
		spoil  func(*farm)
		want   []string
		says   string
	}{
		"all, in any state":      {want: []string{"h1", "h2", "h3", "h4"}},
		"one load balancer":      {change: func(o *haproxy.Options) { o.Addresses, o.Address = nil, "/b" }, want: []string{"h1", "h2", "h4"}},
		"by their part":          {change: func(o *haproxy.Options) { o.HostRegex = regexp.MustCompile(`^h([1-3])$`) }, want: []string{"1", "2", "3"}},
		"one is silent":          {spoil: func(f *farm) { f.lbs["/b"].down = true }, says: "load balancer /b"},
		"no such backend":        {change: func(o *haproxy.Options) { o.Backend = "nope" }, says: "/a"},
		"two servers, one host":  {change: func(o *haproxy.Options) { o.HostRegex = regexp.MustCompile(`^(h)`) }, says: "both the host h"},
		"nobody matches":         {change: func(o *haproxy.Options) { o.HostRegex = regexp.MustCompile(`^(web-.*)$`) }, want: []string{}},
		"the same one elsewhere": {spoil: func(f *farm) { delete(f.lbs["/a"].states, "h1") }, want: []string{"h1", "h2", "h3", "h4"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFarm(map[string]map[string]string{
				"/a": {"h1": "ready", "h2": "drain", "h3": "maint"},
				"/b": {"h1": "maint", "h2": "ready", "h4": "drain"},
			})
			if tt.spoil != nil {
				tt.spoil(f)
			}
			opts := haproxy.Options{Addresses: []string{"/a", "/b"}, Backend: "be", Dial: f.dial}
			if tt.change != nil {
				tt.change(&opts)
			}
			s, err := haproxy.NewServers(opts)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Hosts(t.Context())
			switch {
			case tt.says != "":
				if !errors.Is(err, actions.ErrBackend) || !strings.Contains(err.Error(), tt.says) || got != nil {
					t.Errorf("got %v, %v", got, err)
				}
			case err != nil || !slices.Equal(got, tt.want):
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestNewServersRefuses(t *testing.T) {
	for name, o := range map[string]haproxy.Options{
		"no address": {Backend: "be"},
		"no backend": {Address: "/a"},
		"a command":  {Address: "/a", Backend: "be;show info"},
		"no group":   {Address: "/a", Backend: "be", HostRegex: regexp.MustCompile(`^h`)},
		"twice":      {Address: "/a", Addresses: []string{"/a"}, Backend: "be"},
	} {
		if _, err := haproxy.NewServers(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
