package resources

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/ecr"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// imageRepository is AWS::ECR::Repository.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-repository.html
func imageRepository(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::ECR::Repository", NamedBy: "RepositoryName",
		Properties: properties("RepositoryName*", "EncryptionConfiguration*", "EmptyOnDelete", "ImageScanningConfiguration",
			"ImageTagMutability", "ImageTagMutabilityExclusionFilters", "LifecyclePolicy", "RepositoryPolicyText", "Tags"),
		Attributes: []string{"Arn", "RepositoryUri"},
		Handler:    imageRepositories{s},
	}
}

type imageRepositories struct{ service }

func imageTag(k, v *string) *ecr.Tag { return &ecr.Tag{Key: k, Value: v} }

func (h imageRepositories) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &ecr.CreateRepositoryInput{}
	if err := fill(in, without(r.Properties, "ImageTagMutabilityExclusionFilters")); err != nil {
		return made, err
	}
	in.RepositoryName = new(imageName(r))
	if in.ImageTagMutabilityExclusionFilters, err = exclusionsOf(r.Properties); err != nil {
		return made, err
	}
	tags, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	in.Tags = pairs(tags, imageTag)
	d, err := h.create(ctx, r, in)
	if err != nil {
		return made, err
	}
	made = madeImages(d)
	if r.Properties.Get("RepositoryPolicyText") != nil {
		if err := h.setPolicy(ctx, d.RepositoryName, document(r.Properties.Get("RepositoryPolicyText"))); err != nil {
			return made, err
		}
	}
	if r.Properties.Get("LifecyclePolicy") != nil {
		return made, h.setLifecycle(ctx, d.RepositoryName, lifecycleOf(r.Properties))
	}
	return made, nil
}

// imageName is the name of a repository of images, which has no capital letters.
func imageName(r *cloudformation.Request) string {
	if name := str(r.Properties, "RepositoryName"); name != "" {
		return name
	}
	return strings.ToLower(r.Name)
}

func lifecycleOf(n *template.Node) *string {
	return document(n.Get("LifecyclePolicy").Get("LifecyclePolicyText"))
}

// exclusionsOf reads the filters of tags that may move, which have longer names here than
// in the API.
func exclusionsOf(n *template.Node) (filters []*ecr.ImageTagMutabilityExclusionFilter, err error) {
	list := n.Get("ImageTagMutabilityExclusionFilters")
	if list == nil {
		return nil, nil
	}
	if list.Kind != template.List {
		return nil, wrongType("ImageTagMutabilityExclusionFilters", "List")
	}
	for _, item := range list.Items {
		filters = append(filters, &ecr.ImageTagMutabilityExclusionFilter{
			FilterType: ptr(item, "ImageTagMutabilityExclusionFilterType"), Filter: ptr(item, "ImageTagMutabilityExclusionFilterValue"),
		})
	}
	return filters, nil
}

func (h imageRepositories) create(ctx context.Context, r *cloudformation.Request, in *ecr.CreateRepositoryInput) (*ecr.Repository, error) {
	out, err := ask[ecr.CreateRepositoryOutput](ctx, h.service, "CreateRepository", in)
	if err == nil {
		return out.Repository, nil
	}
	if !isCode(err, "RepositoryAlreadyExistsException") || r.PhysicalID == "" {
		return nil, err
	}
	return h.describe(ctx, r.PhysicalID)
}

func (h imageRepositories) Find(ctx context.Context, r *cloudformation.Request) (string, error) {
	d, err := h.describe(ctx, imageName(r))
	if err != nil {
		return found(r, nil, nil, nil, err, "RepositoryNotFoundException")
	}
	list, err := ask[ecr.ListTagsForResourceOutput](ctx, h.service, "ListTagsForResource", &ecr.ListTagsForResourceInput{ResourceArn: d.RepositoryArn})
	if err != nil {
		return "", err
	}
	tags := map[string]string{}
	for _, t := range list.Tags {
		tags[*t.Key] = *t.Value
	}
	return found(r, d.RepositoryName, tags, d.CreatedAt, nil)
}

func (h imageRepositories) describe(ctx context.Context, name string) (*ecr.Repository, error) {
	out, err := ask[ecr.DescribeRepositoriesOutput](ctx, h.service, "DescribeRepositories", &ecr.DescribeRepositoriesInput{RepositoryNames: []string{name}})
	if err != nil {
		return nil, err
	}
	return out.Repositories[0], nil
}

func madeImages(d *ecr.Repository) cloudformation.Made {
	return cloudformation.Made{PhysicalID: *d.RepositoryName, Attributes: attributes("Arn", d.RepositoryArn, "RepositoryUri", d.RepositoryUri)}
}

func (h imageRepositories) setPolicy(ctx context.Context, name, policy *string) error {
	if policy == nil {
		return absent(h.tell(ctx, "DeleteRepositoryPolicy", &ecr.DeleteRepositoryPolicyInput{RepositoryName: name}), "RepositoryPolicyNotFoundException")
	}
	return h.tell(ctx, "SetRepositoryPolicy", &ecr.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: policy})
}

func (h imageRepositories) setLifecycle(ctx context.Context, name, policy *string) error {
	if policy == nil {
		return absent(h.tell(ctx, "DeleteLifecyclePolicy", &ecr.DeleteLifecyclePolicyInput{RepositoryName: name}), "LifecyclePolicyNotFoundException")
	}
	return h.tell(ctx, "PutLifecyclePolicy", &ecr.PutLifecyclePolicyInput{RepositoryName: name, LifecyclePolicyText: policy})
}

func (h imageRepositories) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	name := r.PhysicalID
	if changed(r, "ImageTagMutability", "ImageTagMutabilityExclusionFilters") {
		in := &ecr.PutImageTagMutabilityInput{RepositoryName: &name, ImageTagMutability: new("MUTABLE")}
		if mode := str(r.Properties, "ImageTagMutability"); mode != "" {
			in.ImageTagMutability = &mode
		}
		if in.ImageTagMutabilityExclusionFilters, err = exclusionsOf(r.Properties); err != nil {
			return made, err
		}
		if err := h.tell(ctx, "PutImageTagMutability", in); err != nil {
			return made, err
		}
	}
	if changed(r, "ImageScanningConfiguration") {
		in := &ecr.PutImageScanningConfigurationInput{}
		if err := fill(in, r.Properties); err != nil {
			return made, err
		}
		in.RepositoryName = &name
		if in.ImageScanningConfiguration == nil {
			in.ImageScanningConfiguration = &ecr.ImageScanningConfiguration{ScanOnPush: new(false)}
		}
		if err := h.tell(ctx, "PutImageScanningConfiguration", in); err != nil {
			return made, err
		}
	}
	if changed(r, "RepositoryPolicyText") {
		if err := h.setPolicy(ctx, &name, document(r.Properties.Get("RepositoryPolicyText"))); err != nil {
			return made, err
		}
	}
	if changed(r, "LifecyclePolicy") {
		if err := h.setLifecycle(ctx, &name, lifecycleOf(r.Properties)); err != nil {
			return made, err
		}
	}
	d, err := h.describe(ctx, name)
	if err != nil {
		return made, err
	}
	return madeImages(d), retag(r,
		func(tags map[string]string) error {
			return h.tell(ctx, "TagResource", &ecr.TagResourceInput{ResourceArn: d.RepositoryArn, Tags: pairs(tags, imageTag)})
		},
		func(keys []string) error {
			return h.tell(ctx, "UntagResource", &ecr.UntagResourceInput{ResourceArn: d.RepositoryArn, TagKeys: keys})
		})
}

func (h imageRepositories) Delete(ctx context.Context, r *cloudformation.Request) error {
	return absent(h.tell(ctx, "DeleteRepository", &ecr.DeleteRepositoryInput{
		RepositoryName: &r.PhysicalID, Force: new(isTrue(r.Properties, "EmptyOnDelete")),
	}), "RepositoryNotFoundException")
}
