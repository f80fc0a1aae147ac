package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/modelwharf/modelwharf/internal/wire/wiretest"
)

// setting reads how long a test shall be from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestKill kills the server in the middle of writes, again and again, and looks for
// every write that it acknowledged. Each writer counts up in an item of its own and
// in one row for each count; both halves of an item must be of the same write.
//
// MODELWHARF_KILLS and MODELWHARF_WRITERS make it longer.
func TestKill(t *testing.T) {
	t.Parallel()
	kills, writers := setting(t, "MODELWHARF_KILLS", 5), setting(t, "MODELWHARF_WRITERS", 16)
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data)
	if _, err := s.tables().CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String("kill"), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("writer"), AttributeType: types.ScalarAttributeTypeN},
			{AttributeName: aws.String("count"), AttributeType: types.ScalarAttributeTypeN},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("writer"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("count"), KeyType: types.KeyTypeRange},
		},
	}); err != nil {
		t.Fatal(err)
	}
	all := make([]*writer, writers)
	for i := range all {
		all[i] = &writer{id: i}
	}
	total := 0
	for kill := range kills {
		before := acknowledged(all)
		ctx, cancel := context.WithCancel(t.Context())
		client := s.tables(func(o *dynamodb.Options) {
			o.RetryMaxAttempts = 1
			o.HTTPClient = &http.Client{Transport: wiretest.Transport(1), Timeout: patience}
		})
		var working sync.WaitGroup
		for _, w := range all {
			working.Go(func() { w.write(ctx, client) })
		}
		// The kill falls anywhere in the work: after so many writes, and then a
		// moment that differs each time.
		for deadline := time.Now().Add(patience); acknowledged(all) < before+2*writers && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(rand.N(50 * time.Millisecond))
		s.kill()
		cancel()
		working.Wait()
		for _, w := range all {
			if w.failure != nil {
				t.Fatalf("writer %d before kill %d: %v", w.id, kill+1, w.failure)
			}
		}
		s = startOn(t, data)
		client = s.tables()
		for _, w := range all {
			if err := w.verify(t.Context(), client); err != nil {
				t.Fatalf("after kill %d: %v", kill+1, err)
			}
		}
		total = acknowledged(all)
	}
	t.Logf("%d kills under %d writers: all of %d acknowledged writes are there, none is torn", kills, writers, 2*total)
	if total < kills*writers {
		t.Errorf("only %d writes were acknowledged", total)
	}
}

// writer writes the counts 1, 2, 3 …
type writer struct {
	id      int
	mu      sync.Mutex
	last    int // the last count that was acknowledged
	failure error
}

func acknowledged(all []*writer) (n int) {
	for _, w := range all {
		w.mu.Lock()
		n += w.last
		w.mu.Unlock()
	}
	return n
}

// pad makes the value of a count: long enough to be torn, and known.
func (w *writer) pad(count int) string {
	return strings.Repeat(fmt.Sprintf("%d/%d ", w.id, count), 100)
}

func (w *writer) key(count int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"writer": &types.AttributeValueMemberN{Value: strconv.Itoa(w.id)},
		"count":  &types.AttributeValueMemberN{Value: strconv.Itoa(count)},
	}
}

// write writes until the server is gone. Each count is a row, and then the state of
// the row 0.
func (w *writer) write(ctx context.Context, client *dynamodb.Client) {
	for n := w.last + 1; ; n++ {
		item := w.key(n)
		item["filling"] = &types.AttributeValueMemberS{Value: w.pad(n)}
		_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("kill"), Item: item})
		if err == nil {
			_, err = client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
				TableName: aws.String("kill"), Key: w.key(0), UpdateExpression: aws.String("SET #l = :n, filling = :p"),
				ExpressionAttributeNames: map[string]string{"#l": "last"},
				ExpressionAttributeValues: map[string]types.AttributeValue{
					":n": &types.AttributeValueMemberN{Value: strconv.Itoa(n)},
					":p": &types.AttributeValueMemberS{Value: w.pad(n)},
				},
			})
		}
		if err != nil {
			// Only a server that answers can be wrong; one that was killed cannot.
			var answered interface{ ErrorCode() string }
			if errors.As(err, &answered) {
				w.failure = err
			}
			return
		}
		w.mu.Lock()
		w.last = n
		w.mu.Unlock()
	}
}

// verify compares what is stored with what was acknowledged. The write that the
// kill fell into may be there or not, wholly.
func (w *writer) verify(ctx context.Context, client *dynamodb.Client) error {
	rows := map[int]string{}
	state := 0
	pages := dynamodb.NewQueryPaginator(client, &dynamodb.QueryInput{
		TableName: aws.String("kill"), ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("writer = :w"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":w": &types.AttributeValueMemberN{Value: strconv.Itoa(w.id)}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			count, err := number(item, "count")
			if err != nil {
				return err
			}
			pad, _ := item["filling"].(*types.AttributeValueMemberS)
			if pad == nil {
				return fmt.Errorf("writer %d: the row of %d has no filling", w.id, count)
			}
			if count == 0 {
				if state, err = number(item, "last"); err != nil {
					return err
				}
				count = state
			} else {
				rows[count] = pad.Value
			}
			if pad.Value != w.pad(count) {
				return fmt.Errorf("writer %d: the row of %d is torn", w.id, count)
			}
		}
	}
	for n := 1; n <= w.last; n++ {
		if _, ok := rows[n]; !ok {
			return fmt.Errorf("writer %d: the row of %d was acknowledged and is lost", w.id, n)
		}
	}
	if state != w.last && state != w.last+1 || len(rows) > w.last+1 {
		return fmt.Errorf("writer %d: the state is %d with %d rows, and %d was acknowledged", w.id, state, len(rows), w.last)
	}
	return nil
}

func number(item map[string]types.AttributeValue, name string) (int, error) {
	n, ok := item[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0, fmt.Errorf("no number %q in %v", name, item)
	}
	return strconv.Atoi(n.Value)
}
