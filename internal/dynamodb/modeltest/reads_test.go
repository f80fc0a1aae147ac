package modeltest

import (
	"sort"
	"strings"
)

// get is a GetItem, and one of several in a batch or transaction.
type get struct {
	table      string
	key        doc
	paths      []path // of a ProjectionExpression
	consistent bool
	capacity   string
}

func (o get) request() map[string]any {
	t := newText()
	r := map[string]any{"TableName": o.table, "Key": o.key.json()}
	if o.paths != nil {
		r["ProjectionExpression"] = t.list(o.paths)
	}
	t.into(r)
	return r
}

func (o get) do(m *model) string {
	r := o.request()
	set(r, "ReturnConsumedCapacity", o.capacity)
	if o.consistent {
		r["ConsistentRead"] = true
	}
	got := m.server.call("GetItem", r)
	what := "GetItem " + jsonOf(r)
	t := m.table(o.table)
	if f := t.checkKey(write{kind: "Get", key: o.key}); f != nil {
		return differ(what, got, f, nil)
	}
	want := map[string]any{}
	d := t.get(o.key)
	if d != nil {
		want["Item"] = project(d, o.paths).json()
	}
	if tells(o.capacity) {
		want["ConsumedCapacity"] = cost{table: readCost(d.bytes(), o.consistent)}.told(t, o.capacity, "")
	}
	return differ(what, got, nil, want)
}

// batchGet is a BatchGetItem of keys that differ. All gets of a table have the same
// paths and consistency.
type batchGet struct {
	gets     []get
	capacity string
}

func (o batchGet) do(m *model) string {
	tables, responses, costs := map[string]any{}, map[string]any{}, map[string]*cost{}
	total := 0
	for _, g := range o.gets {
		if tables[g.table] == nil {
			r := g.request()
			delete(r, "TableName")
			delete(r, "Key")
			r["ConsistentRead"], r["Keys"] = g.consistent, []any{}
			tables[g.table], responses[g.table], costs[g.table] = r, []any{}, &cost{}
		}
		r := tables[g.table].(map[string]any)
		r["Keys"] = append(r["Keys"].([]any), g.key.json())
		d := m.table(g.table).get(g.key)
		if d != nil {
			responses[g.table] = append(responses[g.table].([]any), project(d, g.paths).json())
		}
		costs[g.table].add(cost{table: readCost(d.bytes(), g.consistent)})
		total += d.bytes()
	}
	r := map[string]any{"RequestItems": tables}
	set(r, "ReturnConsumedCapacity", o.capacity)
	got := m.server.call("BatchGetItem", r)
	orderCapacity(got.body)
	// The items of a table come in any order.
	for _, body := range []any{got.body["Responses"], responses} {
		byTable, _ := body.(map[string]any)
		for _, items := range byTable {
			list := items.([]any)
			sort.Slice(list, func(i, j int) bool { return show(list[i]) < show(list[j]) })
		}
	}
	want := map[string]any{"Responses": responses, "UnprocessedKeys": map[string]any{}}
	m.tellCosts(want, costs, o.capacity, "")
	return differ("BatchGetItem "+jsonOf(r), got, nil, want)
}

// transactGet is a TransactGetItems.
type transactGet struct {
	gets     []get
	capacity string
}

func (o transactGet) do(m *model) string {
	actions, responses, costs := []any{}, []any{}, map[string]*cost{}
	total := 0
	for _, g := range o.gets {
		actions = append(actions, map[string]any{"Get": g.request()})
		response := map[string]any{}
		d := m.table(g.table).get(g.key)
		if d != nil {
			response["Item"] = project(d, g.paths).json()
		}
		responses = append(responses, response)
		if costs[g.table] == nil {
			costs[g.table] = &cost{}
		}
		costs[g.table].add(cost{table: 2 * readCost(d.bytes(), true)})
		total += d.bytes()
	}
	r := map[string]any{"TransactItems": actions}
	set(r, "ReturnConsumedCapacity", o.capacity)
	got := m.server.call("TransactGetItems", r)
	orderCapacity(got.body)
	what := "TransactGetItems " + jsonOf(r)
	if total > 4<<20 {
		return differ(what, got, invalid(), nil)
	}
	want := map[string]any{"Responses": responses}
	m.tellCosts(want, costs, o.capacity, "ReadCapacityUnits")
	return differ(what, got, nil, want)
}

// orderCapacity sorts the ConsumedCapacity of several tables by their names.
func orderCapacity(body map[string]any) {
	list, _ := body["ConsumedCapacity"].([]any)
	name := func(i int) string { return list[i].(map[string]any)["TableName"].(string) }
	sort.Slice(list, func(i, j int) bool { return name(i) < name(j) })
}

// describe asks how much a table and its indexes hold.
type describe struct{ table string }

func (o describe) do(m *model) string {
	got := m.server.call("DescribeTable", map[string]any{"TableName": o.table})
	told, _ := got.body["Table"].(map[string]any)
	if told == nil {
		return differ("DescribeTable", got, nil, nil)
	}
	t := m.table(o.table)
	count, bytes := t.size(t.index(""))
	want := map[string]any{"": []any{count, bytes}}
	is := map[string]any{"": []any{told["ItemCount"], told["TableSizeBytes"]}}
	for _, x := range t.indexes {
		count, bytes := t.size(x)
		want[x.name] = []any{count, bytes}
	}
	for _, kind := range []string{"GlobalSecondaryIndexes", "LocalSecondaryIndexes"} {
		list, _ := told[kind].([]any)
		for _, x := range list {
			x := x.(map[string]any)
			is[x["IndexName"].(string)] = []any{x["ItemCount"], x["IndexSizeBytes"]}
		}
	}
	return differBody("DescribeTable "+o.table, is, want)
}

// search is a Query or a Scan, of all pages.
type search struct {
	scan       bool
	table      string
	index      string
	hash       value // of a Query
	rangeOp    string
	bounds     []value // of the range key
	start      doc     // an ExclusiveStartKey, that there need be no item with
	filter     condition
	paths      []path
	counts     bool // Select COUNT
	limit      int
	reverse    bool
	consistent bool
	segment    int
	segments   int // 0 for no segments
	capacity   string
	legacy     bool // KeyConditions and no expressions
	whole      bool // without paths it wants all attributes, also of a local index
}

func (o search) operation() string {
	if o.scan {
		return "Scan"
	}
	return "Query"
}

func (o search) request(m *model) map[string]any {
	t := newText()
	r := map[string]any{"TableName": o.table}
	set(r, "IndexName", o.index)
	set(r, "ReturnConsumedCapacity", o.capacity)
	if !o.scan {
		x := m.table(o.table).index(o.index)
		if o.legacy {
			conditions := map[string]any{x.key[0].name: comparison("EQ", o.hash)}
			if o.rangeOp != "" {
				conditions[x.key[1].name] = comparison(legacyNames[o.rangeOp], o.bounds...)
			}
			r["KeyConditions"] = conditions
		} else {
			r["KeyConditionExpression"] = o.keyCondition(x, t)
		}
		if o.reverse {
			r["ScanIndexForward"] = false
		}
	}
	switch c := o.filter.(type) {
	case nil:
	case expected:
		c.into(r, o.operation()+"Filter")
	default:
		r["FilterExpression"] = c.write(t)
	}
	if o.paths != nil {
		r["ProjectionExpression"] = t.list(o.paths)
	}
	if o.counts {
		r["Select"] = "COUNT"
	}
	if o.limit > 0 {
		r["Limit"] = o.limit
	}
	if o.consistent {
		r["ConsistentRead"] = true
	}
	if o.segments > 0 {
		r["Segment"], r["TotalSegments"] = o.segment, o.segments
	}
	t.into(r)
	return r
}

func (o search) keyCondition(x *index, t *text) string {
	c := t.path(at(x.key[0].name)) + " = " + t.value(o.hash)
	if o.rangeOp == "" {
		return c
	}
	name := t.path(at(x.key[1].name))
	switch o.rangeOp {
	case "BETWEEN":
		return c + " AND " + name + " BETWEEN " + t.value(o.bounds[0]) + " AND " + t.value(o.bounds[1])
	case "begins_with":
		return c + " AND begins_with(" + name + ", " + t.value(o.bounds[0]) + ")"
	}
	return t.value(o.bounds[0]) + " " + mirrored[o.rangeOp] + " " + name + " AND " + c
}

var mirrored = map[string]string{"=": "=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}

func (o search) inRange(v value) bool {
	switch o.rangeOp {
	case "":
		return true
	case "BETWEEN":
		return order(v, o.bounds[0]) >= 0 && order(v, o.bounds[1]) <= 0
	case "begins_with":
		return strings.HasPrefix(v.text, o.bounds[0].text)
	}
	return compare{operand{literal: v}, o.rangeOp, operand{literal: o.bounds[0]}}.holds(nil)
}

func (o search) do(m *model) string {
	t := m.table(o.table)
	x := t.index(o.index)
	r := o.request(m)
	what := o.operation() + " " + jsonOf(r)
	var rows []doc
	if o.scan {
		var why string
		if rows, why = m.scanned(o.table, o.index, o.segment, o.segments); why != "" {
			return why
		}
	} else {
		for _, row := range t.rows(x) {
			if !equal(row[x.key[0].name], o.hash.canonical()) || len(x.key) > 1 && !o.inRange(row[x.key[1].name]) {
				continue
			}
			beyond := 1
			if o.start != nil {
				beyond = t.compare(x, row, o.start)
			}
			if o.reverse && (o.start == nil || beyond < 0) {
				rows = append([]doc{row}, rows...)
			} else if !o.reverse && beyond > 0 {
				rows = append(rows, row)
			}
		}
		if o.start != nil {
			r["ExclusiveStartKey"] = o.start.json()
		}
	}
	for range len(rows) + 2 {
		got := m.server.call(o.operation(), r)
		page := o.page(t, x, &rows)
		if why := differ(what, got, nil, page); why != "" {
			return why
		}
		last, ok := got.body["LastEvaluatedKey"]
		if !ok {
			return ""
		}
		r["ExclusiveStartKey"] = last
	}
	return what + ": " + errTooManyPages.Error()
}

// page is the next page of rows, which it takes away.
func (o search) page(t *table, x *index, rows *[]doc) map[string]any {
	items, count, examined, bytes := []any{}, 0, 0, 0
	spent := cost{}
	want := map[string]any{}
	for len(*rows) > 0 {
		row := (*rows)[0]
		*rows = (*rows)[1:]
		examined++
		bytes += row.bytes()
		if o.filter == nil || o.filter.holds(row) {
			count++
			if !o.counts {
				if o.fetches(t, x) {
					row = t.get(row)
					spent.table += readCost(row.bytes(), o.consistent)
				}
				items = append(items, project(row, o.paths).json())
			}
		}
		if examined == o.limit || bytes >= 1<<20 {
			want["LastEvaluatedKey"] = row.only(t.keyNames(x)).json()
			break
		}
	}
	want["Count"], want["ScannedCount"] = count, examined
	if !o.counts {
		want["Items"] = items
	}
	if tells(o.capacity) {
		if o.index == "" {
			spent.table = readCost(bytes, o.consistent)
		} else {
			spent.indexes = map[string]float64{o.index: readCost(bytes, o.consistent)}
		}
		want["ConsumedCapacity"] = spent.told(t, o.capacity, "")
	}
	return want
}

// fetches reports whether what is wanted of a local index is not all in it.
func (o search) fetches(t *table, x *index) bool {
	if o.index == "" || !x.local || x.projection == "ALL" {
		return false
	}
	if o.whole && o.paths == nil {
		return true
	}
	for _, p := range o.paths {
		found := false
		for _, name := range t.projected(x) {
			found = found || name == p[0].name
		}
		if !found {
			return true
		}
	}
	return false
}

// scanned are the rows of an index, or of a segment of it, in the order in which a scan
// finds them: that of hashes, which the reference does not know. It makes sure that
// those of one partition lie together and in order, and that they are all.
func (m *model) scanned(name, index string, segment, segments int) (rows []doc, why string) {
	t := m.table(name)
	x := t.index(index)
	byKey := map[string]doc{}
	for _, row := range t.rows(x) {
		byKey[show(row.only(t.keyNames(x)).json())] = row
	}
	all := len(byKey)
	segmentsOf := func(segment, segments int) (rows []doc, why string) {
		r := map[string]any{"TableName": name, "ProjectionExpression": "#a", "ExpressionAttributeNames": map[string]string{"#a": t.key[0].name}}
		t2 := newText()
		var keys []path
		for _, name := range unique(t.keyNames(x)) {
			keys = append(keys, at(name))
		}
		r["ProjectionExpression"] = t2.list(keys)
		delete(r, "ExpressionAttributeNames")
		t2.into(r)
		set(r, "IndexName", index)
		if segments > 0 {
			r["Segment"], r["TotalSegments"] = segment, segments
		}
		for {
			got := m.server.call("Scan", r)
			if got.code != "" {
				return nil, "Scan " + jsonOf(r) + ": " + got.code + ": " + got.message()
			}
			for _, item := range got.body["Items"].([]any) {
				row, ok := byKey[show(item)]
				if !ok {
					return nil, "Scan of " + name + " " + index + " returns what is not there, or twice: " + show(item)
				}
				delete(byKey, show(item))
				rows = append(rows, row)
			}
			if r["ExclusiveStartKey"] = got.body["LastEvaluatedKey"]; r["ExclusiveStartKey"] == nil {
				return rows, ""
			}
		}
	}
	if rows, why = segmentsOf(segment, segments); why != "" {
		return nil, why
	}
	seen := map[string]bool{}
	for i, row := range rows {
		hash := show(row.only(names(x.hash())).json())
		if i > 0 && hash == show(rows[i-1].only(names(x.hash())).json()) {
			if t.compare(x, rows[i-1], row) >= 0 {
				return nil, "Scan of " + name + " " + index + " is out of order"
			}
			continue
		}
		if seen[hash] {
			return nil, "Scan of " + name + " " + index + " tears a partition"
		}
		seen[hash] = true
	}
	// The other segments have the rest.
	found := len(rows)
	for other := range segments {
		if other != segment {
			more, why := segmentsOf(other, segments)
			if why != "" {
				return nil, why
			}
			found += len(more)
		}
	}
	if found != all {
		return nil, "Scan of " + name + " " + index + " misses what is there: " + jsonOf(byKey)
	}
	return rows, ""
}

func unique(names []string) (once []string) {
	seen := map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			once = append(once, name)
		}
	}
	return once
}

func names(key []attribute) (names []string) {
	for _, k := range key {
		names = append(names, k.name)
	}
	return names
}
