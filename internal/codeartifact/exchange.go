package codeartifact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/wire/native"
)

// Exchange is a request below an endpoint of a format, and the answer to it.
type Exchange struct {
	*native.Writer // the answer
	Request        *http.Request
	Repository     *Repository
	Path           string // below the endpoint, escaped, without its first '/': "simple/numpy/"

	s      *Service
	ctx    context.Context
	format Format
	base   string
}

// Context is the request's, with the caller in it. It is the one to hand on.
func (x *Exchange) Context() context.Context { return x.ctx }

// Parts splits the path and unescapes each part. A path that ends with '/' has an empty last
// part. The error is ValidationException of what is not escaped UTF-8, and of "." and "..".
func (x *Exchange) Parts() ([]string, error) {
	parts := strings.Split(x.Path, "/")
	for i, p := range parts {
		text, err := url.PathUnescape(p)
		if err != nil || text == "." || text == ".." || strings.ContainsAny(text, "\x00\\") || strings.ToValidUTF8(text, "") != text {
			return nil, Invalid("The path is malformed.")
		}
		parts[i] = text
	}
	return parts, nil
}

// URL is a URL below the endpoint, as the client reaches it. Each part is escaped.
func (x *Exchange) URL(parts ...string) string {
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = url.PathEscape(p)
	}
	return x.base + strings.Join(escaped, "/")
}

// View returns a package as the client sees it, see Service.View.
func (x *Exchange) View(n PackageName) (*View, error) { return x.s.View(x.ctx, x.Repository, n) }

// Packages returns names of packages, see Service.Packages.
func (x *Exchange) Packages(from *PackageName, n int) ([]PackageName, error) {
	return x.s.Packages(x.ctx, x.Repository, x.format.Name(), from, n)
}

// Authorize asks policy for an action on a package: before a large body is read.
func (x *Exchange) Authorize(a Action, n PackageName) error {
	x.does(a)
	return x.s.Authorize(x.ctx, x.Repository, a, n)
}

// does notes what the request is about, for the log and the audit trail.
func (x *Exchange) does(a Action) { api.RequestOf(x.ctx).Operation = string(a) }

// Reads asks policy for ReadFromRepository: for a request that only reads, whatever its
// method.
func (x *Exchange) Reads() error {
	x.does("ReadFromRepository")
	return x.s.ask(x.ctx, check("ReadFromRepository", x.Repository.Name.ARN(), x.Repository.Policy, x.Repository.Tags))
}

// Stage keeps what r has, up to as many bytes as the quota has it, see Service.Stage.
func (x *Exchange) Stage(r io.Reader) (*Staged, error) { return x.s.receive(x.ctx, x.format.Name(), r) }

// OpenStaged reads what was staged at any place.
func (x *Exchange) OpenStaged(staged *Staged) io.ReaderAt {
	return x.s.ReaderAt(x.ctx, staged.Hashes, staged.Size)
}

// Publish publishes assets of a version, see Service.Publish.
func (x *Exchange) Publish(n PackageName, p Publication) (*Version, error) {
	x.does(PublishPackageVersion)
	return x.s.Publish(x.ctx, x.Repository, n, p)
}

// Change changes a package, see Service.Change.
func (x *Exchange) Change(a Action, n PackageName, fn func(e *Edit) error) error {
	x.does(a)
	return x.s.Change(x.ctx, x.Repository, a, n, fn)
}

// Send answers with a small body.
func (x *Exchange) Send(status int, contentType string, body []byte) error {
	h := x.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.WriteHeader(status)
	if x.Request.Method != http.MethodHead {
		_, _ = x.Write(body)
	}
	return nil
}

// SendContent answers with a body whose headers are set: whole, a range of it, or 304 if
// its ETag is what the client has. It has no Last-Modified: a document can change twice
// within a second, so only the ETag tells.
func (x *Exchange) SendContent(body []byte) error {
	http.ServeContent(x, x.Request, "", time.Time{}, bytes.NewReader(body))
	return nil
}

// MethodNotAllowed is the answer to a method that a path has not.
func (x *Exchange) MethodNotAllowed(allowed ...string) error {
	x.Header().Set("Allow", strings.Join(allowed, ", "))
	return api.Errorf("MethodNotAllowed", http.StatusMethodNotAllowed, "The method %s is not allowed here.", x.Request.Method)
}

// NothingHere is the answer to a path that the format has not.
func (x *Exchange) NothingHere() error {
	return api.Errorf("NotFound", http.StatusNotFound, "There is nothing at %s.", strconv.Quote(x.Path))
}

// SendAsset answers with an asset of a view: whole, a range of it, or 304. Its bytes never
// change, so the client may keep them. One that comes from outside is sent as it comes; if
// it proves to be another than was promised, the answer breaks off before its end.
func (x *Exchange) SendAsset(v *View, version, asset, contentType string) (err error) {
	var a *Asset
	var f *flow
	if x.Request.Method == http.MethodGet {
		if a, f, err = v.coming(x.ctx, version, asset); err != nil {
			return err
		}
	}
	if f == nil {
		if _, a, err = v.Asset(x.ctx, version, asset); err != nil {
			return err
		}
	}
	h := x.Header()
	if a.SHA256 != "" {
		h.Set("Etag", `"`+a.SHA256+`"`)
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "private, max-age=3600")
	}
	h.Set("Content-Type", contentType)
	content := &content{ctx: x.ctx, s: x.s, asset: a, flow: f, stored: func() (*Asset, error) {
		_, a, err := v.Asset(x.ctx, version, asset)
		return a, err
	}}
	defer content.close()
	http.ServeContent(x, x.Request, "", a.Published, content)
	if x.Request.Method == http.MethodGet && (x.Status == http.StatusOK || x.Status == http.StatusPartialContent) {
		x.s.metrics.sent(v.Name.Format, content.sent)
	}
	return content.err
}

// content is an asset's bytes for http.ServeContent, opened where they are first read.
type content struct {
	ctx   context.Context
	s     *Service
	asset *Asset
	// flow is what the bytes are read of until they are stored; nil if they are. stored
	// returns the asset then.
	flow   *flow
	stored func() (*Asset, error)
	at     int64
	sent   int64
	open   io.ReadCloser
	err    error // of the store
}

func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.asset.Size
	}
	if offset < 0 {
		return 0, errors.New("codeartifact: a seek before the beginning")
	}
	if offset != c.at {
		c.close()
	}
	c.at = offset
	return offset, nil
}

func (c *content) Read(p []byte) (n int, err error) {
	if c.at >= c.asset.Size {
		return 0, io.EOF
	}
	if c.flow != nil {
		if n, err = c.flow.read(c.ctx, p, c.at); err == nil {
			c.at += int64(n)
			c.sent += int64(n)
			return n, nil
		}
		c.flow = nil
		if err == errStored {
			size := c.asset.Size
			if c.asset, err = c.stored(); err == nil && c.asset.Size != size {
				err = fmt.Errorf("codeartifact: %d bytes were stored of %d", c.asset.Size, size)
			}
		}
		if err != nil {
			c.err = err
			return 0, err
		}
	}
	if c.open == nil {
		if c.open, err = c.s.Open(c.ctx, c.asset.Hashes, c.at, -1); err != nil {
			c.err = err
			return 0, err
		}
	}
	n, err = c.open.Read(p)
	c.at += int64(n)
	c.sent += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

func (c *content) close() {
	if c.open != nil {
		_ = c.open.Close() // it was only read
		c.open = nil
	}
}
