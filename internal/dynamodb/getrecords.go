package dynamodb

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"time"

	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

const (
	// maxRecords and maxRecordBytes bound what one GetRecords returns; a record that is
	// larger comes alone.
	maxRecords     = 1000
	maxRecordBytes = 1 << 20
)

// GetRecords returns the records of a shard from a place on, and the next place; none
// behind the last record of a shard that has ended.
func (s *Service) GetRecords(ctx context.Context, in *streams.GetRecordsInput) (*streams.GetRecordsOutput, error) {
	it, err := s.openIterator(ctx, *in.ShardIterator)
	if err != nil {
		return nil, err
	}
	limit := maxRecords
	if in.Limit != nil {
		if *in.Limit > maxRecords {
			return nil, invalid("Limit should be less than or equal to %d", maxRecords)
		}
		limit = int(*in.Limit)
	}
	if err := s.authorizeStream(ctx, "GetRecords", it.stream); err != nil {
		return nil, err
	}
	if s.now().Sub(it.made) > iteratorLife {
		return nil, streams.ExpiredIteratorException("The provided iterator exceeds the maximum age allowed.")
	}
	out := &streams.GetRecordsOutput{}
	err = s.view(ctx, func(r kv.Reader) error {
		sm, err := readStream(ctx, r, it.stream)
		switch {
		case err != nil:
			return err
		case sm == nil || sm.Table != it.table:
			return noSuchStream(it.stream)
		case it.at.stamp < sm.Trimmed:
			return errTrimmed()
		}
		shards, err := readShards(ctx, r, it.table, it.shard, 1)
		if err != nil {
			return err
		}
		if len(shards) == 0 || shards[0].from != it.shard || shards[0].Label != it.stream.label {
			return errTrimmed()
		}
		p := recordPage{view: recordsOf(it.stream, sm), limit: limit}
		more, err := p.read(shards[0].log(ctx, r, it.table, it.at.stamp), &it.at)
		if err != nil {
			return err
		}
		out.Records = p.records
		s.followed(it.stream.tableName, sm, &p, more)
		switch {
		case more:
		case shards[0].open():
			it.at = sequence{max(it.at.stamp, r.Stamp()+1), 0}
		default:
			return nil
		}
		it.made = s.now()
		out.NextShardIterator = new(s.sealIterator(ctx, it))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// numbered is an entry of the log with its place among the records.
type numbered struct {
	logged
	sequence
}

// created is the time that the record of the entry tells.
func (e numbered) created() time.Time { return e.logged.at.Truncate(time.Second) }

// log yields the entries of a shard, from a commit on.
func (sh shard) log(ctx context.Context, r kv.Reader, table uint64, from kv.Stamp) iter.Seq2[numbered, error] {
	to := nobody
	if !sh.open() {
		to = sh.to
	}
	return func(yield func(numbered, error) bool) {
		var at sequence
		for e, err := range readLog(ctx, r, table, max(from, sh.from), to, false) {
			if e.stamp == at.stamp {
				at.ordinal++
			} else {
				at = sequence{e.stamp, 0}
			}
			if !yield(numbered{e, at}, err) {
				return
			}
		}
	}
}

// view is how a stream shows the entries of a log.
type view struct {
	of       streamName
	kind     string
	keys     []string // the names of the key's attributes, sorted
	old, new bool     // whether a record has that image
	seed     [16]byte // of the ids of events
}

func recordsOf(n streamName, sm *stream) *view {
	v := &view{of: n, kind: sm.View, old: viewHas(sm.View, "OLD_IMAGE"), new: viewHas(sm.View, "NEW_IMAGE")}
	v.keys = []string{sm.Hash.Name}
	if sm.Range != nil {
		if v.keys = append(v.keys, sm.Range.Name); v.keys[1] < v.keys[0] {
			v.keys[0], v.keys[1] = v.keys[1], v.keys[0]
		}
	}
	sum := sha256.Sum256([]byte(n.arn()))
	copy(v.seed[:], sum[:])
	return v
}

// recordPage collects the records of a GetRecords.
type recordPage struct {
	view    *view
	limit   int
	records []*streams.Record
	size    int
	kept    arena
	made    []byte    // where new images are made
	last    time.Time // when the last one was created
}

// read takes records from at on, and moves at to what comes next. It reports whether
// anything was left.
func (p *recordPage) read(entries iter.Seq2[numbered, error], at *sequence) (more bool, err error) {
	p.records = []*streams.Record{}
	for e, err := range entries {
		if err != nil {
			return false, err
		}
		if e.sequence.less(*at) {
			continue
		}
		full := len(p.records) == p.limit
		if !full {
			full, err = p.add(e)
		}
		if full || err != nil {
			*at = e.sequence
			return true, err
		}
	}
	return false, nil
}

// What all records have alike.
var (
	eventVersion = "1.1"
	eventSource  = "aws:dynamodb"
	eventNames   = struct{ insert, modify, remove string }{"INSERT", "MODIFY", "REMOVE"}

	// serviceIdentity is whose deletions those of expired items are. See
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html.
	serviceIdentity = &streams.Identity{Type: new("Service"), PrincipalId: new("dynamodb.amazonaws.com")}
)

// add makes the record of an entry, unless the page has no room for it.
func (p *recordPage) add(e numbered) (full bool, err error) {
	// What a record consists of, in one piece of memory.
	x := &struct {
		streams.Record
		body     streams.StreamRecord
		id       string
		number   string
		creation time.Time
		size     int64
	}{}
	keys, size, err := p.view.key(e.logged)
	if err != nil {
		return false, err
	}
	if p.view.old {
		size += sizeOrZero(e.old)
	}
	if p.view.new {
		size += e.newSize()
	}
	if len(p.records) > 0 && p.size+size > maxRecordBytes {
		return true, nil
	}
	p.size += size
	p.last = e.logged.at
	x.id, x.number, x.creation, x.size = p.view.event(e.sequence), e.sequence.String(), e.created(), int64(size)
	x.Record = streams.Record{
		EventID: &x.id, EventName: &eventNames.modify, EventVersion: &eventVersion, EventSource: &eventSource,
		AwsRegion: &p.view.of.region, Dynamodb: &x.body,
	}
	switch {
	case !e.was:
		x.EventName = &eventNames.insert
	case !e.is:
		x.EventName = &eventNames.remove
	}
	if e.by == byExpiry {
		x.UserIdentity = serviceIdentity
	}
	x.body = streams.StreamRecord{
		ApproximateCreationDateTime: &x.creation, Keys: keys, SequenceNumber: &x.number, SizeBytes: &x.size, StreamViewType: &p.view.kind,
	}
	if p.view.old && e.old != nil {
		x.body.OldImage = p.kept.keep(e.old.JSON())
	}
	if p.view.new {
		if image := e.newJSON(&p.made); image != nil {
			x.body.NewImage = p.kept.keep(image)
		}
	}
	p.records = append(p.records, &x.Record)
	return false, nil
}

// key returns the key of the item that an entry is about, and its size.
func (v *view) key(e logged) (keys []byte, size int, err error) {
	from := e.keys
	if from == nil {
		from = e.new
	}
	if from == nil {
		from = e.old
	}
	if from == nil {
		return nil, 0, errMalformedLog
	}
	a, err := from.Some(v.keys)
	if err != nil {
		return nil, 0, err
	}
	return item.JSON(a), item.Size(a), nil
}

// event is the id of a record: no other one of the stream has the same, since what is
// added to the seed differs, and those of another stream have another seed.
func (v *view) event(q sequence) string {
	id := v.seed
	binary.BigEndian.PutUint64(id[:], binary.BigEndian.Uint64(id[:])+uint64(q.stamp))
	binary.BigEndian.PutUint32(id[8:], binary.BigEndian.Uint32(id[8:])+q.ordinal)
	var text [32]byte
	hex.Encode(text[:], id[:])
	return string(text[:])
}

// followed counts what a GetRecords returned of a stream that is enabled, and how far
// behind the table its reader is.
func (s *Service) followed(n tableName, sm *stream, p *recordPage, more bool) {
	if !sm.Closed.IsZero() {
		return
	}
	behind := time.Duration(0)
	if more {
		behind = max(0, s.now().Sub(p.last))
	}
	s.meters.followed(n, len(p.records), behind)
}
