package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// DescribeBackup describes a backup, and the table as it was when it was made.
func (s *Service) DescribeBackup(ctx context.Context, in *dynamodb.DescribeBackupInput) (*dynamodb.DescribeBackupOutput, error) {
	n, err := backupOfARN(ctx, *in.BackupArn)
	if err != nil {
		return nil, err
	}
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:DescribeBackup", Resource: n.arn()}); err != nil {
		return nil, err
	}
	out := &dynamodb.DescribeBackupOutput{}
	err = s.view(ctx, func(r kv.Reader) error {
		b, err := findBackup(ctx, r, n)
		if err == nil {
			out.BackupDescription = b.describe(n)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// details is the short description of a backup.
func (b *backup) details(n backupName) *dynamodb.BackupDetails {
	return &dynamodb.BackupDetails{
		BackupArn: new(n.arn()), BackupName: new(b.Name), BackupSizeBytes: new(b.Bytes),
		BackupStatus: new(b.Status), BackupType: new(b.Type),
		BackupCreationDateTime: new(b.Created), BackupExpiryDateTime: timeOrNil(b.Expires),
	}
}

// describe is the whole description of a backup.
func (b *backup) describe(n backupName) *dynamodb.BackupDescription {
	d := b.Table.describe(n.table(), holding{size: size{b.Items, b.Bytes}}, b.Created)
	mode := "PROVISIONED"
	if b.Table.Billing.OnDemand {
		mode = "PAY_PER_REQUEST"
	}
	features := &dynamodb.SourceTableFeatureDetails{
		StreamDescription: d.StreamSpecification, SSEDescription: d.SSEDescription,
	}
	for _, x := range d.LocalSecondaryIndexes {
		features.LocalSecondaryIndexes = append(features.LocalSecondaryIndexes, &dynamodb.LocalSecondaryIndexInfo{
			IndexName: x.IndexName, KeySchema: x.KeySchema, Projection: x.Projection,
		})
	}
	for _, x := range d.GlobalSecondaryIndexes {
		features.GlobalSecondaryIndexes = append(features.GlobalSecondaryIndexes, &dynamodb.GlobalSecondaryIndexInfo{
			IndexName: x.IndexName, KeySchema: x.KeySchema, Projection: x.Projection,
			ProvisionedThroughput: provisioned(x.ProvisionedThroughput),
		})
	}
	if l := b.Table.TimeToLive; l.Status != "" {
		features.TimeToLiveDescription = &dynamodb.TimeToLiveDescription{TimeToLiveStatus: new(l.Status)}
		if l.Attribute != "" {
			features.TimeToLiveDescription.AttributeName = new(l.Attribute)
		}
	}
	return &dynamodb.BackupDescription{
		BackupDetails: b.details(n),
		SourceTableDetails: &dynamodb.SourceTableDetails{
			TableName: d.TableName, TableId: d.TableId, TableArn: d.TableArn, TableSizeBytes: d.TableSizeBytes, ItemCount: d.ItemCount,
			KeySchema: d.KeySchema, TableCreationDateTime: d.CreationDateTime, BillingMode: &mode,
			ProvisionedThroughput: provisioned(d.ProvisionedThroughput),
		},
		SourceTableFeatureDetails: features,
	}
}

func provisioned(d *dynamodb.ProvisionedThroughputDescription) *dynamodb.ProvisionedThroughput {
	return &dynamodb.ProvisionedThroughput{ReadCapacityUnits: d.ReadCapacityUnits, WriteCapacityUnits: d.WriteCapacityUnits}
}

// maxBackupsListed is the longest page of ListBackups.
const maxBackupsListed = 100

// ListBackups lists the backups of the caller's tables in the request's region: by
// table, and the oldest of each first.
func (s *Service) ListBackups(ctx context.Context, in *dynamodb.ListBackupsInput) (*dynamodb.ListBackupsOutput, error) {
	req := api.RequestOf(ctx)
	table := tableName{req.Caller.Account, req.Region, "*"}
	prefix := backupsOf(table.account, table.region)
	if in.TableName != nil {
		var err error
		if table, err = nameOf(ctx, in.TableName); err != nil {
			return nil, err
		}
		prefix = backupsOfTable(table)
	}
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:ListBackups", Resource: table.arn()}); err != nil {
		return nil, err
	}
	from := prefix
	if in.ExclusiveStartBackupArn != nil {
		start, err := backupOfARN(ctx, *in.ExclusiveStartBackupArn)
		if err != nil {
			return nil, err
		}
		from = after(start.key())
	}
	limit := maxBackupsListed
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	out := &dynamodb.ListBackupsOutput{BackupSummaries: []*dynamodb.BackupSummary{}}
	err := s.view(ctx, func(r kv.Reader) error {
		for p, err := range r.Scan(ctx, kv.Range{From: from, To: above(prefix)}) {
			if err != nil {
				return err
			}
			b, err := decodeBackup(p.Val)
			if err != nil {
				return err
			}
			if !b.listed(in) {
				continue
			}
			if len(out.BackupSummaries) == limit {
				out.LastEvaluatedBackupArn = out.BackupSummaries[limit-1].BackupArn
				break
			}
			n, err := backupOfKey(p.Key)
			if err != nil {
				return err
			}
			out.BackupSummaries = append(out.BackupSummaries, b.summary(n))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// listed reports whether a backup is one that ListBackups asks for.
func (b *backup) listed(in *dynamodb.ListBackupsInput) bool {
	kind := backupUser
	if in.BackupType != nil {
		kind = *in.BackupType
	}
	switch {
	case kind != "ALL" && kind != b.Type:
		return false
	case in.TimeRangeLowerBound != nil && b.Created.Before(*in.TimeRangeLowerBound):
		return false
	}
	return in.TimeRangeUpperBound == nil || b.Created.Before(*in.TimeRangeUpperBound)
}

func (b *backup) summary(n backupName) *dynamodb.BackupSummary {
	return &dynamodb.BackupSummary{
		TableName: new(n.Table), TableId: new(b.Table.UUID), TableArn: new(n.table().arn()),
		BackupArn: new(n.arn()), BackupName: new(b.Name), BackupStatus: new(b.Status), BackupType: new(b.Type), BackupSizeBytes: new(b.Bytes),
		BackupCreationDateTime: new(b.Created), BackupExpiryDateTime: timeOrNil(b.Expires),
	}
}
