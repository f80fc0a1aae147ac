package oci_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob/blobtest"
)

// pushWays are the ways in which the protocol pushes a blob. Each sends content as what has
// the digest d, and returns the answer that decides.
var pushWays = map[string]func(reg *registry, content []byte, d digest.Digest) *answer{
	"one POST": func(reg *registry, content []byte, d digest.Digest) *answer {
		return reg.do("POST", "/v2/"+private+"/blobs/uploads/?digest="+d.String(), content, "Content-Type", "application/octet-stream")
	},
	"POST, PUT": func(reg *registry, content []byte, d digest.Digest) *answer {
		return reg.do("PUT", query(reg.begin(private), "digest="+d.String()), content, "Content-Type", "application/octet-stream")
	},
	"stream": func(reg *registry, content []byte, d digest.Digest) *answer {
		location := reg.send("PATCH", reg.begin(private), struct{ io.Reader }{bytes.NewReader(content)}).want(202).location()
		return reg.do("PUT", query(location, "digest="+d.String()), nil)
	},
	"chunks": func(reg *registry, content []byte, d digest.Digest) *answer {
		return reg.pushChunks(content, d, false, false)
	},
	"chunks, last by PUT": func(reg *registry, content []byte, d digest.Digest) *answer {
		return reg.pushChunks(content, d, true, false)
	},
	"chunks, some astray": func(reg *registry, content []byte, d digest.Digest) *answer {
		return reg.pushChunks(content, d, false, true)
	},
	"chunks, some astray, last by PUT": func(reg *registry, content []byte, d digest.Digest) *answer {
		return reg.pushChunks(content, d, true, true)
	},
}

// pushChunks sends three chunks at most, the last of them by the PUT if that is wanted. With
// astray, each is preceded by the one after it, or by the first, which is refused; the
// upload's status then says where to go on.
func (reg *registry) pushChunks(content []byte, d digest.Digest, lastByPut, astray bool) *answer {
	reg.t.Helper()
	location := reg.begin(private)
	chunks := slices.Collect(slices.Chunk(content, max(1, len(content)/3+1)))
	var starts []int
	for sent := 0; sent < len(content); sent += len(chunks[0]) {
		starts = append(starts, sent)
	}
	send := func(i int) *answer {
		method, to := "PATCH", location
		if lastByPut && i == len(chunks)-1 {
			method, to = "PUT", query(location, "digest="+d.String())
		}
		return reg.do(method, to, chunks[i], "Content-Type", "application/octet-stream", "Content-Range", fmt.Sprintf("%d-%d", starts[i], starts[i]+len(chunks[i])-1))
	}
	for i := range chunks {
		if wrong := (i + 1) % len(chunks); astray && wrong != i {
			send(wrong).fails(416, "BLOB_UPLOAD_INVALID")
			status := reg.do("GET", location, nil).want(204).has("Range", fmt.Sprintf("0-%d", max(0, starts[i]-1)))
			location = status.location()
		}
		got := send(i)
		if lastByPut && i == len(chunks)-1 {
			return got
		}
		location = got.want(202).location()
	}
	return reg.do("PUT", query(location, "digest="+d.String()), nil)
}

// "Pushing Blobs" in every way, by both algorithms, down to the smallest contents: the
// Location that is answered is the blob's, HEAD and GET tell its length and digest, and a
// deletion holds at once.
func TestPushEveryWay(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		for way, push := range pushWays {
			t.Run(algorithm.String()+" "+way, func(t *testing.T) {
				t.Parallel()
				reg := start(t)
				for _, content := range [][]byte{{}, []byte("{}"), blobtest.Random(1, 512), blobtest.Random(2, 3067)} {
					d := algorithm.FromBytes(content)
					path, told := "/v2/"+private+"/blobs/"+d.String(), []string{"Docker-Content-Digest", d.String(), "Content-Length", fmt.Sprint(len(content))}
					reg.do("GET", path, nil).fails(404, "BLOB_UNKNOWN")
					location := push(reg, content, d).want(201).has("Docker-Content-Digest", d.String()).location()
					for _, from := range []string{path, location} {
						if got := reg.do("GET", from, nil).want(200).has(told...); !bytes.Equal(got.body, content) {
							t.Errorf("%s: other bytes come back", from)
						}
					}
					reg.do("HEAD", path, nil).want(200).has(told...)
					reg.do("DELETE", path, nil).want(202)
					reg.do("HEAD", path, nil).want(404)
					push(reg, content, d).want(201) // what was deleted can come again
					reg.do("HEAD", path, nil).want(200).has(told...)
				}
			})
		}
	}
}

// A digest that is not of the bytes is refused whichever way they came, and leaves nothing
// under either name.
func TestPushWrongDigestEveryWay(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		for way, push := range pushWays {
			t.Run(algorithm.String()+" "+way, func(t *testing.T) {
				t.Parallel()
				reg := start(t)
				content := blobtest.Random(3, 3067)
				d, sent := algorithm.FromBytes(content), append(bytes.Clone(content), "and more"...)
				push(reg, sent, d).fails(400, "DIGEST_INVALID")
				for _, d := range []digest.Digest{d, algorithm.FromBytes(sent)} {
					reg.do("HEAD", "/v2/"+private+"/blobs/"+d.String(), nil).want(404)
				}
			})
		}
	}
}

// "Mounting a blob" by either algorithm; and where there is nothing to mount, or no
// repository named to mount it from, the answer is an upload that takes the bytes.
func TestMountOrUpload(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			reg := start(t)
			content := blobtest.Random(4, 512)
			d := algorithm.FromBytes(content)
			path := "/v2/" + private + "/blobs/"
			take := func(a *answer) {
				t.Helper()
				location := reg.do("PUT", query(a.want(202).location(), "digest="+d.String()), content).want(201).location()
				if got := reg.do("GET", location, nil).want(200); !bytes.Equal(got.body, content) {
					t.Error("other bytes come back")
				}
				reg.do("DELETE", path+d.String(), nil).want(202)
			}
			take(reg.do("POST", path+"uploads/?mount="+d.String()+"&from="+other, nil))
			reg.do("POST", "/v2/"+other+"/blobs/uploads/?digest="+d.String(), content).want(201)
			take(reg.do("POST", path+"uploads/?mount="+d.String(), nil)) // a blob is found in the repositories that are named, not in all
			location := reg.do("POST", path+"uploads/?mount="+d.String()+"&from="+other, nil).want(201).has("Docker-Content-Digest", d.String()).location()
			if got := reg.do("GET", location, nil).want(200); !bytes.Equal(got.body, content) {
				t.Error("other bytes come back")
			}
			// Each repository has it for itself.
			reg.do("DELETE", path+d.String(), nil).want(202)
			reg.do("HEAD", path+d.String(), nil).want(404)
			reg.do("HEAD", "/v2/"+other+"/blobs/"+d.String(), nil).want(200)
		})
	}
}
