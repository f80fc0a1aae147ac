package oci

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/ecr"
)

// maxPage is how many tags or referrers a page has at most.
const maxPage = 1000

// pageSize reads the parameter n.
func pageSize(q url.Values) (int, error) {
	if !q.Has("n") {
		return maxPage, nil
	}
	n, ok := number(q.Get("n"))
	if !ok {
		return 0, errorf(http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "n=%q is no number", q.Get("n"))
	}
	return int(min(n, maxPage)), nil
}

// next links to the page that follows.
func (x *exchange) next(of, last string, n int, more url.Values) {
	q := url.Values{"n": {strconv.Itoa(n)}, "last": {last}}
	for k, v := range more {
		q[k] = v
	}
	x.w.Header().Set("Link", "</v2/"+x.path+of+"?"+q.Encode()+`>; rel="next"`)
}

// getTags lists tags in their order.
func (x *exchange) getTags() error {
	q := x.r.URL.Query()
	n, err := pageSize(q)
	if err != nil {
		return err
	}
	tags, more, err := []string(nil), false, error(nil)
	if n > 0 {
		if tags, more, err = x.h.images.Tags(x.ctx, x.repository, q.Get("last"), n); err != nil {
			return err
		}
	}
	if tags == nil {
		tags = []string{} // [] and not null
	}
	if more {
		x.next("/tags/list", tags[len(tags)-1], n, nil)
	}
	return x.writeJSON("application/json", map[string]any{"name": x.path, "tags": tags})
}

// getReferrers lists what refers to a manifest. "If the registry supports the referrers API,
// the registry MUST NOT return a 404": what is not there has no referrers.
func (x *exchange) getReferrers() error {
	d, err := x.digestRef()
	if err != nil {
		return err
	}
	q := x.r.URL.Query()
	n, err := pageSize(q)
	if err != nil {
		return err
	}
	artifactType, found := q.Get("artifactType"), []json.RawMessage{}
	if x.repository != nil {
		var types []string
		if artifactType != "" {
			types = []string{artifactType}
		}
		list, next, err := x.h.images.Referrers(x.ctx, x.repository, d, types, blob.Digest(q.Get("last")), max(n, 1))
		if err != nil {
			return err
		}
		if next != "" {
			more := url.Values{}
			if artifactType != "" {
				more.Set("artifactType", artifactType)
			}
			x.next("/referrers/"+string(d), string(next), max(n, 1), more)
		}
		found = append(found, list...)
	}
	if artifactType != "" {
		x.w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	return x.writeJSON(ecr.OCIIndex, struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Manifests     []json.RawMessage `json:"manifests"`
	}{2, ecr.OCIIndex, found})
}

func (x *exchange) writeJSON(contentType string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", contentType)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	x.w.WriteHeader(http.StatusOK)
	_, err = x.w.Write(b)
	return err
}
