package resources_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/cloudformation"
	tableshapes "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/resources"
)

// cuttable is a store that is cut off after some transactions, as a crash does: before the
// last one is there, or after it, when nobody is told any more.
type cuttable struct {
	kv.Store
	left  atomic.Int64
	after bool
	cut   atomic.Bool
}

var errCut = errors.New("cut off")

func (s *cuttable) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	switch left := s.left.Add(-1); {
	case s.cut.Load():
		return 0, errCut
	case left < 0 && s.cut.CompareAndSwap(false, true):
		if s.after {
			_, _ = s.Store.Update(ctx, fn)
		}
		return 0, errCut
	case left < 0:
		return 0, errCut
	}
	return s.Store.Update(ctx, fn)
}

func (s *cuttable) View(ctx context.Context, fn func(kv.Reader) error) error {
	if s.cut.Load() {
		return errCut
	}
	return s.Store.View(ctx, fn)
}

// life is one life of the services between two crashes.
type life struct {
	store  *cuttable
	stacks *cloudformation.Service
	tables *dynamodb.Service
	ctx    context.Context // of the administrator's requests
	stop   func()
}

const region = "eu-west-1"

func begin(t *testing.T, db *kv.DB, seal *identity.Sealer, updates int64, after bool) *life {
	t.Helper()
	l := &life{store: &cuttable{Store: db, after: after}}
	l.store.left.Store(1 << 40)
	quiet := slog.New(slog.DiscardHandler)
	id, err := identity.New(identity.Config{Store: l.store, Seal: seal, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	root, err := id.EnsureRoot(t.Context(), "111111111111", "AKIACRASHCRASHCRASH0", "a-secret-of-the-administrator/000000001")
	if err != nil {
		t.Fatal(err)
	}
	l.tables = dynamodb.New(dynamodb.Config{Store: l.store, Identity: id, Pages: seal.Pages(), Log: quiet})
	packages := codeartifact.New(codeartifact.Config{Store: l.store, Formats: []codeartifact.Format{pypi.Format{}}, Identity: id, Seal: seal.Pages(), Log: quiet})
	images := ecr.New(ecr.Config{Store: l.store, Identity: id, Seal: seal.Pages(), Log: quiet})
	runner := jobs.New(jobs.Config{Store: l.store, Owner: "test", Poll: 5 * time.Millisecond, Workers: 16, Logger: quiet})
	l.stacks = cloudformation.New(cloudformation.Config{
		Store: l.store, Identity: id, Seal: seal.Pages(), Wake: runner.Wake, Log: quiet,
		Types: resources.Types(resources.Services{
			DynamoDB: l.tables.API(), CodeArtifact: packages.API(), ECR: images.API(), ECRPublic: images.PublicAPI(), IAM: iam.New(id),
		}),
	})
	runner.Register(l.stacks.Jobs()...)
	l.ctx = api.WithRequest(t.Context(), &api.Request{ID: "test", Service: "cloudformation", Region: region, Time: time.Now()})
	who, _, err := id.Lookup(l.ctx, root.AccessKeyID, "")
	if err != nil {
		t.Fatal(err)
	}
	l.ctx = id.Admit(l.ctx, who)
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	l.store.left.Store(updates)
	ended.Go(func() { _ = runner.Run(ctx) })
	ended.Go(func() { _ = l.tables.Run(ctx) })
	l.stop = func() { cancel(); ended.Wait() }
	return l
}

// TestCrashAtAnyStep cuts the store off again and again while stacks of every type are
// made, changed and deleted: each operation ends as it should, and then the account has
// what the template says, once.
func TestCrashAtAnyStep(t *testing.T) {
	t.Parallel()
	for _, every := range []int64{7, 10, 13} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprint(every, after), func(t *testing.T) {
				t.Parallel()
				crash(t, every, after)
			})
		}
	}
}

func crash(t *testing.T, every int64, after bool) {
	db, err := kv.Open(mem.New(), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	seal, err := identity.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	lives := 0
	// through asks for an operation and goes through as many lives as it takes.
	through := func(want string, ask func(l *life) (string, error)) {
		t.Helper()
		var id string
		asked, born := false, 1
		for deadline := time.Now().Add(2 * time.Minute); ; lives, born = lives+1, born+1 {
			if time.Now().After(deadline) {
				t.Fatalf("there is no end to it after %d lives", lives)
			}
			updates := every * int64(born) // later from life to life: else some steps never end
			if !asked {
				updates = 1 << 40
			}
			l := begin(t, db, seal, updates, after)
			if !asked {
				if id, err = ask(l); err != nil {
					t.Fatal(err)
				}
				asked = true
				l.store.left.Store(every)
			}
			for !l.store.cut.Load() {
				out, err := l.stacks.DescribeStacks(l.ctx, &shapes.DescribeStacksInput{StackName: &id})
				if err != nil {
					break // cut off meanwhile
				}
				if st := out.Stacks[0]; !strings.HasSuffix(*st.StackStatus, "_IN_PROGRESS") {
					l.stop()
					if *st.StackStatus != want {
						l := begin(t, db, seal, 1<<40, false)
						defer l.stop()
						events, _ := l.stacks.DescribeStackEvents(l.ctx, &shapes.DescribeStackEventsInput{StackName: &id})
						for _, e := range events.StackEvents {
							if e.ResourceStatusReason != nil {
								t.Log(*e.LogicalResourceId, *e.ResourceStatus, *e.ResourceStatusReason)
							}
						}
						t.Fatalf("%s, want %s", *st.StackStatus, want)
					}
					return
				}
				time.Sleep(time.Millisecond)
			}
			l.stop()
		}
	}
	tables := func() []string {
		l := begin(t, db, seal, 1<<40, false)
		defer l.stop()
		out, err := l.tables.ListTables(l.ctx, &tableshapes.ListTablesInput{})
		if err != nil {
			t.Fatal(err)
		}
		return out.TableNames
	}
	v := func(value string) []*shapes.Parameter {
		return []*shapes.Parameter{{ParameterKey: new("V"), ParameterValue: &value}}
	}
	capabilities := []string{"CAPABILITY_IAM"}
	// Its index stays: who was killed while he filled one has a lease of 30 seconds.
	everything := strings.NewReplacer("!If [Two, ByOwner, ByKind]", "ByKind", "!If [Two, Owner, Kind]", "Kind",
		"!If [Two, {AttributeName: Owner, AttributeType: S}, {AttributeName: Kind, AttributeType: S}]", "{AttributeName: Kind, AttributeType: S}").Replace(everything)
	through("CREATE_COMPLETE", func(l *life) (string, error) {
		out, err := l.stacks.CreateStack(l.ctx, &shapes.CreateStackInput{StackName: new("all"), TemplateBody: new(everything), Parameters: v("one"), Capabilities: capabilities})
		if err != nil {
			return "", err
		}
		return *out.StackId, nil
	})
	first := tables()
	if len(first) != 1 {
		t.Fatalf("tables %q", first)
	}
	update := func(want, body, to string) {
		t.Helper()
		through(want, func(l *life) (string, error) {
			out, err := l.stacks.UpdateStack(l.ctx, &shapes.UpdateStackInput{StackName: new("all"), TemplateBody: &body, Parameters: v(to), Capabilities: capabilities})
			if err != nil {
				return "", err
			}
			return *out.StackId, nil
		})
	}
	update("UPDATE_COMPLETE", everything, "two")
	// Another table instead, and one that cannot be.
	replaced := strings.Replace(everything, "{AttributeName: Version, KeyType: RANGE}", "{AttributeName: Kind2, KeyType: RANGE}", 1)
	replaced = strings.Replace(replaced, "{AttributeName: Version, AttributeType: S}", "{AttributeName: Kind2, AttributeType: S}", 1)
	broken := strings.Replace(replaced, "  Handle:\n", "  Broken:\n    Type: AWS::ECR::Repository\n    DependsOn: [Table, Inline, Group, Images, Public]\n    Properties: {RepositoryName: NO}\n  Handle:\n", 1)
	update("UPDATE_ROLLBACK_COMPLETE", broken, "two")
	if again := tables(); !slices.Equal(first, again) {
		t.Fatalf("tables %q, before the update that failed %q", again, first)
	}
	update("UPDATE_COMPLETE", replaced, "two")
	if again := tables(); len(again) != 1 || again[0] == first[0] {
		t.Fatalf("tables %q, before the replacement %q", again, first)
	}
	through("DELETE_COMPLETE", func(l *life) (string, error) {
		out, err := l.stacks.DescribeStacks(l.ctx, &shapes.DescribeStacksInput{StackName: new("all")})
		if err != nil {
			return "", err
		}
		_, err = l.stacks.DeleteStack(l.ctx, &shapes.DeleteStackInput{StackName: new("all")})
		return *out.Stacks[0].StackId, err
	})
	if left := tables(); len(left) != 0 {
		t.Fatalf("left are %q", left)
	}
	// Every name is free: the same stack is made again.
	through("CREATE_COMPLETE", func(l *life) (string, error) {
		out, err := l.stacks.CreateStack(l.ctx, &shapes.CreateStackInput{StackName: new("all"), TemplateBody: new(everything), Parameters: v("one"), Capabilities: capabilities})
		if err != nil {
			return "", err
		}
		return *out.StackId, nil
	})
	t.Logf("%d lives", lives)
}
