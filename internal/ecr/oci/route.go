package oci

import (
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/modelwharf/modelwharf/internal/ecr"
)

// kind is what a path below /v2/ is of.
type kind int

const (
	ping        kind = iota
	blobOf           // <name>/blobs/<digest>
	uploadsOf        // <name>/blobs/uploads/
	uploadOf         // <name>/blobs/uploads/<id>
	manifestOf       // <name>/manifests/<reference>
	tagsOf           // <name>/tags/list
	referrersOf      // <name>/referrers/<digest>
)

// route is a path, read.
type route struct {
	kind kind
	path string // the name as it is in the path
	name ecr.Name
	ref  string // digest, tag or upload's id
}

// parseRoute reads a path from its end, since a name may contain any of the words.
func parseRoute(path string) (route, error) {
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok || rest == "" {
		return route{kind: ping}, nil
	}
	if name, ok := strings.CutSuffix(rest, "/tags/list"); ok {
		return route{kind: tagsOf, path: name}, nil
	}
	if name, ok := strings.CutSuffix(strings.TrimSuffix(rest, "/"), "/blobs/uploads"); ok {
		return route{kind: uploadsOf, path: name}, nil
	}
	slash := strings.LastIndexByte(rest, '/')
	if slash < 0 {
		return route{}, notFound()
	}
	before, ref := rest[:slash], rest[slash+1:]
	for _, k := range []struct {
		suffix string
		kind   kind
	}{{"/blobs/uploads", uploadOf}, {"/blobs", blobOf}, {"/manifests", manifestOf}, {"/referrers", referrersOf}} {
		if name, ok := strings.CutSuffix(before, k.suffix); ok && name != "" && ref != "" {
			return route{kind: k.kind, path: name, ref: ref}, nil
		}
	}
	return route{}, notFound()
}

// operation is the name of the ECR operation that a request comes to, for policies, the
// log and the audit trail.
func (rt *route) operation(method string) string {
	reads := method == http.MethodGet || method == http.MethodHead
	switch rt.kind {
	case blobOf:
		switch {
		case method == http.MethodDelete:
			return "BatchDeleteImage"
		case method == http.MethodHead:
			return "BatchCheckLayerAvailability"
		}
		return "GetDownloadUrlForLayer"
	case uploadsOf:
		return "InitiateLayerUpload"
	case uploadOf:
		if method == http.MethodPut {
			return "CompleteLayerUpload"
		}
		return "UploadLayerPart"
	case manifestOf:
		switch {
		case reads:
			return "BatchGetImage"
		case method == http.MethodDelete:
			return "BatchDeleteImage"
		}
		return "PutImage"
	case tagsOf:
		return "ListImages"
	case referrersOf:
		return "ListImageReferrers"
	}
	return "GetAuthorizationToken"
}

// The hosts of registries below the domain.
const publicHost = "public.ecr"

var privateHost = regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)$`)

// imagePath returns the path of an image's name, with what the virtual host says.
func (h *Handler) imagePath(r *http.Request, name string) string {
	host, ok := virtualHost(r, h.domain)
	if !ok || host == publicHost {
		return name
	}
	if m := privateHost.FindStringSubmatch(host); m != nil {
		return m[1] + "/" + m[2] + "/" + name
	}
	return name
}

// IsVirtualHost tells whether a request came by a host that a registry has below the
// domain, if there is one.
func IsVirtualHost(r *http.Request, domain string) bool {
	host, ok := virtualHost(r, domain)
	return ok && (host == publicHost || privateHost.MatchString(host))
}

// virtualHost returns the host of a request without the domain, if it is below that.
func virtualHost(r *http.Request, domain string) (string, bool) {
	if domain == "" {
		return "", false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.CutSuffix(strings.ToLower(host), "."+domain)
}

// url is where something of the repository is.
func (x *exchange) url(of string) string {
	return x.h.baseURL(x.r) + "/v2/" + x.path + of
}
