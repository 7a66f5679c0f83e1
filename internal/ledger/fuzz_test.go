package ledger_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// FuzzApply applies whatever decodes to a busy ledger: it never panics, and
// what comes of it can be written down and read back.
func FuzzApply(f *testing.F) {
	busy := busyRig(f)
	snap := snapshotOf(f, busy.l)
	for _, data := range busy.log {
		f.Add(data)
	}
	for seed := range uint64(100) {
		a := anything{rand.New(rand.NewPCG(seed, 2))}
		f.Add(a.entry(busy.l, t0().Add(time.Hour)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, _, err := ledger.DecodeEntry(data); err != nil {
			return
		}
		l := ledger.New()
		if err := l.Restore(bytes.NewReader(snap)); err != nil {
			t.Fatal(err)
		}
		l.Apply(busy.index+1, busy.term, data)
		restored(t, l)
		l.Facts(ledger.FactsQuery{Pool: pool, Host: "h1", Action: drain, Detector: canary, Now: t0(), Shadow: true})
	})
}

// FuzzDecodeEntry decodes anything, and encodes what it understood.
func FuzzDecodeEntry(f *testing.F) {
	f.Add([]byte(`{"v":1,"at":"2026-03-02T09:00:00Z","by":{"name":"warden"},"ops":[{"kind":"clock.accept","body":{}}]}`))
	f.Add([]byte(`{"v":1,"ops":null}`))
	f.Add([]byte(`{"v":1,"ops":[{"kind":"hold.set","body":{"until":"9999-12-31T23:59:59-23:59"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, bodies, err := ledger.DecodeEntry(data)
		if err != nil {
			return
		}
		if len(bodies) != len(e.Ops) {
			t.Fatalf("%d bodies of %d operations", len(bodies), len(e.Ops))
		}
		again, err := e.Encode()
		if err != nil {
			t.Fatalf("it decodes and can't be encoded: %v", err)
		}
		if _, _, err := ledger.DecodeEntry(again); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzRestore reads anything as a snapshot: it never panics, refuses with
// ErrSnapshot and leaves the state alone, and what it takes can be gone on from.
func FuzzRestore(f *testing.F) {
	r := busyRig(f)
	whole := snapshotOf(f, r.l)
	f.Add(whole, 0, byte(0), false)
	f.Add(whole, len(whole)/2, byte(1), false)
	f.Add(whole[:len(whole)-9], 0, byte(0), false)
	f.Add(snapshotOf(f, ledger.New()), 3, byte(0x20), false)
	lines := bytes.Split(bytes.TrimSpace(whole), []byte("\n"))
	f.Add(bytes.Join(lines[:len(lines)-1], []byte("\n")), 0, byte(0), true)
	for i := 1; i < len(lines)-1; i++ {
		f.Add(bytes.Join([][]byte{lines[0], lines[i]}, []byte("\n")), 0, byte(0), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, at int, flip byte, seal bool) {
		data = bytes.Clone(data)
		if len(data) > 0 && at >= 0 {
			data[at%len(data)] ^= flip
		}
		if seal { // whole, whatever it says
			data = sealed(strings.Split(string(data), "\n")...)
		}
		was := newRig(t)
		before := hashOf(t, was.l)
		if err := was.l.Restore(bytes.NewReader(data)); err != nil {
			if !errors.Is(err, ledger.ErrSnapshot) {
				t.Fatalf("it was refused with %v", err)
			}
			if hashOf(t, was.l) != before {
				t.Fatal("it was refused and changed the state")
			}
			return
		}
		restored(t, was.l)
		// Every kind of operation can be applied to what was taken.
		s := was.l.Status()
		for i, c := range was.l.Cases(ledger.CaseFilter{}) {
			if i == 20 {
				break
			}
			tok := remedy.Token{}
			if x := c.Execution(); x != nil {
				tok = x.Token
			}
			e, err := ledger.NewEntry(s.Time, alice(), n1, &ledger.ExecFinish{Case: c.ID, Token: tok, Outcome: remedy.OutcomeUnknown},
				&ledger.Resolve{Case: c.ID}, &ledger.ExecVerdict{Case: c.ID}, &ledger.ExecHelped{Case: c.ID},
				&ledger.CaseAnswer{Case: c.ID}, &ledger.CaseExpire{Case: c.ID}, &ledger.CaseClose{Case: c.ID, Outcome: remedy.OutcomeGone})
			if err != nil {
				return // a time that can't be spelt again
			}
			data, err := e.Encode()
			if err != nil {
				return
			}
			was.l.Apply(s.Index+1, s.Term, data)
		}
	})
}
