package command

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	const known = "s3cr/et+value"
	keyHead := strings.Repeat("-", 5) + "BEGIN PRIVATE KEY" + strings.Repeat("-", 5) // not one, for those who look for them
	for in, want := range map[string]string{
		"plain\ntext":                     "plain\ntext",
		"red \x1b[31mtext\x07":            `red \x1b[31mtext\a`,
		"bad \xff\xfe bytes":              "bad \ufffd bytes",
		"dos\r\nlines\r\n":                "dos\nlines",
		"left\u202eright":                 `left\u202eright`,
		"got s3cr/et+value here":          "got [redacted] here",
		"url s3cr%2Fet%2Bvalue":           "url [redacted]",
		"base64 czNjci9ldCt2YWx1ZQ==":     "base64 [redacted]",
		"password=hunter2 next":           "password=[redacted] next",
		"DB_PASSWORD: hunter2":            "DB_PASSWORD: [redacted]",
		`{"token": "abc", "x": 1}`:        `{"token": [redacted], "x": 1}`,
		"api-key='a b c'":                 "api-key=[redacted]",
		"Authorization: Basic abc def":    "Authorization: [redacted]",
		"curl -H Bearer abcdef0123":       "curl -H Bearer [redacted]",
		"mysql --password hunter2 -u x":   "mysql --password [redacted] -u x",
		"https://user:pass@example.net/x": "https://[redacted]@example.net/x",
		keyHead + "\nabc\nd":              keyHead + "[redacted]",
		"the token was refused":           "the token was refused",
		"keyboard=us tokens":              "keyboard=us tokens",
	} {
		if got := Redact([]byte(in), []string{known, ""}); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestRedactThenCut holds that no half of a secret is left where the output is cut.
func TestRedactThenCut(t *testing.T) {
	t.Parallel()
	const known = "0123456789abcdef"
	for pad := range 40 {
		raw := strings.Repeat("x", 3000) + known + strings.Repeat("y", MaxShown-20+pad)
		got := Redact([]byte(raw), []string{known})
		if len(got) > MaxShown || strings.Contains(got, known[8:]) || strings.Contains(got, known[:8]) {
			t.Fatalf("%d bytes: %.60q", len(got), got)
		}
	}
	long := Redact([]byte(strings.Repeat("one line\n", 2000)), nil)
	if !strings.HasPrefix(long, "...\none line\n") || len(long) > MaxShown {
		t.Errorf("%d bytes: %.40q", len(long), long)
	}
	if got := LastLine("first\n  last  \n"); got != "last" {
		t.Errorf("%q", got)
	}
}

// A kept end may begin in the middle of a secret, and what is taken out behind
// it may make the whole short enough to be shown.
func TestRedactHalfAtTheCut(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, "%d material ", i)
	}
	secret := b.String()
	raw := []byte(strings.Repeat(secret, tailBytes/len(secret)+2))
	if got := Redact(raw[len(raw)-tailBytes:], []string{secret}); strings.Contains(got, "material") {
		t.Errorf("%.200q", got)
	}
	if got := Redact([]byte("material is short"), []string{secret}); got != "material is short" {
		t.Errorf("nothing was cut: %q", got)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add([]byte("password=x \x1b[0m \xff"), "planted")
	f.Fuzz(func(t *testing.T, raw []byte, secret string) {
		got := Redact(raw, []string{secret})
		if !utf8.ValidString(got) || len(got) > MaxShown || strings.IndexFunc(got, unprintable) >= 0 {
			t.Fatalf("%q", got)
		}
		if len(secret) > 12 && !strings.Contains(redacted, secret) && utf8.ValidString(secret) && strings.IndexFunc(secret, unprintable) < 0 && strings.Contains(got, secret) && strings.Contains(string(raw), secret) && !strings.Contains(secret, "\n") && !strings.Contains(secret, "red") {
			t.Fatalf("%q is in %q", secret, got)
		}
	})
}

func TestVariables(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"KRB5CCNAME": true, "_x": true, "PATH": false, "LANG": false, "WARDEN_HOST": false, "LD_PRELOAD": false, "a-b": false, "": false, "1x": false, "A=B": false,
	} {
		if got := CheckVariable(name) == nil; got != ok {
			t.Errorf("%q: %v", name, got)
		}
	}
	lookup := func(n string) (string, bool) { return "v" + n, n != "NONE_TOKEN" }
	if got := strings.Join(SecretsOf([]string{"CONSUL_HTTP_TOKEN", "SSHPASS", "NONE_TOKEN", "MYSQL_PWD", "ON"}, lookup), " "); got != "vCONSUL_HTTP_TOKEN vSSHPASS vMYSQL_PWD" {
		t.Errorf("%q", got)
	}
}
