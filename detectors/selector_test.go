package detectors

import (
	"strings"
	"testing"
	"time"
)

func TestIsSelector(t *testing.T) {
	yes := []string{
		`up`, ` up `, "up\n", `job:rate:sum`, `_x9`, `up{}`, `up{job="a"}`, `up {job="a"}`, `up{job="a",}`,
		`up{ job = "a" , x!="b", y=~"c.*", z!~'d' }`, `{__name__="up"}`, `{job="a"}`, "up{job=`a\\`}",
		`up{job="a\"}[5m]"}`, `up{job="offset 5m @ 3 [1m] }{"}`, `up{job='it"s'}`, `{"up.total", job="a"}`,
		`{"my.label"="x"}`, `up{job=""}`, "up{\n  job=\"a\",\n  b=\"c\"\n}", `up{job="ü"}`,
	}
	no := []string{
		``, ` `, `{}`, `{,}`, `up[5m]`, `up{job="a"}[5m]`, `up offset 5m`, `up @ 1`, `up @ start()`, `rate(up[5m])`,
		`timestamp(up)`, `sum(up)`, `up + up`, `up or up`, `-up`, `(up)`, `1`, `9up`, `NaN`, `inf`, `up{job="a"} offset 1m`,
		`up{job="a"`, `up job="a"}`, `up{job="a}`, `up{job=a}`, `up{job}`, `up{"job"}`, `up{job=="a"}`, `up{job~"a"}`, `up{job!"a"}`,
		`up{job="a" x="b"}`, `up{,}`, `up{job="a",,}`, `up{a:b="c"}`, `up} {`, `up{}{}`, `up # comment`, `up{job="a"} 5`,
		"up{job=\"a\nb\"}", "up{job=\"\xff\"}", `{"a", "b"}`, `"up"`, `up{job="a\`, `up{!="a"}`, `up;up`,
		"up\u00a0",
	}
	for _, e := range yes {
		if !IsSelector(e) {
			t.Errorf("%q is a selector", e)
		}
	}
	for _, e := range no {
		if IsSelector(e) {
			t.Errorf("%q is not a selector", e)
		}
	}
}

func FuzzIsSelector(f *testing.F) {
	for _, e := range []string{`up`, `up{job="a\"}"}`, `{"x", a='b'}`, "a{b=~`c`}", `rate(a{b="c"}[5m])`, `a{b="c"} offset 5m`, `{}`} {
		f.Add(e)
	}
	f.Fuzz(func(t *testing.T, e string) {
		if !IsSelector(e) {
			return
		}
		if !IsSelector(" " + e + "\n") {
			t.Errorf("white space around %q matters", e)
		}
		for _, tail := range []string{"[5m]", " offset 5m", " @ 1", "()", " + 1", "{}x", ")"} {
			if IsSelector(e + tail) {
				t.Errorf("%q is accepted", e+tail)
			}
		}
		for _, wrapped := range []string{"sum(" + e + ")", "-" + e, "(" + e + ")", "1 + " + e} {
			if IsSelector(wrapped) {
				t.Errorf("%q is accepted", wrapped)
			}
		}
		// Outside strings there is nothing that could end the selector.
		if bare := unquoted(e); strings.ContainsAny(bare, "()[]@#;+-*/%^<>\\") || strings.Count(bare, "{") > 1 {
			t.Errorf("%q holds more than a selector: %q", e, bare)
		}
	})
}

// unquoted removes the strings from an expression, by its own means.
func unquoted(e string) string {
	var out strings.Builder
	var quote rune
	escaped := false
	for _, c := range e {
		switch {
		case quote == 0 && strings.ContainsRune("\"'`", c):
			quote = c
		case quote == 0:
			out.WriteRune(c)
		case escaped:
			escaped = false
		case c == '\\' && quote != '`':
			escaped = true
		case c == quote:
			quote = 0
		}
	}
	return out.String()
}

func TestPromDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Hour: "1h", 90 * time.Minute: "90m", 10 * time.Minute: "10m", 90 * time.Second: "90s", 1500 * time.Millisecond: "1500ms",
	} {
		if got := promDuration(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}
