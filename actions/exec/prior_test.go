package exec

import (
	"strings"
	"testing"

	"warden/internal/remedy"
)

// TestPriorIsKeptOrRefused holds that undo gets back exactly what observe
// printed, and that nothing is known of a host of which it couldn't.
func TestPriorIsKeptOrRefused(t *testing.T) {
	t.Parallel()
	for prior, refused := range map[string]string{
		"weight=100 key: 5": "", "in service": "", "two\nlines\tand a tab": "", strings.Repeat("x", 1<<10): "", "é 'q' $(x)": "",
		strings.Repeat("a-rule-", 200): "1024 bytes", strings.Repeat("x", 100<<10): "1024 bytes", "a\x01b": "control", "a\xffb": "UTF-8", "token=abc;weight=10": "secret",
		"by planted-1": "secret", "by planted-2": "secret", "in service (nothing printed)": "warden's own", "-rf": "option",
	} {
		y := newToy(t)
		y.opts.Env, y.opts.Lookup = []string{"SSHPASS"}, func(string) (string, bool) { return "planted-2", true }
		y.opts.Secrets = func() []string { return []string{"planted-1"} }
		y.set(t, "h1", prior)
		a := y.action(t)
		o := observe(t, a, "h1")["h1"]
		if refused != "" {
			if o.AsWanted.IsKnown() || o.State != remedy.ServiceUnknown || !strings.Contains(o.Detail, refused) || strings.Contains(o.Detail, "planted") {
				t.Errorf("%.40q: %+v, want %q", prior, o, refused)
			}
			continue
		}
		if _, err := a.Apply(t.Context(), job("h1")); err != nil {
			t.Fatal(err)
		}
		j := job("h1")
		j.Prior = o.Admin
		if _, err := a.Undo(t.Context(), j); err != nil || y.get(t, "h1") != prior {
			t.Errorf("%.40q became %.40q (%v)", prior, y.get(t, "h1"), err)
		}
	}
}

// TestNoHalfSecret cuts what a command prints in the middle of a secret.
func TestNoHalfSecret(t *testing.T) {
	t.Parallel()
	y := newToy(t)
	secret := "Zq9" + strings.Repeat("SECRETmaterial", 20)
	y.opts.Env, y.opts.Lookup = []string{"API_TOKEN"}, func(string) (string, bool) { return secret, true }
	fill := func(n string) string {
		return `head -c ` + n + ` /dev/zero | tr '\\0' x; echo; printf %s "$API_TOKEN"; exit 2`
	}
	y.opts.Observe = []string{script(t, y.dir, "obs", fill("3900"))}
	y.opts.ObserveAll = []string{script(t, y.dir, "all", fill("4194200"))}
	y.opts.Verify = y.opts.Observe
	a := y.action(t)
	said := observe(t, a, "h1")["h1"].Detail + a.Verify()(t.Context(), "web", "h1").Why
	_, err := a.Observe(t.Context(), "web", []remedy.HostName{"h1", "h2"})
	if err == nil || !strings.Contains(said, "exit 2") {
		t.Fatalf("%v, %s", err, said)
	}
	if said += err.Error(); strings.Contains(said, "Zq9") || strings.Contains(said, "material") {
		t.Error(said)
	}
}
