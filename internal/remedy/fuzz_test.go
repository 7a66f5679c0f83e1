package remedy

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzParseCaseID reads anything as a case id: what is taken, spells itself in
// one way and is read back as the same, also from JSON.
func FuzzParseCaseID(f *testing.F) {
	for _, s := range []string{"W-1042", "w-1", "1042", "", "W-", "W--1", "W-18446744073709551616", "W-1 ", "W-0x10", "W-w-1", "+1", "1_000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseCaseID(s)
		if err != nil {
			if id != 0 || !strings.Contains(err.Error(), "W-1042") {
				t.Fatalf("%d, %v", id, err)
			}
			return
		}
		if strings.ContainsAny(s, " \t\n;&|<>$\x00/") {
			t.Fatalf("%q is taken for %s", s, id)
		}
		back, err := ParseCaseID(id.String())
		if err != nil || back != id {
			t.Fatalf("%q is %s, and that is %s, %v", s, id, back, err)
		}
		b, err := json.Marshal(id)
		var from CaseID
		if err != nil || json.Unmarshal(b, &from) != nil || from != id {
			t.Fatalf("%s in JSON is %s", id, b)
		}
	})
}

// FuzzPathNode takes a node out of any target: never more than the target has,
// and never what no path holds.
func FuzzPathNode(f *testing.F) {
	for _, s := range []string{"a.b.c", "alias(a.b.c,'x y')", "a.{b,c}.d;x=y", "scale( a.b , 2)", "}}((", "a.b .c", "\xff.b", ";=;", "seriesByTag('a=b')"} {
		f.Add(s, 2)
		f.Add(s, -1)
	}
	f.Fuzz(func(t *testing.T, target string, node int) {
		got, ok := pathNode(target, node)
		if ok != (got != "") || !strings.Contains(target, got) || strings.ContainsAny(got, "\n\r\x00\x1b.") {
			t.Fatalf("node %d of %q is %q, %v", node, target, got, ok)
		}
	})
}
