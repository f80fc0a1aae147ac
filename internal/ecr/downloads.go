package ecr

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// downloadLife is how long the URL of a layer is good, as on AWS.
const downloadLife = time.Hour

// DownloadParameter is the parameter of a blob's URL that stands for the credentials of
// who asked for the URL.
const DownloadParameter = "X-Modelwharf-Download"

// download is what a token in a URL is good for: one blob under one path.
func download(path string, d blob.Digest) pagetoken.Listing {
	return pagetoken.Listing{Operation: "ecr:Download", Parameters: []byte(path + "@" + string(d))}
}

// downloadURL returns a URL from which anyone can read a layer for an hour, as long as who
// asked for it may. It is at the host to which the caller speaks. The error is
// LayersNotFoundException.
func (s *Service) downloadURL(ctx context.Context, r *Repository, d blob.Digest) (string, error) {
	if blob.Check(d) != nil {
		return "", layerAbsent(r, d)
	}
	_, _, err := s.BlobSize(ctx, r, d)
	if errors.Is(err, &api.Error{Code: "LayersNotFoundException"}) {
		return "", layerAbsent(r, d)
	}
	if err != nil {
		return "", err
	}
	caller := api.RequestOf(ctx).Caller
	b, err := json.Marshal(token{caller.AccessKeyID, s.identity.SessionToken(ctx), s.now().Add(downloadLife).Unix()})
	if err != nil {
		return "", err
	}
	path := r.Name.Account + "/" + r.Name.Region + "/" + r.Name.Name
	return s.baseURL(ctx) + "/v2/" + path + "/blobs/" + string(d) + "?" +
		url.Values{DownloadParameter: {s.seal.Seal(download(path, d), b)}}.Encode(), nil
}

// AdmitDownload lets who asked for a URL of a blob into the request for it, which ctx
// carries. Policy is asked again, so that who may no longer read the blob does not. The
// error is ErrToken, or the store's.
func (s *Service) AdmitDownload(ctx context.Context, path string, d blob.Digest, text string) (context.Context, error) {
	b, err := s.seal.Open(download(path, d), text)
	if err != nil {
		return ctx, ErrToken
	}
	return s.admit(ctx, b)
}

func layerAbsent(r *Repository, d blob.Digest) *api.Error {
	return failed("LayersNotFoundException",
		"The layer with digest '%s' does not exist within the repository with name '%s' in the registry with id '%s'", d, r.Name.Name, r.Name.Account)
}
