// Package remedy holds warden's vocabulary as Go types: levels, verdicts,
// stages, outcomes, findings, plans, decisions and the people who take part.
//
// Every other package speaks these words, and only these. The package imports
// nothing but the standard library, performs no effects and never reads a
// clock: time always arrives as an argument.
package remedy
