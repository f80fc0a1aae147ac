package servicecatalog_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// TestManyAtOnce: of many who launch under one name, or change one product at once, one does;
// many of different names all do.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	a, o := w.admin, ready(w, aModel)
	const many = 40
	atOnce := func(do func(i int) error) (done int64) {
		var n atomic.Int64
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				if do(i) == nil {
					n.Add(1)
				}
			})
		}
		all.Wait()
		return n.Load()
	}
	ended := func(r *types.RecordDetail, err error) error {
		if err == nil && a.ended(r).Status != types.RecordStatusSucceeded {
			t.Error(*a.ended(r).RecordErrors[0].Description)
		}
		return err
	}
	launch := func(name string) error {
		out, err := a.ProvisionProduct(ctx, a.launching(o, name))
		if err != nil {
			return err
		}
		return ended(out.RecordDetail, nil)
	}
	if n := atOnce(func(int) error { return launch("one") }); n != 1 || len(w.model.sizes()) != 1 {
		t.Errorf("%d launched one, there are %v", n, w.model.sizes())
	}
	if n := atOnce(func(i int) error { return launch(fmt.Sprint("m", i)) }); n != many || len(w.model.sizes()) != many+1 {
		t.Errorf("%d launched, there are %d", n, len(w.model.sizes()))
	}
	// While one of them runs, the others are refused.
	w.model.mu.Lock()
	w.model.gate = make(chan struct{})
	w.model.mu.Unlock()
	var first atomic.Pointer[types.RecordDetail]
	n := atOnce(func(i int) error {
		if i%2 == 0 {
			out, err := a.TerminateProvisionedProduct(ctx, &sdk.TerminateProvisionedProductInput{ProvisionedProductName: new("held"), TerminateToken: w.token()})
			if err == nil {
				first.Store(out.RecordDetail)
			}
			return err
		}
		out, err := a.ProvisionProduct(ctx, a.launching(o, "held"))
		if err == nil {
			first.Store(out.RecordDetail)
		}
		return err
	})
	if n != 1 {
		t.Errorf("%d did something with one", n)
	}
	close(w.model.gate)
	_ = ended(first.Load(), nil)
	// The same request at once is one request.
	in := a.launching(o, "same")
	records := sync.Map{}
	atOnce(func(int) error {
		out, err := a.ProvisionProduct(ctx, in)
		if err == nil {
			records.Store(*out.RecordDetail.RecordId, out.RecordDetail)
		}
		return err
	})
	count := 0
	records.Range(func(_, r any) bool {
		count++
		_ = ended(r.(*types.RecordDetail), nil)
		return true
	})
	if count != 1 {
		t.Errorf("one request made %d records", count)
	}
}
