package fakeslack

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func testRenderer(tb testing.TB) *renderer {
	tb.Helper()
	ws := Example()
	if err := ws.complete(); err != nil {
		tb.Fatal(err)
	}
	return &renderer{ws: &ws, loc: time.FixedZone("CET", 3600), now: night}
}

func TestMrkdwn(t *testing.T) {
	t.Parallel()
	r := testRenderer(t)
	for in, want := range map[string]string{
		"plain":                   "plain",
		"*bold* and _it_ ~no~":    "<b>bold</b> and <i>it</i> <s>no</s>",
		"*a _b_ c*":               "<b>a <i>b</i> c</b>",
		"2*3*4 a_b_c ** *x":       "2*3*4 a_b_c ** *x",
		"`a *b* <c>`":             "<code>a *b* &lt;c&gt;</code>",
		"a\nb":                    "a<br>b",
		"x ```one\ntwo``` y":      "x <pre>one\ntwo</pre> y",
		"``` never closed":        "``` never closed",
		"&gt; quoted\n> too\nnot": "<blockquote>quoted<br>too</blockquote>not",
		"<@U0ALICE> in <#C0OPS> <!here> <!subteam^S0ONCALL>": `<span class="ref">@alice</span> in <span class="ref">#ops</span> <span class="ref">@here</span> <span class="ref">@oncall-ops</span>`,
		"<https://example.net/a?b=1&amp;c=2|the graph>":      `<a rel="noreferrer noopener" target="_blank" href="https://example.net/a?b=1&amp;c=2">the graph</a>`,
		"<javascript:alert(1)|x>":                            "&lt;javascript:alert(1)|x&gt;",
		"<script>alert(1)</script>":                          "&lt;script&gt;alert(1)&lt;/script&gt;",
		"&lt;b&gt; &amp;amp;":                                "&lt;b&gt; &amp;amp;",
		"<!date^1763608320^{date_num} {time}|then>":          `<span class="ref">2025-11-20 04:12</span>`,
		"<!date^1795144320^{date_short_pretty} at {time}|x>": `<span class="ref">today at 04:12</span>`,
		"<!date^soon^{time}|then>":                           `<span class="ref">then</span>`,
		":warning: <!whoever>":                               "⚠️ &lt;!whoever&gt;",
	} {
		if got := string(r.mrkdwn(in)); got != want {
			t.Errorf("%q\n got %s\nwant %s", in, got, want)
		}
	}
	if got := string(r.plain("*a* <b>\nc")); got != "*a* &lt;b&gt;<br>c" {
		t.Errorf("plain: %s", got)
	}
}

// made are the tags that the renderer may make, whole.
var made = regexp.MustCompile(`</?(b|i|s|code|pre|blockquote|span|a)>|<br>|<span class="ref">|<a rel="noreferrer noopener" target="_blank" href="(https?://|mailto:)[^"<>]*">`)

// FuzzMrkdwn looks for text that becomes markup: without the tags that the
// renderer makes, no angle bracket or quote may be left.
func FuzzMrkdwn(f *testing.F) {
	for _, seed := range []string{
		"*a*", "_`x`_", "<https://a.b|\"><script>", "<@U0ALICE|<b>>", "```", "&lt;img src=x onerror=alert(1)&gt;", "<mailto:a@b|*c*>",
		"> a\n&gt; b", "<!date^1^\"|'>", "*" + strings.Repeat("_*", 50), "<http://a\"b>", "\x00\xff", "<a|b|c>", "<!subteam^S|&lt;>",
	} {
		f.Add(seed)
	}
	r := testRenderer(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, out := range []string{string(r.mrkdwn(text)), string(r.plain(text))} {
			if left := made.ReplaceAllString(out, ""); strings.ContainsAny(left, `<>"'`) {
				t.Errorf("%q became %q", text, out)
			}
			for _, tag := range []string{"b", "i", "s", "code", "pre", "blockquote", "span", "a"} {
				opened := strings.Count(out, "<"+tag+">") + strings.Count(out, "<"+tag+" ")
				if closed := strings.Count(out, "</"+tag+">"); opened != closed {
					t.Errorf("%q: <%s> opens %d and closes %d times: %q", text, tag, opened, closed, out)
				}
			}
		}
	})
}
