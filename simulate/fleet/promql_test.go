package fleet

import "testing"

// Whatever is asked, the parser answers with an expression that can be
// evaluated or with an error; it never hangs or panics.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`sum by (pool) (increase(canary_received_total{instance=~"a|b",pool!="x"}[1h30m]))`, `timestamp(up)`, "-1e9", "{a='\\x00'}", "up[5m", "sum(up) by", `{__name__="a"}`,
	} {
		f.Add(seed)
	}
	fleet, err := New(Options{N: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		x, err := parse(query)
		if (x == nil) == (err == nil) {
			t.Fatalf("%v, %v", x, err)
		}
		if m, ok := x.(matrix); ok && m.span <= 0 {
			t.Fatalf("span %v", m.span)
		}
		if err == nil {
			_, _ = fleet.prom.eval.eval(x, []int64{fleet.history.now()})
		}
	})
}
