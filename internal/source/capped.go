package source

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// errTooLarge reports that an answer went on beyond the cap.
var errTooLarge = errors.New("the answer is too large")

// maxErrorBytes is how much of an answer that is no data anyway is read.
const maxErrorBytes = 64 << 10

// refusedLocation is where capped keeps the Location of an answer.
const refusedLocation = "Warden-Refused-Location"

// capped is a transport whose answers end at most bytes. It counts what comes
// out of decompression, so a small body that unpacks into a large one is
// stopped while it unpacks. It also keeps redirects from being followed.
type capped struct {
	next http.RoundTripper
	most int64
}

// RoundTrip implements http.RoundTripper.
func (c capped) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	switch enc := resp.Header.Get("Content-Encoding"); enc {
	case "", "identity":
	case "gzip": // not asked for, but there are proxies that do it anyway
		resp.Body, resp.ContentLength = &unzipped{body: resp.Body}, -1
	default:
		return nil, errors.Join(fmt.Errorf("the answer has the encoding %q, which was not asked for", clip(enc)), resp.Body.Close())
	}
	// Hidden from net/http, which quotes a Location that it can't parse.
	if to := resp.Header.Get("Location"); to != "" {
		resp.Header.Del("Location")
		resp.Header.Set(refusedLocation, to)
	}
	if resp.StatusCode != http.StatusOK || isHTML(mediaType(resp.Header)) {
		resp.Body = readCloser{io.LimitReader(resp.Body, min(c.most, maxErrorBytes)), resp.Body}
		return resp, nil
	}
	if resp.ContentLength > c.most {
		return nil, errors.Join(errTooLarge, resp.Body.Close())
	}
	resp.Body = readCloser{&cappedReader{next: resp.Body, left: c.most}, resp.Body}
	return resp, nil
}

// unzipped unpacks a body as it is read.
type unzipped struct {
	body   io.ReadCloser
	unpack *gzip.Reader
}

// Read implements io.Reader.
func (u *unzipped) Read(p []byte) (n int, err error) {
	if u.unpack == nil {
		if u.unpack, err = gzip.NewReader(u.body); err != nil {
			u.unpack = nil
			return 0, err
		}
	}
	return u.unpack.Read(p)
}

// Close implements io.Closer.
func (u *unzipped) Close() error { return u.body.Close() }

type readCloser struct {
	io.Reader
	io.Closer
}

// cappedReader fails, rather than ends, once there is more than its cap.
type cappedReader struct {
	next io.Reader
	left int64
}

// Read implements io.Reader.
func (c *cappedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.next.Read(p)
	if int64(n) > c.left {
		return int(c.left), errTooLarge
	}
	c.left -= int64(n)
	return n, err
}
