package lambda

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"time"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/api/lambda"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/egress"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// function is a function as it is stored.
type function struct {
	name functionName
	// config is what the operations tell of it.
	config *lambda.FunctionConfiguration
	image  string // the URL that it is
	tags   map[string]string
}

// functionRecord is the form in which it is.
type functionRecord struct {
	Config json.RawMessage   `json:"config"`
	Image  string            `json:"image"`
	Tags   map[string]string `json:"tags,omitempty"`
}

func encodeShape(x codec.Shape) json.RawMessage {
	var e jx.Encoder
	x.EncodeJSON(&e)
	return e.Bytes()
}

func (f *function) put(tx kv.Txn) error {
	b, err := json.Marshal(functionRecord{encodeShape(f.config), f.image, f.tags})
	if err != nil {
		return err
	}
	tx.Put(f.name.key(), b)
	return nil
}

func decodeFunction(n functionName, b []byte) (*function, error) {
	var rec functionRecord
	if err := json.Unmarshal(b, &rec); err != nil {
		return nil, fmt.Errorf("lambda: description of a function: %w", err)
	}
	f := &function{name: n, config: &lambda.FunctionConfiguration{}, image: rec.Image, tags: rec.Tags}
	f.name.qualifier = ""
	if err := f.config.DecodeJSON(jx.DecodeBytes(rec.Config)); err != nil {
		return nil, fmt.Errorf("lambda: description of a function: %w", err)
	}
	return f, nil
}

// readFunction returns a function, nil if there is none.
func readFunction(ctx context.Context, r kv.Reader, n functionName) (*function, error) {
	b, err := r.Get(ctx, n.key())
	if err != nil || b == nil {
		return nil, err
	}
	return decodeFunction(n, b)
}

// function returns a function as it is now, nil if there is none.
func (s *Service) function(ctx context.Context, n functionName) (f *function, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		f, err = readFunction(ctx, r, n)
		return err
	})
	return f, err
}

// authorize asks policy for an action on a function and returns it as it was just now,
// nil if there is none.
func (s *Service) authorize(ctx context.Context, action string, n functionName, conditions map[string][]string) (*function, error) {
	f, err := s.function(ctx, n)
	if err != nil {
		return nil, err
	}
	c := map[string][]string{}
	if f != nil {
		for k, v := range f.tags {
			c["aws:ResourceTag/"+k] = []string{v}
		}
	}
	maps.Copy(c, conditions)
	return f, s.identity.Authorize(ctx, identity.Check{Action: "lambda:" + action, Resource: n.qualified(), Conditions: c})
}

// find authorizes an action on a function that must be there.
func (s *Service) find(ctx context.Context, action string, param, qualifier *string) (*function, error) {
	n, err := nameOf(ctx, param, qualifier)
	if err != nil {
		return nil, err
	}
	f, err := s.authorize(ctx, action, n, nil)
	if err != nil {
		return nil, err
	}
	if err := n.checkVersion(); err != nil {
		return nil, err
	}
	if f == nil {
		return nil, noFunction(n)
	}
	f.name.qualifier = n.qualifier
	return f, nil
}

// describe is what an answer tells of a function: its ARN has the qualifier by which it
// was asked for.
func (f *function) describe() *lambda.FunctionConfiguration {
	c := new(*f.config)
	c.FunctionArn = new(f.name.qualified())
	return c
}

// changed notes that a function is as of now another.
func (f *function) changed(now time.Time) {
	f.config.LastModified = new(now.UTC().Format("2006-01-02T15:04:05.000-0700"))
	f.config.RevisionId = new(newUUID())
}

// setImage sets the URL that the function is.
func (f *function) setImage(image string) {
	sum := sha256.Sum256([]byte(image))
	f.image, f.config.CodeSha256 = image, new(hex.EncodeToString(sum[:]))
}

// checkImage refuses code that is not a URL.
func checkImage(image *string) error {
	if text(image) == "" {
		return lambda.InvalidParameterValueException("Please provide the ImageUri of the function, a URL that begins with http:// or https://.")
	}
	u, err := url.Parse(*image)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		if err := egress.CheckURL(u); err != nil {
			return lambda.InvalidParameterValueException("The ImageUri is not a URL that can be invoked: %s", err)
		}
		return nil
	}
	return lambda.InvalidParameterValueException("The ImageUri %s is not available in this version of Modelwharf, which invokes functions at a URL that begins with http:// or https://. Container images come later.", *image)
}

// checkRole refuses a role that the caller may not pass, or that Lambda may not assume.
func (s *Service) checkRole(ctx context.Context, role string) error {
	if err := s.identity.PassRole(ctx, role, principal); err != nil {
		return err
	}
	if _, err := s.identity.ServiceRole(ctx, role, principal, "check"); err != nil {
		if api.AsError(err).Code == "AccessDeniedException" {
			return lambda.InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.")
		}
		return err
	}
	return nil
}

// record keeps an act on something in the audit trail, in its transaction.
func record(ctx context.Context, tx kv.Txn, kind, arn string, parameters map[string]any) {
	e := audit.Event{Resources: []audit.Resource{{Type: kind, ARN: arn}}}
	if b, err := json.Marshal(parameters); err == nil && len(parameters) > 0 {
		e.Parameters = b
	}
	audit.Record(ctx, tx, e)
}

func (f *function) record(ctx context.Context, tx kv.Txn, parameters map[string]any) {
	record(ctx, tx, "AWS::Lambda::Function", f.name.arn(), parameters)
}

// newUUID is a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80
	x := hex.EncodeToString(b[:])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}
