package s3_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// world is a server with a client of its administrator.
type world struct {
	*servertest.Server
	*testing.T
	*s3.Client
}

func start(t *testing.T, changes ...func(*server.Config)) *world {
	t.Helper()
	t.Parallel()
	s := servertest.Start(t, changes...)
	return &world{s, t, s3.NewFromConfig(s.AWS())}
}

// bucket makes a bucket.
func (w *world) bucket(name string) string {
	w.Helper()
	if _, err := w.CreateBucket(w.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		w.Fatal(err)
	}
	return name
}

func (w *world) put(bucket, key, content string) *s3.PutObjectOutput {
	w.Helper()
	out, err := w.PutObject(w.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(content)})
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func (w *world) get(bucket, key string) string {
	w.Helper()
	out, err := w.GetObject(w.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		w.Fatal(err)
	}
	return read(w.T, out.Body)
}

func read(t *testing.T, r io.ReadCloser) string {
	t.Helper()
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// user makes a user with a policy, and returns a client of theirs.
func (w *world) user(name, policy string) *s3.Client {
	w.Helper()
	c := iam.NewFromConfig(w.AWS())
	if _, err := c.CreateUser(w.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		w.Fatal(err)
	}
	if policy != "" {
		in := &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":` + policy + `}`)}
		if _, err := c.PutUserPolicy(w.Context(), in); err != nil {
			w.Fatal(err)
		}
	}
	k, err := c.CreateAccessKey(w.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		w.Fatal(err)
	}
	return s3.NewFromConfig(w.As(*k.AccessKey.AccessKeyId, *k.AccessKey.SecretAccessKey, ""))
}

// code is that of an error, with its status.
func code(err error) (string, int) {
	var status int
	if r, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		status = r.HTTPStatusCode()
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode(), status
	}
	return "", status
}

func (w *world) refused(err error, want string, status int) {
	w.Helper()
	if c, s := code(err); c != want || s != status {
		w.Errorf("%v: want %s %d", err, want, status)
	}
}

// raw sends a request without a signature.
func (w *world) raw(method, url string, body string, headers ...string) (int, http.Header, string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, url, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	return res.StatusCode, res.Header, read(w.T, res.Body)
}

func filled(n int, b byte) []byte { return bytes.Repeat([]byte{b}, n) }
