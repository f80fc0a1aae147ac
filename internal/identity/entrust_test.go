package identity_test

import (
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/identity"
)

// TestEntrust lets those act later who asked for work: with what policy allows them then,
// also when their session has ended meanwhile. Who is gone acts no more.
func TestEntrust(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	const allow = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["dynamodb:GetItem","sts:AssumeRole"],"Resource":"*"}}`
	ann := w.user(root, "ann", allow)
	role := w.role(root, "r", trust("arn:aws:iam::111111111111:user/ann"))
	must(t)(w.PutRolePolicy(w.as(root), &iam.PutRolePolicyInput{RoleName: new("r"), PolicyName: new("p"), PolicyDocument: new(allow)}))
	session, err := w.assume(ann, role)
	if err != nil {
		t.Fatal(err)
	}
	check := identity.Check{Action: "dynamodb:GetItem", Resource: "arn:aws:dynamodb:us-east-1:111111111111:table/t"}
	may := func(who string, by []byte, want bool) {
		t.Helper()
		later := api.WithRequest(t.Context(), &api.Request{Service: "dynamodb", CalledVia: []string{"cloudformation.amazonaws.com"}})
		ctx, err := w.Act(later, by)
		if err == nil {
			err = w.Authorize(ctx, check)
		}
		if (err == nil) != want {
			t.Errorf("%s: %v", who, err)
		}
	}
	entrust := func(k keys) []byte {
		t.Helper()
		by, err := w.Entrust(w.as(k))
		if err != nil {
			t.Fatal(err)
		}
		return by
	}
	byRoot, byAnn, bySession := entrust(root), entrust(ann), entrust(session)
	w.sleep(48 * time.Hour)
	may("root", byRoot, true)
	may("a user", byAnn, true)
	may("a session that has ended", bySession, true)
	must(t)(w.DeleteRolePolicy(w.as(root), &iam.DeleteRolePolicyInput{RoleName: new("r"), PolicyName: new("p")}))
	may("a role that may no longer", bySession, false)
	must(t)(w.PutUserPolicy(w.as(root), &iam.PutUserPolicyInput{UserName: new("ann"), PolicyName: new("direct"), PolicyDocument: new(
		`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:CalledVia":"cloudformation.amazonaws.com"}}}}`)}))
	may("a user who may not through the service", byAnn, false)
	if _, err := w.Act(t.Context(), []byte("{}")); err == nil {
		t.Error("nobody acts")
	}
	if _, err := w.Entrust(api.WithRequest(t.Context(), &api.Request{Caller: api.Caller{Type: api.AnonymousCaller}})); err == nil {
		t.Error("work was entrusted to the anonymous")
	}
}
