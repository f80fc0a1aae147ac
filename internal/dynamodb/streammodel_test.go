package dynamodb_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	stream "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// modelStream is what a stream should tell.
type modelStream struct {
	arn     string
	records []modelRecord
	closed  time.Time // zero while it is enabled
}

type modelRecord struct {
	text string
	at   time.Time
}

// streamModel does at random what can be done to a table and its streams, on a service
// and on a model of it.
type streamModel struct {
	*testing.T
	f       *fixture
	streams *dynamodbstreams.Client
	rand    *rand.Rand
	table   string
	items   map[string]string
	all     []*modelStream
	on      *modelStream
	horizon time.Time // what was written before it is gone
}

// TestStreamModel compares streams with a model of them, through a few weeks of changes,
// shards, trimming, disabled streams and dropped tables.
func TestStreamModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			f := start(t)
			m := &streamModel{T: t, f: f, streams: f.streams(f.root), rand: rand.New(rand.NewPCG(seed, 1)), table: "modelled"}
			m.make()
			for range 250 {
				m.step()
			}
			m.compare()
			m.f.tend(t, 24*time.Hour+5*time.Minute)
			if m.on != nil {
				m.switchOff()
			}
			m.f.tend(t, 24*time.Hour+5*time.Minute)
			wantNoTraces(t, f.store)
		})
	}
}

func (m *streamModel) make() {
	m.Helper()
	in := &sdk.CreateTableInput{TableName: &m.table, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: "S"}}}
	if _, err := m.f.client.CreateTable(m.Context(), in); err != nil {
		m.Fatal(err)
	}
	m.items = map[string]string{}
}

func (m *streamModel) switchOff() {
	m.Helper()
	disable(m, m.f.client, m.table)
	m.on.closed, m.on = m.f.clock.now(), nil
}

func (m *streamModel) step() {
	m.Helper()
	switch n := m.rand.IntN(100); {
	case n < 60:
		m.write()
	case n < 75:
		m.f.clock.advance(time.Duration(m.rand.IntN(90)+1) * time.Minute)
	case n < 90:
		m.f.tend(m, 0)
		// Trimming is by ranges of five minutes.
		m.horizon = m.f.clock.now().Truncate(5 * time.Minute).Add(-24 * time.Hour)
		m.all = slices.DeleteFunc(m.all, func(s *modelStream) bool {
			return !s.closed.IsZero() && !m.f.clock.now().Before(s.closed.Add(24*time.Hour))
		})
	case n < 92 && m.on != nil:
		m.switchOff()
	case n < 97 && m.on == nil:
		m.on = &modelStream{arn: enable(m, m.f.client, m.table, types.StreamViewTypeNewAndOldImages)}
		m.all = append(m.all, m.on)
	case n == 97:
		drop(m, m.f.client, m.table)
		if m.on != nil {
			m.on.closed, m.on = m.f.clock.now(), nil
		}
		m.make()
	default:
		m.compare()
	}
}

// write changes up to three items in one transaction.
func (m *streamModel) write() {
	m.Helper()
	var actions []types.TransactWriteItem
	for _, i := range m.rand.Perm(4)[:m.rand.IntN(3)+1] {
		id, old := fmt.Sprint(i), m.items[fmt.Sprint(i)]
		next := ""
		if m.rand.IntN(3) > 0 {
			next = fmt.Sprint(m.rand.IntN(3) + 1)
		}
		text := ""
		switch {
		case next == old:
		case old == "":
			text = fmt.Sprintf("INSERT id=%[1]s new id=%[1]s,v=%[2]s", id, next)
		case next == "":
			text = fmt.Sprintf("REMOVE id=%[1]s old id=%[1]s,v=%[2]s", id, old)
		default:
			text = fmt.Sprintf("MODIFY id=%[1]s old id=%[1]s,v=%[2]s new id=%[1]s,v=%[3]s", id, old, next)
		}
		if next == "" {
			actions = append(actions, types.TransactWriteItem{Delete: &types.Delete{TableName: &m.table, Key: attrs{"id": str(id)}}})
			delete(m.items, id)
		} else {
			actions = append(actions, types.TransactWriteItem{Put: &types.Put{TableName: &m.table, Item: attrs{"id": str(id), "v": str(next)}}})
			m.items[id] = next
		}
		if text != "" && m.on != nil {
			m.on.records = append(m.on.records, modelRecord{text, m.f.clock.now()})
		}
	}
	if _, err := m.f.client.TransactWriteItems(m.Context(), &sdk.TransactWriteItemsInput{TransactItems: actions}); err != nil {
		m.Fatal(err)
	}
	m.f.clock.advance(time.Millisecond)
}

// compare reads all streams, from their beginnings and from somewhere.
func (m *streamModel) compare() {
	m.Helper()
	var arns, want []string
	out, err := m.streams.ListStreams(m.Context(), &dynamodbstreams.ListStreamsInput{TableName: &m.table})
	if err != nil {
		m.Fatal(err)
	}
	for _, s := range out.Streams {
		arns = append(arns, *s.StreamArn)
	}
	for _, s := range m.all {
		want = append(want, s.arn)
	}
	if !slices.Equal(arns, want) {
		m.Fatalf("there are the streams %q, want %q", arns, want)
	}
	for _, s := range m.all {
		want := slices.DeleteFunc(slices.Clone(s.records), func(r modelRecord) bool { return r.at.Before(m.horizon) })
		got := allRecords(m, m.streams, s.arn)
		if diff := differ(got, want); diff != "" {
			m.Fatalf("%s: %s", s.arn, diff)
		}
		d := describeStream(m, m.streams, s.arn)
		if (d.StreamStatus == "ENABLED") != s.closed.IsZero() {
			m.Fatalf("%s is %s", s.arn, d.StreamStatus)
		}
		if len(got) == 0 {
			continue
		}
		// From any record on, the rest of its shard.
		from := m.rand.IntN(len(got))
		number := *got[from].Dynamodb.SequenceNumber
		for i, sh := range d.Shards {
			r := sh.SequenceNumberRange
			if number < *r.StartingSequenceNumber || r.EndingSequenceNumber != nil && number > *r.EndingSequenceNumber {
				continue
			}
			rest := records(m, m.streams, iterator(m, m.streams, s.arn, *sh.ShardId, stream.ShardIteratorTypeAtSequenceNumber, number))
			for _, later := range d.Shards[i+1:] {
				rest = append(rest, records(m, m.streams, iterator(m, m.streams, s.arn, *later.ShardId, stream.ShardIteratorTypeTrimHorizon, ""))...)
			}
			if !slices.EqualFunc(rest, got[from:], func(a, b stream.Record) bool { return *a.EventID == *b.EventID && shown(a) == shown(b) }) {
				m.Fatalf("%s: %d records from number %d of %d on", s.arn, len(rest), from, len(got))
			}
		}
	}
}

// differ says how records differ from those of the model. Those of one transaction, here
// of one moment, may be in another order.
func differ(got []stream.Record, want []modelRecord) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d records, want %d", len(got), len(want))
	}
	var have, should []string
	for i := range got {
		have, should = append(have, shown(got[i])), append(should, want[i].text)
		if last := i == len(got)-1; last || !want[i+1].at.Equal(want[i].at) {
			slices.Sort(have)
			slices.Sort(should)
			if !slices.Equal(have, should) {
				return fmt.Sprintf("got\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(should, "\n"))
			}
			have, should = nil, nil
		}
	}
	return ""
}
