package resources

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// managedPolicy is AWS::IAM::ManagedPolicy.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-managedpolicy.html
func managedPolicy(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::IAM::ManagedPolicy", NamedBy: "ManagedPolicyName", Capability: "CAPABILITY_IAM",
		Properties: properties("ManagedPolicyName*", "Path*", "Description*", "PolicyDocument!", "Groups", "Roles", "Users"),
		Attributes: []string{"PolicyArn", "PolicyId"},
		Handler:    managedPolicies{s},
	}
}

// holders are whom a policy is attached to or put in: the property that names them, and
// how operations do.
var holders = [...]struct{ property, kind string }{{"Groups", "Group"}, {"Roles", "Role"}, {"Users", "User"}}

type managedPolicies struct{ service }

func (h managedPolicies) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &iam.CreatePolicyInput{
		PolicyName: new(named(r, "ManagedPolicyName")), Path: ptr(r.Properties, "Path"), Description: ptr(r.Properties, "Description"),
		PolicyDocument: document(r.Properties.Get("PolicyDocument")), Tags: pairs(r.Tags, identityTag),
	}
	d, err := h.create(ctx, r, in)
	if err != nil {
		return made, err
	}
	made = madePolicy(d)
	return made, h.attach(ctx, *d.Arn, nil, r.Properties)
}

func (h managedPolicies) create(ctx context.Context, r *cloudformation.Request, in *iam.CreatePolicyInput) (*iam.Policy, error) {
	out, err := ask[iam.CreatePolicyOutput](ctx, h.service, "CreatePolicy", in)
	if err == nil {
		return out.Policy, nil
	}
	if !isCode(err, "EntityAlreadyExists") || r.PhysicalID == "" {
		return nil, err
	}
	return h.describe(ctx, r.PhysicalID)
}

func (h managedPolicies) Find(ctx context.Context, r *cloudformation.Request) (string, error) {
	path := str(r.Properties, "Path")
	if path == "" {
		path = "/"
	}
	d, err := h.describe(ctx, "arn:aws:iam::"+r.Account+":policy"+path+named(r, "ManagedPolicyName"))
	if err != nil {
		return found(r, nil, nil, nil, err, "NoSuchEntity")
	}
	return found(r, d.Arn, tagsFrom(d.Tags), d.CreateDate, nil)
}

func (h managedPolicies) describe(ctx context.Context, arn string) (*iam.Policy, error) {
	out, err := ask[iam.GetPolicyOutput](ctx, h.service, "GetPolicy", &iam.GetPolicyInput{PolicyArn: &arn})
	if err != nil {
		return nil, err
	}
	return out.Policy, nil
}

func madePolicy(d *iam.Policy) cloudformation.Made {
	return cloudformation.Made{PhysicalID: *d.Arn, Attributes: attributes("PolicyArn", d.Arn, "PolicyId", d.PolicyId)}
}

// attach attaches a policy to those whom wanted names and detaches it from those whom only
// had names.
func (h managedPolicies) attach(ctx context.Context, arn string, had, wanted *template.Node) error {
	return eachHolder(had, wanted,
		func(kind, name string) error { return h.tell(ctx, "Attach"+kind+"Policy", attachment(kind, name, arn)) },
		func(kind, name string) error {
			return absent(h.tell(ctx, "Detach"+kind+"Policy", detachment(kind, name, arn)), "NoSuchEntity")
		})
}

// eachHolder calls put for whom wanted names and drop for whom only had names.
func eachHolder(had, wanted *template.Node, put, drop func(kind, name string) error) error {
	for _, of := range holders {
		next, err := textsOf(wanted, of.property)
		if err != nil {
			return err
		}
		last, err := textsOf(had, of.property)
		if err != nil {
			return err
		}
		for _, name := range last {
			if !contains(next, name) {
				if err := drop(of.kind, name); err != nil {
					return err
				}
			}
		}
		for _, name := range next {
			if err := put(of.kind, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func attachment(kind, name, arn string) api.Input {
	switch kind {
	case "Group":
		return &iam.AttachGroupPolicyInput{GroupName: &name, PolicyArn: &arn}
	case "Role":
		return &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &arn}
	}
	return &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &arn}
}

func detachment(kind, name, arn string) api.Input {
	switch kind {
	case "Group":
		return &iam.DetachGroupPolicyInput{GroupName: &name, PolicyArn: &arn}
	case "Role":
		return &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: &arn}
	}
	return &iam.DetachUserPolicyInput{UserName: &name, PolicyArn: &arn}
}

func (h managedPolicies) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	arn := r.PhysicalID
	if changed(r, "PolicyDocument") {
		// A policy has five versions at most: those that are not in force make room.
		if err := h.dropVersions(ctx, arn); err != nil {
			return made, err
		}
		if err := h.tell(ctx, "CreatePolicyVersion", &iam.CreatePolicyVersionInput{
			PolicyArn: &arn, PolicyDocument: document(r.Properties.Get("PolicyDocument")), SetAsDefault: new(true),
		}); err != nil {
			return made, err
		}
	}
	if changed(r, "Groups", "Roles", "Users") {
		if err := h.attach(ctx, arn, r.Previous, r.Properties); err != nil {
			return made, err
		}
	}
	d, err := h.describe(ctx, arn)
	if err != nil {
		return made, err
	}
	return madePolicy(d), nil
}

func (h managedPolicies) dropVersions(ctx context.Context, arn string) error {
	list, err := ask[iam.ListPolicyVersionsOutput](ctx, h.service, "ListPolicyVersions", &iam.ListPolicyVersionsInput{PolicyArn: &arn})
	if err != nil {
		return err
	}
	for _, v := range list.Versions {
		if *v.IsDefaultVersion {
			continue
		}
		if err := absent(h.tell(ctx, "DeletePolicyVersion", &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: v.VersionId}), "NoSuchEntity"); err != nil {
			return err
		}
	}
	return nil
}

func (h managedPolicies) Delete(ctx context.Context, r *cloudformation.Request) error {
	if err := h.attach(ctx, r.PhysicalID, r.Properties, nil); err != nil {
		return err
	}
	if err := h.dropVersions(ctx, r.PhysicalID); err != nil {
		return absent(err, "NoSuchEntity")
	}
	return absent(h.tell(ctx, "DeletePolicy", &iam.DeletePolicyInput{PolicyArn: &r.PhysicalID}), "NoSuchEntity")
}

// inlinePolicy is AWS::IAM::Policy, a policy in groups, roles and users.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-policy.html
func inlinePolicy(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::IAM::Policy", Capability: "CAPABILITY_IAM",
		Properties: properties("PolicyName!*", "PolicyDocument!", "Groups", "Roles", "Users"),
		Handler:    inlinePolicies{s},
	}
}

type inlinePolicies struct{ service }

func (h inlinePolicies) Create(ctx context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	made := cloudformation.Made{PhysicalID: r.Name}
	if r.PhysicalID == "" {
		if err := h.free(r.Look(ctx), r.Properties); err != nil {
			return cloudformation.Made{}, err
		}
		if err := r.Began(r.Name); err != nil { // from here on what is there is this one
			return cloudformation.Made{}, err
		}
	}
	return made, h.put(ctx, nil, r.Properties)
}

// free refuses to write over policies that are there: they are another's.
func (h inlinePolicies) free(ctx context.Context, p *template.Node) error {
	policy := str(p, "PolicyName")
	return eachHolder(nil, p, func(kind, name string) error {
		var in api.Input
		switch kind {
		case "Group":
			in = &iam.GetGroupPolicyInput{GroupName: &name, PolicyName: &policy}
		case "Role":
			in = &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &policy}
		default:
			in = &iam.GetUserPolicyInput{UserName: &name, PolicyName: &policy}
		}
		err := h.tell(ctx, "Get"+kind+"Policy", in)
		if err == nil {
			return iam.EntityAlreadyExistsException("The policy %s already exists on the %s %s.", policy, kind, name)
		}
		return absent(err, "NoSuchEntity")
	}, nil)
}

func (h inlinePolicies) put(ctx context.Context, had, wanted *template.Node) error {
	policy, body := str(wanted, "PolicyName"), document(wanted.Get("PolicyDocument"))
	if wanted == nil {
		policy = str(had, "PolicyName")
	}
	return eachHolder(had, wanted,
		func(kind, name string) error {
			var in api.Input
			switch kind {
			case "Group":
				in = &iam.PutGroupPolicyInput{GroupName: &name, PolicyName: &policy, PolicyDocument: body}
			case "Role":
				in = &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &policy, PolicyDocument: body}
			default:
				in = &iam.PutUserPolicyInput{UserName: &name, PolicyName: &policy, PolicyDocument: body}
			}
			return h.tell(ctx, "Put"+kind+"Policy", in)
		},
		func(kind, name string) error {
			var in api.Input
			switch kind {
			case "Group":
				in = &iam.DeleteGroupPolicyInput{GroupName: &name, PolicyName: &policy}
			case "Role":
				in = &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &policy}
			default:
				in = &iam.DeleteUserPolicyInput{UserName: &name, PolicyName: &policy}
			}
			return absent(h.tell(ctx, "Delete"+kind+"Policy", in), "NoSuchEntity")
		})
}

func (h inlinePolicies) Update(ctx context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	return cloudformation.Made{PhysicalID: r.PhysicalID}, h.put(ctx, r.Previous, r.Properties)
}

func (h inlinePolicies) Delete(ctx context.Context, r *cloudformation.Request) error {
	return h.put(ctx, r.Properties, nil)
}
