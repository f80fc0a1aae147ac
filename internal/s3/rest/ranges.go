package rest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/s3"
)

// extent reads which bytes of size a Range header asks for; false if it asks for all, as one
// does that is malformed or asks for several ranges. The error is InvalidRange.
func extent(header string, size int64) (offset, length int64, some bool, err error) {
	spec, ok := strings.CutPrefix(strings.TrimSpace(header), "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return 0, size, false, nil
	}
	first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || first == "" && last == "" {
		return 0, size, false, nil
	}
	from, fromOK := position(first)
	to, toOK := position(last)
	switch {
	case !fromOK || !toOK:
		return 0, size, false, nil
	case first == "": // the last bytes
		if to == 0 || size == 0 {
			return 0, 0, false, invalidRange()
		}
		length = min(to, size)
		return size - length, length, true, nil
	case last == "":
		to = size - 1
	case to < from:
		return 0, size, false, nil
	}
	if from >= size {
		return 0, 0, false, invalidRange()
	}
	return from, min(to, size-1) - from + 1, true, nil
}

// position reads a number of digits; one that is too long counts as the largest.
func position(text string) (int64, bool) {
	if text == "" {
		return 0, true
	}
	if strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 1<<63 - 1, true
	}
	return n, true
}

func invalidRange() error {
	return s3.Refuse("InvalidRange", http.StatusRequestedRangeNotSatisfiable, "The requested range is not satisfiable")
}
