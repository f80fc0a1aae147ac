package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

func (s *store) backup() ([]byte, kv.BackupInfo) {
	s.Helper()
	var out bytes.Buffer
	info, err := s.DB.Backup(s.Context(), &out)
	if err != nil {
		s.Fatal(err)
	}
	return out.Bytes(), info
}

// testBackup restores into an engine of another kind, and from there into one of
// the tested kind.
func testBackup(s *store) {
	start := s.clock.Now()
	for i := range 3000 {
		if i%1000 == 0 {
			s.clock.Add(time.Minute)
		}
		s.put(fmt.Sprintf("%05d", i), strings.Repeat("x", i))
	}
	stream, info := s.backup()
	s.want("stamp", info.Stamp, kv.Stamp(3000))
	s.want("time", info.Time, s.clock.Now())
	verified, err := kv.VerifyBackup(s.Context(), bytes.NewReader(stream))
	if err != nil {
		s.Fatal(err)
	}
	s.want("verified", verified, info)

	other := mem.New()
	restored, err := kv.Restore(s.Context(), other, bytes.NewReader(stream))
	if err != nil {
		s.Fatal(err)
	}
	s.want("restored", restored, info)
	if _, err := kv.Restore(s.Context(), other, bytes.NewReader(stream)); !errors.Is(err, kv.ErrNotEmpty) {
		s.Fatal("a second restore:", err)
	}
	copied := &store{T: s.T, clock: s.clock, medium: func() (kv.Engine, error) { return other, nil }}
	copied.open()
	defer copied.DB.Close()
	copied.want("value", len(copied.get("02999")), 2999)
	copied.want("history", copied.stampAt(start.Add(2*time.Minute)), kv.Stamp(1000))
	copied.want("stamps go on", copied.put("a", ""), kv.Stamp(3001))

	s.delete("00001")
	copied.delete("a")
	copied.delete("00001")
	s.view(func(mine kv.Reader) {
		copied.view(func(theirs kv.Reader) {
			s.want("keys", s.keys(mine, kv.Range{}) == s.keys(theirs, kv.Range{}), true)
		})
	})
}

// testBackupWhileWriting backs up under writers that keep two keys equal.
func testBackupWhileWriting(s *store) {
	ctx, stop := context.WithCancel(s.Context())
	done := make(chan struct{})
	started := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			s.DB.Update(ctx, func(tx kv.Txn) error {
				tx.Put([]byte("a"), fmt.Append(nil, i))
				tx.Put([]byte("z"), fmt.Append(nil, i))
				return nil
			})
			if i == 10 {
				close(started)
			}
		}
	}()
	<-started
	for range 20 {
		stream, info := s.backup()
		other := mem.New()
		if _, err := kv.Restore(s.Context(), other, bytes.NewReader(stream)); err != nil {
			s.Fatal(err)
		}
		copied := &store{T: s.T, clock: s.clock, medium: func() (kv.Engine, error) { return other, nil }}
		copied.open()
		copied.want("equal", copied.get("a"), copied.get("z"))
		copied.view(func(r kv.Reader) { copied.want("stamp", r.Stamp(), info.Stamp) })
		copied.DB.Close()
	}
	stop()
	<-done
}

func testTornBackup(s *store) {
	for i := range 20 {
		s.put(fmt.Sprint(i), strings.Repeat("x", i*10))
	}
	stream, _ := s.backup()
	check := func(what string, stream []byte) {
		s.Helper()
		if _, err := kv.VerifyBackup(s.Context(), bytes.NewReader(stream)); !errors.Is(err, kv.ErrBackup) {
			s.Fatalf("%s: %v", what, err)
		}
	}
	for n := range len(stream) {
		check(fmt.Sprintf("%d of %d bytes", n, len(stream)), stream[:n])
		damaged := bytes.Clone(stream)
		damaged[n] ^= 0x10
		check(fmt.Sprintf("byte %d damaged", n), damaged)
	}
	check("something behind it", append(bytes.Clone(stream), 0))

	engine := mem.New()
	if _, err := kv.Restore(s.Context(), engine, bytes.NewReader(stream[:len(stream)-1])); !errors.Is(err, kv.ErrBackup) {
		s.Fatal(err)
	}
	if _, err := kv.Open(engine, kv.Options{}); !errors.Is(err, kv.ErrFormat) {
		s.Fatal("what a torn backup left is opened:", err)
	}
}
