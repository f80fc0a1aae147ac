package resources

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
)

// endpointConfig is AWS::SageMaker::EndpointConfig.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-endpointconfig.html
func endpointConfig(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::SageMaker::EndpointConfig", NamedBy: "EndpointConfigName",
		Properties: properties("EndpointConfigName*", "ProductionVariants!*", "AsyncInferenceConfig*", "DataCaptureConfig*", "EnableNetworkIsolation*",
			"ExecutionRoleArn*", "ExplainerConfig*", "KmsKeyId*", "ShadowProductionVariants*", "VpcConfig*", "Tags"),
		Attributes: []string{"EndpointConfigName", "EndpointConfigArn", "Id"},
		Handler:    endpointConfigs{served{s}},
	}
}

type endpointConfigs struct{ served }

func (h endpointConfigs) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &sagemaker.CreateEndpointConfigInput{}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	in.EndpointConfigName = servedName(r, "EndpointConfigName")
	tags, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	in.Tags = pairs(tags, sagemakerTag)
	out, err := ask[sagemaker.CreateEndpointConfigOutput](ctx, h.service, "CreateEndpointConfig", in)
	if err == nil {
		return madeConfig(*out.EndpointConfigArn, *in.EndpointConfigName), nil
	}
	if r.Retry && h.says(err, "Cannot create already existing endpoint configuration") {
		d, missing := ask[sagemaker.DescribeEndpointConfigOutput](ctx, h.service, "DescribeEndpointConfig", &sagemaker.DescribeEndpointConfigInput{EndpointConfigName: in.EndpointConfigName})
		if missing == nil {
			if tags, unknown := h.tags(ctx, *d.EndpointConfigArn); unknown == nil && ours(r, tags, d.CreationTime) {
				return madeConfig(*d.EndpointConfigArn, *in.EndpointConfigName), nil
			}
		}
	}
	return made, err
}

func madeConfig(arn, name string) cloudformation.Made {
	return cloudformation.Made{PhysicalID: arn, Attributes: attributes("EndpointConfigName", &name, "EndpointConfigArn", &arn, "Id", &arn)}
}

func (h endpointConfigs) Update(ctx context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	return madeConfig(r.PhysicalID, *h.nameOf(r.PhysicalID)), h.retag(ctx, r)
}

func (h endpointConfigs) Delete(ctx context.Context, r *cloudformation.Request) error {
	return h.gone(h.tell(ctx, "DeleteEndpointConfig", &sagemaker.DeleteEndpointConfigInput{EndpointConfigName: h.nameOf(r.PhysicalID)}), "Could not find endpoint configuration")
}
