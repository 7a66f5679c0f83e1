package source

import (
	"strings"
	"testing"
)

// TestSameSeriesAgain gives one set of labels to a great many series: each has
// its row, and none is searched for along all others.
func TestSameSeriesAgain(t *testing.T) {
	t.Parallel()
	const n = 20_000
	one := `{"metric":{"instance":"a"},"value":[1,"1"]}`
	body := `{"status":"success","data":{"resultType":"vector","result":[` + strings.Repeat(one+",", n-1) + one + `]}}`
	c, err := decodeColumns(strings.NewReader(body), instantQuery(), decodeLimits{instant: true, maxSeries: n, label: "instance"}, newIdentity(), nil)
	if err != nil || c.Table.Len() != n {
		t.Fatalf("%d rows: %v", c.Table.Len(), err)
	}
	c.Table.find(rowID{})
	run, most := 0, 0
	for _, s := range c.Table.index.slots {
		if run++; s == 0 {
			run = 0
		}
		most = max(most, run)
	}
	if most > 150 {
		t.Errorf("%d of %d rows stand in one another's way", most, n)
	}
}
