package dynamodb_test

import (
	"context"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

// BenchmarkGetItemMeasured is a GetItem as it is, and as a server calls it: of a table
// on demand, of a provisioned one, and of one with a policy.
func BenchmarkGetItemMeasured(b *testing.B) {
	for _, test := range []struct {
		name     string
		measured bool
		change   func(context.Context, *dynamodb.Service) error
	}{
		{"plain", false, nil},
		{"measured", true, nil},
		{"provisioned", true, func(ctx context.Context, s *dynamodb.Service) error {
			_, err := s.UpdateTable(ctx, &api.UpdateTableInput{
				TableName: new(benchTable), BillingMode: new("PROVISIONED"),
				ProvisionedThroughput: &api.ProvisionedThroughput{ReadCapacityUnits: new(int64(1e9)), WriteCapacityUnits: new(int64(1))},
			})
			return err
		}},
		{"policy", true, func(ctx context.Context, s *dynamodb.Service) error {
			_, err := s.PutResourcePolicy(ctx, &api.PutResourcePolicyInput{
				ResourceArn: new(tableARN(benchTable)), Policy: new(policyOf("Deny", "*", "dynamodb:DeleteItem", "*")),
			})
			return err
		}},
	} {
		b.Run(test.name, func(b *testing.B) {
			s, ctx := benchService(b, mem.New(), dynamodb.Config{Metrics: prometheus.NewRegistry()})
			if err := put(ctx, s, 1, 0); err != nil {
				b.Fatal(err)
			}
			if test.change != nil {
				if err := test.change(ctx, s); err != nil {
					b.Fatal(err)
				}
			}
			service := api.New(s)
			if test.measured {
				service = s.API()
			}
			i := slices.IndexFunc(service.Operations, func(op wharf.Operation) bool { return op.Name == "GetItem" })
			b.ReportAllocs()
			defer processor(b)()
			for b.Loop() {
				out, err := service.Operations[i].Call(ctx, &api.GetItemInput{TableName: new(benchTable), Key: benchKey(1, 0), ConsistentRead: new(true)})
				if err != nil || out.(*api.GetItemOutput).Item == nil {
					b.Fatal(out, err)
				}
			}
		})
	}
}
