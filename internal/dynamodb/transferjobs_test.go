package dynamodb_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// mortal is a store as a process sees it that dies before its commit number `left`: from
// then on it commits nothing.
type mortal struct {
	kv.Store
	left atomic.Int64
	dead chan struct{}
	once sync.Once
}

var errDead = errors.New("the process is dead")

func (m *mortal) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	if m.left.Add(-1) < 0 {
		m.once.Do(func() { close(m.dead) })
		return 0, errDead
	}
	return m.Store.Update(ctx, fn)
}

// die runs the service's jobs in a process that dies before its commit number n. It reports
// whether it came to that before done did.
func (d *depot) die(n int64, done func() bool) bool {
	d.Helper()
	m := &mortal{Store: d.store, dead: make(chan struct{})}
	m.left.Store(n)
	ctx, kill := context.WithCancel(context.Background())
	defer kill()
	s := dynamodb.New(dynamodb.Config{Store: m, Identity: d.identity, Now: d.clock.now, Objects: d.gate, Log: slog.New(slog.DiscardHandler)})
	var working sync.WaitGroup
	defer working.Wait()
	working.Go(func() { s.Run(ctx) })
	defer kill()
	for {
		select {
		case <-m.dead:
			return true
		case <-time.After(2 * time.Millisecond):
			if done() {
				return false
			}
		}
	}
}

// dieOften lets the work that begin asks for be done by a process that dies before its first
// commit but one, and by another that finds the lease of the first one over; then by one that
// dies a commit later, and so on until one does all of it.
func (d *depot) dieOften(begin func() string, status func(arn string) string, check func(arn string)) {
	d.Helper()
	for n := int64(1); ; n++ {
		arn := begin()
		over := func() bool { return status(arn) != "IN_PROGRESS" }
		died := d.die(n, over)
		if died {
			d.clock.advance(time.Minute)
			d.die(1<<40, over)
		}
		check(arn)
		if !died {
			if n < 4 {
				d.Errorf("a process did everything in %d commits", n)
			}
			return
		}
	}
}

// TestExportSurvivesCrashes exports a table, in a process that dies at every point: the
// export is the same.
func TestExportSurvivesCrashes(t *testing.T) {
	d := newDepot(t)
	d.stop()
	arn := d.table("books")
	want := map[string]string{}
	for i := range 50 {
		want[fmt.Sprint(i)] = "1"
		d.put("books", fmt.Sprint(i), "1")
	}
	began := d.clock.now()
	d.clock.advance(16 * time.Minute)
	second := d.clock.now()
	d.put("books", "0", "2")
	want["0"] = "2"
	d.clock.advance(time.Minute)
	status := func(arn string) string {
		out, err := d.service.DescribeExport(rootContext(), &api.DescribeExportInput{ExportArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		return *out.ExportDescription.ExportStatus
	}
	begin := func(in sdk.ExportTableToPointInTimeInput) func() string {
		return func() string {
			in.TableArn, in.S3Bucket = &arn, aws.String(depotBucket)
			out, err := d.client.ExportTableToPointInTime(t.Context(), &in)
			if err != nil {
				t.Fatal(err)
			}
			d.put("books", "later", fmt.Sprint(time.Now().UnixNano()))
			in.ClientToken = nil
			return *out.ExportDescription.ExportArn
		}
	}
	d.dieOften(begin(sdk.ExportTableToPointInTimeInput{ExportTime: &second}), status, func(arn string) {
		d.wantLines(d.exported(arn), itemLines(want))
	})
	var first []string
	d.dieOften(begin(sdk.ExportTableToPointInTimeInput{
		ExportType: types.ExportTypeIncrementalExport, IncrementalExportSpecification: &types.IncrementalExportSpecification{ExportFromTime: &began, ExportToTime: aws.Time(second.Add(time.Second))},
	}), status, func(arn string) {
		lines := d.lines(d.completed(d.exported(arn)))
		if first == nil {
			first = lines
		}
		if len(lines) != 50 || !slices.Equal(lines, first) {
			t.Errorf("%d changes, want the 50 of the first export", len(lines))
		}
	})
	d.want("what is under way", d.count("filling"), 0)
	d.want("holds", d.count("hold"), 0)
	// What a dead process had begun to take away waits for the end of its lease.
	d.die(1000, func() bool { d.clock.advance(time.Second); return d.count("exported") == 0 })
}

// TestImportSurvivesCrashes imports objects of several transactions, in a process that dies
// at every point: each item is imported once, and the numbers are right.
func TestImportSurvivesCrashes(t *testing.T) {
	d := newDepot(t)
	d.stop()
	const records = 9000
	var text strings.Builder
	for i := range records {
		fmt.Fprintf(&text, `{"Item":{"id":{"S":"%d"},"v":{"N":"%d"}}}`+"\n", i, i)
	}
	d.write("in/1", text.String())
	d.write("in/2", `{"Item":{"id":{"S":"0"},"v":{"N":"-1"}}}`+"\n"+`{"Item":{"v":{"N":"1"}}}`+"\n")
	table := 0
	d.dieOften(func() string {
		table++
		out, err := d.client.ImportTable(t.Context(), importOf(fmt.Sprintf("books%d", table), "in/"))
		if err != nil {
			t.Fatal(err)
		}
		return *out.ImportTableDescription.ImportArn
	}, func(arn string) string {
		out, err := d.service.DescribeImport(rootContext(), &api.DescribeImportInput{ImportArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		return *out.ImportTableDescription.ImportStatus
	}, func(arn string) {
		i := d.imported(arn)
		d.wantImport(i, "ItemValidationError", records+1, 1)
		name := *i.TableCreationParameters.TableName
		items := d.scan(name, nil)
		d.want("items", len(items), records)
		if want := (attrs{"id": str("0"), "v": num("-1")}); !reflect.DeepEqual(items["0"], want) {
			t.Errorf("the last item of a key: %v", items["0"])
		}
		out, err := d.client.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: &name})
		if err != nil {
			t.Fatal(err)
		}
		d.want("ItemCount", *out.Table.ItemCount, int64(records))
	})
	d.want("what is under way", d.count("filling"), 0)
}
