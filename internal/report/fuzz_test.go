package report_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// FuzzPage has all that people, inventories and configs say in a trust report be
// anything: the page has the tags that it has for harmless words, fetches and runs
// nothing, and is text that a browser and a terminal can show.
func FuzzPage(f *testing.F) {
	for _, s := range []string{
		"web-07", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "'-->", "{{.}}", "</style><b>", "\x1b[31mred", "\u202eback", "a\xff", "javascript:alert(1)", "]]>", "`${1}`", "&lt;b&gt;",
		"`warden <b>`", "`a = </code><script>`", "a\r\nb", "\x00", "\u2028", strings.Repeat("<", 10_000), strings.Repeat("🔥", 10_000),
	} {
		f.Add(s, s)
		f.Add("web", s)
	}
	page := func(t *testing.T, name, said string) string {
		t.Helper()
		e := evidence(12, 4, "")
		e.Action, e.Pool, e.Demotion = remedy.ActionName(name), remedy.PoolName(name), &trust.Demotion{
			Action: remedy.ActionName(name), Pool: remedy.PoolName(name), To: remedy.LevelNotify, From: remedy.LevelConfirm, At: now, By: remedy.Actor{Name: name, Person: true}, Why: trust.WhyPerson, Reason: said,
		}
		e.Effective = remedy.LevelNotify
		r := &e.Current[0]
		r.Action, r.Pool, r.Detector = e.Action, e.Pool, remedy.DetectorName(name)
		for i := range r.Cases {
			r.Cases[i].Host = remedy.HostName(name)
			for j := range r.Cases[i].Said {
				r.Cases[i].Said[j].By, r.Cases[i].Said[j].Note = name, said
			}
		}
		p := pageOf(e)
		p.Node, p.Version, p.Config, p.Cluster = remedy.NodeID(name), said, said, name
		for i := range p.Rows {
			p.Rows[i].Worst = said
			for j := range p.Rows[i].Wrong {
				p.Rows[i].Wrong[j].Cause = said
			}
		}
		return render(t, p)
	}
	f.Fuzz(func(t *testing.T, name, said string) {
		got := page(t, "x"+name, "x"+said)
		harmless := func(tag string) bool { return tag == "code" || tag == "/code" } // what stands in backticks
		want := slices.DeleteFunc(shape(page(t, "x", "x")), harmless)
		if have := slices.DeleteFunc(shape(got), harmless); !slices.Equal(have, want) {
			t.Errorf("other tags: %q, want %q", have, want)
		}
		if strings.Count(got, "<code>") != strings.Count(got, "</code>") {
			t.Error("code that is left open")
		}
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }) {
			t.Error("the page has what paints a terminal")
		}
	})
}
