package modeltest

import (
	"fmt"
	"slices"
	"strings"
)

// statement is a write in PartiQL. What it means is its write: an UPDATE changes only
// what is there, a DELETE of nothing succeeds, and an INSERT is of nothing.
type statement struct {
	write
	where   condition // of the item, besides its key; nil for none
	returns string    // of RETURNING, as UpdateItem has it
}

func newStatement(t *table, w write, where condition) statement {
	s := statement{write: w, where: where}
	there := condition(exists{path: at(t.key[0].name)})
	absent := exists{path: at(t.key[0].name), not: true}
	switch {
	case w.kind == "Insert":
		return s
	case where != nil:
		s.condition = both{there, where}
	default:
		s.condition = there
	}
	if w.kind == "Delete" {
		s.condition = either{absent, s.condition}
	}
	return s
}

var returning = map[string]string{"ALL_OLD": "ALL OLD", "ALL_NEW": "ALL NEW", "UPDATED_OLD": "MODIFIED OLD", "UPDATED_NEW": "MODIFIED NEW"}

// request is the statement with its parameters.
func (s statement) request(m *model) map[string]any {
	t := newText()
	t.partiql = true
	var b strings.Builder
	table := t.name(s.table)
	switch s.kind {
	case "Insert":
		var members []string
		for _, name := range sortedNames(s.key) {
			members = append(members, "'"+strings.ReplaceAll(name, "'", "''")+"': "+t.value(s.key[name]))
		}
		fmt.Fprintf(&b, "INSERT INTO %s VALUE {%s}", table, strings.Join(members, ", "))
	case "Update":
		fmt.Fprintf(&b, "UPDATE %s %s", table, s.update.write(t))
	case "Delete":
		fmt.Fprintf(&b, "DELETE FROM %s", table)
	case "Check":
		fmt.Fprintf(&b, "EXISTS(SELECT * FROM %s", table)
	}
	if s.kind != "Insert" {
		for i, k := range m.table(s.table).key {
			b.WriteString([]string{" WHERE ", " AND "}[i] + t.path(at(k.name)) + " = " + t.value(s.key[k.name]))
		}
		if s.where != nil {
			b.WriteString(" AND " + writeSide(s.where, t))
		}
	}
	if s.kind == "Check" {
		b.WriteString(")")
	}
	if s.returns != "" {
		b.WriteString(" RETURNING " + returning[s.returns] + " *")
	}
	r := map[string]any{"Statement": b.String()}
	if t.params != nil {
		r["Parameters"] = t.params
	}
	if s.returnOld {
		r["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
	}
	return r
}

func sortedNames(d doc) (names []string) {
	for name := range d {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// execute is an ExecuteStatement of a write.
type execute struct {
	statement
	capacity string
}

func (o execute) do(m *model) string {
	r := o.request(m)
	set(r, "ReturnConsumedCapacity", o.capacity)
	got := m.server.call("ExecuteStatement", r)
	what := "ExecuteStatement " + jsonOf(r)
	old, next, f := m.write(o.write)
	if f != nil {
		return differ(what, got, f, nil)
	}
	items := []any{}
	if returned := (single{write: o.write, returns: o.returns}).returned(old, next); returned != nil {
		items = append(items, returned.json())
	}
	want := map[string]any{"Items": items}
	if t := m.table(o.table); tells(o.capacity) {
		want["ConsumedCapacity"] = t.writeCost(old, next).told(t, o.capacity, "")
	}
	return differ(what, got, nil, want)
}

// batchExecute is a BatchExecuteStatement of writes, each of which is alone.
type batchExecute struct {
	statements []statement
	capacity   string
}

func (o batchExecute) do(m *model) string {
	statements, responses, capacity := []any{}, []any{}, []any{}
	for _, s := range o.statements {
		statements = append(statements, s.request(m))
		old, next, f := m.write(s.write)
		if f != nil {
			// The words are compared where a statement is alone.
			responses = append(responses, map[string]any{"Error": reasonCode(f.code)})
			continue
		}
		response := map[string]any{"TableName": s.table}
		if returned := (single{write: s.write, returns: s.returns}).returned(old, next); returned != nil {
			response["Item"] = returned.json()
		}
		responses = append(responses, response)
		if t := m.table(s.table); tells(o.capacity) {
			capacity = append(capacity, t.writeCost(old, next).told(t, o.capacity, ""))
		}
	}
	r := map[string]any{"Statements": statements}
	set(r, "ReturnConsumedCapacity", o.capacity)
	got := m.server.call("BatchExecuteStatement", r)
	list, _ := got.body["Responses"].([]any)
	for i, response := range list {
		if fault, ok := response.(map[string]any)["Error"].(map[string]any); ok {
			list[i] = map[string]any{"Error": fault["Code"]}
		}
	}
	want := map[string]any{"Responses": responses}
	if len(capacity) > 0 {
		want["ConsumedCapacity"] = capacity
	}
	return differ("BatchExecuteStatement "+jsonOf(r), got, nil, want)
}

// reasonCode is the code of an error where it is told beside others.
func reasonCode(code string) string {
	switch code {
	case "":
		return "None"
	case "ValidationException":
		return "ValidationError"
	}
	return strings.TrimSuffix(code, "Exception")
}

// executeTransaction is an ExecuteTransaction of writes and EXISTS.
type executeTransaction struct {
	statements []statement
	token      string
	capacity   string
}

func (o executeTransaction) do(m *model) string {
	statements := []any{}
	var writes []write
	for _, s := range o.statements {
		s.returns = ""
		statements = append(statements, s.request(m))
		writes = append(writes, s.write)
	}
	r := map[string]any{"TransactStatements": statements}
	set(r, "ReturnConsumedCapacity", o.capacity)
	set(r, "ClientRequestToken", o.token)
	got := m.server.call("ExecuteTransaction", r)
	orderCapacity(got.body)
	token := o.token
	if token != "" {
		token = "ExecuteTransaction " + token
	}
	// What is wrong with an item is told with the number of its statement.
	for i, w := range writes {
		message, ok := got.body["message"].(string)
		if ok && m.table(w.table).checkKey(w) != nil {
			got.body["message"] = strings.TrimPrefix(message, fmt.Sprintf("Validation failed in TransactStatements[%d]: ", i))
		}
	}
	want, f := m.transact(writes, token, jsonOf(statements), o.capacity)
	return differ("ExecuteTransaction "+jsonOf(r), got, f, want)
}

// selects is a SELECT of one hash key, of all pages: a Query without its counts.
type selects struct{ search }

func (o selects) do(m *model) string {
	tb := m.table(o.table)
	x := tb.index(o.index)
	t := newText()
	t.partiql = true
	what := "*"
	if o.paths != nil {
		what = t.list(o.paths)
	}
	from := t.name(o.table)
	if o.index != "" {
		from += "." + t.name(o.index)
	}
	text := fmt.Sprintf("SELECT %s FROM %s WHERE %s = %s", what, from, t.path(at(x.key[0].name)), t.value(o.hash))
	if o.rangeOp != "" {
		name := t.path(at(x.key[1].name))
		switch o.rangeOp {
		case "BETWEEN":
			text += " AND " + name + " BETWEEN " + t.value(o.bounds[0]) + " AND " + t.value(o.bounds[1])
		case "begins_with":
			text += " AND begins_with(" + name + ", " + t.value(o.bounds[0]) + ")"
		default:
			text += " AND " + name + " " + o.rangeOp + " " + t.value(o.bounds[0])
		}
	}
	if o.filter != nil {
		text += " AND " + writeSide(o.filter, t)
	}
	if len(x.key) > 1 && o.reverse {
		text += " ORDER BY " + t.path(at(x.key[1].name)) + " DESC"
	}
	r := map[string]any{"Statement": text, "Parameters": t.params}
	set(r, "ReturnConsumedCapacity", o.capacity)
	if o.consistent {
		r["ConsistentRead"] = true
	}
	if o.limit > 0 {
		r["Limit"] = o.limit
	}
	one := o.index == "" && (len(x.key) == 1 || o.rangeOp == "=")
	if one {
		o.limit = 0 // there is no page after it
	}
	var rows []doc
	for _, row := range tb.rows(x) {
		if equal(row[x.key[0].name], o.hash.canonical()) && (len(x.key) == 1 || o.inRange(row[x.key[1].name])) {
			rows = append(rows, row)
		}
	}
	if len(x.key) > 1 && o.reverse {
		slices.Reverse(rows)
	}
	for range len(rows) + 2 {
		got := m.server.call("ExecuteStatement", r)
		want := o.page(tb, x, &rows)
		delete(want, "Count")
		delete(want, "ScannedCount")
		next := got.body["NextToken"]
		delete(got.body, "NextToken")
		if why := differ("ExecuteStatement "+jsonOf(r), got, nil, want); why != "" {
			return why
		}
		if next == nil {
			if want["LastEvaluatedKey"] != nil {
				return "ExecuteStatement " + jsonOf(r) + ": no NextToken"
			}
			return ""
		}
		r["NextToken"] = next
	}
	return text + ": " + errTooManyPages.Error()
}

func (g *generator) statement() statement {
	t := g.table()
	var names []string
	for _, k := range t.key {
		names = append(names, k.name)
	}
	where := func() condition {
		if g.one(2) {
			return nil
		}
		return g.condition(g.IntN(2), names...)
	}
	w := write{table: t.name, key: g.goodKey(t), returnOld: g.one(2)}
	switch g.IntN(4) {
	case 0:
		w.kind = "Insert"
		for {
			if w.key = g.item(t); w.key.bytes() <= maxItem && t.checkKey(write{kind: "Put", key: w.key}) == nil {
				return newStatement(t, w, nil)
			}
		}
	case 1:
		w.kind = "Delete"
		s := newStatement(t, w, where())
		s.returns = pick(g, "", "ALL_OLD")
		return s
	}
	w.kind = "Update"
	for _, a := range g.update(t) {
		if slices.Contains(names, a.path[0].name) {
			continue
		}
		if a.clause == "ADD" && a.value.kind == "N" {
			a = action{clause: "SET", path: a.path, operand: setOperand{f: "+", args: []setOperand{{f: "path", path: a.path}, {literal: a.value}}}}
		}
		w.update = append(w.update, a)
	}
	if w.update == nil {
		w.update = update{{clause: "REMOVE", path: at("with space")}}
	}
	s := newStatement(t, w, where())
	s.returns = pick(g, "", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
	return s
}

func (g *generator) statements(n int) []statement {
	return distinct(g, n, func() statement {
		s := g.statement()
		s.returns = ""
		return s
	}, func(s statement) (string, doc) { return s.table, s.key })
}

func (g *generator) partiql() operation {
	switch g.IntN(10) {
	case 0, 1, 2, 3:
		return execute{g.statement(), g.capacity()}
	case 4:
		o := batchExecute{capacity: g.capacity()}
		for range 1 + g.IntN(6) {
			o.statements = append(o.statements, g.statement())
		}
		return o
	case 5, 6:
		o := executeTransaction{statements: g.statements(1 + g.IntN(4)), capacity: g.capacity()}
		if g.one(2) {
			o.token = fmt.Sprint("token", g.IntN(3))
		}
		for i, s := range o.statements {
			if t := g.tableOf(s.table); g.one(4) && s.kind != "Insert" {
				s.write.kind, s.update = "Check", nil
				o.statements[i] = newStatement(t, s.write, exists{at("with space"), g.one(2)})
			}
		}
		return o
	}
	for {
		o := g.query().(search)
		if _, older := o.filter.(expected); older || o.scan {
			continue
		}
		o.start, o.counts, o.legacy, o.whole = nil, false, false, true
		for i, p := range o.paths {
			o.paths[i] = p[:1]
		}
		o.paths = slices.CompactFunc(o.paths, func(p, q path) bool { return p.key() == q.key() })
		if slices.ContainsFunc(o.paths, func(p path) bool {
			return slices.ContainsFunc(o.paths, func(q path) bool { return &p[0] != &q[0] && p.key() == q.key() })
		}) {
			continue
		}
		return selects{o}
	}
}

func (g *generator) tableOf(name string) *table {
	for _, t := range g.tables {
		if t.name == name {
			return t
		}
	}
	panic(name)
}
