package resources

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/ecrpublic"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// publicRepository is AWS::ECR::PublicRepository.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-publicrepository.html
func publicRepository(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::ECR::PublicRepository", NamedBy: "RepositoryName",
		Properties: properties("RepositoryName*", "RepositoryCatalogData", "RepositoryPolicyText", "Tags"),
		Attributes: []string{"Arn"},
		Handler:    publicRepositories{s},
	}
}

type publicRepositories struct{ service }

func publicTag(k, v *string) *ecrpublic.Tag { return &ecrpublic.Tag{Key: k, Value: v} }

func (h publicRepositories) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &ecrpublic.CreateRepositoryInput{RepositoryName: new(imageName(r))}
	if in.CatalogData, err = catalogOf(r.Properties); err != nil {
		return made, err
	}
	tags, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	in.Tags = pairs(tags, publicTag)
	d, err := h.create(ctx, r, in)
	if err != nil {
		return made, err
	}
	made = cloudformation.Made{PhysicalID: *d.RepositoryName, Attributes: attributes("Arn", d.RepositoryArn)}
	if r.Properties.Get("RepositoryPolicyText") != nil {
		err = h.setPolicy(ctx, d.RepositoryName, document(r.Properties.Get("RepositoryPolicyText")))
	}
	return made, err
}

// catalogOf reads what the gallery shows; its description has a longer name here than in
// the API.
func catalogOf(n *template.Node) (*ecrpublic.RepositoryCatalogDataInput, error) {
	data := n.Get("RepositoryCatalogData")
	if data == nil {
		return nil, nil
	}
	in := &ecrpublic.RepositoryCatalogDataInput{}
	if err := fill(in, data); err != nil {
		return nil, err
	}
	in.Description = ptr(data, "RepositoryDescription")
	return in, nil
}

func (h publicRepositories) create(ctx context.Context, r *cloudformation.Request, in *ecrpublic.CreateRepositoryInput) (*ecrpublic.Repository, error) {
	out, err := ask[ecrpublic.CreateRepositoryOutput](ctx, h.service, "CreateRepository", in)
	if err == nil {
		return out.Repository, nil
	}
	if !isCode(err, "RepositoryAlreadyExistsException") || r.PhysicalID == "" {
		return nil, err
	}
	return h.describe(ctx, r.PhysicalID)
}

func (h publicRepositories) Find(ctx context.Context, r *cloudformation.Request) (string, error) {
	d, err := h.describe(ctx, imageName(r))
	if err != nil {
		return found(r, nil, nil, nil, err, "RepositoryNotFoundException")
	}
	list, err := ask[ecrpublic.ListTagsForResourceOutput](ctx, h.service, "ListTagsForResource", &ecrpublic.ListTagsForResourceInput{ResourceArn: d.RepositoryArn})
	if err != nil {
		return "", err
	}
	tags := map[string]string{}
	for _, t := range list.Tags {
		tags[*t.Key] = *t.Value
	}
	return found(r, d.RepositoryName, tags, d.CreatedAt, nil)
}

func (h publicRepositories) describe(ctx context.Context, name string) (*ecrpublic.Repository, error) {
	out, err := ask[ecrpublic.DescribeRepositoriesOutput](ctx, h.service, "DescribeRepositories", &ecrpublic.DescribeRepositoriesInput{RepositoryNames: []string{name}})
	if err != nil {
		return nil, err
	}
	return out.Repositories[0], nil
}

func (h publicRepositories) setPolicy(ctx context.Context, name, policy *string) error {
	if policy == nil {
		return absent(h.tell(ctx, "DeleteRepositoryPolicy", &ecrpublic.DeleteRepositoryPolicyInput{RepositoryName: name}), "RepositoryPolicyNotFoundException")
	}
	return h.tell(ctx, "SetRepositoryPolicy", &ecrpublic.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: policy})
}

func (h publicRepositories) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	name := r.PhysicalID
	if changed(r, "RepositoryCatalogData") {
		data, err := catalogOf(r.Properties)
		if err != nil {
			return made, err
		}
		if data == nil {
			data = &ecrpublic.RepositoryCatalogDataInput{}
		}
		if err := h.tell(ctx, "PutRepositoryCatalogData", &ecrpublic.PutRepositoryCatalogDataInput{RepositoryName: &name, CatalogData: data}); err != nil {
			return made, err
		}
	}
	if changed(r, "RepositoryPolicyText") {
		if err := h.setPolicy(ctx, &name, document(r.Properties.Get("RepositoryPolicyText"))); err != nil {
			return made, err
		}
	}
	d, err := h.describe(ctx, name)
	if err != nil {
		return made, err
	}
	return cloudformation.Made{PhysicalID: name, Attributes: attributes("Arn", d.RepositoryArn)}, retag(r,
		func(tags map[string]string) error {
			return h.tell(ctx, "TagResource", &ecrpublic.TagResourceInput{ResourceArn: d.RepositoryArn, Tags: pairs(tags, publicTag)})
		},
		func(keys []string) error {
			return h.tell(ctx, "UntagResource", &ecrpublic.UntagResourceInput{ResourceArn: d.RepositoryArn, TagKeys: keys})
		})
}

func (h publicRepositories) Delete(ctx context.Context, r *cloudformation.Request) error {
	return absent(h.tell(ctx, "DeleteRepository", &ecrpublic.DeleteRepositoryInput{RepositoryName: &r.PhysicalID}), "RepositoryNotFoundException")
}
