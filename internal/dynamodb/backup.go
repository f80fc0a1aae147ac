package dynamodb

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// backup is a backup of a table, as it is stored. It outlives the table.
type backup struct {
	Name    string    `json:"name"`
	Type    string    `json:"type"`   // a BackupType
	Status  string    `json:"status"` // a BackupStatus
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	// Table is the table as it was then.
	Table tableState `json:"table"`
	// Data is the number under which its items lie.
	Data  uint64 `json:"data"`
	Items int64  `json:"items"`
	Bytes int64  `json:"bytes"`
	// Restores is how many restores are reading it.
	Restores int `json:"restores,omitempty"`
}

const (
	backupUser   = "USER"
	backupSystem = "SYSTEM"

	backupCreating  = "CREATING"
	backupAvailable = "AVAILABLE"
	backupDeleted   = "DELETED"
)

// systemBackupLife is how long the backup of a dropped table is kept.
const systemBackupLife = 35 * day

// backupName is the full name of a backup: that of its table, and an id.
type backupName struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	Table   string `json:"table"`
	ID      string `json:"id"`
}

func (n backupName) table() tableName { return tableName{n.Account, n.Region, n.Table} }

func (n backupName) arn() string { return n.table().arn() + "/backup/" + n.ID }

// backupsOf is the prefix of the backups of an account in a region.
func backupsOf(account, region string) []byte {
	return tuple.AppendString(tuple.AppendString(backupsPrefix[:len(backupsPrefix):len(backupsPrefix)], account), region)
}

// backupsOfTable is the prefix of the backups of the tables of a name.
func backupsOfTable(n tableName) []byte {
	return tuple.AppendString(backupsOf(n.account, n.region), n.name)
}

// key is where the backup lies. Those of a table lie in the order of their making.
func (n backupName) key() []byte { return tuple.AppendString(backupsOfTable(n.table()), n.ID) }

// backupOfKey is the reverse of key.
func backupOfKey(key []byte) (n backupName, err error) {
	rest := key[len(backupsPrefix):]
	for _, part := range []*string{&n.Account, &n.Region, &n.Table, &n.ID} {
		if *part, rest, err = tuple.String(rest); err != nil {
			return n, fmt.Errorf("key of a backup: %w", err)
		}
	}
	return n, nil
}

// backupOfARN reads a backup's ARN.
func backupOfARN(ctx context.Context, arn string) (n backupName, err error) {
	table, id, ok := strings.Cut(arn, "/backup/")
	part := strings.SplitN(table, ":", 6)
	if !ok || len(part) != 6 || part[0] != "arn" || part[1] != "aws" || part[2] != "dynamodb" || !isAccount(part[4]) || id == "" || strings.Contains(id, "/") {
		return n, api.ValidationException("Invalid BackupArn: %s", arn)
	}
	name, ok := strings.CutPrefix(part[5], "table/")
	if !ok || checkTableName(name) != nil || part[3] != api.RequestOf(ctx).Region {
		return n, api.ValidationException("Invalid BackupArn: %s", arn)
	}
	return backupName{part[4], part[3], name, id}, nil
}

func decodeBackup(b []byte) (*backup, error) {
	x := new(backup)
	if err := json.Unmarshal(b, x); err != nil {
		return nil, fmt.Errorf("description of a backup: %w", err)
	}
	return x, nil
}

func (b *backup) put(tx kv.Txn, n backupName) error {
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	tx.Put(n.key(), raw)
	return nil
}

// findBackup returns a backup, or its BackupNotFoundException.
func findBackup(ctx context.Context, r kv.Reader, n backupName) (*backup, error) {
	raw, err := r.Get(ctx, n.key())
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, dynamodb.BackupNotFoundException("Backup not found: %s", n.arn())
	}
	return decodeBackup(raw)
}

// newBackup is a backup of a table, whose items lie under the number data.
func (t *table) newBackup(name, kind string, data uint64, holds holding, now time.Time) *backup {
	b := &backup{Name: name, Type: kind, Status: backupCreating, Created: now, Table: t.tableState, Data: data, Items: holds.items, Bytes: holds.bytes}
	b.Table.Recovery, b.Table.Restore, b.Table.Tags, b.Table.Policy = recoveryState{}, nil, nil, resourcePolicy{}
	return b
}

// CreateBackup makes a backup of what a table holds, exact to the commit of the request.
// It answers that the backup is being created; a job does that.
func (s *Service) CreateBackup(ctx context.Context, in *dynamodb.CreateBackupInput) (*dynamodb.CreateBackupOutput, error) {
	table, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "CreateBackup", table, nil); err != nil {
		return nil, err
	}
	var random [4]byte
	rand.Read(random[:])
	var out *dynamodb.BackupDetails
	err = s.update(ctx, func(tx kv.Txn) error {
		t, err := s.findBackedUp(ctx, tx, table)
		if err != nil {
			return err
		}
		now := s.now().UTC()
		n, err := freeBackup(ctx, tx, table, now, fmt.Sprintf("%x", random))
		if err != nil {
			return err
		}
		holds, err := s.sizeOf(ctx, tx, t)
		if err != nil {
			return err
		}
		id, err := nextID(ctx, tx)
		if err != nil {
			return err
		}
		b := t.newBackup(*in.BackupName, backupUser, id, holds, now)
		f := filling{From: t.ID, Source: storedNameOf(table), To: id, Backup: &n}
		st := t.tableState
		if err := st.holdFromHere(tx, table, f.jobID()); err != nil {
			return err
		}
		if err := b.put(tx, n); err != nil {
			return err
		}
		s.recordBackup(ctx, tx, n, in)
		out = b.details(n)
		return f.enqueue(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	s.cache.drop(table)
	s.jobs.Wake()
	return &dynamodb.CreateBackupOutput{BackupDetails: out}, nil
}

// freeBackup is the name of a new backup of a table: the millisecond of its making and
// something that makes it unique.
func freeBackup(ctx context.Context, tx kv.Txn, table tableName, now time.Time, unique string) (backupName, error) {
	for milli := now.UnixMilli(); ; milli++ {
		n := backupName{table.account, table.region, table.name, fmt.Sprintf("%014d-%s", milli, unique)}
		taken, err := tx.Get(ctx, n.key())
		if err != nil || taken == nil {
			return n, err
		}
	}
}

// backupTable is what stands for the table that a backup is made into.
func (s *Service) backupTable(ctx context.Context, r kv.Reader, f filling) (*table, error) {
	b, err := findBackup(ctx, r, *f.Backup)
	if err != nil {
		return nil, err
	}
	t := &table{tableName: f.Backup.table()}
	t.tableState = tableState{ID: f.To, Hash: b.Table.Hash, Range: b.Table.Range}
	t.derive(s.now)
	return t, nil
}

// completeBackup makes a backup one that can be restored from.
func (s *Service) completeBackup(ctx context.Context, tx kv.Txn, f filling, p filled) error {
	b, err := findBackup(ctx, tx, *f.Backup)
	if err != nil {
		return err
	}
	b.Status, b.Items, b.Bytes = backupAvailable, p.Items, p.Bytes
	return b.put(tx, *f.Backup)
}

// keepDropped makes a backup of the items of a table that is being dropped. They stay
// where they are. It can be restored like another, and is removed when its time comes.
func (s *Service) keepDropped(ctx context.Context, tx kv.Txn, t *table) error {
	now := s.now().UTC()
	n, err := freeBackup(ctx, tx, t.tableName, now, "00000000")
	if err != nil {
		return err
	}
	holds, err := s.sizeOf(ctx, tx, t)
	if err != nil {
		return err
	}
	b := t.newBackup(t.name+"$DeletedTableBackup", backupSystem, t.ID, holds, now)
	b.Status, b.Expires = backupAvailable, now.Add(systemBackupLife)
	n.lapse(tx, b)
	return b.put(tx, n)
}

// DeleteBackup deletes a backup that nobody is making or restoring from.
func (s *Service) DeleteBackup(ctx context.Context, in *dynamodb.DeleteBackupInput) (*dynamodb.DeleteBackupOutput, error) {
	n, err := backupOfARN(ctx, *in.BackupArn)
	if err != nil {
		return nil, err
	}
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:DeleteBackup", Resource: n.arn()}); err != nil {
		return nil, err
	}
	var out *dynamodb.BackupDescription
	err = s.update(ctx, func(tx kv.Txn) error {
		b, err := findBackup(ctx, tx, n)
		switch {
		case err != nil:
			return err
		case b.Type == backupSystem:
			return api.ValidationException("Backups of type SYSTEM cannot be deleted: %s", n.arn())
		case b.Status != backupAvailable || b.Restores > 0:
			return backupInUse(n)
		}
		if err := b.remove(ctx, tx, n); err != nil {
			return err
		}
		s.recordBackup(ctx, tx, n, in)
		b.Status = backupDeleted
		out = b.describe(n)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.jobs.Wake()
	return &dynamodb.DeleteBackupOutput{BackupDescription: out}, nil
}

func backupInUse(n backupName) error {
	return dynamodb.BackupInUseException("Backup is being created or restored from: %s", n.arn())
}

// dropBackup is the job that removes the items of a backup. Its id is their number.
const dropBackup = "dynamodb.DropBackup"

// remove takes a backup away, and leaves its items to a job.
func (b *backup) remove(ctx context.Context, tx kv.Txn, n backupName) error {
	tx.Delete(n.key())
	return jobs.Enqueue(ctx, tx, dropBackup, jobOf(b.Data), nil)
}

// recordBackup records a change of a backup, with what it was asked.
func (s *Service) recordBackup(ctx context.Context, tx kv.Txn, n backupName, in codec.Shape) {
	record(ctx, tx, n.Account, audit.Event{
		Resources:  []audit.Resource{{Type: tableResource, ARN: n.table().arn()}, n.resource()},
		Parameters: parameters(in),
	})
}

// resource is the backup as an audit record names it.
func (n backupName) resource() audit.Resource {
	return audit.Resource{Type: "AWS::DynamoDB::Backup", ARN: n.arn()}
}
