package codeartifact

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/egress"
)

// fetch brings the bytes of a remote asset into the repository that knows it: once for all
// who want it, whole, and only if they are those that the index promised. What it returns
// is on its way then, also when nobody waits for it.
func (o *outside) fetch(ctx context.Context, r *Repository, n PackageName, version, asset string) (*flow, error) {
	c, err := o.connectionOf(r, n.Format)
	if err != nil {
		return nil, err
	}
	k := string(packageKey(versionsPrefix, r.ID, n, version, asset))
	if err, ok := o.recent.get(k, o.s.now()); ok {
		if err == nil {
			err = AssetNotFound(version, asset)
		}
		return nil, err
	}
	return o.flows.join(k, func(f *flow) {
		ctx := context.WithoutCancel(ctx)
		err := o.bring(ctx, c, r, n, version, asset, f)
		o.s.metrics.question(n.Format, "asset", err)
		switch {
		case errors.Is(err, errMissing):
			o.recent.put(k, nil, o.s.now().Add(missingFor))
			err = AssetNotFound(version, asset)
		case err != nil:
			o.s.log.WarnContext(ctx, "an external connection failed", "connection", c.connection, "package", n.String(), "version", version, "asset", asset, "error", err)
			err = unavailable(c.connection, err)
			o.recent.put(k, err, o.s.now().Add(outageFor))
		}
		f.end(err)
	}), nil
}

func (o *outside) bring(ctx context.Context, c *asked, r *Repository, n PackageName, version, asset string, f *flow) (err error) {
	defer func() { // a format that fails over a file fails alone
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	var v *Version
	var a *Asset
	var metadata []byte
	read := func(e *Edit) (err error) {
		if metadata, err = e.Metadata(version); err != nil {
			return err
		}
		if v, err = e.Version(version); err != nil {
			return err
		}
		if v == nil || v.Origin.Connection != c.connection {
			return errMissing
		}
		a = v.Asset(asset)
		return nil
	}
	if err := o.s.change(ctx, r, n, read); err != nil {
		return err
	}
	if a == nil {
		l, ok := c.format.(Locator)
		if !ok {
			return errMissing
		}
		var err error
		if a, err = o.locate(ctx, c, l, n, version, asset); err != nil {
			return err
		}
	}
	if a.Remote == "" {
		return nil // somebody was faster
	}
	staged, err := o.stage(ctx, n.Format, a, f)
	if err != nil {
		return err
	}
	p := Publication{Version: version, Append: true, Origin: v.Origin, Assets: []NewAsset{{Name: asset, Staged: staged}}}
	if err := c.format.Import(ctx, n, v, metadata, o.s.ReaderAt(ctx, staged.Hashes, staged.Size), &p); err != nil {
		return err
	}
	return o.s.change(ctx, r, n, func(e *Edit) error {
		if _, external, err := e.s.mayCome(ctx, e.tx, e.Repository, e.pkg, n); err != nil || !external {
			return errors.Join(err, errMissing)
		}
		if err := read(e); err != nil {
			return err
		}
		if a != nil && a.Remote != "" {
			if err := promised(a.Hashes, staged.Hashes); err != nil {
				return err // the index has changed meanwhile
			}
		}
		e.Note("externalConnection", c.connection)
		_, err := e.Publish(p)
		return err
	})
}

// stage reads a remote asset, which flows, and checks that it is what was promised.
func (o *outside) stage(ctx context.Context, format string, a *Asset, f *flow) (*Staged, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(stallTime, func() { cancel(errors.New("codeartifact: the external repository sends nothing")) })
	defer timer.Stop()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, a.Remote, nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("User-Agent", "modelwharf")
	answer, err := o.egress.Open(q)
	if err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, errMissing
	default:
		return nil, fmt.Errorf("codeartifact: the external repository answered %d", answer.StatusCode)
	}
	most := int64(MaxAsset)
	if a.Size > 0 {
		most = min(most, a.Size)
	}
	if answer.ContentLength > most {
		return nil, egress.ErrTooLarge
	}
	if size := max(answer.ContentLength, a.Size); size > 0 {
		f.begin(size)
	}
	body := &bounded{r: answer.Body, left: most, timer: timer}
	in := &counted{r: io.TeeReader(body, f)}
	staged, err := o.s.Stage(context.WithoutCancel(ctx), in, MaxAsset)
	o.s.metrics.fetched.WithLabelValues(format).Add(float64(in.n))
	if err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	if a.Size > 0 && staged.Size != a.Size {
		return nil, fmt.Errorf("codeartifact: the external repository sent %d bytes of %d", staged.Size, a.Size)
	}
	return staged, promised(a.Hashes, staged.Hashes)
}

// promised checks every hash that was promised.
func promised(want, got Hashes) error {
	for _, one := range [][2]string{{want.SHA512, got.SHA512}, {want.SHA256, got.SHA256}, {want.SHA1, got.SHA1}, {want.MD5, got.MD5}} {
		if one[0] != "" && subtle.ConstantTimeCompare([]byte(strings.ToLower(one[0])), []byte(one[1])) != 1 {
			return fmt.Errorf("codeartifact: the external repository sent other bytes than it promised: %s, and not %s", one[1], one[0])
		}
	}
	return nil
}

// locate finds an asset that no index names, and what hash it must have.
func (o *outside) locate(ctx context.Context, c *asked, l Locator, n PackageName, version, asset string) (*Asset, error) {
	ctx, cancel := context.WithTimeout(ctx, indexTime)
	defer cancel()
	path, hashes := l.AssetPath(n, version, asset)
	u, err := url.Parse(c.base.String() + path)
	if err != nil {
		return nil, errMissing
	}
	a := &Asset{Name: asset, Remote: u.String()}
	for _, kind := range hashes {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, a.Remote+"."+kind, nil)
		if err != nil {
			return nil, err
		}
		answer, err := o.egress.Do(q, 4<<10)
		if err != nil {
			return nil, err
		}
		if answer.Status != http.StatusOK {
			continue
		}
		sum, _, _ := strings.Cut(strings.TrimSpace(string(answer.Body)), " ")
		if to := map[string]*string{"md5": &a.MD5, "sha1": &a.SHA1, "sha256": &a.SHA256, "sha512": &a.SHA512}[kind]; to != nil {
			*to = strings.ToLower(sum)
			break
		}
	}
	return a, nil
}

// bounded is a body that fails when it has more than it may, and keeps a timer from going
// off while it comes.
type bounded struct {
	r     io.Reader
	left  int64
	timer *time.Timer // nil for none
	err   error
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		b.err = egress.ErrTooLarge
		return 0, b.err
	}
	if b.timer != nil {
		b.timer.Reset(stallTime)
	}
	if err != nil {
		b.err = err
	}
	return n, err
}
