package resources

import (
	"context"
	"errors"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
)

// packageDomain is AWS::CodeArtifact::Domain.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-codeartifact-domain.html
func packageDomain(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::CodeArtifact::Domain", NamedBy: "DomainName",
		Properties: properties("DomainName!*", "EncryptionKey*", "PermissionsPolicyDocument", "Tags"),
		Attributes: []string{"Arn", "EncryptionKey", "Name", "Owner"},
		Handler:    packageDomains{packages{s}},
	}
}

// packages is what the types of CodeArtifact have in common.
type packages struct{ service }

func packageTag(k, v *string) *codeartifact.Tag { return &codeartifact.Tag{Key: k, Value: v} }

// tagsOf are the tags of a resource.
func (h packages) tagsOf(ctx context.Context, arn *string) (map[string]string, error) {
	out, err := ask[codeartifact.ListTagsForResourceOutput](ctx, h.service, "ListTagsForResource", &codeartifact.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, t := range out.Tags {
		tags[*t.Key] = *t.Value
	}
	return tags, nil
}

func (h packages) retag(ctx context.Context, r *cloudformation.Request) error {
	return retag(r,
		func(tags map[string]string) error {
			return h.tell(ctx, "TagResource", &codeartifact.TagResourceInput{ResourceArn: &r.PhysicalID, Tags: pairs(tags, packageTag)})
		},
		func(keys []string) error {
			return h.tell(ctx, "UntagResource", &codeartifact.UntagResourceInput{ResourceArn: &r.PhysicalID, TagKeys: keys})
		})
}

// newTags are the tags of a resource that is made.
func (packages) newTags(r *cloudformation.Request) ([]*codeartifact.Tag, error) {
	tags, err := tagsOf(r.Properties, r.Tags)
	return pairs(tags, packageTag), err
}

// split splits the ARN of a resource of CodeArtifact after its kind.
func split(arn string) (domain, rest string, err error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return "", "", errors.New("resources: not an ARN of CodeArtifact: " + arn)
	}
	_, path, _ := strings.Cut(parts[5], "/")
	domain, rest, _ = strings.Cut(path, "/")
	return domain, rest, nil
}

// ownerOf is the account in an ARN.
func ownerOf(arn string) *string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return &parts[4]
	}
	return nil
}

type packageDomains struct{ packages }

func (h packageDomains) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	name := str(r.Properties, "DomainName")
	in := &codeartifact.CreateDomainInput{Domain: &name, EncryptionKey: ptr(r.Properties, "EncryptionKey")}
	if in.Tags, err = h.newTags(r); err != nil {
		return made, err
	}
	d, err := h.create(ctx, r, in)
	if err != nil {
		return made, err
	}
	made = cloudformation.Made{PhysicalID: *d.Arn, Attributes: attributes("Arn", d.Arn, "EncryptionKey", d.EncryptionKey, "Name", d.Name, "Owner", d.Owner)}
	if r.Properties.Get("PermissionsPolicyDocument") != nil {
		err = h.setPolicy(ctx, r, name)
	}
	return made, err
}

// create makes a domain, or finds the one that this step has made.
func (h packageDomains) create(ctx context.Context, r *cloudformation.Request, in *codeartifact.CreateDomainInput) (*codeartifact.DomainDescription, error) {
	out, err := ask[codeartifact.CreateDomainOutput](ctx, h.service, "CreateDomain", in)
	if err == nil {
		return out.Domain, nil
	}
	if !isCode(err, "ConflictException") || r.PhysicalID == "" {
		return nil, err
	}
	return h.describe(ctx, *in.Domain)
}

func (h packageDomains) Find(ctx context.Context, r *cloudformation.Request) (string, error) {
	d, err := h.describe(ctx, str(r.Properties, "DomainName"))
	if err != nil {
		return found(r, nil, nil, nil, err, "ResourceNotFoundException")
	}
	tags, err := h.tagsOf(ctx, d.Arn)
	return found(r, d.Arn, tags, d.CreatedTime, err)
}

func (h packageDomains) describe(ctx context.Context, name string) (*codeartifact.DomainDescription, error) {
	out, err := ask[codeartifact.DescribeDomainOutput](ctx, h.service, "DescribeDomain", &codeartifact.DescribeDomainInput{Domain: &name})
	if err != nil {
		return nil, err
	}
	return out.Domain, nil
}

func (h packageDomains) setPolicy(ctx context.Context, r *cloudformation.Request, name string) error {
	if policy := document(r.Properties.Get("PermissionsPolicyDocument")); policy != nil {
		return h.tell(ctx, "PutDomainPermissionsPolicy", &codeartifact.PutDomainPermissionsPolicyInput{Domain: &name, PolicyDocument: policy})
	}
	return absent(h.tell(ctx, "DeleteDomainPermissionsPolicy", &codeartifact.DeleteDomainPermissionsPolicyInput{Domain: &name}), "ResourceNotFoundException")
}

func (h packageDomains) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	name := str(r.Properties, "DomainName")
	if changed(r, "PermissionsPolicyDocument") {
		if err := h.setPolicy(ctx, r, name); err != nil {
			return made, err
		}
	}
	if err := h.retag(ctx, r); err != nil {
		return made, err
	}
	d, err := h.describe(ctx, name)
	if err != nil {
		return made, err
	}
	return cloudformation.Made{PhysicalID: *d.Arn, Attributes: attributes("Arn", d.Arn, "EncryptionKey", d.EncryptionKey, "Name", d.Name, "Owner", d.Owner)}, nil
}

func (h packageDomains) Delete(ctx context.Context, r *cloudformation.Request) error {
	name, _, err := split(r.PhysicalID)
	if err != nil {
		return err
	}
	return absent(h.tell(ctx, "DeleteDomain", &codeartifact.DeleteDomainInput{Domain: &name}), "ResourceNotFoundException")
}
