package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"warden/internal/config"
)

const secretText = "s3cr3t-planted"

func TestSecretNeverPrints(t *testing.T) {
	type outer struct {
		Public  config.Secret
		private config.Secret
		list    []config.Secret
	}
	s := config.NewSecret(secretText)
	o := outer{s, s, []config.Secret{s}}
	c := config.Credentials{Token: s, Password: s}
	var out []string
	for _, v := range []any{s, &s, o, &o, c, []config.Secret{s}, map[string]config.Secret{"k": s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			out = append(out, fmt.Sprintf(verb, v))
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	out = append(out, fmt.Errorf("wrapped %v", s).Error())
	hex := fmt.Sprintf("%x", secretText)
	for _, text := range out {
		if strings.Contains(text, "planted") || strings.Contains(text, hex) {
			t.Errorf("a secret came out: %s", text)
		}
	}
	if s.Reveal() != secretText || !s.IsSet() || (config.Secret{}).IsSet() {
		t.Error("Reveal is the one way to the value")
	}
}

func TestSecretRefHidesBareNames(t *testing.T) {
	bare, err := config.ParseSecretRef("hunter2")
	if err != nil {
		t.Fatal(err)
	}
	file, err := config.ParseSecretRef("/etc/warden/token")
	if err != nil {
		t.Fatal(err)
	}
	s := config.Source{TokenFile: bare, PasswordFile: file}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if out := fmt.Sprintf(verb, s); strings.Contains(out, "hunter2") || !strings.Contains(out, "/etc/warden/token") {
			t.Errorf("%s: %s", verb, out)
		}
	}
	for _, bad := range []string{"", "a/b", "xoxb-1234", "eyJhbGciOi", "two words", "abcdefghij0123456789", strings.Repeat("a", 65)} {
		if _, err := config.ParseSecretRef(bad); err == nil {
			t.Errorf("%q is taken for a name", bad)
		} else if bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the error repeats %q", bad)
		}
	}
}

func TestEnvName(t *testing.T) {
	for want, path := range map[string][]string{
		"WARDEN_SOURCES_PROMETHEUS_TOKEN": {"sources", "prometheus", "token_file"},
		"WARDEN_SOURCES_EU_1_PASSWORD":    {"sources", "eu-1", "password_file"},
	} {
		if got := config.EnvName(path...); got != want {
			t.Errorf("EnvName(%q) = %q, want %q", path, got, want)
		}
	}
}

// fileWith writes a file with exactly this mode, whatever the umask.
func fileWith(t *testing.T, dir, name, content string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func sourceConfig(t *testing.T, keys string) *config.Config {
	t.Helper()
	return parse(t, strings.Replace(config.Minimal(), "type = \"prometheus\"\n", "type = \"prometheus\"\n"+keys+"\n", 1))
}

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	good := fileWith(t, dir, "good", secretText+"\n", 0o600)
	fileWith(t, dir, "group", secretText, 0o640)
	for _, tc := range []struct {
		name string
		ref  string
		env  map[string]string
		err  string // "" when the secret must be read
	}{
		{"path", good, nil, ""},
		{"path readable by the group", filepath.Join(dir, "group"), nil, ""},
		{"bare name", "good", map[string]string{"CREDENTIALS_DIRECTORY": dir}, ""},
		{"environment wins", "/nowhere", map[string]string{"WARDEN_SOURCES_PROMETHEUS_TOKEN": secretText}, ""},
		{"empty environment does not", good, map[string]string{"WARDEN_SOURCES_PROMETHEUS_TOKEN": ""}, ""},
		{"bare name without a directory", "planted-name", nil, "LoadCredential"},
		{"bare name not there", "planted-name", map[string]string{"CREDENTIALS_DIRECTORY": dir}, "no such file"},
		{"others read", fileWith(t, dir, "o-r", secretText, 0o604), nil, "chmod 600"},
		{"others write", fileWith(t, dir, "o-w", secretText, 0o602), nil, "chmod 600"},
		{"group writes", fileWith(t, dir, "g-w", secretText, 0o620), nil, "chmod 600"},
		{"empty", fileWith(t, dir, "empty", "\n", 0o600), nil, "is empty"},
		{"two lines", fileWith(t, dir, "lines", secretText+"\nmore", 0o600), nil, "one line"},
		{"too large", fileWith(t, dir, "large", strings.Repeat("x", 70000), 0o600), nil, "64 KiB"},
		{"directory", dir, nil, "regular file"},
		{"environment with a line break", good, map[string]string{"WARDEN_SOURCES_PROMETHEUS_TOKEN": secretText + "\n"}, "one line"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := sourceConfig(t, `token_file = "`+tc.ref+`"`)
			env := func(k string) (string, bool) { v, ok := tc.env[k]; return v, ok }
			got, err := c.Credentials("prometheus", "", env)
			report := config.CheckFiles(c, "", env)
			if tc.err == "" {
				if err != nil || got.Token.Reveal() != secretText {
					t.Fatalf("%q, %v", got.Token.Reveal(), err)
				}
				if report.Count(config.SeverityError) != 0 {
					t.Errorf("%s", report)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.err) || !strings.HasPrefix(err.Error(), "sources.prometheus.token_file: ") {
				t.Fatalf("error %v, want %q", err, tc.err)
			}
			if strings.Contains(err.Error()+report.String(), "planted") {
				t.Errorf("a secret came out: %v\n%s", err, report)
			}
			if report.Count(config.SeverityError) != 1 || report[0].Line != 5 || report[0].Col != 14 {
				t.Errorf("CheckFiles: %s", report)
			}
		})
	}
}

func TestCredentialsOfNothing(t *testing.T) {
	env := func(string) (string, bool) { return "planted", true }
	got, err := sourceConfig(t, "").Credentials("prometheus", "", env)
	if err != nil || got.Token.IsSet() || got.Password.IsSet() || got.Username != "" {
		t.Errorf("a key that is not in the file was looked up: %v", err)
	}
}

func TestCheckFiles(t *testing.T) {
	dir := t.TempDir()
	fileWith(t, dir, "notasocket", "", 0o600)
	none := func(string) (string, bool) { return "", false }
	text := strings.NewReplacer(
		`{ type = "static", hosts = ["web-1", "web-2", "web-3"] }`, `{ type = "file", path = "`+dir+`/hosts.json" }`,
		"unix:/run/haproxy/admin.sock", "unix:"+dir+"/notasocket",
	).Replace(config.Minimal())
	for _, tc := range []struct{ freeze, want string }{
		{dir + "/freeze", ""},
		{dir + "/notasocket", "warden is frozen while it does"},
		{dir + "/notasocket/freeze", "counts that as frozen"},
		{dir + "/none/freeze", "does not exist, so nobody can create"},
	} {
		report := config.CheckFiles(parse(t, text+"\n[guardrails]\nfreeze_file = \""+tc.freeze+"\"\n"), "", none)
		out := report.String()
		for _, want := range []string{
			"t.toml:8:46: warning: path: " + dir + "/hosts.json: no such file or directory",
			"t.toml:23:11: error: address: " + dir + "/notasocket is not a socket",
			tc.want,
		} {
			if !strings.Contains(out, want) {
				t.Errorf("want %q in:\n%s", want, out)
			}
		}
		if tc.want == "" && len(report) != 2 {
			t.Errorf("more than wanted:\n%s", out)
		}
	}
}
