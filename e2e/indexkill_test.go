package e2e

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestKillIndex kills the server while it fills a new index, and changes the table before
// the next one goes on.
func TestKillIndex(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data)
	c, table := s.tables(), aws.String("kill")
	if _, err := c.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: table, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}}}); err != nil {
		t.Fatal(err)
	}
	put := func(from, to int, kind string) {
		t.Helper()
		for ; from < to; from += 25 {
			var requests []types.WriteRequest
			for n := range 25 {
				requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: map[string]types.AttributeValue{
					"id":   &types.AttributeValueMemberS{Value: fmt.Sprint(from + n)},
					"kind": &types.AttributeValueMemberS{Value: kind},
					"text": &types.AttributeValueMemberS{Value: strings.Repeat("x", 500)},
				}}})
			}
			if _, err := c.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*table: requests}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	index := func() types.GlobalSecondaryIndexDescription {
		t.Helper()
		out, err := c.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: table})
		if err != nil {
			t.Fatal(err)
		}
		return out.Table.GlobalSecondaryIndexes[0]
	}
	put(0, 15_000, "old")
	if _, err := c.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: table,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("kind"), AttributeType: types.ScalarAttributeTypeS}},
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Create: &types.CreateGlobalSecondaryIndexAction{IndexName: aws.String("by-kind"),
			KeySchema:  []types.KeySchemaElement{{AttributeName: aws.String("kind"), KeyType: types.KeyTypeHash}},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}}}}}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); *index().ItemCount == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	t.Logf("killed when %d of 15000 items were in the index, which was %s", *index().ItemCount, index().IndexStatus)
	s.kill()
	s = startOn(t, data)
	c = s.tables()
	put(0, 1000, "new")
	put(15_000, 15_500, "new")
	// Whoever was killed had a lease of 30 seconds.
	for deadline := time.Now().Add(patience + 30*time.Second); index().IndexStatus != types.IndexStatusActive; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the index is %s", index().IndexStatus)
		}
	}
	scan := func(name *string) map[string]string {
		t.Helper()
		found := map[string]string{}
		pages := dynamodb.NewScanPaginator(c, &dynamodb.ScanInput{TableName: table, IndexName: name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range page.Items {
				id := it["id"].(*types.AttributeValueMemberS).Value
				if _, twice := found[id]; twice {
					t.Errorf("%s is there twice", id)
				}
				found[id] = it["kind"].(*types.AttributeValueMemberS).Value
			}
		}
		return found
	}
	items, entries := scan(nil), scan(aws.String("by-kind"))
	if len(items) != 15_500 || !maps.Equal(items, entries) || *index().ItemCount != 15_500 {
		t.Errorf("%d items, %d entries, ItemCount %d, first %v", len(items), len(entries), *index().ItemCount, slices.Sorted(maps.Keys(entries))[:1])
	}
}
