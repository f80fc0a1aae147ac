package sagemaker_test

import (
	"strconv"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// A version of a model package is deployed once it is approved.
func TestModelPackagesAreApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.models.CreateModelPackageGroup(ctx, &sdk.CreateModelPackageGroupInput{ModelPackageGroupName: new("irises"), ModelPackageGroupDescription: new("flowers")})
	w.must(err)
	var arns []string
	for _, tag := range []string{"1", "2"} {
		out, err := w.models.CreateModelPackage(ctx, &sdk.CreateModelPackageInput{
			ModelPackageGroupName: new("irises"), ClientToken: new("token-" + tag),
			InferenceSpecification: &types.InferenceSpecification{Containers: []types.ModelPackageContainerDefinition{{Image: new(w.image(tag)), Environment: map[string]string{"FROM": "package"}}}},
		})
		w.must(err)
		again, err := w.models.CreateModelPackage(ctx, &sdk.CreateModelPackageInput{ModelPackageGroupName: new("irises"), ClientToken: new("token-" + tag)})
		w.must(err)
		if *again.ModelPackageArn != *out.ModelPackageArn {
			t.Errorf("%s and %s", *out.ModelPackageArn, *again.ModelPackageArn)
		}
		arns = append(arns, *out.ModelPackageArn)
	}
	if arns[1] != "arn:aws:sagemaker:us-east-1:000000000000:model-package/irises/2" {
		t.Error(arns)
	}
	d, err := w.models.DescribeModelPackage(ctx, &sdk.DescribeModelPackageInput{ModelPackageName: &arns[1]})
	w.must(err)
	if d.ModelApprovalStatus != types.ModelApprovalStatusPendingManualApproval || *d.ModelPackageVersion != 2 || d.InferenceSpecification.Containers[0].ImageDigest == nil {
		t.Errorf("%+v", d)
	}
	model := &sdk.CreateModelInput{ModelName: new("m"), ExecutionRoleArn: new(role), PrimaryContainer: &types.ContainerDefinition{ModelPackageName: &arns[1]}}
	_, err = w.models.CreateModel(ctx, model)
	w.refused(err, "ValidationException", "its approval status is PendingManualApproval")
	_, err = w.models.UpdateModelPackage(ctx, &sdk.UpdateModelPackageInput{ModelPackageArn: &arns[1], ModelApprovalStatus: types.ModelApprovalStatusApproved, ApprovalDescription: new("seen")})
	w.must(err)
	_, err = w.models.CreateModel(ctx, model)
	w.must(err)
	w.config("c", variantOf("all", "m", 1, 1))
	_, err = w.models.CreateEndpoint(ctx, &sdk.CreateEndpointInput{EndpointName: new("e"), EndpointConfigName: new("c")})
	w.must(err)
	w.settled("e", types.EndpointStatusInService)
	if got := w.ask("e", "x"); got != "x from 2" {
		t.Error(got)
	}
	for _, c := range []struct {
		status types.ModelApprovalStatus
		want   int
	}{{"", 2}, {types.ModelApprovalStatusApproved, 1}} {
		list, err := w.models.ListModelPackages(ctx, &sdk.ListModelPackagesInput{ModelPackageGroupName: new("irises"), ModelApprovalStatus: c.status})
		w.must(err)
		if len(list.ModelPackageSummaryList) != c.want {
			t.Errorf("%q: %d", c.status, len(list.ModelPackageSummaryList))
		}
	}
	_, err = w.models.DeleteModelPackageGroup(ctx, &sdk.DeleteModelPackageGroupInput{ModelPackageGroupName: new("irises")})
	w.refused(err, "ConflictException", "it has model packages")
	for _, arn := range arns {
		_, err := w.models.DeleteModelPackage(ctx, &sdk.DeleteModelPackageInput{ModelPackageName: &arn})
		w.must(err)
	}
	_, err = w.models.DeleteModelPackageGroup(ctx, &sdk.DeleteModelPackageGroupInput{ModelPackageGroupName: new("irises")})
	w.must(err)
}

// Lists are in pages, in the order that is asked for, and filtered.
func TestLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 7 {
		w.model("model-"+strconv.Itoa(i), "1")
	}
	w.model("other", "1")
	var names []string
	pages := sdk.NewListModelsPaginator(w.models, &sdk.ListModelsInput{MaxResults: new(int32(3)), NameContains: new("MODEL"), SortBy: types.ModelSortKeyName, SortOrder: types.OrderKeyAscending})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		w.must(err)
		if len(page.Models) > 3 {
			t.Errorf("%d in a page", len(page.Models))
		}
		for _, m := range page.Models {
			names = append(names, *m.ModelName)
		}
	}
	if len(names) != 7 || names[0] != "model-0" || names[6] != "model-6" {
		t.Error(names)
	}
	_, err := w.models.ListModels(t.Context(), &sdk.ListModelsInput{NextToken: new("nonsense")})
	w.refused(err, "ValidationException", "NextToken")
}
