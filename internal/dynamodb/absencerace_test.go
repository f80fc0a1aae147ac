package dynamodb_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// pausedStore does what a test says, once, at a moment that is seldom met.
type pausedStore struct {
	kv.Store
	committed atomic.Pointer[func()] // after a commit, before it is known
	measured  atomic.Pointer[func()] // after the size of a table was read
	scanning  atomic.Pointer[func()] // before items are scanned
}

func once(f *atomic.Pointer[func()]) {
	if f := f.Swap(nil); f != nil {
		(*f)()
	}
}

func (s *pausedStore) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	defer once(&s.committed)
	return s.Store.Update(ctx, fn)
}

func (s *pausedStore) View(ctx context.Context, fn func(kv.Reader) error) error {
	r := &pausedReader{s: s}
	err := s.Store.View(ctx, func(in kv.Reader) error {
		r.Reader = in
		return fn(r)
	})
	if r.measured {
		once(&s.measured)
	}
	return err
}

type pausedReader struct {
	kv.Reader
	s        *pausedStore
	measured bool
}

func (r *pausedReader) Get(ctx context.Context, key []byte) ([]byte, error) {
	if bytes.HasPrefix(key, tuple.Of("dynamodb", "total")) {
		r.measured = true
	}
	return r.Reader.Get(ctx, key)
}

func (r *pausedReader) Scan(ctx context.Context, in kv.Range) iter.Seq2[kv.KV, error] {
	if bytes.HasPrefix(in.From, tuple.Of("dynamodb", "item")) {
		once(&r.s.scanning)
	}
	return r.Reader.Scan(ctx, in)
}

// slowEngine does what a test says before it writes the next time.
type slowEngine struct {
	kv.Engine
	writing atomic.Pointer[func()]
}

func (e *slowEngine) Apply(ops []kv.Op) error {
	once(&e.writing)
	return e.Engine.Apply(ops)
}

// paused is a service with a table, not at work in the background until run is called.
type paused struct {
	*testing.T
	ctx    context.Context
	engine *slowEngine
	store  *pausedStore
	s      *dynamodb.Service
}

func startPaused(t *testing.T) *paused {
	p := &paused{T: t, ctx: rootContext(), engine: &slowEngine{Engine: mem.New()}}
	store, err := kv.Open(p.engine, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.store = &pausedStore{Store: store}
	p.s = dynamodb.New(dynamodb.Config{Store: p.store, Identity: newIdentity(t, store), AuditData: dynamodb.AuditNone})
	createBenchTable(t, p.s, p.ctx)
	p.put(0)
	t.Cleanup(func() { store.Close() })
	return p
}

func (p *paused) put(partition int) {
	p.Helper()
	if err := put(p.ctx, p.s, partition, 0); err != nil {
		p.Fatal(err)
	}
}

func (p *paused) run() {
	ctx, stop := context.WithCancel(p.ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); p.s.Run(ctx) }()
	p.Cleanup(func() { stop(); <-ended })
}

// know waits until the table's keys are known.
func (p *paused) know() {
	for !lacks(p.s, benchTable, -1) {
		time.Sleep(time.Millisecond)
	}
}

// meanwhile does something between the commit of a write and the moment in which the service
// learns of it.
func (p *paused) meanwhile(write, do func()) {
	committed, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	pause := func() { close(committed); <-goOn }
	p.store.committed.Store(&pause)
	go func() { defer close(ended); write() }()
	<-committed
	do()
	close(goOn)
	<-ended
}

// TestLacksOfTheSameWrite has a write repeated that was not answered yet, which then changes
// nothing: whoever is answered first, from then on the key is known.
func TestLacksOfTheSameWrite(t *testing.T) {
	t.Parallel()
	p := startPaused(t)
	p.run()
	p.know()
	single := func() {
		if err := put(p.ctx, p.s, 1, 0); err != nil {
			t.Error(err)
		}
	}
	transact := func() {
		_, err := p.s.TransactWriteItems(p.ctx, &api.TransactWriteItemsInput{ClientRequestToken: new("token"), TransactItems: []*api.TransactWriteItem{
			{Put: &api.Put{TableName: new(benchTable), Item: benchItem(2, 0)}},
		}})
		if err != nil {
			t.Error(err)
		}
	}
	for partition, write := range map[int]func(){1: single, 2: transact} {
		p.meanwhile(write, func() {
			write()
			if lacks(p.s, benchTable, partition) {
				t.Errorf("%d was answered and is lacked", partition)
			}
		})
	}
}

// TestLacksOfAnUnknownWrite has a client leave while its write is on the way to the disk, and
// the filter made before it is there.
func TestLacksOfAnUnknownWrite(t *testing.T) {
	t.Parallel()
	p := startPaused(t)
	goOn := make(chan struct{})
	ctx, leave := context.WithCancel(p.ctx)
	hold := func() { leave(); <-goOn }
	p.engine.writing.Store(&hold)
	if err := put(ctx, p.s, 1, 0); !errors.Is(err, kv.ErrCommitUnknown) {
		t.Fatal(err)
	}
	p.run()
	for range 20 {
		if lacks(p.s, benchTable, -1) {
			t.Error("the table was known while a write was under way")
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(goOn)
	p.know()
	if lacks(p.s, benchTable, 1) {
		t.Error("what was written is lacked")
	}
}

// TestLacksWhileScanned asks for a key that the scan has not seen yet.
func TestLacksWhileScanned(t *testing.T) {
	t.Parallel()
	p := startPaused(t)
	scanning, goOn := make(chan struct{}), make(chan struct{})
	pause := func() { close(scanning); <-goOn }
	p.store.scanning.Store(&pause)
	lacks(p.s, benchTable, -1)
	p.run()
	<-scanning
	if lacks(p.s, benchTable, 0) || lacks(p.s, benchTable, -1) {
		t.Error("the table is known before it was read")
	}
	close(goOn)
	p.know()
	if lacks(p.s, benchTable, 0) {
		t.Error("what was there is lacked")
	}
}

// TestDroppedTableLeavesNoFilter drops a table while its filter is begun.
func TestDroppedTableLeavesNoFilter(t *testing.T) {
	t.Parallel()
	p := startPaused(t)
	ended := make(chan struct{})
	drop := func() {
		defer close(ended)
		if _, err := p.s.DeleteTable(p.ctx, &api.DeleteTableInput{TableName: new(benchTable)}); err != nil {
			t.Error(err)
		}
	}
	p.store.measured.Store(&drop)
	lacks(p.s, benchTable, -1)
	p.run()
	<-ended
	const other = "other"
	_, err := p.s.CreateTable(p.ctx, &api.CreateTableInput{
		TableName: new(other), BillingMode: new("PAY_PER_REQUEST"), KeySchema: []*api.KeySchemaElement{{AttributeName: new("id"), KeyType: new("HASH")}},
		AttributeDefinitions: []*api.AttributeDefinition{{AttributeName: new("id"), AttributeType: new("S")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.s.GetItem(p.ctx, &api.GetItemInput{TableName: new(other), Key: api.Attributes{{Name: "id", Value: hashKey(0)}}}); err != nil {
		t.Fatal(err)
	}
	for !lacks(p.s, other, -1) { // one filter is made after the other
		time.Sleep(time.Millisecond)
	}
	if n := dynamodb.Filters(p.s); n != 1 {
		t.Errorf("there are filters of %d tables", n)
	}
}

// brokenStore cannot scan items while it is told so.
type brokenStore struct {
	kv.Store
	broken atomic.Bool
	scans  atomic.Int64 // that failed
}

func (s *brokenStore) View(ctx context.Context, fn func(kv.Reader) error) error {
	return s.Store.View(ctx, func(r kv.Reader) error { return fn(brokenReader{r, s}) })
}

type brokenReader struct {
	kv.Reader
	s *brokenStore
}

func (r brokenReader) Scan(ctx context.Context, in kv.Range) iter.Seq2[kv.KV, error] {
	if !r.s.broken.Load() || !bytes.HasPrefix(in.From, tuple.Of("dynamodb", "item")) {
		return r.Reader.Scan(ctx, in)
	}
	r.s.scans.Add(1)
	return func(yield func(kv.KV, error) bool) { yield(kv.KV{}, errors.New("broken")) }
}

// TestLacksAfterAFailure has the scan of a table fail: nothing is known, it is tried again after a
// while and not with every question, and then all is known.
func TestLacksAfterAFailure(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		store := &brokenStore{Store: r.store}
		r.open(store)
		if err := put(r.ctx, r.s, 1, 0); err != nil {
			r.Fatal(err)
		}
		store.broken.Store(true)
		defer r.run()()
		for range 100 {
			r.wantLacks(benchTable, map[int]bool{1: false, 2: false})
			synctest.Wait()
		}
		r.want("scans", store.scans.Load(), int64(1))
		r.want("filters", dynamodb.Filters(r.s), 0)
		store.broken.Store(false)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		r.wantLacks(benchTable, map[int]bool{1: false, 2: true})
	})
}
