package identity_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// No token that the service has not made lets anyone in.
func FuzzSessionToken(f *testing.F) {
	w := newWorld(f)
	root := w.root(home)
	ann := w.user(root, "ann", allow("sts:*", "*"))
	session, err := w.assume(ann, w.role(root, "r", trust(home)))
	if err != nil {
		f.Fatal(err)
	}
	sealed, _ := base64.StdEncoding.DecodeString(session.token)
	for _, seed := range [][]byte{nil, {1}, {1, 0, 0, 0, 0}, sealed[:5], sealed[:40], sealed, append(sealed[:len(sealed):len(sealed)], 0)} {
		f.Add(session.id, seed)
	}
	f.Add(ann.id, sealed)
	f.Fuzz(func(t *testing.T, id string, sealed []byte) {
		token := base64.StdEncoding.EncodeToString(sealed)
		who, _, err := w.Lookup(t.Context(), id, token)
		if err == nil && (id != session.id && id != ann.id && id != root.id || token != session.token && token != "") {
			t.Errorf("%s was let in as %s", id, who.Caller.ARN)
		}
		if _, ok := errors.AsType[sigv4.Kind](err); err != nil && !ok {
			t.Error(err)
		}
	})
}

// Names, ARNs and markers out of nowhere are answered, not panicked at.
func FuzzNames(f *testing.F) {
	w := newWorld(f)
	ctx := w.as(w.root(home))
	for _, s := range []string{"", "x", "arn:aws:iam::111111111111:user/a", "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::111111111111:role/", "arn:aws:iam::::", "\x00\xff", "AKIA7777777777777777"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w.GetUser(ctx, &iam.GetUserInput{UserName: &s})
		w.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &s})
		w.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: new("arn:aws:iam::aws:policy/AdministratorAccess"), VersionId: &s})
		w.ListUsers(ctx, &iam.ListUsersInput{Marker: &s, PathPrefix: &s})
		w.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &s, RoleSessionName: &s})
		w.GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: &s})
		w.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &s, ActionNames: []string{s}})
	})
}
