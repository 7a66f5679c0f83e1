package detectors

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// graphiteKept and graphiteRefused are together all functions of graphite-web
// 1.1.8, sketch and graph functions too.
const (
	graphiteKept = `absolute add aggregate aggregateWithWildcards alias aliasByMetric aliasByNode aliasByTags aliasSub asPercent
		averageAbove averageBelow averageSeries averageSeriesWithWildcards avg currentAbove currentBelow derivative divideSeries exclude
		filterSeries grep group groupByNode groupByNodes groupByTags highest highestAverage highestCurrent highestMax invert limit log
		lowest lowestAverage lowestCurrent maxSeries maximumAbove maximumBelow minSeries minimumAbove minimumBelow movingAverage movingMax
		movingMedian movingMin movingWindow nonNegativeDerivative offset pct perSecond pow removeEmptySeries round scale scaleToSeconds
		seriesByTag sortBy sortByMaxima sortByMinima sortByName sortByTotal squareRoot substr sum sumSeries sumSeriesWithWildcards unique`
	graphiteRefused = `aggregateLine aggregateSeriesLists aliasQuery alpha applyByNode areaBetween averageOutsidePercentile cactiStyle
		changed color consolidateBy constantLine countSeries cumulative dashed delay diffSeries diffSeriesLists divideSeriesLists
		drawAsInfinite events exp exponentialMovingAverage fallbackSeries hitcount holtWintersAberration holtWintersConfidenceArea
		holtWintersConfidenceBands holtWintersForecast identity integral integralByInterval interpolate isNonNull keepLastValue legendValue
		lineWidth linearRegression logit map mapSeries minMax mostDeviant movingSum multiplySeries multiplySeriesLists
		multiplySeriesWithWildcards nPercentile offsetToZero percentileOfSeries powSeries randomWalk randomWalkFunction rangeOfSeries
		reduce reduceSeries removeAbovePercentile removeAboveValue removeBelowPercentile removeBelowValue removeBetweenPercentile
		secondYAxis setXFilesFactor sigmoid sin sinFunction smartSummarize stacked stddevSeries stdev sumSeriesLists summarize template
		threshold time timeFunction timeShift timeSlice timeStack transformNull useSeriesAbove verticalLine weightedAverage xFilesFactor`
)

// TestEveryFunctionIsClassified: what is on the list passes, in any place and
// spelling of it; all else is named and refused, and so is what nobody knows.
func TestEveryFunctionIsClassified(t *testing.T) {
	t.Parallel()
	arguments := map[string]string{
		"aggregate": ",'sum'", "aggregateWithWildcards": ",'max',1", "groupByNodes": ",'avg',1,2", "groupByTags": ",'sum','host'",
	}
	for f := range strings.FieldsSeq(graphiteKept) {
		for _, target := range []string{f + "(a.*" + arguments[f] + ")", "alias( " + f + " ( a.{b,c}.[de]*" + arguments[f] + " ) , \"x(\")"} {
			if err := CheckTarget(target); err != nil {
				t.Errorf("%s: %v", target, err)
			}
		}
	}
	names := append(strings.Fields(graphiteRefused), "madeUpBySomePlugin", "SUM", "transformnull", "Alias", "kept")
	for _, f := range names {
		for _, target := range []string{
			f + "(a.*)", f + " (a,0)", f + "\t(a,0)", "alias(" + f + " (a),'x')", "sumSeries(a, " + f + "\n(b))", "a|" + f + "()", "a.b | alias('x') | " + f + " (3)",
			"scale(a,factor=" + f + "(b))", "scale(a,factor = " + f + "(b))", "alias(" + f + "(a),'x\\')')",
		} {
			if err := CheckTarget(target); err == nil || !strings.HasPrefix(err.Error(), f+" may make up") {
				t.Errorf("%s: %v", target, err)
			}
		}
	}
}

func TestCheckTarget(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"", " ", "a.b.c", "sumSeries(a.time.*)", "a.b;env=prod", "söurce.*.load", "a.transformNull.b", "alias(a,'transformNull(b,0)')", `aliasSub(a,'^.*\.(x)\'','\1')`,
		`groupByNode(a.*.*,2)`, `groupByNode(a.*.*,2,"sum")`, `a.*.*|groupByNode(2,"sum")`, "movingWindow(a,5)", "movingWindow(a,'5min','max')",
		"seriesByTag('name=load','host=~.*')|aliasByTags('host')", "asPercent(a.*.n,sum(b.*.n))", "highest(a.*,3,func='max')", "scale(a,-1.5e3)", "grep(a.*, \"x,(y\")",
	} {
		if err := CheckTarget(target); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
	for target, want := range map[string]string{
		"aggregate(a.*,'count')": "count", "aggregate(a.*,'avg_zero')": "avg_zero", "aggregate(a.*,func='sum')": "in its place", "aggregate(a.*,sum)": "in its place",
		"groupByNode(a.*,1,'isNonNull')": "isNonNull", "a.*|groupByNode(1,'countSeries')": "countSeries", "groupByNode(a.*,1,callback = 'count')": "in its place",
		"groupByTags(a,'diff','host')": "diff", "groupByNodes(a,'last',1)": "last", "movingWindow(a,5,'sum')": "sum", "aggregateWithWildcards(a,'multiply',1)": "multiply",
		"sumSeries(a.*": "can't be read", "sumSeries(a.*))": "can't be read", "a b": "can't be read", "a{b": "can't be read", "alias(a,'x)": "can't be read", `alias(a,'x'')`: "can't be read",
		"(a)": "can't be read", "a|b": "can't be read", "alias(a,'x\n')": "can't be read", `a\(b`: "can't be read", "a{b,transformNull(c,0)}": "can't be read", "a.b(c)": "a.b may",
		strings.Repeat("absolute(", 100) + "a" + strings.Repeat(")", 100): "can't be read",
	} {
		if err := CheckTarget(target); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", target, err, want)
		}
	}
}

// TestCheckPulse: a window that moves along is no sign of life.
func TestCheckPulse(t *testing.T) {
	t.Parallel()
	for target, fine := range map[string]bool{
		"a.b": true, "": true, "maxSeries(a.*)": true, "movingAverage(a,'1h')": false, "alias(movingWindow (a,5),'x')": false, "keepLastValue(a)": false, "a b": false,
	} {
		if err := CheckPulse(target); (err == nil) != fine {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// TestWarnsOfSums: series that are added up lose one silently, which matters
// where too little is bad.
func TestWarnsOfSums(t *testing.T) {
	t.Parallel()
	for target, sum := range map[string]string{
		"a.*": "", "averageSeries(a.*)": "", "maxSeries(a.*)": "", "groupByNode(a.*.*,1)": "", "aggregate(a.*,'max')": "", "divideSeries(a,b)": "",
		"sumSeries(a.*)": "sumSeries", "alias(sum (a.*),'x')": "sum", "a|sumSeriesWithWildcards(1)": "sumSeriesWithWildcards", "aggregate(a.*,'total')": "aggregate",
		"groupByNode(a.*.*,1,'sum')": "groupByNode", "groupByNodes(a.*.*,'sumSeries',1)": "groupByNodes", "groupByTags(a.*.*,\"sum\",'host')": "groupByTags",
		"aggregateWithWildcards(a.*,'sum',1)": "aggregateWithWildcards", "asPercent(a.*)": "asPercent",
		"divideSeries(a,sumSeries(b.*))": "sumSeries",
	} {
		low := graphiteThreshold(t, Condition{Query: target, BadBelow: new(1.0)}).Warnings()
		high := graphiteThreshold(t, Condition{Query: target, BadAbove: new(1.0)}).Warnings()
		canary := mustCanary(t, graphiteSpec(func(s *CanarySpec) { s.Query = target })).Warnings()
		turned := strings.HasPrefix(target, "divideSeries(") || strings.HasPrefix(target, "asPercent(")
		for name, tt := range map[string]struct {
			got  []string
			warn bool
		}{"below": {low, sum != ""}, "above": {high, sum != "" && turned}, "canary": {canary, sum != ""}} {
			if len(tt.got) != map[bool]int{true: 1}[tt.warn] || tt.warn && !strings.Contains(tt.got[0], ".query: "+sum+" makes one series of several") {
				t.Errorf("%s, %s: %q", target, name, tt.got)
			}
		}
	}
}

func graphiteThreshold(tb testing.TB, c Condition) *Threshold {
	tb.Helper()
	d, err := NewThreshold(storedSpec(func(s *ThresholdSpec) { s.Conditions = []Condition{c} }))
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// TestUnknownFunctionsAreRefused: however deep, in whatever place.
func TestUnknownFunctionsAreRefused(t *testing.T) {
	t.Parallel()
	known := strings.Fields(graphiteKept)
	rapid.Check(t, func(rt *rapid.T) {
		target := rapid.StringMatching(`[a-zA-Z_][a-zA-Z0-9_]{0,12}`).Filter(func(f string) bool { return !slices.Contains(known, f) }).Draw(rt, "function")
		target += rapid.SampledFrom([]string{"(a)", " (a,0)", "\n(a, 'x')"}).Draw(rt, "arguments")
		for range rapid.IntRange(0, 5).Draw(rt, "depth") {
			f := rapid.SampledFrom([]string{"alias", "sumSeries", "scale", "groupByNode", "divideSeries"}).Draw(rt, "around")
			target = f + "(" + rapid.SampledFrom([]string{"", "b.{c,d}.*, ", "'q(', ", "-1,"}).Draw(rt, "before") + target + rapid.SampledFrom([]string{"", ",'x'", ", 3"}).Draw(rt, "after") + ")"
		}
		if CheckTarget(target) == nil {
			rt.Fatalf("%q passes", target)
		}
	})
}

// FuzzCheckTarget: whatever passes has no function that isn't known before any
// parenthesis outside of quotes, and nothing panics.
func FuzzCheckTarget(f *testing.F) {
	for _, seed := range []string{"a.b", "alias(a,'x')", "transformNull (a,0)", "a|sum()", `aliasSub(a,"\"(",'')`, "groupByNode(a.*.*,2,\"sum\")", "scale(a,factor=2)"} {
		f.Add(seed)
	}
	known := strings.Fields(graphiteKept)
	f.Fuzz(func(t *testing.T, target string) {
		if CheckTarget(target) != nil {
			return
		}
		quote := byte(0)
		for i := 0; i < len(target); i++ {
			switch c := target[i]; {
			case quote != 0 && c == '\\':
				i++
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '"' || c == '\'':
				quote = c
			case c == '(':
				before := strings.TrimRight(target[:i], " \t\r\n")
				name := before[len(strings.TrimRight(before, letters)):]
				if !slices.Contains(known, name) {
					t.Fatalf("%q passes with %q", target, name)
				}
			}
		}
	})
}
