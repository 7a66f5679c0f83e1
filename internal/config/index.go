package config

import (
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// position is a place in the file, counted from 1; columns count bytes.
type position struct{ line, col int }

// place is where a key stands and where its value does. For a table both are
// its header.
type place struct {
	key, value position
	// explicit is false for a table that is only implied by the header of one
	// inside it.
	explicit bool
}

// duplicate is a key or table that is defined a second time.
type duplicate struct {
	path  []string
	at    position
	first position
}

// index maps the path of every key and table of a document to its place.
// go-toml's decoder drops positions, so this walks its parser once more.
type index struct {
	places     map[string]place
	duplicates []duplicate
	lines      []int // offset of each line's first byte
	data       []byte
	deep       position // where something is nested too deeply; else zero
	wide       position // where a table has too many keys; else zero
	keys       map[string]int
}

// maxKeys is how many keys and tables one table may have: go-toml looks for
// duplicates by comparing each with each.
const maxKeys = 5000

// maxDepth is how many parts a key's path may have. No key of warden has more
// than six; what is built from paths grows with the square of their length.
const maxDepth = 32

// pathKey joins a path into a map key. NUL can't be typed by accident.
func pathKey(path []string) string { return strings.Join(path, "\x00") }

// element is the path element of an array's i-th entry.
func element(i int) string { return "[" + strconv.Itoa(i) + "]" }

// newIndex walks the document. It stops quietly at the first error of syntax:
// what came before has its places, and the decoder reports the error.
func newIndex(data []byte) *index {
	ix := &index{places: map[string]place{}, lines: []int{0}, data: data, keys: map[string]int{}}
	for i, c := range data {
		if c == '\n' {
			ix.lines = append(ix.lines, i+1)
		}
	}
	var (
		p     unstable.Parser
		table []string
		// arrays counts the tables so far of each array of tables.
		arrays = map[string]int{}
	)
	p.Reset(data)
	for p.NextExpression() {
		switch n := p.Expression(); n.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, start, _ := keyOf(n)
			// The bracket stands before the first part of the key, after at
			// most some blanks.
			for start > 0 && data[start] != '[' {
				start--
			}
			if n.Kind == unstable.ArrayTable && start > 0 && data[start-1] == '[' {
				start--
			}
			at := ix.at(start)
			path = within(path, arrays)
			if n.Kind == unstable.ArrayTable {
				k := pathKey(path)
				ix.add(path, place{key: at, value: at, explicit: true}, false)
				path = join(path, element(arrays[k]))
				arrays[k]++
			}
			ix.add(path, place{key: at, value: at, explicit: true}, n.Kind == unstable.Table)
			table = path
		case unstable.KeyValue:
			ix.keyValue(table, n)
		default: // comments are not kept; every other kind is inside these
		}
		if ix.refused() {
			break
		}
	}
	return ix
}

// within says which table a header means that stands below an array of tables:
// one inside the newest of them.
func within(path []string, arrays map[string]int) []string {
	const deepest = 16 // no table of warden's is deeper, and each part is looked at with all before it
	if len(arrays) == 0 || len(path) > deepest {
		return path
	}
	out := make([]string, 0, len(path))
	for i, part := range path {
		out = append(out, part)
		if n := arrays[pathKey(out)]; n > 0 && i+1 < len(path) {
			out = append(out, element(n-1))
		}
	}
	return out
}

// keyOf returns a node's dotted key and the offsets where it begins and ends.
func keyOf(n *unstable.Node) (path []string, start, end int) {
	start = -1
	for it := n.Key(); it.Next(); {
		k := it.Node()
		path = append(path, string(k.Data))
		if start < 0 {
			start = int(k.Raw.Offset)
		}
		end = int(k.Raw.Offset + k.Raw.Length)
	}
	return path, max(start, 0), end
}

// keyValue records one assignment and everything inside its value.
func (ix *index) keyValue(table []string, n *unstable.Node) {
	key, start, end := keyOf(n)
	path := append(append([]string{}, table...), key...)
	ix.add(path, place{key: ix.at(start), value: ix.at(ix.valueAfter(end)), explicit: true}, true)
	ix.inside(path, n.Value())
}

func (ix *index) inside(path []string, value *unstable.Node) {
	if len(path) > maxDepth {
		ix.deep = ix.find(path[:1]).key
		return
	}
	switch value.Kind {
	case unstable.InlineTable:
		for it := value.Children(); it.Next() && !ix.refused(); {
			ix.keyValue(path, it.Node())
		}
	case unstable.Array:
		i := 0
		for it := value.Children(); it.Next() && !ix.refused(); i++ {
			child := it.Node()
			childPath := append(append([]string{}, path...), element(i))
			if child.Raw.Length > 0 {
				at := ix.at(int(child.Raw.Offset))
				ix.add(childPath, place{key: at, value: at, explicit: true}, false)
			}
			ix.inside(childPath, child)
		}
	default: // a scalar has nothing inside
	}
}

// add records a place, the tables implied by the path with it, and a
// duplicate when the same path was explicitly there before.
func (ix *index) add(path []string, p place, unique bool) {
	if len(path) > maxDepth {
		ix.deep = p.key
		return
	}
	for i := 1; i < len(path); i++ {
		if _, ok := ix.places[pathKey(path[:i])]; !ok {
			ix.places[pathKey(path[:i])] = place{key: p.key, value: p.key}
		}
	}
	if parent := pathKey(path[:len(path)-1]); unique {
		if ix.keys[parent]++; ix.keys[parent] > maxKeys {
			ix.wide = p.key
			return
		}
	}
	k := pathKey(path)
	if before, ok := ix.places[k]; ok && before.explicit {
		if unique {
			ix.duplicates = append(ix.duplicates, duplicate{path: path, at: p.key, first: before.key})
		}
		return
	}
	ix.places[k] = p
}

// valueAfter finds where a value begins, given where its key ends.
func (ix *index) valueAfter(end int) int {
	i := end
	for i < len(ix.data) && (ix.data[i] == ' ' || ix.data[i] == '\t' || ix.data[i] == '=') {
		i++
	}
	return i
}

// refused reports that the rest of the document was not walked.
func (ix *index) refused() bool { return ix.deep.line > 0 || ix.wide.line > 0 }

// line is the text of a line, counted from 1, or "" when there is none.
func (ix *index) line(n int) string {
	if n < 1 || n > len(ix.lines) {
		return ""
	}
	text, _, _ := strings.Cut(string(ix.data[ix.lines[n-1]:]), "\n")
	return text
}

// at turns an offset into a position.
func (ix *index) at(offset int) position {
	lo, hi := 0, len(ix.lines)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; ix.lines[mid] <= offset {
			lo = mid
		} else {
			hi = mid
		}
	}
	return position{line: lo + 1, col: offset - ix.lines[lo] + 1}
}

// key returns where the key at path stands, or else the nearest table around
// it; value returns where its value does. A document without any such table
// is pointed at by its first line.
func (ix *index) key(path []string) position   { return ix.find(path).key }
func (ix *index) value(path []string) position { return ix.find(path).value }

func (ix *index) find(path []string) place {
	for n := len(path); n > 0; n-- {
		if p, ok := ix.places[pathKey(path[:n])]; ok {
			return p
		}
	}
	return place{key: position{1, 1}, value: position{1, 1}}
}
