package dynamodb_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// TestTransactionsTokens repeats transactions with the token of the first.
func TestTransactionsTokens(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := hashTable(t, c)
	key := attrs{"id": str("sum")}
	add := func(c *sdk.Client, token, n string, region string) error {
		_, err := c.TransactWriteItems(ctx, &sdk.TransactWriteItemsInput{
			ClientRequestToken: &token,
			TransactItems:      []types.TransactWriteItem{updateAction(table, key, "ADD v :n", attrs{":n": num(n)})},
		}, func(o *sdk.Options) { o.Region = region })
		return err
	}
	sum := func(want string) {
		t.Helper()
		if got := text(mustGet(t, c, table, key)["v"]); got != want {
			t.Errorf("the sum is %s, want %s", got, want)
		}
	}
	const here = "us-east-1"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	mismatch := func(err error) {
		t.Helper()
		wantError(t, err, "IdempotentParameterMismatchException", "…the same client token…")
	}
	// The clock begins on a border of the buckets that tokens are kept in.
	must(add(c, "a", "1", here))
	must(add(c, "a", "1", here))
	must(add(c, "a", "1.0", here)) // the same in another form
	mismatch(add(c, "a", "2", here))
	sum("1")
	// What another account or region does under the token is another matter.
	team, err := f.identity.EnsureRoot(ctx, "111111111111", "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []struct {
		client *sdk.Client
		region string
	}{{f.as(team.AccessKeyID), here}, {c, "eu-west-2"}} {
		in := func(o *sdk.Options) { o.Region = other.region }
		_, err := other.client.CreateTable(ctx, &sdk.CreateTableInput{
			TableName: &table, BillingMode: types.BillingModePayPerRequest,
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		}, in)
		must(err)
		must(add(other.client, "a", "7", other.region))
		must(add(other.client, "a", "7", other.region))
		got, err := other.client.GetItem(ctx, &sdk.GetItemInput{TableName: &table, Key: key}, in)
		if err != nil || text(got.Item["v"]) != "7" {
			t.Errorf("got %v, %v", got, err)
		}
	}
	// A token holds for ten minutes, to the second, over the border of its bucket,
	// and also if the clock is put back over it.
	f.clock.advance(9*time.Minute + 59*time.Second)
	must(add(c, "a", "1", here))
	must(add(c, "b", "10", here))
	sum("11")
	f.clock.advance(time.Second)
	must(add(c, "b", "10", here))
	must(add(c, "c", "100", here))
	sum("111")
	f.clock.advance(-time.Second)
	must(add(c, "c", "100", here))
	sum("111")
	f.clock.advance(time.Second)
	must(add(c, "a", "2", here)) // a new one under an old name
	sum("113")
	mismatch(add(c, "a", "1", here))
	f.clock.advance(9*time.Minute + 58*time.Second)
	must(add(c, "b", "10", here))
	must(add(c, "a", "2", here))
	sum("113")
	f.clock.advance(time.Second)
	must(add(c, "b", "10", here))
	sum("123")

	// A transaction that was cancelled leaves its token free.
	guarded := &sdk.TransactWriteItemsInput{ClientRequestToken: aws.String("guarded"), TransactItems: []types.TransactWriteItem{
		updateAction(table, key, "SET v = :v", attrs{":v": num("0"), ":old": num("9")}),
	}}
	guarded.TransactItems[0].Update.ConditionExpression = aws.String("v = :old")
	if _, err := c.TransactWriteItems(ctx, guarded); err == nil {
		t.Error("a condition held that does not")
	}
	mustPut(t, c, table, with(key, "v", num("9")))
	_, err = c.TransactWriteItems(ctx, guarded)
	must(err)
	mustPut(t, c, table, with(key, "v", num("9")))
	_, err = c.TransactWriteItems(ctx, guarded) // done: its condition is not looked at again
	must(err)
	sum("9")
	guarded.TransactItems[0].Update.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	_, err = c.TransactWriteItems(ctx, guarded)
	mismatch(err)
}

// TestTransactionsTokensAtOnce has many requests with one token at the same time: it is
// done once, and all are told that it is done.
func TestTransactionsTokensAtOnce(t *testing.T) {
	t.Parallel()
	c := start(t).client
	table := hashTable(t, c)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for round := range 5 {
				_, err := c.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{
					ClientRequestToken: aws.String(fmt.Sprint("round ", round)),
					TransactItems: []types.TransactWriteItem{
						updateAction(table, attrs{"id": str("sum")}, "ADD v :one", attrs{":one": num("1")}),
						fresh(table, fmt.Sprint(round)),
					},
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := text(mustGet(t, c, table, attrs{"id": str("sum")})["v"]); got != "5" {
		t.Errorf("the sum is %s", got)
	}
}

// TestTransactionsTokensForgotten sees the store lose the tokens that are out of force,
// and no others.
func TestTransactionsTokensForgotten(t *testing.T) {
	t.Parallel()
	f := start(t)
	c := f.client
	table := hashTable(t, c)
	const each = 30
	for step, want := range []int{each, 2 * each, 3 * each, 3 * each, 3 * each} {
		for i := range each {
			_, err := c.TransactWriteItems(t.Context(), &sdk.TransactWriteItemsInput{
				ClientRequestToken: aws.String(fmt.Sprint(step, " ", i)), TransactItems: []types.TransactWriteItem{putAction(table, attrs{"id": str("a")})},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := f.service.Tidy(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if got := storedTokens(t, f.store); got != want {
			t.Errorf("step %d: %d tokens, want %d", step, got, want)
		}
		f.clock.advance(10 * time.Minute)
	}
	f.clock.advance(time.Hour)
	if err := f.service.Tidy(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if got := storedTokens(t, f.store); got != 0 {
		t.Errorf("%d tokens are left", got)
	}
}

func storedTokens(t *testing.T, store kv.Store) (n int) {
	t.Helper()
	err := store.View(t.Context(), func(r kv.Reader) error {
		for entry, err := range r.Scan(t.Context(), kv.Range{}) {
			if err != nil {
				return err
			}
			if strings.HasPrefix(string(entry.Key), "\x03dynamodb\x00\x03token\x00") {
				n++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
