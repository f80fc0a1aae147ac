package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// TestMalformed holds IAM's message for each way in which a document is wrong. A
// document that is only a statement is wrapped.
func TestMalformed(t *testing.T) {
	t.Parallel()
	const syntax, parsing = "Syntax errors in policy.", "The policy failed legacy parsing"
	const r = `"Resource":"*"`
	const ok = `"Effect":"Allow","Action":"s3:*",` + r
	for _, tc := range []struct{ doc, message string }{
		{``, "This policy contains invalid Json"},
		{`{`, "This policy contains invalid Json"},
		{`{} {}`, "This policy contains invalid Json"},
		{`{"Version":"2012-10-17","Version":"2012-10-17"}`, "This policy contains invalid Json"},
		{strings.Repeat("[", 10000), "This policy contains invalid Json"},
		{`[]`, syntax},
		{`"x"`, syntax},
		{`{"Version":"2012-10-17"}`, syntax},
		{`{"Version":"2012-10-17","Statement":[]}`, syntax},
		{`{"Version":"2012-10-17","Statement":[1]}`, syntax},
		{`{"Version":"2015-10-17","Statement":{` + ok + `}}`, syntax},
		{`{"Version":"2012-10-17","statement":{` + ok + `}}`, syntax},
		{`{"Statement":{` + ok + `}}`, "Policy document must be version 2012-10-17 or greater."},
		{`{"Version":"2008-10-17","Statement":{` + ok + `}}`, "Policy document must be version 2012-10-17 or greater."},
		{`{"Version":"2012-10-17","Id":1,"Statement":{` + ok + `}}`, syntax},
		{`{"Version":"2012-10-17","Statement":[{"Sid":"a",` + ok + `},{"Sid":"a",` + ok + `}]}`, "Statement IDs (SID) in a single policy must be unique."},
		{`{` + ok + `,"Sid":"a b"}`, "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		{`{` + ok + `,"Sid":1}`, syntax},
		{`{` + ok + `,"Extra":1}`, syntax},
		{`{` + ok + `,"NotAction":"s3:*"}`, syntax},
		{`{` + ok + `,"NotResource":"*"}`, syntax},
		{`{"Action":"s3:*",` + r + `}`, syntax},
		{`{"Effect":"allow","Action":"s3:*",` + r + `}`, syntax},
		{`{"Effect":"Allow",` + r + `}`, "Policy statement must contain actions."},
		{`{"Effect":"Allow","Action":[],` + r + `}`, "Policy statement must contain actions."},
		{`{"Effect":"Allow","Action":[1],` + r + `}`, syntax},
		{`{"Effect":"Allow","Action":"s3:*"}`, "Policy statement must contain resources."},
		{`{"Effect":"Allow","Action":"s3:*","Resource":[]}`, "Policy statement must contain resources."},
		{`{` + ok + `,"Principal":"*"}`, "Policy document should not specify a principal."},
		{`{` + ok + `,"NotPrincipal":"*"}`, "Policy document should not specify a principal."},
		{`{"Effect":"Allow","Action":"GetObject",` + r + `}`, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		{`{"Effect":"Allow","Action":"s3:Get:Object",` + r + `}`, "Actions/Condition can contain only one colon."},
		{`{"Effect":"Allow","Action":"s 3:GetObject",` + r + `}`, "Vendor s 3 is not valid"},
		{`{"Effect":"Allow","Action":":GetObject",` + r + `}`, "Vendor  is not valid"},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}`, `Resource bucket must be in ARN format or "*".`},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws"}`, "Resource vendor must be fully qualified and cannot contain regexes."},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"arn:azure:s3:::b"}`, `Partition "azure" is not valid for resource "arn:azure:s3:::b".`},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3::b"}`, parsing},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:us-east-1::b"}`, "Resource arn:aws:s3:us-east-1::b can not contain region information."},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:iam:us-east-1:1:user/a"}`, "IAM resource arn:aws:iam:us-east-1:1:user/a cannot contain region information."},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:iam::1:usr/a"}`, `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:username"}`, parsing},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${}"}`, parsing},
		{`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:username, x}"}`, parsing},
		{`{` + ok + `,"Condition":[]}`, syntax},
		{`{` + ok + `,"Condition":{"StringIs":{"a":"b"}}}`, syntax},
		{`{` + ok + `,"Condition":{"NullIfExists":{"a":"true"}}}`, syntax},
		{`{` + ok + `,"Condition":{"StringEquals":"a"}}`, syntax},
		{`{` + ok + `,"Condition":{"StringEquals":{"a":null}}}`, syntax},
		{`{` + ok + `,"Condition":{"StringEquals":{"a":[["b"]]}}}`, syntax},
		{`{` + ok + `,"Condition":{"StringEquals":{"":"b"}}}`, syntax},
		{`{` + ok + `,"Condition":{"DateEquals":{"a":"yesterday"}}}`, parsing},
		{`{` + ok + `,"Condition":{"IpAddress":{"a":"10.0.0.0/33"}}}`, parsing},
		{`{` + ok + `,"Condition":{"NumericEquals":{"a":"one"}}}`, parsing},
		{`{` + ok + `,"Condition":{"Bool":{"a":"yes"}}}`, parsing},
	} {
		wrong(t, tc.doc, policy.Identity, tc.message)
	}
	const aws = `"Effect":"Allow","Action":"sts:AssumeRole","Principal":`
	for _, tc := range []struct{ doc, message string }{
		{`{"Effect":"Allow","Action":"sts:AssumeRole"}`, "Missing required field Principal"},
		{`{` + aws + `"*",` + r + `}`, "Has prohibited field Resource"},
		{`{"Effect":"Allow","Action":"sts:*","Principal":"*"}`, "AssumeRole policy may only specify STS AssumeRole actions."},
		{`{"Effect":"Allow","Action":"sts:AssumeRole","NotPrincipal":"*"}`, "Allow with NotPrincipal is not allowed."},
		{`{` + aws + `"alice"}`, `Invalid principal in policy: "alice"`},
		{`{` + aws + `{"AWS":"alice"}}`, `Invalid principal in policy: "AWS":"alice"`},
		{`{` + aws + `{"AWS":"arn:aws:iam::111111111111:user/*"}}`, `Invalid principal in policy: "AWS":"arn:aws:iam::111111111111:user/*"`},
		{`{` + aws + `{"AWS":"arn:aws:iam::1111:root"}}`, `Invalid principal in policy: "AWS":"arn:aws:iam::1111:root"`},
		{`{` + aws + `{"AWS":"arn:aws:iam::111111111111:group/a"}}`, `Invalid principal in policy: "AWS":"arn:aws:iam::111111111111:group/a"`},
		{`{` + aws + `{"AWS":"arn:aws:sts::111111111111:assumed-role/a"}}`, `Invalid principal in policy: "AWS":"arn:aws:sts::111111111111:assumed-role/a"`},
		{`{` + aws + `{"Service":"lambda"}}`, `Invalid principal in policy: "Service":"lambda"`},
		{`{` + aws + `{"Robot":"x"}}`, syntax},
		{`{` + aws + `["*"]}`, syntax},
	} {
		wrong(t, tc.doc, policy.Trust, tc.message)
	}
}

func wrong(t *testing.T, doc string, kind policy.Kind, message string) {
	t.Helper()
	whole := doc
	if strings.HasPrefix(doc, `{"`) && !strings.Contains(doc, `"Statement"`) && !strings.HasPrefix(doc, `{"Version"`) {
		whole = `{"Version":"2012-10-17","Statement":` + doc + `}`
	}
	_, err := policy.Parse([]byte(whole), kind)
	if e, ok := errors.AsType[*policy.MalformedError](err); !ok || e.Message != message {
		t.Errorf("%.200s: %v, want %q", doc, err, message)
	}
}

// TestWellFormed parses documents that look odd but are right.
func TestWellFormed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind policy.Kind
		doc  string
	}{
		{policy.Identity, `{"Version":"2012-10-17","Id":"x","Statement":{"Effect":"Allow","Action":["*"],"Resource":["*","arn:aws:s3:::b"]}}`},
		{policy.Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":"*:*","Resource":"arn:*:s3:::*"}}`},
		{policy.Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":["arn:aws:iam::*:ro*","arn:aws:iam::${aws:PrincipalAccount}:${x:y}","arn:aws:iam::1:*"]}}`},
		{policy.Resource, `{"Version":"2008-10-17","Statement":{"Sid":"any words, really","Effect":"Allow","Principal":{"AWS":["111111111111","AIDAAAAAAAAAAAAAAAAA"],"CanonicalUser":"ab","Service":["ecs-tasks.amazonaws.com"],"Federated":"arn:aws:iam::1:saml-provider/x"},"Action":"ecr:*"}}`},
		{policy.Trust, `{"Statement":[{"Sid":"","Effect":"Allow","Principal":{"AWS":"arn:aws-cn:iam::111111111111:role/path/r"},"Action":["sts:AssumeRole","STS:TagSession"]}]}`},
	} {
		if _, err := policy.Parse([]byte(tc.doc), tc.kind); err != nil {
			t.Errorf("%s: %v", tc.doc, err)
		}
	}
}

func TestManaged(t *testing.T) {
	t.Parallel()
	all := policy.AllManaged()
	ids := map[string]bool{}
	for i, m := range all {
		if i > 0 && all[i-1].Name >= m.Name || ids[m.ID] || len(m.ID) != 21 || m.Description == "" || !strings.Contains(m.Document, "Statement") {
			t.Errorf("%+v", m)
		}
		ids[m.ID] = true
		if found, ok := policy.ManagedByARN("arn:aws:iam::aws:policy" + m.Path + m.Name); !ok || found != m {
			t.Errorf("%s is not found", m.Name)
		}
	}
	if _, ok := policy.ManagedByARN("arn:aws:iam::aws:policy/None"); ok {
		t.Error("found what is not there")
	}
	for _, tc := range []struct {
		name, action string
		want         bool
	}{
		{"AdministratorAccess", "iam:CreateUser", true},
		{"PowerUserAccess", "dynamodb:PutItem", true},
		{"PowerUserAccess", "iam:CreateUser", false},
		{"PowerUserAccess", "iam:ListRoles", true},
		{"ReadOnlyAccess", "dynamodb:Query", true},
		{"ReadOnlyAccess", "dynamodb:PutItem", false},
		{"ReadOnlyAccess", "iam:GetUser", true},
		{"AmazonDynamoDBReadOnlyAccess", "dynamodb:DescribeTable", true},
		{"AmazonDynamoDBReadOnlyAccess", "dynamodb:UpdateItem", false},
		{"AmazonEC2ContainerRegistryPowerUser", "ecr:PutImage", true},
		{"AmazonEC2ContainerRegistryPowerUser", "ecr:DeleteRepository", false},
		{"service-role/AWSLambdaDynamoDBExecutionRole", "dynamodb:GetRecords", true},
		{"service-role/AWSLambdaDynamoDBExecutionRole", "dynamodb:GetItem", false},
		{"AWSLambda_FullAccess", "iam:PassRole", false}, // needs its condition
		{"AWSLambda_ReadOnlyAccess", "lambda:InvokeFunction", false},
		{"AWSCodeArtifactReadOnlyAccess", "sts:GetServiceBearerToken", false}, // needs its condition
		{"AWSCodeArtifactReadOnlyAccess", "codeartifact:PublishPackageVersion", false},
	} {
		m, _ := policy.ManagedByARN("arn:aws:iam::aws:policy/" + tc.name)
		r := policy.Request{
			Principal: policy.Principal{Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/a"},
			Action:    tc.action, Resource: "*", IdentityPolicies: []policy.Attached{{Name: m.Name, Policy: m.Policy}},
		}
		if d := policy.Evaluate(&r); d.Allowed() != tc.want {
			t.Errorf("%s: %s %s", tc.name, tc.action, d)
		}
	}
}
