package resources

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// packageRepository is AWS::CodeArtifact::Repository.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codeartifact-repository.html
func packageRepository(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::CodeArtifact::Repository",
		Properties: properties("RepositoryName!*", "DomainName!*", "DomainOwner*", "Description", "ExternalConnections",
			"PermissionsPolicyDocument", "Tags", "Upstreams"),
		Attributes: []string{"Arn", "DomainName", "DomainOwner", "Name"},
		Handler:    packageRepositories{packages{s}},
	}
}

type packageRepositories struct{ packages }

// repository is a repository as the inputs of all operations name it.
type repository struct{ domain, owner, name *string }

func repositoryOf(n *template.Node) repository {
	return repository{ptr(n, "DomainName"), ptr(n, "DomainOwner"), ptr(n, "RepositoryName")}
}

// upstreamsOf are the upstreams of a repository by name.
func upstreamsOf(n *template.Node) ([]*codeartifact.UpstreamRepository, error) {
	names, err := textsOf(n, "Upstreams")
	if err != nil {
		return nil, err
	}
	upstreams := []*codeartifact.UpstreamRepository{}
	for _, name := range names {
		upstreams = append(upstreams, &codeartifact.UpstreamRepository{RepositoryName: &name})
	}
	return upstreams, nil
}

// textsOf is a property that is a list of texts.
func textsOf(n *template.Node, name string) (texts []string, err error) {
	list := n.Get(name)
	if list == nil {
		return nil, nil
	}
	if list.Kind != template.List {
		return nil, wrongType(name, "List")
	}
	for _, item := range list.Items {
		if item.Kind != template.Text {
			return nil, wrongType(name, "List")
		}
		texts = append(texts, item.Text)
	}
	return texts, nil
}

func (h packageRepositories) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	of := repositoryOf(r.Properties)
	in := &codeartifact.CreateRepositoryInput{Domain: of.domain, DomainOwner: of.owner, Repository: of.name, Description: ptr(r.Properties, "Description")}
	if in.Upstreams, err = upstreamsOf(r.Properties); err != nil {
		return made, err
	}
	if in.Tags, err = h.newTags(r); err != nil {
		return made, err
	}
	d, err := h.create(ctx, r, in)
	if err != nil {
		return made, err
	}
	made = madeRepository(d)
	if r.Properties.Get("PermissionsPolicyDocument") != nil {
		if err := h.setPolicy(ctx, r, of); err != nil {
			return made, err
		}
	}
	return made, h.connect(ctx, r, of, d)
}

func (h packageRepositories) create(ctx context.Context, r *cloudformation.Request, in *codeartifact.CreateRepositoryInput) (*codeartifact.RepositoryDescription, error) {
	out, err := ask[codeartifact.CreateRepositoryOutput](ctx, h.service, "CreateRepository", in)
	if err == nil {
		return out.Repository, nil
	}
	if !isCode(err, "ConflictException") || r.PhysicalID == "" {
		return nil, err
	}
	return h.describe(ctx, repository{in.Domain, in.DomainOwner, in.Repository})
}

func (h packageRepositories) Find(ctx context.Context, r *cloudformation.Request) (string, error) {
	d, err := h.describe(ctx, repositoryOf(r.Properties))
	if err != nil {
		return found(r, nil, nil, nil, err, "ResourceNotFoundException")
	}
	tags, err := h.tagsOf(ctx, d.Arn)
	return found(r, d.Arn, tags, d.CreatedTime, err)
}

func (h packageRepositories) describe(ctx context.Context, of repository) (*codeartifact.RepositoryDescription, error) {
	out, err := ask[codeartifact.DescribeRepositoryOutput](ctx, h.service, "DescribeRepository", &codeartifact.DescribeRepositoryInput{
		Domain: of.domain, DomainOwner: of.owner, Repository: of.name,
	})
	if err != nil {
		return nil, err
	}
	return out.Repository, nil
}

func madeRepository(d *codeartifact.RepositoryDescription) cloudformation.Made {
	return cloudformation.Made{PhysicalID: *d.Arn, Attributes: attributes("Arn", d.Arn, "DomainName", d.DomainName, "DomainOwner", d.DomainOwner, "Name", d.Name)}
}

// connect gives a repository the external connections of its properties, and no others.
func (h packageRepositories) connect(ctx context.Context, r *cloudformation.Request, of repository, d *codeartifact.RepositoryDescription) error {
	wanted, err := textsOf(r.Properties, "ExternalConnections")
	if err != nil {
		return err
	}
	var has []string
	for _, c := range d.ExternalConnections {
		has = append(has, *c.ExternalConnectionName)
	}
	for _, name := range has {
		if contains(wanted, name) {
			continue
		}
		if err := h.tell(ctx, "DisassociateExternalConnection", &codeartifact.DisassociateExternalConnectionInput{
			Domain: of.domain, DomainOwner: of.owner, Repository: of.name, ExternalConnection: &name,
		}); err != nil {
			return err
		}
	}
	for _, name := range wanted {
		if contains(has, name) {
			continue
		}
		if err := h.tell(ctx, "AssociateExternalConnection", &codeartifact.AssociateExternalConnectionInput{
			Domain: of.domain, DomainOwner: of.owner, Repository: of.name, ExternalConnection: &name,
		}); err != nil {
			return err
		}
	}
	return nil
}

// contains is slices.Contains.
func contains(list []string, s string) bool { return slices.Contains(list, s) }

func (h packageRepositories) setPolicy(ctx context.Context, r *cloudformation.Request, of repository) error {
	if policy := document(r.Properties.Get("PermissionsPolicyDocument")); policy != nil {
		return h.tell(ctx, "PutRepositoryPermissionsPolicy", &codeartifact.PutRepositoryPermissionsPolicyInput{
			Domain: of.domain, DomainOwner: of.owner, Repository: of.name, PolicyDocument: policy,
		})
	}
	return absent(h.tell(ctx, "DeleteRepositoryPermissionsPolicy", &codeartifact.DeleteRepositoryPermissionsPolicyInput{
		Domain: of.domain, DomainOwner: of.owner, Repository: of.name,
	}), "ResourceNotFoundException")
}

func (h packageRepositories) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	of := repositoryOf(r.Properties)
	d, err := h.describe(ctx, of)
	if err != nil {
		return made, err
	}
	made = madeRepository(d)
	if changed(r, "Description", "Upstreams") {
		in := &codeartifact.UpdateRepositoryInput{Domain: of.domain, DomainOwner: of.owner, Repository: of.name, Description: new(str(r.Properties, "Description"))}
		if in.Upstreams, err = upstreamsOf(r.Properties); err != nil {
			return made, err
		}
		if err := h.tell(ctx, "UpdateRepository", in); err != nil {
			return made, err
		}
	}
	if changed(r, "PermissionsPolicyDocument") {
		if err := h.setPolicy(ctx, r, of); err != nil {
			return made, err
		}
	}
	if changed(r, "ExternalConnections") {
		if err := h.connect(ctx, r, of, d); err != nil {
			return made, err
		}
	}
	return made, h.retag(ctx, r)
}

func (h packageRepositories) Delete(ctx context.Context, r *cloudformation.Request) error {
	domain, name, err := split(r.PhysicalID)
	if err != nil {
		return err
	}
	return absent(h.tell(ctx, "DeleteRepository", &codeartifact.DeleteRepositoryInput{
		Domain: &domain, DomainOwner: ownerOf(r.PhysicalID), Repository: &name,
	}), "ResourceNotFoundException")
}
