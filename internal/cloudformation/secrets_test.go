package cloudformation_test

import (
	"strings"
	"testing"

	shapes "github.com/modelwharf/modelwharf/internal/api/cloudformation"
)

// TestNoEchoIsNeverShown makes and changes a thing with a secret value: the thing gets it, and
// nobody else.
func TestNoEchoIsNeverShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const body = `
Parameters:
  Secret: {Type: String, NoEcho: true}
  Open: {Type: String}
Conditions:
  Known: !Equals [!Ref Secret, hunter2]
Resources:
  A: {Type: Test::Thing, Properties: {Size: !Ref Open, Kind: !If [Known, known, unknown], Label: !Sub 'to ${Secret}'}}
  B: {Type: Test::Thing, Properties: {Label: !Select [1, !Split [t, !Ref Secret]]}}`
	name, template := "s", body
	parameters := func(open string) []*shapes.Parameter {
		return []*shapes.Parameter{{ParameterKey: new("Secret"), ParameterValue: new("hunter2")}, {ParameterKey: new("Open"), ParameterValue: &open}}
	}
	if _, err := w.service.CreateStack(w.ctx(), &shapes.CreateStackInput{StackName: &name, TemplateBody: &template, Parameters: parameters("1")}); err != nil {
		t.Fatal(err)
	}
	w.want(name, "CREATE_COMPLETE")
	if _, err := w.service.UpdateStack(w.ctx(), &shapes.UpdateStackInput{StackName: &name, TemplateBody: &template, Parameters: parameters("2")}); err != nil {
		t.Fatal(err)
	}
	st := w.want(name, "UPDATE_COMPLETE")
	labels := map[string]bool{}
	for _, thing := range w.cloud.state() {
		labels[thing.Label+" "+thing.Size+thing.Kind] = true
	}
	if !labels["to hunter2 2known"] || !labels["er2 "] {
		t.Errorf("the things are %v", labels)
	}
	out, err := w.service.DescribeStackEvents(w.ctx(), &shapes.DescribeStackEventsInput{StackName: &name})
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, e := range out.StackEvents {
		if e.ResourceProperties == nil {
			continue
		}
		if strings.Contains(*e.ResourceProperties, "hunter2") || strings.Contains(*e.ResourceProperties, "er2") {
			t.Errorf("an event shows %s", *e.ResourceProperties)
		}
		if strings.Contains(*e.ResourceProperties, "to ****") && strings.Contains(*e.ResourceProperties, `"known"`) {
			shown++
		}
	}
	if shown == 0 {
		t.Error("no event shows what may be shown")
	}
	for _, p := range st.Parameters {
		if *p.ParameterKey == "Secret" && *p.ParameterValue != "****" {
			t.Errorf("the parameter is %s", *p.ParameterValue)
		}
	}
}
