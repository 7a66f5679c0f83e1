// Package config reads warden's configuration file: one TOML file to one typed,
// checked Config, or to a list of everything that is wrong with it.
//
// Parse is pure: it looks at the bytes it is given and at nothing else. It
// reports all problems at once, each with file, line and column, and returns a
// Config only when none of them is an error. What depends on the machine, such
// as files that must exist, is in CheckFiles; secrets are read by Credentials.
// A secret never stands in the file, in a Config, or in anything this package
// prints. DESIGN.md says why the package has a decoder of its own.
package config
