package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/server/archive"
	"github.com/modelwharf/modelwharf/internal/server/folder"
)

// Client asks the server that runs on a data folder. Its errors are
// folder.ErrNotRunning if none does, and otherwise the server's own words.
type Client struct{ http http.Client }

// NewClient returns a client of the server that runs on the data folder dir.
func NewClient(dir string) *Client {
	return &Client{http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return folder.DialControl(ctx, dir)
		},
		DisableKeepAlives: true,
	}}}
}

// Ready returns nil if the server answers requests.
func (c *Client) Ready(ctx context.Context) error {
	return c.do(ctx, http.MethodGet, readyPath, nil, nil)
}

// Accounts returns all accounts.
func (c *Client) Accounts(ctx context.Context) (all []Account, err error) {
	err = c.do(ctx, http.MethodGet, accountsPath, nil, &all)
	return all, err
}

// CreateAccount makes an account, with a first key for its root.
func (c *Client) CreateAccount(ctx context.Context, in NewAccount) (a Account, err error) {
	err = c.do(ctx, http.MethodPost, accountsPath, in, &a)
	return a, err
}

// Audit returns a page of events.
func (c *Client) Audit(ctx context.Context, q AuditQuery) (page AuditPage, err error) {
	err = c.do(ctx, http.MethodPost, auditPath, q, &page)
	return page, err
}

// Backup writes a backup to out and verifies it on the way. What was written is
// of no use unless the error is nil.
func (c *Client) Backup(ctx context.Context, out io.Writer) (Backup, error) {
	res, err := c.send(ctx, http.MethodPost, backupPath, nil)
	if err != nil {
		return Backup{}, err
	}
	defer res.Body.Close()
	var b Backup
	err = archive.Read(io.TeeReader(res.Body, out), func(store io.Reader) error {
		info, err := kv.VerifyBackup(ctx, store)
		b.Commit, b.Time, b.Pairs = uint64(info.Stamp), info.Time, info.Pairs
		return err
	}, func(of archive.Blob, content io.Reader) error {
		n, err := archive.Check(of.Digest, content)
		b.Blobs++
		b.Bytes += n
		return err
	})
	return b, err
}

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	res, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if out == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(out)
}

// send returns a successful answer, whose body is to be closed.
func (c *Client) send(ctx context.Context, method, path string, in any) (*http.Response, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://modelwharf"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if errors.Is(err, folder.ErrNotRunning) {
		return nil, errors.Unwrap(err) // without the URL, which means nothing to anybody
	}
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	var f failure
	if err := json.NewDecoder(res.Body).Decode(&f); err != nil {
		return nil, fmt.Errorf("the server answered %s", res.Status)
	}
	return nil, errors.New(f.Message)
}
