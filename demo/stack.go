package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"
)

// deploy makes a stack, or updates the one that there is, waits until it is done, and returns
// its outputs. One that an earlier run was busy with is waited for first, and one that never
// came to be is made anew.
func deploy(ctx context.Context, client *cloudformation.Client, name, template string, parameters map[string]string) (map[string]string, error) {
	began := time.Now()
	was, err := settled(ctx, client, name)
	if err != nil {
		return nil, err
	}
	if was != nil && slices.Contains([]types.StackStatus{types.StackStatusRollbackComplete, types.StackStatusRollbackFailed, types.StackStatusCreateFailed, types.StackStatusDeleteFailed}, was.StackStatus) {
		say("the stack %s of an earlier run is %s: deleted first", name, was.StackStatus)
		if _, err := client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
			return nil, err
		}
		if was, err = settled(ctx, client, name); err != nil {
			return nil, err
		}
	}
	var given []types.Parameter
	for key, value := range parameters {
		given = append(given, types.Parameter{ParameterKey: &key, ParameterValue: &value})
	}
	may := []types.Capability{types.CapabilityCapabilityNamedIam}
	what := "made"
	if was == nil {
		_, err = client.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: &name, TemplateURL: &template, Parameters: given, Capabilities: may})
	} else {
		what = "updated"
		_, err = client.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: &name, TemplateURL: &template, Parameters: given, Capabilities: may})
		if isCode(err, "ValidationError") && strings.Contains(err.Error(), "No updates are to be performed") {
			what, err = "as it is to be already", nil
		}
	}
	if err != nil {
		return nil, err
	}
	is, err := settled(ctx, client, name)
	if err != nil {
		return nil, err
	}
	if is == nil || is.StackStatus != types.StackStatusCreateComplete && is.StackStatus != types.StackStatusUpdateComplete {
		return nil, fmt.Errorf("the stack %s could not be %s: %w", name, what, whyFailed(ctx, client, name))
	}
	say("the stack %s: %s, in %v", name, what, time.Since(began).Round(time.Millisecond))
	outputs := map[string]string{}
	for _, o := range is.Outputs {
		outputs[*o.OutputKey] = *o.OutputValue
	}
	return outputs, nil
}

// settled waits until nothing happens to a stack any more; nil is none.
func settled(ctx context.Context, client *cloudformation.Client, name string) (*types.Stack, error) {
	for {
		out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
		if isCode(err, "ValidationError") && strings.Contains(err.Error(), "does not exist") {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if st := &out.Stacks[0]; !strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS") {
			return st, nil
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// whyFailed finds what failed first in a stack, or in a stack within it.
func whyFailed(ctx context.Context, client *cloudformation.Client, name string) error {
	out, err := client.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: &name})
	if err != nil {
		return err
	}
	why := errors.New("its events do not say why")
	for _, e := range out.StackEvents { // the newest first
		if !strings.HasSuffix(string(e.ResourceStatus), "_FAILED") || e.ResourceStatusReason == nil || strings.HasSuffix(*e.ResourceStatusReason, "cancelled") {
			continue
		}
		why = fmt.Errorf("%s: %s", *e.LogicalResourceId, *e.ResourceStatusReason)
		if e.ResourceType != nil && *e.ResourceType == "AWS::CloudFormation::Stack" && e.PhysicalResourceId != nil && *e.PhysicalResourceId != *e.StackId {
			why = whyFailed(ctx, client, *e.PhysicalResourceId)
		}
	}
	return why
}

// pause waits a moment before something is looked at again.
func pause(ctx context.Context) error { return sleepUntil(ctx, time.Now().Add(20*time.Millisecond)) }

func sleepUntil(ctx context.Context, t time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(t)):
		return nil
	}
}

func isCode(err error, code string) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && e.ErrorCode() == code
}
