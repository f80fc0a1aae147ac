package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// position is the place of a record in the order of events: the end of its key.
type position struct {
	ms    uint64
	stamp kv.Stamp
	seq   uint16 // < 4096
}

func (p position) zero() bool { return p == position{} }

func (p position) compare(q position) int {
	return bytes.Compare(p.key(nil), q.key(nil))
}

func (p position) key(prefix []byte) []byte {
	k := tuple.AppendUint(slices.Clip(prefix), p.ms)
	k = binary.BigEndian.AppendUint64(k, uint64(p.stamp))
	return binary.BigEndian.AppendUint16(k, p.seq)
}

func positionOf(k []byte) (position, error) {
	ms, rest, err := tuple.Uint(k)
	if err != nil || len(rest) != 10 {
		return position{}, errRecord
	}
	return position{ms, kv.Stamp(binary.BigEndian.Uint64(rest)), binary.BigEndian.Uint16(rest[8:])}, nil
}

// appendTime is where the events from t on begin. Times within one millisecond
// are not told apart.
func appendTime(prefix []byte, t time.Time) []byte {
	return tuple.AppendUint(slices.Clip(prefix), uint64(max(0, t.UnixMilli())))
}

// id is the UUID (RFC 9562, version 7) of the event there: 48 bits of time, the
// sequence, and 62 bits of stamp.
func (p position) id() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], p.ms<<16|0x7000|uint64(p.seq&0xFFF))
	binary.BigEndian.PutUint64(b[8:], 1<<63|uint64(p.stamp)&(1<<62-1))
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func parseID(id string) (position, bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return position{}, false
	}
	b, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil || len(b) != 16 {
		return position{}, false
	}
	hi, lo := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	p := position{ms: hi >> 16, stamp: kv.Stamp(lo & (1<<62 - 1)), seq: uint16(hi & 0xFFF)}
	return p, strings.EqualFold(p.id(), id)
}

// page names the page that follows the event there. Whoever hands it out over an
// API seals it.
func (p position) page() string { return base64.RawURLEncoding.EncodeToString(p.key(nil)) }

func parsePage(token string) (position, error) {
	if token == "" {
		return position{}, nil
	}
	k, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return position{}, ErrPage
	}
	p, err := positionOf(k)
	if err != nil || p.zero() {
		return position{}, ErrPage
	}
	return p, nil
}
