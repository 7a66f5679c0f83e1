package web

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"syscall"
)

// noAnswer is ErrUnreachable with where, and why in plain words; the cause
// stays to be found.
type noAnswer struct {
	at    string
	cause error
}

func (e *noAnswer) Error() string {
	return fmt.Sprintf("%v at %s: %s: is it running, and may you reach it?", ErrUnreachable, e.at, whyNoAnswer(e.cause))
}

func (e *noAnswer) Unwrap() []error { return []error{ErrUnreachable, e.cause} }

// whyNoAnswer words what the system says of a connection.
func whyNoAnswer(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the URL says nothing that the address doesn't say better
	}
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		return "there is no address for the name " + d.Name
	}
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such socket"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there"
	case errors.Is(err, fs.ErrPermission):
		return "this user may not use it"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "it hung up before it had answered"
	case isNet && timeout.Timeout():
		return "no answer in time"
	}
	return err.Error()
}
