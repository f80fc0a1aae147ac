package dir_test

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
)

func sum(b []byte) blob.Digest { return digest.FromBytes(b) }

func newSum() hash.Hash { return sha256.New() }

// reader hides that the bytes are in memory already.
func reader(b []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(b)} }

// measure runs op and reports the CPU time of the process.
func measure(b *testing.B, op func()) {
	var before, after syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		op()
	}
	syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(cpu.Microseconds())/1000/float64(b.N), "cpu-ms/op")
}
