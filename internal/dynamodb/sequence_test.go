package dynamodb

import (
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// FuzzSequence takes any text for a sequence number: what is one is written the same.
// And numbers sort as the places that they are of.
func FuzzSequence(f *testing.F) {
	f.Add("1000000000000000000010000000", uint64(1), uint32(0), uint64(2), uint32(1))
	f.Add("1184467440737095516150000000", ^uint64(0), uint32(lastOrdinal), uint64(0), uint32(lastOrdinal))
	f.Add("1+00000000000000000010000000", uint64(7), uint32(1), uint64(7), uint32(2))
	f.Add("2000000000000000000010000000", uint64(7), uint32(9), uint64(7), uint32(10))
	f.Fuzz(func(t *testing.T, text string, stamp1 uint64, ordinal1 uint32, stamp2 uint64, ordinal2 uint32) {
		if q, ok := parseSequence(text); ok && q.String() != text {
			t.Errorf("%q is read as %s", text, q)
		}
		a, b := sequence{kv.Stamp(stamp1), ordinal1 % lastOrdinal}, sequence{kv.Stamp(stamp2), ordinal2 % lastOrdinal}
		if (a.String() < b.String()) != a.less(b) {
			t.Errorf("%s and %s do not sort as %v and %v", a, b, a, b)
		}
		if q, ok := parseSequence(a.String()); !ok || q != a || len(a.String()) < 21 || len(a.String()) > 40 {
			t.Errorf("%v is written as %s", a, a)
		}
	})
}

// FuzzIterator takes any text for an iterator, and any bytes for what is sealed in one.
func FuzzIterator(f *testing.F) {
	s := &Service{pages: ownPages()}
	ctx := api.WithRequest(f.Context(), &api.Request{Region: "us-east-1", Caller: api.Caller{Account: "000000000000"}})
	made := iterator{streamName{tableName{"000000000000", "us-east-1", "t"}, "label"}, 1, 2, sequence{3, 4}, time.UnixMilli(5)}
	token := s.sealIterator(ctx, made)
	if it, err := s.openIterator(ctx, token); err != nil || it != made {
		f.Fatal(it, err)
	}
	f.Add(token, []byte{})
	f.Add(token[1:], []byte("\x05\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Add("", []byte("\x03a\x00"))
	f.Fuzz(func(t *testing.T, text string, sealed []byte) {
		if it, err := s.openIterator(ctx, text); err == nil && it != made {
			t.Errorf("%q is opened as %v", text, it)
		}
		_, _ = s.openIterator(ctx, s.pages.Seal(iterators(ctx), sealed))
	})
}

// FuzzStreamARN takes any text for the ARN of a stream.
func FuzzStreamARN(f *testing.F) {
	ctx := api.WithRequest(f.Context(), &api.Request{Region: "us-east-1"})
	f.Add("arn:aws:dynamodb:us-east-1:000000000000:table/abc/stream/2026-11-20T10:00:00.000")
	f.Add("arn:aws:dynamodb:us-east-1:000000000000:table/abc/stream/")
	f.Add("arn:aws:dynamodb:::table/a/b/stream//stream/")
	f.Fuzz(func(t *testing.T, arn string) {
		n, err := streamOfARN(ctx, &arn)
		if err != nil {
			return
		}
		if n.arn() != arn || tableOfARN(arn) != n.tableName {
			t.Errorf("%q is read as %q", arn, n.arn())
		}
		if again, err := cutStream(n.key()); err != nil || again != n {
			t.Errorf("%v is kept as %v, %v", n, again, err)
		}
	})
}
