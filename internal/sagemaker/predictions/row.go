package predictions

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-faster/jx"
	"github.com/klauspost/compress/zstd"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// The attributes of a row, and of a lease, which has the first two.
const (
	idAttribute        = "predictionId" // S, the hash key
	timestampAttribute = "timestamp"    // N, the range key: when it expires, in epoch seconds; 0 of a lease

	bodyAttribute             = "body"         // B
	encodingAttribute         = "bodyEncoding" // S, of the body: zstd; absent if it is as the model gave it
	contentTypeAttribute      = "contentType"  // S
	customAttributesAttribute = "customAttributes"
	statusAttribute           = "status" // N; absent if it is 200
	variantAttribute          = "variant"
	modelAttribute            = "model"
	imageDigestAttribute      = "imageDigest"
	createdAttribute          = "createdAt" // N, epoch seconds

	leaseOwnerAttribute = "leaseOwner" // S
	leaseUntilAttribute = "leaseUntil" // N, epoch milliseconds
)

const zstdEncoding = "zstd"

// maxBody is the longest body that a model may answer with, hence the most that a row's body
// can be when it is unpacked.
const maxBody = 6_291_456

// smallBody is how long a body is at most that is not worth packing.
const smallBody = 128

var (
	packer   = mustMake(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true)))
	unpacker = mustMake(zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxBody), zstd.WithDecoderLowmem(true)))
)

func mustMake[T any](x T, err error) T {
	if err != nil {
		panic(err) // of options that are constants
	}
	return x
}

func text(s string) dynamodb.AttributeValue {
	return dynamodb.AttributeValue{Type: dynamodb.TypeS, S: s}
}

func bytesOf(b []byte) dynamodb.AttributeValue {
	return dynamodb.AttributeValue{Type: dynamodb.TypeB, S: string(b)}
}

func number(n int64) dynamodb.AttributeValue {
	return dynamodb.AttributeValue{Type: dynamodb.TypeN, S: strconv.FormatInt(n, 10)}
}

// itemOf is the item of a row, with its body packed if that makes it shorter. The error is
// ErrTooLarge.
func itemOf(row *Row) (dynamodb.Attributes, error) {
	a := dynamodb.Attributes{}.
		Set(idAttribute, text(row.ID)).
		Set(timestampAttribute, number(row.Expires.Unix())).
		Set(createdAttribute, number(row.Created.Unix())).
		Set(contentTypeAttribute, text(row.ContentType)).
		Set(variantAttribute, text(row.Variant)).
		Set(modelAttribute, text(row.Model)).
		Set(imageDigestAttribute, text(row.ImageDigest))
	if row.CustomAttributes != "" {
		a = a.Set(customAttributesAttribute, text(row.CustomAttributes))
	}
	if row.Status != 200 {
		a = a.Set(statusAttribute, number(int64(row.Status)))
	}
	body := row.Body
	if len(body) > smallBody {
		if packed := packer.EncodeAll(body, make([]byte, 0, len(body)/2)); len(packed)+len(encodingAttribute)+len(zstdEncoding) < len(body) {
			body = packed
			a = a.Set(encodingAttribute, text(zstdEncoding))
		}
	}
	a = a.Set(bodyAttribute, bytesOf(body))
	if item.Size(a) > item.MaxSize {
		return nil, ErrTooLarge
	}
	return a, nil
}

// rowOf reads an item, which anybody may have written who may write to the table.
func rowOf(raw dynamodb.RawAttributes) (*Row, error) {
	var a dynamodb.Attributes
	if err := a.DecodeJSON(jx.DecodeBytes(raw)); err != nil {
		return nil, err
	}
	r := reader{item: a}
	row := &Row{
		ID: r.text(idAttribute), Expires: time.Unix(r.number(timestampAttribute), 0), Created: time.Unix(r.number(createdAttribute), 0),
		Model: r.text(modelAttribute), ImageDigest: r.text(imageDigestAttribute),
		Answer: Answer{Status: 200, ContentType: r.text(contentTypeAttribute), Variant: r.text(variantAttribute)},
	}
	if r.has(customAttributesAttribute) {
		row.CustomAttributes = r.text(customAttributesAttribute)
	}
	if r.has(statusAttribute) {
		row.Status = int(r.number(statusAttribute))
	}
	row.Body = []byte(r.value(bodyAttribute, dynamodb.TypeB).S)
	if r.has(encodingAttribute) {
		if r.text(encodingAttribute) != zstdEncoding {
			r.wrong(encodingAttribute)
		}
		body, err := unpacker.DecodeAll(row.Body, nil)
		if err != nil {
			return nil, fmt.Errorf("the body: %w", err)
		}
		row.Body = body
	}
	return row, r.err
}

// reader reads attributes up to the first that is not as it should be.
type reader struct {
	item dynamodb.Attributes
	err  error
}

func (r *reader) wrong(name string) {
	if r.err == nil {
		r.err = errors.New("the attribute " + name + " is not that of a prediction")
	}
}

func (r *reader) has(name string) bool {
	_, is := r.item.Get(name)
	return is
}

func (r *reader) value(name string, want dynamodb.Type) dynamodb.AttributeValue {
	v, _ := r.item.Get(name)
	if v.Type != want {
		r.wrong(name)
		return dynamodb.AttributeValue{}
	}
	return v
}

func (r *reader) text(name string) string { return r.value(name, dynamodb.TypeS).S }

func (r *reader) number(name string) int64 {
	n, err := strconv.ParseInt(r.value(name, dynamodb.TypeN).S, 10, 64)
	if err != nil {
		r.wrong(name)
	}
	return n
}
