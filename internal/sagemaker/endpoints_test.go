package sagemaker_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	ask "github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/folder"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// An endpoint answers as long as there is one, and is described.
func TestEndpointServes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve("Irises", "1")
	if got := w.ask("Irises", "what"); got != "what from 1" {
		t.Fatal(got)
	}
	d := w.settled("Irises", types.EndpointStatusInService)
	v := d.ProductionVariants[0]
	if *d.EndpointConfigName != "c-1" || *v.CurrentInstanceCount != 1 || *v.CurrentWeight != 1 || !strings.Contains(*v.DeployedImages[0].ResolvedImage, "@sha256:") {
		t.Errorf("%+v", v)
	}
	_, err := w.models.CreateEndpoint(t.Context(), &sdk.CreateEndpointInput{EndpointName: new("irises"), EndpointConfigName: new("c-1")})
	w.refused(err, "ValidationException", "Cannot create already existing endpoint")
	_, err = w.runtime.InvokeEndpoint(t.Context(), &ask.InvokeEndpointInput{EndpointName: new("irises"), Body: []byte("x")})
	w.refused(err, "ValidationError", "Endpoint irises of account 000000000000 not found.")
	_, err = w.models.DeleteEndpoint(t.Context(), &sdk.DeleteEndpointInput{EndpointName: new("Irises")})
	w.must(err)
	w.gone("Irises")
	if n := len(w.hosts.all()); n != 0 {
		t.Errorf("%d containers run", n)
	}
	_, err = w.runtime.InvokeEndpoint(t.Context(), &ask.InvokeEndpointInput{EndpointName: new("Irises"), Body: []byte("x")})
	w.refused(err, "ValidationError", "not found")
}

// What a tag names later changes nothing of a model.
func TestModelsKeepTheirImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.model("m-1", "1")
	w.push("1", "VERSION=other")
	w.config("c-1", variantOf("all", "m-1", 1, 1))
	_, err := w.models.CreateEndpoint(t.Context(), &sdk.CreateEndpointInput{EndpointName: new("e"), EndpointConfigName: new("c-1")})
	w.must(err)
	w.settled("e", types.EndpointStatusInService)
	if got := w.ask("e", "what"); got != "what from 1" {
		t.Error(got)
	}
}

// A model says what is wrong with it.
func TestModelsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	identities := iam.NewFromConfig(w.AWS())
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	_, err := identities.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("poor"), AssumeRolePolicyDocument: &trust})
	w.must(err)
	other := strings.Replace(trust, "sagemaker", "lambda", 1)
	_, err = identities.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("foreign"), AssumeRolePolicyDocument: &other})
	w.must(err)
	arn := func(name string) *string { return new("arn:aws:iam::000000000000:role/" + name) }
	for _, c := range []struct {
		in   sdk.CreateModelInput
		want string
	}{
		{sdk.CreateModelInput{ExecutionRoleArn: arn("models"), PrimaryContainer: &types.ContainerDefinition{Image: new(w.image("absent"))}}, "Requested image"},
		{sdk.CreateModelInput{ExecutionRoleArn: arn("models"), PrimaryContainer: &types.ContainerDefinition{Image: new("just/a-name")}}, "Invalid image URI"},
		{sdk.CreateModelInput{ExecutionRoleArn: arn("poor"), PrimaryContainer: &types.ContainerDefinition{Image: new(w.image("1"))}}, "Access denied for repository: team/model"},
		{sdk.CreateModelInput{ExecutionRoleArn: arn("foreign"), PrimaryContainer: &types.ContainerDefinition{Image: new(w.image("1"))}}, "Could not assume role"},
		{sdk.CreateModelInput{ExecutionRoleArn: arn("absent"), PrimaryContainer: &types.ContainerDefinition{Image: new(w.image("1"))}}, "Could not assume role"},
		{sdk.CreateModelInput{ExecutionRoleArn: arn("models"), PrimaryContainer: &types.ContainerDefinition{Image: new(w.image("1")), ModelDataUrl: new("s3://absent/model.tar.gz")}}, "Could not access model data"},
		{sdk.CreateModelInput{ExecutionRoleArn: arn("models")}, "Either PrimaryContainer or Containers"},
		{sdk.CreateModelInput{PrimaryContainer: &types.ContainerDefinition{Image: new(w.image("1"))}}, "ExecutionRoleArn"},
		{sdk.CreateModelInput{ExecutionRoleArn: arn("models"), PrimaryContainer: &types.ContainerDefinition{Image: new(w.image("1")), Mode: types.ContainerModeMultiModel}}, "MultiModel"},
	} {
		c.in.ModelName = new("m")
		_, err := w.models.CreateModel(ctx, &c.in)
		w.refused(err, "ValidationException", c.want)
	}
}

// An update lets the endpoint answer from the old containers until the new ones answer.
func TestUpdateIsBlueGreen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve("e", "1")
	w.model("m-2", "2")
	w.config("c-2", variantOf("all", "m-2", 1, 1))
	ready := make(chan struct{})
	w.hosts.set(func(env map[string]string) (http.Handler, error) {
		h, err := version(env)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/ping" {
				select {
				case <-ready:
				default:
					rw.WriteHeader(http.StatusServiceUnavailable)
				}
			}
			h.ServeHTTP(rw, r)
		}), err
	})
	_, err := w.models.UpdateEndpoint(t.Context(), &sdk.UpdateEndpointInput{EndpointName: new("e"), EndpointConfigName: new("c-2")})
	w.must(err)
	d, err := w.models.DescribeEndpoint(t.Context(), &sdk.DescribeEndpointInput{EndpointName: new("e")})
	w.must(err)
	if d.EndpointStatus != types.EndpointStatusUpdating || *d.EndpointConfigName != "c-1" || *d.PendingDeploymentSummary.EndpointConfigName != "c-2" {
		t.Errorf("%s %s %+v", d.EndpointStatus, *d.EndpointConfigName, d.PendingDeploymentSummary)
	}
	_, err = w.models.UpdateEndpoint(t.Context(), &sdk.UpdateEndpointInput{EndpointName: new("e"), EndpointConfigName: new("c-1")})
	w.refused(err, "ValidationException", "Cannot update in-progress endpoint")
	for range 10 {
		if got := w.ask("e", "what"); got != "what from 1" {
			t.Fatal(got)
		}
	}
	close(ready)
	w.settled("e", types.EndpointStatusInService)
	if got := w.ask("e", "what"); got != "what from 2" {
		t.Fatal(got)
	}
}

// An update whose containers do not answer leaves the old ones serving, and says why.
func TestFailedUpdateRollsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve("e", "1")
	w.model("m-2", "2")
	w.config("c-2", variantOf("all", "m-2", 1, 1))
	w.hosts.set(func(map[string]string) (http.Handler, error) { return nil, errors.New("there is no GPU") })
	_, err := w.models.UpdateEndpoint(t.Context(), &sdk.UpdateEndpointInput{EndpointName: new("e"), EndpointConfigName: new("c-2")})
	w.must(err)
	d := w.settled("e", types.EndpointStatusInService)
	if *d.EndpointConfigName != "c-1" || !strings.Contains(*d.FailureReason, "did not pass the ping health check") || !strings.Contains(*d.FailureReason, "there is no GPU") {
		t.Errorf("%s %s", *d.EndpointConfigName, *d.FailureReason)
	}
	if got := w.ask("e", "what"); got != "what from 1" {
		t.Fatal(got)
	}
	if n := len(w.hosts.all()); n != 1 {
		t.Errorf("%d containers run", n)
	}
}

// A new endpoint whose containers do not answer is Failed, and can be updated or deleted.
func TestFailedEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hosts.set(func(map[string]string) (http.Handler, error) { return nil, errors.New("no such file") })
	w.model("m-1", "1")
	w.config("c-1", variantOf("all", "m-1", 1, 1))
	_, err := w.models.CreateEndpoint(t.Context(), &sdk.CreateEndpointInput{EndpointName: new("e"), EndpointConfigName: new("c-1")})
	w.must(err)
	d := w.settled("e", types.EndpointStatusFailed)
	if !strings.Contains(*d.FailureReason, "no such file") {
		t.Error(*d.FailureReason)
	}
	_, err = w.runtime.InvokeEndpoint(t.Context(), &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("x")})
	w.refused(err, "ValidationError", "not found")
	w.hosts.set(version)
	_, err = w.models.UpdateEndpoint(t.Context(), &sdk.UpdateEndpointInput{EndpointName: new("e"), EndpointConfigName: new("c-1")})
	w.must(err)
	w.settled("e", types.EndpointStatusInService)
	if got := w.ask("e", "what"); got != "what from 1" {
		t.Fatal(got)
	}
}

// A container that dies is started again.
func TestDeadContainersAreStartedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve("e", "1")
	for range 3 {
		for _, c := range w.hosts.all() {
			c.end(nil)
		}
		if got := w.ask("e", "what"); got != "what from 1" {
			t.Fatal(got)
		}
	}
}

// Variants answer by their weights, and the one that answered is named; one that is asked for
// answers always.
func TestWeights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.model("m-1", "1")
	w.model("m-2", "2")
	w.config("both", variantOf("blue", "m-1", 3, 1), variantOf("green", "m-2", 1, 2))
	_, err := w.models.CreateEndpoint(t.Context(), &sdk.CreateEndpointInput{EndpointName: new("e"), EndpointConfigName: new("both")})
	w.must(err)
	w.settled("e", types.EndpointStatusInService)
	count := func(target *string) map[string]int {
		n := map[string]int{}
		for range 400 {
			out, err := w.runtime.InvokeEndpoint(t.Context(), &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("x"), TargetVariant: target})
			w.must(err)
			if want := map[string]string{"blue": "x from 1", "green": "x from 2"}[*out.InvokedProductionVariant]; string(out.Body) != want {
				t.Fatalf("%s answered %s", *out.InvokedProductionVariant, out.Body)
			}
			n[*out.InvokedProductionVariant]++
		}
		return n
	}
	if n := count(nil); n["blue"] < 240 || n["blue"] > 360 {
		t.Error(n)
	}
	if n := count(new("green")); n["green"] != 400 {
		t.Error(n)
	}
	_, err = w.models.UpdateEndpointWeightsAndCapacities(t.Context(), &sdk.UpdateEndpointWeightsAndCapacitiesInput{
		EndpointName: new("e"), DesiredWeightsAndCapacities: []types.DesiredWeightAndCapacity{
			{VariantName: new("blue"), DesiredWeight: aws.Float32(0)}, {VariantName: new("green"), DesiredInstanceCount: new(int32(1))},
		},
	})
	w.must(err)
	d := w.settled("e", types.EndpointStatusInService)
	if n := count(nil); n["green"] != 400 {
		t.Error(n)
	}
	for _, v := range d.ProductionVariants {
		if *v.VariantName == "green" && *v.CurrentInstanceCount != 1 {
			t.Errorf("%d instances", *v.CurrentInstanceCount)
		}
	}
	_, err = w.runtime.InvokeEndpoint(t.Context(), &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("x"), TargetVariant: new("red")})
	w.refused(err, "ValidationError", "Variant red does not exist")
}

// Under 64 clients an update fails no prediction, and nothing of the old version is answered
// after it.
func TestUpdateUnderClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve("e", "1")
	w.model("m-2", "2")
	w.config("c-2", variantOf("all", "m-2", 1, 2))
	var clients sync.WaitGroup
	updated, stop := make(chan struct{}), make(chan struct{})
	for range 64 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				after := false
				select {
				case <-updated:
					after = true
				default:
				}
				out, err := w.runtime.InvokeEndpoint(t.Context(), &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("x")})
				if err != nil {
					t.Error(err)
					return
				}
				if after && string(out.Body) != "x from 2" {
					t.Errorf("%s, after the update", out.Body)
					return
				}
			}
		})
	}
	_, err := w.models.UpdateEndpoint(t.Context(), &sdk.UpdateEndpointInput{EndpointName: new("e"), EndpointConfigName: new("c-2")})
	w.must(err)
	w.settled("e", types.EndpointStatusInService)
	close(updated)
	time.Sleep(100 * time.Millisecond)
	close(stop)
	clients.Wait()
}

// There are no more endpoints, nor instances of one, than the quotas say.
func TestQuotas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *server.Config) { c.Quotas = []string{"sagemaker-endpoints=1", "sagemaker-instances=2"} })
	w.model("m-1", "1")
	w.config("many", variantOf("all", "m-1", 1, 3))
	_, err := w.models.CreateEndpoint(t.Context(), &sdk.CreateEndpointInput{EndpointName: new("e"), EndpointConfigName: new("many")})
	w.refused(err, "ResourceLimitExceeded", "sagemaker-instances")
	w.config("few", variantOf("all", "m-1", 1, 2))
	_, err = w.models.CreateEndpoint(t.Context(), &sdk.CreateEndpointInput{EndpointName: new("e"), EndpointConfigName: new("few")})
	w.must(err)
	w.settled("e", types.EndpointStatusInService)
	_, err = w.models.CreateEndpoint(t.Context(), &sdk.CreateEndpointInput{EndpointName: new("f"), EndpointConfigName: new("few")})
	w.refused(err, "ResourceLimitExceeded", "sagemaker-endpoints")
	_, err = w.models.UpdateEndpointWeightsAndCapacities(t.Context(), &sdk.UpdateEndpointWeightsAndCapacitiesInput{
		EndpointName: new("e"), DesiredWeightsAndCapacities: []types.DesiredWeightAndCapacity{{VariantName: new("all"), DesiredInstanceCount: new(int32(3))}},
	})
	w.refused(err, "ResourceLimitExceeded", "sagemaker-instances")
}

// A server that runs no models says so, and what it had can be deleted.
func TestNoRuntime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve("e", "1")
	data := w.Data
	w.must(w.Stop())
	w.Server = servertest.Start(t, func(c *server.Config) {
		c.Data, c.RootKey = data, folder.AccessKey{ID: servertest.AccessKeyID, Secret: servertest.Secret}
	})
	w.models, w.runtime = sdk.NewFromConfig(w.AWS()), ask.NewFromConfig(w.AWS())
	_, err := w.models.CreateEndpoint(t.Context(), &sdk.CreateEndpointInput{EndpointName: new("f"), EndpointConfigName: new("c-1")})
	w.refused(err, "ValidationException", "This server has nothing to run models with (--runtime none)")
	_, err = w.runtime.InvokeEndpoint(t.Context(), &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("x")})
	w.refused(err, "ModelNotReadyException", "not ready")
	_, err = w.models.DeleteEndpoint(t.Context(), &sdk.DeleteEndpointInput{EndpointName: new("e")})
	w.must(err)
	w.gone("e")
}
