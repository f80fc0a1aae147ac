package resources

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
)

// model is AWS::SageMaker::Model.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-model.html
func model(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::SageMaker::Model", NamedBy: "ModelName",
		Properties: properties("ModelName*", "Containers*", "EnableNetworkIsolation*", "ExecutionRoleArn*", "InferenceExecutionConfig*",
			"PrimaryContainer*", "VpcConfig*", "Tags"),
		Attributes: []string{"ModelName", "ModelArn", "Id"},
		Handler:    models{served{s}},
	}
}

type models struct{ served }

func (h models) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &sagemaker.CreateModelInput{}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	in.ModelName = servedName(r, "ModelName")
	tags, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	in.Tags = pairs(tags, sagemakerTag)
	out, err := ask[sagemaker.CreateModelOutput](ctx, h.service, "CreateModel", in)
	if err == nil {
		return madeModel(*out.ModelArn, *in.ModelName), nil
	}
	if r.Retry && h.says(err, "Cannot create already existing model") {
		d, missing := ask[sagemaker.DescribeModelOutput](ctx, h.service, "DescribeModel", &sagemaker.DescribeModelInput{ModelName: in.ModelName})
		if missing == nil {
			if tags, unknown := h.tags(ctx, *d.ModelArn); unknown == nil && ours(r, tags, d.CreationTime) {
				return madeModel(*d.ModelArn, *in.ModelName), nil
			}
		}
	}
	return made, err
}

func madeModel(arn, name string) cloudformation.Made {
	return cloudformation.Made{PhysicalID: arn, Attributes: attributes("ModelName", &name, "ModelArn", &arn, "Id", &arn)}
}

func (h models) Update(ctx context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	return madeModel(r.PhysicalID, *h.nameOf(r.PhysicalID)), h.retag(ctx, r)
}

func (h models) Delete(ctx context.Context, r *cloudformation.Request) error {
	return h.gone(h.tell(ctx, "DeleteModel", &sagemaker.DeleteModelInput{ModelName: h.nameOf(r.PhysicalID)}), "Could not find model")
}
