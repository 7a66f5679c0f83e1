package cli

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"warden/internal/ledger"
)

// showHashes registers what the comparing of states has found.
func showHashes(reg prometheus.Registerer, w *hashWatch) error {
	err := reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warden_state_diverged",
		Help: "At how many of the newest compared log entries the state of some voter is not that of the others; 0 when all agree.",
	}, func() float64 { return float64(w.differing()) }))
	if err != nil {
		return fmt.Errorf("register the metrics of compared states: %w: make one daemon a registry", err)
	}
	return nil
}

// differing counts the kept points at which the voters do not agree.
func (w *hashWatch) differing() int {
	voters := w.Ledger.Status().Voters
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, index := range w.hashes.Indexes() {
		switch j := w.hashes.Judge(index, voters); j.Verdict {
		case ledger.HashMinority, ledger.HashDisputed:
			n++
		case ledger.HashAgreed:
			if len(j.Others) > 0 {
				n++
			}
		case ledger.HashPending:
		}
	}
	return n
}
