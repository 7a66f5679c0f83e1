package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker: see the Makefile.
var version = ""

// build says what this binary is.
type build struct {
	Schema    string `json:"schema"`
	Version   string `json:"version"`
	Revision  string `json:"revision,omitempty"`
	BuiltFrom string `json:"built_from,omitempty"` // the time of the revision
	Modified  bool   `json:"modified,omitempty"`
	Go        string `json:"go"`
	Platform  string `json:"platform"`
}

// thisBuild asks the linker's word first and what Go recorded second.
func thisBuild() build {
	b := build{
		Schema: "warden.version/v1", Version: version,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Revision = s.Value
			case "vcs.time":
				b.BuiltFrom = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
		if b.Version == "" && info.Main.Version != "(devel)" {
			b.Version = info.Main.Version
		}
	}
	if b.Version == "" {
		b.Version = "unknown"
	}
	return b
}

func (p *program) newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which build this is", GroupID: groupAuthor, Args: cobra.NoArgs,
		Example: `  warden version
  warden version --json`,
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			if p.printer.asJSON() {
				return p.printer.object(b)
			}
			p.printer.line("warden " + b.Version)
			if p.printer.format == formatWide {
				rows := [][]cell{{c("go"), c(b.Go)}, {c("platform"), c(b.Platform)}, {c("revision"), orDash(b.Revision)}}
				if b.Modified {
					rows = append(rows, []cell{c("modified"), c("yes: not what was committed")})
				}
				p.printer.table("  ", nil, rows)
			}
			return nil
		},
	}
}
