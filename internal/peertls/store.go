package peertls

import (
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/config"
)

// lookEvery is how often the files are looked at while they are in use.
const lookEvery = time.Second

// Options are what a Store is made of besides its files.
type Options struct {
	// Name is this node's name. A certificate that is not made out to it is
	// refused, as its peers would. Empty checks nothing.
	Name string
	// Env resolves the files' bare names; os.LookupEnv is one. Nil knows none.
	Env config.Env
	// Clock says what is expired, and when to look at the files. Required.
	Clock clock.Clock
	// Logger is told of every change and once of everything that is not taken.
	// Required.
	Logger *zap.Logger
	// Registerer gets the expiry until Close; nil gets nothing.
	Registerer prometheus.Registerer
}

// Store is a node's certificate, key and authorities, the newest that its files
// held and that fit together. It is safe for use by several goroutines.
type Store struct {
	o     Options
	files files
	now   atomic.Pointer[material]
	gauge prometheus.Collector

	// looking is held while the files are read. Nobody else waits for that:
	// they take what there is, so that a disk that hangs holds up one alone.
	looking   sync.Mutex
	looked    time.Time
	read      contents // what now was made of
	complaint string
}

// Load reads the three files. A bare name, without "/", is one in
// $CREDENTIALS_DIRECTORY. The key is refused where others can read or write it,
// the other two where others can write them. A certificate that is expired, or
// not valid yet, is no error: it is logged, the node's peers refuse it, and a
// better one is taken as soon as the file holds it.
func Load(certFile, keyFile, caFile string, o Options) (*Store, error) {
	if o.Env == nil {
		o.Env = func(string) (string, bool) { return "", false }
	}
	s := &Store{o: o}
	for _, f := range []struct {
		name  string
		at    *string
		field string
	}{{certFile, &s.files.cert, "certificate"}, {keyFile, &s.files.key, "key"}, {caFile, &s.files.ca, "authorities"}} {
		if f.name == "" {
			return nil, fmt.Errorf("no file is named for the %s: nodes speak to each other over mutual TLS only; see `warden operator tls --help`", f.field)
		}
		path, err := config.CredentialPath(f.name, o.Env)
		if err != nil {
			return nil, fmt.Errorf("the %s: %w", f.field, err)
		}
		*f.at = path
	}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	if o.Registerer == nil {
		return s, nil
	}
	s.gauge = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "warden_tls_certificate_expiry_timestamp_seconds",
		Help: "When the certificate that this node shows its peers ends, or the authority that signed it if that is sooner.",
	}, func() float64 { return float64(s.NotAfter().Unix()) })
	if err := o.Registerer.Register(s.gauge); err != nil {
		return nil, fmt.Errorf("register the certificate's metric: %w: this is a bug in warden, report it", err)
	}
	return s, nil
}

// Close takes the metric back. The Store stays usable.
func (s *Store) Close() {
	if s.gauge != nil {
		s.o.Registerer.Unregister(s.gauge)
	}
}

// Reload reads the files now. On an error the Store keeps what it had.
func (s *Store) Reload() error {
	s.looking.Lock()
	defer s.looking.Unlock()
	return s.look()
}

// NotAfter is when the certificate ends, or the authority that signed it if
// that is sooner.
func (s *Store) NotAfter() time.Time { return s.current().until }

// current is the newest material, after a look at the files if the last one
// was a second ago.
func (s *Store) current() *material {
	if s.looking.TryLock() {
		if d := s.o.Clock.Since(s.looked); d < 0 || d >= lookEvery {
			_ = s.look() // it was logged, and the old one stays
		}
		s.looking.Unlock()
	}
	return s.now.Load()
}

// look reads the files and takes what they hold if it fits. Modification times
// are not looked at: they are too coarse for two writes in a row, and the files
// are small.
func (s *Store) look() error {
	now := s.o.Clock.Now()
	s.looked = now
	had := s.now.Load()
	c, err := s.files.read()
	if err == nil && had != nil && c.equal(s.read) {
		s.content(now, had)
		return nil
	}
	var m *material
	if err == nil {
		m, err = s.files.parse(c, s.o.Name, now)
	}
	if err == nil && had != nil && m.valid(now) != nil && had.valid(now) == nil {
		err = fmt.Errorf("the certificate %s can't be used: %w: the one before it still can", s.files.cert, m.valid(now))
	}
	if err != nil {
		s.complain(err, had)
		return err
	}
	s.read = c
	s.now.Store(m)
	if had != nil {
		s.complaint = ""
		s.o.Logger.Info("the certificates were read again", zap.Strings("names", m.leaf.DNSNames), zap.Time("not_after", m.until))
	}
	s.content(now, m)
	return nil
}

// complain says once what is wrong with the files. While there is nothing yet,
// Load's caller says it.
func (s *Store) complain(err error, had *material) {
	if had == nil || s.complaint == err.Error() {
		return
	}
	s.complaint = err.Error()
	s.o.Logger.Error("the new certificates are not used, and the old ones stay", zap.Error(err), zap.Time("not_after", had.until))
}

// content is what there is to say of files that hold what is used.
func (s *Store) content(now time.Time, m *material) {
	err := m.valid(now)
	if err == nil {
		s.complaint = ""
		return
	}
	text := fmt.Sprintf("the certificate %s: %v", s.files.cert, err)
	if s.complaint != text {
		s.complaint = text
		s.o.Logger.Error("this node's peers refuse its certificate: put a new one into the file, or set this machine's clock right", zap.String("problem", text))
	}
}

// Server is for a connection that comes in: TLS 1.3, and the other side must
// show a certificate of one of the authorities that is for clients. Ask for it
// at each connection: what it verifies with is of this moment.
func (s *Store) Server() *tls.Config {
	m := s.current()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Time: s.o.Clock.Now,
		Certificates: []tls.Certificate{*m.cert},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: m.roots,
		// A ticket would let in who showed a good certificate yesterday.
		SessionTicketsDisabled: true,
	}
}

// Client is for a connection to the peer of that name: TLS 1.3, and the other
// side must show a certificate of one of the authorities, for servers, made out
// to name. Ask for it at each connection, as for Server's.
func (s *Store) Client(name string) *tls.Config {
	m := s.current()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Time: s.o.Clock.Now,
		RootCAs: m.roots, ServerName: name,
		// Shown whatever authorities the server names, so that it can say which
		// it doesn't know.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return m.cert, nil },
	}
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(q, ", ")
}
