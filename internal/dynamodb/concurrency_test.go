package dynamodb_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// action is one operation of a recorded history on one of a few items, and result
// what it returned. A number is an item's value; noItem is its absence.
type action struct {
	item int
	kind string // put, putNew, swap, add, delete, get
	arg  int
	want int // swap's condition
}

type result struct {
	value  int // read, or returned as the old value
	failed bool
}

const noItem = -1

// register is how an item must behave, seen on its own.
var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		byItem := map[int][]porcupine.Operation{}
		for _, op := range history {
			i := op.Input.(action).item
			byItem[i] = append(byItem[i], op)
		}
		for _, part := range byItem {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return noItem },
	Step: func(state, input, output any) (bool, any) {
		old, in, out := state.(int), input.(action), output.(result)
		switch in.kind {
		case "get":
			return out.value == old, old
		case "put":
			return out.value == old, in.arg
		case "delete":
			return out.value == old, noItem
		case "add":
			next := max(old, 0) + in.arg
			return out.value == next, next
		case "putNew":
			if old != noItem {
				return out.failed, old
			}
			return !out.failed, in.arg
		case "swap":
			if old != in.want {
				return out.failed && out.value == old, old
			}
			return !out.failed, in.arg
		}
		panic(in.kind)
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
}

// TestConcurrency records what many clients saw of a few contested items, and
// checks that some order of their operations, each between its request and its
// answer, explains all of it.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	f := start(t)
	c := f.client
	table := aws.String(hashTable(t, c))
	const clients, each, items = 12, 60, 3
	histories := make([][]porcupine.Operation, clients)
	var wg sync.WaitGroup
	begin := time.Now() // only orders the history
	for id := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(id), 42))
			for n := range each {
				do := action{
					item: random.IntN(items),
					kind: []string{"put", "putNew", "swap", "add", "delete", "get"}[random.IntN(6)],
					arg:  id*1000 + n,
					want: random.IntN(clients)*1000 + random.IntN(n+1),
				}
				if do.kind == "add" {
					do.arg = 1
				}
				called := time.Since(begin)
				got, err := perform(t, c, *table, do)
				if err != nil {
					t.Error(err)
					return
				}
				histories[id] = append(histories[id], porcupine.Operation{
					ClientId: id, Input: do, Output: got, Call: int64(called), Return: int64(time.Since(begin)),
				})
			}
		})
	}
	wg.Wait()
	var history []porcupine.Operation
	for _, h := range histories {
		history = append(history, h...)
	}
	if !porcupine.CheckOperations(register, history) {
		t.Error("the history is not linearizable")
	}
}

// perform sends one operation of a history.
func perform(t *testing.T, c *sdk.Client, table string, do action) (result, error) {
	ctx := t.Context()
	key := attrs{"id": str(fmt.Sprint("item", do.item))}
	item := with(key, "v", num(fmt.Sprint(do.arg)))
	valueOf := func(m attrs) int {
		v := noItem
		if m != nil {
			fmt.Sscan(text(m["v"]), &v)
		}
		return v
	}
	switch do.kind {
	case "get":
		out, err := c.GetItem(ctx, &sdk.GetItemInput{TableName: &table, Key: key})
		if err != nil {
			return result{}, err
		}
		return result{value: valueOf(out.Item)}, nil
	case "put":
		out, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: &table, Item: item, ReturnValues: types.ReturnValueAllOld})
		if err != nil {
			return result{}, err
		}
		return result{value: valueOf(out.Attributes)}, nil
	case "delete":
		out, err := c.DeleteItem(ctx, &sdk.DeleteItemInput{TableName: &table, Key: key, ReturnValues: types.ReturnValueAllOld})
		if err != nil {
			return result{}, err
		}
		return result{value: valueOf(out.Attributes)}, nil
	case "add":
		out, err := c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: &table, Key: key, UpdateExpression: aws.String("ADD v :v"),
			ExpressionAttributeValues: attrs{":v": num(fmt.Sprint(do.arg))}, ReturnValues: types.ReturnValueUpdatedNew})
		if err != nil {
			return result{}, err
		}
		return result{value: valueOf(out.Attributes)}, nil
	}
	in := &sdk.PutItemInput{TableName: &table, Item: item, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld}
	if do.kind == "putNew" {
		in.ConditionExpression = aws.String("attribute_not_exists(id)")
	} else {
		in.ConditionExpression = aws.String("v = :want")
		in.ExpressionAttributeValues = attrs{":want": num(fmt.Sprint(do.want))}
	}
	_, err := c.PutItem(ctx, in)
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return result{value: valueOf(failed.Item), failed: true}, nil
	}
	return result{}, err
}

// TestConcurrencyOfOneItem has many writers of one item: no unconditional write
// fails, no ADD is lost, and one attribute_not_exists wins.
func TestConcurrencyOfOneItem(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	table := aws.String(hashTable(t, c))
	const writers, each = 16, 20
	var won atomic.Int32
	var wg sync.WaitGroup
	for id := range writers {
		wg.Go(func() {
			_, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: attrs{"id": str("lock"), "owner": num(fmt.Sprint(id))}, ConditionExpression: aws.String("attribute_not_exists(id)")})
			if err == nil {
				won.Add(1)
			} else {
				wantError(t, err, "ConditionalCheckFailedException", "The conditional request failed")
			}
			for n := range each {
				if _, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: attrs{"id": str("hot"), "n": num(fmt.Sprint(n))}}); err != nil {
					t.Error(err)
				}
				if _, err := c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: attrs{"id": str("sum")}, UpdateExpression: aws.String("ADD n :one"), ExpressionAttributeValues: attrs{":one": num("1")}}); err != nil {
					t.Error(err)
				}
				if _, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: attrs{"id": str(fmt.Sprint(id, "/", n))}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers won", won.Load())
	}
	if got := text(mustGet(t, c, *table, attrs{"id": str("sum")})["n"]); got != fmt.Sprint(writers*each) {
		t.Errorf("the sum is %s", got)
	}
	// The table's size is exact, before and after the changes are added up.
	for range 2 {
		d, err := c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: table})
		if err != nil || *d.Table.ItemCount != writers*each+3 {
			t.Errorf("%d items, %v", *d.Table.ItemCount, err)
		}
		if err := f.service.Tidy(ctx, true); err != nil {
			t.Fatal(err)
		}
	}
}
