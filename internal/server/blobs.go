package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/dir"
	"github.com/modelwharf/modelwharf/internal/blob/s3"
	"github.com/modelwharf/modelwharf/internal/server/folder"
)

// Blobs says where the bytes of images and packages are. The zero value is the data folder.
type Blobs struct {
	URL       string // "s3://bucket/prefix", or "" for the data folder
	Endpoint  string // of a store other than AWS's: "https://s3.example.com"; "" for what AWS's settings say
	Region    string // of the bucket; "" for what AWS's settings say
	PathStyle bool   // the bucket is in the path, not in the host
}

// s3Wait is how long S3 may take to begin an answer.
const s3Wait = time.Minute

// bucket is the bucket and the prefix of the keys in it; "" for the data folder.
func (b *Blobs) bucket() (name, prefix string, err error) {
	if b.URL == "" {
		if b.Endpoint != "" || b.Region != "" || b.PathStyle {
			return "", "", fmt.Errorf("--blobs-endpoint, --blobs-region and --blobs-path-style are for a bucket: name it with --blobs s3://BUCKET/PREFIX")
		}
		return "", "", nil
	}
	u, err := url.Parse(b.URL)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", "", fmt.Errorf("--blobs %q: a bucket looks like s3://models/wharf", b.URL)
	}
	if prefix = strings.Trim(u.Path, "/"); prefix != "" {
		prefix += "/"
	}
	return u.Host, prefix, nil
}

func (b *Blobs) check() error {
	if _, _, err := b.bucket(); err != nil {
		return err
	}
	if b.Endpoint == "" {
		return nil
	}
	if u, err := url.Parse(b.Endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("--blobs-endpoint %q: a URL like https://s3.example.com", b.Endpoint)
	}
	return nil
}

// open opens a store of bytes: that of images, of packages or of objects, each a folder of its own.
func (b *Blobs) open(ctx context.Context, f *folder.Folder, of string) (blob.Store, error) {
	bucket, prefix, err := b.bucket()
	if err != nil {
		return nil, err
	}
	if bucket == "" {
		return dir.Open(filepath.Join(f.Dir(), of), dir.Options{})
	}
	client, err := b.client(ctx)
	if err != nil {
		return nil, fmt.Errorf("--blobs %s: %w", b.URL, err)
	}
	store, err := s3.Open(ctx, s3.Options{Client: client, Bucket: bucket, Prefix: prefix + of + "/"})
	if err != nil {
		return nil, fmt.Errorf("--blobs %s: %w; look at the bucket's name, --blobs-endpoint, --blobs-region and at AWS's variables for credentials", b.URL, err)
	}
	return store, nil
}

// client is a client of the bucket, with the credentials that any AWS client would find.
func (b *Blobs) client(ctx context.Context) (*sdk.Client, error) {
	wait := func(t *http.Transport) { t.ResponseHeaderTimeout = s3Wait }
	options := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(wait)),
		// Other stores than AWS's know no checksums in trailers.
		awsconfig.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
	}
	if b.Region != "" {
		options = append(options, awsconfig.WithRegion(b.Region))
	}
	c, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	return sdk.NewFromConfig(c, func(o *sdk.Options) {
		o.UsePathStyle = b.PathStyle
		if o.Region == "" {
			o.Region = "us-east-1" // which stores without regions take
		}
		if b.Endpoint != "" {
			o.BaseEndpoint = &b.Endpoint
		}
	}), nil
}
