package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/peertls"
)

// The names of an authority's files, and where the example config has a node's.
const (
	caCert    = "ca.crt"
	caKey     = "ca.key"
	nodeFiles = "/etc/warden/tls"
)

// day is what certificates are given in.
const day = 24 * time.Hour

// tlsFile is one file that was made, and what to do with it.
type tlsFile struct {
	Path string `json:"path"`
	What string `json:"what"`
	// Node is whose it is, empty for the authority's.
	Node string `json:"node,omitempty"`
	// Install is where the file belongs on that node, or on all; empty for the
	// authority's key, which belongs on none.
	Install  string     `json:"install,omitempty"`
	Secret   bool       `json:"secret"`
	NotAfter *time.Time `json:"not_after,omitempty"`

	data []byte
}

type tlsFiles struct {
	Schema string    `json:"schema"`
	Files  []tlsFile `json:"files"`
}

func (p *program) newOperatorTLSCommand() *cobra.Command {
	cmd := group("tls", "Make and show the certificates that nodes speak to each other with", "",
		group("ca", "Make an authority", "", p.newTLSCACommand()),
		group("cert", "Make the nodes' certificates", "", p.newTLSCertCommand()),
		p.newTLSShowCommand())
	cmd.Long = `Make and show the certificates that nodes speak to each other with: for teams that
have no authority of their own. Whoever has one asks it for a certificate per node,
with the node's name as a DNS name, for servers and clients both.

The files are read again while warden runs: replace them and nothing needs a restart.`
	return cmd
}

func (p *program) newTLSCACommand() *cobra.Command {
	var out, name string
	var days int
	cmd := &cobra.Command{
		Use: "create", Short: "Make an authority: ca.crt and ca.key", Args: cobra.NoArgs,
		Example: `  warden operator tls ca create --out tls`,
		Long: `Make an authority: a certificate that signs those of the nodes, and its key. Whoever
has the key can make a node: keep it off the nodes, where the team keeps its secrets.`,
		RunE: func(*cobra.Command, []string) error {
			lasts, err := lasting(days)
			if err != nil {
				return err
			}
			now := p.clock.Now()
			ca, err := peertls.NewAuthority(name, now, lasts)
			if err != nil {
				return err
			}
			until := now.Add(lasts).UTC().Truncate(time.Second)
			made := []tlsFile{
				{Path: filepath.Join(out, caKey), What: "the authority's key", Secret: true, data: ca.Key},
				{Path: filepath.Join(out, caCert), What: "the authority", Install: nodeFiles + "/" + caCert, NotAfter: &until, data: ca.Cert},
			}
			if err := p.writeTLS(out, made); err != nil {
				return err
			}
			p.printer.talk("Copy %s to every node, as %s/%s. Keep %s off the nodes.", made[1].Path, nodeFiles, caCert, made[0].Path)
			p.printer.talk("Next: warden operator tls cert create NAME... --ca %s --out %s", out, out)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", ".", "the `DIR` to write to; made when missing")
	cmd.Flags().IntVar(&days, "days", 3650, "how many `DAYS` it is valid")
	cmd.Flags().StringVar(&name, "name", "warden CA", "what it is called")
	return cmd
}

func (p *program) newTLSCertCommand() *cobra.Command {
	var out, from string
	var days int
	var dns []string
	var ips []net.IP
	cmd := &cobra.Command{
		Use: "create NAME...", Short: "Make a certificate and a key for each of these nodes", Args: cobra.MinimumNArgs(1),
		Example: `  warden operator tls cert create warden-1 warden-2 warden-3 --ca tls --out tls
  warden operator tls cert create warden-1.ops.example.net --ca tls --out new --days 90`,
		Long: `Make a certificate and a key for each of these nodes: NAME.crt and NAME.key. NAME is
the node's name in [cluster] peers: what stands before the "=", or the host.
A file that exists is never written over: renew into a new directory with --out.`,
		RunE: func(_ *cobra.Command, names []string) error {
			lasts, err := lasting(days)
			if err != nil {
				return err
			}
			if len(names) > 1 && len(dns)+len(ips) > 0 {
				return usage("--dns and --ip are for one node: name one")
			}
			ca, err := readAuthority(from)
			if err != nil {
				return err
			}
			var made []tlsFile
			for _, name := range names {
				more, err := p.issue(ca, peertls.Request{Name: name, DNS: dns, IPs: ips, Lasts: lasts}, out)
				if err != nil {
					return err
				}
				made = append(made, more...)
			}
			if err := p.writeTLS(out, made); err != nil {
				return err
			}
			p.printer.talk("Copy each node its own two files and %s, and name them in [cluster] as tls_cert_file, tls_key_file and tls_ca_file.", filepath.Join(from, caCert))
			p.printer.talk("The key is for warden's user alone: chmod 600. Running nodes take new files within a second of their use; no restart.")
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "ca", ".", "the `DIR` with ca.crt and ca.key")
	f.StringVar(&out, "out", ".", "the `DIR` to write to; made when missing")
	f.IntVar(&days, "days", 365, "how many `DAYS` they are valid; never longer than the authority")
	f.StringSliceVar(&dns, "dns", nil, "a further DNS `NAME`; may be repeated")
	f.IPSliceVar(&ips, "ip", nil, "an `ADDRESS` to add; may be repeated")
	return cmd
}

// issue makes the two files of one node.
func (p *program) issue(ca peertls.Pair, r peertls.Request, out string) ([]tlsFile, error) {
	for _, name := range append([]string{r.Name}, r.DNS...) {
		if !dnsName.MatchString(name) || len(name) > 253 {
			return nil, usage("%q can't be a node's name: use letters, digits, dots and dashes", name)
		}
	}
	pair, err := peertls.Issue(ca, r, p.clock.Now())
	if err != nil {
		return nil, err
	}
	info, err := peertls.Show(pair.Cert)
	if err != nil {
		return nil, err
	}
	return []tlsFile{
		{Path: filepath.Join(out, r.Name+".key"), What: "the key of " + r.Name, Node: r.Name, Install: nodeFiles + "/node.key", Secret: true, data: pair.Key},
		{Path: filepath.Join(out, r.Name+".crt"), What: "the certificate of " + r.Name, Node: r.Name, Install: nodeFiles + "/node.crt", NotAfter: &info[0].NotAfter, data: pair.Cert},
	}, nil
}

var dnsName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

func lasting(days int) (time.Duration, error) {
	if days < 1 || days > 36500 {
		return 0, usage("--days %d: give 1 to 36500", days)
	}
	return time.Duration(days) * day, nil
}

func readAuthority(dir string) (peertls.Pair, error) {
	var ca peertls.Pair
	var err error
	if ca.Cert, err = os.ReadFile(filepath.Join(dir, caCert)); err != nil {
		return ca, fmt.Errorf("the authority: %w: give its directory with --ca, or make one: `warden operator tls ca create`", err)
	}
	if ca.Key, err = config.ReadPrivateFile(filepath.Join(dir, caKey)); err != nil {
		return ca, fmt.Errorf("%s: %w", filepath.Join(dir, caKey), err)
	}
	return ca, nil
}

// writeTLS makes the files, all or none, keys for this user alone, and shows
// them. None of them may exist.
func (p *program) writeTLS(dir string, made []tlsFile) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory: %w: nothing was written", err)
	}
	for i, f := range made {
		mode := os.FileMode(0o644)
		if f.Secret {
			mode = 0o600
		}
		err := createFile(f.Path, f.data, mode)
		if err == nil {
			continue
		}
		for _, done := range made[:i] {
			err = errors.Join(err, os.Remove(done.Path))
		}
		if errors.Is(err, fs.ErrExist) {
			return fail(ExitRefused, fmt.Errorf("%s exists, and is never written over: nothing was written; give another directory with --out, or move it away", f.Path))
		}
		return fmt.Errorf("write %s: %w: nothing was written", f.Path, err)
	}
	if p.printer.asJSON() {
		return list(p.printer, tlsFiles{Schema: "warden.tls_files/v1", Files: made}, made)
	}
	var rows [][]cell
	for _, f := range made {
		rows = append(rows, []cell{c("%s", f.What), p.until(f.NotAfter), c("%s", f.Path)})
	}
	p.printer.table("", []string{"WHAT", "UNTIL", "FILE"}, rows)
	return nil
}

func (p *program) until(t *time.Time) cell {
	if t == nil {
		return c("-")
	}
	return c("%s", p.printer.stamp(*t))
}

// createFile makes a file that doesn't exist, durably, or leaves none.
func createFile(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// tlsShown is one certificate of a file.
type tlsShown struct {
	File string `json:"file"`
	peertls.Info
	Expired bool `json:"expired"`
}

func (p *program) newTLSShowCommand() *cobra.Command {
	var detailed bool
	var within int
	cmd := &cobra.Command{
		Use: "show FILE...", Short: "Show whom certificates are made out to, by whom and until when", Args: cobra.MinimumNArgs(1),
		Example: `  warden operator tls show /etc/warden/tls/node.crt /etc/warden/tls/ca.crt
  warden operator tls show node.crt --detailed-exitcode --within 30`,
		RunE: func(_ *cobra.Command, paths []string) error {
			now := p.clock.Now()
			shown, ends := []tlsShown{}, false
			for _, path := range paths {
				data, err := os.ReadFile(path)
				if err != nil {
					return fmt.Errorf("%w: give a file of certificates in PEM form", err)
				}
				infos, err := peertls.Show(data)
				if err != nil {
					return fmt.Errorf("%s %w", path, err)
				}
				for _, info := range infos {
					shown = append(shown, tlsShown{File: path, Info: info, Expired: now.After(info.NotAfter)})
					ends = ends || now.Add(time.Duration(within)*day).After(info.NotAfter)
				}
			}
			if err := p.showTLS(now, shown); err != nil {
				return err
			}
			if detailed && ends {
				return exit(ExitSomething)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when one is expired, or will be within --within")
	cmd.Flags().IntVar(&within, "within", 30, "how many `DAYS` ahead --detailed-exitcode looks")
	return cmd
}

func (p *program) showTLS(now time.Time, shown []tlsShown) error {
	if p.printer.asJSON() {
		return list(p.printer, struct {
			Schema       string     `json:"schema"`
			Certificates []tlsShown `json:"certificates"`
		}{"warden.tls_certificates/v1", shown}, shown)
	}
	var rows [][]cell
	for _, s := range shown {
		who, by := strings.Join(s.Names, ", "), s.Issuer
		if s.Authority {
			who = s.Subject + " (authority)"
		}
		if s.SelfSigned {
			by = "itself"
		}
		left := c("in %s", chat.Span(s.NotAfter.Sub(now)))
		if s.Expired {
			left = c("expired").in(red)
		} else if now.Before(s.NotBefore) {
			left = c("not valid yet").in(red)
		}
		rows = append(rows, []cell{c("%s", who), c("%s", by), c("%s", p.printer.stamp(s.NotAfter)), left, c("%s", s.File)})
	}
	p.printer.table("", []string{"MADE OUT TO", "BY", "UNTIL", "ENDS", "FILE"}, rows)
	return nil
}
