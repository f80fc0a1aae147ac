package kv

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"time"
)

// A backup is a stream that knows nothing of the engine it comes from, so it can
// be restored into any other. Numbers are big-endian.
//
//	"modelwharf backup 1\n"
//	block*  length (4 bytes, not 0), CRC-32C of the content (4 bytes), content:
//	        pairs in key order: length of key (4), length of value (4), key, value
//	end     a length of 0, then the last stamp (8), its time in nanoseconds since
//	        1970 (8), the number of pairs (8), the SHA-256 of all of the above (32)
//
// Nothing follows the end. The store's own keys are pairs like the others.
const backupMagic = "modelwharf backup 1\n"

const (
	blockSize = 1 << 20
	maxBlock  = blockSize + MaxKey + MaxValue + 8
	tailSize  = 8 + 8 + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrBackup says that a stream is not a backup, or not a whole and sound one.
var ErrBackup = errors.New("kv: not a sound backup")

// ErrNotEmpty says that a restore was asked for into a store that holds something.
var ErrNotEmpty = errors.New("kv: the store to restore into is not empty")

// BackupInfo says what a backup holds.
type BackupInfo struct {
	Stamp Stamp     // the last commit in it
	Time  time.Time // of that commit
	Pairs int64
}

// Backup writes the newest snapshot to out while the store goes on. It is complete
// only if the error is nil.
func (db *DB) Backup(ctx context.Context, out io.Writer) (BackupInfo, error) {
	snap, err := db.acquire()
	if err != nil {
		return BackupInfo{}, err
	}
	defer snap.release()
	_, last, _, err := clockBefore(ctx, snap, clockEnd)
	if err != nil {
		return BackupInfo{}, err
	}
	info := BackupInfo{Stamp: snap.stamp, Time: time.Unix(0, last.nanos).UTC()}
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(out, sum), 256<<10)
	w.WriteString(backupMagic)
	block := make([]byte, 0, blockSize)
	flush := func() error {
		w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(block))))
		w.Write(binary.BigEndian.AppendUint32(nil, crc32.Checksum(block, castagnoli)))
		_, err := w.Write(block)
		block = block[:0]
		return err
	}
	for p, err := range snap.Scan(ctx, Range{}) {
		if err != nil {
			return BackupInfo{}, err
		}
		info.Pairs++
		block = binary.BigEndian.AppendUint32(block, uint32(len(p.Key)))
		block = binary.BigEndian.AppendUint32(block, uint32(len(p.Val)))
		block = append(append(block, p.Key...), p.Val...)
		if len(block) >= blockSize {
			if err := flush(); err != nil {
				return BackupInfo{}, err
			}
		}
	}
	if len(block) > 0 {
		flush()
	}
	end := binary.BigEndian.AppendUint32(nil, 0)
	end = binary.BigEndian.AppendUint64(end, uint64(info.Stamp))
	end = binary.BigEndian.AppendUint64(end, uint64(last.nanos))
	end = binary.BigEndian.AppendUint64(end, uint64(info.Pairs))
	w.Write(end)
	if err := w.Flush(); err != nil {
		return BackupInfo{}, err
	}
	_, err = out.Write(sum.Sum(nil))
	return info, err
}

// Restore reads a backup into an empty engine, which can then be opened. An error
// of ErrNotEmpty leaves the engine as it is. After any other error what was
// restored is not a store: Open refuses it, and it is to be thrown away.
func Restore(ctx context.Context, engine Engine, in io.Reader) (BackupInfo, error) {
	snap, err := engine.Snapshot()
	if err != nil {
		return BackupInfo{}, err
	}
	empty, err := isEmpty(ctx, snap)
	snap.Close()
	if err != nil {
		return BackupInfo{}, err
	}
	if !empty {
		return BackupInfo{}, ErrNotEmpty
	}
	if err := engine.Apply([]Op{{OpPut, restoringKey, []byte{1}}}); err != nil {
		return BackupInfo{}, err
	}
	info, err := readBackup(ctx, in, engine.Apply)
	if err != nil {
		return BackupInfo{}, err
	}
	return info, engine.Apply([]Op{{OpDelete, restoringKey, nil}})
}

// VerifyBackup reads a backup and returns an error unless it is whole and sound.
func VerifyBackup(ctx context.Context, in io.Reader) (BackupInfo, error) {
	return readBackup(ctx, in, func([]Op) error { return nil })
}

// readBackup checks a backup and hands its pairs to apply, block by block.
func readBackup(ctx context.Context, in io.Reader, apply func([]Op) error) (BackupInfo, error) {
	r := &backupReader{in: bufio.NewReaderSize(in, 256<<10), sum: sha256.New()}
	if magic, err := r.next(len(backupMagic)); err != nil || string(magic) != backupMagic {
		return BackupInfo{}, errors.Join(fmt.Errorf("%w: it does not begin like one", ErrBackup), err)
	}
	var info BackupInfo
	var previous []byte
	var ops []Op
	for {
		if err := ctx.Err(); err != nil {
			return BackupInfo{}, err
		}
		head, err := r.next(4)
		if err != nil {
			return BackupInfo{}, err
		}
		size := binary.BigEndian.Uint32(head)
		if size == 0 {
			return info, r.end(&info)
		}
		if size > maxBlock {
			return BackupInfo{}, fmt.Errorf("%w: a block of %d bytes", ErrBackup, size)
		}
		head, err = r.next(4)
		if err != nil {
			return BackupInfo{}, err
		}
		want := binary.BigEndian.Uint32(head)
		block, err := r.next(int(size))
		if err != nil {
			return BackupInfo{}, err
		}
		if crc32.Checksum(block, castagnoli) != want {
			return BackupInfo{}, fmt.Errorf("%w: a block is damaged", ErrBackup)
		}
		ops = ops[:0]
		for len(block) > 0 {
			var op Op
			if op, block, err = cutPair(block); err != nil {
				return BackupInfo{}, err
			}
			if bytes.Compare(op.Key, previous) <= 0 {
				return BackupInfo{}, fmt.Errorf("%w: its keys are not in order", ErrBackup)
			}
			previous = op.Key
			ops = append(ops, op)
		}
		info.Pairs += int64(len(ops))
		if err := apply(ops); err != nil {
			return BackupInfo{}, err
		}
	}
}

// cutPair cuts the first pair off a block.
func cutPair(block []byte) (Op, []byte, error) {
	if len(block) < 8 {
		return Op{}, nil, fmt.Errorf("%w: a pair is cut", ErrBackup)
	}
	key, val := uint64(binary.BigEndian.Uint32(block)), uint64(binary.BigEndian.Uint32(block[4:]))
	block = block[8:]
	if key == 0 || key > MaxKey || val > MaxValue || key+val > uint64(len(block)) {
		return Op{}, nil, fmt.Errorf("%w: a pair of %d and %d bytes", ErrBackup, key, val)
	}
	return Op{OpPut, block[:key:key], block[key : key+val : key+val]}, block[key+val:], nil
}

// backupReader reads a stream and sums it up.
type backupReader struct {
	in  *bufio.Reader
	sum hash.Hash
}

// next returns the next n bytes, which are the caller's.
func (r *backupReader) next(n int) ([]byte, error) {
	// Little is taken on trust: the memory grows with what is there.
	var buf bytes.Buffer
	if _, err := io.CopyN(&buf, r.in, int64(n)); err != nil {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: it is cut off", ErrBackup)
		}
		return nil, err
	}
	r.sum.Write(buf.Bytes())
	return buf.Bytes(), nil
}

// end reads what follows the last block.
func (r *backupReader) end(info *BackupInfo) error {
	tail, err := r.next(tailSize)
	if err != nil {
		return err
	}
	want := r.sum.Sum(nil)
	got, err := r.next(sha256.Size)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%w: its checksum is wrong", ErrBackup)
	}
	if pairs := int64(binary.BigEndian.Uint64(tail[16:])); pairs != info.Pairs {
		return fmt.Errorf("%w: it holds %d pairs and says %d", ErrBackup, info.Pairs, pairs)
	}
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.Join(fmt.Errorf("%w: something follows its end", ErrBackup), err)
	}
	info.Stamp = Stamp(binary.BigEndian.Uint64(tail))
	info.Time = time.Unix(0, int64(binary.BigEndian.Uint64(tail[8:]))).UTC()
	return nil
}
