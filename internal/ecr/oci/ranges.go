package oci

import (
	"fmt"
	"strconv"
	"strings"
)

// byteRange is a part of a blob.
type byteRange struct{ start, length int64 }

func (b byteRange) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", b.start, b.start+b.length-1, size)
}

// parseRange reads a Range header (RFC 9110, section 14.2) for a blob of size bytes. ok is
// false for what is to be ignored: other units, malformed ranges, and more than one, for
// which a server may always send the whole. A range that ends before it begins may be ignored
// or rejected; it is rejected, as by other registries, rather than answered with gigabytes
// that nobody asked for.
func parseRange(header string, size int64) (r byteRange, ok, satisfiable bool) {
	spec, found := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	first, last = strings.TrimSpace(first), strings.TrimSpace(last)
	if !found || !dash || strings.Contains(spec, ",") {
		return byteRange{}, false, true
	}
	if first == "" { // the last bytes
		n, valid := number(last)
		if !valid {
			return byteRange{}, false, true
		}
		n = min(n, size)
		return byteRange{size - n, n}, n > 0, n > 0
	}
	start, valid := number(first)
	end := size - 1
	if valid && last != "" {
		end, valid = number(last)
	}
	if !valid {
		return byteRange{}, false, true
	}
	if start >= size || last != "" && end < start {
		return byteRange{}, false, false
	}
	end = min(end, size-1)
	return byteRange{start, end - start + 1}, true, true
}

// number reads digits; what is too large is as large as can be.
func number(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 1<<63 - 1, true
	}
	return n, true
}

// parseContentRange reads the Content-Range of a chunk, "0-1023", which in this protocol
// has no unit and no size; those of RFC 9110 are accepted.
func parseContentRange(header string) (start, end int64, ok bool) {
	header = strings.TrimPrefix(strings.TrimPrefix(header, "bytes"), " ")
	header, _, _ = strings.Cut(header, "/")
	first, last, _ := strings.Cut(header, "-")
	start, ok1 := number(first)
	end, ok2 := number(last)
	return start, end, ok1 && ok2 && end >= start && end < 1<<62
}
