package pebble

// Metrics are the numbers of an engine that are worth watching.
type Metrics struct {
	DiskBytes           uint64 // tables and log
	TableFiles          int64
	L0Sublevels         int32 // more than a few: compaction lags behind
	CompactionDebtBytes uint64
	Compactions         int64 // since the start, as all that follow but the sizes
	Flushes             int64
	LogBytes            uint64 // written to the log
	MemTableBytes       uint64
	CacheBytes          int64
	CacheHits           int64
	CacheMisses         int64
	Snapshots           int // open now
}

// Metrics returns the present numbers.
func (e *Engine) Metrics() Metrics {
	m := e.db.Metrics()
	files := int64(0)
	for _, level := range m.Levels {
		files += level.TablesCount
	}
	return Metrics{
		DiskBytes:           m.DiskSpaceUsage(),
		TableFiles:          files,
		L0Sublevels:         m.Levels[0].Sublevels,
		CompactionDebtBytes: m.Compact.EstimatedDebt,
		Compactions:         m.Compact.Count,
		Flushes:             m.Flush.Count,
		LogBytes:            m.WAL.BytesWritten,
		MemTableBytes:       m.MemTable.Size,
		CacheBytes:          m.BlockCache.Size,
		CacheHits:           m.BlockCache.Hits,
		CacheMisses:         m.BlockCache.Misses,
		Snapshots:           m.Snapshots.Count,
	}
}
