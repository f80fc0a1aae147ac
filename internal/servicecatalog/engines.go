package servicecatalog

import (
	"context"

	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
)

// The engines of other types of products (Terraform, external) report here on AWS. Such
// products cannot be made here, so no workflow has any of the tokens.

func (s *Service) noWorkflow(ctx context.Context, action, token string) error {
	if err := s.ask(ctx, action, "*", nil); err != nil {
		return err
	}
	return missing("Workflow %s not found.", token)
}

// NotifyProvisionProductEngineWorkflowResult finds no workflow.
func (s *Service) NotifyProvisionProductEngineWorkflowResult(ctx context.Context, in *shapes.NotifyProvisionProductEngineWorkflowResultInput) (*shapes.NotifyProvisionProductEngineWorkflowResultOutput, error) {
	return nil, s.noWorkflow(ctx, "NotifyProvisionProductEngineWorkflowResult", *in.WorkflowToken)
}

// NotifyTerminateProvisionedProductEngineWorkflowResult finds no workflow.
func (s *Service) NotifyTerminateProvisionedProductEngineWorkflowResult(ctx context.Context, in *shapes.NotifyTerminateProvisionedProductEngineWorkflowResultInput) (*shapes.NotifyTerminateProvisionedProductEngineWorkflowResultOutput, error) {
	return nil, s.noWorkflow(ctx, "NotifyTerminateProvisionedProductEngineWorkflowResult", *in.WorkflowToken)
}

// NotifyUpdateProvisionedProductEngineWorkflowResult finds no workflow.
func (s *Service) NotifyUpdateProvisionedProductEngineWorkflowResult(ctx context.Context, in *shapes.NotifyUpdateProvisionedProductEngineWorkflowResultInput) (*shapes.NotifyUpdateProvisionedProductEngineWorkflowResultOutput, error) {
	return nil, s.noWorkflow(ctx, "NotifyUpdateProvisionedProductEngineWorkflowResult", *in.WorkflowToken)
}
