package cloudformation_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

const (
	home   = "111111111111"
	region = "eu-west-1"
)

// cloud is a service whose things are made by the resource type Test::Thing. A thing has
// a Name that may be given, a Size that can be changed, a Kind that cannot, and Of, which
// names another thing: a thing that another is of cannot be deleted.
type cloud struct {
	mu     sync.Mutex
	things map[string]thing
	// fails says which call fails: "create A", "update B", "delete C", by Label.
	fails map[string]bool
	calls []string
	gate  chan struct{} // if not nil, a Create waits for it
}

type thing struct{ Owner, Token, Size, Kind, Of, Label string }

func value(n *template.Node, name string) string {
	if v := n.Get(name); v != nil {
		return v.Text
	}
	return ""
}

func (c *cloud) call(verb string, r *cloudformation.Request) error {
	name := verb + " " + value(r.Properties, "Label")
	c.calls = append(c.calls, name)
	if c.fails[name] {
		return errors.New(name + " fails")
	}
	return nil
}

func (c *cloud) Create(ctx context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	if c.gate != nil {
		select {
		case <-c.gate:
		case <-ctx.Done():
			return cloudformation.Made{}, ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name := value(r.Properties, "Name")
	if name == "" {
		name = r.Name
	}
	if old, ok := c.things[name]; ok && (!r.Retry || old.Token != r.Token) {
		return cloudformation.Made{}, fmt.Errorf("%s already exists", name)
	}
	if of := value(r.Properties, "Of"); of != "" {
		if _, ok := c.things[of]; !ok {
			return cloudformation.Made{}, fmt.Errorf("%s is not there", of)
		}
	}
	if err := c.call("create", r); err != nil {
		return cloudformation.Made{}, err
	}
	c.things[name] = thing{r.StackName + "/" + r.LogicalID, r.Token, value(r.Properties, "Size"), value(r.Properties, "Kind"), value(r.Properties, "Of"), value(r.Properties, "Label")}
	return c.made(name, r), nil
}

func (c *cloud) made(name string, r *cloudformation.Request) cloudformation.Made {
	return cloudformation.Made{PhysicalID: name, Attributes: map[string]*template.Node{"Arn": template.NewText("arn:" + name), "Size": template.NewText(value(r.Properties, "Size"))}}
}

func (c *cloud) Update(_ context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.things[r.PhysicalID]
	if !ok {
		return cloudformation.Made{}, fmt.Errorf("%s is not there", r.PhysicalID)
	}
	if err := c.call("update", r); err != nil {
		return cloudformation.Made{}, err
	}
	t.Size, t.Of, t.Label = value(r.Properties, "Size"), value(r.Properties, "Of"), value(r.Properties, "Label")
	c.things[r.PhysicalID] = t
	return c.made(r.PhysicalID, r), nil
}

func (c *cloud) Delete(_ context.Context, r *cloudformation.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.things[r.PhysicalID]; !ok {
		return nil
	}
	for name, t := range c.things {
		if t.Of == r.PhysicalID {
			return fmt.Errorf("%s is in use by %s", r.PhysicalID, name)
		}
	}
	if err := c.call("delete", r); err != nil {
		return err
	}
	delete(c.things, r.PhysicalID)
	return nil
}

// state is what there is, by owner.
func (c *cloud) state() map[string]thing {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := map[string]thing{}
	for name, t := range c.things {
		t.Token = ""
		if t.Of != "" {
			t.Of = c.things[t.Of].Owner
		}
		key := t.Owner
		if _, twice := m[key]; twice {
			key += " " + name
		}
		m[key] = t
	}
	return m
}

// cuttable is a store that can be cut off, as a crash does.
type cuttable struct {
	kv.Store
	left atomic.Int64 // updates until then, negative for ever
	cut  atomic.Bool
}

var errCut = errors.New("cut off")

func (s *cuttable) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	if s.cut.Load() {
		return 0, errCut
	}
	if left := s.left.Load(); left >= 0 && s.left.Add(-1) < 0 {
		s.cut.Store(true)
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

// world is the service with its runner, on a store that outlives both.
type world struct {
	*testing.T
	store    *kv.DB
	cuttable *cuttable
	identity *identity.Service
	seal     *identity.Sealer
	root     identity.RootKey
	service  *cloudformation.Service
	cloud    *cloud
	stop     func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, cloud: &cloud{things: map[string]thing{}, fails: map[string]bool{}}}
	var err error
	if w.store, err = kv.Open(mem.New(), kv.Options{}); err != nil {
		t.Fatal(err)
	}
	if w.seal, err = identity.NewSealer([]byte(strings.Repeat("k", 32))); err != nil {
		t.Fatal(err)
	}
	if w.identity, err = identity.New(identity.Config{Store: w.store, Seal: w.seal}); err != nil {
		t.Fatal(err)
	}
	if w.root, err = w.identity.EnsureRoot(t.Context(), home, "", ""); err != nil {
		t.Fatal(err)
	}
	w.start(-1)
	t.Cleanup(func() {
		w.stop()
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// start starts the service; after some updates of the store it is cut off.
func (w *world) start(updates int64) {
	w.cuttable = &cuttable{Store: w.store}
	w.cuttable.left.Store(updates)
	runner := jobs.New(jobs.Config{Store: w.cuttable, Owner: "test", Poll: 5 * time.Millisecond, Workers: 16, Logger: slog.New(slog.DiscardHandler)})
	w.service = cloudformation.New(cloudformation.Config{
		Store: w.cuttable, Identity: w.identity, Seal: w.seal.Pages(), Wake: runner.Wake, Log: slog.New(slog.DiscardHandler),
		Types: cloudformation.Types{"Test::Thing": {
			Name: "Test::Thing", NamedBy: "Name", Attributes: []string{"Arn", "Size"}, Handler: w.cloud,
			Properties: map[string]cloudformation.Property{"Name": {Replace: true}, "Kind": {Replace: true}, "Size": {}, "Of": {}, "Label": {}},
		}},
	})
	runner.Register(w.service.Jobs()...)
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { _ = runner.Run(ctx) })
	w.stop = func() { cancel(); ended.Wait() }
}

// ctx is a request of the account's root.
func (w *world) ctx() context.Context {
	w.Helper()
	ctx := api.WithRequest(w.Context(), &api.Request{ID: "test", Service: "cloudformation", Region: region, Time: time.Now()})
	who, _, err := w.identity.Lookup(ctx, w.root.AccessKeyID, "")
	if err != nil {
		w.Fatal(err)
	}
	return w.identity.Admit(ctx, who)
}

func (w *world) create(name, body string) {
	w.Helper()
	if _, err := w.service.CreateStack(w.ctx(), &shapes.CreateStackInput{StackName: &name, TemplateBody: &body}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) update(name, body string) {
	w.Helper()
	if _, err := w.service.UpdateStack(w.ctx(), &shapes.UpdateStackInput{StackName: &name, TemplateBody: &body}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) delete(name string) {
	w.Helper()
	if _, err := w.service.DeleteStack(w.ctx(), &shapes.DeleteStackInput{StackName: &name}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) describe(name string) *shapes.Stack {
	w.Helper()
	out, err := w.service.DescribeStacks(w.ctx(), &shapes.DescribeStacksInput{StackName: &name})
	if err != nil {
		w.Fatal(err)
	}
	return out.Stacks[0]
}

// settle waits until nothing happens to a stack any more, and returns its status.
func (w *world) settle(id string) *shapes.Stack {
	w.Helper()
	for {
		st := w.describe(id)
		if !strings.HasSuffix(*st.StackStatus, "_IN_PROGRESS") {
			return st
		}
		time.Sleep(time.Millisecond)
	}
}

// want checks in which status a stack settles.
func (w *world) want(id, status string) *shapes.Stack {
	w.Helper()
	st := w.settle(id)
	if *st.StackStatus != status {
		w.Fatalf("%s is %s (%v), want %s\n%s", id, *st.StackStatus, st.StackStatusReason, status, strings.Join(w.events(id), "\n"))
	}
	return st
}

// events are what happened to a stack, the first first.
func (w *world) events(id string) (list []string) {
	w.Helper()
	in := &shapes.DescribeStackEventsInput{StackName: &id}
	for {
		out, err := w.service.DescribeStackEvents(w.ctx(), in)
		if err != nil {
			w.Fatal(err)
		}
		for _, e := range out.StackEvents {
			line := *e.LogicalResourceId + " " + *e.ResourceStatus
			if e.ResourceStatusReason != nil {
				line += ": " + *e.ResourceStatusReason
			}
			list = append(list, line)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			slices.Reverse(list)
			return list
		}
	}
}

func (w *world) wantState(want map[string]thing) {
	w.Helper()
	if got := w.cloud.state(); !maps.Equal(got, want) {
		w.Fatalf("got  %v\nwant %v", got, want)
	}
}
