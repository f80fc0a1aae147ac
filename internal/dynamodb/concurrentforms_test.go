package dynamodb_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestTransactionsSerializableInAllForms has the purses written and read in every form
// that there is: by transactions of actions and of statements, by batches, and through
// an index in which every change of a purse moves its entry. What a batch writes and what
// a query reads is whole, so each is one step of the history.
func TestTransactionsSerializableInAllForms(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	in := &sdk.CreateTableInput{
		TableName: aws.String(tableFor(t)), BillingMode: types.BillingModePayPerRequest,
		KeySchema: keySchema("id", ""), AttributeDefinitions: definitions("id:S", "bank:S", "v:N"),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String("byValue"), KeySchema: keySchema("bank", "v"), Projection: projection("KEYS_ONLY")}},
	}
	if _, err := c.CreateTable(ctx, in); err != nil {
		t.Fatal(err)
	}
	f := forms{T: t, c: c, table: *in.TableName}
	for i := range purseCount {
		mustPut(t, c, f.table, f.purse(i, 0))
	}
	const clients, each = 8, 50
	histories := make([][]porcupine.Operation, clients)
	var wg sync.WaitGroup
	begin := time.Now() // only orders the history
	for id := range clients {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(id), 13))
			for range each {
				do := deal{kind: []string{"move", "move", "look", "look", "fill", "add", "get"}[random.IntN(7)], from: random.IntN(purseCount), amount: 1 + random.IntN(3)}
				do.to = (do.from + 1 + random.IntN(purseCount-1)) % purseCount
				form := random.IntN(4)
				called := time.Since(begin)
				got, err := f.perform(do, form)
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

// forms does deals in one form or another.
type forms struct {
	*testing.T
	c     *sdk.Client
	table string
}

func (f forms) purse(i, amount int) attrs {
	return with(with(purse(i), "bank", str("bank")), "v", num(fmt.Sprint(amount)))
}

func (f forms) perform(do deal, form int) (dealt, error) {
	switch {
	case do.kind == "fill":
		var requests []types.WriteRequest
		for _, i := range []int{do.from, do.to} {
			requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: f.purse(i, do.amount)}})
		}
		_, err := f.c.BatchWriteItem(f.Context(), &sdk.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{f.table: requests}})
		return dealt{}, err
	case do.kind == "look" && form < 2:
		return f.throughIndex()
	case do.kind == "look" && form == 2:
		return f.byStatements()
	case do.kind == "move" && form < 2:
		return f.moveByStatements(do)
	}
	return do.perform(f.T, f.c, f.table)
}

// throughIndex looks at all purses by one query of the index.
func (f forms) throughIndex() (d dealt, err error) {
	out, err := f.c.Query(f.Context(), &sdk.QueryInput{TableName: &f.table, IndexName: aws.String("byValue"),
		KeyConditionExpression: aws.String("bank = :b"), ExpressionAttributeValues: attrs{":b": str("bank")}})
	if err != nil {
		return d, err
	}
	if out.Count != purseCount {
		return d, fmt.Errorf("the index has %d purses", out.Count)
	}
	for _, item := range out.Items {
		var i int
		if _, err := fmt.Sscanf(text(item["id"]), "purse%d", &i); err != nil {
			return d, err
		}
		d.seen[i] = amountOf(item)
	}
	return d, nil
}

// byStatements looks at all purses in one transaction of SELECTs.
func (f forms) byStatements() (d dealt, err error) {
	in := &sdk.ExecuteTransactionInput{}
	for i := range purseCount {
		in.TransactStatements = append(in.TransactStatements, f.statement("SELECT * FROM %s WHERE id = ?", purse(i)["id"]))
	}
	out, err := f.c.ExecuteTransaction(f.Context(), in)
	if err != nil {
		return d, err
	}
	for i := range purseCount {
		d.seen[i] = amountOf(out.Responses[i].Item)
	}
	return d, nil
}

func (f forms) moveByStatements(do deal) (dealt, error) {
	n := num(fmt.Sprint(do.amount))
	take := f.statement("UPDATE %s SET v = v - ? WHERE id = ? AND v >= ?", n, purse(do.from)["id"], n)
	take.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	give := f.statement("UPDATE %s SET v = v + ? WHERE id = ?", n, purse(do.to)["id"])
	_, err := f.c.ExecuteTransaction(f.Context(), &sdk.ExecuteTransactionInput{TransactStatements: []types.ParameterizedStatement{take, give}})
	if cancelled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		return dealt{failed: true, value: amountOf(cancelled.CancellationReasons[0].Item)}, nil
	}
	return dealt{}, err
}

func (f forms) statement(text string, params ...value) types.ParameterizedStatement {
	return types.ParameterizedStatement{Statement: aws.String(strings.Replace(text, "%s", `"`+f.table+`"`, 1)), Parameters: params}
}
