package dynamodb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// maxPolicy is how many bytes a policy has, spaces included.
const maxPolicy = 20480

// policyStatement is a statement of a policy in the order in which AWS gives its
// members back.
type policyStatement struct {
	Sid          any `json:",omitempty"`
	Effect       any `json:",omitempty"`
	Principal    any `json:",omitempty"`
	NotPrincipal any `json:",omitempty"`
	Action       any `json:",omitempty"`
	NotAction    any `json:",omitempty"`
	Resource     any `json:",omitempty"`
	NotResource  any `json:",omitempty"`
	Condition    any `json:",omitempty"`
}

type policyDocument struct {
	Version   string
	ID        any `json:"Id,omitempty"`
	Statement []policyStatement
}

// canonicalPolicy checks a policy of what one can do certain actions to, and returns it in the form in which AWS
// keeps and compares it: without spaces, members in a fixed order, lists of one as
// what is in them, accounts as the ARNs of their roots.
func (s *Service) canonicalPolicy(ctx context.Context, document string, actions []string) (p resourcePolicy, err error) {
	if len(document) > maxPolicy {
		return p, invalid("Maximum policy size of %d bytes exceeded", maxPolicy)
	}
	ids, unknown, parseErr := s.identity.ResourcePolicyPrincipals(ctx, []byte(document))
	malformed, ok := errors.AsType[*policy.MalformedError](parseErr)
	if parseErr != nil && !ok {
		return p, parseErr
	}
	canonical, err := parsePolicy(document, actions)
	switch {
	case err != nil:
		return p, err
	case malformed != nil:
		return p, badPolicy("%s", malformed.Message)
	case len(unknown) > 0:
		return p, invalid("Invalid principal in policy document.")
	}
	return resourcePolicy{Document: string(canonical), Principals: ids}, nil
}

// badPolicy is the ValidationException of a document that is no policy.
func badPolicy(format string, args ...any) error {
	return invalid("Invalid policy document: "+format, args...)
}

// parsePolicy does the part of canonicalPolicy that depends on the document alone.
func parsePolicy(document string, actions []string) ([]byte, error) {
	var top struct {
		Version   *string
		ID        any `json:"Id"`
		Statement any
	}
	if err := json.Unmarshal([]byte(document), &top); err != nil {
		return nil, badPolicy("This policy contains invalid Json")
	}
	list, ok := top.Statement.([]any)
	if !ok && top.Statement != nil {
		list = []any{top.Statement}
	}
	if len(list) == 0 {
		return nil, badPolicy("Could not parse the policy: Statement is empty!")
	}
	doc := policyDocument{Version: "2008-10-17", ID: top.ID, Statement: make([]policyStatement, len(list))}
	if top.Version != nil {
		doc.Version = *top.Version
	}
	sids := map[any]bool{}
	var unknown []string
	for i, v := range list {
		members, ok := v.(map[string]any)
		if !ok {
			return nil, badPolicy("Could not parse the policy: Statement is not an object")
		}
		st := statementOfPolicy(members)
		if st.Sid != nil && sids[fmt.Sprint(st.Sid)] {
			return nil, badPolicy("The Statement Ids in the policy are not unique")
		}
		sids[fmt.Sprint(st.Sid)] = true
		if err := st.check(); err != nil {
			return nil, err
		}
		for _, action := range append(textsOf(st.Action), textsOf(st.NotAction)...) {
			if !knownAction(action, actions) {
				unknown = append(unknown, `"`+action+`"`)
			}
		}
		doc.Statement[i] = st
	}
	if unknown != nil {
		return nil, badPolicy("The following action names are invalid: %s", strings.Join(unknown, ", "))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(doc); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

func statementOfPolicy(m map[string]any) policyStatement {
	return policyStatement{
		Sid: m["Sid"], Effect: m["Effect"], Principal: principalOf(m["Principal"]), NotPrincipal: principalOf(m["NotPrincipal"]),
		Action: single(m["Action"]), NotAction: single(m["NotAction"]), Resource: single(m["Resource"]), NotResource: single(m["NotResource"]),
		Condition: m["Condition"],
	}
}

// check refuses what DynamoDB does not take although it is a policy.
func (st *policyStatement) check() error {
	for _, required := range []struct {
		name  string
		there bool
	}{
		{"Effect", st.Effect != nil},
		{"Principal", st.Principal != nil || st.NotPrincipal != nil},
		{"Action", st.Action != nil || st.NotAction != nil},
		{"Resource", st.Resource != nil || st.NotResource != nil},
	} {
		if !required.there {
			return badPolicy("Missing required field %s", required.name)
		}
	}
	everyone := st.Principal == "*"
	if p, ok := st.Principal.(map[string]any); ok {
		everyone = slices.Contains(textsOf(p["AWS"]), "*")
		for _, name := range textsOf(p["Service"]) {
			if !slices.Contains(servicePrincipals, name) {
				return badPolicy("Policy contains invalid service principal")
			}
		}
	}
	if everyone && st.Effect == "Allow" && st.Condition == nil {
		return api.ValidationException("Resource-based policy grants unbounded access in one or more elements. " +
			"Please revise the policy to ensure least-privilege form of access")
	}
	return nil
}

// servicePrincipals are the services that a table's policy may name.
var servicePrincipals = []string{"redshift.amazonaws.com", "replication.dynamodb.amazonaws.com"}

// single returns what is in a list of one, and anything else as it is.
func single(v any) any {
	if list, ok := v.([]any); ok && len(list) == 1 {
		return list[0]
	}
	return v
}

// principalOf returns a Principal with the ARNs of roots for accounts, and nobody
// twice.
func principalOf(v any) any {
	kinds, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := make(map[string]any, len(kinds))
	for kind, names := range kinds {
		list, ok := names.([]any)
		if !ok {
			list = []any{names}
		}
		var unique []any
		for _, name := range list {
			if id, ok := name.(string); ok && kind == "AWS" && isAccount(id) {
				name = "arn:aws:iam::" + id + ":root"
			}
			if _, text := name.(string); !text || !slices.Contains(unique, name) {
				unique = append(unique, name)
			}
		}
		out[kind] = single(unique)
	}
	return out
}

// textsOf returns the texts of a list or of a single one.
func textsOf(v any) (texts []string) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, x := range list {
		if s, ok := x.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

// tableActions are what a table's policy can allow or deny, in lower case.
var tableActions = strings.Fields(strings.ToLower(`
	dynamodb:BatchGetItem dynamodb:BatchWriteItem dynamodb:ConditionCheckItem dynamodb:DeleteItem dynamodb:GetItem
	dynamodb:PutItem dynamodb:Query dynamodb:Scan dynamodb:UpdateItem
	dynamodb:PartiQLDelete dynamodb:PartiQLInsert dynamodb:PartiQLSelect dynamodb:PartiQLUpdate
	dynamodb:DescribeTable dynamodb:UpdateTable dynamodb:DeleteTable
	dynamodb:DescribeTimeToLive dynamodb:UpdateTimeToLive
	dynamodb:DescribeContinuousBackups dynamodb:UpdateContinuousBackups dynamodb:CreateBackup dynamodb:RestoreTableToPointInTime
	dynamodb:ExportTableToPointInTime
	dynamodb:ListTagsOfResource dynamodb:TagResource dynamodb:UntagResource
	dynamodb:GetResourcePolicy dynamodb:PutResourcePolicy dynamodb:DeleteResourcePolicy
	dynamodb:DescribeContributorInsights dynamodb:UpdateContributorInsights
	dynamodb:DescribeKinesisStreamingDestination dynamodb:EnableKinesisStreamingDestination
	dynamodb:DisableKinesisStreamingDestination dynamodb:UpdateKinesisStreamingDestination
	dynamodb:DescribeTableReplicaAutoScaling dynamodb:UpdateTableReplicaAutoScaling`))

// streamActions are what a stream's can.
var streamActions = strings.Fields(strings.ToLower(`
	dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator
	dynamodb:GetResourcePolicy dynamodb:PutResourcePolicy dynamodb:DeleteResourcePolicy`))

// knownAction reports whether a policy may name an action: one of those given, or more
// of them with wildcards. Anything else is a mistake.
func knownAction(name string, actions []string) bool {
	name = strings.ToLower(name)
	if name == "*" {
		return true
	}
	return strings.HasPrefix(name, "dynamodb:") &&
		slices.ContainsFunc(actions, func(a string) bool { return policy.Matches(name, a) })
}
