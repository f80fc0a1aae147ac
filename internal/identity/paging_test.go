package identity_test

import (
	"fmt"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api/iam"
)

// TestMarkersAreBound uses markers where they were not made for.
func TestMarkersAreBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	here, there := w.root(home), w.root(abroad)
	for _, root := range []keys{here, there} {
		for _, name := range []string{"a", "b", "c"} {
			w.user(root, name, "")
			w.role(root, name, trust(home))
		}
	}
	list := func(k keys, marker *string) (*iam.ListUsersOutput, error) {
		return w.ListUsers(w.as(k), &iam.ListUsersInput{MaxItems: new(int64(1)), Marker: marker})
	}
	first, err := list(here, nil)
	if err != nil {
		t.Fatal(err)
	}
	if next, err := list(here, first.Marker); err != nil || *next.Users[0].UserName != "b" {
		t.Errorf("%v %v", next, err)
	}
	_, err = list(there, first.Marker)
	wants(t, "another account", err, "ValidationError", "Invalid Marker.")
	_, err = w.ListRoles(w.as(here), &iam.ListRolesInput{Marker: first.Marker})
	wants(t, "another operation", err, "ValidationError", "Invalid Marker.")
	_, err = list(here, new("YQ"))
	wants(t, "made up", err, "ValidationError", "Invalid Marker.")
}

// TestPagesOfAChangedList goes on with a list whose last element seen has gone.
func TestPagesOfAChangedList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := w.as(w.root(home))
	must(t)(w.CreateUser(ctx, &iam.CreateUserInput{UserName: new("u")}))
	for _, name := range []string{"a", "b", "c", "d"} {
		must(t)(w.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: new("u"), PolicyName: &name, PolicyDocument: new(allow("s3:*", "*"))}))
	}
	first, err := w.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: new("u"), MaxItems: new(int64(2))})
	if err != nil {
		t.Fatal(err)
	}
	must(t)(w.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: new("u"), PolicyName: new("b")}))
	second, err := w.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: new("u"), MaxItems: new(int64(2)), Marker: first.Marker})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(first.PolicyNames, second.PolicyNames); got != "[a b] [c d]" {
		t.Error(got)
	}
}

// TestManyPolicies lists more policies than one page holds.
func TestManyPolicies(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("makes many policies")
	}
	w := newWorld(t)
	ctx := w.as(w.root(home))
	const n = 1010
	for i := range n {
		must(t)(w.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new(fmt.Sprint("p", i)), PolicyDocument: new(allow("s3:*", "*"))}))
	}
	in := &iam.ListPoliciesInput{Scope: new("Local"), MaxItems: new(int64(1000))}
	seen := 0
	for {
		out, err := w.ListPolicies(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		seen += len(out.Policies)
		if in.Marker = out.Marker; !*out.IsTruncated {
			break
		}
	}
	if seen != n {
		t.Errorf("listed %d of %d policies", seen, n)
	}
}
