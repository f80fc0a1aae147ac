package cloudformation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/cloudformation"
)

const chain = `
Resources:
  A: {Type: Test::Thing, Properties: {Size: 1, Label: A}}
  B: {Type: Test::Thing, Properties: {Of: !Ref A, Size: !GetAtt A.Size, Label: B}}
  C: {Type: Test::Thing, Properties: {Of: !Ref B, Label: C}}
Outputs:
  Last: {Value: !GetAtt C.Arn, Description: the last}
`

func TestCreateMakesResourcesInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("s", chain)
	st := w.want("s", "CREATE_COMPLETE")
	w.wantState(map[string]thing{"s/A": {Owner: "s/A", Size: "1", Label: "A"}, "s/B": {Owner: "s/B", Size: "1", Of: "s/A", Label: "B"}, "s/C": {Owner: "s/C", Of: "s/B", Label: "C"}})
	if len(st.Outputs) != 1 || !strings.HasPrefix(*st.Outputs[0].OutputValue, "arn:s-C-") {
		t.Errorf("outputs %v", st.Outputs)
	}
	want := []string{
		"s CREATE_IN_PROGRESS: User Initiated", "A CREATE_IN_PROGRESS", "A CREATE_COMPLETE", "B CREATE_IN_PROGRESS", "B CREATE_COMPLETE",
		"C CREATE_IN_PROGRESS", "C CREATE_COMPLETE", "s CREATE_COMPLETE",
	}
	if got := w.events("s"); !slices.Equal(got, want) {
		t.Errorf("events %q", got)
	}
	id := *st.StackId
	w.delete("s")
	w.want(id, "DELETE_COMPLETE")
	w.wantState(map[string]thing{})
	if _, err := w.service.DescribeStacks(w.ctx(), &shapes.DescribeStacksInput{StackName: new("s")}); !strings.Contains(fmt.Sprint(err), "Stack with id s does not exist") {
		t.Errorf("the deleted stack: %v", err)
	}
	w.create("s", chain)
	if again := w.want("s", "CREATE_COMPLETE"); *again.StackId == id {
		t.Error("a new stack has the ID of an old one")
	}
}

// TestARollbackNeverTouchesWhatExistedBefore fails on a thing that is there already.
func TestARollbackNeverTouchesWhatExistedBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cloud.things["mine"] = thing{Owner: "another"}
	w.create("s", `
Resources:
  A: {Type: Test::Thing, Properties: {Label: A}}
  B: {Type: Test::Thing, Properties: {Name: mine, Of: !Ref A, Label: B}}
  C: {Type: Test::Thing, Properties: {Of: !Ref B, Label: C}}`)
	st := w.want("s", "ROLLBACK_COMPLETE")
	w.wantState(map[string]thing{"another": {Owner: "another"}})
	if events := strings.Join(w.events("s"), "\n"); !strings.Contains(events, "B CREATE_FAILED: mine already exists\ns ROLLBACK_IN_PROGRESS: The following resource(s) failed to create: [B]. Rollback requested by user.\nA DELETE_IN_PROGRESS\nA DELETE_COMPLETE\ns ROLLBACK_COMPLETE") {
		t.Error(events)
	}
	_, err := w.service.UpdateStack(w.ctx(), &shapes.UpdateStackInput{StackName: new("s"), TemplateBody: new(chain)})
	if want := "Stack:" + *st.StackId + " is in ROLLBACK_COMPLETE state and can not be updated."; err == nil || api.AsError(err).Message != want {
		t.Errorf("got %v", err)
	}
	w.delete("s")
	w.want(*st.StackId, "DELETE_COMPLETE")
}

func TestUpdateInPlaceReplaceAddAndRemove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("s", `
Resources:
  A: {Type: Test::Thing, Properties: {Size: 1, Label: A}}
  B: {Type: Test::Thing, Properties: {Kind: x, Label: B}}
  C: {Type: Test::Thing, Properties: {Of: !Ref B, Label: C}}
  D: {Type: Test::Thing, Properties: {Of: !Ref C, Label: D}}`)
	w.want("s", "CREATE_COMPLETE")
	w.update("s", `
Resources:
  A: {Type: Test::Thing, Properties: {Size: 2, Label: A}}
  B: {Type: Test::Thing, Properties: {Kind: y, Label: B}}
  C: {Type: Test::Thing, Properties: {Of: !Ref B, Label: C}}
  E: {Type: Test::Thing, Properties: {Of: !Ref C, Label: E}}`)
	w.want("s", "UPDATE_COMPLETE")
	w.wantState(map[string]thing{
		"s/A": {Owner: "s/A", Size: "2", Label: "A"}, "s/B": {Owner: "s/B", Kind: "y", Label: "B"},
		"s/C": {Owner: "s/C", Of: "s/B", Label: "C"}, "s/E": {Owner: "s/E", Of: "s/C", Label: "E"},
	})
	events := strings.Join(w.events("s"), "\n")
	for _, want := range []string{
		"B UPDATE_IN_PROGRESS: Requested update requires the creation of a new physical resource; hence creating one.",
		"s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "D DELETE_COMPLETE", "s UPDATE_COMPLETE",
	} {
		if !strings.Contains(events, want) {
			t.Errorf("no %q in\n%s", want, events)
		}
	}
	_, err := w.service.UpdateStack(w.ctx(), &shapes.UpdateStackInput{StackName: new("s"), UsePreviousTemplate: new(true)})
	if err == nil || api.AsError(err).Message != "No updates are to be performed." {
		t.Errorf("an update that changes nothing: %v", err)
	}
}

func TestAFailedUpdateIsUndone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const before = `
Resources:
  A: {Type: Test::Thing, Properties: {Size: 1, Label: A}}
  B: {Type: Test::Thing, Properties: {Kind: x, Of: !Ref A, Label: B}}
  C: {Type: Test::Thing, Properties: {Of: !Ref B, Label: C}}
  D: {Type: Test::Thing, Properties: {Label: D}}`
	w.create("s", before)
	w.want("s", "CREATE_COMPLETE")
	was, things := w.cloud.state(), len(w.cloud.things)
	w.cloud.fails["create F"] = true
	w.update("s", `
Resources:
  A: {Type: Test::Thing, Properties: {Size: 2, Label: A}}
  B: {Type: Test::Thing, Properties: {Kind: y, Of: !Ref A, Label: B}}
  C: {Type: Test::Thing, Properties: {Of: !Ref B, Label: C}}
  E: {Type: Test::Thing, Properties: {Of: !Ref C, Label: E}}
  F: {Type: Test::Thing, Properties: {Of: !Ref E, Label: F}}`)
	w.want("s", "UPDATE_ROLLBACK_COMPLETE")
	w.wantState(was)
	if len(w.cloud.things) != things {
		t.Errorf("%d things, were %d", len(w.cloud.things), things)
	}
	// And now it succeeds.
	w.cloud.fails = map[string]bool{}
	w.update("s", strings.Replace(before, "Size: 1", "Size: 3", 1))
	w.want("s", "UPDATE_COMPLETE")
	if got := w.cloud.state()["s/A"].Size; got != "3" {
		t.Errorf("size %s", got)
	}
}

func TestAnUndoThatFailsCanBeContinued(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("s", `Resources: {A: {Type: Test::Thing, Properties: {Size: 1, Label: A}}, B: {Type: Test::Thing, Properties: {Of: !Ref A, Label: B}}}`)
	w.want("s", "CREATE_COMPLETE")
	was := w.cloud.state()
	w.cloud.fails["update B2"], w.cloud.fails["update A"] = true, true
	w.update("s", `Resources: {A: {Type: Test::Thing, Properties: {Size: 2, Label: A2}}, B: {Type: Test::Thing, Properties: {Of: !Ref A, Label: B2}}}`)
	w.want("s", "UPDATE_ROLLBACK_FAILED")
	w.cloud.mu.Lock()
	w.cloud.fails = map[string]bool{}
	w.cloud.mu.Unlock()
	if _, err := w.service.ContinueUpdateRollback(w.ctx(), &shapes.ContinueUpdateRollbackInput{StackName: new("s"), ResourcesToSkip: []string{"Z"}}); err == nil {
		t.Error("a resource that there is not was skipped")
	}
	if _, err := w.service.ContinueUpdateRollback(w.ctx(), &shapes.ContinueUpdateRollbackInput{StackName: new("s")}); err != nil {
		t.Fatal(err)
	}
	w.want("s", "UPDATE_ROLLBACK_COMPLETE")
	w.wantState(was)
}

func TestDeletionPolicies(t *testing.T) {
	t.Parallel()
	const body = `
Resources:
  Kept: {Type: Test::Thing, DeletionPolicy: Retain, Properties: {Label: Kept}}
  Once: {Type: Test::Thing, DeletionPolicy: RetainExceptOnCreate, Properties: {Label: Once}}
  Gone: {Type: Test::Thing, Properties: {Label: Gone}}
  Old:  {Type: Test::Thing, UpdateReplacePolicy: Retain, Properties: {Kind: %s, Label: Old}}
  Last: {Type: Test::Thing, DependsOn: [Kept, Once, Gone, Old], Properties: {Label: Last}}`
	has := func(w *world, owners ...string) {
		t.Helper()
		var got []string
		for k := range w.cloud.state() {
			k, _, _ = strings.Cut(k, " ")
			got = append(got, strings.TrimPrefix(k, "s/"))
		}
		slices.Sort(got)
		slices.Sort(owners)
		if !slices.Equal(got, owners) {
			t.Errorf("got %v, want %v", got, owners)
		}
	}
	t.Run("rollback of a create", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.cloud.fails["create Last"] = true
		w.create("s", fmt.Sprintf(body, "x"))
		w.want("s", "ROLLBACK_COMPLETE")
		has(w, "Kept")
	})
	t.Run("replacement and deletion", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.create("s", fmt.Sprintf(body, "x"))
		id := *w.want("s", "CREATE_COMPLETE").StackId
		w.update("s", fmt.Sprintf(body, "y"))
		w.want("s", "UPDATE_COMPLETE")
		has(w, "Kept", "Once", "Gone", "Old", "Old", "Last")
		w.delete("s")
		w.want(id, "DELETE_COMPLETE")
		has(w, "Kept", "Once", "Old")
	})
	t.Run("removal from the template", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.create("s", fmt.Sprintf(body, "x"))
		w.want("s", "CREATE_COMPLETE")
		w.update("s", `Resources: {New: {Type: Test::Thing, Properties: {Label: New}}}`)
		w.want("s", "UPDATE_COMPLETE")
		has(w, "Kept", "Once", "New")
	})
}

func TestWhatCannotBeDeletedCanBeRetried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("s", chain)
	id := *w.want("s", "CREATE_COMPLETE").StackId
	w.cloud.fails["delete B"] = true
	w.delete("s")
	st := w.want("s", "DELETE_FAILED")
	if *st.StackStatusReason != "The following resource(s) failed to delete: [B]. " {
		t.Errorf("reason %q", *st.StackStatusReason)
	}
	if got := w.cloud.state(); len(got) != 2 {
		t.Errorf("%v", got)
	}
	delete(w.cloud.fails, "delete B")
	w.delete("s")
	w.want(id, "DELETE_COMPLETE")
	w.wantState(map[string]thing{})
}

func TestRetainResources(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("s", chain)
	id := *w.want("s", "CREATE_COMPLETE").StackId
	in := &shapes.DeleteStackInput{StackName: new("s"), RetainResources: []string{"B"}}
	if _, err := w.service.DeleteStack(w.ctx(), in); err == nil {
		t.Error("resources of a stack that did not fail were retained")
	}
	w.cloud.fails["delete B"] = true
	w.delete("s")
	w.want("s", "DELETE_FAILED")
	w.cloud.mu.Lock()
	for name, thing := range w.cloud.things { // so that A can go
		thing.Of = ""
		w.cloud.things[name] = thing
	}
	w.cloud.mu.Unlock()
	if _, err := w.service.DeleteStack(w.ctx(), in); err != nil {
		t.Fatal(err)
	}
	w.want(id, "DELETE_COMPLETE")
	if got := w.cloud.state(); len(got) != 1 || got["s/B"].Label != "B" {
		t.Errorf("%v", got)
	}
}

func TestCustomNamesAreNotReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("s", `Resources: {A: {Type: Test::Thing, Properties: {Name: one, Kind: x}}}`)
	w.want("s", "CREATE_COMPLETE")
	w.update("s", `Resources: {A: {Type: Test::Thing, Properties: {Name: one, Kind: y}}}`)
	w.want("s", "UPDATE_ROLLBACK_COMPLETE")
	if events := strings.Join(w.events("s"), "\n"); !strings.Contains(events, "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename one and update the stack again.") {
		t.Error(events)
	}
	w.update("s", `Resources: {A: {Type: Test::Thing, Properties: {Name: two, Kind: y}}}`)
	w.want("s", "UPDATE_COMPLETE")
	w.wantState(map[string]thing{"s/A": {Owner: "s/A", Kind: "y"}})
}

func TestExportsHoldTheirStacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const exporting = `Resources: {A: {Type: Test::Thing, Properties: {Size: %d}}}
Outputs: {O: {Value: !GetAtt A.Size, Export: {Name: !Sub "${AWS::StackName}-size"}}}`
	w.create("one", fmt.Sprintf(exporting, 1))
	w.want("one", "CREATE_COMPLETE")
	w.create("two", `Resources: {B: {Type: Test::Thing, Properties: {Size: !ImportValue one-size}}}`)
	w.want("two", "CREATE_COMPLETE")
	if got := w.cloud.state()["two/B"].Size; got != "1" {
		t.Errorf("size %q", got)
	}
	_, err := w.service.DeleteStack(w.ctx(), &shapes.DeleteStackInput{StackName: new("one")})
	if err == nil || api.AsError(err).Message != "Export one-size cannot be deleted as it is in use by two" {
		t.Errorf("got %v", err)
	}
	w.update("one", fmt.Sprintf(exporting, 2))
	w.want("one", "UPDATE_ROLLBACK_COMPLETE")
	if got := w.cloud.state()["one/A"].Size; got != "1" {
		t.Errorf("size %q", got)
	}
	imports, err := w.service.ListImports(w.ctx(), &shapes.ListImportsInput{ExportName: new("one-size")})
	if err != nil || !slices.Equal(imports.Imports, []string{"two"}) {
		t.Errorf("%v %v", imports, err)
	}
	two := *w.describe("two").StackId
	w.delete("two")
	w.want(two, "DELETE_COMPLETE")
	one := *w.describe("one").StackId
	w.delete("one")
	w.want(one, "DELETE_COMPLETE")
	exports, err := w.service.ListExports(w.ctx(), &shapes.ListExportsInput{})
	if err != nil || len(exports.Exports) != 0 {
		t.Errorf("%v %v", exports, err)
	}
	w.create("three", `Resources: {B: {Type: Test::Thing, Properties: {Size: !ImportValue one-size}}}`)
	w.want("three", "ROLLBACK_COMPLETE")
	if events := strings.Join(w.events("three"), "\n"); !strings.Contains(events, "No export named one-size found.") {
		t.Error(events)
	}
}

func TestChangeSets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set := func(kind, name, body string) *shapes.DescribeChangeSetOutput {
		t.Helper()
		_, err := w.service.CreateChangeSet(w.ctx(), &shapes.CreateChangeSetInput{StackName: new("s"), ChangeSetName: &name, ChangeSetType: &kind, TemplateBody: &body})
		if err != nil {
			t.Fatal(err)
		}
		out, err := w.service.DescribeChangeSet(w.ctx(), &shapes.DescribeChangeSetInput{StackName: new("s"), ChangeSetName: &name})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	execute := func(name string) error {
		_, err := w.service.ExecuteChangeSet(w.ctx(), &shapes.ExecuteChangeSetInput{StackName: new("s"), ChangeSetName: &name})
		return err
	}
	out := set("CREATE", "first", `Resources: {A: {Type: Test::Thing, Properties: {Kind: x}}, B: {Type: Test::Thing, Properties: {Of: !Ref A, Size: !GetAtt A.Size}}}`)
	if len(out.Changes) != 2 || *out.Changes[0].ResourceChange.Action != "Add" || *w.describe("s").StackStatus != "REVIEW_IN_PROGRESS" {
		t.Errorf("%+v", out)
	}
	if err := execute("first"); err != nil {
		t.Fatal(err)
	}
	w.want("s", "CREATE_COMPLETE")
	out = set("UPDATE", "same", `Resources: {A: {Type: Test::Thing, Properties: {Kind: x}}, B: {Type: Test::Thing, Properties: {Of: !Ref A, Size: !GetAtt A.Size}}}`)
	if *out.Status != "FAILED" || !strings.Contains(*out.StatusReason, "didn't contain changes") || execute("same") == nil {
		t.Errorf("%+v", out)
	}
	out = set("UPDATE", "second", `Resources: {A: {Type: Test::Thing, Properties: {Kind: y}}, B: {Type: Test::Thing, Properties: {Of: !Ref A, Size: !GetAtt A.Size}}, C: {Type: Test::Thing}}`)
	var got []string
	for _, c := range out.Changes {
		line := *c.ResourceChange.LogicalResourceId + " " + *c.ResourceChange.Action
		if c.ResourceChange.Replacement != nil {
			line += " " + *c.ResourceChange.Replacement
		}
		for _, d := range c.ResourceChange.Details {
			line += " " + *d.Target.Name + ":" + *d.Evaluation
		}
		got = append(got, line)
	}
	if want := []string{"A Modify True Kind:Static", "B Modify False Of:Dynamic Size:Dynamic", "C Add"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	set("UPDATE", "third", `Resources: {A: {Type: Test::Thing}}`)
	if err := execute("second"); err != nil {
		t.Fatal(err)
	}
	w.want("s", "UPDATE_COMPLETE")
	if err := execute("third"); err == nil || api.AsError(err).Code != "ChangeSetNotFound" || api.AsError(err).HTTPStatus() != 404 {
		t.Errorf("a change set that is out of date: %v", err)
	}
}

func TestStackPoliciesAreEnforced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("s", chain)
	w.want("s", "CREATE_COMPLETE")
	_, err := w.service.SetStackPolicy(w.ctx(), &shapes.SetStackPolicyInput{StackName: new("s"), StackPolicyBody: new(
		`{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"},{"Effect":"Deny","Action":["Update:Modify"],"Principal":"*","Resource":"LogicalResourceId/A"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	w.update("s", strings.Replace(chain, "Size: 1", "Size: 2", 1))
	w.want("s", "UPDATE_ROLLBACK_COMPLETE")
	if events := strings.Join(w.events("s"), "\n"); !strings.Contains(events, "Action denied by stack policy: Statement [#2] does not allow [Update:Modify] for resource [LogicalResourceId/A];") {
		t.Error(events)
	}
	_, err = w.service.UpdateStack(w.ctx(), &shapes.UpdateStackInput{
		StackName: new("s"), TemplateBody: new(strings.Replace(chain, "Size: 1", "Size: 2", 1)),
		StackPolicyDuringUpdateBody: new(`{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.want("s", "UPDATE_COMPLETE")
}

func TestTerminationProtectionAndTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := &shapes.CreateStackInput{StackName: new("s"), TemplateBody: new(chain), EnableTerminationProtection: new(true), ClientRequestToken: new("once")}
	one, err := w.service.CreateStack(w.ctx(), in)
	if err != nil {
		t.Fatal(err)
	}
	w.want("s", "CREATE_COMPLETE")
	two, err := w.service.CreateStack(w.ctx(), in)
	if err != nil || *one.StackId != *two.StackId {
		t.Errorf("the request that came twice: %v", err)
	}
	in.ClientRequestToken = new("twice")
	if _, err := w.service.CreateStack(w.ctx(), in); err == nil || api.AsError(err).Code != "AlreadyExistsException" {
		t.Errorf("got %v", err)
	}
	update := &shapes.UpdateStackInput{StackName: new("s"), TemplateBody: new(strings.Replace(chain, "Size: 1", "Size: 9", 1)), ClientRequestToken: new("update")}
	for range 2 {
		if _, err := w.service.UpdateStack(w.ctx(), update); err != nil {
			t.Fatal(err)
		}
		w.want("s", "UPDATE_COMPLETE")
	}
	update.TemplateBody = new(chain)
	if _, err := w.service.UpdateStack(w.ctx(), update); err == nil || api.AsError(err).Code != "TokenAlreadyExistsException" {
		t.Errorf("another update with the same token: %v", err)
	}
	if _, err := w.service.DeleteStack(w.ctx(), &shapes.DeleteStackInput{StackName: new("s")}); err == nil || api.AsError(err).Message != "Stack [s] cannot be deleted while TerminationProtection is enabled" {
		t.Errorf("got %v", err)
	}
}

func TestACancelledUpdateIsUndone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("s", `Resources: {A: {Type: Test::Thing, Properties: {Size: 1}}}`)
	w.want("s", "CREATE_COMPLETE")
	was := w.cloud.state()
	w.cloud.gate = make(chan struct{})
	w.update("s", `Resources: {A: {Type: Test::Thing, Properties: {Size: 2}}, B: {Type: Test::Thing, Properties: {Of: !Ref A}}, C: {Type: Test::Thing, Properties: {Of: !Ref B}}}`)
	for !strings.Contains(strings.Join(w.events("s"), "\n"), "B CREATE_IN_PROGRESS") {
	}
	if _, err := w.service.CancelUpdateStack(w.ctx(), &shapes.CancelUpdateStackInput{StackName: new("s")}); err != nil {
		t.Fatal(err)
	}
	close(w.cloud.gate)
	w.want("s", "UPDATE_ROLLBACK_COMPLETE")
	w.wantState(was)
}

func TestKeepOnFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cloud.fails["create C"] = true
	if _, err := w.service.CreateStack(w.ctx(), &shapes.CreateStackInput{StackName: new("s"), TemplateBody: new(chain), DisableRollback: new(true)}); err != nil {
		t.Fatal(err)
	}
	id := *w.want("s", "CREATE_FAILED").StackId
	if got := len(w.cloud.state()); got != 2 {
		t.Errorf("%d things", got)
	}
	w.cloud.fails = map[string]bool{}
	w.update("s", chain)
	w.want("s", "UPDATE_COMPLETE")
	if got := len(w.cloud.state()); got != 3 {
		t.Errorf("%d things", got)
	}
	w.delete("s")
	w.want(id, "DELETE_COMPLETE")
	w.wantState(map[string]thing{})
}
