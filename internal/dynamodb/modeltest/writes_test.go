package modeltest

import (
	"fmt"
	"maps"
	"time"
)

// operation is one thing that a client asks for. It can be done to any model in any
// state, so that those before it can be left out.
type operation interface {
	// do does it to both sides, and tells how they differ.
	do(*model) string
}

// request is the parameters of a write.
func (w write) request() map[string]any {
	t := newText()
	r := map[string]any{"TableName": w.table}
	switch {
	case w.kind == "Put":
		r["Item"] = w.key.json()
	default:
		r["Key"] = w.key.json()
	}
	switch {
	case w.kind == "Update" && w.legacy:
		updates := map[string]any{}
		for _, a := range w.update {
			updates[a.path[0].name] = a.legacy()
		}
		r["AttributeUpdates"] = updates
	case w.kind == "Update" && len(w.update) > 0:
		r["UpdateExpression"] = w.update.write(t)
	}
	switch c := w.condition.(type) {
	case nil:
	case expected:
		c.into(r, "Expected")
	default:
		r["ConditionExpression"] = c.write(t)
	}
	if w.returnOld {
		r["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
	}
	t.into(r)
	return r
}

// single is a PutItem, UpdateItem or DeleteItem.
type single struct {
	write
	returns  string // ReturnValues
	capacity string // ReturnConsumedCapacity
}

func (o single) do(m *model) string {
	r := o.request()
	set(r, "ReturnValues", o.returns)
	set(r, "ReturnConsumedCapacity", o.capacity)
	got := m.server.call(o.kind+"Item", r)
	t := m.table(o.table)
	what := o.kind + "Item " + jsonOf(r)
	old, next, f := m.write(o.write)
	if f != nil {
		return differ(what, got, f, nil)
	}
	want := map[string]any{}
	if returned := o.returned(old, next); returned != nil {
		want["Attributes"] = returned.json()
	}
	if tells(o.capacity) {
		want["ConsumedCapacity"] = t.writeCost(old, next).told(t, o.capacity, "")
	}
	return differ(what, got, nil, want)
}

func (o single) returned(old, next doc) doc {
	touched := func(d doc) doc {
		if len(o.update) == 0 || d == nil {
			return nil
		}
		if d = project(d, o.update.paths()); len(d) == 0 {
			return nil
		}
		return d
	}
	switch o.returns {
	case "ALL_OLD":
		return old
	case "ALL_NEW":
		return next
	case "UPDATED_OLD":
		return touched(old)
	case "UPDATED_NEW":
		return touched(next)
	}
	return nil
}

func set(r map[string]any, name, v string) {
	if v != "" {
		r[name] = v
	}
}

func tells(capacity string) bool { return capacity == "TOTAL" || capacity == "INDEXES" }

// batchWrite is a BatchWriteItem of puts and deletions.
type batchWrite struct {
	writes   []write
	capacity string
}

func (o batchWrite) do(m *model) string {
	items := map[string]any{}
	for _, w := range o.writes {
		part := w.request()
		delete(part, "TableName")
		list, _ := items[w.table].([]any)
		items[w.table] = append(list, map[string]any{w.kind + "Request": part})
	}
	r := map[string]any{"RequestItems": items}
	set(r, "ReturnConsumedCapacity", o.capacity)
	got := m.server.call("BatchWriteItem", r)
	what := "BatchWriteItem " + jsonOf(r)
	if f := m.checkAll(o.writes, "Provided list of item keys contains duplicates"); f != nil {
		// Which of several wrong keys is told is not asked for.
		return differ(what, got, &failure{code: f.code}, nil)
	}
	costs := map[string]*cost{}
	for _, w := range o.writes {
		old, next, _ := m.write(w)
		if costs[w.table] == nil {
			costs[w.table] = &cost{}
		}
		costs[w.table].add(m.table(w.table).writeCost(old, next))
	}
	want := map[string]any{"UnprocessedItems": map[string]any{}}
	m.tellCosts(want, costs, o.capacity, "")
	orderCapacity(got.body)
	return differ(what, got, nil, want)
}

// checkAll checks the keys of several writes, which must differ.
func (m *model) checkAll(writes []write, duplicate string) *failure {
	seen := map[string]bool{}
	var first *failure
	for _, w := range writes {
		t := m.table(w.table)
		if f := t.checkKey(w); f != nil && (first == nil || first.late && !f.late) {
			first = f
		}
		seen[w.table+placeOf(t, w.key)] = true
	}
	if first == nil && len(seen) < len(writes) {
		return invalid(duplicate)
	}
	return first
}

// tellCosts adds the ConsumedCapacity of several tables, in the order of their names.
func (m *model) tellCosts(want map[string]any, costs map[string]*cost, capacity, kind string) {
	if !tells(capacity) {
		return
	}
	list := []any{}
	for _, t := range m.tables {
		if c := costs[t.name]; c != nil {
			list = append(list, c.told(t, capacity, kind))
		}
	}
	if len(list) > 0 {
		want["ConsumedCapacity"] = list
	}
}

// transactWrite is a TransactWriteItems.
type transactWrite struct {
	writes   []write
	token    string
	capacity string
}

func (o transactWrite) do(m *model) string {
	actions := []any{}
	for _, w := range o.writes {
		name := w.kind
		if name == "Check" {
			name = "ConditionCheck"
		}
		actions = append(actions, map[string]any{name: w.request()})
	}
	r := map[string]any{"TransactItems": actions}
	set(r, "ReturnConsumedCapacity", o.capacity)
	set(r, "ClientRequestToken", o.token)
	got := m.server.call("TransactWriteItems", r)
	orderCapacity(got.body)
	what := "TransactWriteItems " + jsonOf(r)
	want, f := m.transact(o.writes, o.token, jsonOf(actions), o.capacity)
	return differ(what, got, f, want)
}

// tokenLife is how long a ClientRequestToken is remembered.
const tokenLife = 10 * time.Minute

// transact does writes in one transaction.
func (m *model) transact(writes []write, token, request, capacity string) (want map[string]any, f *failure) {
	reasons := make([]failure, len(writes))
	cancelled := func() *failure {
		codes := ""
		for i := range reasons {
			r := &reasons[i]
			r.code = reasonCode(r.code)
			if i > 0 {
				codes += ", "
			}
			codes += r.code
		}
		return &failure{code: "TransactionCanceledException", reasons: reasons,
			messages: []string{"Transaction cancelled, please refer cancellation reasons for specific reasons [" + codes + "]"}}
	}
	for _, w := range writes {
		// Too large an item is told before its key is looked at.
		if w.kind == "Put" && w.key.bytes() > maxItem {
			return nil, invalid("Item size has exceeded the maximum allowed size")
		}
	}
	if f := m.checkAll(writes, "Transaction request cannot include multiple operations on one item"); f != nil {
		if !f.late {
			return nil, f
		}
		for i, w := range writes {
			if f := m.table(w.table).checkKey(w); f != nil {
				reasons[i] = *f
				return nil, cancelled()
			}
		}
	}
	costs := map[string]*cost{}
	tell := func(w write, c cost) {
		if costs[w.table] == nil {
			costs[w.table] = &cost{}
		}
		c.table *= 2
		costs[w.table].add(c)
	}
	want = map[string]any{}
	if used, ok := m.tokens[token]; ok && token != "" && time.Since(used.when) < tokenLife {
		if used.request != request {
			return nil, &failure{code: "IdempotentParameterMismatchException"}
		}
		for _, w := range writes {
			tell(w, cost{table: readCost(m.table(w.table).get(w.key).bytes(), true)})
		}
		m.tellCosts(want, costs, capacity, "ReadCapacityUnits")
		return want, nil
	}
	failed := false
	next := make([]doc, len(writes))
	for i, w := range writes {
		t := m.table(w.table)
		old, after, f := t.decide(w)
		if f != nil {
			reasons[i], failed = *f, true
			continue
		}
		next[i] = after
		tell(w, t.writeCost(old, after))
	}
	if failed {
		return nil, cancelled()
	}
	for i, w := range writes {
		m.commit(w, next[i])
	}
	if token != "" {
		m.tokens[token] = spent{request, time.Now()}
	}
	m.tellCosts(want, costs, capacity, "WriteCapacityUnits")
	return want, nil
}

// write does a write that is alone, if it can be done.
func (m *model) write(w write) (old, next doc, f *failure) {
	t := m.table(w.table)
	if w.kind == "Put" && w.key.bytes() > maxItem {
		return nil, nil, invalid("Item size has exceeded the maximum allowed size")
	}
	if f = t.checkKey(w); f != nil {
		return nil, nil, f
	}
	if old, next, f = t.decide(w); f == nil {
		m.commit(w, next)
	}
	return old, next, f
}

// commit puts next where the item of a write is.
func (m *model) commit(w write, next doc) {
	t := m.table(w.table)
	old := t.get(w.key)
	if old == nil && next == nil || old != nil && next != nil && maps.EqualFunc(old, next, equal) {
		return
	}
	t.set(w.key, next)
	m.changed(t, w.key, old, next, false)
}

func (w write) String() string { return fmt.Sprint(w.kind, " ", jsonOf(w.request())) }
