package audit_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

const (
	here  = "111111111111"
	there = "222222222222"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB) kv.Store {
	db, err := kv.Open(mem.New(), kv.Options{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func request(account, user, service, operation string, at time.Time) *api.Request {
	return &api.Request{
		ID: "req-" + operation, Service: service, Operation: operation, Region: "us-east-1",
		Caller: api.Caller{
			Account: account, ARN: "arn:aws:iam::" + account + ":user/" + user, UserID: "AIDA" + user,
			Type: api.UserCaller, AccessKeyID: "AKIA" + user, Principal: "arn:aws:iam::" + account + ":user/" + user,
		},
		SourceIP: netip.MustParseAddr("192.0.2.7"), UserAgent: "aws-cli/2", Secure: true, Time: at,
	}
}

func record(t testing.TB, store kv.Store, r *api.Request, events ...audit.Event) {
	t.Helper()
	ctx := api.WithRequest(t.Context(), r)
	if _, err := store.Update(ctx, func(tx kv.Txn) error {
		for _, e := range events {
			audit.Record(ctx, tx, e)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func table(account, name string) audit.Event {
	return audit.Event{
		Resources:  []audit.Resource{{Type: "AWS::DynamoDB::Table", ARN: "arn:aws:dynamodb:us-east-1:" + account + ":table/" + name}},
		Parameters: []byte(`{"tableName":"` + name + `"}`),
	}
}

func search(t testing.TB, store kv.Store, q audit.Query) []string {
	t.Helper()
	var found []string
	for {
		res, err := audit.Search(t.Context(), store, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range res.Events {
			found = append(found, e.Account[:1]+" "+e.Operation)
		}
		if res.Next == "" {
			return found
		}
		q.Page = res.Next
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	store := open(t)
	record(t, store, request(here, "ann", "dynamodb", "CreateTable", noon), table(here, "models"))
	record(t, store, request(there, "bob", "dynamodb", "CreateTable", noon.Add(time.Second)), table(there, "cache"))
	record(t, store, request(here, "bob", "dynamodb", "PutItem", noon.Add(2*time.Second)), table(here, "models"))
	record(t, store, request(here, "bob", "iam", "CreateUser", noon.Add(3*time.Second)),
		audit.Event{Resources: []audit.Resource{{Type: "AWS::IAM::User", ARN: "arn:aws:iam::111111111111:user/eve"}}})
	record(t, store, request(here, "ann", "dynamodb", "DeleteTable", noon.Add(4*time.Second)), table(here, "models"))

	for _, c := range []struct {
		name string
		q    audit.Query
		want []string
	}{
		{"all, newest first, data left out", audit.Query{}, []string{"1 DeleteTable", "1 CreateUser", "2 CreateTable", "1 CreateTable"}},
		{"data too", audit.Query{Data: true}, []string{"1 DeleteTable", "1 CreateUser", "1 PutItem", "2 CreateTable", "1 CreateTable"}},
		{"one account", audit.Query{Account: there}, []string{"2 CreateTable"}},
		{"from is included, to is not", audit.Query{From: noon.Add(time.Second), To: noon.Add(4 * time.Second)}, []string{"1 CreateUser", "2 CreateTable"}},
		{"caller by ARN", audit.Query{Caller: "arn:aws:iam::111111111111:user/ann"}, []string{"1 DeleteTable", "1 CreateTable"}},
		{"caller by name", audit.Query{Caller: "bob"}, []string{"1 CreateUser", "2 CreateTable"}},
		{"caller by key", audit.Query{Caller: "AKIAann"}, []string{"1 DeleteTable", "1 CreateTable"}},
		{"action", audit.Query{Action: "CreateTable"}, []string{"2 CreateTable", "1 CreateTable"}},
		{"action with service and wildcard", audit.Query{Action: "dynamodb:*Table"}, []string{"1 DeleteTable", "2 CreateTable", "1 CreateTable"}},
		{"resource by name", audit.Query{Resource: "models"}, []string{"1 DeleteTable", "1 CreateTable"}},
		{"resource by ARN with wildcard", audit.Query{Resource: "arn:aws:dynamodb:*:table/c*"}, []string{"2 CreateTable"}},
		{"region", audit.Query{Region: "eu-west-1"}, nil},
		{"a bracket is no wildcard", audit.Query{Action: "[C]reate*"}, nil},
	} {
		for _, limit := range []int{0, 1, 2} {
			q := c.q
			q.Limit = limit
			if got := search(t, store, q); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%s, limit %d: got %q, want %q", c.name, limit, got, c.want)
			}
		}
	}
	if _, err := audit.Search(t.Context(), store, audit.Query{Page: "AAAA"}); err != audit.ErrPage {
		t.Errorf("a made-up page: %v", err)
	}
}

func TestEntryHoldsTheRequest(t *testing.T) {
	t.Parallel()
	store := open(t)
	r := request(here, "ann", "dynamodb", "CreateTable", noon)
	record(t, store, r, table(here, "models"), table(here, "cache"))
	res, err := audit.Search(t.Context(), store, audit.Query{})
	if err != nil || len(res.Events) != 2 {
		t.Fatalf("%d events, %v", len(res.Events), err)
	}
	e := res.Events[1]
	if e.Caller != r.Caller || e.RequestID != r.ID || e.SourceIP != r.SourceIP || e.UserAgent != r.UserAgent ||
		!e.Secure || !e.Time.Equal(noon) || string(e.Parameters) != `{"tableName":"models"}` || e.Response != nil {
		t.Errorf("%+v", e)
	}
	for _, want := range res.Events {
		got, ok, err := audit.Lookup(t.Context(), store, here, want.ID)
		if err != nil || !ok || string(got.Parameters) != string(want.Parameters) {
			t.Errorf("%s: %+v %v %v", want.ID, got, ok, err)
		}
	}
	if _, ok, _ := audit.Lookup(t.Context(), store, there, e.ID); ok {
		t.Error("an event of another account was found")
	}
}

func TestTrim(t *testing.T) {
	t.Parallel()
	store := open(t)
	for i := range 5 {
		at := noon.Add(time.Duration(i) * time.Hour)
		record(t, store, request(here, "ann", "dynamodb", fmt.Sprint("CreateTable", i), at), table(here, "m"))
		record(t, store, request(there, "ann", "dynamodb", "PutItem", at), table(here, "m"))
	}
	if err := audit.Trim(t.Context(), store, noon.Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	want := []string{"1 CreateTable4", "2 PutItem", "1 CreateTable3", "2 PutItem"}
	if got := search(t, store, audit.Query{Data: true}); len(got) != len(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzPage(f *testing.F) {
	for _, s := range []string{"", "AAAA", "BQAAAAAAAAAAAAAAAAAAAAAAAA", "!"} {
		f.Add(s)
	}
	store := open(f)
	f.Fuzz(func(t *testing.T, page string) {
		audit.Search(context.Background(), store, audit.Query{Page: page})
		audit.Lookup(context.Background(), store, here, page)
	})
}

// discard is a transaction that only counts.
type discard struct {
	kv.Txn
	bytes int
}

func (d *discard) PutStamped(prefix, suffix, val []byte) {
	d.bytes += len(prefix) + len(suffix) + len(val)
}

func BenchmarkRecord(b *testing.B) {
	ctx := api.WithRequest(b.Context(), request(here, "ann", "dynamodb", "PutItem", noon))
	e := table(here, "models")
	tx := &discard{}
	b.ReportAllocs()
	for b.Loop() {
		audit.Record(ctx, tx, e)
	}
	b.ReportMetric(float64(tx.bytes)/float64(b.N), "B/record")
}

// Maintenance acts outside of any request, and is found by its time all the same.
func TestRecordOutsideOfARequest(t *testing.T) {
	t.Parallel()
	store := open(t)
	began := time.Now()
	if _, err := store.Update(t.Context(), func(tx kv.Txn) error {
		e := table(here, "old")
		e.Account = here
		audit.Record(t.Context(), tx, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	res, err := audit.Search(t.Context(), store, audit.Query{Account: here, From: began.Truncate(time.Millisecond)})
	if err != nil || len(res.Events) != 1 {
		t.Errorf("%+v %v", res, err)
	}
}

// TestRefusals records what was refused: once a minute, and never too much.
func TestRefusals(t *testing.T) {
	t.Parallel()
	store := open(t)
	refusals := audit.Refusals{Store: store}
	denied := func(message string) *api.Error { return api.AccessDeniedException("%s", message) }
	refuse := func(service, operation string, at time.Time, e *api.Error) {
		t.Helper()
		if err := refusals.Record(api.WithRequest(t.Context(), request(here, "ann", service, operation, at)), e); err != nil {
			t.Fatal(err)
		}
	}
	refuse("dynamodb", "DeleteTable", noon, denied("not that table"))
	refuse("dynamodb", "DeleteTable", noon.Add(time.Second), denied("not that table")) // again
	refuse("dynamodb", "DeleteTable", noon.Add(time.Second), denied("nor this"))
	refuse("dynamodb", "DeleteTable", noon.Add(time.Minute), denied("not that table"))
	refuse("dynamodb", "DeleteTable", noon, api.ValidationException("no denial"))
	refuse("dynamodb", "PutItem", noon, denied("data"))
	refuse("dynamodb", "DescribeTable", noon, denied("changes nothing"))
	refuse("sts", "AssumeRole", noon.Add(time.Minute), &api.Error{Code: "AccessDenied", Message: "not you"})
	all := func(from time.Time) []audit.Entry {
		t.Helper()
		res, err := audit.Search(t.Context(), store, audit.Query{Data: true, Limit: 1000, From: from})
		if err != nil {
			t.Fatal(err)
		}
		return res.Events
	}
	var got []string
	for _, e := range all(time.Time{}) {
		got = append(got, e.Operation+" "+e.ErrorCode+" "+e.ErrorMessage)
		if json := string(e.JSON()); !strings.Contains(json, `"errorCode":"AccessDenied","errorMessage":"`+e.ErrorMessage+`"`) {
			t.Errorf("CloudTrail's form: %s", json)
		}
	}
	want := "AssumeRole AccessDenied not you, DeleteTable AccessDenied not that table, DeleteTable AccessDenied nor this, DeleteTable AccessDenied not that table"
	if strings.Join(got, ", ") != want {
		t.Errorf("recorded %s", strings.Join(got, ", "))
	}
	later := noon.Add(time.Hour)
	for i := range 150 {
		refuse("iam", "CreateUser", later, denied(fmt.Sprint("user", i)))
	}
	if n := len(all(later)); n != 100 {
		t.Errorf("%d refusals in a minute", n)
	}
}
