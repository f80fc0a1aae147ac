package query_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	stssdk "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	"github.com/modelwharf/modelwharf/internal/wire"
	"github.com/modelwharf/modelwharf/internal/wire/query"
)

var created = time.Date(2026, 11, 21, 3, 4, 5, 678, time.UTC)

// users answers a few operations from nothing.
type users struct{ iam.Backend }

func (users) CreateUser(_ context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	if *in.UserName == "ada" {
		return nil, iam.EntityAlreadyExistsException("User with name %s already exists.", *in.UserName)
	}
	return &iam.CreateUserOutput{User: &iam.User{UserName: in.UserName, Path: in.Path, CreateDate: &created, Tags: in.Tags}}, nil
}

func (users) DeleteUser(context.Context, *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	return &iam.DeleteUserOutput{}, nil
}

func (users) GetAccountSummary(context.Context, *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	return &iam.GetAccountSummaryOutput{SummaryMap: map[string]int64{"Users": 2, "Groups": 1}}, nil
}

func (users) ListUsers(context.Context, *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	return &iam.ListUsersOutput{Users: []*iam.User{}, IsTruncated: new(false)}, nil
}

func (users) DeleteGroup(context.Context, *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	return nil, errors.New("a secret fault")
}

type sessions struct{ sts.Backend }

func (sessions) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: new("000000000000"), Arn: new("arn:aws:iam::000000000000:root"), UserId: new("000000000000")}, nil
}

func (sessions) AssumeRole(_ context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	return &sts.AssumeRoleOutput{PackedPolicySize: in.DurationSeconds, SourceIdentity: in.PolicyArns[1].Arn}, nil
}

// serve answers requests as a server does, without authentication.
func serve(t testing.TB, p wire.Protocol) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		call, unknown := p.Open(r, body)
		if unknown != nil {
			p.WriteError(w, "id", unknown)
			return
		}
		in, err := call.Input()
		if err != nil {
			p.WriteError(w, "id", api.AsError(err))
			return
		}
		out, err := call.Operation.Call(r.Context(), in)
		if err != nil {
			p.WriteError(w, "id", api.AsError(err))
			return
		}
		if err := p.WriteAnswer(w, "id", call, out); err != nil {
			t.Error(err)
		}
	})
}

const (
	namespace = ` xmlns="https://iam.amazonaws.com/doc/2010-05-08/"`
	metadata  = `<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>`
)

func failure(code, message string) string {
	return `<ErrorResponse` + namespace + `><Error><Type>Sender</Type><Code>` + code + `</Code><Message>` + message + `</Message></Error><RequestId>id</RequestId></ErrorResponse>`
}

func TestFormsAndAnswers(t *testing.T) {
	t.Parallel()
	h := serve(t, query.New(iam.New(users{})))
	const v = "&Version=2010-05-08"
	for _, c := range []struct {
		form   string
		status int
		want   string
	}{
		{"Action=CreateUser&UserName=bob&Path=%2F&Tags.member.2.Key=b&Tags.member.2.Value=&Tags.member.1.Key=a&Tags.member.1.Value=x" + v, 200,
			`<CreateUserResponse` + namespace + `><CreateUserResult><User><Path>/</Path><UserName>bob</UserName><CreateDate>2026-11-21T03:04:05Z</CreateDate>` +
				`<Tags><member><Key>a</Key><Value>x</Value></member><member><Key>b</Key><Value></Value></member></Tags></User></CreateUserResult>` + metadata + `</CreateUserResponse>`},
		{"Action=CreateUser&UserName=ada" + v, 409, failure("EntityAlreadyExists", "User with name ada already exists.")},
		{"Action=CreateUser" + v, 400, failure("ValidationError", "1 validation error detected: Value null at &#39;userName&#39; failed to satisfy constraint: Member must not be null")},
		{"Action=CreateUser&UserName=a%3Cb" + v, 400,
			failure("ValidationError", `1 validation error detected: Value &#39;a&lt;b&#39; at &#39;userName&#39; failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+`)},
		{"Action=CreateUser&UserName=bob&Tags.member.x.Key=a" + v, 400, failure("MalformedInput", "x is not a valid index")},
		{"Action=ListUsers&MaxItems=many" + v, 400, failure("MalformedInput", "STRING_VALUE can not be converted to an Integer")},
		{"Action=ListUsers&" + strings.Repeat("a.", 1000) + "=1" + v, 400, failure("MalformedInput", "The parameter "+strings.Repeat("a.", 50)+" nests too deeply")},
		{"Action=DeleteUser&UserName=ada" + v, 200, `<DeleteUserResponse` + namespace + `><DeleteUserResult></DeleteUserResult>` + metadata + `</DeleteUserResponse>`},
		{"Action=ListUsers" + v, 200, `<ListUsersResponse` + namespace + `><ListUsersResult><Users></Users><IsTruncated>false</IsTruncated></ListUsersResult>` + metadata + `</ListUsersResponse>`},
		{"Action=GetAccountSummary" + v, 200, `<GetAccountSummaryResponse` + namespace + `><GetAccountSummaryResult><SummaryMap><entry><key>Groups</key><value>1</value></entry>` +
			`<entry><key>Users</key><value>2</value></entry></SummaryMap></GetAccountSummaryResult>` + metadata + `</GetAccountSummaryResponse>`},
		{"Action=Nothing" + v, 400, failure("InvalidAction", "Could not find operation Nothing for version 2010-05-08")},
		{"Action=ListUsers", 400, failure("InvalidAction", "Could not find operation ListUsers for version NO_VERSION_SPECIFIED")},
		{"Action=CreateSAMLProvider" + v, 400, failure("InvalidAction", "The operation CreateSAMLProvider is not available in this version of Modelwharf")},
		{"", 400, failure("MissingAction", "The request must contain the parameter Action")},
		{"Action=%zz", 400, failure("MalformedQueryString", "The query string contains a syntax error")},
		{"Action=%ff", 400, failure("MalformedQueryString", "The query string contains a syntax error")},
		{"Action=DeleteGroup&GroupName=g" + v, 500, strings.Replace(failure("InternalFailure",
			"The request could not be completed because of an internal error. Please try again."), "Sender", "Receiver", 1)},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader(c.form)))
		if w.Code != c.status || w.Body.String() != c.want {
			t.Errorf("%.80s:\n got %d %s\nwant %d %s", c.form, w.Code, w.Body, c.status, c.want)
		}
		if w.Header().Get("Content-Type") != "text/xml" || w.Header().Get("X-Amzn-Requestid") != "id" {
			t.Errorf("%.80s: headers %v", c.form, w.Header())
		}
	}
}

func TestTheSDKsUnderstand(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(serve(t, query.New(iam.New(users{}))))
	t.Cleanup(server.Close)
	c := sdk.New(sdk.Options{Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: aws.AnonymousCredentials{}})
	out, err := c.CreateUser(t.Context(), &sdk.CreateUserInput{
		UserName: aws.String("bob"), Path: aws.String("/<&>/"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if u := out.User; *u.Path != "/<&>/" || *u.Tags[0].Value != "v" || !u.CreateDate.Equal(created.Truncate(time.Second)) {
		t.Errorf("got user %+v", u)
	}
	_, err = c.CreateUser(t.Context(), &sdk.CreateUserInput{UserName: aws.String("ada")})
	if _, ok := errors.AsType[*types.EntityAlreadyExistsException](err); !ok {
		t.Errorf("got error %v", err)
	}
	summary, err := c.GetAccountSummary(t.Context(), &sdk.GetAccountSummaryInput{})
	if err != nil || summary.SummaryMap["Users"] != 2 {
		t.Errorf("got %v, %v", summary, err)
	}

	sessions := httptest.NewServer(serve(t, query.New(sts.New(sessions{}))))
	t.Cleanup(sessions.Close)
	s := stssdk.New(stssdk.Options{Region: "us-east-1", BaseEndpoint: &sessions.URL, RetryMaxAttempts: 1, Credentials: aws.AnonymousCredentials{}})
	who, err := s.GetCallerIdentity(t.Context(), &stssdk.GetCallerIdentityInput{})
	if err != nil || *who.Account != "000000000000" {
		t.Errorf("got %v, %v", who, err)
	}
}

// The members of PolicyDescriptorType begin with a lower-case letter on the wire.
func TestTagsNameMembers(t *testing.T) {
	t.Parallel()
	h := serve(t, query.New(sts.New(sessions{})))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/?Action=AssumeRole&Version=2011-06-15&RoleSessionName=me&DurationSeconds=900&RoleArn=arn:aws:iam::000000000000:role/r"+
		"&PolicyArns.member.1.arn=arn:aws:iam::aws:policy/One&PolicyArns.member.2.arn=arn:aws:iam::aws:policy/Two", nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), "<SourceIdentity>arn:aws:iam::aws:policy/Two</SourceIdentity>") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// FuzzForm reads any form as the input of an operation.
func FuzzForm(f *testing.F) {
	service := iam.New(users{})
	p := query.New(service)
	for i, form := range []string{
		"UserName=bob", "Tags.member.1.Key=a&Tags.member.1.Value=b", "Tags=", "Tags.member=", "Tags.member.1=", "Tags.member.0.Key=x", "a..b=1", "%", "Tags.member.99999999999999999999.Key=1",
		"ContextEntries.member.1.ContextKeyValues.member.1=x&ActionNames.member.1=s3:*", "MaxItems=1&Marker=%00",
	} {
		f.Add(i, form)
	}
	f.Fuzz(func(t *testing.T, i int, form string) {
		n := len(service.Operations)
		name := service.Operations[(i%n+n)%n].Name
		r := httptest.NewRequest("POST", "/", nil)
		call, err := p.Open(r, []byte("Action="+name+"&Version="+service.Version+"&"+form))
		if err != nil {
			return
		}
		if _, err := call.Input(); err != nil {
			if e := api.AsError(err); e.HTTPStatus() != http.StatusBadRequest {
				t.Errorf("%s %q: %v", name, form, err)
			}
		}
	})
}
