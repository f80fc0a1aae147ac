package dynamodb_test

import (
	"errors"
	"testing"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

// FuzzTableName asks for tables by any name or ARN: the answer is an error that
// the client can act on.
func FuzzTableName(f *testing.F) {
	for _, name := range []string{
		"", "abc", "ab", "a b c", "arn:", "arn:aws:dynamodb:us-east-1:000000000000:table/abc", "arn:aws:dynamodb:us-east-1:000000000000:table/",
		"arn:aws:dynamodb:us-east-1:000000000000:table/abc/index/x", "arn:aws:s3:::b", "arn:aws:dynamodb:::table", "\x00\xff", "ärger",
	} {
		f.Add(name)
	}
	store, err := kv.Open(mem.New(), kv.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { store.Close() })
	s := dynamodb.New(dynamodb.Config{Store: store, Identity: newIdentity(f, store)})
	f.Fuzz(func(t *testing.T, name string) {
		_, describe := s.DescribeTable(rootContext(), &api.DescribeTableInput{TableName: &name})
		_, get := s.GetItem(rootContext(), &api.GetItemInput{TableName: &name})
		_, tags := s.ListTagsOfResource(rootContext(), &api.ListTagsOfResourceInput{ResourceArn: &name})
		for _, err := range []error{describe, get, tags} {
			if e, ok := errors.AsType[*wharf.Error](err); !ok || e.HTTPStatus() != 400 {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}
