package dir

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/modelwharf/modelwharf/internal/blob"
)

// state is what is known of an upload up to the last sync.
type state struct {
	Label  string           `json:"l"`
	Size   int64            `json:"n"` // bytes that are synced
	Hashes []blob.HashState `json:"h"`
	Synced time.Time        `json:"t"`

	generation uint64
}

// A state file has two slots, written in turn: a write that a crash tears apart
// leaves the other one. A slot is the generation, the length and the checksum of the
// JSON that follows; the whole one of the higher generation counts.
const (
	slotSize   = 4 << 10
	slotHeader = 8 + 4 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// write writes the next generation of the state.
func (st *state) write(f File) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	if len(b) > slotSize-slotHeader {
		return fmt.Errorf("blob: the state of an upload has %d bytes", len(b))
	}
	st.generation++
	slot := binary.BigEndian.AppendUint64(make([]byte, 0, slotHeader+len(b)), st.generation)
	slot = binary.BigEndian.AppendUint32(slot, uint32(len(b)))
	slot = binary.BigEndian.AppendUint32(slot, checksum(st.generation, b))
	_, err = f.WriteAt(append(slot, b...), int64(st.generation%2)*slotSize)
	return err
}

// readState returns the newest whole state. If there is none, as of an upload that
// was never synced when the power went, that is ErrNotFound.
func readState(f File) (*state, error) {
	newest := &state{}
	for i := range int64(2) {
		var slot [slotSize]byte
		n, err := f.ReadAt(slot[:], i*slotSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if n < slotHeader {
			continue
		}
		generation, length := binary.BigEndian.Uint64(slot[:]), binary.BigEndian.Uint32(slot[8:])
		if length > uint32(n-slotHeader) {
			continue
		}
		b := slot[slotHeader : slotHeader+length]
		if generation <= newest.generation || checksum(generation, b) != binary.BigEndian.Uint32(slot[12:]) {
			continue
		}
		st := &state{generation: generation}
		if err := json.Unmarshal(b, st); err != nil {
			return nil, err
		}
		newest = st
	}
	if newest.generation == 0 {
		return nil, blob.ErrNotFound
	}
	return newest, nil
}

func checksum(generation uint64, b []byte) uint32 {
	return crc32.Update(uint32(generation), castagnoli, b)
}
