package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestLimitAndPaging pages through a hash key's items in both directions.
func TestLimitAndPaging(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := aws.String(rangeTable(t, c, "N"))
	for i := range 10 {
		mustPut(t, c, *table, attrs{"id": str("a"), "at": num(fmt.Sprint(i)), "even": num(fmt.Sprint(i % 2))})
		mustPut(t, c, *table, attrs{"id": str("a\x00b"), "at": num(fmt.Sprint(i))})
	}
	query := func(change func(*sdk.QueryInput)) *sdk.QueryOutput {
		t.Helper()
		in := &sdk.QueryInput{TableName: table, KeyConditionExpression: aws.String("id = :id"), ExpressionAttributeValues: attrs{":id": str("a")}, ReturnConsumedCapacity: "TOTAL"}
		change(in)
		out, err := c.Query(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	places := func(out *sdk.QueryOutput) (s string) {
		for _, item := range out.Items {
			s += text(item["at"])
		}
		return s
	}
	t.Run("all", func(t *testing.T) {
		if out := query(func(*sdk.QueryInput) {}); places(out) != "0123456789" || out.LastEvaluatedKey != nil || out.ScannedCount != 10 {
			t.Errorf("got %+v", out)
		}
	})
	t.Run("a limit counts what is examined, not what the filter leaves", func(t *testing.T) {
		out := query(func(in *sdk.QueryInput) {
			in.Limit, in.FilterExpression = aws.Int32(5), aws.String("even = :odd")
			in.ExpressionAttributeValues[":odd"] = num("1")
		})
		if places(out) != "13" || out.ScannedCount != 5 || out.Count != 2 || text(out.LastEvaluatedKey["at"]) != "4" || len(out.LastEvaluatedKey) != 2 {
			t.Errorf("got %+v", out)
		}
	})
	t.Run("a limit on the last item still gives a key", func(t *testing.T) {
		out := query(func(in *sdk.QueryInput) { in.Limit = aws.Int32(10) })
		if places(out) != "0123456789" || text(out.LastEvaluatedKey["at"]) != "9" {
			t.Errorf("got %+v", out)
		}
		out = query(func(in *sdk.QueryInput) { in.ExclusiveStartKey = out.LastEvaluatedKey })
		if out.Count != 0 || out.LastEvaluatedKey != nil || *out.ConsumedCapacity.CapacityUnits != 0.5 {
			t.Errorf("got %+v", out)
		}
	})
	for _, forward := range []bool{true, false} {
		t.Run(fmt.Sprint("forward=", forward), func(t *testing.T) {
			got := ""
			for start := attrs(nil); ; {
				out := query(func(in *sdk.QueryInput) {
					in.Limit, in.ScanIndexForward, in.ExclusiveStartKey = aws.Int32(3), &forward, start
					in.KeyConditionExpression = aws.String("id = :id AND #at BETWEEN :lo AND :hi")
					in.ExpressionAttributeNames = map[string]string{"#at": "at"}
					in.ExpressionAttributeValues[":lo"], in.ExpressionAttributeValues[":hi"] = num("1"), num("8")
				})
				got += places(out)
				if start = out.LastEvaluatedKey; start == nil {
					break
				}
			}
			if want := map[bool]string{true: "12345678", false: "87654321"}[forward]; got != want {
				t.Errorf("got %s", got)
			}
		})
	}
	t.Run("a count has no items", func(t *testing.T) {
		if out := query(func(in *sdk.QueryInput) { in.Select = types.SelectCount }); out.Count != 10 || out.Items != nil {
			t.Errorf("got %+v", out)
		}
	})
	t.Run("a start that is elsewhere", func(t *testing.T) {
		for message, start := range map[string]attrs{
			"The provided starting key is outside query boundaries based on provided conditions":       {"id": str("b"), "at": num("1")},
			"The provided starting key does not match the range key predicate":                         {"id": str("a"), "at": num("9")},
			"The provided starting key is invalid: The provided key element does not match the schema": {"id": str("a")},
			"The parameter cannot be converted to a numeric value: nonsense":                           {"id": str("a"), "at": num("nonsense")},
		} {
			_, err := c.Query(ctx, &sdk.QueryInput{TableName: table, KeyConditionExpression: aws.String("id = :id AND #at < :hi"), ExclusiveStartKey: start,
				ExpressionAttributeNames: map[string]string{"#at": "at"}, ExpressionAttributeValues: attrs{":id": str("a"), ":hi": num("5")}})
			wantError(t, err, validation, message)
		}
	})
}

// TestLimitAndPagingOfOneMegabyte sees a page end with the item that reaches 1 MB,
// and capacity count what was read.
func TestLimitAndPagingOfOneMegabyte(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := aws.String(rangeTable(t, c, "N"))
	body := strings.Repeat("x", 300<<10)
	for i := range 5 {
		mustPut(t, c, *table, attrs{"id": str("a"), "at": num(fmt.Sprint(i)), "body": str(body)})
	}
	in := &sdk.QueryInput{TableName: table, KeyConditionExpression: aws.String("id = :id"), FilterExpression: aws.String("attribute_not_exists(body)"),
		ExpressionAttributeValues: attrs{":id": str("a")}, ReturnConsumedCapacity: "TOTAL", ConsistentRead: aws.Bool(true)}
	first, err := c.Query(ctx, in)
	if err != nil || first.ScannedCount != 4 || first.Count != 0 || text(first.LastEvaluatedKey["at"]) != "3" || *first.ConsumedCapacity.CapacityUnits != 301 {
		t.Fatal(first, err)
	}
	in.ExclusiveStartKey = first.LastEvaluatedKey
	second, err := c.Query(ctx, in)
	if err != nil || second.ScannedCount != 1 || second.LastEvaluatedKey != nil || *second.ConsumedCapacity.CapacityUnits != 76 {
		t.Fatal(second, err)
	}
}

// TestParallelScan reads a table in segments, which share its items out, page by
// page, and keep to their shares while items are deleted.
func TestParallelScan(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := aws.String(rangeTable(t, c, "S"))
	const partitions, rows = 40, 3
	for p := range partitions {
		for r := range rows {
			mustPut(t, c, *table, attrs{"id": str(fmt.Sprint("p", p)), "at": str(fmt.Sprint(r))})
		}
	}
	for _, total := range []int32{1, 2, 7, 1000000} {
		seen := map[string]int32{}
		segments := total
		if total == 1000000 { // most of them are empty: look where items are not
			segments = 20
		}
		for segment := range segments {
			pages := sdk.NewScanPaginator(c, &sdk.ScanInput{TableName: table, Segment: &segment, TotalSegments: &total, Limit: aws.Int32(4)})
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					t.Fatal(err)
				}
				for _, item := range page.Items {
					place := text(item["id"]) + "/" + text(item["at"])
					if _, again := seen[place]; again {
						t.Errorf("%s is in two segments", place)
					}
					seen[place] = segment
				}
			}
		}
		if total < 1000000 && len(seen) != partitions*rows {
			t.Errorf("%d segments found %d items", total, len(seen))
		}
	}

	// A page's last item is deleted before the next page is read, and so is half of
	// all others: nothing that stays is missed or seen twice.
	for p := range partitions {
		if p%2 == 1 {
			continue
		}
		for r := range rows {
			if _, err := c.DeleteItem(ctx, &sdk.DeleteItemInput{TableName: table, Key: attrs{"id": str(fmt.Sprint("p", p)), "at": str(fmt.Sprint(r))}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	found := 0
	for segment := range int32(3) {
		for start := attrs(nil); ; {
			page, err := c.Scan(ctx, &sdk.ScanInput{TableName: table, Segment: &segment, TotalSegments: aws.Int32(3), Limit: aws.Int32(1), ExclusiveStartKey: start})
			if err != nil {
				t.Fatal(err)
			}
			found += len(page.Items)
			if start = page.LastEvaluatedKey; start == nil {
				break
			}
			if _, err := c.DeleteItem(ctx, &sdk.DeleteItemInput{TableName: table, Key: start}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if found != partitions/2*rows {
		t.Errorf("found %d items", found)
	}
}

// TestParallelScanErrors has what Scan says of segments that do not fit.
func TestParallelScanErrors(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := aws.String(hashTable(t, c))
	mustPut(t, c, *table, attrs{"id": str("a")})
	var home int32
	for segment := range int32(2) {
		out, err := c.Scan(ctx, &sdk.ScanInput{TableName: table, Segment: &segment, TotalSegments: aws.Int32(2)})
		if err != nil {
			t.Fatal(err)
		}
		if out.Count == 1 {
			home = segment
		}
	}
	for _, test := range []struct {
		segment, total *int32
		start          attrs
		message        string
	}{
		{aws.Int32(0), nil, nil, "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"},
		{nil, aws.Int32(2), nil, "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"},
		{aws.Int32(2), aws.Int32(2), nil, "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not less than TotalSegments: 2"},
		{aws.Int32(0), aws.Int32(1000001), nil, "1 validation error detected: Value '1000001' at 'totalSegments' failed to satisfy constraint: Member must have value less than or equal to 1000000"},
		{aws.Int32(1 - home), aws.Int32(2), attrs{"id": str("a")}, fmt.Sprintf("The provided starting key is invalid: Invalid ExclusiveStartKey. "+
			"Please use ExclusiveStartKey with correct Segment. TotalSegments: 2 Segment: %d", 1-home)},
	} {
		_, err := c.Scan(ctx, &sdk.ScanInput{TableName: table, Segment: test.segment, TotalSegments: test.total, ExclusiveStartKey: test.start})
		wantError(t, err, validation, test.message)
	}
}
