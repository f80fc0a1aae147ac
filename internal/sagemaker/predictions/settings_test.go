package predictions_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// TestSettings reads tags of endpoints.
func TestSettings(t *testing.T) {
	t.Parallel()
	const prefix = "modelwharf:prediction-cache-"
	tags := func(list ...string) map[string]string {
		m := map[string]string{"team": "a"}
		for i := 0; i < len(list); i += 2 {
			m[prefix+list[i]] = list[i+1]
		}
		return m
	}
	if s, err := predictions.ParseSettings(tags()); s != nil || err != nil {
		t.Error(s, err)
	}
	arn := "arn:aws:dynamodb:eu-west-1:111111111111:table/cache"
	for _, test := range []struct {
		tags map[string]string
		want predictions.Settings
	}{
		{tags("table", "cache", "ttl", "60"), predictions.Settings{Table: "cache", TTL: time.Minute}},
		{tags("table", arn, "ttl", "31622400", "canonical-json", "true"), predictions.Settings{Table: arn, TTL: predictions.MaxTTL, CanonicalJSON: true}},
		{tags("table", "a.B", "ttl", "1", "canonical-json", "false"), predictions.Settings{Table: "a.B", TTL: time.Second}},
	} {
		if s, err := predictions.ParseSettings(test.tags); err != nil || *s != test.want {
			t.Errorf("%v: %+v, %v", test.tags, s, err)
		}
	}
	for _, test := range []struct {
		tags map[string]string
		says string
	}{
		{tags("table", "cache"), "needs the tag " + prefix + "ttl"},
		{tags("ttl", "60"), "needs the tag " + prefix + "table"},
		{tags("canonical-json", "true"), "needs the tag " + prefix + "table"},
		{tags("table", "ab", "ttl", "60"), "The value 'ab' of the tag " + prefix + "table"},
		{tags("table", "a b c", "ttl", "60"), "The value 'a b c'"},
		{tags("table", "", "ttl", "60"), "The value ''"},
		{tags("table", "cache", "ttl", "0"), "from 1 to 31622400"},
		{tags("table", "cache", "ttl", "-1"), "The value '-1' of the tag " + prefix + "ttl"},
		{tags("table", "cache", "ttl", "1.5"), "a whole number of seconds"},
		{tags("table", "cache", "ttl", "1h"), "a whole number of seconds"},
		{tags("table", "cache", "ttl", "31622401"), "from 1 to 31622400"},
		{tags("table", "cache", "ttl", "60", "canonical-json", "True"), "must be true or false"},
		{tags("table", "cache", "tll", "60"), prefix + "tll is not known"},
	} {
		s, err := predictions.ParseSettings(test.tags)
		if e, is := errors.AsType[*api.Error](err); !is || s != nil || e.Code != "ValidationException" || !strings.Contains(e.Message, test.says) {
			t.Errorf("%v: %+v, %v", test.tags, s, err)
		}
	}
}
