package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudtrail"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/awsjson"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// trailOf serves CloudTrail to a caller of the account and returns their client.
func trailOf(t testing.TB, store kv.Store, account string) *sdk.Client {
	trail := &audit.CloudTrail{Store: store, Authorize: func(ctx context.Context, action, resource string) error {
		if api.RequestOf(ctx).Caller.Account == "" {
			return api.AccessDeniedException("not authorized to perform: %s on resource: %s", action, resource)
		}
		return nil
	}}
	var err error
	if trail.Pages, err = pagetoken.New([]byte("a secret of all the tests")); err != nil {
		t.Fatal(err)
	}
	protocol := awsjson.New(cloudtrail.New(trail))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		call, failed := protocol.Open(r, body)
		if failed != nil {
			protocol.WriteError(w, "req", failed)
			return
		}
		in, err := call.Input()
		var out any
		if err == nil {
			out, err = call.Operation.Call(api.WithRequest(r.Context(), request(account, "eve", "cloudtrail", call.Name, noon)), in)
		}
		if err == nil {
			err = protocol.WriteAnswer(w, "req", call, out)
		}
		if err != nil {
			protocol.WriteError(w, "req", api.AsError(err))
		}
	}))
	t.Cleanup(server.Close)
	return sdk.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	})
}

func TestLookupEvents(t *testing.T) {
	t.Parallel()
	store := open(t)
	record(t, store, request(here, "ann", "dynamodb", "CreateTable", noon), table(here, "models"))
	record(t, store, request(here, "ann", "dynamodb", "PutItem", noon.Add(time.Second)), table(here, "models"))
	elsewhere := request(here, "ann", "dynamodb", "CreateTable", noon.Add(2*time.Second))
	elsewhere.Region = "eu-west-1"
	record(t, store, elsewhere, table(here, "far"))
	inSession := request(here, "", "sts", "AssumeRole", noon.Add(3*time.Second))
	inSession.Caller = api.Caller{
		Account: here, ARN: "arn:aws:sts::111111111111:assumed-role/ops/night", UserID: "AROAX:night", Type: api.RoleCaller,
		AccessKeyID: "ASIAX", Principal: "arn:aws:iam::111111111111:role/ops",
	}
	record(t, store, inSession, audit.Event{Resources: []audit.Resource{{Type: "AWS::IAM::Role", ARN: "arn:aws:iam::111111111111:role/ops"}}})
	record(t, store, request(there, "bob", "iam", "CreateUser", noon), audit.Event{})
	client := trailOf(t, store, here)

	lookup := func(in sdk.LookupEventsInput) (names []string, events []types.Event) {
		t.Helper()
		for p := sdk.NewLookupEventsPaginator(client, &in); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range out.Events {
				names, events = append(names, *e.EventName), append(events, e)
			}
		}
		return names, events
	}
	names, events := lookup(sdk.LookupEventsInput{MaxResults: new(int32(1))})
	if fmt.Sprint(names) != "[AssumeRole CreateTable]" {
		t.Fatal(names)
	}
	by := func(key types.LookupAttributeKey, value string) sdk.LookupEventsInput {
		return sdk.LookupEventsInput{LookupAttributes: []types.LookupAttribute{{AttributeKey: key, AttributeValue: &value}}}
	}
	for _, c := range []struct {
		name string
		in   sdk.LookupEventsInput
		want string
	}{
		{"EventId", by(types.LookupAttributeKeyEventId, *events[1].EventId), "[CreateTable]"},
		{"EventName", by(types.LookupAttributeKeyEventName, "CreateTable"), "[CreateTable]"},
		{"ReadOnly", by(types.LookupAttributeKeyReadOnly, "false"), "[CreateTable]"},
		{"Username", by(types.LookupAttributeKeyUsername, "night"), "[AssumeRole]"},
		{"ResourceType", by(types.LookupAttributeKeyResourceType, "AWS::DynamoDB::Table"), "[CreateTable]"},
		{"ResourceName", by(types.LookupAttributeKeyResourceName, "models"), "[CreateTable]"},
		{"EventSource", by(types.LookupAttributeKeyEventSource, "sts.amazonaws.com"), "[AssumeRole]"},
		{"AccessKeyId", by(types.LookupAttributeKeyAccessKeyId, "AKIAann"), "[CreateTable]"},
		{"an id that is none", by(types.LookupAttributeKeyEventId, "x"), "[]"},
		{"from", sdk.LookupEventsInput{StartTime: new(noon.Add(time.Second))}, "[AssumeRole]"},
		{"to", sdk.LookupEventsInput{EndTime: new(noon)}, "[CreateTable]"},
	} {
		if got, _ := lookup(c.in); fmt.Sprint(got) != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}

	var full struct {
		EventVersion, EventSource, EventID, AwsRegion, SourceIPAddress, RecipientAccountId string
		UserIdentity                                                                       struct {
			Type, Arn      string
			SessionContext struct {
				SessionIssuer struct{ Type, PrincipalId, Arn, UserName string }
			}
		}
		ManagementEvent bool
	}
	if err := json.Unmarshal([]byte(*events[0].CloudTrailEvent), &full); err != nil {
		t.Fatal(err)
	}
	if i := full.UserIdentity.SessionContext.SessionIssuer; full.EventVersion != "1.11" || full.EventID != *events[0].EventId || full.UserIdentity.Type != "AssumedRole" ||
		i.Type != "Role" || i.PrincipalId != "AROAX" || i.UserName != "ops" || full.SourceIPAddress != "192.0.2.7" || full.RecipientAccountId != here || !full.ManagementEvent {
		t.Errorf("%+v", full)
	}

	for _, c := range []struct {
		in   sdk.LookupEventsInput
		code string
	}{
		{sdk.LookupEventsInput{NextToken: new("x")}, "InvalidNextTokenException"},
		{sdk.LookupEventsInput{MaxResults: new(int32(51))}, ""},
		{sdk.LookupEventsInput{StartTime: new(noon), EndTime: new(noon.Add(-time.Second))}, "InvalidTimeRangeException"},
		{sdk.LookupEventsInput{LookupAttributes: append(by("EventId", "a").LookupAttributes, by("EventId", "b").LookupAttributes...)}, "InvalidLookupAttributesException"},
	} {
		_, err := client.LookupEvents(t.Context(), &c.in)
		e, ok := errors.AsType[smithy.APIError](err)
		if !ok || c.code != "" && !strings.Contains(e.ErrorCode(), c.code) {
			t.Errorf("%v, want %s", err, c.code)
		}
	}
	if _, err := trailOf(t, store, "").LookupEvents(t.Context(), &sdk.LookupEventsInput{}); err == nil {
		t.Error("a caller without permission was answered")
	}
}

// TestTrailTokens uses tokens where they were not made for.
func TestTrailTokens(t *testing.T) {
	t.Parallel()
	store := open(t)
	for _, account := range []string{here, there} {
		for range 3 {
			record(t, store, request(account, "ann", "iam", "CreateUser", noon), audit.Event{})
		}
	}
	mine, theirs := trailOf(t, store, here), trailOf(t, store, there)
	first, err := mine.LookupEvents(t.Context(), &sdk.LookupEventsInput{MaxResults: new(int32(1))})
	if err != nil || first.NextToken == nil {
		t.Fatal(first, err)
	}
	if _, err := mine.LookupEvents(t.Context(), &sdk.LookupEventsInput{NextToken: first.NextToken}); err != nil {
		t.Error(err)
	}
	other := []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: new("CreateUser")}}
	for what, err := range map[string]error{
		"another account":  second(theirs.LookupEvents(t.Context(), &sdk.LookupEventsInput{NextToken: first.NextToken})),
		"another question": second(mine.LookupEvents(t.Context(), &sdk.LookupEventsInput{NextToken: first.NextToken, LookupAttributes: other})),
	} {
		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "InvalidNextTokenException" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
