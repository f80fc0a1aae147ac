package dynamodb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// An incremental export has of each item that changed in its period what the changes came
// down to. It finds that in three passes, which need no more memory than a part of each:
//
//	collecting  reads the log of the period forwards, and notes of each item its image
//	            before the first change and the time of the last
//	reading     reads what these items are now
//	rewinding   reads the log back from there to the end of the period, as a restore does:
//	            the image before the first change after the period is what was at its end

// netChange is how an item changed in a period, as it is stored meanwhile in its place.
type netChange struct {
	at       time.Time   // of the last change
	old, new item.Stored // nil is no item
}

func (c netChange) encode() []byte {
	b := make([]byte, 0, 2*binary.MaxVarintLen64+len(c.old)+len(c.new))
	b = binary.AppendVarint(b, c.at.UnixMilli())
	b = binary.AppendUvarint(b, uint64(len(c.old)))
	b = append(b, c.old...)
	return append(b, c.new...)
}

var errMalformedChange = errors.New("malformed change of an incremental export")

// decodeChange is the reverse of encode. What it returns shares the bytes of b.
func decodeChange(b []byte) (c netChange, err error) {
	millis, n := binary.Varint(b)
	if n <= 0 {
		return c, errMalformedChange
	}
	c.at, b = time.UnixMilli(millis).UTC(), b[n:]
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return c, errMalformedChange
	}
	if b = b[n:]; size > 0 {
		if c.old, err = item.Open(b[:size]); err != nil {
			return c, err
		}
	}
	if b = b[size:]; len(b) > 0 {
		c.new, err = item.Open(b)
	}
	return c, err
}

// collect notes the items that changed in the period.
func (x *exporter) collect(ctx context.Context, p filled) (filled, error) {
	prefix := ofTable(logPrefix, x.From)
	first := atStamp(prefix, 0)
	if p.At != nil {
		first = append(bytes.Clone(prefix), p.At...)
	} else if err := x.view(ctx, func(r kv.Reader) error {
		begun, err := holdOf(ctx, r, x.From, x.jobID())
		first = atStamp(prefix, begun+1)
		return err
	}); err != nil {
		return p, err
	}
	end := atStamp(prefix, p.Until+1)
	if bytes.Compare(first, end) > 0 {
		first = end
	}
	parts := x.ahead(ctx, kv.Range{From: first, To: end}, func(last []byte) kv.Range { return kv.Range{From: after(last), To: end} })
	for part, err := range parts {
		if err != nil {
			return p, err
		}
		p, err = x.step(ctx, func(tx kv.Txn, t *table) (filled, error) {
			next := p
			if part.last == nil {
				next.Stage, next.At = exportReads, nil
				return next, nil
			}
			next.At = after(part.last[len(prefix):])
			return next, t.collect(ctx, tx, len(prefix), part.pairs)
		})
		if err != nil || p.Stage != fillCopies {
			return p, err
		}
	}
	return p, ctx.Err()
}

// collect notes some entries of a log, the oldest first.
func (t *table) collect(ctx context.Context, tx kv.Txn, prefix int, entries []kv.KV) error {
	noted := make(map[string]*netChange, len(entries))
	var places [][]byte
	for _, p := range entries {
		e, err := decodeLogged(prefix, p)
		if err != nil {
			return err
		}
		if e.was && e.old == nil {
			return fmt.Errorf("the change at commit %d of the log of table %d has no image of what was before it", e.stamp, t.ID)
		}
		if c := noted[string(e.place)]; c != nil {
			c.at = e.at
			continue
		}
		noted[string(e.place)] = &netChange{at: e.at, old: e.old}
		places = append(places, t.at(e.place))
	}
	before, err := tx.GetMany(ctx, places)
	if err != nil {
		return err
	}
	for i, at := range places {
		c := noted[string(at[len(t.items):])]
		if before[i] != nil {
			first, err := decodeChange(before[i])
			if err != nil {
				return err
			}
			c.old = first.old
		}
		tx.Put(at, c.encode())
	}
	return nil
}

// readCurrent notes what the items that changed are now.
func (x *exporter) readCurrent(ctx context.Context, p filled) (filled, error) {
	prefix := ofTable(itemsPrefix, x.To)
	source := ofTable(itemsPrefix, x.From)
	first := append(bytes.Clone(prefix), p.At...)
	parts := x.ahead(ctx, kv.Range{From: first, To: above(prefix)}, func(last []byte) kv.Range {
		return kv.Range{From: after(last), To: above(prefix)}
	})
	for part, err := range parts {
		if err != nil {
			return p, err
		}
		// Read apart from the step, so that no writer makes it run again.
		now := make([]item.Stored, len(part.pairs))
		err = x.view(ctx, func(r kv.Reader) error {
			places := make([][]byte, len(part.pairs))
			for i, pair := range part.pairs {
				places[i] = append(bytes.Clone(source), pair.Key[len(prefix):]...)
			}
			values, err := r.GetMany(ctx, places)
			if err != nil {
				return err
			}
			for i, v := range values {
				if now[i], err = stored(bytes.Clone(v), nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return p, err
		}
		p, err = x.step(ctx, func(tx kv.Txn, _ *table) (filled, error) {
			next := p
			if part.last == nil {
				// All that was read is of older snapshots than this.
				next.Stage, next.At = fillRewinds, binary.BigEndian.AppendUint64(nil, uint64(tx.Stamp())+1)
				return next, nil
			}
			for i, pair := range part.pairs {
				c, err := decodeChange(pair.Val)
				if err != nil {
					return p, err
				}
				c.new = now[i]
				tx.Put(pair.Key, c.encode())
			}
			next.At = after(part.last[len(prefix):])
			return next, nil
		})
		if err != nil || p.Stage != exportReads {
			return p, err
		}
	}
	return p, ctx.Err()
}

// rewindChanges takes the items that changed back to the end of the period.
func (x *exporter) rewindChanges(ctx context.Context, p filled) (filled, error) {
	prefix := ofTable(logPrefix, x.From)
	first := atStamp(prefix, p.Until+1)
	before := func(at []byte) kv.Range { return kv.Range{From: first, To: at, Reverse: true} }
	for part, err := range x.ahead(ctx, before(append(bytes.Clone(prefix), p.At...)), before) {
		if err != nil {
			return p, err
		}
		p, err = x.step(ctx, func(tx kv.Txn, t *table) (filled, error) {
			next := p
			if part.last == nil {
				next.Stage, next.At = fillEnds, nil
				return next, nil
			}
			next.At = part.last[len(prefix):]
			return next, t.rewindChanges(ctx, tx, len(prefix), part.pairs)
		})
		if err != nil || p.Stage != fillRewinds {
			return p, err
		}
	}
	return p, ctx.Err()
}

// rewindChanges puts back the old images of entries of a log, whose newest comes first, of
// the items that are noted. Of several of an item the last one counts.
func (t *table) rewindChanges(ctx context.Context, tx kv.Txn, prefix int, entries []kv.KV) error {
	images := make(map[string]item.Stored, len(entries))
	var places [][]byte
	for _, p := range entries {
		e, err := decodeLogged(prefix, p)
		if err != nil {
			return err
		}
		if _, known := images[string(e.place)]; !known {
			places = append(places, t.at(e.place))
		}
		images[string(e.place)] = e.old
	}
	noted, err := tx.GetMany(ctx, places)
	if err != nil {
		return err
	}
	for i, at := range places {
		if noted[i] == nil {
			continue
		}
		c, err := decodeChange(noted[i])
		if err != nil {
			return err
		}
		c.new = images[string(at[len(t.items):])]
		tx.Put(at, c.encode())
	}
	return nil
}

// appendChange appends the line of a change; an item that came and went in the period has
// none. The time is that of the last write: writers note it before they commit, so it is
// brought into the period to which the commit belongs.
func (x *exporter) appendChange(line, stored []byte) ([]byte, error) {
	c, err := decodeChange(stored)
	if err != nil || c.old == nil && c.new == nil {
		return line, err
	}
	spec := x.d.IncrementalExportSpecification
	at := c.at.UnixMicro()
	at = min(max(at, spec.ExportFromTime.UnixMicro()), spec.ExportToTime.UnixMicro()-1)
	line = append(line, `{"Metadata":{"WriteTimestampMicros":{"N":"`...)
	line = strconv.AppendInt(line, at, 10)
	line = append(line, `"}},"Keys":`...)
	either := c.new
	if either == nil {
		either = c.old
	}
	keys, err := either.Some(x.keyNames)
	if err != nil {
		return nil, err
	}
	line = append(line, item.JSON(keys)...)
	if c.old != nil && is(spec.ExportViewType, newAndOldImages) {
		line = append(append(line, `,"OldImage":`...), c.old.JSON()...)
	}
	if c.new != nil {
		line = append(append(line, `,"NewImage":`...), c.new.JSON()...)
	}
	return append(line, "}\n"...), nil
}
