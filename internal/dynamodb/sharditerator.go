package dynamodb

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// iteratorLife is how long a shard iterator is good for.
const iteratorLife = 15 * time.Minute

// iterator is a place in a shard, which a client has as a sealed token.
type iterator struct {
	stream streamName
	table  uint64
	shard  kv.Stamp // where the shard's mark is
	at     sequence // the next record is there or behind it
	made   time.Time
}

// GetShardIterator returns a place in a shard, from which GetRecords reads on.
func (s *Service) GetShardIterator(ctx context.Context, in *streams.GetShardIteratorInput) (*streams.GetShardIteratorOutput, error) {
	n, err := streamOfARN(ctx, in.StreamArn)
	if err != nil {
		return nil, err
	}
	place, err := s.placeOf(in)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeStream(ctx, "GetShardIterator", n); err != nil {
		return nil, err
	}
	var it iterator
	err = s.view(ctx, func(r kv.Reader) error {
		sm, err := findStream(ctx, r, n)
		if err != nil {
			return err
		}
		shards, err := shardsOfStream(ctx, r, sm, n.label)
		if err != nil {
			return err
		}
		for _, sh := range shards {
			if sh.ID != *in.ShardId {
				continue
			}
			it = iterator{n, sm.Table, sh.from, sequence{}, s.now()}
			it.at, err = place(ctx, r, sm, sh)
			return err
		}
		return streams.ResourceNotFoundException("Requested resource not found: Shard does not exist")
	})
	if err != nil {
		return nil, err
	}
	return &streams.GetShardIteratorOutput{ShardIterator: new(s.sealIterator(ctx, it))}, nil
}

// place finds a place in a shard.
type place func(ctx context.Context, r kv.Reader, sm *stream, sh shard) (sequence, error)

// placeOf is the place that a GetShardIterator asks for.
func (s *Service) placeOf(in *streams.GetShardIteratorInput) (place, error) {
	kind := *in.ShardIteratorType
	numbered := kind == "AT_SEQUENCE_NUMBER" || kind == "AFTER_SEQUENCE_NUMBER"
	timed := kind == "AT_TIMESTAMP"
	switch {
	case numbered != (in.SequenceNumber != nil):
		return nil, misfit(numbered, "SequenceNumber", kind)
	case timed != (in.Timestamp != nil):
		return nil, misfit(timed, "Timestamp", kind)
	case numbered:
		q, ok := parseSequence(*in.SequenceNumber)
		if !ok {
			return nil, errSequenceNumber()
		}
		return atSequence(q, kind == "AFTER_SEQUENCE_NUMBER"), nil
	case timed:
		if in.Timestamp.After(s.now()) {
			return nil, invalid("Timestamp must not be in the future")
		}
		return s.atTime(*in.Timestamp), nil
	case kind == "LATEST":
		return latest, nil
	}
	return oldest, nil
}

// misfit says that a parameter is missing, or is one too many, for a type of iterator.
func misfit(missing bool, param, kind string) error {
	if missing {
		return invalid("%s must be specified for ShardIteratorType %s", param, kind)
	}
	return invalid("%s must not be specified for ShardIteratorType %s", param, kind)
}

func errSequenceNumber() error { return api.ValidationException("Invalid SequenceNumber") }

func errTrimmed() error {
	return streams.TrimmedDataAccessException("The data you are trying to access has been trimmed")
}

// oldest is TRIM_HORIZON.
func oldest(_ context.Context, _ kv.Reader, sm *stream, sh shard) (sequence, error) {
	return sequence{max(sh.from, sm.Trimmed), 0}, nil
}

// latest is behind all that is in the shard now.
func latest(_ context.Context, r kv.Reader, _ *stream, sh shard) (sequence, error) {
	if !sh.open() {
		return sequence{sh.to, 0}, nil
	}
	return sequence{r.Stamp() + 1, 0}, nil
}

// atSequence is at a record or behind it. A number between two records is as good as
// the later one's.
func atSequence(q sequence, behind bool) place {
	return func(_ context.Context, r kv.Reader, sm *stream, sh shard) (sequence, error) {
		switch {
		case q.stamp < sh.from || !sh.open() && q.stamp >= sh.to || q.stamp > r.Stamp():
			return q, errSequenceNumber()
		case q.stamp < sm.Trimmed:
			return q, errTrimmed()
		case behind:
			q.ordinal++
		}
		return q, nil
	}
}

// atTime is at the first record that was created at a time or later. What is older
// than all of the shard is its oldest record.
func (s *Service) atTime(t time.Time) place {
	return func(ctx context.Context, r kv.Reader, sm *stream, sh shard) (sequence, error) {
		last, err := s.store.StampAt(ctx, t)
		if err != nil {
			return sequence{}, err
		}
		from, _ := oldest(ctx, r, sm, sh)
		from.stamp = max(from.stamp, last+1)
		for e, err := range sh.log(ctx, r, sm.Table, from.stamp) {
			if err != nil {
				return sequence{}, err
			}
			if at := e.created(); !at.Before(t) {
				return e.sequence, nil
			}
		}
		return latest(ctx, r, sm, sh)
	}
}

// sealIterator makes the token of a place. It is good for the account that it was
// made for.
func (s *Service) sealIterator(ctx context.Context, it iterator) string {
	b := make([]byte, 0, 256)
	for _, n := range []uint64{it.table, uint64(it.shard), uint64(it.at.stamp), uint64(it.at.ordinal), uint64(it.made.UnixMilli())} {
		b = tuple.AppendUint(b, n)
	}
	for _, part := range []string{it.stream.account, it.stream.region, it.stream.name, it.stream.label} {
		b = tuple.AppendString(b, part)
	}
	return s.pages.Seal(iterators(ctx), b)
}

// openIterator is the reverse of sealIterator.
func (s *Service) openIterator(ctx context.Context, token string) (it iterator, err error) {
	b, err := s.pages.Open(iterators(ctx), token)
	if err != nil {
		return it, errIterator()
	}
	var n [5]uint64
	for i := range n {
		if n[i], b, err = tuple.Uint(b); err != nil {
			return it, errIterator()
		}
	}
	for _, part := range []*string{&it.stream.account, &it.stream.region, &it.stream.name, &it.stream.label} {
		if *part, b, err = tuple.String(b); err != nil {
			return it, errIterator()
		}
	}
	it.table, it.shard, it.made = n[0], kv.Stamp(n[1]), time.UnixMilli(int64(n[4]))
	it.at = sequence{kv.Stamp(n[2]), uint32(n[3])}
	return it, nil
}

func errIterator() error { return api.ValidationException("Invalid ShardIterator") }

func iterators(ctx context.Context) pagetoken.Listing {
	req := api.RequestOf(ctx)
	return pagetoken.Listing{Account: req.Caller.Account, Region: req.Region, Operation: "dynamodb:GetRecords"}
}
