package ecr_test

import (
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	sdkpublic "github.com/aws/aws-sdk-go-v2/service/ecrpublic"
)

// repositoryPolicy is a policy of a repository with one statement.
func repositoryPolicy(effect, principal, action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"one","Effect":%q,"Principal":%s,"Action":%q}]}`, effect, principal, action)
}

// TestRepositoryPolicy gives a repository a policy through each API, reads it and takes it
// away.
func TestRepositoryPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("team/model")
	c := w.private(w.roots[home])
	name := new("team/model")
	_, err := c.GetRepositoryPolicy(t.Context(), &sdk.GetRepositoryPolicyInput{RepositoryName: name})
	w.wants("none yet", err, "RepositoryPolicyNotFoundException",
		"Repository policy does not exist for the repository with name 'team/model' in the registry with id '"+home+"'")
	_, err = c.DeleteRepositoryPolicy(t.Context(), &sdk.DeleteRepositoryPolicyInput{RepositoryName: name})
	w.wants("none to delete", err, "RepositoryPolicyNotFoundException", "")
	_, err = c.GetRepositoryPolicy(t.Context(), &sdk.GetRepositoryPolicyInput{RepositoryName: new("absent")})
	w.wants("no repository", err, "RepositoryNotFoundException", "")
	document := repositoryPolicy("Allow", `{"AWS":"`+abroad+`"}`, "ecr:BatchGetImage")
	set := must2(t, func() (*sdk.SetRepositoryPolicyOutput, error) {
		return c.SetRepositoryPolicy(t.Context(), &sdk.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: &document})
	})
	got := must2(t, func() (*sdk.GetRepositoryPolicyOutput, error) {
		return c.GetRepositoryPolicy(t.Context(), &sdk.GetRepositoryPolicyInput{RepositoryName: name})
	})
	if *set.PolicyText != document || *got.PolicyText != document || *got.RegistryId != home || *got.RepositoryName != *name {
		t.Errorf("%+v", got)
	}
	gone := must2(t, func() (*sdk.DeleteRepositoryPolicyOutput, error) {
		return c.DeleteRepositoryPolicy(t.Context(), &sdk.DeleteRepositoryPolicyInput{RepositoryName: name})
	})
	if *gone.PolicyText != document {
		t.Errorf("%+v", gone)
	}

	p := w.public(w.roots[home])
	must(t)(p.CreateRepository(t.Context(), &sdkpublic.CreateRepositoryInput{RepositoryName: name}))
	_, err = p.SetRepositoryPolicy(t.Context(), &sdkpublic.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: &document})
	w.wants("actions of the other API", err, "InvalidParameterException", "Invalid repository policy provided")
	document = repositoryPolicy("Allow", `{"AWS":"`+abroad+`"}`, "ecr-public:*")
	must(t)(p.SetRepositoryPolicy(t.Context(), &sdkpublic.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: &document}))
	if got, err := p.GetRepositoryPolicy(t.Context(), &sdkpublic.GetRepositoryPolicyInput{RepositoryName: name}); err != nil || *got.PolicyText != document {
		t.Errorf("%+v, %v", got, err)
	}
	must(t)(p.DeleteRepositoryPolicy(t.Context(), &sdkpublic.DeleteRepositoryPolicyInput{RepositoryName: name}))
	_, err = p.GetRepositoryPolicy(t.Context(), &sdkpublic.GetRepositoryPolicyInput{RepositoryName: name})
	w.wants("gone", err, "RepositoryPolicyNotFoundException", "")
}

// TestRepositoryPolicyDocument refuses what is no policy of a repository.
func TestRepositoryPolicyDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("model")
	c := w.private(w.roots[home])
	for what, test := range map[string][2]string{
		"no JSON":           {`{`, "Invalid repository policy provided"},
		"no statement":      {`{"Version":"2012-10-17"}`, "Invalid repository policy provided"},
		"a resource":        {`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"*"}}`, "Invalid repository policy provided"},
		"another service":   {repositoryPolicy("Allow", `"*"`, "s3:GetObject"), "Invalid repository policy provided"},
		"no principal":      {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:*"}]}`, "Invalid repository policy provided"},
		"an unknown user":   {repositoryPolicy("Allow", `{"AWS":"arn:aws:iam::`+home+`:user/nobody"}`, "ecr:*"), "Principal not found"},
		"a principal's end": {repositoryPolicy("Allow", `{"AWS":"arn:aws:iam::`+home+`:*"}`, "ecr:*"), "Invalid repository policy provided"},
	} {
		_, err := c.SetRepositoryPolicy(t.Context(), &sdk.SetRepositoryPolicyInput{RepositoryName: new("model"), PolicyText: &test[0]})
		w.wants(what, err, "InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: '"+test[1]+"'")
	}
}

// TestPolicyAcrossAccounts lets another account pull, by the API's and the registry's ways,
// when both its own policy and the repository's allow it.
func TestPolicyAcrossAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("model")
	root := w.roots[home]
	if _, status := w.push(root, path(home, "model"), "{}", "1.0"); status != 201 {
		t.Fatal(status)
	}
	c := w.private(root)
	puller := w.user(abroad, "puller", allow(`"ecr:*"`))
	other := w.user(abroad, "other", "")
	pull := func(key string, want int) {
		t.Helper()
		if status, body := w.http(key, "GET", path(home, "model")+"/manifests/1.0", nil); status != want {
			t.Errorf("%d, want %d: %s", status, want, body)
		}
	}
	pull(puller, 403)
	document := repositoryPolicy("Allow", `{"AWS":"`+abroad+`"}`, "ecr:BatchGetImage")
	must(t)(c.SetRepositoryPolicy(t.Context(), &sdk.SetRepositoryPolicyInput{RepositoryName: new("model"), PolicyText: &document}))
	pull(puller, 200)
	pull(other, 403)
	if _, status := w.push(puller, path(home, "model"), "[]", "2.0"); status != 403 {
		t.Errorf("a push: %d", status)
	}
	_, err := w.private(puller).DescribeRepositories(t.Context(), &sdk.DescribeRepositoriesInput{RegistryId: new(home), RepositoryNames: []string{"model"}})
	w.wants("what it does not say", err, "AccessDeniedException", "")
	document = repositoryPolicy("Deny", `"*"`, "ecr:BatchGetImage")
	must(t)(c.SetRepositoryPolicy(t.Context(), &sdk.SetRepositoryPolicyInput{RepositoryName: new("model"), PolicyText: &document}))
	pull(root, 403)
}

// TestPolicyForEveryone does not open a private repository to those without credentials.
func TestPolicyForEveryone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("model")
	if _, status := w.push(w.roots[home], path(home, "model"), "{}", "1.0"); status != 201 {
		t.Fatal(status)
	}
	document := repositoryPolicy("Allow", `"*"`, "ecr:*")
	must(t)(w.private(w.roots[home]).SetRepositoryPolicy(t.Context(), &sdk.SetRepositoryPolicyInput{RepositoryName: new("model"), PolicyText: &document}))
	if status, _ := w.http("", "GET", path(home, "model")+"/manifests/1.0", nil); status != 401 {
		t.Errorf("without credentials: %d", status)
	}
	if status, _ := w.http(w.user(home, "plain", ""), "GET", path(home, "model")+"/manifests/1.0", nil); status != 200 {
		t.Errorf("a user of the account: %d", status)
	}
}

// TestPolicyLockout refuses a policy that would not let its author set another, unless by
// force; the account's root finds its way back.
func TestPolicyLockout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("model")
	ann := w.private(w.user(home, "ann", allow(`"ecr:*"`)))
	document := repositoryPolicy("Deny", `"*"`, "ecr:SetRepositoryPolicy")
	in := &sdk.SetRepositoryPolicyInput{RepositoryName: new("model"), PolicyText: &document}
	_, err := ann.SetRepositoryPolicy(t.Context(), in)
	w.wants("without force", err, "InvalidParameterException", "force")
	in.Force = true
	_, err = ann.SetRepositoryPolicy(t.Context(), in)
	w.wants("by force", err, "", "")
	_, err = ann.SetRepositoryPolicy(t.Context(), in)
	w.wants("locked out", err, "AccessDeniedException", "")
	_, err = w.private(w.roots[home]).DeleteRepositoryPolicy(t.Context(), &sdk.DeleteRepositoryPolicyInput{RepositoryName: new("model")})
	w.wants("root", err, "", "")
	_, err = ann.SetRepositoryPolicy(t.Context(), in)
	w.wants("let in again", err, "", "")
}

// TestInvalidParameters tells what breaks the model in ECR's words, the first of it.
func TestInvalidParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for what, test := range map[string]struct{ target, body, parameter, constraint string }{
		"a pattern": {"CreateRepository", `{"repositoryName":"Bad_Name!"}`, "repositoryName",
			`must satisfy regular expression '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*'`},
		"a length":   {"CreateRepository", `{"repositoryName":"a"}`, "repositoryName", "must have length greater than or equal to 2"},
		"nothing":    {"CreateRepository", `{}`, "repositoryName", "Member must not be null"},
		"in a list":  {"GetAuthorizationToken", `{"registryIds":["1"]}`, "registryIds", "Member must satisfy constraint: [Member must satisfy regular expression pattern: [0-9]{12}]"},
		"a number":   {"DescribeRepositories", `{"maxResults":1001}`, "maxResults", "Member must have value less than or equal to 1000"},
		"two of one": {"CreateRepository", `{"repositoryName":"!"}`, "repositoryName", "must satisfy regular expression"},
	} {
		status, body := w.post(w.roots[home], "AmazonEC2ContainerRegistry_V20150921."+test.target, test.body)
		if want := "Invalid parameter at '" + test.parameter + "' failed to satisfy constraint: '" + test.constraint; status != 400 ||
			!strings.Contains(body, "#InvalidParameterException") || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %s", what, status, body, want)
		}
	}
}
