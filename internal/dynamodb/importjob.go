package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/s3"
)

// importItems is the job of an import. Its id is the number of the table.
const importItems = "dynamodb.Import"

// objectsListed is how many objects are listed at once.
const objectsListed = 1000

// imported is how far an import is: in the order of the objects' keys, and in that of the
// records of an object.
type imported struct {
	filled
	Last    string `json:"last,omitempty"` // the object up to which all are done
	Object  string `json:"object,omitempty"`
	ETag    string `json:"etag,omitempty"`    // of the object that is not done
	Records int64  `json:"records,omitempty"` // of it, those that are

	Written int64 `json:"written,omitempty"` // items, also those that a later one replaced
	Errors  int64 `json:"errors,omitempty"`
	Size    int64 `json:"size,omitempty"` // of what was read of all objects, uncompressed
	Read    int64 `json:"read,omitempty"` // of the object that is not done
	// First is where the first error was, and what.
	First string `json:"first,omitempty"`
}

// importer is the owner of an import's job at work.
type importer struct {
	filler
	name   transferName
	by     []byte
	record transferRecord
	d      dynamodb.ImportTableDescription
}

// importTable is the job. What the bucket refuses ends the import, and the table with it;
// what of an object is no item is counted.
func (s *Service) importTable(ctx context.Context, job *jobs.Job) error {
	var in importing
	if err := json.Unmarshal(job.Input, &in); err != nil {
		return fmt.Errorf("an import: %w", err)
	}
	x := &importer{filler: filler{Service: s, job: job, filling: in.filling}, name: in.Import, by: in.By}
	var p imported
	if job.Progress != nil {
		if err := json.Unmarshal(job.Progress, &p); err != nil {
			return fmt.Errorf("progress of an import: %w", err)
		}
	}
	err := s.view(ctx, func(r kv.Reader) error {
		raw, err := r.Get(ctx, imports.key(x.name))
		if err == nil && raw == nil {
			err = fmt.Errorf("%s is gone", imports.arn(x.name))
		}
		if err != nil {
			return err
		}
		x.record, err = imports.decode(raw, &x.d)
		return err
	})
	if err != nil || *x.d.ImportStatus != transferRuns {
		return err
	}
	p, err = x.readObjects(ctx, p)
	if err == nil {
		return x.end(ctx, p)
	}
	if f, ok := refusalOf(err, x.name.ID); ok && ctx.Err() == nil {
		return x.fail(ctx, f)
	}
	return err
}

// readObjects imports one object after the other.
func (x *importer) readObjects(ctx context.Context, p imported) (imported, error) {
	source := x.d.S3BucketSource
	if err := x.objects.ExpectOwner(ctx, *source.S3Bucket, *source.S3BucketOwner); err != nil {
		return p, err
	}
	l := s3.Listing{Bucket: *source.S3Bucket, Max: objectsListed}
	if source.S3KeyPrefix != nil {
		l.Prefix = *source.S3KeyPrefix
	}
	for {
		act, err := x.acting(ctx, x.by, x.name, "ListObjectsV2")
		if err != nil {
			return p, err
		}
		l.After = p.Last
		page, err := x.objects.ListObjects(act, l)
		if err != nil {
			return p, err
		}
		for _, o := range page.Objects {
			if p, err = x.readObject(ctx, o.Key, p); err != nil {
				return p, err
			}
		}
		if !page.More {
			return p, nil
		}
	}
}

// table is the table that is filled.
func (x *importer) table(ctx context.Context) (t *table, err error) {
	err = x.view(ctx, func(r kv.Reader) error {
		t, err = x.filledTable(ctx, r, x.filling)
		return err
	})
	return t, err
}

// readObject imports what of an object was not imported yet. An object that is not there
// any more, or another one than that which was begun, is an error of the source.
func (x *importer) readObject(ctx context.Context, key string, p imported) (imported, error) {
	act, err := x.acting(ctx, x.by, x.name, "GetObject")
	if err != nil {
		return p, err
	}
	o, err := x.objects.GetObject(act, s3.Name{Bucket: *x.d.S3BucketSource.S3Bucket, Key: key})
	lost := errors.Is(err, &api.Error{Code: "NoSuchKey"})
	switch {
	case err != nil && !lost:
		return p, err
	case !lost && p.Object == key && p.ETag != o.ETag:
		lost, err = true, errors.New("the object was replaced while it was imported")
	}
	if lost {
		b := batch{errors: 1, first: err, end: true}
		if p.Object == key {
			b.read = p.Read
		}
		return x.write(ctx, key, p, b)
	}
	if p.Object != key {
		p.Object, p.ETag, p.Records, p.Read = key, o.ETag, 0, 0
	}
	t, err := x.table(ctx)
	if err != nil {
		return p, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	body, err := o.Open(ctx, 0, o.Size)
	if err != nil {
		return p, err
	}
	defer body.Close()
	batches, failed := make(chan batch, 1), error(nil)
	go func() {
		defer close(batches)
		failed = t.readBatches(ctx, body, t.intakeOf(&x.d), p.Records, batches)
	}()
	for b := range batches {
		if p, err = x.write(ctx, key, p, b); err != nil {
			stop()
			for range batches {
			}
			return p, err
		}
	}
	return p, failed
}

// write writes a batch, and how far the import is with it.
func (x *importer) write(ctx context.Context, key string, p imported, b batch) (next imported, err error) {
	err = x.commit(ctx, func(tx kv.Txn) error {
		t, err := x.filledTable(ctx, tx, x.filling)
		if err != nil {
			return err
		}
		d, err := t.putAll(ctx, tx, b.items)
		if err != nil {
			return err
		}
		next = p
		next.filled = p.add(d)
		next.Records += b.records
		next.Written += int64(len(b.items))
		next.Errors += b.errors
		next.Size += b.read - p.Read
		next.Read = b.read
		if next.First == "" && b.first != nil {
			next.First = fmt.Sprintf("%.200q: %.500v", key, b.first)
		}
		if b.end {
			next.Last, next.Object, next.ETag, next.Records, next.Read = key, "", "", 0, 0
		}
		progress, err := json.Marshal(next)
		if err != nil {
			return err
		}
		x.job.Save(tx, progress)
		x.count(next)
		return imports.put(tx, x.name, x.record, &x.d)
	})
	if err != nil {
		return p, err
	}
	return next, nil
}

// count takes over into the description how far the import is.
func (x *importer) count(p imported) {
	x.d.ProcessedItemCount, x.d.ImportedItemCount, x.d.ErrorCount = new(p.Written+p.Errors), new(p.Written), new(p.Errors)
	if p.Size > 0 {
		x.d.ProcessedSizeBytes = new(p.Size)
	}
}

// end lets the operations on items see the table. As on AWS, an import with errors has
// failed, and its table has the items that were right.
func (x *importer) end(ctx context.Context, p imported) error {
	x.count(p)
	x.d.ImportStatus = new(transferCompleted)
	if p.Errors > 0 {
		x.d.ImportStatus, x.d.FailureCode = new(transferFailed), new("ItemValidationError")
		x.d.FailureMessage = new("Some of the items failed validation checks and were not imported. The first: " + p.First)
	}
	return x.over(ctx, func(tx kv.Txn, t *table) error {
		tx.Put(ofTable(totalsPrefix, x.To), p.total().encode())
		st := t.tableState
		st.Importing = false
		return st.put(tx, t.tableName)
	})
}

// fail takes the table away again.
func (x *importer) fail(ctx context.Context, f refusal) error {
	x.d.ImportStatus, x.d.FailureCode, x.d.FailureMessage = new(transferFailed), &f.Code, &f.Message
	return x.over(ctx, func(tx kv.Txn, t *table) error {
		tx.Delete(tableKey(t.tableName))
		return jobs.Enqueue(ctx, tx, dropTable, jobOf(t.ID), nil)
	})
}

// over ends the import in a transaction that says what becomes of the table.
func (x *importer) over(ctx context.Context, become func(kv.Txn, *table) error) error {
	x.d.EndTime = new(x.now().UTC().Truncate(time.Millisecond))
	_, err := x.job.Update(ctx, func(tx kv.Txn) error {
		t, err := x.filledTable(ctx, tx, x.filling)
		if err != nil {
			return err
		}
		if err := become(tx, t); err != nil {
			return err
		}
		rec := x.record
		rec.Ended = *x.d.EndTime
		tx.Delete(x.key())
		imports.lapse(tx, x.name, rec.Started)
		return imports.put(tx, x.name, rec, &x.d)
	})
	x.cache.drop(x.Target.table())
	x.jobs.Wake()
	return err
}
