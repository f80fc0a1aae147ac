package ecr

import (
	"context"
	"encoding/json"

	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// record keeps a change of a repository in the audit trail of its account.
func (s *Service) record(ctx context.Context, tx kv.Txn, r *Repository, details map[string]any) {
	kind := "AWS::ECR::Repository"
	if r.Name.Public {
		kind = "AWS::ECR::PublicRepository"
	}
	parameters := map[string]any{"registryId": r.Name.Account, "repositoryName": r.Name.Name}
	for k, v := range details {
		parameters[k] = v
	}
	b, err := json.Marshal(parameters)
	if err != nil {
		panic(err) // texts always have a form
	}
	audit.Record(ctx, tx, audit.Event{
		Account: r.Name.Account, Resources: []audit.Resource{{Type: kind, ARN: r.Name.ARN()}}, Parameters: b,
	})
}

// recordRegistry keeps a change of a registry in the audit trail of its account.
func (s *Service) recordRegistry(ctx context.Context, tx kv.Txn, registry Name, details map[string]any) {
	details["registryId"] = registry.Account
	audit.Record(ctx, tx, audit.Event{Account: registry.Account, Parameters: encode(details)})
}
