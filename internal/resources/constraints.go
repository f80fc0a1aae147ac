package resources

import (
	"context"
	"encoding/json"

	"github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// constraints are the types of what holds for a product in a portfolio: LaunchRole-, LaunchTemplate-,
// LaunchNotification- and ResourceUpdateConstraint. They differ in what they say.
// https://docs.aws.amazon.com/servicecatalog/latest/dg/API_CreateConstraint.html
type constraints struct {
	service
	kind string
	says func(*template.Node) (any, error) // the parameters of the constraint
}

func constraint(s service, name, kind string, says func(*template.Node) (any, error), own ...string) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::ServiceCatalog::" + name,
		Properties: properties(append([]string{"PortfolioId!*", "ProductId!*", "AcceptLanguage", "Description"}, own...)...),
		Handler:    constraints{s, kind, says},
	}
}

func launchRole(s service) *cloudformation.Type {
	return constraint(s, "LaunchRoleConstraint", "LAUNCH", func(p *template.Node) (any, error) {
		role, local := str(p, "RoleArn"), str(p, "LocalRoleName")
		if (role == "") == (local == "") {
			return nil, wrong("One of RoleArn and LocalRoleName must be given, and not both")
		}
		if role != "" {
			return map[string]string{"RoleArn": role}, nil
		}
		return map[string]string{"LocalRoleName": local}, nil
	}, "RoleArn", "LocalRoleName")
}

func launchTemplate(s service) *cloudformation.Type {
	return constraint(s, "LaunchTemplateConstraint", "TEMPLATE", func(p *template.Node) (any, error) {
		return rulesOf(str(p, "Rules"))
	}, "Rules!")
}

// rulesOf are the rules of a template constraint: a template names them alone, the API in a
// member Rules. A template that has that, too, is understood.
func rulesOf(text string) (any, error) {
	var rules map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &rules); err != nil {
		return nil, wrong("The constraint is not valid JSON: %v", err)
	}
	if _, wrapped := rules["Rules"]; wrapped && len(rules) == 1 {
		return rules, nil
	}
	return map[string]any{"Rules": rules}, nil
}

func launchNotification(s service) *cloudformation.Type {
	return constraint(s, "LaunchNotificationConstraint", "NOTIFICATION", func(p *template.Node) (any, error) {
		var says struct{ NotificationArns []string }
		return &says, fill(&says, p)
	}, "NotificationArns!")
}

func resourceUpdate(s service) *cloudformation.Type {
	return constraint(s, "ResourceUpdateConstraint", "RESOURCE_UPDATE", func(p *template.Node) (any, error) {
		return map[string]any{"Version": "2.0", "Properties": map[string]string{"TagUpdateOnProvisionedProduct": str(p, "TagUpdateOnProvisionedProduct")}}, nil
	}, "TagUpdateOnProvisionedProduct!")
}

// parameters are what a constraint says, as its service takes it.
func (h constraints) parameters(p *template.Node) (*string, error) {
	says, err := h.says(p)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(says)
	if err != nil {
		return nil, wrong("The constraint is not valid JSON: %v", err)
	}
	return new(string(b)), nil
}

func (h constraints) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &servicecatalog.CreateConstraintInput{IdempotencyToken: &r.Token, Type: &h.kind}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	if in.Parameters, err = h.parameters(r.Properties); err != nil {
		return made, err
	}
	out, err := ask[servicecatalog.CreateConstraintOutput](ctx, h.service, "CreateConstraint", in)
	if err != nil {
		return made, err
	}
	return cloudformation.Made{PhysicalID: *out.ConstraintDetail.ConstraintId}, nil
}

func (h constraints) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &servicecatalog.UpdateConstraintInput{Id: &r.PhysicalID, Description: ptr(r.Properties, "Description")}
	empty(r, "Description", &in.Description)
	if in.Parameters, err = h.parameters(r.Properties); err != nil {
		return made, err
	}
	return cloudformation.Made{PhysicalID: r.PhysicalID}, h.tell(ctx, "UpdateConstraint", in)
}

func (h constraints) Delete(ctx context.Context, r *cloudformation.Request) error {
	return absent(h.tell(ctx, "DeleteConstraint", &servicecatalog.DeleteConstraintInput{Id: &r.PhysicalID}), "ResourceNotFoundException")
}
