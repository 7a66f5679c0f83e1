// Package arch holds no code, only tests that read warden's own source and
// fail when its architecture is broken: imports that go the wrong way, a clock
// or a map order in a pure package, hidden state, an undocumented package,
// config key or metric, a process started where none may be.
//
// Each check is a function from a source tree to findings. It runs twice: over
// warden, where it must find nothing, and over the small bad trees in testdata,
// where it must find exactly what they say. A check that can't fail is no check.
package arch
