package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Why a connection of a peer was refused: the label of the counter.
const (
	refusedPlaintext   = "plaintext"
	refusedCertificate = "certificate" // of another authority, expired, none, for the wrong use
	refusedPeer        = "peer"        // a good certificate that is not of a configured peer
	refusedProtocol    = "protocol"
	refusedNode        = "other_node"
	refusedCluster     = "other_cluster"
	refusedTimeout     = "timeout"
	refusedBusy        = "busy"
	refusedOther       = "other"
)

var refusedReasons = []string{refusedPlaintext, refusedCertificate, refusedPeer, refusedProtocol, refusedNode, refusedCluster, refusedTimeout, refusedBusy, refusedOther}

// refusals counts connections that were refused, and logs each kind from each
// address once a minute: a scanner must not fill the disk.
type refusals struct {
	log   *zap.Logger
	count *prometheus.CounterVec

	mu   sync.Mutex
	said map[string]time.Time
}

func newRefusals(log *zap.Logger) *refusals {
	r := &refusals{log: log, said: map[string]time.Time{}, count: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "warden_peer_connections_refused_total",
		Help: "Connections to the peers' port that were refused, by reason.",
	}, []string{"reason"})}
	for _, reason := range refusedReasons {
		r.count.WithLabelValues(reason)
	}
	return r
}

const (
	refusalEvery = time.Minute
	maxRefusals  = 256 // kinds and addresses remembered
)

func (r *refusals) note(reason string, from net.Addr, err error) {
	r.count.WithLabelValues(reason).Inc()
	host, _, splitErr := net.SplitHostPort(from.String())
	if splitErr != nil {
		host = from.String()
	}
	if r.fresh(reason + " " + host) {
		r.log.Warn("a connection to the peers' port was refused", zap.String("reason", reason), zap.String("from", from.String()), zap.Error(err))
	}
}

func (r *refusals) fresh(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.said[key]) < refusalEvery {
		return false
	}
	if len(r.said) >= maxRefusals {
		clear(r.said)
	}
	r.said[key] = now
	return true
}

func handshakeReason(err error) string {
	var header tls.RecordHeaderError
	var invalid x509.CertificateInvalidError
	var authority x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	switch {
	case errors.As(err, &header):
		return refusedPlaintext
	case errors.As(err, &verification), errors.As(err, &invalid), errors.As(err, &authority), strings.Contains(err.Error(), "certificate"):
		return refusedCertificate
	case errors.Is(err, os.ErrDeadlineExceeded), strings.Contains(err.Error(), "deadline exceeded"):
		return refusedTimeout
	case strings.Contains(err.Error(), "protocol"):
		return refusedProtocol
	}
	return refusedOther
}

func prefaceReason(err error) string {
	switch {
	case errors.Is(err, errOtherNode):
		return refusedNode
	case errors.Is(err, errOtherCluster):
		return refusedCluster
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refusedTimeout
	}
	return refusedOther
}

// inWords adds to an error of TLS what to do about it.
func inWords(err error) error {
	var header tls.RecordHeaderError
	var invalid x509.CertificateInvalidError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var alert tls.AlertError
	const issue = "issue it with `warden operator tls` from the authority that all nodes share"
	switch {
	case errors.As(err, &header):
		return fmt.Errorf("%w: the other end does not speak TLS: only warden's nodes belong on this port", err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: renew that node's certificate, or set the clocks right", err)
	case errors.As(err, &authority):
		return fmt.Errorf("%w: the other end's certificate is not of the authority in tls_ca_file: %s", err, issue)
	case errors.As(err, &host):
		return fmt.Errorf("%w: the other end's certificate is made out to another name than [cluster] peers has: %s", err, issue)
	case errors.As(err, &alert):
		return fmt.Errorf("%w: the other end does not accept this node's certificate: %s, and see that node's log", err, issue)
	case strings.Contains(err.Error(), "didn't provide a certificate"):
		return fmt.Errorf("%w: only warden's nodes belong on this port", err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the other end hung up, as it does when it does not accept this node's certificate: see its log", err)
	}
	return err
}
