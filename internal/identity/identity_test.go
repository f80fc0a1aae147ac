package identity_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

const (
	home   = "111111111111"
	abroad = "222222222222"
)

// world is a service over a store in memory, with a clock that a test moves.
type world struct {
	*identity.Service
	t      testing.TB
	store  kv.Store
	sealer *identity.Sealer
	clock  *atomic.Int64
	events *[]event
}

type event struct {
	operation string
	identity.Event
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, clock: new(atomic.Int64), events: &[]event{}}
	w.clock.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix())
	db, err := kv.Open(mem.New(), kv.Options{Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.store = db
	if w.sealer, err = identity.NewSealer([]byte(strings.Repeat("k", 32))); err != nil {
		t.Fatal(err)
	}
	w.Service = w.another()
	return w
}

// another is one more server on the same store.
func (w *world) another() *identity.Service {
	s, err := identity.New(identity.Config{Store: w.store, Seal: w.sealer, Now: w.now,
		Record: func(ctx context.Context, tx kv.Txn, e identity.Event) {
			*w.events = append(*w.events, event{api.RequestOf(ctx).Operation, e})
		}})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) now() time.Time        { return time.Unix(w.clock.Load(), 0).UTC() }
func (w *world) sleep(d time.Duration) { w.clock.Add(int64(d / time.Second)) }
func (w *world) root(acct string) keys { return w.ensureRoot(acct) }
func (w *world) ensureRoot(a string) keys {
	w.t.Helper()
	id := "AKIAROOT" + a
	k, err := w.EnsureRoot(w.t.Context(), a, id, "secret-of-root")
	if err != nil {
		w.t.Fatal(err)
	}
	return keys{id: k.AccessKeyID, secret: k.Secret}
}

// keys are what a client signs with.
type keys struct{ id, secret, token string }

// as is the context of a request that was signed with keys.
func (w *world) as(k keys, service ...string) context.Context {
	w.t.Helper()
	ctx, err := w.try(w.Service, k, service...)
	if err != nil {
		w.t.Fatalf("%s: %v", k.id, err)
	}
	return ctx
}

func (w *world) try(s *identity.Service, k keys, service ...string) (context.Context, error) {
	who, secret, err := s.Lookup(w.t.Context(), k.id, k.token)
	if err != nil {
		return nil, err
	}
	if secret != k.secret {
		return nil, errors.New("another secret")
	}
	r := &api.Request{ID: "r", Service: "iam", Region: "us-east-1", SourceIP: netip.MustParseAddr("192.0.2.7"), UserAgent: "test/1", Secure: true, Time: w.now()}
	if len(service) > 0 {
		r.Service = service[0]
	}
	return s.Admit(api.WithRequest(w.t.Context(), r), who), nil
}

// user makes a user with an access key and an inline policy, if it is not "".
func (w *world) user(root keys, name, policy string) keys {
	w.t.Helper()
	ctx := w.as(root)
	must(w.t)(w.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))
	if policy != "" {
		must(w.t)(w.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("own"), PolicyDocument: &policy}))
	}
	out, err := w.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		w.t.Fatal(err)
	}
	return keys{id: *out.AccessKey.AccessKeyId, secret: *out.AccessKey.SecretAccessKey}
}

func (w *world) role(root keys, name, trust string) string {
	w.t.Helper()
	out, err := w.CreateRole(w.as(root), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.Role.Arn
}

func (w *world) assume(k keys, role string, more ...func(*sts.AssumeRoleInput)) (keys, error) {
	in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: new("s1")}
	for _, m := range more {
		m(in)
	}
	out, err := w.AssumeRole(w.as(k, "sts"), in)
	if err != nil {
		return keys{}, err
	}
	c := out.Credentials
	return keys{*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken}, nil
}

// must fails the test if an operation failed.
func must(t testing.TB) func(_ any, err error) {
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wants checks an error's code and message; code "" means none.
func wants(t testing.TB, what string, err error, code, message string) {
	t.Helper()
	got := ""
	if err != nil {
		e := api.AsError(err)
		got = e.Code + ": " + e.Message
		if e.Code == code && (message == "" || e.Message == message) {
			return
		}
	} else if code == "" {
		return
	}
	t.Errorf("%s: got %q, want %q", what, got, code+": "+message)
}

func allow(action, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":%q,"Resource":%q}]}`, action, resource)
}

func trust(arn string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`, arn)
}

const table = "arn:aws:dynamodb:us-east-1:111111111111:table/models"

var put = identity.Check{Action: "dynamodb:PutItem", Resource: table}
