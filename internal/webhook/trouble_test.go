package webhook_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
)

// However many it refuses, which are the oldest from then on: the others are sent.
func TestWhatIsRefusedIsNotTriedBeforeAllOthers(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	r.answer = func(n int, w http.ResponseWriter) {
		if n <= 25 {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	}
	d := newDesk(t, r.URL)
	var owed []chat.Message
	for i := range uint64(25) {
		owed = append(owed, message(i+1, ledger.NoticeStop, nil))
	}
	owed = append(owed, message(26, ledger.NoticeStop, nil))
	first, err := d.bring(t, owed...)
	if err == nil || len(first.Seqs) != 0 || first.Wait == 0 {
		t.Errorf("the first twenty: %+v, %v", first, err)
	}
	if got, err := d.bring(t, owed...); err == nil || !slices.Equal(got.Seqs, []uint64{26}) {
		t.Errorf("the others: %+v, %v", got, err)
	}
	d.later = time.Minute
	if got, err := d.bring(t, owed[:25]...); err != nil || len(got.Seqs) != 20 || got.Wait == 0 {
		t.Errorf("after a while: %+v, %v", got, err)
	}
}

// One event that the receiver always answers with 500 keeps its place for a while, for it
// may be down; then the others are sent, in their order, and it is dropped after a day.
func TestOneEventInTroubleHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	var d *desk
	r.answer = func(_ int, w http.ResponseWriter) {
		if r.last.Seq == 1 || d.later < time.Minute {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	d = newDesk(t, r.URL)
	owed := []chat.Message{message(1, ledger.NoticeStop, nil), message(2, ledger.NoticeStop, nil), message(3, ledger.NoticeStop, nil)}
	var told []uint64
	for range 40 {
		got, _ := d.bring(t, owed...) // that it is in trouble is an error
		if len(told) == 0 && d.later < 5*time.Minute && len(got.Seqs) > 0 {
			t.Errorf("after %s others are told before it", d.later)
		}
		told = append(told, got.Seqs...)
		owed = slices.DeleteFunc(owed, func(m chat.Message) bool { return slices.Contains(got.Seqs, m.Notice.Seq) })
		d.later += 30 * time.Second
	}
	if !slices.Equal(told, []uint64{2, 3}) {
		t.Errorf("after twenty minutes %v are told", told)
	}
	for range 75 {
		d.later += 20 * time.Minute
		owed = append(owed, message(uint64(4+len(told)), ledger.NoticeStop, nil))
		got, _ := d.bring(t, owed...)
		told = append(told, got.Seqs...)
		owed = slices.DeleteFunc(owed, func(m chat.Message) bool { return slices.Contains(got.Seqs, m.Notice.Seq) })
	}
	if len(owed) != 0 {
		t.Errorf("after a day it is owed still: %+v", owed[0].Notice)
	}
}

// Nor do many of them, and each is dropped after a day, however rare the others are.
func TestManyEventsInTroubleHoldUpNoOther(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	r.answer = func(_ int, w http.ResponseWriter) {
		if r.last.Seq%2 == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	d := newDesk(t, r.URL)
	var owed []chat.Message
	good, most := 0, 0
	for i := range 48 * 40 { // two days, of which each hour brings a bad one and a good one
		if i%40 == 0 {
			for _, seq := range []uint64{uint64(i/20 + 1), uint64(i/20 + 2)} {
				m := message(seq, ledger.NoticeStop, nil)
				m.Notice.At = at(4, 0).Add(d.later)
				owed = append(owed, m)
			}
		}
		got, _ := d.bring(t, owed...) // that some are in trouble is an error
		for _, seq := range got.Seqs {
			if seq%2 == 0 {
				good++
			}
		}
		owed = slices.DeleteFunc(owed, func(m chat.Message) bool { return slices.Contains(got.Seqs, m.Notice.Seq) })
		most = max(most, len(owed))
		d.later += 90 * time.Second
	}
	if good != 48 || most > 30 {
		t.Errorf("%d of 48 good ones are told, and up to %d were owed", good, most)
	}
}
