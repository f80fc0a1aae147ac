package resources

import (
	"context"
	"strconv"

	"github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
)

// modelPackageGroup is AWS::SageMaker::ModelPackageGroup.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-modelpackagegroup.html
func modelPackageGroup(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::SageMaker::ModelPackageGroup", NamedBy: "ModelPackageGroupName",
		Properties: properties("ModelPackageGroupName!*", "ModelPackageGroupDescription*", "ModelPackageGroupPolicy", "Tags"),
		Attributes: []string{"CreationTime", "ModelPackageGroupArn", "ModelPackageGroupStatus"},
		Handler:    modelPackageGroups{served{s}},
	}
}

type modelPackageGroups struct{ served }

func (h modelPackageGroups) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &sagemaker.CreateModelPackageGroupInput{}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	tags, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	in.Tags = pairs(tags, sagemakerTag)
	_, err = ask[sagemaker.CreateModelPackageGroupOutput](ctx, h.service, "CreateModelPackageGroup", in)
	if err != nil && !(r.Retry && h.says(err, "Model Package Group already exists")) {
		return made, err
	}
	d, missing := h.describe(ctx, in.ModelPackageGroupName)
	if missing != nil {
		return made, missing
	}
	if err != nil {
		tags, unknown := h.tags(ctx, *d.ModelPackageGroupArn)
		if unknown != nil || !ours(r, tags, d.CreationTime) {
			return made, err
		}
	}
	return madeGroup(d), h.setPolicy(ctx, r)
}

func (h modelPackageGroups) describe(ctx context.Context, name *string) (*sagemaker.DescribeModelPackageGroupOutput, error) {
	return ask[sagemaker.DescribeModelPackageGroupOutput](ctx, h.service, "DescribeModelPackageGroup", &sagemaker.DescribeModelPackageGroupInput{ModelPackageGroupName: name})
}

func madeGroup(d *sagemaker.DescribeModelPackageGroupOutput) cloudformation.Made {
	return cloudformation.Made{PhysicalID: *d.ModelPackageGroupArn, Attributes: attributes(
		"CreationTime", new(d.CreationTime.UTC().Format("2006-01-02T15:04:05.000Z")), "ModelPackageGroupArn", d.ModelPackageGroupArn, "ModelPackageGroupStatus", d.ModelPackageGroupStatus)}
}

// setPolicy sets who of other accounts may use the group.
func (h modelPackageGroups) setPolicy(ctx context.Context, r *cloudformation.Request) error {
	name := ptr(r.Properties, "ModelPackageGroupName")
	policy := document(r.Properties.Get("ModelPackageGroupPolicy"))
	if policy != nil {
		return h.tell(ctx, "PutModelPackageGroupPolicy", &sagemaker.PutModelPackageGroupPolicyInput{ModelPackageGroupName: name, ResourcePolicy: policy})
	}
	if r.Previous == nil || r.Previous.Get("ModelPackageGroupPolicy") == nil {
		return nil
	}
	return h.gone(h.tell(ctx, "DeleteModelPackageGroupPolicy", &sagemaker.DeleteModelPackageGroupPolicyInput{ModelPackageGroupName: name}), "Cannot find resource policy")
}

func (h modelPackageGroups) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	if changed(r, "ModelPackageGroupPolicy") {
		if err := h.setPolicy(ctx, r); err != nil {
			return made, err
		}
	}
	d, err := h.describe(ctx, &r.PhysicalID)
	if err != nil {
		return made, err
	}
	return madeGroup(d), h.retag(ctx, r)
}

func (h modelPackageGroups) Delete(ctx context.Context, r *cloudformation.Request) error {
	return h.gone(h.tell(ctx, "DeleteModelPackageGroup", &sagemaker.DeleteModelPackageGroupInput{ModelPackageGroupName: &r.PhysicalID}), "ModelPackageGroup "+r.PhysicalID+" does not exist")
}

// modelPackage is AWS::SageMaker::ModelPackage.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-modelpackage.html
func modelPackage(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::SageMaker::ModelPackage", NamedBy: "ModelPackageName",
		Properties: properties("ModelPackageName*", "ModelPackageGroupName*", "ModelPackageDescription*", "InferenceSpecification*", "SourceAlgorithmSpecification*",
			"ValidationSpecification*", "CertifyForMarketplace*", "MetadataProperties*", "ModelMetrics*", "Domain*", "Task*", "SamplePayloadUrl*",
			"DriftCheckBaselines*", "SkipModelValidation*", "SourceUri", "ModelCard", "CustomerMetadataProperties", "ModelApprovalStatus", "ApprovalDescription", "Tags"),
		Attributes: []string{"CreationTime", "ModelPackageArn", "ModelPackageStatus", "ModelPackageVersion"},
		Handler:    modelPackages{served{s}},
	}
}

type modelPackages struct{ served }

func (h modelPackages) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &sagemaker.CreateModelPackageInput{}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	if in.ModelPackageGroupName == nil { // a version of a group has the tags of that
		tags, err := tagsOf(r.Properties, r.Tags)
		if err != nil {
			return made, err
		}
		in.ModelPackageName, in.Tags = servedName(r, "ModelPackageName"), pairs(tags, sagemakerTag)
	}
	// A step that is tried again would make another version, so this one is told from others by
	// the token of the step.
	in.ClientToken = new(r.Token[:min(len(r.Token), 36)])
	out, err := ask[sagemaker.CreateModelPackageOutput](ctx, h.service, "CreateModelPackage", in)
	if err != nil {
		return made, err
	}
	return h.describe(ctx, *out.ModelPackageArn)
}

func (h modelPackages) describe(ctx context.Context, arn string) (made cloudformation.Made, err error) {
	made.PhysicalID = arn
	d, err := ask[sagemaker.DescribeModelPackageOutput](ctx, h.service, "DescribeModelPackage", &sagemaker.DescribeModelPackageInput{ModelPackageName: &arn})
	if err != nil {
		return made, err
	}
	made.Attributes = attributes("CreationTime", new(d.CreationTime.UTC().Format("2006-01-02T15:04:05.000Z")), "ModelPackageArn", d.ModelPackageArn, "ModelPackageStatus", d.ModelPackageStatus)
	if d.ModelPackageVersion != nil {
		made.Attributes["ModelPackageVersion"] = attributes("v", new(strconv.FormatInt(*d.ModelPackageVersion, 10)))["v"]
	}
	return made, nil
}

func (h modelPackages) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	if changed(r, "ModelApprovalStatus", "ApprovalDescription", "CustomerMetadataProperties", "SourceUri", "ModelCard") {
		in := &sagemaker.UpdateModelPackageInput{}
		if err := fill(in, without(r.Properties, "InferenceSpecification")); err != nil {
			return made, err
		}
		in.ModelPackageArn = &r.PhysicalID
		if err := h.tell(ctx, "UpdateModelPackage", in); err != nil {
			return made, err
		}
	}
	if made, err = h.describe(ctx, r.PhysicalID); err != nil || r.Properties.Get("ModelPackageGroupName") != nil {
		return made, err
	}
	return made, h.retag(ctx, r)
}

func (h modelPackages) Delete(ctx context.Context, r *cloudformation.Request) error {
	return h.gone(h.tell(ctx, "DeleteModelPackage", &sagemaker.DeleteModelPackageInput{ModelPackageName: &r.PhysicalID}), "ModelPackage "+r.PhysicalID+" does not exist")
}
