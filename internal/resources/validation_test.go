package resources_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// padded is a template of n repositories that need each other in a row, as long as it is to be.
func padded(n, length int) string {
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range n {
		fmt.Fprintf(&b, "  R%d:\n    Type: AWS::ECR::Repository\n    Properties:\n      Tags: [{Key: a, Value: !Sub \"${AWS::Region}-%d\"}", i, i)
		if i > 0 {
			fmt.Fprintf(&b, ", {Key: b, Value: !Join ['-', [!GetAtt R%d.RepositoryUri, !Select [0, !Split ['/', !Ref R%d]]]]}", i-1, i-1)
		}
		b.WriteString("]\n")
	}
	for b.Len() < length {
		b.WriteString("# " + strings.Repeat("x", min(98, length-b.Len()-2)) + "\n")
	}
	return b.String()[:max(length, b.Len()-1)]
}

// deep is a template with functions in functions.
func deep(levels int) string {
	value := "!Ref AWS::Region"
	for range levels {
		value = "{'Fn::Join': ['', [x, " + value + "]]}"
	}
	return "Resources: {R: {Type: AWS::ECR::Repository, Properties: {RepositoryName: " + value + "}}}"
}

// circle is a template in which each resource needs the next.
func circle(n int) string {
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range n {
		fmt.Fprintf(&b, "  R%d: {Type: AWS::ECR::Repository, DependsOn: R%d}\n", i, (i+1)%n)
	}
	return b.String()
}

// TestTemplatesAreValidated gives templates to ValidateTemplate and to CreateStack: what is
// wrong with them is told before anything is made, by both in the same words.
func TestTemplatesAreValidated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.inventory()
	for _, c := range []struct {
		name, body string
		fromBucket bool
		want       string // "" if nothing is wrong
	}{
		{"51,200 bytes", padded(10, 51_200), false, ""},
		{"51,201 bytes", padded(10, 51_201), false, "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200"},
		{"200 KB from a bucket", padded(400, 200_000), true, ""},
		{"more than 1 MiB from a bucket", strings.Repeat("#", 1<<20+1), true, "Template may not exceed 1048576 bytes in size."},
		{"500 resources", padded(500, 0), true, ""},
		{"501 resources", padded(501, 0), true, "Template format error: Number of resources, 501, is greater than maximum allowed, 500"},
		{"functions 30 deep", deep(30), false, ""},
		{"functions 60 deep", deep(60), false, "Template format error: the template is nested deeper than 100 levels"},
		{"a circle", circle(3), false, "Circular dependency between resources: [R0, R1, R2]"},
		{"a circle of 500", circle(500), true, "Circular dependency between resources: ["},
		{"an unknown type", "Resources: {A: {Type: AWS::EC2::Instance}, B: {Type: AWS::ECR::Nothing}}", false, "Template format error: Unrecognized resource types: [AWS::EC2::Instance, AWS::ECR::Nothing]"},
		{"an unknown tag", "Resources: {A: {Type: !Nothing x}}", false, "Template format error: the YAML tag !Nothing is no function of CloudFormation. (line 1)"},
		{"an anchor alone", "Resources: {A: &a {Type: AWS::ECR::Repository}}", false, ""},
		{"an alias", "Resources: {A: &a {Type: AWS::ECR::Repository}, B: *a}", false, "Template error: YAML aliases are not allowed in CloudFormation templates"},
		{"a merge key", "Resources: {A: &a {Type: AWS::ECR::Repository}, B: {<<: *a}}", false, "Template error: YAML merge keys are not allowed in CloudFormation templates"},
		{"no YAML", "Resources: {", false, "Template format error: YAML not well-formed. (line 1: did not find expected node content)"},
		{"no JSON", `{"Resources": {`, false, "Template format error: JSON not well-formed."},
		{"a reference to nothing", "Resources: {A: {Type: AWS::ECR::Repository, Properties: {RepositoryName: !Ref B}}}", false,
			"Template format error: Unresolved resource dependencies [B] in the Resources block of the template"},
	} {
		validate, create := &cloudformation.ValidateTemplateInput{TemplateBody: &c.body}, &cloudformation.CreateStackInput{StackName: aws.String("s"), TemplateBody: &c.body, OnFailure: types.OnFailureDelete}
		if c.fromBucket {
			url := w.object("t.yaml", c.body)
			validate.TemplateBody, create.TemplateBody, validate.TemplateURL, create.TemplateURL = nil, nil, &url, &url
		}
		began := time.Now()
		_, err := w.stacks.ValidateTemplate(t.Context(), validate)
		t.Logf("%s: validated in %v", c.name, time.Since(began))
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		w.failsWith(err, "ValidationError: "+c.want)
		_, err = w.stacks.CreateStack(t.Context(), create)
		w.failsWith(err, "ValidationError: "+c.want)
		if w.exists("s") {
			t.Fatalf("%s: there is a stack", c.name)
		}
	}
	w.wantInventory(before)
}
