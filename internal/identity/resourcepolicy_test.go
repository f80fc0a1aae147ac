package identity_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// TestResourcePolicyPrincipals has the principals of a policy: who is known is told with
// its unique id, by which one who comes later under the same name is told from it.
func TestResourcePolicyPrincipals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	w.root(abroad)
	ann := w.user(root, "ann", "")
	w.user(root, "bob", "")
	document := func(effect, element, principals string) []byte {
		return fmt.Appendf(nil, `{"Version":"2012-10-17","Statement":[{"Effect":%q,%q:{"AWS":%s},"Action":"dynamodb:*","Resource":"*"}]}`, effect, element, principals)
	}
	all := document("Allow", "Principal", `["`+abroad+`","333333333333","arn:aws:iam::111111111111:user/ann","arn:aws:iam::111111111111:role/none","arn:aws:sts::111111111111:assumed-role/r/s"]`)
	ids, unknown, err := w.ResourcePolicyPrincipals(t.Context(), all)
	if err != nil || !slices.Equal(slices.Collect(maps.Keys(ids)), []string{"arn:aws:iam::111111111111:user/ann"}) ||
		!slices.Equal(unknown, []string{"333333333333", "arn:aws:iam::111111111111:role/none"}) {
		t.Errorf("ids %v, unknown %v, %v", ids, unknown, err)
	}
	if _, _, err := w.ResourcePolicyPrincipals(t.Context(), []byte("{")); err == nil {
		t.Error("no policy has principals")
	} else if _, ok := errors.AsType[*policy.MalformedError](err); !ok {
		t.Error(err)
	}

	check := put
	check.ResourcePolicy, check.ResourcePrincipals = document("Allow", "Principal", `"arn:aws:iam::111111111111:user/ann"`), ids
	wants(t, "the one who is meant", w.Authorize(w.as(ann, "dynamodb"), check), "", "")
	must(t)(w.DeleteAccessKey(w.as(root), &iam.DeleteAccessKeyInput{UserName: new("ann"), AccessKeyId: &ann.id}))
	must(t)(w.DeleteUser(w.as(root), &iam.DeleteUserInput{UserName: new("ann")}))
	ann = w.user(root, "ann", "")
	wants(t, "another of the name", w.Authorize(w.as(ann, "dynamodb"), check), "AccessDeniedException", "")
	check.ResourcePolicy = document("Deny", "NotPrincipal", `["`+home+`","arn:aws:iam::111111111111:user/ann"]`)
	ann = w.user(root, "allowed", allow("dynamodb:*", "*"))
	wants(t, "not spared", w.Authorize(w.as(ann, "dynamodb"), check), "AccessDeniedException", "")
}

// TestOuterPolicy asks a second policy of a resource, that of what it lies in: either may
// allow, and either may deny.
func TestOuterPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	w.root(abroad)
	ann := w.user(root, "ann", "")
	document := func(effect, resource string) []byte {
		return fmt.Appendf(nil, `{"Version":"2012-10-17","Statement":[{"Effect":%q,"Principal":{"AWS":"arn:aws:iam::%s:user/ann"},"Action":"dynamodb:*","Resource":%q}]}`, effect, home, resource)
	}
	for what, test := range map[string]struct {
		inner, outer []byte
		code         string
	}{
		"neither":             {nil, nil, "AccessDeniedException"},
		"the outer allows":    {nil, document("Allow", "*"), ""},
		"of another resource": {nil, document("Allow", "arn:aws:s3:::other"), "AccessDeniedException"},
		"the inner allows":    {document("Allow", "*"), document("Allow", "arn:aws:s3:::other"), ""},
		"the outer denies":    {document("Allow", "*"), document("Deny", "*"), "AccessDeniedException"},
		"the inner denies":    {document("Deny", "*"), document("Allow", "*"), "AccessDeniedException"},
	} {
		check := put
		check.ResourcePolicy, check.OuterPolicy = test.inner, test.outer
		wants(t, what, w.Authorize(w.as(ann, "dynamodb"), check), test.code, "")
	}
	check := put
	check.OuterPolicy = []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"dynamodb:*","Resource":"*"}]}`)
	wants(t, "root is denied too", w.Authorize(w.as(root, "dynamodb"), check), "AccessDeniedException", "")
}
