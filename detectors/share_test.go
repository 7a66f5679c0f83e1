package detectors

import (
	"testing"
	"time"
)

// TestThresholdsShareQueries: detectors over one gauge that differ in bounds,
// `for` and window ask questions that differ in their span alone, so that one
// answer over the longest serves all.
func TestThresholdsShareQueries(t *testing.T) {
	n := 0
	spans := map[string]map[string]bool{}
	for _, edit := range []func(*ThresholdSpec){
		func(*ThresholdSpec) {},
		func(s *ThresholdSpec) { s.Conditions[0].BadAbove, s.For = new(99.0), 5*time.Minute },
		func(s *ThresholdSpec) { s.Window, s.Aggregate = 5*time.Minute, AggregateAvg },
	} {
		for _, q := range mustThreshold(t, thresholdSpec(edit)).Queries(poolOf(1), testAt) {
			key := q.Expr + q.Label + q.Step.String() + q.End.String()
			if spans[key] == nil {
				spans[key] = map[string]bool{}
			}
			spans[key][q.Start.String()] = true
			n++
		}
	}
	if len(spans) != 3 || n != 9 {
		t.Errorf("%d questions of %d kinds, want 3: %v", n, len(spans), spans)
	}
}
