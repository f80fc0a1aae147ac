package codeartifact

import (
	"context"
	"net/http"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/wire"
)

// notYet is the answer of an operation that is not there yet.
func notYet(operation string) error {
	return api.Errorf("UnknownOperationException", http.StatusNotFound, wire.NotYet, operation)
}

// AssociateExternalConnection is not there yet.
func (s *Service) AssociateExternalConnection(context.Context, *codeartifact.AssociateExternalConnectionInput) (*codeartifact.AssociateExternalConnectionOutput, error) {
	return nil, notYet("AssociateExternalConnection")
}

// CreatePackageGroup is not there yet.
func (s *Service) CreatePackageGroup(context.Context, *codeartifact.CreatePackageGroupInput) (*codeartifact.CreatePackageGroupOutput, error) {
	return nil, notYet("CreatePackageGroup")
}

// DeletePackageGroup is not there yet.
func (s *Service) DeletePackageGroup(context.Context, *codeartifact.DeletePackageGroupInput) (*codeartifact.DeletePackageGroupOutput, error) {
	return nil, notYet("DeletePackageGroup")
}

// DescribePackageGroup is not there yet.
func (s *Service) DescribePackageGroup(context.Context, *codeartifact.DescribePackageGroupInput) (*codeartifact.DescribePackageGroupOutput, error) {
	return nil, notYet("DescribePackageGroup")
}

// DisassociateExternalConnection is not there yet.
func (s *Service) DisassociateExternalConnection(context.Context, *codeartifact.DisassociateExternalConnectionInput) (*codeartifact.DisassociateExternalConnectionOutput, error) {
	return nil, notYet("DisassociateExternalConnection")
}

// GetAssociatedPackageGroup is not there yet.
func (s *Service) GetAssociatedPackageGroup(context.Context, *codeartifact.GetAssociatedPackageGroupInput) (*codeartifact.GetAssociatedPackageGroupOutput, error) {
	return nil, notYet("GetAssociatedPackageGroup")
}

// ListAllowedRepositoriesForGroup is not there yet.
func (s *Service) ListAllowedRepositoriesForGroup(context.Context, *codeartifact.ListAllowedRepositoriesForGroupInput) (*codeartifact.ListAllowedRepositoriesForGroupOutput, error) {
	return nil, notYet("ListAllowedRepositoriesForGroup")
}

// ListAssociatedPackages is not there yet.
func (s *Service) ListAssociatedPackages(context.Context, *codeartifact.ListAssociatedPackagesInput) (*codeartifact.ListAssociatedPackagesOutput, error) {
	return nil, notYet("ListAssociatedPackages")
}

// ListPackageGroups is not there yet.
func (s *Service) ListPackageGroups(context.Context, *codeartifact.ListPackageGroupsInput) (*codeartifact.ListPackageGroupsOutput, error) {
	return nil, notYet("ListPackageGroups")
}

// ListSubPackageGroups is not there yet.
func (s *Service) ListSubPackageGroups(context.Context, *codeartifact.ListSubPackageGroupsInput) (*codeartifact.ListSubPackageGroupsOutput, error) {
	return nil, notYet("ListSubPackageGroups")
}

// UpdatePackageGroup is not there yet.
func (s *Service) UpdatePackageGroup(context.Context, *codeartifact.UpdatePackageGroupInput) (*codeartifact.UpdatePackageGroupOutput, error) {
	return nil, notYet("UpdatePackageGroup")
}

// UpdatePackageGroupOriginConfiguration is not there yet.
func (s *Service) UpdatePackageGroupOriginConfiguration(context.Context, *codeartifact.UpdatePackageGroupOriginConfigurationInput) (*codeartifact.UpdatePackageGroupOriginConfigurationOutput, error) {
	return nil, notYet("UpdatePackageGroupOriginConfiguration")
}
