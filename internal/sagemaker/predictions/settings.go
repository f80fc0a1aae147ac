package predictions

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
)

// The tags of an endpoint that opt in to the cache.
const (
	TableTag         = "modelwharf:prediction-cache-table"
	TTLTag           = "modelwharf:prediction-cache-ttl"
	CanonicalJSONTag = "modelwharf:prediction-cache-canonical-json"

	tagPrefix = "modelwharf:prediction-cache-"
)

// MaxTTL is the longest that a prediction is kept.
const MaxTTL = 366 * 24 * time.Hour

// Settings are what the tags of an endpoint ask for.
type Settings struct {
	// Table is the name of the cache table, or its ARN. It has the hash key predictionId (S),
	// the range key timestamp (N), and expires by timestamp.
	Table string
	// TTL is how long a prediction is good for, in whole seconds.
	TTL time.Duration
	// CanonicalJSON makes one question of all JSON texts with the same canonical form.
	CanonicalJSON bool
}

// tableName are the names of tables and their ARNs.
var tableName = regexp.MustCompile(`^(arn:[a-zA-Z0-9-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/)?[a-zA-Z0-9_.-]{3,255}$`)

// ParseSettings reads the tags of an endpoint: nil, if none of them is about the cache. The
// error is a ValidationException, which names the tag.
func ParseSettings(tags map[string]string) (*Settings, error) {
	var s Settings
	var given bool
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if !strings.HasPrefix(key, tagPrefix) {
			continue
		}
		given = true
		switch value := tags[key]; key {
		case TableTag:
			if !tableName.MatchString(value) {
				return nil, refused(key, value, "the name of a table (3 to 255 characters of a-z, A-Z, 0-9, _, . and -) or its ARN")
			}
			s.Table = value
		case TTLTag:
			seconds, err := strconv.ParseUint(value, 10, 32)
			if err != nil || seconds == 0 || seconds > uint64(MaxTTL/time.Second) {
				return nil, refused(key, value, "a whole number of seconds from 1 to "+strconv.Itoa(int(MaxTTL/time.Second)))
			}
			s.TTL = time.Duration(seconds) * time.Second
		case CanonicalJSONTag:
			if value != "true" && value != "false" {
				return nil, refused(key, value, "true or false")
			}
			s.CanonicalJSON = value == "true"
		default:
			return nil, api.ValidationException("The tag %s is not known: the tags of the prediction cache are %s, %s and %s",
				key, TableTag, TTLTag, CanonicalJSONTag)
		}
	}
	switch {
	case !given:
		return nil, nil
	case s.Table == "":
		return nil, api.ValidationException("The prediction cache needs the tag %s, the name of its table", TableTag)
	case s.TTL == 0:
		return nil, api.ValidationException("The prediction cache needs the tag %s, the seconds that a prediction is good for", TTLTag)
	}
	return &s, nil
}

func refused(key, value, want string) error {
	return api.ValidationException("The value '%s' of the tag %s is not valid: it must be %s", value, key, want)
}
