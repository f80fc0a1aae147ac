package dynamodb

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/s3"
)

// exportItems is the job of an export. Its id is the number of what it makes.
const exportItems = "dynamodb.Export"

// The stages of an export beside those of a filling. First it copies what is meant into
// the store, as a restore or a backup does, so that the table is free again and the files
// can be written at any pace, and again, without a change; then it writes the files, one
// after the other; then the manifests that say which ones there are. Who reads those sees a whole export.
const (
	exportReads    = "reading"
	exportWrites   = "writing"
	exportFinishes = "finishing"
)

// exporter is the owner of an export's job at work.
type exporter struct {
	filler
	by       []byte
	keyNames []string
	record   transferRecord
	d        dynamodb.ExportDescription
}

// exportTable is the job. What the bucket refuses ends the export.
func (s *Service) exportTable(ctx context.Context, job *jobs.Job) error {
	var in exporting
	if err := json.Unmarshal(job.Input, &in); err != nil {
		return fmt.Errorf("an export: %w", err)
	}
	p, err := decodeFilled(job.Progress)
	if err != nil {
		return err
	}
	x := &exporter{filler: filler{Service: s, job: job, filling: in.filling}, by: in.By, keyNames: in.KeyNames}
	if err := x.open(ctx); err != nil {
		return err
	}
	for *x.d.ExportStatus == transferRuns {
		if p, err = x.next(ctx, p); err == nil {
			continue
		}
		f, ok := refusalOf(err, x.Export.ID)
		if !ok || ctx.Err() != nil {
			return err
		}
		err = x.end(ctx, p, func() {
			x.d.ExportStatus, x.d.FailureCode, x.d.FailureMessage = new(transferFailed), &f.Code, &f.Message
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// open reads what the export is to be.
func (x *exporter) open(ctx context.Context) error {
	return x.view(ctx, func(r kv.Reader) error {
		raw, err := r.Get(ctx, exports.key(*x.Export))
		if err == nil && raw == nil {
			err = fmt.Errorf("%s is gone", exports.arn(*x.Export))
		}
		if err != nil {
			return err
		}
		x.record, err = exports.decode(raw, &x.d)
		return err
	})
}

// next does some of what is left to do, and returns how far it is then.
func (x *exporter) next(ctx context.Context, p filled) (filled, error) {
	switch p.Stage {
	case fillBegins:
		if err := x.start(ctx); err != nil {
			return p, err
		}
		return x.begin(ctx)
	case fillCopies:
		if x.incremental() {
			return x.collect(ctx, p)
		}
		return x.copyItems(ctx, p)
	case exportReads:
		return x.readCurrent(ctx, p)
	case fillRewinds:
		if x.incremental() {
			return x.rewindChanges(ctx, p)
		}
		return x.rewind(ctx, p)
	case fillEnds:
		return x.leaveSource(ctx, p)
	case exportWrites:
		return x.writeFile(ctx, p)
	case exportFinishes:
		return p, x.finish(ctx, p)
	}
	return p, fmt.Errorf("an export is at an unknown stage: %s", p.Stage)
}

func (x *exporter) incremental() bool { return x.d.IncrementalExportSpecification != nil }

// start writes the file that shows that the bucket can be written to. The bucket must be of
// the account that was named or, if none was, of that of the export.
func (x *exporter) start(ctx context.Context) error {
	owner := x.Export.Account
	if x.d.S3BucketOwner != nil {
		owner = *x.d.S3BucketOwner
	}
	if err := x.objects.ExpectOwner(ctx, *x.d.S3Bucket, owner); err != nil {
		return err
	}
	_, err := x.put(ctx, x.folder()+"_started", bytes.NewReader(nil))
	return err
}

// folder is where the files of this export lie, but for the data of an incremental one.
func (x *exporter) folder() string { return exportPrefix(&x.d) + x.Export.ID + "/" }

// leaveSource gives up the hold on the table: what is to be exported is in the store.
func (x *exporter) leaveSource(ctx context.Context, p filled) (filled, error) {
	next := p
	next.Stage, next.At = exportWrites, nil
	if x.incremental() {
		next.Items, next.Bytes = 0, 0
	}
	_, err := x.job.Update(ctx, func(tx kv.Txn) error {
		if err := x.release(ctx, tx, x.Source.table(), x.From, x.jobID()); err != nil {
			return err
		}
		x.job.Save(tx, next.encode())
		return nil
	})
	if err != nil {
		return p, err
	}
	x.cache.drop(x.Source.table())
	return next, nil
}

// finish writes the manifests and ends the export.
func (x *exporter) finish(ctx context.Context, p filled) error {
	ended := x.now().UTC().Truncate(time.Millisecond)
	files, err := x.files(ctx)
	if err != nil {
		return err
	}
	list := x.folder() + "manifest-files.json"
	if err := x.putManifest(ctx, list, files); err != nil {
		return err
	}
	summary := x.folder() + "manifest-summary.json"
	x.d.EndTime, x.d.ItemCount, x.d.BilledSizeBytes = &ended, new(p.Items), new(p.Bytes)
	if err := x.putManifest(ctx, summary, x.summary(list)); err != nil {
		return err
	}
	return x.end(ctx, p, func() { x.d.ExportStatus, x.d.ExportManifest = new(transferCompleted), &summary })
}

// end writes what became of the export, and leaves to a job what lies in the store for it.
func (x *exporter) end(ctx context.Context, p filled, become func()) error {
	ended := x.now().UTC().Truncate(time.Millisecond)
	if x.d.EndTime == nil {
		x.d.EndTime = &ended
	}
	become()
	held := p.Stage != exportWrites && p.Stage != exportFinishes
	_, err := x.job.Update(ctx, func(tx kv.Txn) error {
		if held {
			if err := x.release(ctx, tx, x.Source.table(), x.From, x.jobID()); err != nil {
				return err
			}
		}
		rec := x.record
		rec.Ended = *x.d.EndTime
		tx.Delete(x.key())
		exports.lapse(tx, *x.Export, rec.Started)
		if err := exports.put(tx, *x.Export, rec, &x.d); err != nil {
			return err
		}
		return jobs.Enqueue(ctx, tx, dropBackup, x.jobID(), nil)
	})
	if held {
		x.cache.drop(x.Source.table())
	}
	x.jobs.Wake()
	return err
}

// put writes an object in the name of who asked for the export.
func (x *exporter) put(ctx context.Context, key string, body io.Reader) (*s3.Object, error) {
	ctx, err := x.acting(ctx, x.by, *x.Export, "PutObject")
	if err != nil {
		return nil, err
	}
	return x.objects.PutObject(ctx, s3.Put{Name: s3.Name{Bucket: *x.d.S3Bucket, Key: key}, Content: s3.Content{Body: body, Length: -1}})
}
