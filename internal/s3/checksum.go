package s3

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"math/bits"
	"net/http"
	"strconv"
	"strings"
)

// Algorithm is one of the checksums of S3.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
type Algorithm string

// The algorithms.
const (
	CRC32     Algorithm = "CRC32"
	CRC32C    Algorithm = "CRC32C"
	CRC64NVME Algorithm = "CRC64NVME"
	SHA1      Algorithm = "SHA1"
	SHA256    Algorithm = "SHA256"
)

// Algorithms are those that there are.
var Algorithms = []Algorithm{CRC32, CRC32C, CRC64NVME, SHA1, SHA256}

// The polynomials of CRCs, in the reflected form. That of CRC64NVME is NVM Express's.
const nvme = 0x9a6c9329ac4bc9b5

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	nvmeTable  = crc64.MakeTable(nvme)
)

func (a Algorithm) hash() hash.Hash {
	switch a {
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(castagnoli)
	case SHA1:
		return sha1.New()
	case SHA256:
		return sha256.New()
	}
	return crc64.New(nvmeTable)
}

// Checksum is a checksum of an object.
type Checksum struct {
	Algorithm Algorithm `json:"a,omitempty"` // "" for none
	Value     string    `json:"v,omitempty"` // base64; of a composite one with "-N"
	// Composite says that it is the checksum of the parts' checksums.
	Composite bool `json:"c,omitempty"`
}

// Type is what S3 calls the sort of a checksum.
func (c Checksum) Type() string {
	if c.Composite {
		return "COMPOSITE"
	}
	return "FULL_OBJECT"
}

// valid tells whether a text can be a checksum of the algorithm.
func (a Algorithm) valid(value string) bool {
	b, err := base64.StdEncoding.DecodeString(value)
	return err == nil && len(b) == a.hash().Size()
}

// InvalidChecksum is the answer to a checksum that cannot be one.
func InvalidChecksum(header string) error {
	return InvalidRequest("Value for %s header is invalid.", header)
}

func badDigest(what string) error {
	return Refuse("BadDigest", http.StatusBadRequest, "The %s you specified did not match the calculated checksum.", what)
}

// compose returns the checksum of an object of several pieces, each of which has its own.
func compose(a Algorithm, full bool, pieces []Piece) Checksum {
	c := Checksum{Algorithm: a, Composite: !full}
	if full {
		c.Value = combined(a, pieces)
		return c
	}
	h := a.hash()
	for _, p := range pieces {
		b, _ := base64.StdEncoding.DecodeString(p.Checksum)
		h.Write(b)
	}
	c.Value = base64.StdEncoding.EncodeToString(h.Sum(nil)) + "-" + strconv.Itoa(len(pieces))
	return c
}

// combined is the CRC of all bytes, made of those of the pieces.
func combined(a Algorithm, pieces []Piece) string {
	var poly uint64
	width := 32
	switch a {
	case CRC32:
		poly = crc32.IEEE
	case CRC32C:
		poly = crc32.Castagnoli
	default:
		poly, width = nvme, 64
	}
	var sum uint64
	for i, p := range pieces {
		b, _ := base64.StdEncoding.DecodeString(p.Checksum)
		next := uint64(0)
		for _, x := range b {
			next = next<<8 | uint64(x)
		}
		if i == 0 {
			sum = next
			continue
		}
		sum = shifted(sum, poly, width, p.Size) ^ next
	}
	b := binary.BigEndian.AppendUint64(nil, sum)
	return base64.StdEncoding.EncodeToString(b[8-width/8:])
}

// shifted is a CRC after n more bytes of zeros: the CRC times x^(8n), modulo the polynomial,
// by squaring the matrix of one step. See zlib's crc32_combine for the arithmetic.
func shifted(crc, poly uint64, width int, n int64) uint64 {
	step := make([]uint64, width) // what one bit of zero makes of each bit
	step[0] = poly
	for i := 1; i < width; i++ {
		step[i] = 1 << (i - 1)
	}
	for range 3 { // eight bits
		step = squared(step)
	}
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			crc = times(step, crc)
		}
		step = squared(step)
	}
	return crc
}

func times(m []uint64, v uint64) (sum uint64) {
	for ; v != 0; v &= v - 1 {
		sum ^= m[bits.TrailingZeros64(v)]
	}
	return sum
}

func squared(m []uint64) []uint64 {
	out := make([]uint64, len(m))
	for i := range m {
		out[i] = times(m, m[i])
	}
	return out
}

// Lower is the algorithm as headers name it.
func (a Algorithm) Lower() string { return strings.ToLower(string(a)) }

// Check compares bytes with a checksum. The error is BadDigest.
func (a Algorithm) Check(b []byte, want string) error {
	h := a.hash()
	h.Write(b)
	if base64.StdEncoding.EncodeToString(h.Sum(nil)) != want {
		return badDigest(string(a))
	}
	return nil
}
