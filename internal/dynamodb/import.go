package dynamodb

import (
	"context"
	"encoding/json"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/intake"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// maxImports is how many imports an account can have under way in a region.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataImport.Validation.html.
const maxImports = 50

// importing is an import under way, as its job has it. Of the filling it has the target.
type importing struct {
	filling
	Import transferName `json:"import"`
	By     []byte       `json:"by"` // who asked for it, for identity.Act
}

// ImportTable makes a table of what lies in a bucket. It answers that the import is in
// progress; a job does it, and until that is over the table is CREATING and no operation on
// items sees it.
//
// AWS shows the table only some time after the answer. Here its name is taken at once.
func (s *Service) ImportTable(ctx context.Context, in *dynamodb.ImportTableInput) (*dynamodb.ImportTableOutput, error) {
	if err := checkImport(in); err != nil {
		return nil, err
	}
	n, st, err := s.importedTable(ctx, in.TableCreationParameters)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "ImportTable", n, nil); err != nil {
		return nil, err
	}
	if n.account != api.RequestOf(ctx).Caller.Account {
		return nil, api.AccessDeniedException("Access is denied")
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
	var d *dynamodb.ImportTableDescription
	err = s.update(ctx, func(tx kv.Txn) error {
		taken, err := s.readAny(ctx, tx, n)
		if err != nil {
			return err
		}
		d = new(dynamodb.ImportTableDescription)
		rec, found, err := imports.begun(ctx, tx, n, token, asked, d, s.now())
		switch {
		case err != nil:
			return err
		case found && (rec.Ended.IsZero() || taken == nil):
			return nil
		case taken != nil:
			return dynamodb.ResourceInUseException("Table already exists: %s", n.name)
		case s.objects == nil:
			return unavailable("ImportTable")
		}
		return s.beginImport(ctx, tx, n, st, in, by, token, asked, d)
	})
	if err != nil {
		return nil, err
	}
	s.cache.drop(n)
	s.jobs.Wake()
	return &dynamodb.ImportTableOutput{ImportTableDescription: d}, nil
}

// checkImport checks what does not concern the table.
func checkImport(in *dynamodb.ImportTableInput) error {
	switch {
	case is(in.InputFormat, "ION"):
		return unavailable("InputFormat ION")
	case in.InputFormatOptions != nil && !is(in.InputFormat, "CSV"):
		return api.ValidationException("Invalid Request: Unsupported InputFormatOptions for the given input format: %s.", *in.InputFormat)
	}
	return nil
}

// importedTable is the table that an import is to make.
func (s *Service) importedTable(ctx context.Context, p *dynamodb.TableCreationParameters) (n tableName, st *tableState, err error) {
	if n, err = nameOf(ctx, p.TableName); err != nil {
		return n, nil, err
	}
	st, err = s.newTable(ctx, &dynamodb.CreateTableInput{
		TableName: p.TableName, AttributeDefinitions: p.AttributeDefinitions, KeySchema: p.KeySchema, BillingMode: p.BillingMode,
		ProvisionedThroughput: p.ProvisionedThroughput, OnDemandThroughput: p.OnDemandThroughput, SSESpecification: p.SSESpecification,
		GlobalSecondaryIndexes: p.GlobalSecondaryIndexes, VectorIndexes: p.VectorIndexes,
	})
	return n, st, err
}

// beginImport writes all that a new import needs, and its description into d.
func (s *Service) beginImport(ctx context.Context, tx kv.Txn, table tableName, st *tableState, in *dynamodb.ImportTableInput, by []byte, token string, asked []byte, d *dynamodb.ImportTableDescription) error {
	under, err := s.underWay(ctx, tx, table.account, table.region, noteImport)
	switch {
	case err != nil:
		return err
	case under >= maxImports:
		return dynamodb.LimitExceededException("Subscriber limit exceeded: There is a limit of %d simultaneous imports per subscriber.", maxImports)
	}
	if st.ID, err = nextID(ctx, tx); err != nil {
		return err
	}
	st.Importing = true
	if err := st.put(tx, table); err != nil {
		return err
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	n, err := imports.free(ctx, tx, table, now)
	if err != nil {
		return err
	}
	source := *in.S3BucketSource
	if source.S3BucketOwner == nil {
		source.S3BucketOwner = new(table.account)
	}
	*d = dynamodb.ImportTableDescription{
		ImportArn: new(imports.arn(n)), ImportStatus: new(transferRuns), StartTime: &now, TableArn: new(table.arn()), TableId: new(st.UUID),
		ClientToken: &token, S3BucketSource: &source, InputFormat: in.InputFormat, InputFormatOptions: in.InputFormatOptions,
		InputCompressionType: new("NONE"), TableCreationParameters: in.TableCreationParameters,
		ProcessedItemCount: new(int64(0)), ImportedItemCount: new(int64(0)), ErrorCount: new(int64(0)),
	}
	if in.InputCompressionType != nil {
		d.InputCompressionType = in.InputCompressionType
	}
	if err := imports.put(tx, n, transferRecord{Started: now, Token: token}, d); err != nil {
		return err
	}
	if err := imports.keep(tx, n, token, asked); err != nil {
		return err
	}
	s.recordTransfer(ctx, tx, imports, n, in)
	x := importing{filling{To: st.ID, Target: storedNameOf(table)}, n, by}
	input, err := json.Marshal(x)
	if err != nil {
		return err
	}
	tx.Put(x.key(), []byte(noteImport))
	return jobs.Enqueue(ctx, tx, importItems, x.jobID(), input)
}

// intakeOf says how the objects of an import are to be read.
func (t *table) intakeOf(d *dynamodb.ImportTableDescription) intake.Options {
	o := intake.Options{Compression: *d.InputCompressionType}
	if !is(d.InputFormat, "CSV") {
		return o
	}
	o.CSV = &intake.CSV{Types: map[string]dynamodb.Type{}}
	for _, a := range t.Defined {
		o.CSV.Types[a.Name] = scalarTypes[a.Type]
	}
	if f := d.InputFormatOptions; f != nil && f.Csv != nil {
		if f.Csv.Delimiter != nil {
			o.CSV.Delimiter = rune((*f.Csv.Delimiter)[0])
		}
		o.CSV.Header = f.Csv.HeaderList
	}
	return o
}

// DescribeImport describes an import of the last 90 days.
func (s *Service) DescribeImport(ctx context.Context, in *dynamodb.DescribeImportInput) (*dynamodb.DescribeImportOutput, error) {
	n, err := imports.parse(ctx, s, "DescribeImport", *in.ImportArn)
	if err != nil {
		return nil, err
	}
	d := new(dynamodb.ImportTableDescription)
	err = s.view(ctx, func(r kv.Reader) error {
		_, err := imports.find(ctx, r, n, d, s.now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.DescribeImportOutput{ImportTableDescription: d}, nil
}
