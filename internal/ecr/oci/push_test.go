package oci_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob/blobtest"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/ecr/oci"
)

// "Pushing a blob monolithically: POST then PUT".
func TestPushPostThenPut(t *testing.T) {
	t.Parallel()
	reg := start(t)
	for _, repository := range []string{private, public} {
		for _, n := range []int{0, 1, 1000, 3 << 20} {
			content := blobtest.Random(uint64(n), n)
			d := digest.FromBytes(content)
			begun := reg.do("POST", "/v2/"+repository+"/blobs/uploads/", nil).want(202).has("Range", "0-0", "Content-Length", "0")
			if begun.location() == "" || strings.Contains(begun.location(), "?") || begun.header.Get("Docker-Upload-UUID") == "" {
				t.Errorf("the location is %q", begun.location())
			}
			reg.do("PUT", query(begun.location(), "digest="+d.String()), content).want(201).
				has("Docker-Content-Digest", d.String(), "Location", "http://"+reg.host+"/v2/"+repository+"/blobs/"+d.String())
			if got := reg.do("GET", "/v2/"+repository+"/blobs/"+d.String(), nil).want(200); !bytes.Equal(got.body, content) {
				t.Error("other bytes come back")
			}
			reg.do("GET", begun.location(), nil).fails(404, "BLOB_UPLOAD_UNKNOWN")
		}
	}
}

// "Pushing a blob monolithically: single POST".
func TestPushSinglePost(t *testing.T) {
	t.Parallel()
	reg := start(t)
	content := []byte("all at once")
	d := digest.FromBytes(content)
	uploads := "/v2/" + private + "/blobs/uploads/"
	reg.do("POST", uploads+"?digest="+d.String(), content).want(201).has("Docker-Content-Digest", d.String())
	reg.do("HEAD", "/v2/"+private+"/blobs/"+d.String(), nil).want(200).has("Content-Length", "11")
	empty := digest.FromString("")
	reg.do("POST", uploads+"?digest="+empty.String(), nil).want(201)
	reg.do("HEAD", "/v2/"+private+"/blobs/"+empty.String(), nil).want(200).has("Content-Length", "0")
	reg.do("POST", uploads+"?digest="+d.String(), []byte("others")).fails(400, "DIGEST_INVALID")
	reg.do("POST", uploads+"?digest=sha256:12", content).fails(400, "DIGEST_INVALID")
	reg.do("POST", uploads+"?digest-algorithm=md5", nil).fails(400, "DIGEST_INVALID")
	// Only the digest: the bytes follow.
	more := digest.FromString("more")
	location := reg.do("POST", uploads+"?digest="+more.String(), nil).want(202).location()
	reg.do("PUT", query(location, "digest="+more.String()), []byte("more")).want(201)
}

// "Pushing a blob in chunks", with the status of an upload and its resumption.
func TestPushChunked(t *testing.T) {
	t.Parallel()
	reg := start(t)
	content := blobtest.Random(1, 3000)
	d := digest.FromBytes(content)
	location := reg.begin(private)
	chunk := func(method, location string, from, to int, headers ...string) *answer {
		return reg.do(method, location, content[from:to], append([]string{"Content-Range", fmt.Sprintf("%d-%d", from, to-1), "Content-Type", "application/octet-stream"}, headers...)...)
	}
	reg.do("GET", location, nil).want(204).has("Range", "0-0", "Location", location)
	location = chunk("PATCH", location, 0, 1000).want(202).has("Range", "0-999").location()
	reg.do("GET", location, nil).want(204).has("Range", "0-999")
	// A gap and an overlap are refused, and change nothing.
	chunk("PATCH", location, 1001, 2000).fails(416, "BLOB_UPLOAD_INVALID").has("Range", "0-999", "Location", location)
	chunk("PATCH", location, 999, 2000).fails(416, "BLOB_UPLOAD_INVALID").has("Range", "0-999")
	chunk("PATCH", location, 0, 1000).fails(416, "BLOB_UPLOAD_INVALID")
	reg.do("PATCH", location, content[1000:2000], "Content-Range", "1000-1500").fails(400, "SIZE_INVALID")
	for _, header := range []string{"x", "-", "5-", "-5", "9-8", "bytes", "1000-99999999999999999999"} {
		reg.do("PATCH", location, content[1000:2000], "Content-Range", header).fails(400, "SIZE_INVALID")
	}
	reg.do("PATCH", location, content[1000:2000], "Content-Range", "bytes 1000-1999/3000").want(202).has("Range", "0-1999")
	// The last chunk may come with the PUT, in order too.
	chunk("PUT", query(location, "digest="+d.String()), 2500, 3000).fails(416, "BLOB_UPLOAD_INVALID").has("Range", "0-1999")
	chunk("PUT", query(location, "digest="+d.String()), 2000, 3000).want(201).has("Docker-Content-Digest", d.String())
	if got := reg.do("GET", "/v2/"+private+"/blobs/"+d.String(), nil).want(200); !bytes.Equal(got.body, content) {
		t.Error("other bytes come back")
	}
	reg.do("PATCH", location, content).fails(404, "BLOB_UPLOAD_UNKNOWN")
	reg.do("PUT", query(location, "digest="+d.String()), nil).fails(404, "BLOB_UPLOAD_UNKNOWN")
}

// Docker, podman and crane stream the whole without a Content-Range, then PUT nothing.
func TestPushStreamed(t *testing.T) {
	t.Parallel()
	reg := start(t)
	content := blobtest.Random(2, 5<<20)
	d := digest.FromBytes(content)
	location := reg.send("PATCH", reg.begin(private), struct{ io.Reader }{bytes.NewReader(content)}).
		want(202).has("Range", fmt.Sprintf("0-%d", len(content)-1)).location()
	reg.do("PUT", query(location, "digest="+d.String()), nil).want(201)
	reg.do("HEAD", "/v2/"+private+"/blobs/"+d.String(), nil).want(200).has("Content-Length", fmt.Sprint(len(content)))
	// A stream in two.
	location = reg.begin(other)
	reg.do("PATCH", location, content[:1000]).want(202)
	reg.do("PATCH", location, content[1000:]).want(202)
	reg.do("PUT", query(location, "digest="+d.String()), nil).want(201)
}

// A digest that is not of the bytes is refused, and the upload can go on.
func TestPushWrongDigest(t *testing.T) {
	t.Parallel()
	reg := start(t)
	location := reg.begin(private)
	reg.do("PATCH", location, []byte("bytes")).want(202)
	reg.do("PUT", location, nil).fails(400, "DIGEST_INVALID")
	reg.do("PUT", query(location, "digest=sha256:abc"), nil).fails(400, "DIGEST_INVALID")
	reg.do("PUT", query(location, "digest="+digest.FromString("x").String()), nil).fails(400, "DIGEST_INVALID")
	reg.do("HEAD", "/v2/"+private+"/blobs/"+digest.FromString("x").String(), nil).want(404)
	reg.do("PUT", query(location, "digest="+digest.FromString("bytes").String()), nil).want(201)
}

// "Cancel an upload".
func TestPushCancel(t *testing.T) {
	t.Parallel()
	reg := start(t)
	location := reg.begin(private)
	reg.do("PATCH", location, []byte("bytes")).want(202)
	reg.do("DELETE", location, nil).want(204)
	reg.do("DELETE", location, nil).fails(404, "BLOB_UPLOAD_UNKNOWN")
	reg.do("GET", location, nil).fails(404, "BLOB_UPLOAD_UNKNOWN")
	reg.do("PATCH", location, []byte("bytes")).fails(404, "BLOB_UPLOAD_UNKNOWN")
}

// An upload belongs to its repository.
func TestPushUploadOfAnotherRepository(t *testing.T) {
	t.Parallel()
	reg := start(t)
	location := strings.Replace(reg.begin(private), private, other, 1)
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		reg.do(method, location, nil).fails(404, "BLOB_UPLOAD_UNKNOWN")
	}
	reg.do("PUT", query(location, "digest="+digest.FromString("").String()), nil).fails(404, "BLOB_UPLOAD_UNKNOWN")
}

// One writer at a time; a reader is told how far it is.
func TestPushOneWriter(t *testing.T) {
	t.Parallel()
	reg := start(t)
	location := reg.begin(private)
	id := location[strings.LastIndexByte(location, '/')+1:]
	first, err := reg.images.TakeUpload(t.Context(), reg.find(private), id)
	if err != nil {
		t.Fatal(err)
	}
	reg.do("PATCH", location, []byte("second")).fails(409, "BLOB_UPLOAD_INVALID")
	reg.do("PUT", query(location, "digest="+digest.FromString("").String()), nil).fails(409, "BLOB_UPLOAD_INVALID")
	reg.do("DELETE", location, nil).fails(409, "BLOB_UPLOAD_INVALID")
	if _, err := first.Append(t.Context(), strings.NewReader("first")); err != nil {
		t.Fatal(err)
	}
	reg.do("GET", location, nil).want(204).has("Range", "0-4")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	reg.do("PATCH", location, []byte("second")).want(202).has("Range", "0-10")
}

// An upload goes on in another process, where it was.
func TestPushResumesAfterKill(t *testing.T) {
	t.Parallel()
	reg := start(t)
	content := blobtest.Random(3, 2<<20)
	location := reg.begin(private)
	reg.do("PATCH", location, content[:1<<20]).want(202)
	again := start(t, func(c *ecr.Config, o *oci.Config) {
		blobs, err := reg.reopen(t)
		if err != nil {
			t.Fatal(err)
		}
		c.Blobs = blobs
	})
	location = strings.Replace(location, reg.host, again.host, 1)
	again.do("GET", location, nil).want(204).has("Range", "0-1048575")
	again.do("PATCH", location, content[1<<20:], "Content-Range", "1048576-2097151").want(202)
	again.do("PUT", query(location, "digest="+digest.FromBytes(content).String()), nil).want(201)
}

// sha512: with a hint, without one, and where it was used before.
func TestPushSHA512(t *testing.T) {
	t.Parallel()
	reg := start(t)
	for i, hint := range []string{"", "?digest-algorithm=sha512", "", "?digest-algorithm=sha256"} {
		content := blobtest.Random(uint64(40+i), 100_000)
		d := digest.SHA512.FromBytes(content)
		location := reg.do("POST", "/v2/"+private+"/blobs/uploads/"+hint, nil).want(202).location()
		reg.do("PATCH", location, content[:50_000]).want(202)
		reg.do("PATCH", location, content[50_000:]).want(202)
		reg.do("PUT", query(location, "digest="+d.String()), nil).want(201).has("Docker-Content-Digest", d.String())
		if got := reg.do("GET", "/v2/"+private+"/blobs/"+d.String(), nil).want(200); !bytes.Equal(got.body, content) {
			t.Error("other bytes come back")
		}
		reg.do("HEAD", "/v2/"+private+"/blobs/"+digest.FromBytes(content).String(), nil).want(404)
	}
	m := imageOf("config")
	reg.push(private, []byte("config"))
	d := digest.SHA512.FromBytes(m)
	reg.putManifest(private, d.String(), m).want(201).has("Docker-Content-Digest", d.String())
	reg.do("GET", "/v2/"+private+"/manifests/"+d.String(), nil).want(200).has("Docker-Content-Digest", d.String())
	reg.putManifest(private, "tagged?digest-algorithm=sha512", m).want(201).has("Docker-Content-Digest", d.String())
	reg.do("HEAD", "/v2/"+private+"/manifests/tagged", nil).want(200).has("Docker-Content-Digest", d.String())
}

// "Mounting a blob from another repository".
func TestMount(t *testing.T) {
	t.Parallel()
	reg := start(t)
	d := reg.push(other, []byte("shared"))
	mount := func(to, from string, headers ...string) *answer {
		return reg.do("POST", "/v2/"+to+"/blobs/uploads/?mount="+d.String()+"&from="+from, nil, headers...)
	}
	mount(private, other).want(201).has("Docker-Content-Digest", d.String(), "Location", "http://"+reg.host+"/v2/"+private+"/blobs/"+d.String())
	reg.do("HEAD", "/v2/"+private+"/blobs/"+d.String(), nil).want(200)
	// What cannot be mounted is uploaded.
	for _, from := range []string{"", "nothing", public, account + "/" + region + "/absent", account + "/us-east-1/team/other"} {
		if location := mount(public, from).want(202).location(); location == "" {
			t.Error("no location")
		}
	}
	reg.do("HEAD", "/v2/"+public+"/blobs/"+d.String(), nil).want(404)
	// Who may not pull from the source does not learn that it has the blob.
	stranger, _ := reg.user("pusher", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*","Resource":"arn:aws:ecr:*:*:repository/team/model"}]}`)
	fresh := reg.push(other, []byte("not for everyone"))
	reg.do("POST", "/v2/"+private+"/blobs/uploads/?mount="+fresh.String()+"&from="+other, nil, "Authorization", "Bearer "+stranger).want(202)
	reg.do("POST", "/v2/"+private+"/blobs/uploads/?mount=sha256:12&from="+other, nil).fails(400, "DIGEST_INVALID")
}
