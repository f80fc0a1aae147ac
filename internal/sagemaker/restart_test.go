package sagemaker_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	ask "github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/folder"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// An endpoint comes back when the server does, also one that was being updated, and what its
// cache has is still good.
func TestEndpointsComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve("e", "1", cached...)
	w.serveToo("f", "1")
	first, err := w.predict(&ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("a")})
	w.must(err)
	w.model("m-2", "2")
	w.config("c-2", variantOf("all", "m-2", 1, 1))
	w.hosts.set(func(env map[string]string) (http.Handler, error) {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) }), nil
	})
	_, err = w.models.UpdateEndpoint(t.Context(), &sdk.UpdateEndpointInput{EndpointName: new("f"), EndpointConfigName: new("c-2")})
	w.must(err)
	data := w.Data
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(w.hosts.all()); n != 0 {
		t.Errorf("%d containers run on", n)
	}
	var calls atomic.Int64
	w.hosts.set(counting(&calls))
	w.Server = servertest.Start(t, func(c *server.Config) {
		c.Data, c.Containers, c.RootKey = filepath.Clean(data), w.hosts, folder.AccessKey{ID: servertest.AccessKeyID, Secret: servertest.Secret}
	})
	w.models, w.runtime = sdk.NewFromConfig(w.AWS()), ask.NewFromConfig(w.AWS())
	again, err := w.predict(&ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("a")})
	w.must(err)
	if first.cache != "miss" || again.cache != "hit" || string(again.Body) != "a from 1" || calls.Load() != 0 {
		t.Errorf("%s, then %s: %s after %d calls", first.cache, again.cache, again.Body, calls.Load())
	}
	if got := w.ask("e", "b"); got != "b from 1" {
		t.Error(got)
	}
	w.settled("f", types.EndpointStatusInService)
	if got := w.ask("f", "b"); got != "b from 2" {
		t.Error(got)
	}
}

// serveToo makes another endpoint of what serve made.
func (w *world) serveToo(endpoint, tag string) {
	w.Helper()
	_, err := w.models.CreateEndpoint(w.Context(), &sdk.CreateEndpointInput{EndpointName: &endpoint, EndpointConfigName: new("c-" + tag)})
	w.must(err)
	w.settled(endpoint, types.EndpointStatusInService)
}

const modelTemplate = `
Parameters: {Image: {Type: String}}
Resources:
  Model: {Type: "AWS::SageMaker::Model", Properties: {ExecutionRoleArn: "` + role + `", PrimaryContainer: {Image: !Ref Image}}}
  Config:
    Type: AWS::SageMaker::EndpointConfig
    Properties: {ProductionVariants: [{VariantName: all, ModelName: !GetAtt Model.ModelName, InstanceType: ml.t2.medium, InitialInstanceCount: 1, InitialVariantWeight: 1}]}
  Endpoint:
    Type: AWS::SageMaker::Endpoint
    Properties: {EndpointName: stacked, EndpointConfigName: !GetAtt Config.EndpointConfigName, Tags: [{Key: team, Value: flowers}]}
  Group: {Type: "AWS::SageMaker::ModelPackageGroup", Properties: {ModelPackageGroupName: irises}}
Outputs: {Name: {Value: !GetAtt Endpoint.EndpointName}, Endpoint: {Value: !Ref Endpoint}}
`

// A stack makes an endpoint that answers, replaces its model in place, rolls back a model that
// does not answer, and leaves nothing.
func TestEndpointInAStack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stacks := cloudformation.NewFromConfig(w.AWS())
	image := func(tag string) []cfn.Parameter {
		return []cfn.Parameter{{ParameterKey: new("Image"), ParameterValue: new(w.image(tag))}}
	}
	settled := func(want cfn.StackStatus) {
		t.Helper()
		for {
			out, err := stacks.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: new("models")})
			if err != nil && want == cfn.StackStatusDeleteComplete {
				return
			}
			w.must(err)
			switch st := out.Stacks[0].StackStatus; {
			case st == want:
				return
			case !strings.HasSuffix(string(st), "_IN_PROGRESS"):
				events, _ := stacks.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: new("models")})
				for _, e := range events.StackEvents {
					if e.ResourceStatusReason != nil {
						t.Log(*e.LogicalResourceId, e.ResourceStatus, *e.ResourceStatusReason)
					}
				}
				t.Fatalf("the stack is %s", st)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	_, err := stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: new("models"), TemplateBody: new(modelTemplate), Parameters: image("1")})
	w.must(err)
	settled(cfn.StackStatusCreateComplete)
	if got := w.ask("stacked", "x"); got != "x from 1" {
		t.Error(got)
	}
	_, err = stacks.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: new("models"), TemplateBody: new(modelTemplate), Parameters: image("2")})
	w.must(err)
	settled(cfn.StackStatusUpdateComplete)
	if got := w.ask("stacked", "x"); got != "x from 2" {
		t.Error(got)
	}
	broken := strings.Replace(modelTemplate, "InitialVariantWeight: 1}", "InitialVariantWeight: 1, ContainerStartupHealthCheckTimeoutInSeconds: 60}", 1)
	w.push("3", "VERSION=3")
	w.hosts.set(func(env map[string]string) (http.Handler, error) {
		if env["VERSION"] == "3" {
			return nil, errors.New("there is no model")
		}
		return version(env)
	})
	_, err = stacks.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: new("models"), TemplateBody: &broken, Parameters: image("3")})
	w.must(err)
	settled(cfn.StackStatusUpdateRollbackComplete)
	if got := w.ask("stacked", "x"); got != "x from 2" {
		t.Error(got)
	}
	_, err = stacks.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: new("models")})
	w.must(err)
	settled(cfn.StackStatusDeleteComplete)
	w.gone("stacked")
	models, err := w.models.ListModels(t.Context(), &sdk.ListModelsInput{})
	w.must(err)
	configs, err := w.models.ListEndpointConfigs(t.Context(), &sdk.ListEndpointConfigsInput{})
	w.must(err)
	groups, err := w.models.ListModelPackageGroups(t.Context(), &sdk.ListModelPackageGroupsInput{})
	w.must(err)
	if n := len(models.Models) + len(configs.EndpointConfigs) + len(groups.ModelPackageGroupSummaryList) + len(w.hosts.all()); n != 0 {
		t.Errorf("%d things are left", n)
	}
}
