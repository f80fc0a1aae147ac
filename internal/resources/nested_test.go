package resources_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamo "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/modelwharf/modelwharf/internal/server"
)

const outer = `
Parameters:
  Base: {Type: String}
  Child: {Type: String}
Resources:
  Inner:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: !Sub ${Base}/${Child}.yaml
      Tags: [{Key: Team, Value: data}]
Outputs:
  Arn: {Value: !GetAtt Inner.Outputs.Arn}
  Inner: {Value: !Ref Inner}
`

func TestStacksInStacks(t *testing.T) {
	t.Parallel()
	templates := map[string]string{
		"/one.yaml":    oneTable,
		"/two.yaml":    strings.Replace(oneTable, "BillingMode: PAY", "DeletionProtectionEnabled: false\n      TableClass: STANDARD_INFREQUENT_ACCESS\n      BillingMode: PAY", 1),
		"/broken.yaml": strings.Replace(oneTable, "TableName: catalog", "TableName: c", 1),
	}
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if templates[r.URL.Path] == "" {
			http.NotFound(rw, r)
			return
		}
		_, _ = rw.Write([]byte(templates[r.URL.Path]))
	}))
	t.Cleanup(web.Close)
	w := newWorld(t, func(c *server.Config) { c.AllowEgress = []string{"127.0.0.1"} })
	before := w.inventory()
	with := func(child string) []types.Parameter {
		return []types.Parameter{{ParameterKey: aws.String("Base"), ParameterValue: &web.URL}, {ParameterKey: aws.String("Child"), ParameterValue: &child}}
	}
	w.create("outer", outer, func(in *cloudformation.CreateStackInput) { in.Parameters = with("one") })
	st := w.want("outer", "CREATE_COMPLETE")
	out := outputs(st)
	if !strings.HasSuffix(out["Arn"], ":table/catalog") {
		t.Errorf("outputs are %v", out)
	}
	inner := w.describe(out["Inner"])
	if aws.ToString(inner.ParentId) != *st.StackId || aws.ToString(inner.RootId) != *st.StackId {
		t.Errorf("the parent is %v, the root %v", inner.ParentId, inner.RootId)
	}
	change := func(child string, status types.StackStatus) {
		t.Helper()
		if _, err := w.stacks.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("outer"), UsePreviousTemplate: aws.Bool(true), Parameters: with(child)}); err != nil {
			t.Fatal(err)
		}
		w.want("outer", status)
	}
	change("two", "UPDATE_COMPLETE")
	change("broken", "UPDATE_ROLLBACK_COMPLETE")
	change("missing", "UPDATE_ROLLBACK_COMPLETE")
	change("one", "UPDATE_COMPLETE")
	w.delete("outer")
	w.want(out["Inner"], "DELETE_COMPLETE")
	w.wantInventory(before)
}

// TestARollbackFindsWhatStacksInStacksHad: an inner stack deletes what it replaced only when
// all of the tree is updated. Before that a roll-back finds it, with what is in it.
func TestARollbackFindsWhatStacksInStacksHad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.inventory()
	w.object("one.yaml", oneTable)
	w.object("two.yaml", strings.Replace(oneTable, "TableName: catalog", "TableName: catalog-two", 1))
	middle := w.object("middle.yaml", outer)
	tree := strings.Replace(outer, "!Sub ${Base}/${Child}.yaml", middle+"\n      Parameters: {Base: !Ref Base, Child: !Ref Child}", 1)
	with := func(child string) []types.Parameter {
		return []types.Parameter{{ParameterKey: aws.String("Base"), ParameterValue: aws.String(w.server.URL() + "/templates")}, {ParameterKey: aws.String("Child"), ParameterValue: &child}}
	}
	w.create("tree", tree, func(in *cloudformation.CreateStackInput) { in.Parameters = with("one") })
	w.want("tree", types.StackStatusCreateComplete)
	tables := dynamodb.NewFromConfig(w.server.AWS())
	key := map[string]dynamo.AttributeValue{"id": &dynamo.AttributeValueMemberS{Value: "kept"}}
	if _, err := tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("catalog"), Item: key}); err != nil {
		t.Fatal(err)
	}
	was := w.inventory()
	w.update("tree", strings.Replace(tree, "Outputs:", "  Broken: {Type: AWS::ECR::Repository, DependsOn: Inner, Properties: {RepositoryName: NO}}\nOutputs:", 1),
		types.StackStatusUpdateRollbackComplete, func(in *cloudformation.UpdateStackInput) { in.Parameters = with("two") })
	w.wantInventory(was)
	if got, err := tables.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("catalog"), Key: key}); err != nil || got.Item == nil {
		t.Errorf("the item is %v (%v)", got.Item, err)
	}
	for _, st := range w.stacksOf() {
		if st.StackStatus != types.StackStatusUpdateRollbackComplete {
			t.Errorf("%s is %s", *st.StackName, st.StackStatus)
		}
	}
	w.update("tree", tree, types.StackStatusUpdateComplete, func(in *cloudformation.UpdateStackInput) { in.Parameters = with("two") })
	if _, there := w.inventory()["table catalog"]; there {
		t.Error("what was replaced is still there")
	}
	w.delete("tree")
	w.wantInventory(before)
}

// stacksOf are all stacks that are not deleted.
func (w *world) stacksOf() []types.Stack {
	w.Helper()
	out, err := w.stacks.DescribeStacks(w.Context(), &cloudformation.DescribeStacksInput{})
	if err != nil {
		w.Fatal(err)
	}
	return out.Stacks
}
