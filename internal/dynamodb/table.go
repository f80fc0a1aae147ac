package dynamodb

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// tableState is a table as it is stored. It holds nothing that a write of an item
// changes.
type tableState struct {
	ID      uint64    `json:"id"`
	UUID    string    `json:"uuid"` // TableId
	Created time.Time `json:"created"`

	Hash  keyAttribute  `json:"hash"`
	Range *keyAttribute `json:"range,omitempty"`
	// Defined are the AttributeDefinitions, in the order in which they were given.
	Defined []keyAttribute `json:"defined"`

	Billing    billing    `json:"billing"`
	Throughput throughput `json:"throughput"`
	Maximum    maximum    `json:"maximum,omitzero"` // of a table on demand
	Warm       warm       `json:"warm,omitzero"`
	Class      string     `json:"class,omitempty"` // empty if it was never chosen
	ClassSet   time.Time  `json:"classSet,omitzero"`
	Protected  bool       `json:"protected,omitempty"`

	Tags   map[string]string `json:"tags,omitempty"`
	Policy resourcePolicy    `json:"policy,omitzero"`

	TimeToLive timeToLive    `json:"timeToLive,omitzero"`
	Stream     streamState   `json:"stream,omitzero"`
	Recovery   recoveryState `json:"recovery,omitzero"`
	Restore    *restoreState `json:"restore,omitempty"` // nil of a table that was not made by a restore
	// Importing is whether there is still something to come from a bucket.
	Importing bool `json:"importing,omitempty"`

	Indexes []indexState `json:"indexes,omitempty"`
	// LastIndex is the number of the newest index that there ever was.
	LastIndex uint64 `json:"lastIndex,omitempty"`
}

// beingFilled reports whether there is still something to come, before which only the
// control plane sees the table.
func (st *tableState) beingFilled() bool { return st.Restore.running() || st.Importing }

type keyAttribute struct {
	Name string `json:"name"`
	Type string `json:"type"` // S, N or B
}

// billing is how a table is paid for on AWS.
type billing struct {
	OnDemand bool `json:"onDemand,omitempty"`
	// OnDemandSince is when the table last became one, if it ever was.
	OnDemandSince time.Time `json:"onDemandSince,omitzero"`
}

// throughput is the provisioned throughput: zero of a table on demand.
type throughput struct {
	Read      int64     `json:"read,omitempty"`
	Write     int64     `json:"write,omitempty"`
	Increased time.Time `json:"increased,omitzero"`
	Decreased time.Time `json:"decreased,omitzero"`
	// Decreases counts those of the UTC day of Decreased.
	Decreases int64 `json:"decreases,omitempty"`
}

// table is a table as requests use it. It is never changed once made.
type table struct {
	tableState
	tableName
	key      []byte // of its description
	raw      []byte // what it was decoded from
	schema   item.Schema
	keyNames []string // of the primary key, sorted
	items    []byte   // the prefix of its items' keys
	// changes is the prefix of the keys that note how its size changed.
	changes  []byte
	expiring *expiring  // nil if its items do not expire
	log      *changeLog // nil if nobody follows its changes
	own      source     // its items
	indexes  []*index
	// indexedNames are the attributes that the entries of indexes are made of, but
	// for those that hold whole items; sorted.
	indexedNames []string
	arn          string
	// tagConditions are the aws:ResourceTag/… condition keys of its tags.
	tagConditions map[string][]string
	// policy is the document of its policy; nil without one.
	policy []byte
	meter  *meter
	guard  Guard // nil of a table that has nothing to guard
}

// decodeTable makes a table of its stored form.
func (s *Service) decodeTable(n tableName, raw []byte) (*table, error) {
	t := &table{tableName: n, key: tableKey(n), raw: raw, arn: n.arn()}
	if err := json.Unmarshal(raw, &t.tableState); err != nil {
		return nil, fmt.Errorf("description of table %s: %w", t.arn, err)
	}
	t.derive(s.now)
	t.guard = s.guardOf(t)
	s.account(t)
	if len(t.Tags) > 0 {
		t.tagConditions = make(map[string][]string, len(t.Tags))
		for k, v := range t.Tags {
			t.tagConditions["aws:ResourceTag/"+k] = []string{v}
		}
	}
	if t.Policy.Document != "" {
		t.policy = []byte(t.Policy.Document)
	}
	return t, nil
}

// derive sets what the items of a table are read and written by.
func (t *table) derive(now func() time.Time) {
	t.schema.Hash = t.Hash.key()
	if t.Range != nil {
		t.schema.Range = t.Range.key()
	}
	t.keyNames = slices.Sorted(slices.Values(t.schema.Names()))
	t.items = ofTable(itemsPrefix, t.ID)
	t.changes = ofTable(changesPrefix, t.ID)
	t.expiring = t.TimeToLive.of(t.ID)
	t.log = t.logOf(now)
	t.own = source{table: t, prefix: t.items, schema: t.schema, keyNames: t.keyNames}
	t.decodeIndexes()
}

func (a keyAttribute) key() item.KeyAttribute {
	return item.KeyAttribute{Name: a.Name, Type: scalarTypes[a.Type]}
}

var scalarTypes = map[string]dynamodb.Type{"S": dynamodb.TypeS, "N": dynamodb.TypeN, "B": dynamodb.TypeB}

// put stores a table's description.
func (st *tableState) put(tx kv.Txn, n tableName) error {
	raw, err := json.Marshal(st)
	if err != nil {
		return err
	}
	tx.Put(tableKey(n), raw)
	return nil
}

// tableCache keeps tables in their decoded form. It is never trusted alone: a
// transaction reads the stored description and uses the cached table only if that
// is what it was decoded from.
type tableCache struct {
	mu     sync.RWMutex
	tables map[tableName]*table
}

func (c *tableCache) get(n tableName) *table {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tables[n]
}

func (c *tableCache) put(t *table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tables[t.tableName] = t
}

func (c *tableCache) drop(n tableName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tables, n)
}

// peek returns the table called n for a decision of policy, or nil if there is
// none. It may be one that has just been changed by another server.
func (s *Service) peek(ctx context.Context, n tableName) (*table, error) {
	if t := s.cache.get(n); t != nil {
		return t, nil
	}
	return s.load(ctx, n)
}

// load is read in a snapshot of its own.
func (s *Service) load(ctx context.Context, n tableName) (t *table, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		t, err = s.readAny(ctx, r, n)
		return err
	})
	return t, err
}

// read returns the table called n as r sees it, or nil if there is none, or none yet
// whose restore or import is complete. In a transaction the description is thereby validated at
// commit, so that no write reaches a table that was dropped or changed meanwhile.
func (s *Service) read(ctx context.Context, r kv.Reader, n tableName) (*table, error) {
	t, err := s.readAny(ctx, r, n)
	if t != nil && t.beingFilled() {
		return nil, err
	}
	return t, err
}

// readAny is read for the control plane, which also knows the tables that are being
// restored or imported.
func (s *Service) readAny(ctx context.Context, r kv.Reader, n tableName) (*table, error) {
	t := s.cache.get(n)
	if t != nil {
		raw, err := r.GetHot(ctx, t.key)
		return s.current(n, t, raw, err)
	}
	raw, err := r.GetHot(ctx, tableKey(n))
	return s.current(n, nil, raw, err)
}

// current returns the cached table if it was decoded from raw, and otherwise
// decodes raw.
func (s *Service) current(n tableName, cached *table, raw []byte, err error) (*table, error) {
	switch {
	case err != nil:
		return nil, err
	case raw == nil:
		if cached != nil {
			s.cache.drop(n)
		}
		return nil, nil
	case cached != nil && bytes.Equal(cached.raw, raw):
		return cached, nil
	}
	t, err := s.decodeTable(n, raw)
	if err != nil {
		return nil, err
	}
	s.cache.put(t)
	return t, nil
}
