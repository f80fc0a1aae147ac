package dynamodb_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// purses is how much lies in each of a few purses: the state of bank.
const purseCount = 4

type purses [purseCount]int

// deal is one operation of a recorded history, and dealt what it returned.
type deal struct {
	kind     string // move, look, add, get, fill
	from, to int
	amount   int
}

type dealt struct {
	seen   purses // of a look
	value  int    // of an add, a get, or a move that was refused: of from
	failed bool
}

// bank is how purses must behave, seen together: what transactions and single
// operations do to them, in some order in which each is whole and that agrees with
// time.
var bank = porcupine.Model{
	Init: func() any { return purses{} },
	Step: func(state, input, output any) (bool, any) {
		now, in, out := state.(purses), input.(deal), output.(dealt)
		switch in.kind {
		case "look":
			return out.seen == now, now
		case "get":
			return out.value == now[in.from], now
		case "add":
			now[in.from] += in.amount
			return out.value == now[in.from], now
		case "fill":
			now[in.from], now[in.to] = in.amount, in.amount
			return true, now
		case "move":
			if now[in.from] < in.amount {
				return out.failed && out.value == now[in.from], now
			}
			now[in.from] -= in.amount
			now[in.to] += in.amount
			return !out.failed, now
		}
		panic(in.kind)
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
}

// TestTransactionsSerializable records what many clients saw of a few contested items
// in transactions and in single operations, and checks that some order of all of
// them, each between its request and its answer, explains it.
func TestTransactionsSerializable(t *testing.T) {
	t.Parallel()
	c := start(t).client
	table := hashTable(t, c)
	for i := range purseCount {
		mustPut(t, c, table, with(purse(i), "v", num("0")))
	}
	const clients, each = 8, 50
	histories := make([][]porcupine.Operation, clients)
	var wg sync.WaitGroup
	begin := time.Now() // only orders the history
	for id := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(id), 7))
			for range each {
				do := deal{kind: []string{"move", "move", "look", "add", "get"}[random.IntN(5)], from: random.IntN(purseCount), amount: 1 + random.IntN(3)}
				do.to = (do.from + 1 + random.IntN(purseCount-1)) % purseCount
				called := time.Since(begin)
				got, err := do.perform(t, c, table)
				if err != nil {
					t.Error(err)
					return
				}
				histories[id] = append(histories[id], porcupine.Operation{ClientId: id, Input: do, Output: got, Call: int64(called), Return: int64(time.Since(begin))})
			}
		})
	}
	wg.Wait()
	var history []porcupine.Operation
	for _, h := range histories {
		history = append(history, h...)
	}
	if !porcupine.CheckOperations(bank, history) {
		t.Error("no order explains the history")
	}
}

func purse(i int) attrs { return attrs{"id": str(fmt.Sprint("purse", i))} }

func amountOf(item attrs) int {
	n, _ := strconv.Atoi(text(item["v"]))
	return n
}

// moveActions take an amount from a purse that has it to another.
func moveActions(table string, from, to attrs, amount int) []types.TransactWriteItem {
	n := num(fmt.Sprint(amount))
	take := updateAction(table, from, "SET v = v - :n", attrs{":n": n})
	take.Update.ConditionExpression = aws.String("v >= :n")
	take.Update.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	return []types.TransactWriteItem{take, updateAction(table, to, "ADD v :n", attrs{":n": n})}
}

func (do deal) perform(t *testing.T, c *sdk.Client, table string) (dealt, error) {
	ctx := t.Context()
	switch do.kind {
	case "look":
		var reads []types.TransactGetItem
		for i := range purseCount {
			reads = append(reads, getAction(table, purse(i)))
		}
		items, err := transactGet(t, c, reads...)
		if err != nil {
			return dealt{}, err
		}
		var d dealt
		for i := range purseCount {
			d.seen[i] = amountOf(items[i])
		}
		return d, nil
	case "get":
		out, err := c.GetItem(ctx, &sdk.GetItemInput{TableName: &table, Key: purse(do.from)})
		if err != nil {
			return dealt{}, err
		}
		return dealt{value: amountOf(out.Item)}, nil
	case "add":
		out, err := c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: &table, Key: purse(do.from), UpdateExpression: aws.String("ADD v :n"),
			ExpressionAttributeValues: attrs{":n": num(fmt.Sprint(do.amount))}, ReturnValues: types.ReturnValueUpdatedNew})
		if err != nil {
			return dealt{}, err
		}
		return dealt{value: amountOf(out.Attributes)}, nil
	}
	err := transact(t, c, moveActions(table, purse(do.from), purse(do.to), do.amount)...)
	if cancelled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		return dealt{failed: true, value: amountOf(cancelled.CancellationReasons[0].Item)}, nil
	}
	return dealt{}, err
}

// TestTransactionsTransfers moves amounts between the accounts of two tables, while
// single writes move them about within an account, as large transactions, batches
// and deletions of other items go on. Every TransactGetItems sees the same sum, and
// no transaction is refused because of another.
func TestTransactionsTransfers(t *testing.T) {
	t.Parallel()
	f := start(t)
	c, ctx := f.client, t.Context()
	tables := []string{hashTable(t, c), "second"}
	makeNamed(t, c, tables[1])
	const accounts, opening, clients, each = 20, 100, 8, 40
	place := func(i int) (string, attrs) { return tables[i%2], purse(i) }
	var reads []types.TransactGetItem
	var open []types.TransactWriteItem
	for i := range accounts {
		table, key := place(i)
		open = append(open, putAction(table, with(with(key, "v", num(fmt.Sprint(opening))), "saved", num("0"))))
		reads = append(reads, getAction(table, key))
	}
	if err := transact(t, c, open...); err != nil {
		t.Fatal(err)
	}
	look := func() {
		items, err := transactGet(t, c, reads...)
		if err != nil {
			t.Error(err)
			return
		}
		sum := 0
		for _, item := range items {
			saved, _ := strconv.Atoi(text(item["saved"]))
			sum += amountOf(item) + saved
		}
		if sum != accounts*opening {
			t.Errorf("the sum is %d", sum)
		}
	}
	var wg sync.WaitGroup
	for id := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(id), 11))
			for n := range each {
				from := random.IntN(accounts)
				to := (from + 1 + random.IntN(accounts-1)) % accounts
				fromTable, fromKey := place(from)
				toTable, toKey := place(to)
				switch random.IntN(4) {
				case 0, 1:
					actions := moveActions(fromTable, fromKey, toKey, 1+random.IntN(80))
					actions[1].Update.TableName = &toTable
					actions = append(actions, putAction(fromTable, attrs{"id": str(fmt.Sprint("receipt", id, "/", n))}))
					err := transact(t, c, actions...)
					if cancelled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
						for i, want := range []string{"ConditionalCheckFailed", "None", "None"} {
							if got := *cancelled.CancellationReasons[i].Code; got != want {
								t.Errorf("reason %d is %s", i, got)
							}
						}
					} else if err != nil {
						t.Error(err)
					}
				case 2:
					_, err := c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: &fromTable, Key: fromKey,
						UpdateExpression: aws.String("SET v = v - :n, saved = saved + :n"), ExpressionAttributeValues: attrs{":n": num(fmt.Sprint(random.IntN(9) - 4))}})
					if err != nil {
						t.Error(err)
					}
				case 3:
					look()
				}
			}
		})
	}
	wg.Wait()
	look()
}
