package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// Bucket is a bucket.
type Bucket struct {
	Name    string    `json:"-"`
	ID      uint64    `json:"i"`
	Account string    `json:"a"` // its owner
	Region  string    `json:"r"`
	Created time.Time `json:"c"`
	Tags    []Tag     `json:"t,omitempty"`
	// Uncontrolled says that its ownership controls were deleted. It changes nothing but the
	// answer to who asks for them.
	Uncontrolled bool `json:"u,omitempty"`
	// Policy is its policy's document, "" for none, and Principals whom it names, see
	// identity.Check.
	Policy     string            `json:"p,omitempty"`
	Principals map[string]string `json:"n,omitempty"`
}

// ARN is that of the bucket.
func (b *Bucket) ARN() string { return "arn:aws:s3:::" + b.Name }

func (b *Bucket) objectARN(key string) string { return b.ARN() + "/" + key }

// CanonicalID is what S3 calls an account: 64 hexadecimal digits.
func CanonicalID(account string) string {
	sum := sha256.Sum256([]byte("s3 canonical user " + account))
	return hex.EncodeToString(sum[:])
}

// Name names an object.
type Name struct{ Bucket, Key string }

// maxKey is how long the key of an object may be, in bytes.
const maxKey = 1024

// check returns KeyTooLongError or InvalidArgument for a key that no object can have.
func (n Name) check() error {
	switch {
	case len(n.Key) > maxKey:
		return Refuse("KeyTooLongError", http.StatusBadRequest, "Your key is too long")
	case !utf8.ValidString(n.Key):
		return InvalidArgument("The key of an object is text in UTF-8.")
	}
	return nil
}

var bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// reserved are the first words of paths that other services answer.
var reserved = map[string]bool{"token": true, "codeartifact": true, "console": true, "healthz": true, "readyz": true, "metrics": true}

// ValidBucket tells whether a bucket can have a name.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
func ValidBucket(name string) bool {
	if !bucketForm.MatchString(name) || reserved[name] || strings.Contains(name, "..") {
		return false
	}
	for _, p := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	for _, p := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, p) {
			return false
		}
	}
	_, err := netip.ParseAddr(name)
	return err != nil
}

// readBucket returns a bucket, or NoSuchBucket.
func readBucket(ctx context.Context, tx kv.Reader, name string) (*Bucket, error) {
	v, err := tx.GetHot(ctx, bucketKey(name))
	if err != nil {
		return nil, err
	}
	b, err := decode[Bucket](v)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, noSuchBucket()
	}
	b.Name = name
	return b, nil
}

// find returns a bucket, or NoSuchBucket.
func (s *Service) find(ctx context.Context, name string) (b *Bucket, err error) {
	if !bucketForm.MatchString(name) {
		return nil, Refuse("InvalidBucketName", http.StatusBadRequest, "The specified bucket is not valid.")
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		b, err = readBucket(ctx, tx, name)
		return err
	})
	return b, err
}

// Exists tells whether there is a bucket.
func (s *Service) Exists(ctx context.Context, name string) bool {
	_, err := s.find(ctx, name)
	return err == nil
}

// change changes a bucket that has been authorized, in a transaction with its audit record.
func (s *Service) change(ctx context.Context, was *Bucket, fn func(b *Bucket) error) error {
	return s.update(ctx, func(tx kv.Txn) error {
		b, err := same(ctx, tx, was)
		if err != nil {
			return err
		}
		if err := fn(b); err != nil {
			return err
		}
		tx.Put(bucketKey(b.Name), encode(b))
		record(ctx, tx, b)
		return nil
	})
}

// same returns the bucket that was authorized as it is now. If it was deleted meanwhile, the
// error is NoSuchBucket, also if there is another one of the name.
func same(ctx context.Context, tx kv.Reader, was *Bucket) (*Bucket, error) {
	b, err := readBucket(ctx, tx, was.Name)
	if err == nil && b.ID != was.ID {
		err = noSuchBucket()
	}
	return b, err
}
