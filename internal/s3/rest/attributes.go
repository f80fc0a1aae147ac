package rest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/s3"
)

func (x *exchange) getBucketPolicyStatus() error {
	public, err := x.s.PublicPolicy(x.ctx, x.at.Bucket)
	if err != nil {
		return err
	}
	return x.write("PolicyStatus", struct{ IsPublic bool }{public})
}

type objectPart struct {
	PartNumber int
	Size       int64
	checksums
}

func (x *exchange) getObjectAttributes() error {
	if err := x.checkVersion(); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, header := range x.Request.Header.Values("X-Amz-Object-Attributes") {
		for name := range strings.SplitSeq(header, ",") {
			wanted[strings.TrimSpace(name)] = true
		}
	}
	if len(wanted) == 0 {
		return s3.InvalidArgument("x-amz-object-attributes header is missing or has no value")
	}
	f, err := x.s.GetObject(x.ctx, x.at)
	if err != nil {
		return err
	}
	type parts struct {
		PartsCount           int
		PartNumberMarker     int
		NextPartNumberMarker int
		MaxParts             int
		IsTruncated          bool
		Part                 []objectPart
	}
	type checksum struct {
		checksums
		ChecksumType string
	}
	var out struct {
		ETag         string    `xml:",omitempty"`
		Checksum     *checksum `xml:",omitempty"`
		ObjectParts  *parts    `xml:",omitempty"`
		StorageClass string    `xml:",omitempty"`
		ObjectSize   *int64    `xml:",omitempty"`
	}
	if wanted["ETag"] {
		out.ETag = f.ETag
	}
	if wanted["Checksum"] && f.Checksum.Algorithm != "" {
		out.Checksum = &checksum{checksumsOf(f.Checksum.Algorithm, f.Checksum.Value), f.Checksum.Type()}
	}
	if wanted["StorageClass"] {
		out.StorageClass = "STANDARD"
	}
	if wanted["ObjectSize"] {
		out.ObjectSize = &f.Size
	}
	if wanted["ObjectParts"] && f.Parts > 0 {
		max, _ := strconv.Atoi(x.Request.Header.Get("X-Amz-Max-Parts"))
		marker, _ := strconv.Atoi(x.Request.Header.Get("X-Amz-Part-Number-Marker"))
		if max <= 0 || max > maxKeys {
			max = maxKeys
		}
		p := &parts{PartsCount: f.Parts, PartNumberMarker: marker, MaxParts: max}
		for i, piece := range f.Pieces() {
			if i < marker {
				continue
			}
			if len(p.Part) == max {
				p.IsTruncated = true
				break
			}
			p.Part = append(p.Part, objectPart{i + 1, piece.Size, checksumsOf(f.Checksum.Algorithm, piece.Checksum)})
			p.NextPartNumberMarker = i + 1
		}
		out.ObjectParts = p
	}
	x.Writer.Header().Set("Last-Modified", f.Modified.UTC().Format(http.TimeFormat))
	return x.write("GetObjectAttributesResponse", out)
}
