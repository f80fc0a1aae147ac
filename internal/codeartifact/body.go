package codeartifact

import (
	"io"

	"github.com/modelwharf/modelwharf/internal/api"
)

// maxBeside is how many bytes a request may have beside the asset that it publishes.
const maxBeside = 32 << 20

// maxBody is how many bytes a request of a package tool may have: those of the largest
// asset, in base64 as npm sends it, and what comes with it. Each format has limits of its
// own for what it keeps in memory; this one ends what would never end.
func (s *Service) maxBody() int64 { return s.quotas.Of(assetBytesQuota)/3*4 + maxBeside }

func tooLong(most int64) *api.Error {
	return quotaExceeded(anAsset, "asset", "The request has more than %d bytes, the most that an asset takes. The server's operator can raise the limit: --quota %s=…", most, assetBytesQuota.Name)
}

// endless is a body that fails, rather than ends, where it has more bytes than it may.
type endless struct {
	io.ReadCloser
	left int64
	err  error
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left < 0 {
		return 0, e.err
	}
	n, err := e.ReadCloser.Read(p)
	if e.left -= int64(n); e.left < 0 {
		return n, e.err
	}
	return n, err
}
