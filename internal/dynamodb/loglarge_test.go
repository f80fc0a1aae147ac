package dynamodb_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	stream "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// TestStreamOfLargestItems replaces items of the largest size by others that have
// nothing in common with them, in the longest forms that there are of their values.
func TestStreamOfLargestItems(t *testing.T) {
	if testing.Short() {
		t.Skip("many bytes in one goroutine tell the race detector nothing")
	}
	t.Parallel()
	f := start(t)
	table, arn := streamed(t, f.client, types.StreamViewTypeNewAndOldImages)
	const size = 409_600 - len("id") - len("a") - len("v")
	empty := make([]value, size-10)
	for i := range empty {
		empty[i] = str("")
	}
	for _, v := range []value{
		str(strings.Repeat("\x01", size)), str(strings.Repeat("\x02", size)), bin(strings.Repeat("\x03", size)),
		list(empty...), str(strings.Repeat("\"", size)),
	} {
		mustPut(t, f.client, table, attrs{"id": str("a"), "v": v})
	}
	got := allRecords(t, f.streams(f.root), arn)
	if len(got) != 5 {
		t.Fatalf("%d records", len(got))
	}
	for i, r := range got[:2] {
		v, _ := r.Dynamodb.NewImage["v"].(*stream.AttributeValueMemberS)
		if v == nil || v.Value != strings.Repeat(string(rune(i+1)), size) {
			t.Errorf("record %d has another image", i)
		}
	}
	if l, _ := got[4].Dynamodb.OldImage["v"].(*stream.AttributeValueMemberL); l == nil || len(l.Value) != len(empty) {
		t.Error("the old list is another")
	}
}
