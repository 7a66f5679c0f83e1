package remedy

import (
	"math"
	"regexp"
	"testing"
	"time"
)

func at(sec int64) time.Time { return time.Unix(sec, 0).UTC() }

func TestFrame(t *testing.T) {
	t.Parallel()
	q := NewQuery("s", "x", at(100), at(160), 30*time.Second).KeyedBy("host")
	f := NewFrame(q, []Series{
		{Labels: map[string]string{"host": "a"}, Points: []Point{{At: 100_000, Value: 1}, {At: 160_000, Value: math.NaN()}, {At: 190_000, Value: 9}}},
		{Labels: map[string]string{"host": "b"}, Points: []Point{{At: 131_000, Value: 9}}},
		{Labels: map[string]string{"job": "none"}, Points: []Point{{At: 130_000, Value: 9}}},
		{Labels: map[string]string{"host": "b"}},
	})
	if f.Keys.Len() != 2 {
		t.Errorf("%d series have a point on an instant, want 2", f.Keys.Len())
	}
	if !f.Fits(q) || f.Steps() != 3 || f.Keys.Name(0) != "a" || f.Keys.Name(1) != "" {
		t.Fatalf("%+v", f)
	}
	if f.At(0, 0) != 1 || !IsMissing(f.At(0, 1)) || IsMissing(f.At(0, 2)) || !math.IsNaN(f.At(0, 2)) || f.At(1, 1) != 9 || !IsMissing(f.At(1, 0)) || !IsMissing(f.At(7, 0)) {
		t.Errorf("%v %v", f.Points(0), f.Points(1))
	}
	last := NewQuery("s", "x", at(160), at(160), 30*time.Second)
	if w := f.Window(last); w.Steps() != 1 || w.Start != 160_000 || !w.Fits(last) {
		t.Errorf("%+v", w)
	}
	for _, q := range []Query{
		NewQuery("s", "x", at(70), at(160), 30*time.Second),
		NewQuery("s", "x", at(100), at(190), 30*time.Second),
		NewQuery("s", "x", at(110), at(140), 30*time.Second),
		NewQuery("s", "x", at(100), at(160), 15*time.Second),
	} {
		if w := f.Window(q); w != nil {
			t.Errorf("%v is answered by %+v", q, w)
		}
	}
	buckets := &Frame{Keys: f.Keys, Start: q.Start.UnixMilli(), Step: 7_000, Cols: f.Cols, Widths: []int64{7_000, 0}}
	if buckets.Fits(q) || !buckets.FitsBuckets(q) || buckets.Window(q) != nil {
		t.Error("a frame of buckets has its own step")
	}
	late := *buckets
	late.Start += 60_000
	if f.FitsBuckets(q) || late.FitsBuckets(q) || (*Frame)(nil).FitsBuckets(q) {
		t.Error("buckets outside of the window, or none at all, fit")
	}
	if (*Frame)(nil).Fits(q) || (*Frame)(nil).Window(q) != nil {
		t.Error("no frame answers something")
	}
}

func TestRows(t *testing.T) {
	t.Parallel()
	short := regexp.MustCompile(`^([^.:]+)`)
	tests := []struct {
		name      string
		rule      HostRule
		keys      []string
		hosts     []HostName
		want      []int32
		unmatched int
	}{
		{"as they are", HostRule{}, []string{"b", "a", "", "x"}, []HostName{"a", "b", "c"}, []int32{1, 0, RowNone}, 2},
		{"two series", HostRule{}, []string{"a", "b", "a"}, []HostName{"a", "b"}, []int32{RowAmbiguous, 1}, 0},
		{"spellings meet", HostRule{Regex: short}, []string{"a:9100", "b.example.net", ":1"}, []HostName{"a.example.net", "b"}, []int32{0, 1}, 1},
		{"two hosts of one name", HostRule{Regex: short}, []string{"a:1"}, []HostName{"a.one", "a.two", "b"}, []int32{RowAmbiguous, RowAmbiguous, RowNone}, 0},
		{"a node", HostRule{Node: 3}, []string{"canary.received.a.x", "sumSeries(canary.received.b.*)", "scale(sum(canary.received.c.x),60)", "one.two"},
			[]HostName{"a", "b", "c"}, []int32{0, 1, 2}, 1},
		{"the first of several paths", HostRule{Node: 2}, []string{"asPercent(got.a.n,sum(sent.b.n))", "divideSeries(sumSeries(got.{b,c}.n),got.a.n)", `alias(scale( got.c.n, 2),"x")`, "got.d;env=prod", ""},
			[]HostName{"a", "{b,c}", "c", "d"}, []int32{0, 1, 2, 3}, 1},
		{"from the end", HostRule{Node: -1}, []string{"x.a", `alias(x.b, "c")`}, []HostName{"a", "b"}, []int32{0, 1}, 0},
		{"a node that is a host and port", HostRule{Node: 2, Regex: regexp.MustCompile(`^(\w+?)_`)}, []string{"x.a_example_net.y"}, []HostName{"a"}, []int32{0}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, r := NewKeys(tt.keys), NewRoster(tt.hosts)
			got := k.Rows("p", r, tt.rule)
			for i, w := range tt.want {
				if got.Rows[i] != w {
					t.Errorf("%s: row %d, want %d", tt.hosts[i], got.Rows[i], w)
				}
			}
			if got.Unmatched != tt.unmatched {
				t.Errorf("%d unmatched, want %d", got.Unmatched, tt.unmatched)
			}
			if k.Rows("p", r, tt.rule) != got || k.Rows("p", NewRoster(tt.hosts), tt.rule) == got || k.Rows("q", r, tt.rule) == got {
				t.Error("what is remembered is not for the same question")
			}
		})
	}
}

func TestEachRow(t *testing.T) {
	t.Parallel()
	rows := NewKeys([]string{"a", "b", "a", "a"}).Rows("p", NewRoster([]HostName{"a", "b", "c"}), HostRule{})
	for host, want := range [][]int32{{0, 2, 3}, {1}, nil} {
		var got []int32
		rows.Each(host, func(r int32) { got = append(got, r) })
		if len(got) != len(want) || (len(got) == 3 && (got[0] != 0 || got[2] != 3)) {
			t.Errorf("host %d: %v, want %v", host, got, want)
		}
	}
}
