package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// followerName is the function's, and its role's.
const followerName = "model-catalog-follower"

// follower is a small function that the server calls with what changes in the
// catalog. It lives in the demo's own process.
type follower struct {
	lambda  *lambda.Client
	server  *http.Server
	mapping string // the id of what connects the stream to it

	mu      sync.Mutex
	changes []change
	more    chan struct{} // closed and made again with each batch
}

// change is what an event says of one, as far as the demo looks at it.
type change struct {
	Name   string `json:"eventName"` // INSERT, MODIFY or REMOVE
	Record struct {
		Keys map[string]struct{ S string }
	} `json:"dynamodb"`
}

// ServeHTTP is the function.
func (f *follower) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var event struct{ Records []change }
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, event.Records...)
	close(f.more)
	f.more = make(chan struct{})
}

// follow registers the function and has it called with the changes of the catalog from
// now on.
func follow(ctx context.Context, cfg aws.Config, db *dynamodb.Client) (f *follower, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f = &follower{lambda: lambda.NewFromConfig(cfg), more: make(chan struct{})}
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	go f.server.Serve(listener)
	defer func() {
		if err != nil {
			f.server.Close()
		}
	}()

	role, err := makeRole(ctx, iam.NewFromConfig(cfg))
	if err != nil {
		return nil, err
	}
	if err := f.forget(ctx); err != nil { // of an earlier run
		return nil, err
	}
	url := "http://" + listener.Addr().String() + "/"
	if _, err := f.lambda.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: new(followerName), Role: &role,
		PackageType: types.PackageTypeImage, Code: &types.FunctionCode{ImageUri: &url},
	}); err != nil {
		return nil, err
	}
	table, err := db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: new(catalogTable)})
	if err != nil {
		return nil, err
	}
	if table.Table.LatestStreamArn == nil {
		return nil, fmt.Errorf("%s was made without a stream, by an earlier version of the demo: remove its data folder", catalogTable)
	}
	made, err := f.lambda.CreateEventSourceMapping(ctx, &lambda.CreateEventSourceMappingInput{
		FunctionName: new(followerName), EventSourceArn: table.Table.LatestStreamArn,
		StartingPosition: types.EventSourcePositionLatest,
	})
	if err != nil {
		return nil, err
	}
	f.mapping = *made.UUID
	for state := *made.State; state != "Enabled"; {
		if err := sleepUntil(ctx, time.Now().Add(20*time.Millisecond)); err != nil {
			return nil, fmt.Errorf("the stream's mapping is %s: %w", state, err)
		}
		out, err := f.lambda.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &f.mapping})
		if err != nil {
			return nil, err
		}
		state = *out.State
	}
	say("changes of %s go to the function %s", catalogTable, followerName)
	return f, nil
}

// saw waits until the function was told of a change of a row.
func (f *follower) saw(ctx context.Context, name, modelID, version string) error {
	for {
		f.mu.Lock()
		for _, c := range f.changes {
			if c.Name == name && c.Record.Keys["ModelId"].S == modelID && c.Record.Keys["ModelVersion"].S == version {
				f.mu.Unlock()
				return nil
			}
		}
		more := f.more
		f.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return fmt.Errorf("the function was not told of the %s of %s %s: %w", name, modelID, version, ctx.Err())
		}
	}
}

// count returns how many changes the function was told of.
func (f *follower) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.changes)
}

// close takes the function away, which ends with the demo's process.
func (f *follower) close(ctx context.Context) error {
	return errors.Join(f.forget(ctx), f.server.Close())
}

// forget deletes the function and what connects the stream to it.
func (f *follower) forget(ctx context.Context) error {
	found, err := f.lambda.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{FunctionName: new(followerName)})
	if err != nil && !absent(err) {
		return err
	}
	if found != nil {
		for _, m := range found.EventSourceMappings {
			if _, err := f.lambda.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: m.UUID}); err != nil && !absent(err) {
				return err
			}
		}
	}
	_, err = f.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: new(followerName)})
	if absent(err) {
		return nil
	}
	return err
}

func absent(err error) bool {
	_, is := errors.AsType[*types.ResourceNotFoundException](err)
	return is
}

// makeRole makes the role under which the function's events are read from the stream,
// and returns its ARN.
func makeRole(ctx context.Context, c *iam.Client) (string, error) {
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	const rights = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":
		["dynamodb:DescribeStream","dynamodb:GetRecords","dynamodb:GetShardIterator","dynamodb:ListStreams"]}]}`
	_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new(followerName), AssumeRolePolicyDocument: new(trust)})
	if _, exists := errors.AsType[*iamtypes.EntityAlreadyExistsException](err); err != nil && !exists {
		return "", err
	}
	if _, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: new(followerName), PolicyName: new("read-streams"), PolicyDocument: new(rights),
	}); err != nil {
		return "", err
	}
	out, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: new(followerName)})
	if err != nil {
		return "", err
	}
	return *out.Role.Arn, nil
}

// promote makes a version the one that is live, by an alias in the catalog, and waits
// until the function was told of it.
func promote(ctx context.Context, db *dynamodb.Client, f *follower, best *modelVersion) error {
	const alias = "alias#" + modelID
	began := time.Now()
	out, err := db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: new(catalogTable),
		Key: map[string]ddb.AttributeValue{
			"ModelId": &ddb.AttributeValueMemberS{Value: alias}, "ModelVersion": &ddb.AttributeValueMemberS{Value: "champion"},
		},
		UpdateExpression: new("SET Points = :version, Since = :now ADD Promotions :one"),
		ExpressionAttributeValues: map[string]ddb.AttributeValue{
			":version": &ddb.AttributeValueMemberS{Value: best.ModelVersion},
			":now":     &ddb.AttributeValueMemberS{Value: time.Now().UTC().Format(time.RFC3339Nano)},
			":one":     &ddb.AttributeValueMemberN{Value: "1"},
		},
		ReturnValues: ddb.ReturnValueAllOld,
	})
	if err != nil {
		return err
	}
	name := "INSERT"
	if len(out.Attributes) > 0 {
		name = "MODIFY"
	}
	if err := f.saw(ctx, name, alias, "champion"); err != nil {
		return err
	}
	say("champion is now %s; written and told to the function within %v, as one of %d changes",
		best.ModelVersion, time.Since(began).Round(10*time.Microsecond), f.count())
	return nil
}
