package servicecatalog

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"

	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// The types of constraints.
const (
	launchConstraint         = "LAUNCH"
	notificationConstraint   = "NOTIFICATION"
	resourceUpdateConstraint = "RESOURCE_UPDATE"
	stackSetConstraint       = "STACKSET"
	templateConstraint       = "TEMPLATE"
)

// What the parameters of a constraint are, by type.
type (
	// launchParameters name the role in which a product is launched: one of the
	// portfolio's account, or the name of one that each account has.
	launchParameters struct{ RoleArn, LocalRoleName string }

	notificationParameters struct{ NotificationArns []string }

	resourceUpdateParameters struct {
		Version    string
		Properties struct{ TagUpdateOnProvisionedProduct string }
	}

	stackSetParameters struct {
		Version    string
		Properties struct {
			AccountList, RegionList  []string
			AdminRole, ExecutionRole string
		}
	}
)

var (
	roleForm     = regexp.MustCompile(`^arn:aws:iam::([0-9]{12}):role/[\w+=,.@/-]+$`)
	roleNameForm = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	topicForm    = regexp.MustCompile(`^arn:aws:sns:[a-z0-9-]+:[0-9]{12}:[\w.-]{1,256}$`)
)

// parameters reads the parameters of a constraint: all members must be known.
func parameters[T any](document string) (*T, error) {
	v := new(T)
	d := json.NewDecoder(bytes.NewReader([]byte(document)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil || d.More() {
		return nil, invalid("Invalid constraint parameters: %s", document)
	}
	return v, nil
}

// checkConstraint checks the parameters of a constraint. Who names a role must be allowed to
// pass it to Service Catalog.
func (s *Service) checkConstraint(ctx context.Context, kind, document string) error {
	account, region := home(ctx)
	switch kind {
	case launchConstraint:
		p, err := parameters[launchParameters](document)
		switch {
		case err != nil:
			return err
		case (p.RoleArn == "") == (p.LocalRoleName == ""):
			return invalid("A LAUNCH constraint has exactly one of RoleArn and LocalRoleName.")
		case p.LocalRoleName != "" && !roleNameForm.MatchString(p.LocalRoleName):
			return invalid("Invalid LocalRoleName: %s", p.LocalRoleName)
		case p.LocalRoleName != "":
			return s.identity.PassRole(ctx, "arn:aws:iam::"+account+":role/"+p.LocalRoleName, principal)
		case !roleForm.MatchString(p.RoleArn):
			return invalid("Invalid RoleArn: %s", p.RoleArn)
		}
		return s.identity.PassRole(ctx, p.RoleArn, principal)
	case notificationConstraint:
		p, err := parameters[notificationParameters](document)
		if err != nil {
			return err
		}
		if len(p.NotificationArns) == 0 {
			return invalid("A NOTIFICATION constraint has NotificationArns.")
		}
		return checkTopics(p.NotificationArns)
	case resourceUpdateConstraint:
		p, err := parameters[resourceUpdateParameters](document)
		if err != nil {
			return err
		}
		if v := p.Properties.TagUpdateOnProvisionedProduct; p.Version != "2.0" || v != "ALLOWED" && v != "NOT_ALLOWED" {
			return invalid(`A RESOURCE_UPDATE constraint is {"Version":"2.0","Properties":{"TagUpdateOnProvisionedProduct":"ALLOWED"}}, or NOT_ALLOWED.`)
		}
		return nil
	case stackSetConstraint:
		p, err := parameters[stackSetParameters](document)
		switch {
		case err != nil:
			return err
		case p.Properties.AdminRole == "" || p.Properties.ExecutionRole == "" || p.Version == "":
			return invalid("A STACKSET constraint has a Version, an AdminRole and an ExecutionRole.")
		case len(p.Properties.AccountList) != 1 || p.Properties.AccountList[0] != account || len(p.Properties.RegionList) != 1 || p.Properties.RegionList[0] != region:
			return invalid("A STACKSET constraint can name only one account and region here: %s and %s.", account, region)
		case !roleForm.MatchString(p.Properties.AdminRole):
			return invalid("Invalid AdminRole: %s", p.Properties.AdminRole)
		case !roleNameForm.MatchString(p.Properties.ExecutionRole):
			return invalid("Invalid ExecutionRole: %s", p.Properties.ExecutionRole)
		}
		return s.identity.PassRole(ctx, p.Properties.AdminRole, principal)
	case templateConstraint:
		if _, err := template.ParseRules([]byte(document)); err != nil {
			return invalid("Invalid template constraint rules. %s", err)
		}
		return nil
	}
	return invalid("Invalid constraint type: %s", kind)
}

func checkTopics(arns []string) error {
	for _, arn := range arns {
		if !topicForm.MatchString(arn) {
			return invalid("Invalid notification ARN: %s", arn)
		}
	}
	return nil
}
