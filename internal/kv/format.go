package kv

import (
	"context"
	"fmt"
	"strconv"
)

// recover reads what the engine holds: the format of the store and its clock. An
// empty engine becomes a store of the given format.
func (db *DB) recover(ctx context.Context, newest int) (format int, last moment, err error) {
	snap, err := db.engine.Snapshot()
	if err != nil {
		return 0, moment{}, err
	}
	defer snap.Close()
	restoring, err := snap.Get(ctx, restoringKey)
	if err != nil {
		return 0, moment{}, err
	}
	if restoring != nil {
		return 0, moment{}, fmt.Errorf("%w: a restore into this store did not finish; remove it and restore the backup again", ErrFormat)
	}
	val, err := snap.Get(ctx, formatKey)
	if err != nil {
		return 0, moment{}, err
	}
	if val == nil {
		empty, err := isEmpty(ctx, snap)
		if err == nil && !empty {
			err = fmt.Errorf("%w: what is there was not written by this program", ErrFormat)
		}
		if err == nil {
			err = db.engine.Apply([]Op{formatRow(newest)})
		}
		return newest, moment{}, err
	}
	format, err = strconv.Atoi(string(val))
	switch {
	case err != nil || format < 1:
		return 0, moment{}, fmt.Errorf("%w: %q", ErrFormat, val)
	case format > newest:
		return 0, moment{}, fmt.Errorf("%w: the store has format %d and this program knows those up to %d; run the program that wrote it, or a newer one", ErrFormat, format, newest)
	}
	_, last, _, err = clockBefore(ctx, snap, clockEnd)
	return format, last, err
}

// migrate runs the migrations that the store has not had.
func (db *DB) migrate(ctx context.Context, format int, migrations []func(context.Context, Store) error) error {
	for ; format <= len(migrations); format++ {
		if err := migrations[format-1](ctx, db); err != nil {
			return fmt.Errorf("kv: bring the store from format %d to %d: %w", format, format+1, err)
		}
		c := db.newCommit()
		c.reset(nil)
		c.writes = append(c.writes, write{Op: formatRow(format + 1)})
		if _, err := db.commit(ctx, c, nil); err != nil {
			return err
		}
	}
	return nil
}

func formatRow(format int) Op {
	return Op{OpPut, formatKey, strconv.AppendInt(nil, int64(format), 10)}
}

func isEmpty(ctx context.Context, snap Snapshot) (bool, error) {
	for _, err := range snap.Scan(ctx, Range{Limit: 1}) {
		return false, err
	}
	return true, nil
}
