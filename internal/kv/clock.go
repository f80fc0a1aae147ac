package kv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The store's own keys begin with systemPrefix:
//
//	0x00 'f'                              the format, as decimal digits
//	0x00 'r'                              there while a restore is under way
//	0x00 't' second (8 bytes, big-endian) the last stamp of the second, and its
//	                                      time in nanoseconds (8 bytes each)
//
// Each group of commits writes the row of its second in its own batch. The last
// row is thereby the clock of the store, and all of them say which commits a time
// includes.
const systemPrefix = 0x00

// firstKey is below every key of a user.
var firstKey = []byte{systemPrefix + 1}

var (
	formatKey    = []byte{systemPrefix, 'f'}
	restoringKey = []byte{systemPrefix, 'r'}
	clockPrefix  = []byte{systemPrefix, 't'}
	clockEnd     = []byte{systemPrefix, 't' + 1}
)

// moment is the last commit at some time. Commit time never runs backwards.
type moment struct {
	stamp Stamp
	nanos int64 // since 1970
}

func clockKey(second int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{systemPrefix, 't'}, uint64(max(second, 0)))
}

// clock appends the clock row of the group that ends at next. Once an hour it also
// drops the rows that are older than the history.
func (w *committer) clock(ops []Op, next moment) []Op {
	val := binary.BigEndian.AppendUint64(nil, uint64(next.stamp))
	val = binary.BigEndian.AppendUint64(val, uint64(next.nanos))
	ops = append(ops, Op{OpPut, clockKey(next.nanos / 1e9), val})
	if hour := int64(time.Hour); next.nanos/hour != w.last.nanos/hour {
		ops = append(ops, Op{OpDeleteRange, clockPrefix, clockKey((next.nanos - int64(w.history)) / 1e9)})
	}
	return ops
}

func parseClock(p KV) (second int64, m moment, err error) {
	if len(p.Key) != 10 || len(p.Val) != 16 {
		return 0, moment{}, fmt.Errorf("%w: clock row %x = %x", ErrFormat, p.Key, p.Val)
	}
	return int64(binary.BigEndian.Uint64(p.Key[2:])), moment{
		Stamp(binary.BigEndian.Uint64(p.Val)), int64(binary.BigEndian.Uint64(p.Val[8:])),
	}, nil
}

// recover reads the clock of the engine.
func (db *DB) recover() (moment, error) {
	snap, err := db.engine.Snapshot()
	if err != nil {
		return moment{}, err
	}
	defer snap.Close()
	for p, err := range snap.Scan(context.Background(), Range{From: clockPrefix, To: clockEnd, Reverse: true, Limit: 1}) {
		if err != nil {
			return moment{}, err
		}
		_, m, err := parseClock(p)
		return m, err
	}
	return moment{}, nil
}

// StampAt finds the clock row of the last second before t.
func (db *DB) StampAt(ctx context.Context, t time.Time) (Stamp, error) {
	return 0, errors.ErrUnsupported
}
