package modeltest

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"
)

// change is a change of an item, as streams tell it and recovery knows it.
type change struct {
	key, old, next doc
	second         int64
	expired        bool // it was no client's
}

// expires is the attribute by which items expire in all tables, and fiveYears how long
// ago it may be.
const (
	expires   = "expires"
	fiveYears = 5 * 365 * 24 * 60 * 60
)

// begin gives all tables a stream, recovery and expiry.
func (m *model) begin() error {
	for _, t := range m.tables {
		for _, request := range []struct {
			operation string
			in        map[string]any
		}{
			{"UpdateTable", map[string]any{"StreamSpecification": map[string]any{"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"}}},
			{"UpdateContinuousBackups", map[string]any{"PointInTimeRecoverySpecification": map[string]any{"PointInTimeRecoveryEnabled": true}}},
			{"UpdateTimeToLive", map[string]any{"TimeToLiveSpecification": map[string]any{"Enabled": true, "AttributeName": expires}}},
		} {
			request.in["TableName"] = t.name
			if _, err := m.server.must(request.operation, request.in); err != nil {
				return err
			}
		}
	}
	m.server.settle()
	time.Sleep(2 * time.Second)
	m.begun = time.Now().Unix()
	return nil
}

// changed notes a change of an item.
func (m *model) changed(t *table, key, old, next doc, expired bool) {
	var names []string
	for _, k := range t.key {
		names = append(names, k.name)
	}
	t.history = append(t.history, change{key.canonical().only(names), old, next, time.Now().Unix(), expired})
}

// settle lets the background come to its end, and the expired items go.
func (m *model) settle() string {
	m.server.settle()
	if _, err := m.server.service.Expire(m.server.Context()); err != nil {
		return err.Error()
	}
	now := time.Now().Unix()
	for _, t := range m.tables {
		if t.restored {
			continue
		}
		for _, d := range t.items {
			v := d[expires]
			if v.kind != "N" {
				continue
			}
			if when := rat(v.text); when.Cmp(big.NewRat(now, 1)) <= 0 && when.Cmp(big.NewRat(now-fiveYears, 1)) > 0 {
				t.set(d, nil)
				m.changed(t, d, d, nil, true)
			}
		}
	}
	return ""
}

// follow reads the streams of all tables from their beginnings.
type follow struct{}

func (follow) do(m *model) string {
	for _, t := range m.tables {
		if why := m.follow(t); why != "" {
			return "the stream of " + t.name + ": " + why
		}
	}
	return ""
}

func (m *model) follow(t *table) string {
	described, err := m.server.must("DescribeTable", map[string]any{"TableName": t.name})
	if err != nil {
		return err.Error()
	}
	arn := described["Table"].(map[string]any)["LatestStreamArn"]
	stream, err := m.server.must("DescribeStream", map[string]any{"StreamArn": arn})
	if err != nil {
		return err.Error()
	}
	got := map[string][]any{}
	last := new(big.Rat)
	for _, shard := range stream["StreamDescription"].(map[string]any)["Shards"].([]any) {
		iterator, err := m.server.must("GetShardIterator", map[string]any{"StreamArn": arn,
			"ShardId": shard.(map[string]any)["ShardId"], "ShardIteratorType": "TRIM_HORIZON"})
		if err != nil {
			return err.Error()
		}
		for next := iterator["ShardIterator"]; next != nil; {
			page, err := m.server.must("GetRecords", map[string]any{"ShardIterator": next})
			if err != nil {
				return err.Error()
			}
			records := page["Records"].([]any)
			for _, r := range records {
				r := r.(map[string]any)
				body := r["dynamodb"].(map[string]any)
				number := rat(body["SequenceNumber"].(string))
				if number.Cmp(last) <= 0 {
					return "the sequence numbers do not rise"
				}
				last = number
				key := show(body["Keys"])
				got[key] = append(got[key], map[string]any{"event": r["eventName"], "old": body["OldImage"], "new": body["NewImage"],
					"second": body["ApproximateCreationDateTime"], "by": r["userIdentity"]})
			}
			if next = page["NextShardIterator"]; len(records) == 0 {
				break
			}
		}
	}
	want := map[string][]any{}
	for _, c := range t.history {
		record := map[string]any{"event": "MODIFY", "old": nil, "new": nil, "second": c.second, "by": nil}
		if c.old != nil {
			record["old"] = c.old.json()
		} else {
			record["event"] = "INSERT"
		}
		if c.next != nil {
			record["new"] = c.next.json()
		} else {
			record["event"] = "REMOVE"
		}
		if c.expired {
			record["by"] = map[string]any{"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
		}
		key := show(c.key.json())
		want[key] = append(want[key], record)
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if why := differBody("records of "+key, got[key], want[key]); why != "" {
			return why
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("it tells of %d items, not %d", len(got), len(want))
	}
	return ""
}

// itemsAt is what a table had at the end of a second.
func (t *table) itemsAt(second int64) map[string]doc {
	past := &table{key: t.key, items: map[string]doc{}}
	for _, c := range t.history {
		if c.second <= second {
			past.set(c.key, c.next)
		}
	}
	return past.items
}

// restore takes a table back to a second, in another table.
type restore struct {
	table string
	back  int64 // seconds
}

func (o restore) do(m *model) string {
	time.Sleep(2 * time.Second)
	second := max(m.begun, time.Now().Unix()-2-o.back)
	t := m.table(o.table)
	// Its settings, and so its indexes, are those of today.
	return m.restored(t, t.indexes, t.itemsAt(second), "RestoreTableToPointInTime",
		map[string]any{"SourceTableName": o.table, "RestoreDateTime": second})
}

// restored makes a table of another's past, compares it with what it must hold and
// removes it.
func (m *model) restored(t *table, indexes []*index, items map[string]doc, operation string, in map[string]any) string {
	in["TargetTableName"] = "restored"
	if _, err := m.server.must(operation, in); err != nil {
		return err.Error()
	}
	if why := m.settle(); why != "" {
		return why
	}
	past := &table{name: "restored", key: t.key, indexes: indexes, items: items, restored: true}
	m.tables = append(m.tables, past)
	why := m.whole(past)
	m.tables = m.tables[:len(m.tables)-1]
	if why != "" {
		return operation + " " + jsonOf(in) + ": " + why
	}
	if _, err := m.server.must("DeleteTable", map[string]any{"TableName": "restored"}); err != nil {
		return err.Error()
	}
	return ""
}

// kept is a backup.
type kept struct {
	arn     any
	table   *table
	indexes []*index
	items   map[string]doc
}

// backUp makes a backup of a table.
type backUp struct{ table string }

func (o backUp) do(m *model) string {
	t := m.table(o.table)
	got, err := m.server.must("CreateBackup", map[string]any{"TableName": o.table, "BackupName": fmt.Sprint("backup", len(m.backups))})
	if err != nil {
		return err.Error()
	}
	m.backups = append(m.backups, kept{got["BackupDetails"].(map[string]any)["BackupArn"], t, t.indexes, maps.Clone(t.items)})
	return m.settle()
}

// restoreBackup restores one of the backups that there are.
type restoreBackup struct{ which int }

func (o restoreBackup) do(m *model) string {
	if len(m.backups) == 0 {
		return ""
	}
	b := m.backups[o.which%len(m.backups)]
	return m.restored(b.table, b.indexes, maps.Clone(b.items), "RestoreTableFromBackup", map[string]any{"BackupArn": b.arn})
}
