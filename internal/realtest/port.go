package realtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
)

// The ports that Address gives out lie below the range from which Linux takes
// those of outgoing connections (32768 to 60999, ip_local_port_range): a port
// from that range, asked for and let go, may be a client's own when the server
// it was meant for wants to listen.
const (
	firstPort = 20000
	lastPort  = 32000
)

// Address returns a loopback address, HOST:PORT, on which nothing listens and
// which no other call gives out, in this process or another one, until this
// test ends. It serves programs that must be told their port. One that can say
// which port it got is better told port 0.
func Address(tb testing.TB) string {
	tb.Helper()
	address, free, err := reserve()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(free)
	return address
}

// reserve finds a free port and holds it by an abstract unix socket of that
// number, which ends with this process, however it ends. The caller calls free.
func reserve() (address string, free func(), err error) {
	var last error
	for range lastPort - firstPort {
		port := firstPort + rand.IntN(lastPort-firstPort)
		name := fmt.Sprintf("@warden-test-port-%d", port)
		if runtime.GOOS != "linux" {
			return "", nil, errors.New("abstract sockets are Linux': run the integration tests there")
		}
		held, err := net.Listen("unix", name)
		if err != nil {
			last = err
			continue
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", address)
		if err != nil {
			_ = held.Close()
			last = err
			continue
		}
		_ = l.Close()
		return address, func() { _ = held.Close() }, nil
	}
	return "", nil, fmt.Errorf("no free port from %d to %d: %w: end what listens there", firstPort, lastPort, last)
}
