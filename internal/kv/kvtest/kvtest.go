// Package kvtest is the suite that every kv engine passes. It tests the store on
// the engine, since that is what the engine's promises are for.
package kvtest

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// Medium is where an engine keeps its data. Each call opens an engine on the same
// data, after the one before was closed.
type Medium func() (kv.Engine, error)

// Run runs the suite. It asks for a new, empty medium for each test.
func Run(t *testing.T, medium func(t *testing.T) Medium) {
	tests := map[string]func(*store){
		"Get":                   testGet,
		"Hot":                   testHot,
		"HotIsNeverStale":       testHotIsNeverStale,
		"OwnWrites":             testOwnWrites,
		"LastWriteWins":         testLastWriteWins,
		"DeleteAndRecreate":     testDeleteAndRecreate,
		"Scan":                  testScan,
		"ScanBounds":            testScanBounds,
		"DeleteRange":           testDeleteRange,
		"LargeKeysAndValues":    testLargeKeysAndValues,
		"Limits":                testLimits,
		"ManyKeys":              testManyKeys,
		"SnapshotsAreStable":    testSnapshotsAreStable,
		"ConditionalPut":        testConditionalPut,
		"LostUpdate":            testLostUpdate,
		"WriteSkew":             testWriteSkew,
		"Transfers":             testTransfers,
		"BlindWrites":           testBlindWrites,
		"ReadOnlyUpdate":        testReadOnlyUpdate,
		"ErrorsWriteNothing":    testErrorsWriteNothing,
		"Cancellation":          testCancellation,
		"StarvationFree":        testStarvationFree,
		"LargeGroups":           testLargeGroups,
		"StampsAreDense":        testStampsAreDense,
		"StampsInCommitOrder":   testStampsInCommitOrder,
		"PutStamped":            testPutStamped,
		"CommitTime":            testCommitTime,
		"ClockGoesBack":         testClockGoesBack,
		"HistoryEnds":           testHistoryEnds,
		"CloseWaits":            testCloseWaits,
		"RegistersSerializable": testRegisters,
		"PairsSerializable":     testPairs,
		"Format":                testFormat,
		"Migration":             testMigration,
		"Backup":                testBackup,
		"BackupWhileWriting":    testBackupWhileWriting,
		"TornBackup":            testTornBackup,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &store{T: t, medium: medium(t), clock: &Clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
			s.open()
			t.Cleanup(func() {
				if s.DB != nil {
					s.DB.Close()
				}
			})
			test(s)
		})
	}
}

// Clock is a clock that stands until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves the clock, also back.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// store is an open store with what a test says often. Its methods end the test on
// an error, so they are for the test's own goroutine.
type store struct {
	*testing.T
	DB      *kv.DB
	medium  Medium
	clock   *Clock
	options kv.Options
}

func (s *store) open() {
	s.Helper()
	engine, err := s.medium()
	if err != nil {
		s.Fatal(err)
	}
	s.options.Now = s.clock.Now
	if s.DB, err = kv.Open(engine, s.options); err != nil {
		s.Fatal(err)
	}
}

func (s *store) reopen() {
	s.Helper()
	if err := s.DB.Close(); err != nil {
		s.Fatal(err)
	}
	s.open()
}

func (s *store) update(fn func(kv.Txn) error) kv.Stamp {
	s.Helper()
	stamp, err := s.DB.Update(s.Context(), fn)
	if err != nil {
		s.Fatal(err)
	}
	return stamp
}

func (s *store) put(key, val string) kv.Stamp {
	s.Helper()
	return s.update(func(tx kv.Txn) error {
		tx.Put([]byte(key), []byte(val))
		return nil
	})
}

func (s *store) delete(key string) {
	s.Helper()
	s.update(func(tx kv.Txn) error {
		tx.Delete([]byte(key))
		return nil
	})
}

// get returns the value of key, "-" if it is absent.
func (s *store) get(key string) (val string) {
	s.Helper()
	s.view(func(r kv.Reader) { val = s.getIn(r, key) })
	return val
}

func (s *store) getIn(r kv.Reader, key string) string {
	s.Helper()
	val, err := r.Get(s.Context(), []byte(key))
	if err != nil {
		s.Fatal(err)
	}
	if val == nil {
		return "-"
	}
	return string(val)
}

func (s *store) view(fn func(kv.Reader)) {
	s.Helper()
	err := s.DB.View(s.Context(), func(r kv.Reader) error {
		fn(r)
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// keys returns the keys of a range, joined by spaces.
func (s *store) keys(r kv.Reader, rng kv.Range) (keys string) {
	s.Helper()
	for p, err := range r.Scan(s.Context(), rng) {
		if err != nil {
			s.Fatal(err)
		}
		if keys != "" {
			keys += " "
		}
		keys += string(p.Key)
	}
	return keys
}

func (s *store) want(what string, got, want any) {
	s.Helper()
	if got != want {
		s.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func number(val []byte) uint64 {
	if len(val) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(val)
}

func numeral(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// together runs fn n times at once and ends the test if one fails.
func (s *store) together(n int, fn func(worker int) error) {
	s.Helper()
	var wg sync.WaitGroup
	for worker := range n {
		wg.Go(func() {
			if err := fn(worker); err != nil {
				s.Error(err)
			}
		})
	}
	wg.Wait()
	if s.Failed() {
		s.FailNow()
	}
}
