package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/modelwharf/modelwharf/internal/audit"
)

const (
	alreadyEnabled  = "TimeToLive is already enabled"
	alreadyDisabled = "TimeToLive is already disabled"
	otherAttribute  = "TimeToLive is active on a different AttributeName: current AttributeName is expires"
	tooOften        = "Time to live has been modified multiple times within a fixed interval"
)

// TestTimeToLiveStates asks for everything in every state.
func TestTimeToLiveStates(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		refused := func(enable bool, attribute, message string) {
			t.Helper()
			if err := e.ask(enable, attribute); err == nil || err.Error() != validation+": "+message {
				t.Errorf("enable %v of %s in state %s: got %v, want %s", enable, attribute, e.describe(), err, message)
			}
		}
		e.want("at first", e.describe(), "DISABLED")
		refused(false, "expires", alreadyDisabled)

		if err := e.ask(true, "expires"); err != nil {
			t.Fatal(err)
		}
		for _, state := range []string{"ENABLING expires", "ENABLED expires"} {
			e.want("after it was enabled", e.describe(), state)
			refused(true, "expires", alreadyEnabled)
			refused(true, "other", otherAttribute)
			refused(false, "other", otherAttribute)
			refused(false, "expires", tooOften)
			e.settle()
		}
		time.Sleep(time.Hour - time.Second)
		refused(false, "expires", tooOften)
		time.Sleep(time.Second)
		refused(true, "expires", alreadyEnabled)
		if err := e.ask(false, "expires"); err != nil {
			t.Fatal(err)
		}
		for _, state := range []string{"DISABLING expires", "DISABLED"} {
			e.want("after it was disabled", e.describe(), state)
			refused(false, "expires", alreadyDisabled)
			refused(true, "expires", tooOften)
			refused(true, "other", tooOften)
			e.settle()
		}
		time.Sleep(time.Hour)
		e.set(true, "other")
		e.want("after it was enabled again", e.describe(), "ENABLED other")
	})
}

// TestTimeToLiveRequests has what the wire, policy and the audit log have to do
// with it.
func TestTimeToLiveRequests(t *testing.T) {
	t.Parallel()
	f := start(t)
	ctx := t.Context()
	table := aws.String(hashTable(t, f.client))
	update := func(c *sdk.Client, table, attribute string) (*sdk.UpdateTimeToLiveOutput, error) {
		return c.UpdateTimeToLive(ctx, &sdk.UpdateTimeToLiveInput{TableName: &table,
			TimeToLiveSpecification: &types.TimeToLiveSpecification{Enabled: aws.Bool(true), AttributeName: &attribute}})
	}
	for attribute, message := range map[string]string{
		"":                       "Member must have length greater than or equal to 1",
		strings.Repeat("x", 256): "Member must have length less than or equal to 255",
	} {
		_, err := update(f.client, *table, attribute)
		wantError(t, err, validation, fmt.Sprintf("1 validation error detected: Value '%s' at 'timeToLiveSpecification.attributeName' failed to satisfy constraint: %s", attribute, message))
	}
	_, err := update(f.client, "absent", "expires")
	wantError(t, err, "ResourceNotFoundException", "Requested resource not found: Table: absent not found")
	_, err = f.client.DescribeTimeToLive(ctx, &sdk.DescribeTimeToLiveInput{TableName: aws.String("absent")})
	wantError(t, err, "ResourceNotFoundException", "Requested resource not found: Table: absent not found")

	reader := f.user(t, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:DescribeTimeToLive","dynamodb:UpdateTable"],"Resource":"*"}]}`)
	_, err = update(reader, *table, "expires")
	wantDenied(t, err)
	if _, err := reader.DescribeTimeToLive(ctx, &sdk.DescribeTimeToLiveInput{TableName: table}); err != nil {
		t.Error(err)
	}

	out, err := update(f.client, "arn:aws:dynamodb:us-east-1:"+account+":table/"+*table, strings.Repeat("x", 255))
	if err != nil {
		t.Fatal(err)
	}
	if spec := out.TimeToLiveSpecification; !*spec.Enabled || len(*spec.AttributeName) != 255 {
		t.Errorf("answered %v", spec)
	}
	found, err := audit.Search(ctx, f.store, audit.Query{Account: account, Action: "dynamodb:UpdateTimeToLive"})
	if err != nil || len(found.Events) != 1 || !strings.Contains(string(found.Events[0].Parameters), `"Enabled":true`) {
		t.Errorf("recorded %v, %v", found, err)
	}
}
