package dynamodb

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// The files of an export are those of AWS's.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html.

// exportedBytes is after how many bytes, uncompressed, the next file begins.
const exportedBytes = 64 << 20

// exportedFile is a file of an export, as the manifest lists it. It is stored until that
// is written, under the number of the export and its own.
type exportedFile struct {
	ItemCount int64  `json:"itemCount"`
	MD5       string `json:"md5Checksum"` // base64
	ETag      string `json:"etag"`
	Key       string `json:"dataFileS3Key"`
}

// exportSummary is the manifest of an export. Of the times it has those of its type.
type exportSummary struct {
	Version    string  `json:"version"`
	ExportARN  string  `json:"exportArn"`
	Start      string  `json:"startTime"`
	End        string  `json:"endTime"`
	TableARN   string  `json:"tableArn"`
	TableID    string  `json:"tableId"`
	ExportTime *string `json:"exportTime,omitempty"`
	FromTime   *string `json:"exportFromTime,omitempty"`
	ToTime     *string `json:"exportToTime,omitempty"`
	Bucket     string  `json:"s3Bucket"`
	Prefix     *string `json:"s3Prefix"`
	Algorithm  *string `json:"s3SseAlgorithm"`
	KMSKey     *string `json:"s3SseKmsKeyId"`
	Files      string  `json:"manifestFilesS3Key"`
	Billed     int64   `json:"billedSizeBytes"`
	ItemCount  int64   `json:"itemCount"`
	Format     *string `json:"outputFormat"`
	View       *string `json:"outputView,omitempty"`
	Type       string  `json:"exportType"`
}

// manifestTime is how manifests write a time.
func manifestTime(t *time.Time) *string {
	if t == nil {
		return nil
	}
	return new(t.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// summary is the manifest of the export, whose list of files lies at a key.
func (x *exporter) summary(files string) []byte {
	m := exportSummary{
		Version: "2020-06-30", ExportARN: *x.d.ExportArn, Start: *manifestTime(x.d.StartTime), End: *manifestTime(x.d.EndTime),
		TableARN: *x.d.TableArn, TableID: *x.d.TableId, ExportTime: manifestTime(x.d.ExportTime),
		Bucket: *x.d.S3Bucket, Prefix: x.d.S3Prefix, Algorithm: x.d.S3SseAlgorithm, Files: files,
		Billed: *x.d.BilledSizeBytes, ItemCount: *x.d.ItemCount, Format: x.d.ExportFormat, Type: fullExport,
	}
	if spec := x.d.IncrementalExportSpecification; spec != nil {
		m.Version, m.Type, m.View = "2023-08-01", incrementalExport, spec.ExportViewType
		m.FromTime, m.ToTime = manifestTime(spec.ExportFromTime), manifestTime(spec.ExportToTime)
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers always have a form
	}
	return b
}

// putManifest writes a manifest, and its checksum beside it.
func (x *exporter) putManifest(ctx context.Context, key string, content []byte) error {
	if _, err := x.put(ctx, key, bytes.NewReader(content)); err != nil {
		return err
	}
	sum := md5.Sum(content)
	_, err := x.put(ctx, strings.TrimSuffix(key, ".json")+".md5", strings.NewReader(base64.StdEncoding.EncodeToString(sum[:])))
	return err
}

// files lists the files that were written, a line each.
func (x *exporter) files(ctx context.Context) (list []byte, err error) {
	prefix := ofTable(exportedPrefix, x.To)
	err = x.view(ctx, func(r kv.Reader) error {
		for p, err := range r.Scan(ctx, kv.Range{From: prefix, To: above(prefix)}) {
			if err != nil {
				return err
			}
			list = append(append(list, p.Val...), '\n')
		}
		return nil
	})
	return list, err
}

// dataKey is the key of a file, which is the same whenever it is written. Those of all
// incremental exports share a folder.
func (x *exporter) dataKey(number uint64) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(*x.d.ExportArn), number))
	folder := x.folder()
	if x.incremental() {
		folder = exportPrefix(&x.d)
	}
	return folder + "data/" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])) + ".json.gz"
}

// writeFile writes the next file: some of what lies in the store, from p.At on.
func (x *exporter) writeFile(ctx context.Context, p filled) (filled, error) {
	var number uint64
	err := x.view(ctx, func(r kv.Reader) error {
		prefix := ofTable(exportedPrefix, x.To)
		for last, err := range r.Scan(ctx, kv.Range{From: prefix, To: above(prefix), Reverse: true, Limit: 1}) {
			if err != nil {
				return err
			}
			number = binary.BigEndian.Uint64(last.Key[len(prefix):]) + 1
		}
		return nil
	})
	if err != nil {
		return p, err
	}
	pr, pw := io.Pipe()
	var w exportedPart
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		var err error
		w, err = x.writeItems(ctx, pw, p)
		pw.CloseWithError(err)
	}()
	o, err := x.put(ctx, x.dataKey(number), pr)
	pr.CloseWithError(io.ErrClosedPipe)
	<-wrote
	if err != nil {
		return p, err
	}
	sum, err := hex.DecodeString(o.ETag)
	if err != nil {
		return p, err
	}
	f, err := json.Marshal(exportedFile{w.items, base64.StdEncoding.EncodeToString(sum), o.ETag, o.Key})
	if err != nil {
		return p, err
	}
	_, err = x.job.Update(ctx, func(tx kv.Txn) error {
		tx.Put(atStamp(ofTable(exportedPrefix, x.To), kv.Stamp(number)), f)
		x.job.Save(tx, w.next.encode())
		return nil
	})
	if err != nil {
		return p, err
	}
	return w.next, nil
}

// exportedPart is what a file has, and how far the export is with it.
type exportedPart struct {
	items int64
	next  filled
}

// writeItems writes the lines of a file.
func (x *exporter) writeItems(ctx context.Context, to io.Writer, p filled) (w exportedPart, err error) {
	z := gzip.NewWriter(to)
	prefix := ofTable(itemsPrefix, x.To)
	first := append(bytes.Clone(prefix), p.At...)
	parts := x.ahead(ctx, kv.Range{From: first, To: above(prefix)}, func(last []byte) kv.Range {
		return kv.Range{From: after(last), To: above(prefix)}
	})
	w.next = p
	var line []byte
	size := 0
	for part, err := range parts {
		if err != nil {
			return w, err
		}
		if part.last == nil {
			w.next.Stage, w.next.At = exportFinishes, nil
			break
		}
		for _, pair := range part.pairs {
			if line, err = x.appendLine(line[:0], pair.Val); err != nil {
				return w, err
			}
			if len(line) == 0 {
				continue
			}
			size += len(line)
			w.items++
			if _, err := z.Write(line); err != nil {
				return w, err
			}
		}
		if w.next.At = after(part.last[len(prefix):]); size >= exportedBytes {
			break
		}
	}
	if x.incremental() {
		w.next.Items += w.items
		w.next.Bytes += int64(size)
	}
	if err := ctx.Err(); err != nil {
		return w, err
	}
	return w, z.Close()
}

// appendLine appends the line of what is stored for an item: nothing if there is none.
func (x *exporter) appendLine(line, stored []byte) ([]byte, error) {
	if x.incremental() {
		return x.appendChange(line, stored)
	}
	it, err := item.Open(stored)
	if err != nil {
		return nil, err
	}
	line = append(append(line, `{"Item":`...), it.JSON()...)
	return append(line, "}\n"...), nil
}
