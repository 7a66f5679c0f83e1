package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"warden/internal/ledger"
)

// FuzzDamagedSnapshot overwrites a piece of a snapshot: it is refused, and the
// state left alone, unless what it says is the same.
func FuzzDamagedSnapshot(f *testing.F) {
	busy := busyRig(f)
	whole, want := snapshotOf(f, busy.l), hashOf(f, busy.l)
	f.Add(0, 0, []byte(" "))
	f.Add(len(whole), 0, []byte("\n"))
	f.Add(len(whole)-3, 1, []byte{})
	f.Add(len(whole)-20, 1, []byte("A"))
	f.Add(len(whole)/2, 1, []byte{0xff})
	f.Add(bytes.Index(whole, []byte("confirm")), 7, []byte("auto"))
	if cut := bytes.IndexByte(whole, '\n') + 1; cut > 0 { // a line less, and one twice
		next := cut + bytes.IndexByte(whole[cut:], '\n') + 1
		f.Add(cut, next-cut, []byte{})
		f.Add(next, 0, bytes.Clone(whole[cut:next]))
	}
	f.Fuzz(func(t *testing.T, at, length int, instead []byte) {
		if at < 0 || at > len(whole) || length < 0 || length > len(whole)-at || len(instead) > 1<<16 {
			return
		}
		l := ledger.New()
		before := hashOf(t, l)
		err := l.Restore(bytes.NewReader(slices.Concat(whole[:at], instead, whole[at+length:])))
		switch {
		case err == nil && hashOf(t, l) != want:
			t.Fatalf("another state was taken: %q instead of %q", instead, whole[at:at+length])
		case err != nil && !errors.Is(err, ledger.ErrSnapshot):
			t.Fatalf("it was refused with %v", err)
		case err != nil && hashOf(t, l) != before:
			t.Fatal("it was refused and changed the state")
		}
	})
}

// FuzzApplyAlike applies entries, a line each, to two ledgers, of which one is
// written down and read back between any two: both answer the same, and are the
// same.
func FuzzApplyAlike(f *testing.F) {
	busy := busyRig(f)
	snap := snapshotOf(f, busy.l)
	for n := 1; n < len(busy.log); n += 7 {
		f.Add(bytes.Join(busy.log[n-1:min(n+3, len(busy.log))], []byte("\n")))
	}
	for seed := range uint64(50) {
		a := anything{rand.New(rand.NewPCG(seed, 3))}
		f.Add(slices.Concat(a.entry(busy.l, t0().Add(time.Hour)), []byte("\n"), a.entry(busy.l, t0().Add(2*time.Hour))))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		one, other := ledger.New(), ledger.New()
		for _, l := range []*ledger.Ledger{one, other} {
			if err := l.Restore(bytes.NewReader(snap)); err != nil {
				t.Fatal(err)
			}
		}
		entries := bytes.Split(data, []byte("\n"))
		for i, entry := range entries[:min(len(entries), 8)] {
			if _, _, err := ledger.DecodeEntry(entry); err != nil {
				continue
			}
			index := busy.index + 1 + uint64(i)
			if x, y := told(t, one.Apply(index, busy.term, entry)), told(t, other.Apply(index, busy.term, entry)); x != y {
				t.Fatalf("one says %s\nthe other %s", x, y)
			}
			back := ledger.New()
			if err := back.Restore(bytes.NewReader(snapshotOf(t, other))); err != nil {
				t.Fatal(err)
			}
			if other = back; hashOf(t, one) != hashOf(t, other) {
				t.Fatal("they are not the same")
			}
		}
	})
}

// told is what an entry was answered.
func told(t *testing.T, answer any) string {
	t.Helper()
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
