package audit

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Entry is a recorded event.
type Entry struct {
	ID         string // a UUID
	Account    string // whose trail it is in
	Time       time.Time
	RequestID  string
	Service    string // "dynamodb"
	Operation  string // "CreateTable"
	Region     string
	Caller     api.Caller
	SourceIP   netip.Addr
	UserAgent  string
	Secure     bool
	Data       bool // an act on data, not on what holds it
	Resources  []Resource
	Parameters []byte // JSON, or nil
	Response   []byte // JSON, or nil
	// ErrorCode and ErrorMessage say why the act was not done; "" if it was.
	ErrorCode, ErrorMessage string

	at position
}

// Query says which events to search for. The zero value finds all.
type Query struct {
	From, To time.Time // From <= time < To; zero means no bound
	Account  string
	Region   string
	// Caller matches the caller's ARN, its last part (a user's name), its access
	// key or its unique id.
	Caller string
	// Action matches "CreateTable" or "dynamodb:CreateTable"; '*' and '?' are wildcards.
	Action string
	// Resource matches an ARN or what follows its last '/' or ':'; '*' and '?' are wildcards.
	Resource string
	// Data includes acts on data, such as PutItem.
	Data  bool
	Limit int    // events of a page: 1 to 1000, 50 if zero
	Page  string // Result.Next of the page before

	match func(*Entry) bool
}

// Result is a page of events, newest first.
type Result struct {
	Events []Entry
	// Next asks for the next page; "" after the last. A page may hold fewer
	// events than asked for, even none, and yet have a next.
	Next string
}

// ErrPage says that Query.Page is not from a Result.
var ErrPage = errors.New("audit: malformed page token")

// searched is how many records one page looks at in each account and class, so
// that a rare match in a long time costs many short reads and not one long one.
const searched = 20_000

// Search returns a page of the events that q asks for, newest first.
func Search(ctx context.Context, store kv.Store, q Query) (Result, error) {
	limit := min(max(q.Limit, 0), 1000)
	if limit == 0 {
		limit = 50
	}
	before, err := parsePage(q.Page)
	if err != nil {
		return Result{}, err
	}
	var res Result
	err = store.View(ctx, func(r kv.Reader) error {
		trails, err := trailsOf(ctx, r, q)
		if err != nil {
			return err
		}
		var found []Entry
		var horizon position // the newest place at which a trail stopped short of its end
		stopped := false
		for _, t := range trails {
			events, last, more, err := t.read(ctx, r, q, before, limit+1)
			if err != nil {
				return err
			}
			found = append(found, events...)
			if more && (!stopped || last.compare(horizon) > 0) {
				stopped, horizon = true, last
			}
		}
		slices.SortFunc(found, func(a, b Entry) int { return b.at.compare(a.at) })
		// What is older than the horizon is left to the next page, since the
		// trail that stopped there may hold newer events.
		if stopped {
			n, _ := slices.BinarySearchFunc(found, horizon, func(e Entry, h position) int { return h.compare(e.at) })
			for n < len(found) && found[n].at.compare(horizon) >= 0 {
				n++
			}
			found = found[:n]
			res.Next = horizon.page()
		}
		if len(found) > limit {
			found = found[:limit]
			res.Next = found[limit-1].at.page()
		}
		res.Events = found
		return nil
	})
	return res, err
}

// Lookup returns the event of an id in an account, and whether there is one.
func Lookup(ctx context.Context, store kv.Store, account, id string) (Entry, bool, error) {
	at, ok := parseID(id)
	if !ok {
		return Entry{}, false, nil
	}
	var e Entry
	var found bool
	err := store.View(ctx, func(r kv.Reader) error {
		for _, c := range []class{management, data} {
			val, err := r.Get(ctx, at.key(appendPrefix(nil, c, account)))
			if err != nil {
				return err
			}
			if val != nil {
				e, found = Entry{ID: id, Account: account, Data: c == data, at: at}, true
				return decodeRecord(val, &e)
			}
		}
		return nil
	})
	return e, found, err
}

// trail is the events of one class in one account.
type trail struct {
	class   class
	account string
}

// trailsOf returns the trails that q searches. Without an account it finds all by
// skipping from the first key of one to that of the next.
func trailsOf(ctx context.Context, r kv.Reader, q Query) ([]trail, error) {
	classes := []class{management}
	if q.Data {
		classes = append(classes, data)
	}
	var trails []trail
	for _, c := range classes {
		if q.Account != "" {
			trails = append(trails, trail{c, q.Account})
			continue
		}
		accounts, err := accountsOf(ctx, r, c)
		if err != nil {
			return nil, err
		}
		for _, a := range accounts {
			trails = append(trails, trail{c, a})
		}
	}
	return trails, nil
}

// accountsOf returns the accounts that have events of a class.
func accountsOf(ctx context.Context, r kv.Reader, c class) ([]string, error) {
	base := tuple.Of("audit", string(c))
	var accounts []string
	for from, to := base, tuple.Below(base); ; {
		found := false
		for p, err := range r.Scan(ctx, kv.Range{From: from, To: to, Limit: 1}) {
			if err != nil {
				return nil, err
			}
			account, _, err := tuple.String(p.Key[len(base):])
			if err != nil {
				return nil, err
			}
			accounts, found = append(accounts, account), true
			from = tuple.Below(appendPrefix(nil, c, account))
		}
		if !found {
			return accounts, nil
		}
	}
}

// read returns up to limit events of the trail that q matches and that are older
// than before, newest first; the place of the last record that it looked at; and
// whether it stopped before the end.
func (t trail) read(ctx context.Context, r kv.Reader, q Query, before position, limit int) (events []Entry, last position, more bool, err error) {
	prefix := appendPrefix(nil, t.class, t.account)
	rng := kv.Range{From: prefix, To: tuple.Below(prefix), Reverse: true}
	if !q.From.IsZero() {
		rng.From = appendTime(prefix, q.From)
	}
	if !q.To.IsZero() {
		rng.To = appendTime(prefix, q.To)
	}
	if !before.zero() {
		if k := before.key(prefix); bytes.Compare(k, rng.To) < 0 {
			rng.To = k
		}
	}
	if bytes.Compare(rng.From, rng.To) >= 0 {
		return nil, position{}, false, nil
	}
	looked := 0
	for p, err := range r.Scan(ctx, rng) {
		if err != nil {
			return nil, position{}, false, err
		}
		at, err := positionOf(p.Key[len(prefix):])
		if err != nil {
			return nil, position{}, false, err
		}
		if looked++; looked > searched || len(events) == limit {
			return events, last, true, nil
		}
		last = at
		e := Entry{ID: at.id(), Account: t.account, Data: t.class == data, at: at}
		if err := decodeRecord(p.Val, &e); err != nil {
			return nil, position{}, false, err
		}
		if q.matches(&e) {
			events = append(events, e)
		}
	}
	return events, last, false, nil
}

func (q *Query) matches(e *Entry) bool {
	switch {
	case q.Region != "" && e.Region != q.Region,
		q.Caller != "" && !e.calledBy(q.Caller),
		q.Action != "" && !like(q.Action, e.Operation) && !like(q.Action, e.Service+":"+e.Operation),
		q.Resource != "" && !slices.ContainsFunc(e.Resources, func(r Resource) bool { return like(q.Resource, r.ARN) || like(q.Resource, lastPart(r.ARN)) }):
		return false
	}
	return q.match == nil || q.match(e)
}

func (e *Entry) calledBy(caller string) bool {
	c := &e.Caller
	return caller == c.ARN || caller == c.AccessKeyID || caller == c.UserID || caller == c.Principal || caller == lastPart(c.ARN)
}

// like compares with wildcards, of which no other character is one.
func like(pattern, s string) bool {
	if !strings.ContainsAny(pattern, "*?") {
		return pattern == s
	}
	// path.Match is blind only to '/', and knows two more special characters.
	plain := strings.NewReplacer("/", "\x01", `\`, `\\`, "[", `\[`)
	ok, err := path.Match(plain.Replace(pattern), strings.ReplaceAll(s, "/", "\x01"))
	return ok && err == nil
}

// lastPart is the name in an ARN.
func lastPart(arn string) string {
	return arn[strings.LastIndexAny(arn, "/:")+1:]
}
