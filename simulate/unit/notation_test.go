package unit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// spell writes values one by one, for comparing.
func spell(values []Value) string {
	var out []string
	for _, v := range values {
		switch {
		case v.Omitted:
			out = append(out, "_")
		case v.Stale:
			out = append(out, "stale")
		default:
			out = append(out, strconv.FormatFloat(v.V, 'g', -1, 64))
		}
	}
	return strings.Join(out, " ")
}

// The wanted values are those of promtool 2.42: promtool_integration_test.go.
func TestParseValues(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"1+2x3": "1 3 5 7", "1-2x4": "1 -1 -3 -5 -7", "1x4": "1 1 1 1 1", "_": "_", "_x4": "_ _ _ _", "_x0 1": "1", "stale": "stale",
		"NaN": "NaN", "Inf -Inf +inf": "+Inf -Inf +Inf", " 1\t2\n 3 ": "1 2 3", "-1-2x2": "-1 -3 -5", "+1+2x1": "1 3", "1x0": "1", "1e3 .5 5.": "1000 0.5 5",
		"0x3": "0 0 0 0", "010": "8", "08": "8", "1x010": "1 1 1 1 1 1 1 1 1 1 1", "1+1e1x2": "1 11 21", "1+1e+1x1": "1 11", "0.1+0.1x3": "0.1 0.2 0.30000000000000004 0.4",
		"60x1 20x1 0 _ stale": "60 60 20 20 0 _ stale", "NaN+1x1": "NaN NaN",
	} {
		got, err := ParseValues(in)
		if err != nil || spell(got) != want {
			t.Errorf("%q: %s, %v; want %s", in, spell(got), err, want)
		}
	}
	for in, says := range map[string]string{
		"": "no values", "  ": "no values", "{{schema:1 sum:3}}": "native histogram", "{{}}x3": "native histogram", "1+-2x3": "can't be read", "1 + 2": "can't be read",
		"NaNx3": "can't be read", "1+Infx2": "can't be read", "1+2": "can't be read", "1x": "can't be read", "_x": "can't be read", "1_": "can't be read", "1_000": "can't be read",
		"0b1": "can't be read", "x3": "can't be read", "1x3x4": "can't be read", "stalex3": "can't be read", "STALE": "can't be read", "1,2": "can't be read", "1X3": "can't be read",
		"1x-1": "can't be read", "--1": "can't be read", "1e400": "can't be read", "1+2e400x1": "can't be read", "0x10x2": "can't be read", "1x99999": "20160 values", "_x20000 _x20000": "20160 values",
		"1x99999999999999999999": "20160 values", "nanx": "can't be read", "1.2.3": "can't be read", "-": "can't be read", ".": "can't be read",
	} {
		if got, err := ParseValues(in); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %s, %v; want an error with %q", in, spell(got), err, says)
		}
	}
}

// What an item stands for is what its definition says, however items are joined.
func TestParseValuesProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var text, want []string
		for range rapid.IntRange(1, 8).Draw(t, "items") {
			first, step, n := rapid.IntRange(-50, 50).Draw(t, "first"), rapid.IntRange(-9, 9).Draw(t, "step"), rapid.IntRange(0, 9).Draw(t, "times")
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				text, want = append(text, strconv.Itoa(first)), append(want, strconv.Itoa(first))
			case 1:
				text = append(text, fmt.Sprintf("%dx%d", first, n))
				for range n + 1 {
					want = append(want, strconv.Itoa(first))
				}
			case 2:
				text = append(text, fmt.Sprintf("%d%+dx%d", first, step, n))
				for k := range n + 1 {
					want = append(want, strconv.Itoa(first+k*step))
				}
			case 3:
				text = append(text, fmt.Sprintf("_x%d", n))
				for range n {
					want = append(want, "_")
				}
			case 4:
				text, want = append(text, "stale"), append(want, "stale")
			}
		}
		blanks := rapid.SampledFrom([]string{" ", "  ", "\t", "\n "}).Draw(t, "blanks")
		got, err := ParseValues(strings.Join(text, blanks))
		if len(want) == 0 { // only items that stand for nothing
			if err == nil {
				t.Fatalf("%q: no error", text)
			}
			return
		}
		if err != nil || spell(got) != strings.Join(want, " ") {
			t.Fatalf("%q: %s, %v; want %q", text, spell(got), err, want)
		}
	})
}

// Whatever is written, there are values or an error, at most maxValues, and what
// they spell is read again as the same.
func FuzzParseValues(f *testing.F) {
	for _, seed := range []string{"1+2x3", "1-2x4 _x4 stale", "NaN Inf -inf", "0x3 010 .5e-3", "{{schema:0}}", "_x _ 1e", "60x10 20x20"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := ParseValues(text)
		if (err == nil) != (len(values) > 0) || len(values) > maxValues {
			t.Fatalf("%d values, %v", len(values), err)
		}
		if err != nil {
			return
		}
		again, err := ParseValues(spell(values))
		if err != nil || len(again) != len(values) {
			t.Fatalf("%q spells %q, which is read as %d values, %v", text, spell(values), len(again), err)
		}
		for i, v := range values {
			w := again[i]
			if v.Omitted != w.Omitted || v.Stale != w.Stale || v.V != w.V && !(math.IsNaN(v.V) && math.IsNaN(w.V)) {
				t.Fatalf("%q: value %d is %+v, and %+v when read again", text, i, v, w)
			}
		}
	})
}
