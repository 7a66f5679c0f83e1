package arch_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestZonesAreInTheBinary wants time/tzdata in the binary: windows name time
// zones, and the box may have none. Go looks at what is embedded last, after
// the machine's own zones and the toolchain's, so that loading a zone here would
// show nothing.
func TestZonesAreInTheBinary(t *testing.T) {
	for _, tags := range []string{"", "failpoints"} {
		out, err := exec.Command("go", "list", "-deps", "-tags", tags, "-f", "{{.ImportPath}}", "warden/cmd/warden").Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		if deps := strings.Fields(string(out)); !slices.Contains(deps, "time/tzdata") || !slices.Contains(deps, "warden/internal/cron") {
			t.Errorf("with tags %q, cmd/warden links no time/tzdata: import it in main.go", tags)
		}
	}
}
