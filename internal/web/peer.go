package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"warden/internal/remedy"
)

// peer is who is at the other end of a connection, as the kernel says. It is
// read once, when the connection is accepted: a process can't change who it
// was when it connected.
type peer struct {
	uid uint32
	err error // why it can't be told; nothing is written for nobody
}

type peerKey struct{}

// withPeer is the unix listener's ConnContext.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	uid, err := peerUID(c)
	return context.WithValue(ctx, peerKey{}, peer{uid: uid, err: err})
}

func peerUID(c net.Conn) (uint32, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("%s is not a unix socket", c.RemoteAddr().Network())
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if failed != nil {
		return 0, failed
	}
	return cred.Uid, nil
}

// forwardedKey is the context key of the person whom another node vouches for:
// see vouched.
type forwardedKey struct{}

// actor is the person who makes the request. Names and groups are looked up at
// each request, so that leaving a group counts at once.
func actor(ctx context.Context) (remedy.Actor, error) {
	if by, ok := ctx.Value(forwardedKey{}).(remedy.Actor); ok {
		return by, nil
	}
	p, ok := ctx.Value(peerKey{}).(peer)
	if !ok {
		p.err = errors.New("this listener doesn't know its callers")
	}
	if p.err != nil {
		return remedy.Actor{}, problem(http.StatusForbidden, CodeNobody,
			fmt.Sprintf("nobody can say who asks (%v), so nothing was done: use the unix socket", p.err))
	}
	return person(p.uid), nil
}

// person is the actor of a user id. A user that the system doesn't know is
// called by number and is in no group; a group it can't name is left out, so
// that failing look-ups only ever take permissions away.
func person(uid uint32) remedy.Actor {
	id := strconv.FormatUint(uint64(uid), 10)
	a := remedy.Actor{Name: "uid:" + id, UID: uid, Via: "cli", Person: true}
	u, err := user.LookupId(id)
	if err != nil || u.Username == "" {
		return a
	}
	a.Name = u.Username
	ids, err := u.GroupIds()
	if err != nil {
		return a
	}
	for _, gid := range ids {
		if g, err := user.LookupGroupId(gid); err == nil && g.Name != "" {
			a.Groups = append(a.Groups, g.Name)
		}
	}
	return a
}
