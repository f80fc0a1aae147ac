package identity_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/identity"
)

// A request that begins after a change was answered sees it, whatever else goes on
// on two servers of one store.
func TestCachesAreNeverBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	servers := make([]*identity.Service, 2)
	for i := range servers {
		s, err := identity.New(identity.Config{Store: w.store, Seal: w.sealer, Now: w.now})
		if err != nil {
			t.Fatal(err)
		}
		servers[i] = s
	}
	w.Service = servers[0]
	root := w.root(home)
	var wg sync.WaitGroup
	for g := range 4 {
		name := fmt.Sprint("u", g)
		k := w.user(root, name, "")
		wg.Go(func() {
			for i := range 50 {
				admin, err := w.try(servers[i%2], root)
				if err != nil {
					t.Error(err)
					return
				}
				allowed := i%4 < 2
				if allowed {
					_, err = servers[i%2].PutUserPolicy(admin, &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("p"), PolicyDocument: new(allow("dynamodb:*", "*"))})
				} else if i%4 == 2 {
					_, err = servers[i%2].DeleteUserPolicy(admin, &iam.DeleteUserPolicyInput{UserName: &name, PolicyName: new("p")})
				}
				if err != nil {
					t.Error(err)
					return
				}
				for n, s := range servers {
					ctx, err := w.try(s, k, "dynamodb")
					if err != nil {
						t.Error(err)
						return
					}
					if err := s.Authorize(ctx, put); (err == nil) != allowed {
						t.Errorf("server %d, step %d of %s: %v", n, i, name, err)
					}
				}
				if err := servers[0].FlushLastUsed(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// Of many who make a user of one name at once, one succeeds; and two attachments
// at once both count.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, err := identity.New(identity.Config{Store: w.store, Seal: w.sealer, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	w.Service = s
	ctx := w.as(w.root(home))
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for i := range 8 {
		wg.Go(func() {
			_, err := s.CreateUser(ctx, &iam.CreateUserInput{UserName: new([]string{"Ann", "ann"}[i%2])})
			switch {
			case err == nil:
				mu.Lock()
				made++
				mu.Unlock()
			case api.AsError(err).Code != "EntityAlreadyExists":
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("%d users of one name", made)
	}
	arn := new("arn:aws:iam::111111111111:policy/p")
	must(t)(w.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new("p"), PolicyDocument: new(small)}))
	for i := range 8 {
		name := fmt.Sprint("g", i)
		must(t)(w.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name}))
		wg.Go(func() {
			if _, err := s.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: &name, PolicyArn: arn}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	p, err := s.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
	if err != nil || *p.Policy.AttachmentCount != 8 {
		t.Errorf("%+v %v", p.Policy, err)
	}
}
