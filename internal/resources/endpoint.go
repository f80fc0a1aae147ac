package resources

import (
	"context"
	"errors"

	"github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
)

// endpoint is AWS::SageMaker::Endpoint.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-endpoint.html
func endpoint(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::SageMaker::Endpoint", NamedBy: "EndpointName",
		Properties: properties("EndpointName*", "EndpointConfigName!", "DeploymentConfig", "ExcludeRetainedVariantProperties",
			"RetainAllVariantProperties", "RetainDeploymentConfig", "Tags"),
		Attributes: []string{"EndpointName", "EndpointArn", "Id"},
		Handler:    endpoints{served{s}},
	}
}

type endpoints struct{ served }

func (h endpoints) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &sagemaker.CreateEndpointInput{}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	in.EndpointName = servedName(r, "EndpointName")
	tags, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	in.Tags = pairs(tags, sagemakerTag)
	out, err := ask[sagemaker.CreateEndpointOutput](ctx, h.service, "CreateEndpoint", in)
	switch {
	case err == nil:
		made = madeEndpoint(*out.EndpointArn, *in.EndpointName)
	case r.Retry && h.says(err, "Cannot create already existing endpoint"):
		d, missing := h.describe(ctx, in.EndpointName)
		if missing != nil {
			return made, err
		}
		tags, unknown := h.tags(ctx, *d.EndpointArn)
		if unknown != nil || !ours(r, tags, d.CreationTime) {
			return made, err
		}
		made = madeEndpoint(*d.EndpointArn, *in.EndpointName)
	default:
		return made, err
	}
	if err := r.Began(made.PhysicalID); err != nil {
		return made, err
	}
	return made, h.settle(ctx, in.EndpointName)
}

func madeEndpoint(arn, name string) cloudformation.Made {
	return cloudformation.Made{PhysicalID: arn, Attributes: attributes("EndpointName", &name, "EndpointArn", &arn, "Id", &arn)}
}

func (h endpoints) describe(ctx context.Context, name *string) (*sagemaker.DescribeEndpointOutput, error) {
	return ask[sagemaker.DescribeEndpointOutput](ctx, h.service, "DescribeEndpoint", &sagemaker.DescribeEndpointInput{EndpointName: name})
}

// settle waits until nothing is being done to an endpoint. The error says why it failed, or
// its last update.
func (h endpoints) settle(ctx context.Context, name *string) error {
	for {
		d, err := h.describe(ctx, name)
		if err != nil {
			return err
		}
		switch *d.EndpointStatus {
		case "InService", "Failed", "OutOfService", "UpdateRollbackFailed":
			if d.FailureReason != nil {
				return errors.New(*d.FailureReason)
			}
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// updateInput are the properties that an update of an endpoint sets.
var updateInput = []string{"EndpointConfigName", "DeploymentConfig", "ExcludeRetainedVariantProperties", "RetainAllVariantProperties", "RetainDeploymentConfig"}

func (h endpoints) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	name := h.nameOf(r.PhysicalID)
	made = madeEndpoint(r.PhysicalID, *name)
	if err := h.retag(ctx, r); err != nil {
		return made, err
	}
	if !changed(r, updateInput...) {
		return made, nil
	}
	in := &sagemaker.UpdateEndpointInput{}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	in.EndpointName = name
	if r.Retry { // what was begun before comes to its end first
		_ = h.settle(ctx, name)
		if d, err := h.describe(ctx, name); err == nil && *d.EndpointStatus == "InService" && d.FailureReason == nil && *d.EndpointConfigName == *in.EndpointConfigName {
			return made, nil
		}
	}
	if err := h.tell(ctx, "UpdateEndpoint", in); err != nil {
		return made, err
	}
	return made, h.settle(ctx, name)
}

func (h endpoints) Delete(ctx context.Context, r *cloudformation.Request) error {
	name := h.nameOf(r.PhysicalID)
	const none = "Could not find endpoint"
	if err := h.tell(ctx, "DeleteEndpoint", &sagemaker.DeleteEndpointInput{EndpointName: name}); err != nil {
		return h.gone(err, none)
	}
	for {
		if _, err := h.describe(ctx, name); err != nil {
			return h.gone(err, none)
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}
