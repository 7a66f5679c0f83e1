package config

import "testing"

func TestNearest(t *testing.T) {
	keys := []string{"bad_below", "clear_above", "for", "url", "window", "pools"}
	for got, want := range map[string]string{
		"bad_bellow": "bad_below", "badbelow": "bad_below", "windwo": "window", "fro": "for", "pool": "pools",
		"urll": "url", "Window": "window", "x": "", "interval": "", "": "",
	} {
		if n := Nearest(got, keys); n != want {
			t.Errorf("Nearest(%q) = %q, want %q", got, n, want)
		}
	}
	if d := distance("abcd", "badc"); d != 2 {
		t.Errorf("two swaps are %d", d)
	}
}
