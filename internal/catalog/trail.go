package catalog

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// record keeps a change of a version in the audit trail of the table's account. Its
// resources are all that the version is made of, so that who looks for what became of an
// image finds it.
func (s *Service) record(ctx context.Context, tx kv.Txn, v versionID, r *registration, details map[string]any) {
	parameters := map[string]any{"tableName": tableName(v.table.ARN), "modelId": v.model, "modelVersion": v.version}
	resources := []audit.Resource{{Type: "Modelwharf::Catalog::ModelVersion", ARN: v.arn()}, {Type: "AWS::DynamoDB::Table", ARN: v.table.ARN}}
	if r != nil && r.Image != nil {
		kind := "AWS::ECR::Repository"
		if r.Image.Repository.Public {
			kind = "AWS::ECR::PublicRepository"
		}
		resources = append(resources, audit.Resource{Type: kind, ARN: r.Image.Repository.ARN()})
		parameters["imageDigest"] = r.Image.Digest
	}
	if r != nil && r.Packages != nil {
		resources = append(resources, audit.Resource{Type: "AWS::CodeArtifact::Repository", ARN: r.Packages.Repository.ARN()})
	}
	maps.Copy(parameters, details)
	b, err := json.Marshal(parameters)
	if err != nil {
		panic(err) // texts always have a form
	}
	audit.Record(ctx, tx, audit.Event{Account: accountOf(v.table.ARN), Resources: resources, Parameters: b})
}
