// Package peertls holds what a node proves with who it is, and checks with who
// its peers are: its certificate, its key and the authorities that it believes.
//
// A Store reads them from three files and reads them again while they are in
// use, so that certificates are replaced without a restart and without losing
// leadership. What does not fit together is not taken: the node goes on with
// what it had and says so once. Authority issues certificates for teams without
// an authority of their own; see `warden operator tls`.
package peertls
