package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"sync/atomic"
	"testing"
	"time"
)

// ask sends a request of the DynamoDB Streams API and decodes its answer.
func ask[T any](b *testing.B, c *client, url, operation, format string, args ...any) (out T) {
	b.Helper()
	var w bytes.Buffer
	_, err := c.send(url, "DynamoDBStreams_20120810."+operation, fmt.Appendf(nil, format, args...), &w)
	if err == nil {
		err = json.Unmarshal(w.Bytes(), &out)
	}
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// stream lets a table have a stream of both images and returns a request for an
// iterator of its oldest record.
func stream(b *testing.B, c *client, url, table string) (oldest string) {
	b.Helper()
	if _, err := c.call(url, "UpdateTable", fmt.Appendf(nil, `{"TableName":%q,"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}}`, table)); err != nil {
		b.Fatal(err)
	}
	list := ask[struct{ Streams []struct{ StreamArn string } }](b, c, url, "ListStreams", `{"TableName":%q}`, table)
	arn := list.Streams[0].StreamArn
	d := ask[struct {
		StreamDescription struct{ Shards []struct{ ShardId string } }
	}](b, c, url, "DescribeStream", `{"StreamArn":%q}`, arn)
	return fmt.Sprintf(`{"StreamArn":%q,"ShardId":%q,"ShardIteratorType":"TRIM_HORIZON"}`, arn, d.StreamDescription.Shards[0].ShardId)
}

var nextIterator = regexp.MustCompile(`"NextShardIterator":"([^"]+)"`)

// BenchmarkGetRecords reads the records of small items, 1,000 at a time, by one
// consumer that finds the next iterator and decodes nothing.
func BenchmarkGetRecords(b *testing.B) {
	srv, _ := startServer(b)
	c := newClient(16)
	prepare(b, c, srv)
	oldest := stream(b, c, srv.url, "items")
	const records, batch = 100_000, 25
	fill := load{operation: "BatchWriteItem", connections: 16, request: func(i int64) []byte {
		body := []byte(`{"RequestItems":{"items":[`)
		for n := range int64(batch) {
			if n > 0 {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, `{"PutRequest":{"Item":{"pk":{"S":"small-%d"},"sk":{"N":"0"},"a":{"S":"%s"}}}}`, i*batch+n, value(i, 60))
		}
		return append(body, `]}}`...)
	}}
	var next atomic.Int64
	for next.Load()*batch < records {
		fill.run(b, c, srv.url, &next, slice)
	}
	var rate []float64
	var read int64
	var used time.Duration
	for b.Loop() {
		for range rounds {
			at := ask[struct{ ShardIterator string }](b, c, srv.url, "GetShardIterator", "%s", oldest).ShardIterator
			n, before, began := int64(0), srv.cpu(), time.Now()
			for {
				var w bytes.Buffer
				if _, err := c.send(srv.url, "DynamoDBStreams_20120810.GetRecords", fmt.Appendf(nil, `{"ShardIterator":%q}`, at), &w); err != nil {
					b.Fatal(err)
				}
				got := int64(bytes.Count(w.Bytes(), []byte(`"eventID"`)))
				if n += got; got == 0 {
					break
				}
				tail := w.Bytes()[max(0, w.Len()-2100):]
				at = string(nextIterator.FindSubmatch(tail)[1])
			}
			rate = append(rate, float64(n)/time.Since(began).Seconds())
			read, used = read+n, used+srv.cpu()-before
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rate), "records/s")
	b.ReportMetric(float64(used.Nanoseconds())/1000/float64(read), "cpu-µs/record")
}

// BenchmarkPutItemStreamed64 compares PutItem to a table with a stream of both images
// and point-in-time recovery with PutItem to one that keeps no log.
func BenchmarkPutItemStreamed64(b *testing.B) {
	compareLogged(b, func(c *client, srv *process) {
		stream(b, c, srv.url, "items")
		turnRecoveryOn(b, c, srv)
	})
}

// BenchmarkPutItemRecovered64 is the same with point-in-time recovery alone.
func BenchmarkPutItemRecovered64(b *testing.B) {
	compareLogged(b, func(c *client, srv *process) { turnRecoveryOn(b, c, srv) })
}

func turnRecoveryOn(b *testing.B, c *client, srv *process) {
	b.Helper()
	if _, err := c.call(srv.url, "UpdateContinuousBackups", []byte(`{"TableName":"items","PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":true}}`)); err != nil {
		b.Fatal(err)
	}
}

// compareLogged compares PutItem to a table that has been changed so that it keeps a log
// with PutItem to one that keeps none.
func compareLogged(b *testing.B, change func(*client, *process)) {
	srv, _ := startServer(b)
	c := newClient(64)
	prepare(b, c, srv)
	if _, err := c.call(srv.url, "CreateTable", []byte(`{"TableName":"plain","BillingMode":"PAY_PER_REQUEST",
		"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"}],
		"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]}`)); err != nil {
		b.Fatal(err)
	}
	change(c, srv)
	streamed := load{"PutItem", 64, putRequest}
	plain := load{"PutItem", 64, func(i int64) []byte {
		return bytes.Replace(putRequest(i), []byte(`"TableName":"items"`), []byte(`"TableName":"plain"`), 1)
	}}
	var next atomic.Int64
	for from := next.Load(); next.Load() < from+partitions; {
		plain.run(b, c, srv.url, &next, slice)
	}
	var rate, ratio []float64
	var ops, plainOps int64
	var used, plainUsed time.Duration
	for b.Loop() {
		for round := range rounds + 1 {
			before, began := srv.cpu(), time.Now()
			n := streamed.run(b, c, srv.url, &next, slice)
			r, cpu := float64(n)/time.Since(began).Seconds(), srv.cpu()-before
			before, began = srv.cpu(), time.Now()
			pn := plain.run(b, c, srv.url, &next, slice)
			pr, pcpu := float64(pn)/time.Since(began).Seconds(), srv.cpu()-before
			if b.Failed() {
				return
			}
			if round > 0 {
				rate, ratio = append(rate, r), append(ratio, r/pr)
				ops, plainOps, used, plainUsed = ops+n, plainOps+pn, used+cpu, plainUsed+pcpu
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rate), "op/s")
	b.ReportMetric(median(ratio), "ratio")
	b.ReportMetric(float64(used.Microseconds())/float64(ops), "cpu-µs/op")
	b.ReportMetric(float64(plainUsed.Microseconds())/float64(plainOps), "plain-cpu-µs/op")
}
