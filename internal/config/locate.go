package config

// Problem makes a problem of the key at path, such as "detectors", "canary",
// "query", with the place where the key's value stands in the file: for checks
// that are made elsewhere. A key that the file does not set is placed at the
// nearest table around it.
func (c *Config) Problem(s Severity, text string, path ...string) Problem {
	p := Problem{File: c.file, Key: dotted(path), Severity: s, Text: text}
	if c.index != nil { // nil for one that Parse didn't make
		at := c.index.value(path)
		p.Line, p.Col = at.line, at.col
	}
	return p
}

// File is what the problems call the file the config was read from.
func (c *Config) File() string { return c.file }
