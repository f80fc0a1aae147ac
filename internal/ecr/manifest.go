package ecr

import (
	"bytes"
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
)

// MaxManifest is how long a manifest may be, in bytes.
const MaxManifest = 4 << 20

// The media types of manifests.
const (
	OCIManifest    = "application/vnd.oci.image.manifest.v1+json"
	OCIIndex       = "application/vnd.oci.image.index.v1+json"
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	DockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// descriptor points to something by its digest.
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       blob.Digest       `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// foreign tells whether a layer lies elsewhere, and may be missing here.
func (d *descriptor) foreign() bool {
	switch d.MediaType {
	case "application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":
		return true
	}
	return false
}

// manifest is what this package reads of one. The bytes themselves are kept and given
// back as they came.
type manifest struct {
	MediaType    string
	ArtifactType string
	Subject      *descriptor
	Annotations  map[string]string

	blobs    []descriptor // config and layers
	children []descriptor // manifests of an index
	config   *descriptor
	index    bool
}

// parseManifest reads a manifest of a media type; one that is sent without is told by its
// own field, or by what it has.
func parseManifest(b []byte, mediaType string) (*manifest, error) {
	if len(b) > MaxManifest {
		return nil, api.Errorf("InvalidParameterException", http.StatusRequestEntityTooLarge, "A manifest has at most %d bytes", MaxManifest)
	}
	var m struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		ArtifactType  string            `json:"artifactType"`
		Config        *descriptor       `json:"config"`
		Layers        []descriptor      `json:"layers"`
		Blobs         []descriptor      `json:"blobs"` // of the artifact manifest that OCI gave up
		Manifests     []descriptor      `json:"manifests"`
		Subject       *descriptor       `json:"subject"`
		Annotations   map[string]string `json:"annotations"`
		FSLayers      json.RawMessage   `json:"fsLayers"`
	}
	invalid := func(format string, args ...any) (*manifest, error) {
		return nil, failed("InvalidParameterException", "Invalid parameter at 'imageManifest' failed to satisfy constraint: '"+format+"'", args...)
	}
	if !utf8.Valid(b) || !bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{")) {
		return invalid("Invalid JSON syntax")
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return invalid("Invalid JSON syntax")
	}
	if m.SchemaVersion == 1 || m.FSLayers != nil {
		return invalid("manifests of Docker's schema 1 are not supported")
	}
	if mediaType == "" {
		mediaType = m.MediaType
	}
	if mediaType == "" {
		switch {
		case m.Manifests != nil:
			mediaType = OCIIndex
		case m.Config != nil:
			mediaType = OCIManifest
		default:
			return invalid("the media type of the manifest is not known")
		}
	}
	if m.MediaType != "" && m.MediaType != mediaType {
		return invalid("the manifest's mediaType is %s, but it was sent as %s", m.MediaType, mediaType)
	}
	out := &manifest{
		MediaType: mediaType, ArtifactType: m.ArtifactType, Subject: m.Subject, Annotations: m.Annotations,
		index: mediaType == OCIIndex || mediaType == DockerList,
	}
	known := out.index || mediaType == OCIManifest || mediaType == DockerManifest
	switch {
	case known && m.SchemaVersion != 2:
		return invalid("schemaVersion must be 2")
	case out.index && (m.Config != nil || m.Layers != nil):
		return invalid("an index has neither config nor layers")
	case out.index:
		out.children = m.Manifests
	case known && m.Config == nil:
		return invalid("a config is required")
	case known && m.Manifests != nil:
		return invalid("an image manifest has no manifests")
	default:
		out.config = m.Config
		if m.Config != nil {
			out.blobs = append(out.blobs, *m.Config)
		}
		out.blobs = append(append(out.blobs, m.Layers...), m.Blobs...)
	}
	for _, list := range [][]descriptor{out.blobs, out.children} {
		for _, d := range list {
			if blob.Check(d.Digest) != nil || d.Size < 0 {
				return invalid("a descriptor is not valid")
			}
		}
	}
	if m.Subject != nil && blob.Check(m.Subject.Digest) != nil {
		return invalid("the subject is not valid")
	}
	return out, nil
}

// artifactType is the type by which a referrer is filtered. An image manifest without one
// of its own has that of its config, an index has none: see "Listing Referrers" in the
// OCI distribution specification.
func (m *manifest) artifactType() string {
	if m.ArtifactType == "" && m.config != nil && !m.index {
		return m.config.MediaType
	}
	return m.ArtifactType
}
