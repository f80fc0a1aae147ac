package servicecatalog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdkcfn "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// cuttable is a store that is cut off after some transactions, as a crash does: before the
// last one is there, or after it, when nobody is told any more.
type cuttable struct {
	kv.Store
	left  atomic.Int64
	after bool
	cut   atomic.Bool
}

// forever is so many updates that a store is never cut off.
const forever = 1 << 40

var errCut = errors.New("cut off")

func (s *cuttable) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	switch left := s.left.Add(-1); {
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

// restart starts the services anew, to be cut off after some updates.
func (w *world) restart(updates int64, after bool) *cuttable {
	w.stop()
	c := &cuttable{Store: w.store, after: after}
	c.left.Store(updates)
	w.startOn(c)
	return c
}

// crash is when the server crashes in what is asked: after so many updates of the store.
// Every makes it crash again after each further so many, until it is done.
type crash struct {
	updates int64
	after   bool // the last update is there, but nobody was told
	every   bool
}

// through asks for something, and asks again with the same token if a crash took the answer,
// and follows what it got to its end through the crashes. The second value tells whether there
// was one.
func through[T any](c crash, w *world, ask func() (T, error), look func(T) (now T, ended bool, err error)) (got T, crashed bool) {
	w.Helper()
	store, lives, asked := w.restart(c.updates, c.after), int64(1), false
	defer func() { w.restart(forever, false) }()
	for {
		if !asked {
			now, err := ask()
			if asked = err == nil; asked {
				got = now
			} else if !store.cut.Load() {
				w.Fatal(err)
			}
		}
		for !store.cut.Load() {
			now, ended, err := look(got)
			if err != nil && !store.cut.Load() {
				w.Fatal(err)
			}
			if ended {
				return now, lives > 1
			}
			select {
			case <-w.Context().Done():
				w.Fatalf("after %d lives there is no end: %v", lives, now)
			case <-time.After(time.Millisecond):
			}
		}
		next := int64(forever)
		if lives++; c.every {
			next = c.updates * lives // later from life to life: else some steps never end
		}
		store = w.restart(next, c.after)
	}
}

// record follows a record.
func (p *who) record(r *types.RecordDetail) (*types.RecordDetail, bool, error) {
	out, err := p.DescribeRecord(p.w.Context(), &sdk.DescribeRecordInput{Id: r.RecordId})
	if err != nil {
		return nil, false, err
	}
	r = out.RecordDetail
	return r, r.Status == types.RecordStatusSucceeded || r.Status == types.RecordStatusFailed, nil
}

// plan follows the ID of a plan until the plan is made.
func (p *who) plan(id string) (string, bool, error) {
	out, err := p.DescribeProvisionedProductPlan(p.w.Context(), &sdk.DescribeProvisionedProductPlanInput{PlanId: &id})
	return id, err == nil && out.ProvisionedProductPlanDetails.Status == types.ProvisionedProductPlanStatusCreateSuccess, err
}

// TestKilledAtAnyStep kills the server at every step of a launch, of an update, of one that
// fails, of a launch that fails, of one by a plan, and of terminations, for products that are launched in a
// role, with a user's own rights and with those of a session. Each ends as it should: nothing
// is lost, doubled or orphaned. MODELWHARF_SOAK makes it go through more of them.
func TestKilledAtAnyStep(t *testing.T) {
	t.Parallel()
	soak := os.Getenv("MODELWHARF_SOAK") != ""
	for _, by := range []string{"role", "user", "session"} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprint(by, after), func(t *testing.T) {
				t.Parallel()
				l := newLife(t, by)
				// Every single step.
				for n := int64(0); l.goes(crash{updates: n, after: after}); n++ {
					if !soak {
						n += 2
					}
				}
				// Again and again.
				for _, n := range []int64{3, 5, 7, 11} {
					l.goes(crash{updates: n, after: after, every: true})
				}
			})
		}
	}
}

// life is the life of a product that somebody launches.
type life struct {
	*world
	offer offer
	v11   string
	user  *who
	role  string
}

func newLife(t *testing.T, by string) *life {
	l := &life{world: newWorld(t)}
	l.offer = l.admin.offer("Model", aModel)
	l.v11 = l.admin.version(l.offer, "v1.1", strings.Replace(aModel, "how large it is", "its size", 1))
	principal := "arn:aws:iam::" + platform + ":user/launcher"
	switch by {
	case "role":
		l.role = l.admin.role("launch", trustsCatalog, launches)
		l.admin.constrain(l.offer, "LAUNCH", `{"RoleArn":"`+l.role+`"}`)
		l.user = l.admin.user("launcher", endUser)
	case "user":
		l.user = l.admin.user("launcher", endUser+" "+launches)
	case "session":
		principal = l.admin.role("launcher", `{"AWS":"arn:aws:iam::`+platform+`:root"}`, endUser+" "+launches)
		l.user = l.admin.user("assumer", "sts:AssumeRole").session(principal)
	}
	l.admin.admit(l.offer.portfolio, principal)
	return l
}

// goes brings a product through its life, and tells whether a crash came before the end of
// any of its stages.
func (l *life) goes(c crash) (crashed bool) {
	l.Helper()
	name, ctx := "fraud", l.Context()
	var ids []string
	stage := func(what string, want types.RecordStatus, became types.ProvisionedProductStatus, sizes string, ask func() (*types.RecordDetail, error)) *types.RecordDetail {
		l.Helper()
		r, yes := through(c, l.world, ask, l.user.record)
		crashed = crashed || yes
		fail := func(format string, args ...any) {
			l.Helper()
			l.Fatalf("%s, crash %+v: %s", what, c, fmt.Sprintf(format, args...))
		}
		if r.Status != want {
			for _, e := range r.RecordErrors {
				l.Log(*e.Description)
			}
			fail("the record is %s, want %s", r.Status, want)
		}
		if got := l.model.sizes(); strings.Join(got, " ") != sizes {
			fail("there are models %q, want %q", got, sizes)
		}
		again := must(ask())(l)
		if *again.RecordId != *r.RecordId {
			fail("asked again it is record %s, not %s", *again.RecordId, *r.RecordId)
		}
		if ids = append(ids, *r.RecordId); became == "" {
			_, err := l.user.DescribeProvisionedProduct(ctx, &sdk.DescribeProvisionedProductInput{Name: &name})
			refused(l, err, "ResourceNotFoundException", "")
		} else if pp := l.user.launched(name); pp.Status != became || *pp.LastRecordId != *r.RecordId || *pp.Id != *r.ProvisionedProductId {
			fail("the provisioned product is %+v", pp)
		}
		stacks := 1
		if became == "" {
			stacks = 0
		}
		if got := l.stacksNow(); len(got) != stacks {
			fail("there are stacks %q", got)
		}
		var history []string
		for _, r := range must(l.user.ListRecordHistory(ctx, &sdk.ListRecordHistoryInput{SearchFilter: &types.ListRecordHistorySearchFilter{Key: new("provisionedproduct"), Value: r.ProvisionedProductId}}))(l).RecordDetails {
			history = append(history, *r.RecordId)
		}
		slices.Reverse(history)
		if !slices.Equal(history, ids) {
			fail("the history is %q, want %q", history, ids)
		}
		return r
	}
	provision := func(size string) func() (*types.RecordDetail, error) {
		in := l.user.launching(l.offer, name, "Size="+size)
		return func() (*types.RecordDetail, error) {
			out, err := l.user.ProvisionProduct(ctx, in)
			if err != nil {
				return nil, err
			}
			return out.RecordDetail, nil
		}
	}
	update := func(size string) func() (*types.RecordDetail, error) {
		in := &sdk.UpdateProvisionedProductInput{ProvisionedProductName: &name, ProvisioningArtifactId: &l.v11, UpdateToken: l.token(),
			ProvisioningParameters: []types.UpdateProvisioningParameter{{Key: new("Size"), Value: &size}}}
		return func() (*types.RecordDetail, error) {
			out, err := l.user.UpdateProvisionedProduct(ctx, in)
			if err != nil {
				return nil, err
			}
			return out.RecordDetail, nil
		}
	}
	terminate := func() func() (*types.RecordDetail, error) {
		in := &sdk.TerminateProvisionedProductInput{ProvisionedProductName: &name, TerminateToken: l.token()}
		return func() (*types.RecordDetail, error) {
			out, err := l.user.TerminateProvisionedProduct(ctx, in)
			if err != nil {
				return nil, err
			}
			return out.RecordDetail, nil
		}
	}
	const succeeded, failed = types.RecordStatusSucceeded, types.RecordStatusFailed
	r := stage("launch", succeeded, types.ProvisionedProductStatusAvailable, "small", provision("small"))
	if text(r.LaunchRoleArn) != l.role {
		l.Fatalf("launched in the role %q", text(r.LaunchRoleArn))
	}
	stage("update", succeeded, types.ProvisionedProductStatusAvailable, "large", update("large"))
	stage("failing update", failed, types.ProvisionedProductStatusTainted, "large", update("huge"))
	if out := l.user.outputs(name); out["CloudformationStackARN"] == "" {
		l.Fatalf("the outputs after a failing update are %v", out)
	}
	stage("update of a tainted one", succeeded, types.ProvisionedProductStatusAvailable, "small", update("small"))
	if out := l.user.outputs(name); out["Size"] != "small" {
		l.Fatalf("the outputs are %v", out)
	}
	stage("termination", succeeded, "", "", terminate())
	ids = nil
	stage("failing launch", failed, types.ProvisionedProductStatusError, "", provision("huge"))
	stage("termination of a failed one", succeeded, "", "", terminate())
	ids = nil
	wanted := l.user.planning(l.offer, name, parameter("Size", "large"))
	plan, yes := through(c, l.world, func() (string, error) {
		out, err := l.user.CreateProvisionedProductPlan(ctx, wanted)
		if err != nil {
			return "", err
		}
		return *out.PlanId, nil
	}, l.user.plan)
	crashed = crashed || yes
	execution := &sdk.ExecuteProvisionedProductPlanInput{PlanId: &plan, IdempotencyToken: l.token()}
	stage("launch by a plan", succeeded, types.ProvisionedProductStatusAvailable, "large", func() (*types.RecordDetail, error) {
		out, err := l.user.ExecuteProvisionedProductPlan(ctx, execution)
		if err != nil {
			return nil, err
		}
		return out.RecordDetail, nil
	})
	stage("termination of what a plan launched", succeeded, "", "", terminate())
	return crashed
}

// stacksNow are the stacks of the platform that are not deleted.
func (w *world) stacksNow() (list []string) {
	w.Helper()
	there := slices.DeleteFunc(cfntypes.StackStatus("").Values(), func(s cfntypes.StackStatus) bool { return s == cfntypes.StackStatusDeleteComplete })
	for _, s := range must(w.admin.stacks.ListStacks(w.Context(), &sdkcfn.ListStacksInput{StackStatusFilter: there}))(w).StackSummaries {
		list = append(list, fmt.Sprint(*s.StackName, " ", s.StackStatus))
	}
	return list
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
