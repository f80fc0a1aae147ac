package dynamodb_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/modelwharf/modelwharf/internal/audit"
)

// execute carries out a statement in which T stands for the table's name.
func execute(t testing.TB, c *sdk.Client, table, statement string, params ...value) ([]attrs, error) {
	t.Helper()
	out, err := c.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Statement: in(table, statement), Parameters: params})
	if err != nil {
		return nil, err
	}
	return out.Items, nil
}

func in(table, statement string) *string {
	return aws.String(strings.ReplaceAll(statement, "T.", `"`+table+`"`))
}

func mustExecute(t testing.TB, c *sdk.Client, table, statement string, params ...value) []attrs {
	t.Helper()
	items, err := execute(t, c, table, statement, params...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return items
}

// show writes the numbers at "at" of items.
func show(items []attrs, name string) string {
	var all []string
	for _, it := range items {
		all = append(all, text(it[name]))
	}
	return strings.Join(all, " ")
}

// TestPartiQLWrites does with statements what the operations on single items do.
func TestPartiQLWrites(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := hashTable(t, f.client)
	run := func(statement string, params ...value) []attrs {
		t.Helper()
		return mustExecute(t, f.client, table, statement, params...)
	}
	fails := func(code, message, statement string, params ...value) {
		t.Helper()
		_, err := execute(t, f.client, table, statement, params...)
		wantError(t, err, code, message)
	}
	const failed, duplicate = "ConditionalCheckFailedException", "DuplicateItemException"
	if got := run(`INSERT INTO T. VALUE {'id': 'a', 'n': 1, 'tags': <<'x'>>, 'l': [1]}`); len(got) != 0 {
		t.Errorf("an INSERT returned %v", got)
	}
	fails(duplicate, "Duplicate primary key exists in table", `INSERT INTO T. VALUE {'id': ?, 'n': 2}`, str("a"))
	fails(validation, "Key attribute should be present in the item: Key id", `INSERT INTO T. VALUE {'n': 2}`)

	got := run(`UPDATE T. SET n = n + ?, tags = set_add(tags, <<'y'>>) SET l = list_append(l, ?) WHERE id = 'a' AND n < 5 RETURNING ALL NEW *`, num("2"), list(num("2")))
	if len(got) != 1 || text(got[0]["n"]) != "3" || len(got[0]["tags"].(*types.AttributeValueMemberSS).Value) != 2 {
		t.Errorf("got %v", got)
	}
	if got := run(`UPDATE T. SET n = 4 REMOVE l WHERE id = 'a' RETURNING MODIFIED OLD *`); len(got) != 1 || text(got[0]["n"]) != "3" || len(got[0]) != 2 {
		t.Errorf("MODIFIED OLD: %v", got)
	}
	if got := run(`UPDATE T. REMOVE tags WHERE id = 'a' RETURNING MODIFIED NEW *`); len(got) != 0 {
		t.Errorf("MODIFIED NEW of nothing: %v", got)
	}
	fails(failed, "The conditional request failed", `UPDATE T. SET n = 9 WHERE id = 'a' AND n = 5`)
	fails(failed, "The conditional request failed", `UPDATE T. SET n = 9 WHERE id = 'absent'`)
	fails(failed, "The conditional request failed", `UPDATE T. SET n = 9 WHERE id = 'absent' AND n IS MISSING`)
	fails(validation, "Where clause does not contain a mandatory equality on all key attributes", `UPDATE T. SET n = 9 WHERE n = 4`)
	fails(validation, "…Cannot update attribute id. This attribute is part of the key", `UPDATE T. SET id = 'b' WHERE id = 'a'`)
	fails(validation, "Number of parameters in request and statement don't match.", `UPDATE T. SET n = ? WHERE id = ?`, num("1"))
	fails("ResourceNotFoundException", "…", `DELETE FROM absent WHERE id = 'a'`)

	_, err := f.client.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{
		Statement: in(table, `UPDATE T. SET n = 9 WHERE id = 'a' AND n = 5`), ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
	if failure, ok := errors.AsType[*types.ConditionalCheckFailedException](err); !ok || text(failure.Item["n"]) != "4" {
		t.Errorf("got %v", err)
	}
	fails(failed, "The conditional request failed", `DELETE FROM T. WHERE id = 'a' AND n = 5`)
	run(`DELETE FROM T. WHERE id = 'absent' AND n = 5`)
	if got := run(`DELETE FROM T. WHERE id = 'a' AND n = 4 RETURNING ALL OLD *`); len(got) != 1 || text(got[0]["id"]) != "a" {
		t.Errorf("ALL OLD: %v", got)
	}
	if got := run(`DELETE FROM T. WHERE id = 'a' RETURNING ALL OLD *`); len(got) != 0 {
		t.Errorf("ALL OLD of nothing: %v", got)
	}
	if it := mustGet(t, f.client, table, attrs{"id": str("a")}); it != nil {
		t.Errorf("%v is left", it)
	}
}

// TestPartiQLReads selects with and without the key, in both orders, in pages.
func TestPartiQLReads(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := rangeTable(t, f.client, types.ScalarAttributeTypeN)
	for _, id := range []string{"a", "b", "c"} {
		for at := range 5 {
			mustPut(t, f.client, table, attrs{"id": str(id), "at": num(fmt.Sprint(at)), "even": &types.AttributeValueMemberBOOL{Value: at%2 == 0}, "m": object(attrs{"k": str(id + fmt.Sprint(at))})})
		}
	}
	for statement, want := range map[string]string{
		`SELECT * FROM T. WHERE id = 'a'`:                                                                    "0 1 2 3 4",
		`SELECT * FROM T. WHERE id = 'a' AND "at" > 1 AND "at" < 4`:                                          "2 3",
		`SELECT "at" FROM T. WHERE id = 'a' AND "at" BETWEEN 1 AND 3 ORDER BY "at" DESC`:                     "3 2 1",
		`SELECT "at" FROM T. WHERE id = 'a' AND "at" = 2`:                                                    "2",
		`SELECT "at" FROM T. WHERE id = 'a' AND "at" = 2 AND even = false`:                                   "",
		`SELECT "at" FROM T. WHERE id = 'a' AND even = true`:                                                 "0 2 4",
		`SELECT "at" FROM T. WHERE id IN ['c', 'a'] AND "at" <= 1 ORDER BY id`:                               "0 1 0 1",
		`SELECT "at" FROM T. WHERE m.k = 'b3'`:                                                               "3",
		`SELECT "at" FROM T. WHERE (id = 'a' OR id = 'b') AND "at" = 4 AND NOT contains(m.k, 'a')`:           "4",
		`SELECT "at" FROM T. WHERE id = 'z'`:                                                                 "",
		`SELECT "at" FROM T. WHERE id = 'a' AND "at" IN (4, 0)`:                                              "0 4",
		`SELECT "at" FROM T. WHERE id = 'a' AND "at" > 1 AND "at" > 2 AND "at" IS NOT MISSING ORDER BY "at"`: "3 4",
	} {
		if got := show(mustExecute(t, f.client, table, statement), "at"); got != want {
			t.Errorf("%s\ngot %q, want %q", statement, got, want)
		}
	}
	if got := mustExecute(t, f.client, table, `SELECT m.k, even FROM T. WHERE id = 'b' AND "at" = 1`); len(got) != 1 || len(got[0]) != 2 || text(got[0]["k"]) != "b1" {
		t.Errorf("a projection gives %v", got)
	}
	for statement, message := range map[string]string{
		`SELECT * FROM T.."by-at" WHERE id = 'a'`: "The table does not have the specified index: by-at",
		`SELECT id.x FROM T. WHERE id = 'a'`:      "…Key attributes must be scalars…",
		`SELECT * FROM T. WHERE id = 1`:           "Key attribute's data type should match its data type in table's schema: Key id",
		`SELECT * FROM x WHERE id = 1`:            "Table name should be within the length [3, 255] and only contain 'a-z', 'A-Z', '0-9', '-', '_', '.'.",
		`EXISTS(SELECT * FROM T. WHERE id = 'a')`: "EXISTS can only be used in ExecuteTransaction write requests.",
	} {
		_, err := execute(t, f.client, table, statement)
		wantError(t, err, validation, message)
	}
	// Pages of every size give every item once, over several hash keys and a scan.
	for _, statement := range []string{`SELECT * FROM T.`, `SELECT * FROM T. WHERE id IN ['a', 'b', 'c']`, `SELECT * FROM T. WHERE id IN ['a', 'b', 'c'] ORDER BY id DESC, "at" DESC`} {
		whole := mustExecute(t, f.client, table, statement)
		for _, limit := range []int32{1, 2, 5, 7, 15, 100} {
			var paged []attrs
			var token *string
			for pages := 0; pages == 0 || token != nil; pages++ {
				out, err := f.client.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Statement: in(table, statement), Limit: &limit, NextToken: token})
				if err != nil {
					t.Fatal(err)
				}
				if len(out.Items) > int(limit) || pages > 20 || (out.NextToken == nil) != (out.LastEvaluatedKey == nil) {
					t.Fatalf("page %d of %d: %d items", pages, limit, len(out.Items))
				}
				paged, token = append(paged, out.Items...), out.NextToken
			}
			if len(paged) != 15 || show(paged, "at") != show(whole, "at") || show(paged, "id") != show(whole, "id") {
				t.Errorf("%s in pages of %d: %d items", statement, limit, len(paged))
			}
		}
	}
}

// TestPartiQLTokens takes a token for the statement and account alone that got it.
func TestPartiQLTokens(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := hashTable(t, f.client)
	for _, id := range []string{"a", "b", "c"} {
		mustPut(t, f.client, table, attrs{"id": str(id), "n": num("1")})
	}
	ask := func(statement string, token *string, params ...value) (*string, error) {
		out, err := f.client.ExecuteStatement(t.Context(), &sdk.ExecuteStatementInput{Statement: in(table, statement), Parameters: params, Limit: aws.Int32(1), NextToken: token})
		if err != nil {
			return nil, err
		}
		return out.NextToken, nil
	}
	const statement = `SELECT * FROM T. WHERE n = ?`
	token, err := ask(statement, nil, num("1"))
	if err != nil || token == nil {
		t.Fatal(token, err)
	}
	if _, err := ask(statement, token, num("1.0")); err != nil {
		t.Errorf("the same number, written otherwise: %v", err)
	}
	for _, wrong := range []func() (*string, error){
		func() (*string, error) { return ask(statement, token, num("2")) },
		func() (*string, error) { return ask(`SELECT * FROM T.`, token) },
		func() (*string, error) { return ask(statement, aws.String("x"+*token), num("1")) },
		func() (*string, error) { return ask(statement, aws.String("?"), num("1")) },
	} {
		_, err := wrong()
		wantError(t, err, validation, "Invalid NextToken")
	}
}

// TestPartiQLBatch tells what is wrong with a statement in its place.
func TestPartiQLBatch(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := hashTable(t, f.client)
	mustPut(t, f.client, table, attrs{"id": str("a"), "n": num("1")})
	batch := func(statements ...string) *sdk.BatchExecuteStatementOutput {
		t.Helper()
		req := &sdk.BatchExecuteStatementInput{ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}
		for _, s := range statements {
			req.Statements = append(req.Statements, types.BatchStatementRequest{Statement: in(table, s), ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld})
		}
		out, err := f.client.BatchExecuteStatement(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	check := func(out *sdk.BatchExecuteStatementOutput, want ...string) {
		t.Helper()
		var got []string
		for _, r := range out.Responses {
			s := "nothing"
			if r.Item != nil {
				s = "item " + text(r.Item["id"])
			}
			if r.Error != nil {
				s = fmt.Sprintf("%s: %s", r.Error.Code, *r.Error.Message)
				if r.Error.Item != nil {
					s += ", of " + text(r.Error.Item["id"])
				}
			}
			if r.TableName != nil {
				s += ", in the table"
			}
			got = append(got, s)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	const mustKey = "ValidationError: Select statements within BatchExecuteStatement must specify the primary key in the where clause."
	out := batch(`SELECT * FROM T. WHERE id = 'a'`, `SELECT * FROM T. WHERE id = 'absent'`, `SELECT * FROM T. WHERE n = 1`,
		`SELECT * FROM T. WHERE id = 'a' AND n = 1`, `SLECT`, `SELECT * FROM absent WHERE id = 'a'`)
	check(out, "item a, in the table", "nothing, in the table", mustKey, mustKey,
		"ValidationError: Statement wasn't well formed, can't be processed: Expected data manipulation", "ResourceNotFound: Requested resource not found")
	if len(out.ConsumedCapacity) != 2 || *out.ConsumedCapacity[0].CapacityUnits != 0.5 {
		t.Errorf("capacity: %v", out.ConsumedCapacity)
	}
	check(batch(`INSERT INTO T. VALUE {'id': 'b'}`, `INSERT INTO T. VALUE {'id': 'a'}`, `UPDATE T. SET n = 2 WHERE id = 'a' AND n = 5`,
		`UPDATE T. SET n = 2 WHERE id = 'a' RETURNING ALL NEW *`, `DELETE FROM T. WHERE id = 'b'`),
		"nothing, in the table", "DuplicateItem: Duplicate primary key exists in table, in the table",
		"ConditionalCheckFailed: The conditional request failed, of a, in the table", "item a, in the table", "nothing, in the table")
	_, err := f.client.BatchExecuteStatement(t.Context(), &sdk.BatchExecuteStatementInput{Statements: []types.BatchStatementRequest{
		{Statement: in(table, `SELECT * FROM T. WHERE id = 'a'`)}, {Statement: in(table, `DELETE FROM T. WHERE id = 'a'`)}}})
	wantError(t, err, validation, "…both cannot be mixed…")
	_, err = f.client.BatchExecuteStatement(t.Context(), &sdk.BatchExecuteStatementInput{Statements: make([]types.BatchStatementRequest, 0)})
	wantError(t, err, validation, "…")
}

// TestPartiQLTransaction does all statements or none.
func TestPartiQLTransaction(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := hashTable(t, f.client)
	mustPut(t, f.client, table, attrs{"id": str("a"), "n": num("1")})
	transact := func(token *string, statements ...string) (*sdk.ExecuteTransactionOutput, error) {
		req := &sdk.ExecuteTransactionInput{ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal, ClientRequestToken: token}
		for _, s := range statements {
			req.TransactStatements = append(req.TransactStatements, types.ParameterizedStatement{Statement: in(table, s)})
		}
		return f.client.ExecuteTransaction(t.Context(), req)
	}
	_, err := transact(aws.String("token"), `INSERT INTO T. VALUE {'id': 'b', 'n': 1}`, `UPDATE T. SET n = n + 1 WHERE id = 'a'`, `EXISTS(SELECT * FROM T. WHERE id = 'c' AND n IS MISSING)`)
	wantError(t, err, "TransactionCanceledException", "…[None, None, ConditionalCheckFailed]")
	out, err := transact(aws.String("token"), `INSERT INTO T. VALUE {'id': 'b', 'n': 1}`, `UPDATE T. SET n = n + 1 WHERE id = 'a'`)
	if err != nil || *out.ConsumedCapacity[0].CapacityUnits != 4 {
		t.Fatal(out, err)
	}
	if _, err = transact(aws.String("token"), `INSERT INTO T. VALUE {'id': 'b', 'n': 1}`, `UPDATE T. SET n = n + 1 WHERE id = 'a'`); err != nil {
		t.Errorf("repeated: %v", err)
	}
	_, err = transact(aws.String("token"), `UPDATE T. SET n = n + 1 WHERE id = 'a'`)
	wantError(t, err, "IdempotentParameterMismatchException", "…")
	_, err = transact(nil, `INSERT INTO T. VALUE {'id': 'b', 'n': 1}`, `DELETE FROM T. WHERE id = 'a'`)
	wantError(t, err, "TransactionCanceledException", "…[DuplicateItem, None]")
	if _, err = transact(nil, `EXISTS(SELECT * FROM T. WHERE id = 'b' AND n = 1)`, `UPDATE T. SET n = n + 1 WHERE id = 'a'`); err != nil {
		t.Error(err)
	}
	out, err = transact(nil, `SELECT n FROM T. WHERE id = 'a'`, `SELECT * FROM T. WHERE id = 'absent'`)
	if err != nil || len(out.Responses) != 2 || text(out.Responses[0].Item["n"]) != "3" || out.Responses[1].Item != nil {
		t.Errorf("got %v, %v", out, err)
	}
	for statement, message := range map[string]string{
		`SLECT`: "Validation failed in TransactStatements[0]: Statement wasn't well formed, can't be processed: Expected data manipulation",
		`SELECT * FROM T. WHERE id = 'a' AND attribute_exists(n)`: "Validation failed in TransactStatements[0]: Select statements within ExecuteTransaction must specify the primary key in the where clause.",
		`DELETE FROM T. WHERE n = 1`:                              "Validation failed in TransactStatements[0]: Where clause does not contain a mandatory equality on all key attributes",
		`EXISTS(SELECT * FROM T. WHERE id = 'a')`:                 "Validation failed in TransactStatements[0]: EXISTS() must contain a single item read with additional condition",
		`UPDATE T. SET n = 1 WHERE id = 'a' RETURNING ALL NEW *`:  "Validation failed in TransactStatements[0]: RETURNING clause is not supported in ExecuteTransaction.",
	} {
		_, err := transact(nil, statement)
		wantError(t, err, validation, message)
	}
}

// TestPartiQLPolicy asks for the actions and condition keys of PartiQL.
func TestPartiQLPolicy(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := hashTable(t, f.client)
	reader := f.user(t, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:PartiQLSelect","Resource":"arn:aws:dynamodb:*:*:table/`+table+`"},
		{"Effect":"Deny","Action":"dynamodb:PartiQLSelect","Resource":"*","Condition":{"Bool":{"dynamodb:FullTableScan":"true"}}}]}`)
	own := f.user(t, "own", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:PartiQL*","Resource":"*","Condition":{
		"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["own-*"],"dynamodb:Attributes":["id","visible"]},"Null":{"dynamodb:LeadingKeys":"false","dynamodb:Attributes":"false"}}}]}`)
	mustExecute(t, own, table, `INSERT INTO T. VALUE {'id': 'own-1', 'visible': 1}`)
	mustExecute(t, own, table, `UPDATE T. SET visible = 2 WHERE id = 'own-1'`)
	if got := mustExecute(t, own, table, `SELECT visible FROM T. WHERE id = 'own-1'`); show(got, "visible") != "2" {
		t.Errorf("got %v", got)
	}
	mustExecute(t, reader, table, `SELECT * FROM T. WHERE id IN ['own-1', 'a']`)
	for user, statements := range map[*sdk.Client][]string{
		reader: {`SELECT * FROM T.`, `SELECT * FROM T. WHERE visible = 2`, `DELETE FROM T. WHERE id = 'own-1'`, `INSERT INTO T. VALUE {'id': 'a'}`, `UPDATE T. SET n = 1 WHERE id = 'own-1'`},
		own: {`SELECT visible FROM T. WHERE id IN ['own-1', 'a']`, `SELECT * FROM T. WHERE id = 'own-1'`, `SELECT visible FROM T.`, `INSERT INTO T. VALUE {'id': 'a'}`,
			`UPDATE T. SET secret = 1 WHERE id = 'own-1'`, `UPDATE T. SET visible = secret WHERE id = 'own-1'`, `DELETE FROM T. WHERE id = 'own-1' AND secret = 1`, `DELETE FROM T. WHERE id = 'a'`},
	} {
		for _, statement := range statements {
			_, err := execute(t, user, table, statement)
			if wantDenied(t, err); t.Failed() {
				t.Fatal(statement)
			}
		}
	}
	mustExecute(t, own, table, `DELETE FROM T. WHERE id = 'own-1' AND visible = 2`)
}

// TestPartiQLAudit sees statements that write leave a record with the key, and no
// value of the statement.
func TestPartiQLAudit(t *testing.T) {
	t.Parallel()
	f := start(t)
	table := hashTable(t, f.client)
	mustExecute(t, f.client, table, `INSERT INTO T. VALUE {'id': 'a', 'secret': 'hidden'}`)
	mustExecute(t, f.client, table, `UPDATE T. SET secret = 'hidden' WHERE id = 'a'`) // changes nothing
	mustExecute(t, f.client, table, `SELECT * FROM T. WHERE secret = 'hidden'`)
	if _, err := f.client.ExecuteTransaction(t.Context(), &sdk.ExecuteTransactionInput{TransactStatements: []types.ParameterizedStatement{
		{Statement: in(table, `UPDATE T. SET secret = 'hidden too' WHERE id = 'a'`)},
		{Statement: in(table, `EXISTS(SELECT * FROM T. WHERE id = 'b' AND secret IS MISSING)`)},
	}}); err == nil {
		t.Error("what is not there exists")
	}
	if _, err := f.client.ExecuteTransaction(t.Context(), &sdk.ExecuteTransactionInput{TransactStatements: []types.ParameterizedStatement{
		{Statement: in(table, `INSERT INTO T. VALUE {'id': 'b', 'secret': 'hidden'}`)},
		{Statement: in(table, `EXISTS(SELECT * FROM T. WHERE id = 'a' AND secret = 'hidden')`)},
	}}); err != nil {
		t.Error(err)
	}
	found, err := audit.Search(t.Context(), f.store, audit.Query{Account: account, Data: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range slices.Backward(found.Events) {
		if e.Operation != "CreateTable" {
			got = append(got, e.Operation+" "+string(e.Parameters))
		}
	}
	name := `"tableName":"` + table + `","key":`
	want := []string{
		`ExecuteStatement {` + name + `{"id":{"S":"a"}}}`,
		`ExecuteTransaction {"transactItems":[{"insert":{` + name + `{"id":{"S":"b"}}}},{"exists":{` + name + `{"id":{"S":"a"}}}}]}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}
