package audit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// TestWriterGoesOnFromAnything: whatever a crash or a person made of the newest
// file, the next start goes on, up to where the ledger is, and gives up no line
// that is there.
func TestWriterGoesOnFromAnything(t *testing.T) {
	t.Parallel()
	n := newNode(t, t.TempDir(), "a-1", nil)
	n.some(6)
	n.close()
	whole := readFile(t, filepath.Join(n.dir, "audit.jsonl"))
	root, tries := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		tries++
		text := bytes.Clone(whole)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			p := rapid.IntRange(0, max(0, len(text)-1)).Draw(t, "at")
			switch q := min(len(text), p+rapid.IntRange(0, 400).Draw(t, "many")); rapid.IntRange(0, 3).Draw(t, "how") {
			case 0:
				if len(text) > 0 {
					text[p] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
				}
			case 1:
				text = append(text[:p:p], text[q:]...)
			case 2:
				text = append(text[:p:p], append([]byte("\n"), text[p:]...)...)
			default:
				text = append(text[:p:p], bytes.Repeat([]byte{0}, q-p)...) // as after a power cut
			}
		}
		dir := filepath.Join(root, fmt.Sprint(tries))
		after := &node{t: t, dir: dir, options: n.options, log: n.log}
		after.options.Path = filepath.Join(dir, "audit.jsonl")
		if err := layoutOf(after.options.Path).prepare(); err != nil {
			t.Fatal(err)
		}
		writeFile(t, after.options.Path, text)
		after.open()
		after.replay(nil)
		after.some(2)
		after.close()
		r := verify(t, dir, after.anchor())
		if r.Last != after.anchor().Head || !r.Anchors[0].Fits {
			t.Fatalf("the ledger is at %v: %s", after.anchor().Head, indented(r))
		}
	})
}

// TestVerifyDoubtsAnEditedFirstLine: a number that was changed in a file's first line
// takes the file nowhere else, and that is all that is found.
func TestVerifyDoubtsAnEditedFirstLine(t *testing.T) {
	t.Parallel()
	n := newNode(t, filepath.Join(t.TempDir(), "whole"), "a-1", func(o *Options) { o.FileBytes = 1500 })
	n.some(12)
	a := n.anchor()
	n.close()
	l := layoutOf(filepath.Join(n.dir, "audit.jsonl"))
	full, err := l.list()
	if err != nil || len(full) < 3 {
		t.Fatalf("%d files: %v", len(full), err)
	}
	for i, name := range append([]string{l.current()}, full[0].name, full[len(full)-1].name) {
		for seq := range len(full) + 3 {
			text := readFile(t, filepath.Join(n.dir, name))
			was := regexp.MustCompile(`"seq":\d+`).Find(text)
			now := fmt.Appendf(nil, `"seq":%d`, seq)
			if bytes.Equal(was, now) {
				continue
			}
			dir := filepath.Join(t.TempDir(), fmt.Sprint(i, seq))
			if err := os.CopyFS(dir, os.DirFS(n.dir)); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, name), bytes.Replace(text, was, now, 1))
			r := verify(t, dir, a)
			if f := r.first(); damage(r) != 1 || f.Kind != FoundEdited || f.File != name || f.Line != 1 {
				t.Errorf("%s with %s: %s", name, now, indented(r))
			}
		}
	}
}

// TestWriterLeavesAGarbledHead: a flipped bit in a file's first line can make it
// another node's; what is written from then on must not go with it.
func TestWriterLeavesAGarbledHead(t *testing.T) {
	t.Parallel()
	n := newNode(t, t.TempDir(), "a-1", nil)
	n.some(6)
	n.close()
	path := filepath.Join(n.dir, "audit.jsonl")
	writeFile(t, path, bytes.Replace(readFile(t, path), []byte(`"a-1"`), []byte(`"!-1"`), 1))
	n.open()
	n.replay(nil)
	n.some(2)
	n.close()
	if r := verify(t, n.dir, n.anchor()); r.Last != n.anchor().Head || !r.Anchors[0].Fits {
		t.Errorf("the ledger is at %v: %s", n.anchor().Head, indented(r))
	}
	if aside := readFile(t, path+".damaged-1"); !bytes.Contains(aside, []byte(`"!-1"`)) {
		t.Error("the damaged file was not kept")
	}
}

// TestWriterLeavesAGarbledCluster: where no note says which cluster it was, a
// first line that is damaged is not believed.
func TestWriterLeavesAGarbledCluster(t *testing.T) {
	t.Parallel()
	n := newNode(t, t.TempDir(), "a-1", nil)
	n.some(6)
	n.close()
	path := filepath.Join(n.dir, "audit.jsonl")
	head, _, _ := bytes.Cut(readFile(t, path), []byte("\n"))
	writeFile(t, path, append(bytes.Replace(head, []byte(`"c-1"`), []byte(`"g-1"`), 1), '\n'))
	if err := os.Remove(layoutOf(path).path(layoutOf(path).note())); err != nil {
		t.Fatal(err)
	}
	n.open()
	n.replay(nil)
	n.some(2)
	n.close()
	if r := verify(t, n.dir, n.anchor()); r.Last != n.anchor().Head || !r.Anchors[0].Fits {
		t.Errorf("the ledger is at %v: %s", n.anchor().Head, indented(r))
	}
}
