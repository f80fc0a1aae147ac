package dynamodb_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// changed exports how a table changed in a period.
func (d *depot) changed(arn string, from, to time.Time, view types.ExportViewType) *types.ExportDescription {
	d.Helper()
	return d.completed(d.export(&sdk.ExportTableToPointInTimeInput{
		TableArn: &arn, ExportType: types.ExportTypeIncrementalExport,
		IncrementalExportSpecification: &types.IncrementalExportSpecification{ExportFromTime: &from, ExportToTime: &to, ExportViewType: view},
	}))
}

// TestIncrementalExport has what the changes of a period came down to, in both views.
func TestIncrementalExport(t *testing.T) {
	d := newDepot(t)
	arn := d.table("books")
	for _, id := range []string{"kept", "changed", "deleted", "twice", "again", "back"} {
		d.put("books", id, "0")
	}
	d.clock.advance(time.Minute)
	d.put("books", "changed", "1") // before the period
	d.clock.advance(time.Minute)
	from := d.clock.now()
	d.put("books", "changed", "2") // at its very beginning
	d.put("books", "twice", "1")
	d.put("books", "new", "1")
	d.put("books", "passing", "1")
	d.put("books", "back", "1")
	d.delete("books", "deleted")
	d.delete("books", "again")
	d.clock.advance(15*time.Minute - time.Second)
	d.put("books", "twice", "2")
	d.put("books", "again", "1")
	d.put("books", "back", "0")
	d.delete("books", "passing")
	d.clock.advance(time.Second)
	to := d.clock.now()
	for _, id := range []string{"kept", "changed", "twice", "deleted", "passing", "after"} {
		d.put("books", id, "9") // after the period
	}
	d.clock.advance(time.Minute)

	line := func(at, id, before, after string) string {
		l := fmt.Sprintf(`{"Metadata":{"WriteTimestampMicros":{"N":%q}},"Keys":{"id":{"S":%q}}`, at, id)
		for _, image := range [][2]string{{"OldImage", before}, {"NewImage", after}} {
			if image[1] != "" {
				l += fmt.Sprintf(`,%q:{"id":{"S":%q},"v":{"S":%q}}`, image[0], id, image[1])
			}
		}
		return l + "}"
	}
	at := fmt.Sprint(from.UnixMicro())
	end := fmt.Sprint(to.Add(-time.Second).UnixMicro())
	e := d.changed(arn, from, to, "")
	d.wantLines(e, []string{
		line(at, "changed", "1", "2"), line(end, "twice", "0", "2"), line(at, "new", "", "1"),
		line(at, "deleted", "0", ""), line(end, "again", "0", "1"), line(end, "back", "0", "0"),
	})
	d.wantLines(d.changed(arn, from, to, types.ExportViewTypeNewImage), []string{
		line(at, "changed", "", "2"), line(end, "twice", "", "2"), line(at, "new", "", "1"),
		line(at, "deleted", "", ""), line(end, "again", "", "1"), line(end, "back", "", "0"),
	})
	spec := e.IncrementalExportSpecification
	d.want("ExportViewType", spec.ExportViewType, types.ExportViewTypeNewAndOldImages)
	d.want("ExportType", e.ExportType, types.ExportTypeIncrementalExport)
	var summary map[string]any
	if err := json.Unmarshal(d.read(*e.ExportManifest), &summary); err != nil {
		t.Fatal(err)
	}
	for member, want := range map[string]any{
		"version": "2023-08-01", "exportType": "INCREMENTAL_EXPORT", "outputView": "NEW_AND_OLD_IMAGES", "exportTime": nil,
		"exportFromTime": from.Format("2006-01-02T15:04:05.000Z"), "exportToTime": to.Format("2006-01-02T15:04:05.000Z"), "itemCount": 6.0,
	} {
		if summary[member] != want {
			t.Errorf("%s: %v, want %v", member, summary[member], want)
		}
	}
	if !slices.ContainsFunc(d.keys(), func(k string) bool { return strings.HasPrefix(k, "AWSDynamoDB/data/") }) {
		t.Errorf("no data in the folder of all incremental exports: %q", d.keys())
	}
}

// change is a line of an incremental export.
type changeLine struct {
	Metadata struct{ WriteTimestampMicros struct{ N string } }
	Keys     struct{ ID struct{ S string } }
	OldImage json.RawMessage
	NewImage json.RawMessage
}

// TestIncrementalExportWhileWriting exports the changes of a period while others write:
// they are the difference of what the table held before and at the end of it.
func TestIncrementalExportWhileWriting(t *testing.T) {
	d := newDepot(t)
	arn := d.table("books")
	began := d.clock.now()
	stop := make(chan struct{})
	var writing sync.WaitGroup
	for w := range 8 {
		random := rand.New(rand.NewPCG(1, uint64(w)))
		writing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if id := fmt.Sprint(random.IntN(60)); random.IntN(3) == 0 {
					d.delete("books", id)
				} else {
					d.put("books", id, fmt.Sprint(random.IntN(4)))
				}
				if random.IntN(4) == 0 {
					d.clock.advance(time.Second)
				}
			}
		})
	}
	until := func(at time.Time) {
		for d.clock.now().Before(at) {
			time.Sleep(time.Millisecond)
		}
	}
	from, to := began.Add(5*time.Minute), began.Add(21*time.Minute)
	until(to)
	e := d.changed(arn, from, to, "")
	until(to.Add(2 * time.Minute))
	late := d.changed(arn, from, to, "")
	states := [2]map[string]string{}
	for i, at := range []time.Time{from.Add(-time.Second), to.Add(-time.Second)} {
		states[i] = map[string]string{}
		for _, l := range d.lines(d.completed(d.export(&sdk.ExportTableToPointInTimeInput{TableArn: &arn, ExportTime: aws.Time(at)}))) {
			var line struct{ Item json.RawMessage }
			if err := json.Unmarshal([]byte(l), &line); err != nil {
				t.Fatal(err)
			}
			states[i][attribute(t, string(line.Item), "id")] = string(line.Item)
		}
	}
	close(stop)
	writing.Wait()
	lines, again := d.lines(e), d.lines(late)
	if !slices.Equal(lines, again) {
		t.Error("the same period has other changes when it is exported later")
	}
	seen := map[string]bool{}
	for _, l := range lines {
		var c changeLine
		if err := json.Unmarshal([]byte(l), &c); err != nil {
			t.Fatal(err)
		}
		id := c.Keys.ID.S
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
		if string(c.OldImage) != states[0][id] || string(c.NewImage) != states[1][id] {
			t.Errorf("%s: got %s → %s, want %s → %s", id, c.OldImage, c.NewImage, states[0][id], states[1][id])
		}
		if n := c.Metadata.WriteTimestampMicros.N; n < fmt.Sprint(from.UnixMicro()) || n >= fmt.Sprint(to.UnixMicro()) {
			t.Errorf("%s was written at %s", id, n)
		}
	}
	for i := range 60 {
		if id := fmt.Sprint(i); states[0][id] != states[1][id] && !seen[id] {
			t.Errorf("%s changed and is missing", id)
		}
	}
	if len(seen) < 30 {
		t.Errorf("only %d items changed", len(seen))
	}
}
