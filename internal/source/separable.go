package source

import (
	"regexp"
	"strings"
)

// Separable implements Columnar. Apart from the modifiers that mean the ends of
// the window asked for, and offsets into the future, which late_within doesn't
// know of, the value of a PromQL expression at an instant depends on nothing
// but the instant. Other servers that speak PromQL have functions of their own,
// of which many look at the whole window: an expression with a function that
// Prometheus doesn't have is not separable. What stands in a label's value is
// taken for PromQL: that only costs a whole fetch.
func (p *Prometheus) Separable(expr string) bool {
	if inseparable.MatchString(expr) {
		return false
	}
	for _, called := range calls.FindAllStringSubmatch(expr, -1) {
		if !pointwise(called[1]) {
			return false
		}
	}
	return true
}

// Joinable implements Joinable: what is separable is.
func (p *Prometheus) Joinable(expr string) bool { return p.Separable(expr) }

// inseparable finds what makes values depend on the window: start(), end() and
// any other use of @, and negative offsets. An offset may be an expression, and
// a comment may stand between any words.
var inseparable = regexp.MustCompile(`(?i)@|\boffset\s*[^\s0-9]|#`)

// calls finds what stands before a parenthesis.
var calls = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_:.]*)\s*\(`)

// pointwise reports whether a word that stands before a parenthesis is one of
// Prometheus whose value at an instant depends on nothing but the instant. The
// experimental step(), range(), start() and end() are not, nor is a function
// that is not known.
func pointwise(word string) bool {
	switch strings.ToLower(word) {
	case "and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "atan2":
		return true
	case "sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile", "limitk", "limit_ratio":
		return true
	case "avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time", "quantile_over_time", "stddev_over_time",
		"stdvar_over_time", "last_over_time", "first_over_time", "present_over_time", "absent_over_time", "mad_over_time",
		"ts_of_min_over_time", "ts_of_max_over_time", "ts_of_first_over_time", "ts_of_last_over_time":
		return true
	case "changes", "delta", "deriv", "idelta", "increase", "irate", "rate", "resets", "predict_linear", "holt_winters", "double_exponential_smoothing":
		return true
	case "abs", "ceil", "clamp", "clamp_max", "clamp_min", "exp", "floor", "ln", "log2", "log10", "pi", "round", "scalar", "sgn", "sqrt", "vector",
		"acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "sin", "sinh", "tan", "tanh", "deg", "rad":
		return true
	case "day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year", "time", "timestamp":
		return true
	case "absent", "info", "label_join", "label_replace", "sort", "sort_desc", "sort_by_label", "sort_by_label_desc":
		return true
	case "histogram_avg", "histogram_count", "histogram_fraction", "histogram_quantile", "histogram_quantiles", "histogram_stddev", "histogram_stdvar", "histogram_sum":
		return true
	default:
		return false
	}
}
