package inventory

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// hostileNames are what must never be a host, whoever lists it.
func hostileNames() map[string]string {
	return map[string]string{
		"an option": "--help", "a short option": "-rf", "two commands": "web-1;reboot", "a substitution": "$(reboot)", "a variable": "$HOME", "backticks": "`reboot`",
		"a line break": "web-1\nset server be/web-2 state maint", "a carriage return": "web-1\rweb-2", "a NUL": "web-1\x00", "ANSI": "\x1b[2Jweb-1", "a bell": "web-1\x07",
		"1 MB": strings.Repeat("w", 1<<20), "markup": "<script>alert(1)</script>", "an entity": "web&amp;1", "a homoglyph": "wеb-1", "right to left": "web\u202e1-", "zero width": "web\u200b-1",
		"full width": "ｗeb-1", "a path": "../../etc/passwd", "a parent": "..", "a blank inside": "web 1", "a no-break space": "web\u00a01", "a tab": "web\t1", "a pipe": "web-1|id",
		"a redirect": "web-1>/etc/passwd", "a glob": "web-*", "quotes": `web"1'`, "a backslash": `web\1`, "a template": "{{ .Pool }}", "a percent": "%n%s", "invalid UTF-8": "web\xff1",
		"a slash": "be/web-1", "a comma": "web-1,web-2", "a brace": "{web-1,web-2}", "an assignment": "LD_PRELOAD=x",
	}
}

// TestHostileNamesAreListedByNobody lists each hostile name by each kind of
// inventory beside an ordinary one. It is refused with the whole list, in words
// that are fit for a terminal; or what is listed is ordinary.
func TestHostileNamesAreListedByNobody(t *testing.T) {
	t.Parallel()
	for what, name := range hostileNames() {
		asJSON, err := json.Marshal([]string{"web-1", name})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		put := func(file, text string) string {
			path := filepath.Join(dir, file)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		lines, listed := put("lines", "web-1\n"+name+"\n"), put("list.json", string(asJSON))
		targets := put("sd.json", `[{"targets": `+string(asJSON)+`}]`)
		large := func(o *ExecOptions) { o.MaxBytes = 8 << 20 }
		ways := map[string]func(context.Context) ([]Host, error){
			"static":         func(ctx context.Context) ([]Host, error) { return fixed(ctx, []string{"web-1", name}) },
			"exec, lines":    newExec(t, "cat "+lines, large).Hosts,
			"exec, JSON":     newExec(t, "cat "+listed, large).Hosts,
			"file, JSON":     NewFile(listed, nil).Hosts,
			"file, file_sd":  NewFile(targets, nil).Hosts,
			"load balancers": NewAsked("the load balancers", func(context.Context) ([]string, error) { return []string{"web-1", name}, nil }).Hosts,
		}
		for way, hosts := range ways {
			got, err := hosts(t.Context())
			if err != nil {
				if text := err.Error(); len(text) > 1000 || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
					t.Errorf("%s by %s is refused with %.300q (%d bytes)", what, way, text, len(text))
				}
				if got != nil {
					t.Errorf("%s by %s: an error and %d hosts", what, way, len(got))
				}
				continue
			}
			// A line break ends a line, and what isn't UTF-8 is another text in JSON.
			for _, h := range got {
				if !ValidName(string(h.Name)) || string(h.Name) == name {
					t.Errorf("%s by %s lists %.100q", what, way, h.Name)
				}
			}
			if !strings.HasPrefix(way, "exec, lines") {
				t.Errorf("%s by %s is not refused: %.300v", what, way, got)
			}
		}
	}
}

func fixed(ctx context.Context, names []string) ([]Host, error) {
	inv, err := NewStatic(names, nil)
	if err != nil {
		return nil, err
	}
	return inv.Hosts(ctx)
}
