package sagemaker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/runtime/unpack"
	"github.com/modelwharf/modelwharf/internal/s3"
)

// modelData is what a container finds in runtime.ModelFolder.
type modelData struct {
	URL    string `json:"url"`
	Prefix bool   `json:"prefix,omitempty"` // all objects that begin so, not one
	Plain  bool   `json:"plain,omitempty"`  // not an archive
}

// dataLimits are what the data of a model may have when it is unpacked.
var dataLimits = unpack.Limits{Bytes: 256 << 30, Files: 1_000_000}

// dataOf is the data that a definition names, nil if it names none.
func dataOf(address *string, source *shapes.ModelDataSource) *modelData {
	switch {
	case source != nil && source.S3DataSource != nil:
		d := source.S3DataSource
		return &modelData{URL: *d.S3Uri, Prefix: *d.S3DataType == "S3Prefix", Plain: *d.CompressionType == "None"}
	case text(address) != "":
		return &modelData{URL: *address}
	}
	return nil
}

// object is the object that the data is, or the prefix of its keys.
func (d *modelData) object(ctx context.Context, objects *s3.Service) (s3.Name, error) {
	u, err := url.Parse(d.URL)
	if err == nil && u.Scheme == "s3" && u.Host != "" {
		return s3.Name{Bucket: u.Host, Key: strings.TrimPrefix(u.Path, "/")}, nil
	}
	if n, ok := objects.Locate(ctx, d.URL); err == nil && ok {
		return n, nil
	}
	return s3.Name{}, invalid("Could not access model data at %s: it is not an object of this server. Name it s3://BUCKET/KEY.", d.URL)
}

// checkData refuses data that the caller, the role of the model, cannot read.
func (s *Service) checkData(ctx context.Context, d *modelData) error {
	n, err := d.object(ctx, s.objects)
	if err != nil {
		return err
	}
	if d.Prefix {
		found, err := s.objects.ListObjects(asked(ctx, "ListObjectsV2"), s3.Listing{Bucket: n.Bucket, Prefix: n.Key, Max: 1})
		if err == nil && len(found.Objects) == 0 {
			return invalid("Could not find model data at %s.", d.URL)
		}
		return d.unreadable(ctx, err)
	}
	_, err = s.objects.GetObject(asked(ctx, "GetObject"), n)
	return d.unreadable(ctx, err)
}

// unreadable tells why data cannot be read.
func (d *modelData) unreadable(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*api.Error](err); ok && e.HTTPStatus() < http.StatusInternalServerError {
		return invalid("Could not access model data at %s. Please ensure that the role %q exists and that its trust relationship policy allows the action \"sts:AssumeRole\" for the service principal \"sagemaker.amazonaws.com\". Also ensure that the role has \"s3:GetObject\" permissions and that the object is located in %s. (%s)",
			d.URL, api.RequestOf(ctx).Caller.Principal, api.RequestOf(ctx).Region, e.Message).Because(err)
	}
	return err
}

// asked is the context of a call to the object store.
func asked(ctx context.Context, operation string) context.Context {
	r := new(*api.RequestOf(ctx))
	r.Service, r.Operation = "s3", operation
	return api.WithRequest(ctx, r)
}

// fetchData writes the data of a model into a folder that there is, as the caller.
func (s *Service) fetchData(ctx context.Context, d *modelData, folder string) error {
	n, err := d.object(ctx, s.objects)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	if !d.Prefix {
		return d.unreadable(ctx, s.fetchObject(ctx, d, root, n, path.Base(n.Key)))
	}
	for token := ""; ; {
		page, err := s.objects.ListObjects(asked(ctx, "ListObjectsV2"), s3.Listing{Bucket: n.Bucket, Prefix: n.Key, Token: token, Max: 1000})
		if err != nil {
			return d.unreadable(ctx, err)
		}
		for _, o := range page.Objects {
			name := strings.TrimPrefix(strings.TrimPrefix(o.Key, n.Key), "/")
			if name == "" || strings.HasSuffix(name, "/") {
				continue
			}
			if err := s.fetchObject(ctx, d, root, s3.Name{Bucket: n.Bucket, Key: o.Key}, name); err != nil {
				return d.unreadable(ctx, err)
			}
		}
		if token = page.Token; token == "" {
			return nil
		}
	}
}

// fetchObject writes an object as a file, or what it is an archive of.
func (s *Service) fetchObject(ctx context.Context, d *modelData, root *os.Root, n s3.Name, name string) error {
	found, err := s.objects.GetObject(asked(ctx, "GetObject"), n)
	if err != nil {
		return err
	}
	r, err := found.Open(ctx, 0, found.Size)
	if err != nil {
		return err
	}
	defer r.Close()
	if !d.Plain {
		if err := unpack.New(root, dataLimits).Layer(r); err != nil {
			return invalid("The model data at %s is not a tar archive that can be unpacked: %s", d.URL, err)
		}
		return nil
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
