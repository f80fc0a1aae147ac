package resources

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// role is AWS::IAM::Role.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html
func role(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::IAM::Role", NamedBy: "RoleName", Capability: "CAPABILITY_IAM",
		Properties: properties("RoleName*", "Path*", "AssumeRolePolicyDocument!", "Description", "ManagedPolicyArns",
			"MaxSessionDuration", "PermissionsBoundary", "Policies", "Tags"),
		Attributes: []string{"Arn", "RoleId"},
		Handler:    roles{s},
	}
}

type roles struct{ service }

func identityTag(k, v *string) *iam.Tag { return &iam.Tag{Key: k, Value: v} }

func tagsFrom(list []*iam.Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range list {
		tags[*t.Key] = *t.Value
	}
	return tags
}

// maxSession is how long sessions of a role last at most, in seconds, if its template does
// not say.
const maxSession = 3600

func (h roles) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &iam.CreateRoleInput{}
	if err := fill(in, without(r.Properties, "AssumeRolePolicyDocument")); err != nil {
		return made, err
	}
	name := named(r, "RoleName")
	in.RoleName, in.AssumeRolePolicyDocument = &name, document(r.Properties.Get("AssumeRolePolicyDocument"))
	tags, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	in.Tags = pairs(tags, identityTag)
	d, err := h.create(ctx, r, in)
	if err != nil {
		return made, err
	}
	made = madeRole(d)
	if err := h.attach(ctx, name, nil, r.Properties); err != nil {
		return made, err
	}
	return made, h.inline(ctx, name, nil, r.Properties)
}

func (h roles) create(ctx context.Context, r *cloudformation.Request, in *iam.CreateRoleInput) (*iam.Role, error) {
	out, err := ask[iam.CreateRoleOutput](ctx, h.service, "CreateRole", in)
	if err == nil {
		return out.Role, nil
	}
	if !isCode(err, "EntityAlreadyExists") || r.PhysicalID == "" {
		return nil, err
	}
	return h.describe(ctx, *in.RoleName)
}

func (h roles) Find(ctx context.Context, r *cloudformation.Request) (string, error) {
	d, err := h.describe(ctx, named(r, "RoleName"))
	if err != nil {
		return found(r, nil, nil, nil, err, "NoSuchEntity")
	}
	return found(r, d.RoleName, tagsFrom(d.Tags), d.CreateDate, nil)
}

func (h roles) describe(ctx context.Context, name string) (*iam.Role, error) {
	out, err := ask[iam.GetRoleOutput](ctx, h.service, "GetRole", &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return nil, err
	}
	return out.Role, nil
}

func madeRole(d *iam.Role) cloudformation.Made {
	return cloudformation.Made{PhysicalID: *d.RoleName, Attributes: attributes("Arn", d.Arn, "RoleId", d.RoleId)}
}

// attach attaches the managed policies that wanted names and detaches those that only had
// names.
func (h roles) attach(ctx context.Context, name string, had, wanted *template.Node) error {
	next, err := textsOf(wanted, "ManagedPolicyArns")
	if err != nil {
		return err
	}
	last, err := textsOf(had, "ManagedPolicyArns")
	if err != nil {
		return err
	}
	for _, arn := range last {
		if !contains(next, arn) {
			if err := h.detachOne(ctx, name, arn); err != nil {
				return err
			}
		}
	}
	for _, arn := range next {
		if err := h.tell(ctx, "AttachRolePolicy", &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &arn}); err != nil {
			return err
		}
	}
	return nil
}

func (h roles) detachOne(ctx context.Context, name, arn string) error {
	return absent(h.tell(ctx, "DetachRolePolicy", &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: &arn}), "NoSuchEntity")
}

// inline sets the policies in the role that wanted has and deletes those that only had has.
func (h roles) inline(ctx context.Context, name string, had, wanted *template.Node) error {
	next, err := policiesOf(wanted)
	if err != nil {
		return err
	}
	last, err := policiesOf(had)
	if err != nil {
		return err
	}
	for policy := range last {
		if _, stays := next[policy]; stays {
			continue
		}
		if err := h.deleteOne(ctx, name, policy); err != nil {
			return err
		}
	}
	for policy, body := range next {
		if err := h.tell(ctx, "PutRolePolicy", &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &policy, PolicyDocument: body}); err != nil {
			return err
		}
	}
	return nil
}

func (h roles) deleteOne(ctx context.Context, name, policy string) error {
	return absent(h.tell(ctx, "DeleteRolePolicy", &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &policy}), "NoSuchEntity")
}

// policiesOf are the inline policies of a template, by name.
func policiesOf(n *template.Node) (map[string]*string, error) {
	list := n.Get("Policies")
	if list == nil {
		return nil, nil
	}
	if list.Kind != template.List {
		return nil, wrongType("Policies", "List")
	}
	policies := map[string]*string{}
	for _, item := range list.Items {
		body := document(item.Get("PolicyDocument"))
		if str(item, "PolicyName") == "" || body == nil {
			return nil, wrongType("Policies", "Object with PolicyName and PolicyDocument")
		}
		policies[str(item, "PolicyName")] = body
	}
	return policies, nil
}

func (h roles) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	name := r.PhysicalID
	if changed(r, "AssumeRolePolicyDocument") {
		if err := h.tell(ctx, "UpdateAssumeRolePolicy", &iam.UpdateAssumeRolePolicyInput{
			RoleName: &name, PolicyDocument: document(r.Properties.Get("AssumeRolePolicyDocument")),
		}); err != nil {
			return made, err
		}
	}
	if changed(r, "Description", "MaxSessionDuration") {
		in := &iam.UpdateRoleInput{Description: new(""), MaxSessionDuration: new(int64(maxSession))}
		if err := fill(in, r.Properties); err != nil {
			return made, err
		}
		in.RoleName = &name
		if err := h.tell(ctx, "UpdateRole", in); err != nil {
			return made, err
		}
	}
	if changed(r, "PermissionsBoundary") {
		if err := h.bound(ctx, name, ptr(r.Properties, "PermissionsBoundary")); err != nil {
			return made, err
		}
	}
	if changed(r, "ManagedPolicyArns") {
		if err := h.attach(ctx, name, r.Previous, r.Properties); err != nil {
			return made, err
		}
	}
	if changed(r, "Policies") {
		if err := h.inline(ctx, name, r.Previous, r.Properties); err != nil {
			return made, err
		}
	}
	if err := retag(r,
		func(tags map[string]string) error {
			return h.tell(ctx, "TagRole", &iam.TagRoleInput{RoleName: &name, Tags: pairs(tags, identityTag)})
		},
		func(keys []string) error {
			return h.tell(ctx, "UntagRole", &iam.UntagRoleInput{RoleName: &name, TagKeys: keys})
		}); err != nil {
		return made, err
	}
	d, err := h.describe(ctx, name)
	if err != nil {
		return made, err
	}
	return madeRole(d), nil
}

func (h roles) bound(ctx context.Context, name string, boundary *string) error {
	if boundary == nil {
		return absent(h.tell(ctx, "DeleteRolePermissionsBoundary", &iam.DeleteRolePermissionsBoundaryInput{RoleName: &name}), "NoSuchEntity")
	}
	return h.tell(ctx, "PutRolePermissionsBoundary", &iam.PutRolePermissionsBoundaryInput{RoleName: &name, PermissionsBoundary: boundary})
}

// Delete deletes a role with all policies that it has.
func (h roles) Delete(ctx context.Context, r *cloudformation.Request) error {
	name := r.PhysicalID
	attached, err := ask[iam.ListAttachedRolePoliciesOutput](ctx, h.service, "ListAttachedRolePolicies", &iam.ListAttachedRolePoliciesInput{RoleName: &name})
	if err != nil {
		return absent(err, "NoSuchEntity")
	}
	for _, p := range attached.AttachedPolicies {
		if err := h.detachOne(ctx, name, *p.PolicyArn); err != nil {
			return err
		}
	}
	inline, err := ask[iam.ListRolePoliciesOutput](ctx, h.service, "ListRolePolicies", &iam.ListRolePoliciesInput{RoleName: &name})
	if err != nil {
		return absent(err, "NoSuchEntity")
	}
	for _, policy := range inline.PolicyNames {
		if err := h.deleteOne(ctx, name, policy); err != nil {
			return err
		}
	}
	return absent(h.tell(ctx, "DeleteRole", &iam.DeleteRoleInput{RoleName: &name}), "NoSuchEntity")
}
