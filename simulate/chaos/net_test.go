//go:build integration && failpoints

package chaos_test

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// network is one seed's nodes, each in a namespace of its own, on a bridge in
// another one. The services are where the tests run: on the bridge's last port.
type network struct {
	slot  int // tells the networks of one box apart
	nodes int
}

// newNetwork wires the nodes up. The namespaces end with the box.
func newNetwork(t *testing.T, slot, nodes int) *network {
	t.Helper()
	n := &network{slot: slot, nodes: nodes}
	ip := func(args ...string) { must(t, append([]string{"ip"}, args...)...) }
	ip("netns", "add", n.bridge())
	ip("-n", n.bridge(), "link", "add", "name", "bridge0", "type", "bridge")
	ip("-n", n.bridge(), "link", "set", "bridge0", "up")
	services := fmt.Sprintf("sv%d", slot)
	ip("link", "add", services, "type", "veth", "peer", "name", "v0", "netns", n.bridge())
	ip("addr", "add", n.services()+"/24", "dev", services)
	ip("link", "set", services, "up")
	for i := 1; i <= nodes; i++ {
		ip("netns", "add", n.space(i))
		ip("-n", n.space(i), "link", "set", "lo", "up")
		ip("-n", n.space(i), "link", "add", "eth0", "type", "veth", "peer", "name", fmt.Sprintf("v%d", i), "netns", n.bridge())
		ip("-n", n.space(i), "addr", "add", n.address(i)+"/24", "dev", "eth0")
		ip("-n", n.space(i), "link", "set", "eth0", "up")
	}
	for i := range nodes + 1 {
		ip("-n", n.bridge(), "link", "set", fmt.Sprintf("v%d", i), "master", "bridge0", "up")
	}
	t.Cleanup(func() {
		for i := 1; i <= nodes; i++ {
			_ = run("ip", "netns", "del", n.space(i))
		}
		_ = run("ip", "netns", "del", n.bridge())
		_ = run("ip", "link", "del", services)
	})
	return n
}

func (n *network) bridge() string     { return fmt.Sprintf("s%dbr", n.slot) }
func (n *network) space(i int) string { return fmt.Sprintf("s%dn%d", n.slot, i) }
func (n *network) address(i int) string {
	return fmt.Sprintf("10.%d.%d.%d", 100+n.slot/250, n.slot%250, i)
}
func (n *network) services() string { return n.address(200) }
func (n *network) within(i int) []string {
	return []string{"nsenter", "--net=/run/netns/" + n.space(i)}
}

// isolate cuts every pair among these nodes and nothing else, the services
// neither: isolated ports of a bridge don't reach each other.
func (n *network) isolate(t *testing.T, on bool, nodes ...int) {
	t.Helper()
	word := map[bool]string{true: "on", false: "off"}[on]
	for _, i := range nodes {
		must(t, "bridge", "-n", n.bridge(), "link", "set", "dev", fmt.Sprintf("v%d", i), "isolated", word)
	}
}

// unplug takes a node's cable out: it has neither peers nor services.
func (n *network) unplug(t *testing.T, i int, out bool) {
	t.Helper()
	must(t, "ip", "-n", n.bridge(), "link", "set", fmt.Sprintf("v%d", i), map[bool]string{true: "down", false: "up"}[out])
}

// deafen has a node drop what comes from these addresses, and from nobody once
// there are none.
func (n *network) deafen(t *testing.T, i int, from ...string) {
	t.Helper()
	rules := "table inet chaos\ndelete table inet chaos\n"
	if len(from) > 0 {
		rules += "table inet chaos {\n chain in {\n  type filter hook input priority 0; policy accept;\n  ip saddr { " +
			strings.Join(from, ", ") + " } drop\n }\n}\n"
	}
	cmd := exec.Command(n.within(i)[0], append(n.within(i)[1:], "nft", "-f", "-")...)
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s%s", err, out, rules)
	}
}

// heal undoes everything.
func (n *network) heal(t *testing.T) {
	t.Helper()
	for i := 1; i <= n.nodes; i++ {
		n.isolate(t, false, i)
		n.unplug(t, i, false)
		n.deafen(t, i)
	}
}

// in runs f on a thread that stands in a node's namespace: the sockets that it
// opens stay there. The thread ends with it.
func (n *network) in(i int, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: nobody else gets this thread
		fd, err := unix.Open("/run/netns/"+n.space(i), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
			_ = unix.Close(fd)
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

func (n *network) listen(i int, address string) (l net.Listener, err error) {
	err = n.in(i, func() error {
		l, err = net.Listen("tcp", address)
		return err
	})
	return l, err
}

// run runs a tool to its end.
func run(argv ...string) error {
	var said bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(said.String()))
	}
	return nil
}

func must(t *testing.T, argv ...string) {
	t.Helper()
	if err := run(argv...); err != nil {
		t.Fatal(err)
	}
}
