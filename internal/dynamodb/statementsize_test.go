package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestPartiQLPageSize ends a page at a megabyte, also one that several queries fill.
func TestPartiQLPageSize(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := hashTable(t, f.client)
	var ids []string
	for i := range 5 {
		id := fmt.Sprint("item", i)
		ids = append(ids, "'"+id+"'")
		mustPut(t, f.client, table, attrs{"id": str(id), "data": str(strings.Repeat("x", 300<<10))})
	}
	statement := `SELECT id FROM T. WHERE id IN [` + strings.Join(ids, ", ") + `]`
	out, err := f.client.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Statement: in(table, statement), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal, ConsistentRead: aws.Bool(true)})
	if err != nil || len(out.Items) != 4 || out.NextToken == nil || *out.ConsumedCapacity.CapacityUnits != 4*76 {
		t.Fatalf("got %+v, %v", out, err)
	}
	out, err = f.client.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Statement: in(table, statement), NextToken: out.NextToken})
	if err != nil || len(out.Items) != 1 || out.NextToken != nil {
		t.Errorf("got %+v, %v", out, err)
	}
}

// TestPartiQLTransactionSize reads 4 MB of items in one transaction, and refuses more.
func TestPartiQLTransactionSize(t *testing.T) {
	t.Parallel()
	c := start(t).client
	table := hashTable(t, c)
	var statements []types.ParameterizedStatement
	body := str(strings.Repeat("x", 400<<10-100))
	for i := range 11 {
		id := fmt.Sprint(i)
		mustPut(t, c, table, attrs{"id": str(id), "body": body})
		statements = append(statements, types.ParameterizedStatement{Statement: in(table, "SELECT id FROM T. WHERE id = ?"), Parameters: []value{str(id)}})
	}
	out, err := c.ExecuteTransaction(t.Context(), &sdk.ExecuteTransactionInput{TransactStatements: statements[:10]})
	if err != nil || len(out.Responses) != 10 {
		t.Error(out, err)
	}
	_, err = c.ExecuteTransaction(t.Context(), &sdk.ExecuteTransactionInput{TransactStatements: statements})
	wantError(t, err, validation, "The aggregate size of the items in the transaction cannot exceed 4 MB")
}
