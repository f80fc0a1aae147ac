package identity_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// Two servers share one store: a change made through the first must bind the next
// request to the second, which has everything in its cache.
func TestChangesBindTheNextRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	ann := w.user(root, "ann", allow("dynamodb:*", "*"))
	other := w.another()
	check := func(what string, wantKey error, wantCode string) {
		t.Helper()
		for range 2 { // from the store, then from the cache
			ctx, err := w.try(other, ann, "dynamodb")
			if !errors.Is(err, wantKey) {
				t.Errorf("%s: key: %v, want %v", what, err, wantKey)
			}
			if err == nil {
				wants(t, what, other.Authorize(ctx, put), wantCode, "")
			}
		}
	}
	check("at first", nil, "")
	admin := w.as(root)
	must(t)(w.DeleteUserPolicy(admin, &iam.DeleteUserPolicyInput{UserName: new("ann"), PolicyName: new("own")}))
	check("policy gone", nil, "AccessDeniedException")
	must(t)(w.CreateGroup(admin, &iam.CreateGroupInput{GroupName: new("Team")}))
	must(t)(w.AttachGroupPolicy(admin, &iam.AttachGroupPolicyInput{GroupName: new("team"), PolicyArn: new("arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess")}))
	must(t)(w.AddUserToGroup(admin, &iam.AddUserToGroupInput{GroupName: new("Team"), UserName: new("ann")}))
	check("through a group", nil, "")
	must(t)(w.UpdateAccessKey(admin, &iam.UpdateAccessKeyInput{UserName: new("ann"), AccessKeyId: &ann.id, Status: new("Inactive")}))
	check("inactive", sigv4.UnknownKey, "")
	must(t)(w.UpdateAccessKey(admin, &iam.UpdateAccessKeyInput{UserName: new("ann"), AccessKeyId: &ann.id, Status: new("Active")}))
	check("active again", nil, "")
	must(t)(w.UpdateUser(admin, &iam.UpdateUserInput{UserName: new("ann"), NewUserName: new("anna"), NewPath: new("/x/")}))
	check("renamed", nil, "")
	must(t)(w.RemoveUserFromGroup(admin, &iam.RemoveUserFromGroupInput{GroupName: new("Team"), UserName: new("anna")}))
	check("out of the group", nil, "AccessDeniedException")
	must(t)(w.DeleteAccessKey(admin, &iam.DeleteAccessKeyInput{UserName: new("anna"), AccessKeyId: &ann.id}))
	check("key gone", sigv4.UnknownKey, "")
}

func TestLookupRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	role := w.role(root, "r", trust("arn:aws:iam::111111111111:root"))
	ann := w.user(root, "ann", allow("sts:*", "*"))
	session, err := w.assume(ann, role)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := w.assume(ann, role)
	for _, c := range []struct {
		name string
		k    keys
		want error
	}{
		{"nothing", keys{}, sigv4.UnknownKey},
		{"unknown", keys{id: "AKIAAAAAAAAAAAAAAAAA"}, sigv4.UnknownKey},
		{"very long", keys{id: strings.Repeat("A", 30000)}, sigv4.UnknownKey},
		{"a token with a user's key", keys{id: ann.id, token: session.token}, sigv4.InvalidToken},
		{"a session without its token", keys{id: session.id}, sigv4.UnknownKey},
		{"another session's token", keys{id: session.id, token: other.token}, sigv4.InvalidToken},
		{"a token cut short", keys{id: session.id, token: session.token[:40]}, sigv4.InvalidToken},
		{"no base 64", keys{id: session.id, token: "%%%"}, sigv4.InvalidToken},
	} {
		for range 2 {
			if _, _, err := w.Lookup(t.Context(), c.k.id, c.k.token); err != c.want {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
			w.as(session) // fills the cache
		}
	}
	w.sleep(time.Hour)
	if _, _, err := w.Lookup(t.Context(), session.id, session.token); err != sigv4.ExpiredToken {
		t.Errorf("cached and over: %v", err)
	}
	if _, _, err := w.another().Lookup(t.Context(), other.id, other.token); err != sigv4.ExpiredToken {
		t.Errorf("over: %v", err)
	}
}

func TestEnsureRoot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made, err := w.EnsureRoot(t.Context(), home, "", "")
	if err != nil || !made.Created || len(made.AccessKeyID) != 20 || len(made.Secret) != 40 {
		t.Fatalf("%+v %v", made, err)
	}
	var acts []string
	for _, e := range *w.events {
		acts = append(acts, e.operation+" "+e.Account)
	}
	if got := strings.Join(acts, ", "); got != "CreateAccount 111111111111, CreateAccessKey 111111111111" {
		t.Errorf("recorded: %s", got)
	}
	again, err := w.EnsureRoot(t.Context(), home, "", "")
	if err != nil || again.Created || again.AccessKeyID != made.AccessKeyID || again.Secret != "" {
		t.Errorf("%+v %v", again, err)
	}
	first := keys{id: "AKIAGIVENGIVENGIVEN1", secret: "first-secret"}
	for i := range 2 {
		k, err := w.EnsureRoot(t.Context(), home, first.id, first.secret)
		if err != nil || k.Created != (i == 0) {
			t.Errorf("given, %d: %+v %v", i, k, err)
		}
	}
	w.as(first)
	first.secret = "changed-secret"
	if k, err := w.EnsureRoot(t.Context(), home, first.id, first.secret); err != nil || !k.Created {
		t.Errorf("%+v %v", k, err)
	}
	w.as(first)
	second := keys{id: "AKIAGIVENGIVENGIVEN2", secret: "second-secret"}
	must(t)(w.EnsureRoot(t.Context(), home, second.id, second.secret))
	w.as(second)
	w.as(keys{id: made.AccessKeyID, secret: made.Secret})
	if _, err := w.try(w.Service, first); err != sigv4.UnknownKey {
		t.Errorf("a given key that was replaced: %v", err)
	}
	ann := w.user(second, "ann", "")
	for _, c := range [][2]string{{"", "x"}, {"short", "secret-secret"}, {"AKIAGIVENGIVENGIVEN3", "short"}, {"ASIAGIVENGIVENGIVEN3", "secret-secret"}, {ann.id, "secret-secret"}} {
		if _, err := w.EnsureRoot(t.Context(), home, c[0], c[1]); !errors.Is(err, identity.ErrRootKey) {
			t.Errorf("%q: %v", c, err)
		}
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, key, err := w.CreateAccount(t.Context(), identity.Account{Name: "team"})
	if err != nil || len(a.ID) != 12 || a.ARN() != "arn:aws:iam::"+a.ID+":root" || !key.Created || key.Secret == "" {
		t.Fatalf("%+v %+v %v", a, key, err)
	}
	if again, err := w.EnsureRoot(t.Context(), a.ID, "", ""); err != nil || again.Created || again.AccessKeyID != key.AccessKeyID {
		t.Errorf("the account's root has the key %+v, %v", again, err)
	}
	for _, c := range []struct {
		account identity.Account
		want    error
	}{
		{identity.Account{ID: "000000000000", Name: "zero"}, nil},
		{identity.Account{ID: a.ID, Name: "again"}, identity.ErrAccountExists},
		{identity.Account{ID: "12", Name: "short"}, identity.ErrAccountID},
		{identity.Account{}, identity.ErrAccountName},
		{identity.Account{Name: "two\nlines"}, identity.ErrAccountName},
		{identity.Account{Name: "a profile]"}, identity.ErrAccountName},
		{identity.Account{Name: strings.Repeat("x", 51)}, identity.ErrAccountName},
	} {
		if _, _, err := w.CreateAccount(t.Context(), c.account); err != c.want {
			t.Errorf("%+v: %v, want %v", c.account, err, c.want)
		}
	}
	if _, err := w.Account(t.Context(), home); err != identity.ErrNoAccount {
		t.Error(err)
	}
	all, err := w.Accounts(t.Context())
	if err != nil || len(all) != 2 || all[0].Name != "zero" || all[1] != a {
		t.Errorf("%+v %v", all, err)
	}
	info, err := w.GetAccessKeyInfo(w.as(keys{id: key.AccessKeyID, secret: key.Secret}, "sts"), &sts.GetAccessKeyInfoInput{AccessKeyId: &key.AccessKeyID})
	if err != nil || *info.Account != a.ID {
		t.Errorf("%+v %v", info, err)
	}
}

// No secret may be found in the store, the log or the audit trail.
func TestSecretsStaySealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var log bytes.Buffer
	var err error
	w.Service, err = identity.New(identity.Config{Store: w.store, Seal: w.sealer, Now: w.now,
		Log: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Record: func(_ context.Context, _ kv.Txn, e identity.Event) {
			log.Write(e.Parameters)
			log.Write(e.Response)
		}})
	if err != nil {
		t.Fatal(err)
	}
	root := w.root(home)
	ann := w.user(root, "ann", allow("sts:*", "*"))
	session, err := w.assume(ann, w.role(root, "r", trust("arn:aws:iam::111111111111:user/ann")))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, "denied", w.Authorize(w.as(session, "dynamodb"), put), "AccessDeniedException", "")
	var all bytes.Buffer
	w.store.View(t.Context(), func(r kv.Reader) error {
		for p, err := range r.Scan(t.Context(), kv.Range{}) {
			if err != nil {
				t.Fatal(err)
			}
			all.Write(p.Key)
			all.Write(p.Val)
		}
		return nil
	})
	for _, secret := range []string{root.secret, ann.secret, session.secret, session.token} {
		if bytes.Contains(all.Bytes(), []byte(secret)) || strings.Contains(log.String(), secret) {
			t.Errorf("%s is there in clear", secret)
		}
	}
	if !strings.Contains(log.String(), `"msg":"policy decision"`) || !strings.Contains(log.String(), "no identity-based policy allows") {
		t.Error("the debug log does not explain decisions")
	}
	stranger, _ := identity.NewSealer([]byte(strings.Repeat("x", 32)))
	s, _ := identity.New(identity.Config{Store: w.store, Seal: stranger, Now: w.now})
	if _, _, err := s.Lookup(t.Context(), ann.id, ""); !errors.Is(err, identity.ErrSealed) {
		t.Errorf("opened with another key: %v", err)
	}
	rotated, _ := identity.NewSealer([]byte(strings.Repeat("x", 32)), []byte(strings.Repeat("k", 32)))
	s, _ = identity.New(identity.Config{Store: w.store, Seal: rotated, Now: w.now})
	for _, k := range []keys{ann, session} {
		if _, secret, err := s.Lookup(t.Context(), k.id, k.token); err != nil || secret != k.secret {
			t.Errorf("after a rotation: %v", err)
		}
	}
}

func TestLastUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	ann := w.user(root, "ann", "")
	used := func(s *identity.Service) string {
		out, err := s.GetAccessKeyLastUsed(w.as(root), &iam.GetAccessKeyLastUsedInput{AccessKeyId: &ann.id})
		if err != nil {
			t.Fatal(err)
		}
		u := out.AccessKeyLastUsed
		if u.LastUsedDate == nil {
			return *u.ServiceName
		}
		return u.LastUsedDate.Format("15:04:05 ") + *u.ServiceName + " " + *u.Region
	}
	if got := used(w.Service); got != "N/A" {
		t.Error(got)
	}
	w.as(ann, "dynamodb")
	w.sleep(30 * time.Second)
	w.as(ann, "sts") // within the minute: not noted
	if got := used(w.Service); got != "12:00:00 dynamodb us-east-1" {
		t.Error(got)
	}
	if got := used(w.another()); got != "N/A" {
		t.Error("written before it was flushed:", got)
	}
	if err := w.FlushLastUsed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := used(w.another()); got != "12:00:00 dynamodb us-east-1" {
		t.Error(got)
	}
}

// A caller that did not come through Admit is judged all the same.
func TestAuthorizeWithoutAdmit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.root(home)
	ann := w.user(root, "ann", allow("dynamodb:*", "*"))
	annsCaller := api.RequestOf(w.as(ann)).Caller
	for _, s := range []*identity.Service{w.Service, w.another()} {
		for _, c := range []struct {
			name   string
			caller api.Caller
			code   string
		}{
			{"root", api.Caller{Account: home, ARN: "arn:aws:iam::111111111111:root", Type: api.RootCaller}, ""},
			{"another account's root", api.Caller{Account: abroad, ARN: "arn:aws:iam::222222222222:root", Type: api.RootCaller}, "AccessDeniedException"},
			{"user", annsCaller, ""},
			{"a user who is gone", api.Caller{Account: home, ARN: annsCaller.ARN, Principal: annsCaller.ARN, UserID: "AIDAX", Type: api.UserCaller}, "AccessDeniedException"},
			{"a session out of nowhere", api.Caller{Account: home, ARN: "arn:aws:sts::111111111111:assumed-role/r/s", Principal: "arn:aws:iam::111111111111:role/r", Type: api.RoleCaller}, "AccessDeniedException"},
			{"nobody", api.Caller{}, "AccessDeniedException"},
			{"anonymous", api.Caller{Type: api.AnonymousCaller}, "AccessDeniedException"},
		} {
			ctx := api.WithRequest(t.Context(), &api.Request{Service: "dynamodb", Caller: c.caller})
			wants(t, c.name, s.Authorize(ctx, put), c.code, "")
		}
	}
	wants(t, "no request", w.Authorize(t.Context(), put), "AccessDeniedException", "")
}

// TestNamesOfAdministration makes an account as the program's command does, whose
// request is not of IAM: each act is recorded under its own name.
func TestNamesOfAdministration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := &api.Request{Service: "modelwharf", Operation: "CreateAccount", Time: w.now(), Caller: api.Caller{Account: home, ARN: "admin", Type: api.RootCaller}}
	ctx := api.WithRequest(t.Context(), r)
	if _, _, err := w.CreateAccount(ctx, identity.Account{ID: abroad, Name: "abroad"}); err != nil {
		t.Fatal(err)
	}
	var acts []string
	for _, e := range *w.events {
		acts = append(acts, e.operation)
	}
	if got := strings.Join(acts, " "); got != "CreateAccount CreateAccessKey" {
		t.Errorf("recorded: %s", got)
	}
}
