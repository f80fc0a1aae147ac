package audit

import (
	"context"
	"strings"
	"sync"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// refusalsPerMinute is how many refusals an account's trail takes in a minute, so
// that a client which tries for ever does not fill the disk.
const refusalsPerMinute = 100

// Refusals records what policy denied: who tried to change something, or to assume
// a role. There is no transaction of the act to do it in, so it has its own. The
// same refusal is recorded once a minute. It is safe for concurrent use.
type Refusals struct {
	Store kv.Store

	mu     sync.Mutex
	minute int64
	seen   map[string]bool
	counts map[string]int // by account
}

// Record records that the request of ctx was refused with e, if e is a denial.
func (f *Refusals) Record(ctx context.Context, e *api.Error) error {
	code := strings.TrimSuffix(e.Code, "Exception") // so do all services in CloudTrail
	r := api.RequestOf(ctx)
	assumes := r.Service == "sts" && r.Operation == "AssumeRole"
	if code != "AccessDenied" || r.Caller.Account == "" || classOf(r) != management || readOnly(r.Operation) && !assumes || !f.admit(r, e.Message) {
		return nil
	}
	_, err := f.Store.Update(ctx, func(tx kv.Txn) error {
		Record(ctx, tx, Event{ErrorCode: code, ErrorMessage: e.Message})
		return nil
	})
	return err
}

// admit tells whether a refusal is new in this minute, and not one too many.
func (f *Refusals) admit(r *api.Request, message string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if minute := r.Time.Unix() / 60; minute != f.minute || f.seen == nil {
		f.minute, f.seen, f.counts = minute, map[string]bool{}, map[string]int{}
	}
	key := r.Caller.ARN + "\n" + r.Service + ":" + r.Operation + "\n" + message
	if f.seen[key] || f.counts[r.Caller.Account] >= refusalsPerMinute {
		return false
	}
	f.seen[key] = true
	f.counts[r.Caller.Account]++
	return true
}
