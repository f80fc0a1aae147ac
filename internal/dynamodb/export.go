package dynamodb

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// What an export is of, and what of a change it has.
const (
	fullExport        = "FULL_EXPORT"
	incrementalExport = "INCREMENTAL_EXPORT"

	newImage        = "NEW_IMAGE"
	newAndOldImages = "NEW_AND_OLD_IMAGES"

	dynamodbJSON = "DYNAMODB_JSON"
)

// maxExports is how many exports an account can have under way in a region.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html.
const maxExports = 300

// The shortest and the longest period of an incremental export.
const (
	shortestPeriod = 15 * time.Minute
	longestPeriod  = 24 * time.Hour
)

// exporting is an export under way, as its job has it.
type exporting struct {
	filling
	By []byte `json:"by"` // who asked for it, for identity.Act
	// KeyNames are those of the table's primary key, sorted.
	KeyNames []string `json:"keyNames"`
}

// ExportTableToPointInTime writes into a bucket what a table held at a time, or how its
// items changed in a period. It answers that the export is in progress; a job does it.
//
// A full export has what a restore to the second of ExportTime has: every commit up to the
// end of that second. Without an ExportTime it is exact to the commit of the request.
func (s *Service) ExportTableToPointInTime(ctx context.Context, in *dynamodb.ExportTableToPointInTimeInput) (*dynamodb.ExportTableToPointInTimeOutput, error) {
	if err := checkExport(in); err != nil {
		return nil, err
	}
	table, err := exportedTable(ctx, *in.TableArn)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "ExportTableToPointInTime", table, nil); err != nil {
		return nil, err
	}
	by, err := s.identity.Entrust(ctx)
	if err != nil {
		return nil, err
	}
	request := *in
	request.ClientToken = nil
	asked, token := askedFor(&request), newTableID()
	if in.ClientToken != nil {
		token = *in.ClientToken
	}
	var d *dynamodb.ExportDescription
	err = s.update(ctx, func(tx kv.Txn) error {
		t, err := s.readAny(ctx, tx, table)
		switch {
		case err != nil:
			return err
		case t == nil || t.beingFilled():
			return dynamodb.TableNotFoundException("Table not found: %s", table.arn())
		case s.objects == nil:
			return unavailable("ExportTableToPointInTime")
		}
		d = new(dynamodb.ExportDescription)
		if _, found, err := exports.begun(ctx, tx, table, token, asked, d, s.now()); found || err != nil {
			return err
		}
		return s.beginExport(ctx, tx, t, in, exporting{By: by, KeyNames: t.keyNames}, token, asked, d)
	})
	if err != nil {
		return nil, err
	}
	s.cache.drop(table)
	s.jobs.Wake()
	return &dynamodb.ExportTableToPointInTimeOutput{ExportDescription: d}, nil
}

// beginExport writes all that a new export needs, and its description into d.
func (s *Service) beginExport(ctx context.Context, tx kv.Txn, t *table, in *dynamodb.ExportTableToPointInTimeInput, x exporting, token string, asked []byte, d *dynamodb.ExportDescription) error {
	table, now := t.tableName, s.now().UTC().Truncate(time.Millisecond)
	m, err := s.exportMoment(ctx, tx, t, in, now)
	if err != nil {
		return err
	}
	under, err := s.underWay(ctx, tx, table.account, table.region, noteExport)
	switch {
	case err != nil:
		return err
	case under >= maxExports:
		return dynamodb.LimitExceededException("Subscriber limit exceeded: There is a limit of %d simultaneous exports per subscriber.", maxExports)
	}
	n, err := exports.free(ctx, tx, table, now)
	if err != nil {
		return err
	}
	id, err := nextID(ctx, tx)
	if err != nil {
		return err
	}
	*d = dynamodb.ExportDescription{
		ExportArn: new(exports.arn(n)), ExportStatus: new(transferRuns), StartTime: &now,
		TableArn: new(table.arn()), TableId: new(t.UUID), ClientToken: &token,
		S3Bucket: in.S3Bucket, S3BucketOwner: in.S3BucketOwner, S3Prefix: in.S3Prefix, S3SseAlgorithm: new("AES256"),
		ExportFormat: new(dynamodbJSON), ExportType: in.ExportType,
	}
	if m.incremental {
		view := newAndOldImages
		if v := in.IncrementalExportSpecification.ExportViewType; v != nil {
			view = *v
		}
		d.IncrementalExportSpecification = &dynamodb.IncrementalExportSpecification{ExportFromTime: &m.from, ExportToTime: &m.to, ExportViewType: &view}
	} else if d.ExportTime = in.ExportTime; d.ExportTime == nil {
		d.ExportTime = &now
	}
	x.filling = filling{From: t.ID, Source: storedNameOf(table), Second: m.second, To: id, Export: &n}
	st := t.tableState
	if m.second.IsZero() {
		err = st.holdFromHere(tx, table, x.jobID())
	} else {
		err = st.holdFrom(tx, table, m.after, x.jobID())
	}
	if err != nil {
		return err
	}
	if err := exports.put(tx, n, transferRecord{Started: now, Token: token}, d); err != nil {
		return err
	}
	if err := exports.keep(tx, n, token, asked); err != nil {
		return err
	}
	s.recordTransfer(ctx, tx, exports, n, in)
	input, err := json.Marshal(x)
	if err != nil {
		return err
	}
	tx.Put(x.key(), []byte(noteExport))
	return jobs.Enqueue(ctx, tx, exportItems, x.jobID(), input)
}

// checkExport checks what does not depend on the table.
func checkExport(in *dynamodb.ExportTableToPointInTimeInput) error {
	wrong := func(format string, args ...any) error {
		return api.ValidationException("Invalid Request: "+format, args...)
	}
	spec, incremental := in.IncrementalExportSpecification, is(in.ExportType, incrementalExport)
	switch {
	case spec != nil && in.ExportType == nil:
		return wrong("Export Type expected to be Incremental Export when incremental export specification is provided")
	case spec != nil && !incremental:
		return wrong("When Export Type is Full Export , Incremental Export Specification should not be provided")
	case spec == nil && incremental:
		return wrong("Incremental Export Specification expected when export type is set as Incremental Export")
	case incremental && spec.ExportFromTime == nil:
		return wrong("ExportFromTime must be provided in IncrementalExportSpecification")
	case in.S3SseKmsKeyId != nil && !is(in.S3SseAlgorithm, "KMS"):
		return wrong("KMS Key Id is not supported for this encryption type")
	case is(in.S3SseAlgorithm, "KMS"):
		return unavailable("S3SseAlgorithm KMS")
	case is(in.ExportFormat, "ION"):
		return unavailable("ExportFormat ION")
	case in.FilterSpecification != nil:
		return unavailable("FilterSpecification")
	}
	return nil
}

// exportedTable is the table of an ARN, which must be of the caller's account.
func exportedTable(ctx context.Context, arn string) (n tableName, err error) {
	req := api.RequestOf(ctx)
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" || part[1] != "aws" || part[2] != "dynamodb" || !isAccount(part[4]) {
		return n, invalid("tableArn is not a valid ARN")
	}
	name, ok := strings.CutPrefix(part[5], "table/")
	switch {
	case !ok || checkTableName(name) != nil:
		return n, api.ValidationException("Invalid Request: Table ARN is invalid.")
	case part[4] != req.Caller.Account:
		return n, api.AccessDeniedException("Access is denied")
	case part[3] != req.Region:
		return n, dynamodb.TableNotFoundException("Table not found: %s", arn)
	}
	return tableName{part[4], part[3], name}, nil
}

// exportMoment is what an export is of: the state at the end of a second, or that of the
// commit of the request if second is zero; or what the commits did from `from` on and
// before `to`. After the commit `after`, the log has everything that must be known.
type exportMoment struct {
	second      time.Time
	after       kv.Stamp
	incremental bool
	from, to    time.Time
}

// exportMoment finds what an export is to be of. The order of the checks is AWS's.
func (s *Service) exportMoment(ctx context.Context, r kv.Reader, t *table, in *dynamodb.ExportTableToPointInTimeInput, now time.Time) (m exportMoment, err error) {
	created := t.Created.Truncate(time.Second)
	if spec := in.IncrementalExportSpecification; spec != nil {
		m.incremental, m.from, m.to = true, spec.ExportFromTime.UTC().Truncate(time.Second), now.Truncate(time.Second)
		if spec.ExportToTime != nil {
			m.to = spec.ExportToTime.UTC().Truncate(time.Second)
		}
		if m.from.Before(created) {
			return m, invalidExportTime("Incremental export period from time cannot be less than the table creation time : %s", m.from.Format(time.RFC3339))
		}
	}
	if !t.Recovery.On {
		return m, dynamodb.PointInTimeRecoveryUnavailableException("Point in time recovery is not enabled for table '%s'", t.name)
	}
	w, err := s.recoveryWindow(ctx, r, &t.tableState)
	if err != nil {
		return m, err
	}
	unknown := func() error {
		return invalidExportTime("Point in Time Recovery is not available for specified export time")
	}
	switch {
	case m.incremental:
		if err := m.checkPeriod(now); err != nil {
			return m, err
		}
		if m.from.Before(w.first) {
			return m, unknown()
		}
		// What the second in which recovery was turned on has from before that, nobody knows.
		begun, err := recoveryBegan(ctx, r, t.ID)
		if err != nil {
			return m, err
		}
		m.after, err = s.store.StampAt(ctx, m.from)
		m.second, m.after = m.to.Add(-time.Second), max(m.after, begun)
		return m, err
	case in.ExportTime == nil:
		return m, nil
	}
	m.second = in.ExportTime.UTC().Truncate(time.Second)
	switch {
	case m.second.After(now) || m.second.Before(created):
		return m, invalidExportTime("Export Time is invalid")
	case m.second.Before(w.first):
		return m, unknown()
	}
	// There may be more commits in the second than are known now, but not fewer.
	if m.after, err = s.store.StampAt(ctx, m.second.Add(time.Second)); err != nil {
		return m, err
	}
	begun, err := recoveryBegan(ctx, r, t.ID)
	if err == nil && begun > m.after {
		err = unknown()
	}
	return m, err
}

func (m exportMoment) checkPeriod(now time.Time) error {
	switch length := m.to.Sub(m.from); {
	case m.to.After(now):
		return invalidExportTime("Incremental export period to time cannot be greater than the current time : %s", m.to.Format(time.RFC3339))
	case length <= 0:
		return invalidExportTime("Incremental export period from time should not be greater or equal to incremental export period to time")
	case length < shortestPeriod:
		return invalidExportTime("Difference between export period from time and export period to time is less than 15 minutes")
	case length > longestPeriod:
		return invalidExportTime("Difference between export period from time and export period to time is greater than 24 hours")
	}
	return nil
}

func invalidExportTime(format string, args ...any) error {
	return dynamodb.InvalidExportTimeException(format, args...)
}

// DescribeExport describes an export of the last 90 days.
func (s *Service) DescribeExport(ctx context.Context, in *dynamodb.DescribeExportInput) (*dynamodb.DescribeExportOutput, error) {
	n, err := exports.parse(ctx, s, "DescribeExport", *in.ExportArn)
	if err != nil {
		return nil, err
	}
	d := new(dynamodb.ExportDescription)
	err = s.view(ctx, func(r kv.Reader) error {
		_, err := exports.find(ctx, r, n, d, s.now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.DescribeExportOutput{ExportDescription: d}, nil
}

// exportPrefix is where the files of an export lie. As on AWS, the prefix that is asked for
// and what follows are joined by one slash.
func exportPrefix(d *dynamodb.ExportDescription) string {
	prefix := strings.TrimSuffix(*cmp.Or(d.S3Prefix, new("")), "/")
	if prefix != "" {
		prefix += "/"
	}
	return prefix + "AWSDynamoDB/"
}
