package dynamodb_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
)

func hashKey(partition int) api.AttributeValue { return benchItem(partition, 0)[1].Value }

func lacks(s *dynamodb.Service, table string, partition int) bool {
	return s.Lacks(account, "us-east-1", table, hashKey(partition))
}

// know has the service make the filter of a table.
func (r *recoveryTest) know(table string) {
	r.Helper()
	r.describeTable(table)
	if lacks(r.s, table, -1) {
		r.Errorf("%s was known before", table)
	}
	r.settle()
	if !lacks(r.s, table, -1) {
		r.Errorf("%s is not known", table)
	}
}

func (r *recoveryTest) wantLacks(table string, want map[int]bool) {
	r.Helper()
	for partition, want := range want {
		if got := lacks(r.s, table, partition); got != want {
			r.Errorf("%s lacks %d: %t", table, partition, got)
		}
	}
}

// TestLacks writes keys by every operation that can: each is known when it is answered. What
// fails or deletes makes no difference.
func TestLacks(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		must := func(_ any, err error) {
			r.Helper()
			if err != nil {
				r.Fatal(err)
			}
		}
		must(nil, put(r.ctx, r.s, 0, 0))
		r.know(benchTable)
		r.wantLacks(benchTable, map[int]bool{0: false, 1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true})
		r.wantLacks("arn:aws:dynamodb:us-east-1:"+account+":table/"+benchTable, map[int]bool{0: false, 1: true})
		r.wantLacks("other", map[int]bool{0: false, 1: false})

		must(nil, put(r.ctx, r.s, 1, 0))
		must(r.s.UpdateItem(r.ctx, &api.UpdateItemInput{TableName: new(benchTable), Key: benchKey(2, 0)}))
		must(r.s.BatchWriteItem(r.ctx, &api.BatchWriteItemInput{RequestItems: map[string][]*api.WriteRequest{
			benchTable: {{PutRequest: &api.PutRequest{Item: benchItem(3, 0)}}, {DeleteRequest: &api.DeleteRequest{Key: benchKey(0, 0)}}},
		}}))
		must(r.s.TransactWriteItems(r.ctx, &api.TransactWriteItemsInput{TransactItems: []*api.TransactWriteItem{
			{Put: &api.Put{TableName: new(benchTable), Item: benchItem(4, 0)}}, {Delete: &api.Delete{TableName: new(benchTable), Key: benchKey(1, 0)}},
		}}))
		insert := func(partition int) *string {
			return new(fmt.Sprintf(`INSERT INTO "%s" VALUE {'predictionId': '%s', 'timestamp': 1}`, benchTable, hashKey(partition).S))
		}
		must(r.s.ExecuteStatement(r.ctx, &api.ExecuteStatementInput{Statement: insert(5)}))
		must(r.s.BatchExecuteStatement(r.ctx, &api.BatchExecuteStatementInput{Statements: []*api.BatchStatementRequest{{Statement: insert(6)}}}))
		must(r.s.ExecuteTransaction(r.ctx, &api.ExecuteTransactionInput{TransactStatements: []*api.ParameterizedStatement{{Statement: insert(7)}}}))
		r.wantLacks(benchTable, map[int]bool{0: false, 1: false, 2: false, 3: false, 4: false, 5: false, 6: false, 7: false, 8: true})

		_, err := r.s.PutItem(r.ctx, &api.PutItemInput{TableName: new(benchTable), Item: benchItem(8, 0), ConditionExpression: new("attribute_exists(predictionId)")})
		r.wantFault(err, "ConditionalCheckFailedException", "The conditional request failed")
		must(r.s.DeleteItem(r.ctx, &api.DeleteItemInput{TableName: new(benchTable), Key: benchKey(9, 0)}))
		r.wantLacks(benchTable, map[int]bool{8: true, 9: true})

		r.open(r.store) // another process knows nothing
		r.wantLacks(benchTable, map[int]bool{0: false, 1: false, 9: false})
		r.know(benchTable)
		r.wantLacks(benchTable, map[int]bool{0: true, 2: false, 7: false, 9: true})
	})
}

// TestLacksOfAnotherTable drops a table, and restores one of the same name.
func TestLacksOfAnotherTable(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		if err := put(r.ctx, r.s, 1, 0); err != nil {
			r.Fatal(err)
		}
		arn := r.backUp(benchTable, "backup")
		r.know(benchTable)
		r.drop(benchTable)
		r.wantLacks(benchTable, map[int]bool{1: false, 2: false})
		r.settle()
		createBenchTable(r, r.s, r.ctx)
		r.know(benchTable)
		r.wantLacks(benchTable, map[int]bool{1: true, 2: true})
		r.drop(benchTable)
		r.settle()

		if _, err := r.s.RestoreTableFromBackup(r.ctx, &api.RestoreTableFromBackupInput{BackupArn: &arn, TargetTableName: new(benchTable)}); err != nil {
			r.Fatal(err)
		}
		r.describeTable(benchTable)
		r.wantLacks(benchTable, map[int]bool{1: false, 2: false})
		r.settle()
		r.wantActive(benchTable)
		r.know(benchTable)
		r.wantLacks(benchTable, map[int]bool{1: false, 2: true})
	})
}

// TestLacksGrows writes more keys than the filter was made for.
func TestLacksGrows(t *testing.T) {
	if testing.Short() {
		t.Skip("writes many items, one after the other")
	}
	recoveryBubble(t, func(r *recoveryTest) {
		r.know(benchTable)
		const n = 70_000
		for from := 0; from < n; from += 25 {
			requests := make([]*api.WriteRequest, 25)
			for i := range requests {
				requests[i] = &api.WriteRequest{PutRequest: &api.PutRequest{Item: benchKey(from+i, 0)}}
			}
			if _, err := r.s.BatchWriteItem(r.ctx, &api.BatchWriteItemInput{RequestItems: map[string][]*api.WriteRequest{benchTable: requests}}); err != nil {
				r.Fatal(err)
			}
		}
		r.know(benchTable)
		wrong := 0
		for i := range n {
			if lacks(r.s, benchTable, i) {
				r.Fatalf("%d is not known", i)
			}
			if !lacks(r.s, benchTable, n+i) {
				wrong++
			}
		}
		if wrong > n/100 {
			r.Errorf("%d of %d absent keys are taken for present", wrong, n)
		}
	})
}

// TestLacksWhileWritten has services that begin to know a table while they write to it from
// many sides: what was answered is known, at any time.
func TestLacksWhileWritten(t *testing.T) {
	t.Parallel()
	store, err := kv.Open(mem.New(), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx, newest := rootContext(), atomic.Int64{}
	for round := range 12 {
		s := dynamodb.New(dynamodb.Config{Store: store, Identity: newIdentity(t, store), AuditData: dynamodb.AuditNone})
		if round == 0 {
			createBenchTable(t, s, ctx)
		}
		running, stop := context.WithCancel(ctx)
		var background, writing sync.WaitGroup
		background.Go(func() { s.Run(running) })
		for range 8 {
			writing.Go(func() {
				var mine []int
				for known := 0; known < 100; {
					partition := int(newest.Add(1))
					if err := put(ctx, s, partition, 0); err != nil {
						t.Error(err)
						return
					}
					mine = append(mine, partition)
					if lacks(s, benchTable, -1) {
						known++
					}
				}
				for _, partition := range mine {
					if lacks(s, benchTable, partition) {
						t.Errorf("%d was written and is lacked", partition)
					}
				}
			})
		}
		writing.Wait()
		for partition := 1; partition <= int(newest.Load()); partition++ {
			if lacks(s, benchTable, partition) {
				t.Fatalf("%d was written before and is lacked", partition)
			}
		}
		stop()
		background.Wait()
	}
}

// BenchmarkLacks asks for keys that a table of many items does not have, beside the Query that
// it saves.
func BenchmarkLacks(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			engine, err := pebble.Open(b.TempDir(), pebble.Options{})
			if err != nil {
				b.Fatal(err)
			}
			s, ctx := benchService(b, engine, dynamodb.Config{})
			fillBench(b, s, ctx, n)
			for !lacks(s, benchTable, -1) {
			}
			b.Run("lacks", func(b *testing.B) {
				for i := 1; b.Loop(); i++ {
					lacks(s, benchTable, -i)
				}
			})
			b.Run("query", func(b *testing.B) {
				for i := 1; b.Loop(); i++ {
					_, err := s.Query(ctx, &api.QueryInput{
						TableName: new(benchTable), KeyConditionExpression: new("predictionId = :i"), Limit: new(int64(1)),
						ExpressionAttributeValues: api.Attributes{{Name: ":i", Value: hashKey(-i)}},
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func fillBench(b *testing.B, s *dynamodb.Service, ctx context.Context, n int) {
	b.Helper()
	var writing sync.WaitGroup
	for side := range 64 {
		writing.Go(func() {
			for i := side; i < n; i += 64 {
				if err := put(ctx, s, i, 0); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
}
