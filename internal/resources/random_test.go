package resources_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamo "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go"
)

type object = map[string]any

func ref(id string) object            { return object{"Ref": id} }
func att(id, attribute string) object { return object{"Fn::GetAtt": []string{id, attribute}} }
func tagged(value any) []object       { return []object{{"Key": "Step", "Value": fmt.Sprint("v", value)}} }
func granting(action string) object {
	return statement(object{"Effect": "Allow", "Action": action, "Resource": "*"})
}
func toAll(action string) object {
	return statement(object{"Effect": "Allow", "Principal": "*", "Action": action})
}
func statement(statement object) object {
	return object{"Version": "2012-10-17", "Statement": []object{statement}}
}

// without leaves out members that are nil.
func without(properties object) object {
	maps.DeleteFunc(properties, func(_ string, v any) bool { return v == nil })
	return properties
}

// slot is a resource that a random template may have. It says what its properties are: two
// templates for which n says the same have the same.
type slot struct {
	id, typ    string
	needs      []string
	properties func(n func(below int) int, w *randomWorld) object
}

// slots are all of them, none before those that it needs.
var slots = []slot{
	table("Table0", "named-table"), table("Table1", ""), table("Table2", ""),
	{"Domain", "AWS::CodeArtifact::Domain", nil, func(n func(int) int, _ *randomWorld) object {
		return without(object{
			"DomainName": pick(n(4), "models", "models", "models", "others"), "Tags": pick(n(3), nil, any(tagged(1)), any(tagged(2))),
			"PermissionsPolicyDocument": pick(n(2), nil, any(toResources("codeartifact:ListRepositoriesInDomain"))),
		})
	}},
	repository("Upstream", "upstream"), repository("Packages", "packages", "Upstream"),
	{"Group", "AWS::CodeArtifact::PackageGroup", []string{"Domain"}, func(n func(int) int, _ *randomWorld) object {
		return without(object{
			"DomainName": att("Domain", "Name"), "Pattern": pick(n(3), "/pypi/*", "/pypi/*", "/npm/*"), "Description": pick(n(2), nil, any("a group")),
			"OriginConfiguration": pick(n(3), nil, any(object{"Restrictions": object{"ExternalUpstream": object{"RestrictionMode": "BLOCK"}}}),
				any(object{"Restrictions": object{"Publish": object{"RestrictionMode": "BLOCK"}}})),
		})
	}},
	{"Images", "AWS::ECR::Repository", nil, func(n func(int) int, _ *randomWorld) object {
		return without(object{
			"RepositoryName": pick(n(3), nil, any("models/one"), any("models/two")), "ImageTagMutability": pick(n(3), nil, any("MUTABLE"), any("IMMUTABLE")),
			"ImageScanningConfiguration": pick(n(12), nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, any(object{"ScanOnPush": "true"})), "Tags": pick(n(3), nil, any(tagged(1)), any(tagged(2))),
			"RepositoryPolicyText":    pick(n(2), nil, any(toAll("ecr:BatchGetImage"))),
			"EncryptionConfiguration": pick(n(3), nil, nil, any(object{"EncryptionType": "AES256"})),
			"LifecyclePolicy":         pick(n(2), nil, any(object{"LifecyclePolicyText": `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":3},"action":{"type":"expire"}}]}`})),
		})
	}},
	{"Public", "AWS::ECR::PublicRepository", nil, func(n func(int) int, _ *randomWorld) object {
		return without(object{
			"RepositoryName": pick(n(3), nil, any("public-one"), any("public-two")), "Tags": pick(n(3), nil, any(tagged(1)), any(tagged(2))),
			"RepositoryCatalogData": pick(n(3), nil, any(object{"RepositoryDescription": "one"}), any(object{"UsageText": "two", "OperatingSystems": []string{"Linux"}})),
		})
	}},
	{"Policy", "AWS::IAM::ManagedPolicy", nil, func(n func(int) int, _ *randomWorld) object {
		return without(object{
			"ManagedPolicyName": pick(n(3), nil, nil, any("Reading")), "Path": pick(n(4), nil, nil, any("/models/")),
			"PolicyDocument": granting(pick(n(3), "dynamodb:GetItem", "dynamodb:Query", "ecr:*")),
		})
	}},
	{"Role", "AWS::IAM::Role", []string{"Policy"}, func(n func(int) int, _ *randomWorld) object {
		return without(object{
			"RoleName": pick(n(4), nil, nil, any("Serving")), "Path": pick(n(4), nil, nil, any("/models/")), "Description": pick(n(3), nil, any("one"), any("two")),
			"MaxSessionDuration": pick(n(2), nil, any("7200")), "Tags": pick(n(3), nil, any(tagged(1)), any(tagged(2))),
			"ManagedPolicyArns":        pick(n(2), nil, any([]object{ref("Policy")})),
			"AssumeRolePolicyDocument": statement(object{"Effect": "Allow", "Principal": object{"Service": pick(n(2), "lambda", "servicecatalog") + ".amazonaws.com"}, "Action": "sts:AssumeRole"}),
			"Policies":                 pick(n(3), nil, any([]object{{"PolicyName": "a", "PolicyDocument": granting("ecr:*")}}), any([]object{{"PolicyName": "b", "PolicyDocument": granting("s3:*")}})),
		})
	}},
	{"Inline", "AWS::IAM::Policy", []string{"Role"}, func(n func(int) int, _ *randomWorld) object {
		return object{"PolicyName": pick(n(3), "inline", "inline", "another"), "Roles": []object{ref("Role")}, "PolicyDocument": granting(pick(n(2), "sqs:*", "sns:*"))}
	}},
	{"Portfolio", "AWS::ServiceCatalog::Portfolio", nil, func(n func(int) int, _ *randomWorld) object {
		return without(object{
			"DisplayName": pick(n(2), "models", "offers"), "ProviderName": "platform", "Description": pick(n(3), nil, any("one"), any("two")),
			"Tags": pick(n(3), nil, any(tagged(1)), any(tagged(2))),
		})
	}},
	{"Product", "AWS::ServiceCatalog::CloudFormationProduct", nil, func(n func(int) int, w *randomWorld) object {
		version := func(name string, of int) object {
			return object{"Name": name, "Info": object{"LoadTemplateFromURL": w.template(fmt.Sprint("model-", of))}}
		}
		return without(object{
			"Name": pick(n(2), "a model", "the model"), "Owner": "platform", "Description": pick(n(2), nil, any("one")), "Tags": pick(n(3), nil, any(tagged(1)), any(tagged(2))),
			"ProvisioningArtifactParameters": pick(n(3), []object{version("v1", 1)}, []object{version("v1", 1), version("v2", 2)}, []object{version("v1", 2)}),
		})
	}},
	{"Offer", "AWS::ServiceCatalog::PortfolioProductAssociation", []string{"Portfolio", "Product"}, func(func(int) int, *randomWorld) object {
		return object{"PortfolioId": ref("Portfolio"), "ProductId": ref("Product")}
	}},
	{"Principal", "AWS::ServiceCatalog::PortfolioPrincipalAssociation", []string{"Portfolio", "Role"}, func(func(int) int, *randomWorld) object {
		return object{"PortfolioId": ref("Portfolio"), "PrincipalARN": att("Role", "Arn"), "PrincipalType": "IAM"}
	}},
	{"Launch", "AWS::ServiceCatalog::LaunchRoleConstraint", []string{"Offer", "Portfolio", "Product", "Role"}, func(n func(int) int, _ *randomWorld) object {
		return without(object{"PortfolioId": ref("Portfolio"), "ProductId": ref("Product"), "RoleArn": att("Role", "Arn"), "Description": pick(n(2), nil, any("one"))})
	}},
	{"Rule", "AWS::ServiceCatalog::LaunchTemplateConstraint", []string{"Offer", "Portfolio", "Product"}, func(n func(int) int, _ *randomWorld) object {
		return object{"PortfolioId": ref("Portfolio"), "ProductId": ref("Product"), "Rules": fmt.Sprintf(
			`{"Rules":{"r":{"Assertions":[{"Assert":{"Fn::Contains":[["%d"],{"Ref":"Units"}]},"AssertDescription":"units"}]}}}`, n(3))}
	}},
	{"Option", "AWS::ServiceCatalog::TagOption", nil, func(n func(int) int, _ *randomWorld) object {
		return without(object{"Key": "Team", "Value": pick(n(3), "one", "one", "two"), "Active": pick(n(3), nil, any("true"))})
	}},
	{"Optional", "AWS::ServiceCatalog::TagOptionAssociation", []string{"Option", "Portfolio"}, func(func(int) int, *randomWorld) object {
		return object{"TagOptionId": ref("Option"), "ResourceId": ref("Portfolio")}
	}},
	{"Inner", "AWS::CloudFormation::Stack", nil, func(n func(int) int, w *randomWorld) object {
		return object{"TemplateURL": w.template(pick(n(6), "model-1", "model-1", "model-2", "model-2", "model-3", "broken")), "Parameters": object{"Units": "3"}}
	}},
}

func toResources(action string) object {
	return statement(object{"Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*"})
}

func table(id, name string) slot {
	return slot{id, "AWS::DynamoDB::Table", nil, func(n func(int) int, _ *randomWorld) object {
		key, provisioned, index := pick(n(5), "id", "id", "id", "model"), n(2) == 0, pick(n(3), "", "kind", "owner")
		attributes := []object{{"AttributeName": key, "AttributeType": "S"}}
		units := any(object{"ReadCapacityUnits": "3", "WriteCapacityUnits": "2"}) // less of them may be asked for a few times a day
		p := object{
			"KeySchema": []object{{"AttributeName": key, "KeyType": "HASH"}}, "Tags": pick(n(3), nil, any(tagged(1)), any(tagged(2))),
			"StreamSpecification":              pick(n(3), nil, any(object{"StreamViewType": "NEW_IMAGE"}), any(object{"StreamViewType": "KEYS_ONLY"})),
			"PointInTimeRecoverySpecification": pick(n(2), nil, any(object{"PointInTimeRecoveryEnabled": true})),
			"TableClass":                       pick(n(3), nil, any("STANDARD"), any("STANDARD_INFREQUENT_ACCESS")),
		}
		if provisioned {
			p["ProvisionedThroughput"] = units
		} else {
			p["BillingMode"] = "PAY_PER_REQUEST"
		}
		if index != "" {
			attributes = append(attributes, object{"AttributeName": index, "AttributeType": "S"})
			x := object{"IndexName": "By-" + index, "KeySchema": []object{{"AttributeName": index, "KeyType": "HASH"}}, "Projection": object{"ProjectionType": "ALL"}}
			if provisioned {
				x["ProvisionedThroughput"] = units
			}
			p["GlobalSecondaryIndexes"] = []object{x}
		}
		p["AttributeDefinitions"] = attributes
		if id == "Table1" { // expiry may be changed once an hour
			p["TimeToLiveSpecification"] = object{"AttributeName": "ttl", "Enabled": "true"}
		}
		if name != "" {
			p["TableName"] = pick(n(3), name, name, name+"-too")
		}
		return without(p)
	}}
}

func repository(id, name string, upstreams ...string) slot {
	return slot{id, "AWS::CodeArtifact::Repository", append([]string{"Domain"}, upstreams...), func(n func(int) int, _ *randomWorld) object {
		p := object{
			"DomainName": att("Domain", "Name"), "RepositoryName": pick(n(4), name, name, name, name+"-too"), "Description": pick(n(3), nil, any("one"), any("two")),
			"Tags": pick(n(3), nil, any(tagged(1)), any(tagged(2))), "PermissionsPolicyDocument": pick(n(2), nil, any(toResources("codeartifact:ReadFromRepository"))),
		}
		for _, u := range upstreams {
			p["Upstreams"] = pick(n(2), nil, any([]object{att(u, "Name")}))
		}
		return without(p)
	}}
}

// breaks are resources that cannot be made: what is there already, or what is wrong.
var breaks = []object{
	{"Type": "AWS::ECR::Repository", "Properties": object{"RepositoryName": "NO"}},
	{"Type": "AWS::ECR::Repository", "Properties": object{"RepositoryName": "bystander"}},
	{"Type": "AWS::DynamoDB::Table", "Properties": object{
		"TableName": "bystander", "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": []object{{"AttributeName": "id", "AttributeType": "S"}}, "KeySchema": []object{{"AttributeName": "id", "KeyType": "HASH"}},
	}},
	{"Type": "AWS::IAM::ManagedPolicy", "Properties": object{"PolicyDocument": object{"Version": "2012-10-17", "Statement": "nothing"}}},
	{"Type": "AWS::ServiceCatalog::LaunchRoleConstraint", "Properties": object{"PortfolioId": "port-aaaaaaaaaaaaa", "ProductId": "prod-aaaaaaaaaaaaa", "LocalRoleName": "r"}},
}

// randomWorld is a world with random templates.
type randomWorld struct {
	*world
	*rand.Rand
	genes map[string][]int // the random numbers of each slot, kept until they mutate
}

// template is the URL of a template that the server keeps.
func (w *randomWorld) template(name string) string {
	return w.server.URL() + "/templates/" + name + ".json"
}

func newRandomWorld(t *testing.T, seed uint64) *randomWorld {
	w := &randomWorld{newWorld(t), rand.New(rand.NewPCG(seed, 7)), map[string][]int{}}
	c, ctx := w.server.AWS(), t.Context()
	_, err := dynamodb.NewFromConfig(c).CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String("bystander"), BillingMode: dynamo.BillingModePayPerRequest,
		AttributeDefinitions: []dynamo.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: "S"}},
		KeySchema:            []dynamo.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: "HASH"}},
	})
	if err == nil {
		_, err = ecr.NewFromConfig(c).CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: aws.String("bystander")})
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]string{"model-1": "inner-one", "model-2": "inner-one", "model-3": "inner-two", "broken": "x"} {
		w.object(name+".json", text(object{
			"Parameters": object{"Units": object{"Type": "Number", "Default": "3"}},
			"Resources": object{"Table": object{"Type": "AWS::DynamoDB::Table", "Properties": object{
				"TableName": table, "AttributeDefinitions": []object{{"AttributeName": "id", "AttributeType": "S"}}, "KeySchema": []object{{"AttributeName": "id", "KeyType": "HASH"}},
				"ProvisionedThroughput": object{"ReadCapacityUnits": ref("Units"), "WriteCapacityUnits": "1"}, "Tags": tagged(name),
			}}},
			"Outputs": object{"Arn": object{"Value": att("Table", "Arn")}},
		}))
	}
	return w
}

// next is the next random template.
func (w *randomWorld) next() string {
	resources, fails := object{}, w.IntN(4) == 0
	for _, s := range slots {
		missing := slices.ContainsFunc(s.needs, func(id string) bool { return resources[id] == nil })
		if missing || w.IntN(4) == 0 {
			continue
		}
		if w.genes[s.id] == nil {
			w.genes[s.id] = make([]int, 16)
			for i := range w.genes[s.id] {
				w.genes[s.id][i] = w.IntN(1 << 20)
			}
		}
		genes := w.genes[s.id]
		for i := range genes {
			if w.IntN(5) == 0 {
				genes[i] = w.IntN(1 << 20)
			}
		}
		i := 0
		r := object{"Type": s.typ, "Properties": s.properties(func(below int) int { i++; return genes[i-1] % below }, w)}
		if s.typ == "AWS::DynamoDB::Table" || s.typ == "AWS::ECR::Repository" {
			r["DeletionPolicy"] = pick(w.IntN(6), any("Delete"), any("Delete"), any("Delete"), any("Delete"), any("Retain"), any("RetainExceptOnCreate"))
			r["UpdateReplacePolicy"] = pick(w.IntN(4), any("Delete"), any("Delete"), any("Retain"))
		}
		if s.typ == "AWS::ServiceCatalog::LaunchRoleConstraint" || s.typ == "AWS::ServiceCatalog::LaunchTemplateConstraint" {
			r["DependsOn"] = "Offer" // which no property says
		}
		resources[s.id] = r
	}
	if fails {
		broken := maps.Clone(breaks[w.IntN(len(breaks))])
		var after []string
		for id := range resources {
			if w.IntN(2) == 0 {
				after = append(after, id)
			}
		}
		if slices.Sort(after); after != nil {
			broken["DependsOn"] = after
		}
		resources["Broken"] = broken
	}
	resources["Handle"] = object{"Type": "AWS::CloudFormation::WaitConditionHandle"}
	return text(object{"Resources": resources})
}

// skipped are the keys in the inventory of what a stack left alone.
func (w *randomWorld) skipped(id string) map[string]bool {
	w.Helper()
	kinds := map[string]string{"AWS::DynamoDB::Table": "table ", "AWS::ECR::Repository": "images "}
	left := map[string]bool{}
	pages := cloudformation.NewDescribeStackEventsPaginator(w.stacks, &cloudformation.DescribeStackEventsInput{StackName: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		for _, e := range page.StackEvents {
			if e.ResourceStatus == types.ResourceStatusDeleteSkipped {
				left[kinds[*e.ResourceType]+*e.PhysicalResourceId] = true
			}
		}
	}
	return left
}

// TestRandomTemplatesOfRealResources makes, changes and deletes random stacks of all types.
// Some of them fail: then the account is as it was before. At the end it is as it was before
// the stack, but for what a policy retained.
func TestRandomTemplatesOfRealResources(t *testing.T) {
	t.Parallel()
	seeds, updates := 6, 6
	if os.Getenv("MODELWHARF_SOAK") != "" {
		seeds, updates = 150, 15
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w := newRandomWorld(t, seed)
			before := w.inventory()
			id, ended := "", map[types.StackStatus]int{}
			// same checks that all is as it was, but for what the stack says that it left.
			same := func(was inventory) {
				t.Helper()
				is := w.inventory()
				for key := range w.skipped(id) {
					if _, there := was[key]; !there {
						if _, kept := is[key]; !kept {
							t.Errorf("%s was skipped, and is gone", key)
						}
						delete(is, key)
					}
				}
				if d := was.difference(is); d != "" {
					t.Fatalf("%s\n%s", d, strings.Join(w.events(id), "\n"))
				}
			}
			for round := range updates {
				was, body := w.inventory(), w.next()
				var err error
				if id == "" {
					var out *cloudformation.CreateStackOutput
					out, err = w.stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{
						StackName: aws.String("s"), TemplateBody: &body, Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
					})
					if err == nil {
						id = *out.StackId
					}
				} else {
					_, err = w.stacks.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
						StackName: &id, TemplateBody: &body, Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
						Tags: []types.Tag{{Key: aws.String("Round"), Value: aws.String(fmt.Sprint(round / 3))}},
					})
				}
				if e, ok := errors.AsType[smithy.APIError](err); ok && strings.Contains(e.ErrorMessage(), "No updates") {
					continue
				}
				if err != nil {
					t.Fatalf("%v\n%s", err, body)
				}
				st := w.settle(id)
				ended[st.StackStatus]++
				switch st.StackStatus {
				case types.StackStatusRollbackComplete:
					same(was)
					w.delete(id)
					same(before)
					before, id = w.inventory(), ""
				case types.StackStatusUpdateRollbackComplete:
					same(was)
				case types.StackStatusCreateComplete, types.StackStatusUpdateComplete:
					w.wantThere(id)
				default:
					t.Fatalf("it is %s: %s\n%s\n%s", st.StackStatus, aws.ToString(st.StackStatusReason), strings.Join(w.events(id), "\n"), body)
				}
			}
			if id != "" {
				w.delete(id)
				same(before)
			}
			t.Log(ended)
		})
	}
}

// wantThere checks that the account has each resource that a stack says that it has.
func (w *randomWorld) wantThere(id string) {
	w.Helper()
	all := w.inventory()
	out, err := w.stacks.DescribeStackResources(w.Context(), &cloudformation.DescribeStackResourcesInput{StackName: &id})
	if err != nil {
		w.Fatal(err)
	}
	for _, r := range out.StackResources {
		kind := map[string]string{
			"AWS::DynamoDB::Table": "table ", "AWS::ECR::Repository": "images ", "AWS::ECR::PublicRepository": "public ", "AWS::IAM::Role": "role ",
			"AWS::IAM::ManagedPolicy": "policy ", "AWS::ServiceCatalog::Portfolio": "portfolio ", "AWS::ServiceCatalog::CloudFormationProduct": "product ",
			"AWS::ServiceCatalog::TagOption": "option ",
		}[*r.ResourceType]
		if _, there := all[kind+*r.PhysicalResourceId]; kind != "" && !there {
			w.Fatalf("%s is not there\n%s", kind+*r.PhysicalResourceId, strings.Join(w.events(id), "\n"))
		}
	}
}
