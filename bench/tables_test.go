package bench

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

const (
	slice  = 500 * time.Millisecond // one turn of the server or of the bare handler
	rounds = 6                      // turns of each that count, after one that does not
)

// compare runs l against the server and the bare handler in turn.
func compare(b *testing.B, l load) {
	srv, _ := startServer(b)
	bare := startBare(b)
	c := newClient(l.connections)
	prepare(b, c, srv)

	var next atomic.Int64
	var rate, ratio, bareRate []float64
	var ops, bareOps int64
	var used, bareUsed time.Duration
	for b.Loop() {
		for round := range rounds + 1 {
			before, began := srv.cpu(), time.Now()
			n := l.run(b, c, srv.url, &next, slice)
			r := float64(n) / time.Since(began).Seconds()
			cpu := srv.cpu() - before

			bareBefore, bareBegan := bare.cpu(), time.Now()
			bn := l.run(b, c, bare.url, &next, slice)
			br := float64(bn) / time.Since(bareBegan).Seconds()
			bareCPU := bare.cpu() - bareBefore
			if b.Failed() {
				return
			}
			if round == 0 {
				continue
			}
			ops, bareOps, used, bareUsed = ops+n, bareOps+bn, used+cpu, bareUsed+bareCPU
			rate, bareRate, ratio = append(rate, r), append(bareRate, br), append(ratio, r/br)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rate), "op/s")
	b.ReportMetric(median(bareRate), "bare-op/s")
	b.ReportMetric(median(ratio), "ratio")
	b.ReportMetric(float64(used.Microseconds())/float64(ops), "cpu-µs/op")
	b.ReportMetric(float64(bareUsed.Microseconds())/float64(bareOps), "bare-cpu-µs/op")
}

const (
	partitions = 10_000 // with a partition each
	collected  = 100    // in the one partition that Query reads
)

// prepare makes the table items and fills it.
func prepare(b *testing.B, c *client, srv *process) {
	create := `{"TableName":"items","BillingMode":"PAY_PER_REQUEST",
		"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"}],
		"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]}`
	if _, err := c.call(srv.url, "CreateTable", []byte(create)); err != nil {
		b.Fatal(err)
	}
	fill := load{operation: "PutItem", connections: 64}
	fill.request = putRequest
	var next atomic.Int64
	for next.Load() < partitions {
		fill.run(b, c, srv.url, &next, slice)
	}
	for i := range collected {
		if _, err := c.call(srv.url, "PutItem", item("collection", i, 0)); err != nil {
			b.Fatal(err)
		}
	}
}

// putRequest writes one of the partitions' items, with a number that is new: a
// write that changes nothing would be answered without one.
func putRequest(i int64) []byte { return item(fmt.Sprintf("item-%d", i%partitions), 0, i) }

// item is a PutItem of about 1 KB in ten attributes, one of them n.
func item(pk string, sk int, n int64) []byte {
	v := value(int64(len(pk)+sk), 900)
	return fmt.Appendf(nil, `{"TableName":"items","Item":{"pk":{"S":%q},"sk":{"N":"%d"},`+
		`"a":{"S":"%s"},"b":{"S":"%s"},"c":{"S":"%s"},"d":{"S":"%s"},"e":{"S":"%s"},"n":{"N":"%d.678"},"f":{"BOOL":true},"l":{"L":[{"N":"1"},{"N":"2"}]}}}`,
		pk, sk, v[:180], v[180:360], v[360:540], v[540:720], v[720:], n)
}

func getRequest(consistent bool) func(int64) []byte {
	return func(i int64) []byte {
		return fmt.Appendf(nil, `{"TableName":"items","Key":{"pk":{"S":"item-%d"},"sk":{"N":"0"}},"ConsistentRead":%t}`, i%partitions, consistent)
	}
}

func BenchmarkGetItem16(b *testing.B) {
	compare(b, load{"GetItem", 16, getRequest(true)})
}

func BenchmarkPutItem16(b *testing.B) {
	compare(b, load{"PutItem", 16, putRequest})
}

func BenchmarkPutItem64(b *testing.B) {
	compare(b, load{"PutItem", 64, putRequest})
}

func BenchmarkPutItemConditional64(b *testing.B) {
	compare(b, load{"PutItem", 64, func(i int64) []byte {
		body := putRequest(i)
		return append(body[:len(body)-1], `,"ConditionExpression":"attribute_exists(pk)"}`...)
	}})
}

func BenchmarkUpdateItem64(b *testing.B) {
	compare(b, load{"UpdateItem", 64, func(i int64) []byte {
		return fmt.Appendf(nil, `{"TableName":"items","Key":{"pk":{"S":"item-%d"},"sk":{"N":"0"}},`+
			`"UpdateExpression":"ADD n :one","ExpressionAttributeValues":{":one":{"N":"1"}}}`, i%partitions)
	}})
}

// BenchmarkTransactWriteItems25 puts 25 items of 1 KB at once, with a token as the
// SDKs send one. The bare handler reads as much.
func BenchmarkTransactWriteItems25(b *testing.B) {
	const actions = 25
	compare(b, load{"TransactWriteItems", 16, func(i int64) []byte {
		body := fmt.Appendf(make([]byte, 0, actions*1200), `{"ClientRequestToken":"token-%d","TransactItems":[`, i)
		for n := range int64(actions) {
			if n > 0 {
				body = append(body, ',')
			}
			body = append(append(append(body, `{"Put":`...), putRequest(i*actions+n)...), '}')
		}
		return append(body, `]}`...)
	}})
}

func BenchmarkQuery100(b *testing.B) {
	compare(b, load{"Query", 16, func(int64) []byte {
		return []byte(`{"TableName":"items","KeyConditionExpression":"pk = :pk","ExpressionAttributeValues":{":pk":{"S":"collection"}},"ConsistentRead":true}`)
	}})
}

// BenchmarkStart measures an empty start until the server is ready, and the
// memory that it then holds.
func BenchmarkStart(b *testing.B) {
	var took, resident []float64
	for b.Loop() {
		for range 5 {
			srv, ready := startServer(b)
			took = append(took, float64(ready.Microseconds())/1000)
			resident = append(resident, float64(srv.resident())/(1<<20))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(took), "ms-to-ready")
	b.ReportMetric(median(resident), "MiB-resident")
}

// BenchmarkMillionItems fills a table with 1 million items of 1 KB by
// BatchWriteItem and reports the memory that the server then holds.
func BenchmarkMillionItems(b *testing.B) {
	if testing.Short() {
		b.Skip("takes minutes")
	}
	const million, batch = 1_000_000, 25
	srv, _ := startServer(b)
	c := newClient(16)
	prepare(b, c, srv)
	var next atomic.Int64
	fill := load{operation: "BatchWriteItem", connections: 16, request: func(i int64) []byte {
		body := []byte(`{"RequestItems":{"items":[`)
		for n := range int64(batch) {
			if n > 0 {
				body = append(body, ',')
			}
			put := item(fmt.Sprintf("million-%d", i*batch+n), 0, n)
			body = append(body, `{"PutRequest":`...)
			body = append(body, '{')
			body = append(body, put[len(`{"TableName":"items",`):]...)
			body = append(body, '}')
		}
		return append(body, `]}}`...)
	}}
	var peak int64
	began := time.Now()
	for b.Loop() {
		for next.Load()*batch < million {
			fill.run(b, c, srv.url, &next, slice)
			peak = max(peak, srv.resident())
			if b.Failed() {
				return
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(million)/time.Since(began).Seconds(), "items/s")
	b.ReportMetric(float64(srv.resident())/(1<<20), "MiB-resident")
	b.ReportMetric(float64(peak)/(1<<20), "MiB-peak")
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	slices.Sort(x)
	return x[len(x)/2]
}
