// Package web is warden's HTTP surface: the API that the CLI speaks, the
// metrics and the health endpoints, on a unix socket and a loopback TCP port.
//
// The socket reads and writes, and the person is whoever the kernel says is at
// its other end. TCP only reads: nothing there says who asks. types.go holds
// what goes over the wire, client.go the client for it, api.go the endpoints
// and server.go the two listeners.
package web
