// Package wiretest helps tests that ask a server by AWS's SDK for Go.
package wiretest

import (
	"io"
	"net/http"
)

// Transport is an http.Transport for the SDK's clients that keeps that many idle
// connections. It hides the WriteTo of the bodies of requests.
//
// That of smithy-go 1.28 fails with io.EOF once the answer has begun. A server that is
// quick enough answers before net/http has looked for the end of the body; net/http then
// takes the request for one that could not be sent, and closes the connection under
// whoever reads the answer ("use of closed network connection").
func Transport(idle int) http.RoundTripper {
	return &transport{http.Transport{MaxIdleConnsPerHost: idle}}
}

type transport struct{ http.Transport }

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		plain := *req
		plain.Body = struct{ io.ReadCloser }{req.Body}
		req = &plain
	}
	return t.Transport.RoundTrip(req)
}
