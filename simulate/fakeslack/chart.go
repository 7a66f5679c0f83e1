package fakeslack

import (
	"fmt"
	"strconv"
	"strings"
)

// drawnChart is a chart as lines or bars in a box of 300 by 100, with its
// numbers beside for those who don't see it.
type drawnChart struct {
	Categories []string
	Series     []drawnSeries
	Bars       bool
}

type drawnSeries struct {
	Name   string
	Class  string
	Values []string
	Points string // of a polyline
	Rects  []drawnRect
}

type drawnRect struct{ X, Y, Width, Height string }

const (
	chartWidth  = 300.0
	chartHeight = 100.0
)

// drawChart draws a data_visualization block; a pie as bars.
func drawChart(b object) *drawnChart {
	chart, _ := b["chart"].(object)
	out := &drawnChart{Bars: str(chart, "type") == "bar" || str(chart, "type") == "pie"}
	var values [][]float64
	if segments, ok := chart["segments"].([]any); ok {
		var row []float64
		for _, one := range segments {
			o, _ := one.(object)
			v, _ := o["value"].(float64)
			out.Categories, row = append(out.Categories, str(o, "label")), append(row, v)
		}
		out.Series, values = []drawnSeries{{Name: "share"}}, [][]float64{row}
	} else {
		axis, _ := chart["axis_config"].(object)
		list, _ := axis["categories"].([]any)
		for _, one := range list {
			name, _ := one.(string)
			out.Categories = append(out.Categories, name)
		}
		series, _ := chart["series"].([]any)
		for _, one := range series {
			o, _ := one.(object)
			out.Series = append(out.Series, drawnSeries{Name: str(o, "name")})
			values = append(values, byCategory(o, out.Categories))
		}
	}
	low, high := 0.0, 1.0
	for _, row := range values {
		for _, v := range row {
			low, high = min(low, v), max(high, v)
		}
	}
	y := func(v float64) float64 { return chartHeight * (1 - (v-low)/(high-low)) }
	slot := chartWidth / float64(max(1, len(out.Categories)))
	for i := range out.Series {
		s := &out.Series[i]
		s.Class = fmt.Sprintf("s%d", i)
		var points []string
		width := slot * 0.8 / float64(len(out.Series))
		for j, v := range values[i] {
			s.Values = append(s.Values, strconv.FormatFloat(v, 'g', 6, 64))
			x := slot * (float64(j) + 0.5)
			points = append(points, fmt.Sprintf("%.1f,%.1f", x, y(v)))
			top, bottom := min(y(v), y(0)), max(y(v), y(0))
			s.Rects = append(s.Rects, drawnRect{
				X: fmt.Sprintf("%.1f", slot*(float64(j)+0.1)+width*float64(i)), Y: fmt.Sprintf("%.1f", top),
				Width: fmt.Sprintf("%.1f", width), Height: fmt.Sprintf("%.1f", max(0.5, bottom-top)),
			})
		}
		s.Points = strings.Join(points, " ")
	}
	return out
}

// byCategory puts a series' numbers into the order of the categories.
func byCategory(series object, categories []string) []float64 {
	row := make([]float64, len(categories))
	data, _ := series["data"].([]any)
	for _, one := range data {
		o, _ := one.(object)
		for i, name := range categories {
			if name == str(o, "label") {
				row[i], _ = o["value"].(float64)
			}
		}
	}
	return row
}
