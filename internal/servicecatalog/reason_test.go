package servicecatalog_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestReason: a record says which resource failed first, however much was undone after it.
func TestReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var many strings.Builder
	many.WriteString("Resources:\n  Last: {Type: Test::Model, Properties: {Size: huge}, DependsOn: [M0")
	for i := range 70 {
		fmt.Fprintf(&many, ", M%d", i)
	}
	many.WriteString("]}\n")
	for i := range 70 {
		fmt.Fprintf(&many, "  M%d: {Type: Test::Model}\n", i)
	}
	o := ready(w, many.String())
	r := w.admin.launch(o, "many")
	if got := *r.RecordErrors[0].Description; !strings.HasPrefix(got, "AmazonCloudFormationException  no machine is so large") {
		t.Error(got)
	}
}
