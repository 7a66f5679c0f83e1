package inventory

import (
	"os"
	"testing"
	"time"
)

var longAgo = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
