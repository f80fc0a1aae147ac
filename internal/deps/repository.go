package deps

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/smithy-go"

	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
)

// Repository is where packages and locks are, as its users reach it.
type Repository struct {
	Client *codeartifact.Client
	Domain string
	Owner  string // the domain's account; "" is the caller's
	Name   string
}

func (r *Repository) owner() *string { return orNil(r.Owner) }

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Index is the URL of the simple index of Python packages, with a token in it.
func (r *Repository) Index(ctx context.Context) (*url.URL, error) {
	at, err := r.Client.GetRepositoryEndpoint(ctx, &codeartifact.GetRepositoryEndpointInput{
		Domain: &r.Domain, DomainOwner: r.owner(), Repository: &r.Name, Format: types.PackageFormatPypi,
	})
	if err != nil {
		return nil, err
	}
	token, err := r.Client.GetAuthorizationToken(ctx, &codeartifact.GetAuthorizationTokenInput{Domain: &r.Domain, DomainOwner: r.owner()})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(*at.RepositoryEndpoint)
	if err != nil {
		return nil, err
	}
	u.User = url.UserPassword("aws", *token.AuthorizationToken)
	return u.JoinPath("simple/"), nil
}

// project reads what the index has of a project, with all that upstreams have; nil if there is
// nothing.
func (r *Repository) project(ctx context.Context, index *url.URL, name string) (*pypi.Project, error) {
	page := index.JoinPath(name + "/")
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, page.String(), nil)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Accept", "application/vnd.pypi.simple.v1+json")
	answer, err := r.Client.Options().HTTPClient.Do(q)
	if err != nil {
		return nil, err // which has no password in it
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		page.User = nil
		return pypi.ParsePage(answer.Body, answer.Header.Get("Content-Type"), page.String(), name)
	case http.StatusNotFound:
		return nil, nil
	}
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 1000)) // for the message alone
	return nil, fmt.Errorf("the index of %s: %s %s", name, answer.Status, said)
}

// content is what a file is.
type content struct {
	size   int64
	hashes map[string]string // "SHA-256" and the others: lower-case hexadecimal digits
}

func (c content) has(d digest) bool { return c.hashes[d.algorithm] == d.hex }

// listed are the files of a version that the repository itself has; none if it has not the
// version.
func (r *Repository) listed(ctx context.Context, p Package) (map[string]content, error) {
	all := map[string]content{}
	pages := codeartifact.NewListPackageVersionAssetsPaginator(r.Client, &codeartifact.ListPackageVersionAssetsInput{
		Domain: &r.Domain, DomainOwner: r.owner(), Repository: &r.Name,
		Format: types.PackageFormat(p.Format), Namespace: orNil(p.Namespace), Package: &p.Name, PackageVersion: &p.Version,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if isAbsent(err) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		for _, a := range page.Assets {
			c := content{hashes: a.Hashes}
			if a.Size != nil {
				c.size = *a.Size
			}
			all[*a.Name] = c
		}
	}
	return all, nil
}

// read reads a file to its end, and thereby keeps it in the repository if it was upstream. It
// computes SHA-256 and the hashes of more algorithms. What breaks off on its way is read once more.
func (r *Repository) read(ctx context.Context, p Package, asset string, more ...string) (content, error) {
	c, err := r.readInto(ctx, io.Discard, p, asset, more...)
	if _, answered := errors.AsType[smithy.APIError](err); err != nil && !answered && ctx.Err() == nil {
		c, err = r.readInto(ctx, io.Discard, p, asset, more...)
	}
	return c, err
}

// newHashes are the algorithms that the API tells hashes of.
var newHashes = map[string]func() hash.Hash{"MD5": md5.New, "SHA-1": sha1.New, "SHA-256": sha256.New, "SHA-512": sha512.New}

// readInto reads a file to its end, and writes it.
func (r *Repository) readInto(ctx context.Context, w io.Writer, p Package, asset string, more ...string) (content, error) {
	out, err := r.Client.GetPackageVersionAsset(ctx, &codeartifact.GetPackageVersionAssetInput{
		Domain: &r.Domain, DomainOwner: r.owner(), Repository: &r.Name,
		Format: types.PackageFormat(p.Format), Namespace: orNil(p.Namespace), Package: &p.Name, PackageVersion: &p.Version, Asset: &asset,
	})
	if err != nil {
		return content{}, err
	}
	defer out.Asset.Close()
	sums := map[string]hash.Hash{}
	writers := []io.Writer{w}
	for _, algorithm := range append(more, "SHA-256") {
		if sums[algorithm] == nil {
			sums[algorithm] = newHashes[algorithm]()
			writers = append(writers, sums[algorithm])
		}
	}
	n, err := io.CopyBuffer(io.MultiWriter(writers...), struct{ io.Reader }{out.Asset}, make([]byte, 256<<10))
	if err != nil {
		return content{}, err
	}
	c := content{size: n, hashes: map[string]string{}}
	for name, h := range sums {
		c.hashes[name] = hex.EncodeToString(h.Sum(nil))
	}
	return c, nil
}

// status is that of a version in the repository itself; "" if it has none.
func (r *Repository) status(ctx context.Context, p Package) (types.PackageVersionStatus, error) {
	out, err := r.Client.DescribePackageVersion(ctx, &codeartifact.DescribePackageVersionInput{
		Domain: &r.Domain, DomainOwner: r.owner(), Repository: &r.Name,
		Format: types.PackageFormat(p.Format), Namespace: orNil(p.Namespace), Package: &p.Name, PackageVersion: &p.Version,
	})
	if isAbsent(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return out.PackageVersion.Status, nil
}

// isAbsent tells whether an error says that a package, a version or a file is not there; a
// domain or repository that is not there is another matter.
func isAbsent(err error) bool {
	e, ok := errors.AsType[*types.ResourceNotFoundException](err)
	return ok && e.ResourceType != types.ResourceTypeDomain && e.ResourceType != types.ResourceTypeRepository
}

// inShort is an error without what the SDK says around it.
func inShort(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	return err.Error()
}
