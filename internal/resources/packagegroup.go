package resources

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// packageGroup is AWS::CodeArtifact::PackageGroup.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codeartifact-packagegroup.html
func packageGroup(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::CodeArtifact::PackageGroup",
		Properties: properties("DomainName!*", "DomainOwner*", "Pattern!*", "ContactInfo", "Description", "OriginConfiguration", "Tags"),
		Attributes: []string{"Arn"},
		Handler:    packageGroups{packages{s}},
	}
}

type packageGroups struct{ packages }

// restrictions are the names of a group's restrictions, in templates and in the API.
var restrictions = [][2]string{{"Publish", "PUBLISH"}, {"ExternalUpstream", "EXTERNAL_UPSTREAM"}, {"InternalUpstream", "INTERNAL_UPSTREAM"}}

func (h packageGroups) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	p := r.Properties
	in := &codeartifact.CreatePackageGroupInput{
		Domain: ptr(p, "DomainName"), DomainOwner: ptr(p, "DomainOwner"), PackageGroup: ptr(p, "Pattern"),
		ContactInfo: ptr(p, "ContactInfo"), Description: ptr(p, "Description"),
	}
	if in.Tags, err = h.newTags(r); err != nil {
		return made, err
	}
	d, err := h.create(ctx, r, in)
	if err != nil {
		return made, err
	}
	made = cloudformation.Made{PhysicalID: *d.Arn, Attributes: attributes("Arn", d.Arn)}
	if p.Get("OriginConfiguration") != nil {
		err = h.restrict(ctx, r)
	}
	return made, err
}

func (h packageGroups) create(ctx context.Context, r *cloudformation.Request, in *codeartifact.CreatePackageGroupInput) (*codeartifact.PackageGroupDescription, error) {
	out, err := ask[codeartifact.CreatePackageGroupOutput](ctx, h.service, "CreatePackageGroup", in)
	if err == nil {
		return out.PackageGroup, nil
	}
	if !isCode(err, "ConflictException") || r.PhysicalID == "" {
		return nil, err
	}
	return h.describe(ctx, r.Properties)
}

func (h packageGroups) describe(ctx context.Context, p *template.Node) (*codeartifact.PackageGroupDescription, error) {
	out, err := ask[codeartifact.DescribePackageGroupOutput](ctx, h.service, "DescribePackageGroup", &codeartifact.DescribePackageGroupInput{
		Domain: ptr(p, "DomainName"), DomainOwner: ptr(p, "DomainOwner"), PackageGroup: ptr(p, "Pattern"),
	})
	if err != nil {
		return nil, err
	}
	return out.PackageGroup, nil
}

func (h packageGroups) Find(ctx context.Context, r *cloudformation.Request) (string, error) {
	d, err := h.describe(ctx, r.Properties)
	if err != nil {
		return found(r, nil, nil, nil, err, "ResourceNotFoundException")
	}
	tags, err := h.tagsOf(ctx, d.Arn)
	return found(r, d.Arn, tags, d.CreatedTime, err)
}

// restrict gives a group the restrictions of its properties; where there are none, those
// of its parent.
func (h packageGroups) restrict(ctx context.Context, r *cloudformation.Request) error {
	p := r.Properties
	in := &codeartifact.UpdatePackageGroupOriginConfigurationInput{
		Domain: ptr(p, "DomainName"), DomainOwner: ptr(p, "DomainOwner"), PackageGroup: ptr(p, "Pattern"), Restrictions: map[string]string{},
	}
	for _, name := range restrictions {
		restriction := p.Get("OriginConfiguration").Get("Restrictions").Get(name[0])
		in.Restrictions[name[1]] = "INHERIT"
		if mode := str(restriction, "RestrictionMode"); mode != "" {
			in.Restrictions[name[1]] = mode
		}
		wanted, err := textsOf(restriction, "Repositories")
		if err != nil {
			return err
		}
		list, err := ask[codeartifact.ListAllowedRepositoriesForGroupOutput](ctx, h.service, "ListAllowedRepositoriesForGroup", &codeartifact.ListAllowedRepositoriesForGroupInput{
			Domain: in.Domain, DomainOwner: in.DomainOwner, PackageGroup: in.PackageGroup, OriginRestrictionType: new(name[1]), MaxResults: new(int64(1000)),
		})
		if err != nil {
			return err
		}
		for _, repository := range wanted {
			if !contains(list.AllowedRepositories, repository) {
				in.AddAllowedRepositories = append(in.AddAllowedRepositories, &codeartifact.PackageGroupAllowedRepository{RepositoryName: &repository, OriginRestrictionType: new(name[1])})
			}
		}
		for _, repository := range list.AllowedRepositories {
			if !contains(wanted, repository) {
				in.RemoveAllowedRepositories = append(in.RemoveAllowedRepositories, &codeartifact.PackageGroupAllowedRepository{RepositoryName: &repository, OriginRestrictionType: new(name[1])})
			}
		}
	}
	return h.tell(ctx, "UpdatePackageGroupOriginConfiguration", in)
}

func (h packageGroups) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	p := r.Properties
	if changed(r, "ContactInfo", "Description") {
		if err := h.tell(ctx, "UpdatePackageGroup", &codeartifact.UpdatePackageGroupInput{
			Domain: ptr(p, "DomainName"), DomainOwner: ptr(p, "DomainOwner"), PackageGroup: ptr(p, "Pattern"),
			ContactInfo: new(str(p, "ContactInfo")), Description: new(str(p, "Description")),
		}); err != nil {
			return made, err
		}
	}
	if changed(r, "OriginConfiguration") {
		if err := h.restrict(ctx, r); err != nil {
			return made, err
		}
	}
	return cloudformation.Made{PhysicalID: r.PhysicalID, Attributes: attributes("Arn", &r.PhysicalID)}, h.retag(ctx, r)
}

func (h packageGroups) Delete(ctx context.Context, r *cloudformation.Request) error {
	domain, pattern, err := split(r.PhysicalID)
	if err != nil {
		return err
	}
	return absent(h.tell(ctx, "DeletePackageGroup", &codeartifact.DeletePackageGroupInput{
		Domain: &domain, DomainOwner: ownerOf(r.PhysicalID), PackageGroup: new("/" + pattern),
	}), "ResourceNotFoundException")
}
