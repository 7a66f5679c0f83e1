package realtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"
)

// The sizes of whisper's parts in bytes: of a file's header, of what it says of
// each archive, and of a point, which is an instant in seconds and a value. All
// numbers are big-endian: https://graphite.readthedocs.io/en/latest/whisper.html
const (
	whisperHeader  = 16
	whisperArchive = 12
	whisperPoint   = 12
)

// written reports whether a metric's file has a value in the bucket that begins
// then. A metric has one archive here.
func (g *Graphite) written(metric string, bucket int64, value float64) (bool, error) {
	b, err := os.ReadFile(g.path("storage/whisper/" + strings.ReplaceAll(metric, ".", "/") + ".wsp"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if len(b) < whisperHeader+whisperArchive {
		return false, nil // it is being made
	}
	if n := binary.BigEndian.Uint32(b[12:]); n != 1 {
		return false, fmt.Errorf("the file of %s has %d archives", metric, n)
	}
	for at := int(binary.BigEndian.Uint32(b[whisperHeader:])); at+whisperPoint <= len(b); at += whisperPoint {
		if int64(binary.BigEndian.Uint32(b[at:])) == bucket {
			return math.Float64frombits(binary.BigEndian.Uint64(b[at+4:])) == value, nil
		}
	}
	return false, nil
}
