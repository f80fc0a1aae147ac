package dynamodb

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// streamLife is how long a record can be read, and a stream after it was disabled.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html.
const streamLife = 24 * time.Hour

// streamState is the stream of a table as it is stored with the table.
type streamState struct {
	On   bool   `json:"on,omitempty"`
	View string `json:"view,omitempty"` // a StreamViewType
	// Label is of the newest stream that there ever was.
	Label  string    `json:"label,omitempty"`
	Closed time.Time `json:"closed,omitzero"` // when that was disabled
}

// has reports whether the records of the stream have an image: OLD_IMAGE or NEW_IMAGE.
func (s streamState) has(image string) bool { return s.On && viewHas(s.View, image) }

// viewHas reports whether a StreamViewType includes an image: OLD_IMAGE or NEW_IMAGE.
func viewHas(view, image string) bool {
	return view == "NEW_AND_OLD_IMAGES" || strings.HasSuffix(view, image)
}

// streamName is the full name of a stream. The label is the time at which the stream
// was enabled; no other one of a table of that name has the same.
type streamName struct {
	tableName
	label string
}

func (n streamName) arn() string { return n.tableName.arn() + "/stream/" + n.label }

// streamLabel is how a time is written in a label.
const streamLabel = "2006-01-02T15:04:05.000"

// streamOfARN reads a stream's ARN. A stream of another region is not found, since
// those of a region are all that is reached from there.
func streamOfARN(ctx context.Context, arn *string) (streamName, error) {
	table, label, ok := strings.Cut(*arn, "/stream/")
	part := strings.SplitN(table, ":", 6)
	if !ok || len(part) != 6 || part[0] != "arn" || part[1] != "aws" || part[2] != "dynamodb" || !isAccount(part[4]) || label == "" {
		return streamName{}, errStreamARN()
	}
	name, ok := strings.CutPrefix(part[5], "table/")
	if !ok || checkTableName(name) != nil {
		return streamName{}, errStreamARN()
	}
	n := streamName{tableName{part[4], part[3], name}, label}
	if part[3] != api.RequestOf(ctx).Region {
		return streamName{}, noSuchStream(n)
	}
	return n, nil
}

func errStreamARN() error { return api.ValidationException("Invalid StreamArn") }

func noSuchStream(n streamName) error {
	return streams.ResourceNotFoundException("Requested resource not found: Stream: %s not found", n.arn())
}

// stream is a stream as it is stored, under a key of its own: it outlives its table.
// No write of an item reads or writes it.
type stream struct {
	Table   uint64        `json:"table"`
	View    string        `json:"view"`
	Created time.Time     `json:"created"` // when it was asked for
	Hash    keyAttribute  `json:"hash"`
	Range   *keyAttribute `json:"range,omitempty"`
	// Shard is the newest shard, which began at Rolled.
	Shard  string    `json:"shard"`
	Rolled time.Time `json:"rolled"`
	// Trimmed is the first commit whose records can be read.
	Trimmed kv.Stamp  `json:"trimmed,omitempty"`
	Closed  time.Time `json:"closed,omitzero"` // when it was disabled

	Policy resourcePolicy `json:"policy,omitzero"`
}

// streamsOf is the prefix of the streams of all tables of an account in a region.
func streamsOf(account, region string) []byte {
	return tuple.AppendString(tuple.AppendString(append([]byte(nil), streamsPrefix...), account), region)
}

// key is where the stream lies.
func (n streamName) key() []byte {
	return tuple.AppendString(tuple.AppendString(streamsOf(n.account, n.region), n.name), n.label)
}

// cutStream is the reverse of key.
func cutStream(key []byte) (n streamName, err error) {
	rest := key[len(streamsPrefix):]
	for _, part := range []*string{&n.account, &n.region, &n.name, &n.label} {
		if *part, rest, err = tuple.String(rest); err != nil {
			return streamName{}, fmt.Errorf("key of a stream: %w", err)
		}
	}
	return n, nil
}

func (st *stream) put(tx kv.Txn, n streamName) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	tx.Put(n.key(), b)
	return nil
}

func decodeStream(b []byte) (*stream, error) {
	st := new(stream)
	if err := json.Unmarshal(b, st); err != nil {
		return nil, fmt.Errorf("description of a stream: %w", err)
	}
	return st, nil
}

// readStream returns the stream called n, nil if there is none.
func readStream(ctx context.Context, r kv.Reader, n streamName) (*stream, error) {
	b, err := r.GetHot(ctx, n.key())
	if err != nil || b == nil {
		return nil, err
	}
	return decodeStream(b)
}

// findStream is readStream with the ResourceNotFoundException of a stream that is
// not there.
func findStream(ctx context.Context, r kv.Reader, n streamName) (*stream, error) {
	st, err := readStream(ctx, r, n)
	if err == nil && st == nil {
		err = noSuchStream(n)
	}
	return st, err
}

// checkStream checks the StreamSpecification of a table that is being made.
func checkStream(spec *dynamodb.StreamSpecification) error {
	switch {
	case spec == nil:
	case *spec.StreamEnabled && spec.StreamViewType == nil:
		return invalid("Table is being created with a stream enabled, UpdateViewType is required")
	case !*spec.StreamEnabled && spec.StreamViewType != nil:
		return invalid("Table is being created with a stream disabled, UpdateViewType should not be specified")
	}
	return nil
}

// checkStreamUpdate checks that of an UpdateTable.
func checkStreamUpdate(spec *dynamodb.StreamSpecification) error {
	switch {
	case spec == nil:
	case *spec.StreamEnabled && spec.StreamViewType == nil:
		return invalid("If stream is being enabled then UpdateViewType is required")
	case !*spec.StreamEnabled && spec.StreamViewType != nil:
		return invalid("If stream is being disabled, then UpdateViewType must not be specified")
	}
	return nil
}

// setStream enables or disables the stream of a table. A view cannot be exchanged
// for another, so there is no such thing as to do both at once.
func (s *Service) setStream(ctx context.Context, tx kv.Txn, n tableName, st *tableState, spec *dynamodb.StreamSpecification) error {
	switch {
	case *spec.StreamEnabled && st.Stream.On:
		return api.ValidationException("Table already has an enabled stream: TableName: %s", n.name)
	case *spec.StreamEnabled:
		return s.enableStream(ctx, tx, n, st, *spec.StreamViewType)
	case !st.Stream.On:
		return api.ValidationException("Table has no stream to disable: TableName: %s", n.name)
	}
	return s.disableStream(ctx, tx, n, st)
}

// enableStream gives a table a new stream. It begins with this commit: each later
// one that changes an item has read the table's description, and so writes the log.
func (s *Service) enableStream(ctx context.Context, tx kv.Txn, n tableName, st *tableState, view string) error {
	asked := s.now().UTC()
	label, err := freeLabel(ctx, tx, n, asked)
	if err != nil {
		return err
	}
	name := streamName{n, label.Format(streamLabel)}
	first := shardID(label, name.arn())
	sm := stream{Table: st.ID, View: view, Created: asked, Hash: st.Hash, Range: st.Range, Shard: first, Rolled: asked}
	st.Stream = streamState{On: true, View: view, Label: name.label}
	tx.PutStamped(shardsOf(st.ID), nil, shard{ID: first, Label: name.label}.encode())
	if err := st.keepLog(tx, n); err != nil {
		return err
	}
	return sm.put(tx, name)
}

// freeLabel is the time of a label that no stream of a table of the name has, and
// that is behind those of all that there are.
func freeLabel(ctx context.Context, tx kv.Txn, n tableName, now time.Time) (time.Time, error) {
	at := now.Truncate(time.Millisecond)
	all := tuple.AppendString(streamsOf(n.account, n.region), n.name)
	for p, err := range tx.Scan(ctx, kv.Range{From: all, To: above(all), Reverse: true, Limit: 1}) {
		if err != nil {
			return at, err
		}
		newest, err := cutStream(p.Key)
		if err != nil {
			return at, err
		}
		last, err := time.Parse(streamLabel, newest.label)
		if err != nil {
			return at, err
		}
		if !at.After(last) {
			at = last.Add(time.Millisecond)
		}
	}
	// Two who choose the same conflict here, if not at the table's description.
	_, err := tx.Get(ctx, streamName{n, at.Format(streamLabel)}.key())
	return at, err
}

// disableStream ends the stream of a table: its last shard ends with this commit, and
// no later one writes a record.
func (s *Service) disableStream(ctx context.Context, tx kv.Txn, n tableName, st *tableState) error {
	name := streamName{n, st.Stream.Label}
	sm, err := readStream(ctx, tx, name)
	if err != nil || sm == nil {
		return err
	}
	sm.Closed = s.now().UTC()
	st.Stream.On, st.Stream.Closed = false, sm.Closed
	tx.PutStamped(shardsOf(st.ID), nil, shard{Label: name.label}.encode())
	return sm.put(tx, name)
}

// describeStream adds a table's stream to its description. The newest stream is told
// also after it was disabled, as on AWS.
func (st *tableState) describeStream(n tableName, d *dynamodb.TableDescription) {
	if st.Stream.On {
		d.StreamSpecification = &dynamodb.StreamSpecification{StreamEnabled: new(true), StreamViewType: new(st.Stream.View)}
	}
	if label := st.Stream.Label; label != "" {
		d.LatestStreamLabel, d.LatestStreamArn = new(label), new(streamName{n, label}.arn())
	}
}
