package fakeslack

func chartCases() map[ruleID]func(*world) {
	return map[ruleID]func(*world){
		ruleCharts: func(w *world) {
			w.most(2, func(n int) []object { return times(n, func(int) object { return lines(1, 1) }) })
		},
		ruleChartOn: func(w *world) {
			w.SetCharts(false)
			w.never(lines(1, 1))
			w.SetCharts(true)
			if o := w.blocks(lines(1, 1)); o["ok"] != true {
				w.Error(o)
			}
		},
		ruleChartTitle: func(w *world) {
			w.most(50, func(n int) []object { return []object{with(lines(1, 1), "title", run(n))} })
			w.never(with(lines(1, 1), "title", ""))
			w.never(chartWith(func(c object) { c["axis_config"].(object)["y_label"] = run(51) }))
		},
		ruleChartSeries: func(w *world) {
			w.most(6, func(n int) []object { return []object{lines(n, 2)} })
			pie := func(n int) []object {
				s := times(n, func(int) object { return object{"label": "a", "value": 1} })
				return []object{{"type": "data_visualization", "title": "x", "chart": object{"type": "pie", "segments": s}}}
			}
			w.most(6, pie)
			w.never(pie(0)...)
		},
		ruleChartPoints: func(w *world) {
			w.most(20, func(n int) []object { return []object{lines(1, n)} })
			w.never(chartWith(func(c object) { s := c["series"].([]any)[0].(object); s["data"] = s["data"].([]any)[1:] }))
			w.never(chartWith(func(c object) { c["series"].([]any)[0].(object)["data"].([]any)[0].(object)["label"] = "zz" }))
			w.never(chartWith(func(c object) { c["series"].([]any)[0].(object)["data"].([]any)[0].(object)["value"] = "1" }))
		},
		ruleChartLabel: func(w *world) {
			w.most(20, func(n int) []object {
				return []object{chartWith(func(c object) { c["series"].([]any)[0].(object)["name"] = run(n) })}
			})
		},
		ruleChartNames: func(w *world) {
			w.never(chartWith(func(c object) { c["series"].([]any)[0].(object)["name"] = "nb" }))
			w.never(chartWith(func(c object) { c["axis_config"].(object)["categories"] = []any{"na", "nb", "nb", "nc"} }))
		},
	}
}
