package cloudformation_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	shapes "github.com/modelwharf/modelwharf/internal/api/cloudformation"
)

// forty is a template of 40 resources in five layers, each of which needs one of the layer
// above it.
func forty(size, kind, labels string) string {
	var b strings.Builder
	b.WriteString("Resources:\n")
	for i := range 40 {
		fmt.Fprintf(&b, "  R%d: {Type: Test::Thing, Properties: {Size: %s, Label: %s%d", i, size, labels, i)
		if i%3 == 0 {
			fmt.Fprintf(&b, ", Kind: %s", kind)
		}
		if i >= 8 {
			fmt.Fprintf(&b, ", Of: !Ref R%d", i-8)
		}
		b.WriteString("}}\n")
	}
	return b.String()
}

// crashes brings a stack through an operation, which a crash interrupts after n updates of
// the store and then every n further ones, and returns what has become of it. The service
// is cut off wherever it is, also between what a handler did and the note of it.
func crashes(w *world, n int64, begin func()) string {
	w.Helper()
	w.stop()
	w.start(-1)
	begin()
	w.stop()
	for range 1000 {
		w.start(n)
		for !w.cuttable.cut.Load() {
			st, err := w.service.DescribeStacks(w.ctx(), &shapes.DescribeStacksInput{StackName: new("s")})
			if err != nil && strings.Contains(err.Error(), "does not exist") {
				return "DELETE_COMPLETE"
			}
			if err == nil && !strings.HasSuffix(*st.Stacks[0].StackStatus, "_IN_PROGRESS") {
				return *st.Stacks[0].StackStatus
			}
		}
		w.stop()
	}
	w.stop()
	w.start(-1)
	w.Fatalf("it does not end: %s\n%s", *w.describe("s").StackStatus, strings.Join(w.events("s"), "\n"))
	return ""
}

// TestKilledAtAnyStep kills the server again and again in a stack's life. After each
// operation it is as it would be without: nothing lost, doubled or orphaned.
func TestKilledAtAnyStep(t *testing.T) {
	t.Parallel()
	for _, every := range []int64{5, 6, 7, 10, 13, 20, 31, 50, 77} {
		t.Run(fmt.Sprint("every ", every, " updates"), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.cloud.things["mine"] = thing{Owner: "another"}
			want := func(status, got string, things int) {
				t.Helper()
				if got != status || len(w.cloud.state()) != things+1 || len(w.cloud.things) != things+1 {
					t.Fatalf("%s with %d things, want %s with %d", got, len(w.cloud.things)-1, status, things)
				}
			}
			w.cloud.fails["create a39"] = true
			want("ROLLBACK_COMPLETE", crashes(w, every, func() { w.create("s", forty("1", "x", "a")) }), 0)
			want("DELETE_COMPLETE", crashes(w, every, func() { w.delete("s") }), 0)
			w.cloud.fails = map[string]bool{}
			want("CREATE_COMPLETE", crashes(w, every, func() { w.create("s", forty("1", "x", "a")) }), 40)
			was := w.cloud.state()
			w.cloud.fails["update c35"] = true
			want("UPDATE_ROLLBACK_COMPLETE", crashes(w, every, func() { w.update("s", forty("2", "y", "c")) }), 40)
			if !maps.Equal(w.cloud.state(), was) {
				t.Fatal("the rolled back update left traces")
			}
			w.cloud.fails = map[string]bool{}
			want("UPDATE_COMPLETE", crashes(w, every, func() { w.update("s", forty("3", "z", "d")) }), 40)
			for owner, thing := range w.cloud.state() {
				if owner != "another" && thing.Size != "3" {
					t.Fatalf("%s is %v", owner, thing)
				}
			}
			want("DELETE_COMPLETE", crashes(w, every, func() { w.delete("s") }), 0)
		})
	}
}

// TestRandomTemplates creates, updates and deletes random stacks in which random calls
// fail. What the stack says that it is, there is; when it is deleted, all is as it was.
func TestRandomTemplates(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t)
			w.cloud.things["mine"] = thing{Owner: "another"}
			random := func() string {
				var b strings.Builder
				b.WriteString("Resources:\n  Z: {Type: Test::Thing}\n")
				for i := range 12 {
					if r.IntN(3) == 0 {
						continue
					}
					fmt.Fprintf(&b, "  R%d: {Type: Test::Thing, Properties: {Size: %d, Kind: %d, Label: L%d", i, r.IntN(3), r.IntN(2), i)
					if i > 0 && strings.Contains(b.String(), fmt.Sprintf("R%d:", i-1)) && r.IntN(2) == 0 {
						fmt.Fprintf(&b, ", Of: !Ref R%d", i-1)
					}
					b.WriteString("}}\n")
				}
				return b.String()
			}
			fail := func() {
				w.cloud.mu.Lock()
				defer w.cloud.mu.Unlock()
				w.cloud.fails = map[string]bool{}
				for i := range 12 {
					if r.IntN(12) == 0 {
						w.cloud.fails[fmt.Sprint([]string{"create", "update"}[r.IntN(2)], " L", i)] = true
					}
				}
			}
			calm := func() {
				w.cloud.mu.Lock()
				defer w.cloud.mu.Unlock()
				w.cloud.fails = map[string]bool{}
			}
			fail()
			w.create("s", random())
			st := w.settle("s")
			for range 10 {
				if *st.StackStatus == "ROLLBACK_COMPLETE" {
					break
				}
				before := w.cloud.state()
				fail()
				if _, err := w.service.UpdateStack(w.ctx(), &shapes.UpdateStackInput{StackName: new("s"), TemplateBody: new(random())}); err != nil {
					continue // nothing changes
				}
				st = w.settle("s")
				for *st.StackStatus == "UPDATE_ROLLBACK_FAILED" {
					calm()
					if _, err := w.service.ContinueUpdateRollback(w.ctx(), &shapes.ContinueUpdateRollbackInput{StackName: new("s")}); err != nil {
						t.Fatal(err)
					}
					st = w.settle("s")
				}
				if *st.StackStatus == "UPDATE_ROLLBACK_COMPLETE" {
					w.wantState(before)
				}
				res, err := w.service.ListStackResources(w.ctx(), &shapes.ListStackResourcesInput{StackName: new("s")})
				if err != nil {
					t.Fatal(err)
				}
				var says, there []string
				for _, x := range res.StackResourceSummaries {
					says = append(says, *x.PhysicalResourceId)
				}
				for name := range w.cloud.things {
					if name != "mine" {
						there = append(there, name)
					}
				}
				slices.Sort(says)
				slices.Sort(there)
				if !slices.Equal(says, there) {
					t.Fatalf("the stack says %v, there is %v (%s)\n%s", says, there, *st.StackStatus, strings.Join(w.events("s"), "\n"))
				}
			}
			calm()
			w.delete("s")
			w.want(*st.StackId, "DELETE_COMPLETE")
			w.wantState(map[string]thing{"another": {Owner: "another"}})
		})
	}
}
