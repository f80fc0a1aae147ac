package dynamodb_test

import (
	"slices"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/modelwharf/modelwharf/internal/audit"
)

// TestTransactionsPolicy asks policy for each action on its table.
func TestTransactionsPolicy(t *testing.T) {
	t.Parallel()
	f := start(t)
	c := f.client
	one, two := hashTable(t, c), "second"
	makeNamed(t, c, two)
	key := func(id string) attrs { return attrs{"id": str(id)} }
	allow := func(action, resource, condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + action + `],"Resource":"arn:aws:dynamodb:*:*:table/` + resource + `"` + condition + `}]}`
	}
	putter := f.user(t, "putter", allow(`"dynamodb:PutItem","dynamodb:ConditionCheckItem"`, one, ""))
	check := checkAction(one, key("absent"), "attribute_not_exists(id)", nil)
	if err := transact(t, putter, putAction(one, key("a")), check); err != nil {
		t.Error(err)
	}
	for _, a := range []types.TransactWriteItem{
		putAction(two, key("a")), putAction("absent", key("a")), deleteAction(one, key("b")), updateAction(one, key("b"), "REMOVE v", nil), checkAction(two, key("a"), "attribute_exists(id)", nil),
	} {
		wantDenied(t, transact(t, putter, putAction(one, key("c")), a))
	}
	_, err := transactGet(t, putter, getAction(one, key("a")))
	wantDenied(t, err)

	// Only in transactions, and only there; only keys of its own.
	const enclosed = `,"Condition":{"StringEquals":{"dynamodb:EnclosingOperation":["TransactWriteItems","TransactGetItems"]}}`
	grouped := f.user(t, "grouped", allow(`"dynamodb:*"`, one, enclosed))
	if err := transact(t, grouped, putAction(one, key("d"))); err != nil {
		t.Error(err)
	}
	if _, err := transactGet(t, grouped, getAction(one, key("d"))); err != nil {
		t.Error(err)
	}
	_, err = grouped.PutItem(t.Context(), &sdk.PutItemInput{TableName: &one, Item: key("d")})
	wantDenied(t, err)
	own := f.user(t, "own", allow(`"dynamodb:*"`, one, `,"Condition":{"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["own-*"]},"Null":{"dynamodb:LeadingKeys":"false"}}`))
	if err := transact(t, own, putAction(one, key("own-1")), deleteAction(one, key("own-2"))); err != nil {
		t.Error(err)
	}
	wantDenied(t, transact(t, own, putAction(one, key("own-1")), deleteAction(one, key("else"))))
	// Another account's tables need its consent.
	wantDenied(t, transact(t, c, putAction("arn:aws:dynamodb:us-east-1:111111111111:table/"+one, key("a"))))
}

// TestTransactionsAudit sees a transaction leave one record with its keys, and one
// that changes nothing leave none.
func TestTransactionsAudit(t *testing.T) {
	t.Parallel()
	f := start(t)
	c := f.client
	one, two := hashTable(t, c), "second"
	makeNamed(t, c, two)
	key := func(id string) attrs { return attrs{"id": str(id)} }
	for range 2 {
		err := transact(t, c,
			putAction(one, with(key("a"), "secret", str("hidden"))),
			updateAction(two, key("b"), "SET secret = :s", attrs{":s": str("hidden")}),
			checkAction(one, key("c"), "attribute_not_exists(id)", nil), deleteAction(one, key("d")))
		if err != nil {
			t.Fatal(err)
		}
	}
	found, err := audit.Search(t.Context(), f.store, audit.Query{Account: account, Data: true})
	if err != nil {
		t.Fatal(err)
	}
	found.Events = slices.DeleteFunc(found.Events, func(e audit.Entry) bool { return e.Operation != "TransactWriteItems" })
	if len(found.Events) != 1 {
		t.Fatalf("there are %d records", len(found.Events))
	}
	const arn = "arn:aws:dynamodb:us-east-1:000000000000:table/"
	if r := found.Events[0].Resources; len(r) != 2 || r[0].ARN != arn+one || r[1].ARN != arn+two {
		t.Errorf("it is about %v", r)
	}
	want := `{"transactItems":[{"put":{"tableName":"` + one + `","key":{"id":{"S":"a"}}}},{"update":{"tableName":"second","key":{"id":{"S":"b"}}}},` +
		`{"conditionCheck":{"tableName":"` + one + `","key":{"id":{"S":"c"}}}},{"delete":{"tableName":"` + one + `","key":{"id":{"S":"d"}}}}]}`
	if got := string(found.Events[0].Parameters); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
