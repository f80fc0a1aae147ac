package restjson

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
)

// The formats of timestamps.
const (
	dateTime  = "iso8601"       // the query's own, and the path's
	httpDate  = "rfc822"        // a header's own
	epochDate = "unixTimestamp" // a body's own
)

var timeType = reflect.TypeFor[time.Time]()

// parse sets v, which is not a pointer, to what a text says.
func parse(v reflect.Value, text, form, own string) error {
	if v.Type() == timeType {
		t, err := parseTime(text, form, own)
		if err == nil {
			v.Set(reflect.ValueOf(t))
		}
		return err
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return unfit(text, "Boolean")
		}
		v.SetBool(text == "true")
	case reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return unfit(text, "Integer")
		}
		v.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return unfit(text, "Double")
		}
		v.SetFloat(f)
	case reflect.Slice: // of bytes
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return unfit(text, "Blob")
		}
		v.SetBytes(b)
	default:
		return fmt.Errorf("restjson: %s cannot be read off a text", v.Type())
	}
	return nil
}

func unfit(text, kind string) error {
	return api.SerializationException("The value '%s' can not be converted to %s", clip(text), kind)
}

func parseTime(text, form, own string) (t time.Time, err error) {
	if form == "" {
		form = own
	}
	switch form {
	case httpDate, "httpDate":
		t, err = http.ParseTime(text)
	case epochDate:
		var f float64
		if f, err = strconv.ParseFloat(text, 64); err == nil {
			if !(math.Abs(f) <= 1e12) {
				return t, unfit(text, "Timestamp")
			}
			t = time.UnixMilli(int64(math.Round(f * 1000)))
		}
	default:
		t, err = time.Parse(time.RFC3339Nano, text)
	}
	if err != nil {
		return t, unfit(text, "Timestamp")
	}
	return t.UTC(), nil
}

// format is the reverse of parse.
func format(v reflect.Value, form, own string) (string, error) {
	if v.Type() == timeType {
		return formatTime(v.Interface().(time.Time).UTC(), form, own), nil
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), nil
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), nil
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64), nil
	case reflect.Slice:
		return base64.StdEncoding.EncodeToString(v.Bytes()), nil
	}
	return "", fmt.Errorf("restjson: %s cannot be written as a text", v.Type())
}

func formatTime(t time.Time, form, own string) string {
	if form == "" {
		form = own
	}
	switch form {
	case httpDate, "httpDate":
		return t.Format(http.TimeFormat)
	case epochDate:
		return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
	}
	return t.Truncate(time.Millisecond).Format(time.RFC3339Nano)
}
