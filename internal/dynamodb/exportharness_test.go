package dynamodb_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/klauspost/compress/gzip"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob/dir"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/s3"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// depot is a service with a store of objects, whose jobs run.
type depot struct {
	*testing.T
	*fixture
	objects *s3.Service
	gate    *gate
	stop    func()
}

// gate is the store of objects as the service has it. Before each object that is written
// or read, it asks.
type gate struct {
	*s3.Service
	mu     sync.Mutex
	before func(ctx context.Context, n s3.Name) error
}

func (g *gate) ask(ctx context.Context, n s3.Name) error {
	g.mu.Lock()
	before := g.before
	g.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(ctx, n)
}

func (g *gate) set(before func(context.Context, s3.Name) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before = before
}

func (g *gate) PutObject(ctx context.Context, in s3.Put) (*s3.Object, error) {
	if err := g.ask(ctx, in.Name); err != nil {
		return nil, err
	}
	return g.Service.PutObject(ctx, in)
}

func (g *gate) GetObject(ctx context.Context, n s3.Name) (*s3.Found, error) {
	if err := g.ask(ctx, n); err != nil {
		return nil, err
	}
	return g.Service.GetObject(ctx, n)
}

const depotBucket = "depot"

// newDepot has the bucket "depot".
func newDepot(t *testing.T, change ...func(*dynamodb.Config)) *depot {
	t.Helper()
	t.Parallel()
	d := &depot{T: t, gate: new(gate)}
	d.fixture = start(t, append(change, func(c *dynamodb.Config) {
		blobs, err := dir.Open(t.TempDir(), dir.Options{})
		if err != nil {
			t.Fatal(err)
		}
		seal, err := pagetoken.New(bytes.Repeat([]byte("s"), 32))
		if err != nil {
			t.Fatal(err)
		}
		d.objects = s3.New(s3.Config{Store: c.Store, Blobs: blobs, Identity: c.Identity, Seal: seal, Now: c.Now})
		d.gate.Service = d.objects
		c.Objects, c.Log = d.gate, slog.New(slog.DiscardHandler)
	})...)
	if _, err := d.objects.CreateBucket(d.admin("CreateBucket"), depotBucket, "", nil); err != nil {
		t.Fatal(err)
	}
	d.work()
	return d
}

// admin is the context of a request of the account's root to the store of objects.
func (d *depot) admin(operation string) context.Context {
	req := *wharf.RequestOf(rootContext())
	req.Service, req.Operation, req.Time = "s3", operation, d.clock.now()
	return wharf.WithRequest(d.Context(), &req)
}

// work runs the service's jobs until the test ends or stop is called.
func (d *depot) work() {
	ctx, cancel := context.WithCancel(context.Background())
	var working sync.WaitGroup
	working.Go(func() { d.service.Run(ctx) })
	d.stop = sync.OnceFunc(func() { cancel(); working.Wait() })
	d.Cleanup(d.stop)
}

// table makes a table with one key, whose recovery is on, and returns its ARN. The next
// second has then begun.
func (d *depot) table(name string) (arn string) {
	d.Helper()
	out, err := d.client.CreateTable(d.Context(), &sdk.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: "S"}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: "HASH"}},
	})
	if err != nil {
		d.Fatal(err)
	}
	d.recovery(name)
	d.clock.advance(time.Second)
	return *out.TableDescription.TableArn
}

func (d *depot) recovery(table string) {
	d.Helper()
	_, err := d.client.UpdateContinuousBackups(d.Context(), &sdk.UpdateContinuousBackupsInput{
		TableName: &table, PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
	})
	if err != nil {
		d.Fatal(err)
	}
}

// put puts the item id with a value.
func (d *depot) put(table, id, v string) {
	d.Helper()
	mustPut(d, d.client, table, attrs{"id": str(id), "v": str(v)})
}

func (d *depot) delete(table, id string) {
	d.Helper()
	if _, err := d.client.DeleteItem(d.Context(), &sdk.DeleteItemInput{TableName: &table, Key: attrs{"id": str(id)}}); err != nil {
		d.Fatal(err)
	}
}

// export exports a table and waits until that is over.
func (d *depot) export(in *sdk.ExportTableToPointInTimeInput) *types.ExportDescription {
	d.Helper()
	if in.S3Bucket == nil {
		in.S3Bucket = aws.String(depotBucket)
	}
	out, err := d.client.ExportTableToPointInTime(d.Context(), in)
	if err != nil {
		d.Fatal(err)
	}
	if got := out.ExportDescription.ExportStatus; got != types.ExportStatusInProgress {
		d.Errorf("ExportStatus: %s", got)
	}
	return d.exported(*out.ExportDescription.ExportArn)
}

// exported waits for the end of an export.
func (d *depot) exported(arn string) *types.ExportDescription {
	d.Helper()
	for {
		out, err := d.client.DescribeExport(d.Context(), &sdk.DescribeExportInput{ExportArn: &arn})
		if err != nil {
			d.Fatal(err)
		}
		if out.ExportDescription.ExportStatus != types.ExportStatusInProgress {
			return out.ExportDescription
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// completed fails the test unless the export was.
func (d *depot) completed(e *types.ExportDescription) *types.ExportDescription {
	d.Helper()
	if e.ExportStatus != types.ExportStatusCompleted {
		d.Fatalf("%s: %s: %s", e.ExportStatus, aws.ToString(e.FailureCode), aws.ToString(e.FailureMessage))
	}
	return e
}

// keys lists the objects of the bucket.
func (d *depot) keys() (all []string) {
	d.Helper()
	page, err := d.objects.ListObjects(d.admin("ListObjectsV2"), s3.Listing{Bucket: depotBucket, Max: 1000})
	if err != nil {
		d.Fatal(err)
	}
	for _, o := range page.Objects {
		all = append(all, o.Key)
	}
	return all
}

func (d *depot) read(key string) []byte {
	d.Helper()
	o, err := d.objects.GetObject(d.admin("GetObject"), s3.Name{Bucket: depotBucket, Key: key})
	if err != nil {
		d.Fatal(err)
	}
	r, err := o.Open(d.Context(), 0, o.Size)
	if err != nil {
		d.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		d.Fatal(err)
	}
	return b
}

// checked reads an object whose checksum lies beside it.
func (d *depot) checked(key string) []byte {
	d.Helper()
	b := d.read(key)
	sum := md5.Sum(b)
	if got, want := string(d.read(strings.TrimSuffix(key, ".json")+".md5")), base64.StdEncoding.EncodeToString(sum[:]); got != want {
		d.Errorf("checksum of %s: %s, want %s", key, got, want)
	}
	return b
}

// lines reads the lines of a whole export, as its manifests list them, and checks those.
func (d *depot) lines(e *types.ExportDescription) (all []string) {
	d.Helper()
	var summary struct {
		ManifestFilesS3Key string
		ItemCount          int64
	}
	if err := json.Unmarshal(d.checked(*e.ExportManifest), &summary); err != nil {
		d.Fatal(err)
	}
	list := bufio.NewScanner(bytes.NewReader(d.checked(summary.ManifestFilesS3Key)))
	for list.Scan() {
		var file struct {
			ItemCount                        int
			MD5Checksum, Etag, DataFileS3Key string
		}
		if err := json.Unmarshal(list.Bytes(), &file); err != nil {
			d.Fatal(err)
		}
		b := d.read(file.DataFileS3Key)
		sum := md5.Sum(b)
		if base64.StdEncoding.EncodeToString(sum[:]) != file.MD5Checksum || fmt.Sprintf("%x", sum) != file.Etag {
			d.Errorf("the checksums of %s are not those of the manifest", file.DataFileS3Key)
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			d.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			d.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if len(text) == 0 {
			lines = nil
		}
		if len(lines) != file.ItemCount {
			d.Errorf("%s has %d lines, the manifest says %d", file.DataFileS3Key, len(lines), file.ItemCount)
		}
		all = append(all, lines...)
	}
	if int64(len(all)) != summary.ItemCount || summary.ItemCount != *e.ItemCount {
		d.Errorf("%d lines; the manifest has %d, the description %d", len(all), summary.ItemCount, *e.ItemCount)
	}
	return all
}

func (d *depot) want(what string, got, want any) {
	d.Helper()
	if got != want {
		d.Errorf("%s: got %v, want %v", what, got, want)
	}
}
