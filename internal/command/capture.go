package command

import (
	"errors"
	"io"
	"sync"
)

// tailBytes is how much of an output's end is kept: the 4 KiB that are shown,
// and room in front of them for the largest secret that a cut might halve.
const tailBytes = MaxShown + 64<<10

// capture keeps the beginning or the end of what is written to it, and takes
// all of it, so that no writer ever waits.
type capture struct {
	max  int
	tail bool

	mu  sync.Mutex
	buf []byte
	cut bool
	// held says that it was not read to its end: somebody else had it open.
	held bool
}

// ReadFrom implements io.ReaderFrom, which is how os/exec fills it. So it learns
// how the output ended, which Wait tells only of commands that exited with 0.
func (c *capture) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	part := make([]byte, 32<<10)
	for {
		n, err := r.Read(part)
		total += int64(n)
		_, _ = c.Write(part[:n])
		switch {
		case errors.Is(err, io.EOF):
			return total, nil
		case err != nil:
			c.mu.Lock()
			c.held = true
			c.mu.Unlock()
			return total, err
		}
	}
}

// wasHeld reports whether it was not read to its end.
func (c *capture) wasHeld() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// Write implements io.Writer. It never fails.
func (c *capture) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(b)
	if !c.tail {
		keep := min(n, c.max-len(c.buf))
		c.buf = append(c.buf, b[:keep]...)
		c.cut = c.cut || keep < n
		return n, nil
	}
	c.buf = append(c.buf, b[max(0, n-c.max):]...)
	if len(c.buf) > 2*c.max { // now and then, not at every write
		c.buf = append(c.buf[:0], c.buf[len(c.buf)-c.max:]...)
		c.cut = true
	}
	return n, nil
}

// bytes returns what was kept, and whether there was more.
func (c *capture) bytes() ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if over := len(c.buf) - c.max; over > 0 {
		return append([]byte(nil), c.buf[over:]...), true
	}
	return append([]byte(nil), c.buf...), c.cut
}
