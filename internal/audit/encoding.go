package audit

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
)

// A stored record is a version byte, a byte of flags, the address, and then
// strings, each after its length; those of an error only if there was one. Readers skip what follows the strings they
// know, so that later versions may add some.
const recordVersion = 1

const secure = 1 << iota

var errRecord = errors.New("audit: malformed record")

func appendRecord(dst []byte, r *api.Request, e *Event) []byte {
	flags := byte(0)
	if r.Secure {
		flags |= secure
	}
	dst = append(dst, recordVersion, flags)
	address := r.SourceIP.AsSlice()
	dst = append(dst, byte(len(address)))
	dst = append(dst, address...)
	dst = binary.AppendUvarint(dst, uint64(max(0, r.Time.UnixNano())))
	for _, s := range [...]string{
		r.ID, r.Service, r.Operation, r.Region, r.UserAgent,
		r.Caller.Account, r.Caller.ARN, r.Caller.UserID, string(r.Caller.Type), r.Caller.AccessKeyID, r.Caller.Principal,
	} {
		dst = appendText(dst, s)
	}
	dst = appendText(dst, e.Parameters)
	dst = appendText(dst, e.Response)
	dst = binary.AppendUvarint(dst, uint64(len(e.Resources)))
	for _, resource := range e.Resources {
		dst = appendText(dst, resource.Type)
		dst = appendText(dst, resource.ARN)
	}
	if e.ErrorCode != "" {
		dst = appendText(dst, e.ErrorCode)
		dst = appendText(dst, e.ErrorMessage)
	}
	return dst
}

func appendText[T string | []byte](dst []byte, s T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// decoder reads a stored record; after a failure it only returns zeros.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	v := d.b[:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string { return string(d.bytes(d.uint())) }

func (d *decoder) json() []byte {
	if b := d.bytes(d.uint()); len(b) > 0 {
		return append([]byte(nil), b...)
	}
	return nil
}

// decodeRecord fills e with what val holds.
func decodeRecord(val []byte, e *Entry) error {
	if len(val) < 3 || val[0] != recordVersion {
		return errRecord
	}
	e.Secure = val[1]&secure != 0
	d := decoder{b: val[3:]}
	e.SourceIP, _ = netip.AddrFromSlice(d.bytes(uint64(val[2])))
	e.Time = time.Unix(0, int64(d.uint())).UTC()
	for _, s := range [...]*string{
		&e.RequestID, &e.Service, &e.Operation, &e.Region, &e.UserAgent,
		&e.Caller.Account, &e.Caller.ARN, &e.Caller.UserID, (*string)(&e.Caller.Type), &e.Caller.AccessKeyID, &e.Caller.Principal,
	} {
		*s = d.text()
	}
	e.Parameters, e.Response = d.json(), d.json()
	for n := d.uint(); n > 0 && !d.bad; n-- {
		e.Resources = append(e.Resources, Resource{Type: d.text(), ARN: d.text()})
	}
	if len(d.b) > 0 {
		e.ErrorCode, e.ErrorMessage = d.text(), d.text()
	}
	if d.bad {
		return errRecord
	}
	return nil
}
