package dynamodb

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"time"

	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// changeLog is the log of the changes of a table's items, which is what streams and
// recovery read. Each change has one entry, written in the commit that makes it:
//
//	log | table | stamp of the commit | place of the item
//
// So the entries lie in the order of their commits, no two writers meet at a key,
// and whoever has read up to a stamp has missed nothing before it. There is one log
// for all who need it, so that an item that changes is written down once.
//
// A table that nobody follows keeps no log.
type changeLog struct {
	prefix []byte
	now    func() time.Time
	// old and new say which images of an item are kept.
	old, new bool
	// keys says that an entry without an image has the item's key: who reads it needs
	// more than the place.
	keys bool
}

// logOf is the log of a table, nil if it keeps none.
func (st *tableState) logOf(now func() time.Time) *changeLog {
	l := &changeLog{prefix: ofTable(logPrefix, st.ID), now: now}
	l.old = st.Recovery.images() || st.Stream.has("OLD_IMAGE")
	l.new = st.Stream.has("NEW_IMAGE")
	l.keys = st.Stream.On
	if !l.old && !l.keys {
		return nil
	}
	return l
}

// logged is an entry of the log: a change that was made.
type logged struct {
	stamp kv.Stamp
	place []byte // where the item lies, without the prefix of the table's items
	at    time.Time
	by    actor
	// was and is say whether there was an item before the change, and after it.
	was, is bool
	// old and new are its images, and keys the attributes of its key, in the form of an
	// item; nil if there is none or the log did not keep it. If it kept both images, the
	// new one is told by patch, and new is nil.
	old, new, keys item.Stored
	patch          patch
	patched        bool
}

// newSize is the size of the new image, 0 if there is none.
func (e *logged) newSize() int {
	if e.patched {
		return e.patch.size()
	}
	return sizeOrZero(e.new)
}

// newJSON returns the new image as it is sent, nil if there is none. It is good for as
// long as e is and buf, in which it may lie, is not used again.
func (e *logged) newJSON(buf *[]byte) []byte {
	switch {
	case e.patched:
		*buf = e.patch.json((*buf)[:0], e.old)
		return *buf
	case e.new != nil:
		return e.new.JSON()
	}
	return nil
}

// The first byte of an entry says what is in it.
const (
	loggedWas = 1 << iota
	loggedIs
	loggedOld
	loggedNew
	loggedKeys
	loggedPatch
	loggedPacked
)

// errMalformedLog says that bytes are not an entry of a log.
var errMalformedLog = errors.New("malformed entry in the log of a table's changes")

// add writes the entry of a change. keys are the names of the primary key, sorted.
func (l *changeLog) add(tx kv.Txn, place []byte, c change, keyNames []string) error {
	var flags byte
	images := 0
	if c.old != nil {
		if flags |= loggedWas; l.old {
			flags |= loggedOld
			images += len(c.old)
		}
	}
	var p patch
	if c.new != nil {
		switch flags |= loggedIs; {
		case l.new && flags&loggedOld != 0:
			flags |= loggedPatch
			p = patchOf(c.old, c.new)
			images += len(p.header) + len(p.between)
		case l.new:
			flags |= loggedNew
			images += len(c.new)
		}
	}
	var keys item.Stored
	if l.keys && flags&(loggedOld|loggedNew) == 0 {
		either := c.new
		if either == nil {
			either = c.old
		}
		a, err := either.Some(keyNames)
		if err != nil {
			return err
		}
		keys = item.Encode(a, item.Size(a))
		flags |= loggedKeys
		images += len(keys)
	}
	b := make([]byte, 0, 2+4*binary.MaxVarintLen64+images)
	b = append(b, flags, byte(c.by))
	b = binary.AppendVarint(b, l.now().UnixMilli())
	for _, image := range []struct {
		flag byte
		item.Stored
	}{{loggedOld, c.old}, {loggedNew, c.new}, {loggedKeys, keys}} {
		if flags&image.flag != 0 {
			b = binary.AppendUvarint(b, uint64(len(image.Stored)))
			b = append(b, image.Stored...)
		}
	}
	if flags&loggedPatch != 0 {
		b = p.append(b)
	}
	if len(b) > maxUnpacked {
		var err error
		if b, err = pack(b); err != nil {
			return err
		}
	}
	tx.PutStamped(l.prefix, place, b)
	return nil
}

// decodeLogged is the reverse of add. What it returns shares the bytes of p, and is
// good for as long as they are.
func decodeLogged(prefix int, p kv.KV) (e logged, err error) {
	key, b := p.Key[prefix:], p.Val
	if len(key) < 8 || len(b) < 2 {
		return logged{}, errMalformedLog
	}
	e.stamp, e.place = kv.Stamp(binary.BigEndian.Uint64(key)), key[8:]
	if b[0] == loggedPacked {
		if b, err = unpack(b); err != nil {
			return logged{}, err
		}
	}
	flags := b[0]
	e.by = actor(b[1])
	e.was, e.is = flags&loggedWas != 0, flags&loggedIs != 0
	millis, n := binary.Varint(b[2:])
	if n <= 0 {
		return logged{}, errMalformedLog
	}
	e.at = time.UnixMilli(millis).UTC()
	b = b[2+n:]
	for _, image := range []struct {
		flag byte
		to   *item.Stored
	}{{loggedOld, &e.old}, {loggedNew, &e.new}, {loggedKeys, &e.keys}} {
		if flags&image.flag == 0 {
			continue
		}
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return logged{}, errMalformedLog
		}
		if *image.to, err = item.Open(b[n : n+int(size)]); err != nil {
			return logged{}, err
		}
		b = b[n+int(size):]
	}
	if e.patched = flags&loggedPatch != 0; e.patched {
		e.patch, err = decodePatch(e.old, b)
		return e, err
	}
	if len(b) != 0 {
		return logged{}, errMalformedLog
	}
	return e, nil
}

// readLog yields the entries of a table's log whose commits have stamps from `from` up
// to, and without, `to`: in the order of the commits or, reversed, the newest first.
// An entry is good until the next one is asked for.
func readLog(ctx context.Context, r kv.Reader, table uint64, from, to kv.Stamp, reverse bool) iter.Seq2[logged, error] {
	prefix := ofTable(logPrefix, table)
	return func(yield func(logged, error) bool) {
		for p, err := range r.Scan(ctx, kv.Range{From: atStamp(prefix, from), To: atStamp(prefix, to), Reverse: reverse}) {
			var e logged
			if err == nil {
				e, err = decodeLogged(len(prefix), p)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
