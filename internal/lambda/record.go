package lambda

import (
	"time"

	"github.com/go-faster/jx"

	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
)

// entry is a record of a stream as a function gets it.
type entry struct {
	json    []byte
	number  string // its sequence number
	keys    string // of its item, as JSON
	created time.Time
}

// newEntry makes the JSON of a record that functions get. It is that of the Streams API,
// but for the member eventSourceARN and the case of userIdentity's. See
// https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html.
func newEntry(stream string, r *streams.Record) *entry {
	var e jx.Encoder
	e.ObjStart()
	for _, x := range []struct {
		name  string
		value *string
	}{
		{"eventID", r.EventID}, {"eventName", r.EventName}, {"eventVersion", r.EventVersion}, {"eventSource", r.EventSource}, {"awsRegion", r.AwsRegion},
	} {
		if x.value != nil {
			e.FieldStart(x.name)
			e.Str(*x.value)
		}
	}
	e.FieldStart("dynamodb")
	r.Dynamodb.EncodeJSON(&e)
	if id := r.UserIdentity; id != nil {
		e.FieldStart("userIdentity")
		e.ObjStart()
		e.FieldStart("type")
		e.Str(text(id.Type))
		e.FieldStart("principalId")
		e.Str(text(id.PrincipalId))
		e.ObjEnd()
	}
	e.FieldStart("eventSourceARN")
	e.Str(stream)
	e.ObjEnd()
	x := &entry{json: e.Bytes(), number: text(r.Dynamodb.SequenceNumber), keys: string(r.Dynamodb.Keys)}
	if t := r.Dynamodb.ApproximateCreationDateTime; t != nil {
		x.created = *t
	}
	return x
}

const (
	eventHead = `{"Records":[`
	eventTail = `]}`
)

// eventOf is the event of a batch.
func eventOf(batch []*entry) []byte {
	size := len(eventHead) + len(eventTail)
	for _, e := range batch {
		size += len(e.json) + 1
	}
	b := append(make([]byte, 0, size), eventHead...)
	for i, e := range batch {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e.json...)
	}
	return append(b, eventTail...)
}

// batches parts entries into batches of most entries, and of a size that a function can
// be sent.
func batches(all []*entry, most int) (parts [][]*entry) {
	for len(all) > 0 {
		n, size := 0, len(eventHead)+len(eventTail)
		for n < len(all) && n < most {
			size += len(all[n].json) + 1
			if n > 0 && size > maxSyncPayload {
				break
			}
			n++
		}
		parts = append(parts, all[:n])
		all = all[n:]
	}
	return parts
}
