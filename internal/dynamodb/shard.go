package dynamodb

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// shard is a part of a stream: the changes of a table from one commit up to another.
// It begins with a mark, whose key ends with the stamp of the commit that set it:
//
//	shard | table | stamp of the commit
//
// and goes up to the table's next mark. A mark without an ID is the end of a stream.
// So no writer has to know which shard is open, and none can be late for one: what is
// committed after a mark has a greater stamp, and what was committed before it was
// there to be read before it.
//
// A stream has one open shard at a time, hence all changes of a table are in one
// order. It is read faster than a table can be written, so that more of them would
// gain nothing; who works on records in parallel splits what it has read by key.
type shard struct {
	ID     string `json:"id,omitempty"`
	Parent string `json:"parent,omitempty"`
	Label  string `json:"label"` // of the stream

	from, to kv.Stamp // where its mark is, and the next one: 0 if it is open
}

// shardsOf is the prefix of a table's marks.
func shardsOf(table uint64) []byte { return ofTable(shardsPrefix, table) }

func (sh shard) encode() []byte {
	b, err := json.Marshal(sh)
	if err != nil {
		panic(err) // strings always have a form
	}
	return b
}

// shardID is the name of a shard that begins at a time. It has the form of AWS's,
// from which some consumers read the shard's age, and sorts as the times do.
func shardID(at time.Time, arn string) string {
	return fmt.Sprintf("shardId-%020d-%08x", max(at.UnixMilli(), 0), crc32.ChecksumIEEE([]byte(arn)))
}

// shardAfter is the name of a shard that follows one called id, at a time.
func shardAfter(id string, at time.Time, arn string) string {
	if part := strings.Split(id, "-"); len(part) == 3 {
		if last, err := strconv.ParseInt(part[1], 10, 64); err == nil && at.UnixMilli() <= last {
			at = time.UnixMilli(last + 1)
		}
	}
	return shardID(at, arn)
}

// readShards returns up to limit shards of the table's streams, from the mark at a
// stamp on; a limit of 0 is none.
func readShards(ctx context.Context, r kv.Reader, table uint64, from kv.Stamp, limit int) (all []shard, err error) {
	prefix := shardsOf(table)
	rng := kv.Range{From: atStamp(prefix, from), To: above(prefix)}
	if limit > 0 {
		rng.Limit = limit + 1
	}
	for p, err := range r.Scan(ctx, rng) {
		if err != nil {
			return nil, err
		}
		if len(p.Key) != len(prefix)+8 {
			return nil, fmt.Errorf("mark of a shard: key %x", p.Key)
		}
		var sh shard
		if err := json.Unmarshal(p.Val, &sh); err != nil {
			return nil, fmt.Errorf("mark of a shard: %w", err)
		}
		sh.from = kv.Stamp(binary.BigEndian.Uint64(p.Key[len(prefix):]))
		if len(all) > 0 {
			all[len(all)-1].to = sh.from
		}
		all = append(all, sh)
	}
	return all, nil
}

// shardsOfStream returns the shards of one stream.
func shardsOfStream(ctx context.Context, r kv.Reader, sm *stream, label string) (own []shard, err error) {
	all, err := readShards(ctx, r, sm.Table, 0, 0)
	for _, sh := range all {
		if sh.Label == label && sh.ID != "" {
			own = append(own, sh)
		}
	}
	return own, err
}

func (sh shard) open() bool { return sh.to == 0 }

// describe is the shard as DescribeStream tells it. Its numbers are bounds of those
// that its records may have.
func (sh shard) describe() *streams.Shard {
	d := &streams.Shard{ShardId: &sh.ID, SequenceNumberRange: &streams.SequenceNumberRange{
		StartingSequenceNumber: new(sequence{sh.from, 0}.String()),
	}}
	if sh.Parent != "" {
		d.ParentShardId = &sh.Parent
	}
	if !sh.open() {
		d.SequenceNumberRange.EndingSequenceNumber = new(sequence{sh.to - 1, lastOrdinal}.String())
	}
	return d
}

// sequence is the place of a record in a stream: the commit, and how many entries of
// the table's log the commit has before it.
type sequence struct {
	stamp   kv.Stamp
	ordinal uint32
}

// A sequence number is written as 1, the stamp in 20 digits and the ordinal in 7: a
// number of 28 digits, like most of AWS's, which sorts alike as text and as a number.
const (
	stampDigits   = 20
	ordinalDigits = 7
	lastOrdinal   = 9_999_999
)

func (q sequence) String() string {
	b := make([]byte, 0, 1+stampDigits+ordinalDigits)
	b = append(b, '1')
	b = appendDigits(b, uint64(q.stamp), stampDigits)
	return string(appendDigits(b, uint64(q.ordinal), ordinalDigits))
}

func appendDigits(b []byte, n uint64, width int) []byte {
	from := len(b)
	b = append(b, "00000000000000000000"[:width]...)
	for i := len(b) - 1; i >= from; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// parseSequence is the reverse of String.
func parseSequence(s string) (q sequence, ok bool) {
	if len(s) != 1+stampDigits+ordinalDigits || s[0] != '1' {
		return q, false
	}
	stamp, err := strconv.ParseUint(s[1:1+stampDigits], 10, 64)
	if err != nil {
		return q, false
	}
	ordinal, err := strconv.ParseUint(s[1+stampDigits:], 10, 32)
	if err != nil {
		return q, false
	}
	return sequence{kv.Stamp(stamp), uint32(ordinal)}, true
}

func (q sequence) less(p sequence) bool {
	return q.stamp < p.stamp || q.stamp == p.stamp && q.ordinal < p.ordinal
}
