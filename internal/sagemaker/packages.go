package sagemaker

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// modelPackage is a model package as it is stored: a version in a group, or one by itself.
type modelPackage struct {
	Name     string    `json:"name"` // its own, or its group's
	Version  int64     `json:"version,omitempty"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	By       string    `json:"by"`
	// ModifiedBy is who said last whether it is approved, or anything else of it.
	ModifiedBy string `json:"modifiedBy,omitempty"`
	Approval   string `json:"approval,omitempty"`
	Why        string `json:"why,omitempty"` // the description of the approval
	// Digests are those that the images of its containers had when it was made.
	Digests  []string                                                              `json:"digests"`
	Request  kept[shapes.CreateModelPackageInput, *shapes.CreateModelPackageInput] `json:"request"`
	Tags     map[string]string                                                     `json:"tags,omitempty"`
	Metadata map[string]string                                                     `json:"metadata,omitempty"`
}

// The states of an approval.
const (
	approved = "Approved"
	pending  = "PendingManualApproval"
)

// packagesKey is what the keys of a group's packages begin with.
func (n resource) packagesKey() []byte {
	return tuple.AppendString(keysOf(packageKind, n.account, n.region), n.name)
}

func (p *modelPackage) resource(ctx context.Context) resource {
	n := here(ctx, packageKind, p.Name)
	if p.Version > 0 {
		n.name += "/" + strconv.FormatInt(p.Version, 10)
	}
	return n
}

func packageEntry(p *modelPackage) entry {
	return entry{name: p.Name + "/" + strconv.FormatInt(p.Version, 10), status: p.Approval, created: p.Created}
}

func noPackage(arn string) error { return invalid("ModelPackage %s does not exist.", arn) }

// packageOf is the package that a name or an ARN names.
func packageOf(ctx context.Context, nameOrARN string) (resource, error) {
	if !strings.HasPrefix(nameOrARN, "arn:") {
		return here(ctx, packageKind, nameOrARN), nil
	}
	n, ok := parseARN(ctx, nameOrARN)
	if !ok || n.kind != packageKind {
		return n, invalid("Invalid ARN: %s is not that of a model package in this account and region.", nameOrARN)
	}
	return n, nil
}

// findPackage authorizes an action on a package that must be there.
func (s *Service) findPackage(ctx context.Context, action, name string) (*modelPackage, resource, error) {
	n, err := packageOf(ctx, name)
	if err != nil {
		return nil, n, err
	}
	var p *modelPackage
	err = s.view(ctx, func(tx kv.Reader) (err error) {
		p, err = read[modelPackage](ctx, tx, n.key())
		return err
	})
	if err != nil {
		return nil, n, err
	}
	var tags map[string]string
	if p != nil {
		tags = p.Tags
	}
	if err := s.ask(ctx, action, n, tags); err != nil {
		return nil, n, err
	}
	if p == nil {
		return nil, n, noPackage(n.arn())
	}
	return p, n, nil
}

// CreateModelPackage makes a model package: the next version of a group, or one by itself.
func (s *Service) CreateModelPackage(ctx context.Context, in *shapes.CreateModelPackageInput) (*shapes.CreateModelPackageOutput, error) {
	tags, err := tagsOf(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	var group resource
	p := &modelPackage{
		Name: text(in.ModelPackageName), Created: s.instant(), By: api.RequestOf(ctx).Caller.ARN, Approval: text(in.ModelApprovalStatus),
		Request: keep(in), Tags: tags, Metadata: maps.Clone(in.CustomerMetadataProperties),
	}
	p.Modified = p.Created
	switch {
	case in.ModelPackageGroupName != nil && in.ModelPackageName != nil:
		return nil, invalid("Specify either ModelPackageName or ModelPackageGroupName, not both.")
	case in.ModelPackageGroupName != nil:
		if len(tags) > 0 {
			return nil, invalid("Tags cannot be given to a version of a model package: give them to its group.")
		}
		var g *packageGroup
		if g, group, err = s.findGroup(ctx, "CreateModelPackage", *in.ModelPackageGroupName); err != nil {
			return nil, err
		}
		p.Name = g.Name
		if p.Approval == "" {
			p.Approval = pending
		}
	case in.ModelPackageName != nil:
		if err := s.ask(ctx, "CreateModelPackage", here(ctx, packageKind, p.Name), nil, requestTags(tags)); err != nil {
			return nil, err
		}
	default:
		return nil, invalid("Either ModelPackageName or ModelPackageGroupName must be specified.")
	}
	if p.Digests, err = s.packagedImages(ctx, in.InferenceSpecification); err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		if group.name != "" {
			g, err := read[packageGroup](ctx, tx, group.key())
			if err != nil {
				return err
			}
			if g == nil {
				return noGroup(group)
			}
			p.Version = g.Last + 1
			if again, err := once(ctx, tx, text(in.ClientToken), p); again || err != nil {
				return err
			}
			g.Last++
			if err := put(tx, group.key(), g); err != nil {
				return err
			}
		} else if again, err := once(ctx, tx, text(in.ClientToken), p); again || err != nil {
			return err
		}
		n := p.resource(ctx)
		old, err := tx.Get(ctx, n.key())
		if err != nil {
			return err
		}
		if old != nil {
			return conflict("Model package already exists: %s", n.arn())
		}
		record(ctx, tx, n, map[string]any{"modelPackageName": p.Name, "version": p.Version, "modelApprovalStatus": p.Approval})
		return put(tx, n.key(), p)
	})
	return &shapes.CreateModelPackageOutput{ModelPackageArn: new(p.resource(ctx).arn())}, err
}

// DescribeModelPackage describes a package.
func (s *Service) DescribeModelPackage(ctx context.Context, in *shapes.DescribeModelPackageInput) (*shapes.DescribeModelPackageOutput, error) {
	p, n, err := s.findPackage(ctx, "DescribeModelPackage", *in.ModelPackageName)
	if err != nil {
		return nil, err
	}
	q := p.Request.Shape
	out := &shapes.DescribeModelPackageOutput{
		ModelPackageName: new(p.Name), ModelPackageArn: new(n.arn()), ModelPackageDescription: q.ModelPackageDescription, CreationTime: new(p.Created),
		InferenceSpecification: p.specification(), SourceAlgorithmSpecification: q.SourceAlgorithmSpecification, ValidationSpecification: q.ValidationSpecification,
		ModelPackageStatus: new("Completed"), ModelPackageStatusDetails: &shapes.ModelPackageStatusDetails{ValidationStatuses: []*shapes.ModelPackageStatusItem{}},
		CertifyForMarketplace: q.CertifyForMarketplace, ModelApprovalStatus: optional(p.Approval), CreatedBy: &shapes.UserContext{UserProfileArn: new(p.By)},
		MetadataProperties: q.MetadataProperties, ModelMetrics: q.ModelMetrics, LastModifiedTime: new(p.Modified), ApprovalDescription: optional(p.Why),
		Domain: q.Domain, Task: q.Task, SamplePayloadUrl: q.SamplePayloadUrl, CustomerMetadataProperties: p.Metadata, DriftCheckBaselines: q.DriftCheckBaselines,
		AdditionalInferenceSpecifications: q.AdditionalInferenceSpecifications, SkipModelValidation: q.SkipModelValidation, SourceUri: q.SourceUri, ModelCard: q.ModelCard,
		ModelLifeCycle: q.ModelLifeCycle, ModelPackageRegistrationType: q.ModelPackageRegistrationType,
	}
	if p.ModifiedBy != "" {
		out.LastModifiedBy = &shapes.UserContext{UserProfileArn: new(p.ModifiedBy)}
	}
	if p.Version > 0 {
		out.ModelPackageGroupName, out.ModelPackageVersion = new(p.Name), new(p.Version)
	}
	return out, nil
}

// BatchDescribeModelPackage describes packages; those that are not there, or that the caller
// may not see, are told by themselves.
func (s *Service) BatchDescribeModelPackage(ctx context.Context, in *shapes.BatchDescribeModelPackageInput) (*shapes.BatchDescribeModelPackageOutput, error) {
	out := &shapes.BatchDescribeModelPackageOutput{ModelPackageSummaries: map[string]*shapes.BatchDescribeModelPackageSummary{}}
	for _, arn := range in.ModelPackageArnList {
		p, n, err := s.findPackage(ctx, "BatchDescribeModelPackage", arn)
		if err != nil {
			e := api.AsError(err)
			if e.HTTPStatus() >= 500 {
				return nil, err
			}
			if out.BatchDescribeModelPackageErrorMap == nil {
				out.BatchDescribeModelPackageErrorMap = map[string]*shapes.BatchDescribeModelPackageError{}
			}
			out.BatchDescribeModelPackageErrorMap[arn] = &shapes.BatchDescribeModelPackageError{ErrorCode: new(e.Code), ErrorResponse: new(e.Message)}
			continue
		}
		out.ModelPackageSummaries[arn] = &shapes.BatchDescribeModelPackageSummary{
			ModelPackageGroupName: new(p.Name), ModelPackageVersion: new(p.Version), ModelPackageArn: new(n.arn()),
			ModelPackageDescription: p.Request.Shape.ModelPackageDescription, CreationTime: new(p.Created), InferenceSpecification: p.specification(),
			ModelPackageStatus: new("Completed"), ModelApprovalStatus: optional(p.Approval),
		}
	}
	return out, nil
}

// ListModelPackages lists the packages of a group, or those that are in none.
func (s *Service) ListModelPackages(ctx context.Context, in *shapes.ListModelPackagesInput) (*shapes.ListModelPackagesOutput, error) {
	l := listing{
		kind: packageKind, sortBy: in.SortBy, sortOrder: in.SortOrder, contains: in.NameContains, size: in.MaxResults, token: in.NextToken,
		createdBefore: in.CreationTimeBefore, createdAfter: in.CreationTimeAfter, status: in.ModelApprovalStatus,
		parameters: []string{text(in.ModelPackageType), text(in.ModelPackageGroupName)},
	}
	fits := func(p *modelPackage) bool {
		switch text(in.ModelPackageType) {
		case "Versioned":
			return p.Version > 0
		case "Both":
			return true
		}
		return p.Version == 0
	}
	if in.ModelPackageGroupName != nil {
		_, n, err := s.findGroup(ctx, "ListModelPackages", *in.ModelPackageGroupName)
		if err != nil {
			return nil, err
		}
		l.beneath = []string{n.name}
		fits = func(p *modelPackage) bool { return p.Version > 0 }
	} else if err := s.askList(ctx, "ListModelPackages"); err != nil {
		return nil, err
	}
	found, next, err := list(ctx, s, l, packageEntry, fits)
	out := &shapes.ListModelPackagesOutput{ModelPackageSummaryList: []*shapes.ModelPackageSummary{}, NextToken: next}
	for _, p := range found {
		x := &shapes.ModelPackageSummary{
			ModelPackageArn: new(p.resource(ctx).arn()), ModelPackageDescription: p.Request.Shape.ModelPackageDescription, CreationTime: new(p.Created),
			ModelPackageStatus: new("Completed"), ModelApprovalStatus: optional(p.Approval),
		}
		if p.Version > 0 {
			x.ModelPackageGroupName, x.ModelPackageVersion = new(p.Name), new(p.Version)
		} else {
			x.ModelPackageName = new(p.Name)
		}
		out.ModelPackageSummaryList = append(out.ModelPackageSummaryList, x)
	}
	return out, err
}

// UpdateModelPackage approves or rejects a package, or changes its metadata.
func (s *Service) UpdateModelPackage(ctx context.Context, in *shapes.UpdateModelPackageInput) (*shapes.UpdateModelPackageOutput, error) {
	_, n, err := s.findPackage(ctx, "UpdateModelPackage", *in.ModelPackageArn)
	if err != nil {
		return nil, err
	}
	for _, x := range []struct {
		name  string
		asked bool
	}{
		{"InferenceSpecification of a package that exists", in.InferenceSpecification != nil},
		{"AdditionalInferenceSpecificationsToAdd", len(in.AdditionalInferenceSpecificationsToAdd) > 0},
		{"ModelLifeCycle", in.ModelLifeCycle != nil},
	} {
		if x.asked {
			return nil, notHere(x.name)
		}
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		p, err := read[modelPackage](ctx, tx, n.key())
		if err != nil {
			return err
		}
		if p == nil {
			return noPackage(n.arn())
		}
		if in.ModelApprovalStatus != nil {
			p.Approval = *in.ModelApprovalStatus
		}
		if in.ApprovalDescription != nil {
			p.Why = *in.ApprovalDescription
		}
		if p.Metadata == nil {
			p.Metadata = map[string]string{}
		}
		maps.Copy(p.Metadata, in.CustomerMetadataProperties)
		for _, k := range in.CustomerMetadataPropertiesToRemove {
			delete(p.Metadata, k)
		}
		if in.SourceUri != nil {
			p.Request.Shape.SourceUri = in.SourceUri
		}
		if in.ModelCard != nil {
			p.Request.Shape.ModelCard = in.ModelCard
		}
		p.Modified, p.ModifiedBy = s.instant(), api.RequestOf(ctx).Caller.ARN
		record(ctx, tx, n, map[string]any{"modelPackageArn": n.arn(), "modelApprovalStatus": p.Approval, "approvalDescription": p.Why})
		return put(tx, n.key(), p)
	})
	return &shapes.UpdateModelPackageOutput{ModelPackageArn: new(n.arn())}, err
}

// DeleteModelPackage deletes a package. Its version is never given to another one.
func (s *Service) DeleteModelPackage(ctx context.Context, in *shapes.DeleteModelPackageInput) (*shapes.DeleteModelPackageOutput, error) {
	_, n, err := s.findPackage(ctx, "DeleteModelPackage", *in.ModelPackageName)
	if err != nil {
		return nil, err
	}
	return &shapes.DeleteModelPackageOutput{}, s.remove(ctx, n, func(n resource) error { return noPackage(n.arn()) })
}
