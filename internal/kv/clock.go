package kv

import (
	"bytes"
	"context"
	"encoding/binary"
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

// clock appends the clock row of the group that ends at now. Once an hour it also
// drops the rows that are older than the history, but for the newest of them: it
// says what the history begins with.
func (w *committer) clock(ops []Op, now moment) []Op {
	val := binary.BigEndian.AppendUint64(nil, uint64(now.stamp))
	val = binary.BigEndian.AppendUint64(val, uint64(now.nanos))
	ops = append(ops, Op{OpPut, clockKey(now.nanos / 1e9), val})
	if hour := int64(time.Hour); now.nanos/hour != w.last.nanos/hour {
		// Nothing is published meanwhile: the writer waits for this group.
		horizon := clockKey((now.nanos - int64(w.history)) / 1e9)
		if oldest, _, ok, err := clockBefore(context.Background(), w.current.Load(), horizon); ok && err == nil {
			ops = append(ops, Op{OpDeleteRange, clockPrefix, oldest})
		}
	}
	return ops
}

// clockBefore finds the last clock row before the key end.
func clockBefore(ctx context.Context, snap Snapshot, end []byte) (key []byte, m moment, ok bool, err error) {
	for p, err := range snap.Scan(ctx, Range{From: clockPrefix, To: end, Reverse: true, Limit: 1}) {
		if err != nil {
			return nil, moment{}, false, err
		}
		if len(p.Key) != 10 || len(p.Val) != 16 {
			return nil, moment{}, false, fmt.Errorf("%w: clock row %x = %x", ErrFormat, p.Key, p.Val)
		}
		m := moment{Stamp(binary.BigEndian.Uint64(p.Val)), int64(binary.BigEndian.Uint64(p.Val[8:]))}
		return bytes.Clone(p.Key), m, true, nil
	}
	return nil, moment{}, false, nil
}

// StampAt finds the last clock row before t.
func (db *DB) StampAt(ctx context.Context, t time.Time) (Stamp, error) {
	snap, err := db.acquire()
	if err != nil {
		return 0, err
	}
	defer snap.release()
	_, m, ok, err := clockBefore(ctx, snap, clockKey(t.Unix()))
	if err == nil && !ok && t.Before(db.now().Add(-db.history)) {
		err = fmt.Errorf("%w: %s", ErrNoHistory, t.UTC().Format(time.RFC3339))
	}
	return m.stamp, err
}
