package identity

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/iam"
)

// CreatePolicyVersion gives a managed policy a new document.
func (s *Service) CreatePolicyVersion(ctx context.Context, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	out := &iam.CreatePolicyVersionOutput{}
	err := s.changing(ctx, "CreatePolicyVersion", in, func(op *operation) error {
		m, err := op.ownManaged(text(in.PolicyArn))
		if err != nil {
			return err
		}
		if len(m.Versions) >= versionsPerPolicy {
			return iam.LimitExceededException("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", versionsPerPolicy)
		}
		if err := m.addVersion(text(in.PolicyDocument), in.SetAsDefault != nil && *in.SetAsDefault, s.now().UTC().Truncate(time.Second)); err != nil {
			return err
		}
		op.putManaged(m)
		out.PolicyVersion = describeVersion(m, m.Versions[len(m.Versions)-1], false)
		return nil
	})
	return out, err
}

// GetPolicyVersion returns a version of a managed policy with its document.
func (s *Service) GetPolicyVersion(ctx context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	out := &iam.GetPolicyVersionOutput{}
	err := s.reading(ctx, "GetPolicyVersion", func(op *operation) error {
		m, err := op.anyManaged(text(in.PolicyArn))
		if err != nil {
			return err
		}
		i, err := m.versionOf(in.VersionId)
		if err != nil {
			return err
		}
		out.PolicyVersion = describeVersion(m, m.Versions[i], true)
		return nil
	})
	return out, err
}

// SetDefaultPolicyVersion makes a version of a managed policy the one that counts.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	return &iam.SetDefaultPolicyVersionOutput{}, s.changing(ctx, "SetDefaultPolicyVersion", in, func(op *operation) error {
		m, err := op.ownManaged(text(in.PolicyArn))
		if err != nil {
			return err
		}
		i, err := m.versionOf(in.VersionId)
		if err != nil {
			return err
		}
		m.Default = m.Versions[i].Number
		m.Updated = s.now().UTC().Truncate(time.Second)
		op.putManaged(m)
		return nil
	})
}

// DeletePolicyVersion deletes a version of a managed policy that is not its default.
func (s *Service) DeletePolicyVersion(ctx context.Context, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	return &iam.DeletePolicyVersionOutput{}, s.changing(ctx, "DeletePolicyVersion", in, func(op *operation) error {
		m, err := op.ownManaged(text(in.PolicyArn))
		if err != nil {
			return err
		}
		i, err := m.versionOf(in.VersionId)
		if err != nil {
			return err
		}
		if m.Versions[i].Number == m.Default {
			return iam.DeleteConflictException("Cannot delete the default version of a policy.")
		}
		m.Versions = slices.Delete(m.Versions, i, i+1)
		op.putManaged(m)
		return nil
	})
}

// ListPolicyVersions lists the versions of a managed policy, the newest first.
func (s *Service) ListPolicyVersions(ctx context.Context, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	out := &iam.ListPolicyVersionsOutput{Versions: []*iam.PolicyVersion{}}
	err := s.reading(ctx, "ListPolicyVersions", func(op *operation) error {
		m, err := op.anyManaged(text(in.PolicyArn))
		if err != nil {
			return err
		}
		versions := slices.Clone(m.Versions)
		slices.Reverse(versions)
		versions, n, err := slice(op, versions, page{in.Marker, in.MaxItems}, policyVersion.id)
		for _, v := range versions {
			out.Versions = append(out.Versions, describeVersion(m, v, false))
		}
		out.IsTruncated, out.Marker = n.truncated, n.marker
		return err
	})
	return out, err
}

// versionOf returns the index of a version by its id, "v2".
func (m *managed) versionOf(id *string) (int, error) {
	if digits, ok := strings.CutPrefix(text(id), "v"); ok {
		if n, err := strconv.Atoi(digits); err == nil {
			if i, ok := m.version(n); ok {
				return i, nil
			}
		}
	}
	return 0, iam.NoSuchEntityException("Policy %s version %s does not exist or is not attachable.", m.arn(), text(id))
}

func describeVersion(m *managed, v policyVersion, withDocument bool) *iam.PolicyVersion {
	d := &iam.PolicyVersion{VersionId: new(v.id()), IsDefaultVersion: new(v.Number == m.Default), CreateDate: new(v.Created)}
	if withDocument {
		d.Document = encoded(v.Document)
	}
	return d
}
