package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// allows evaluates one statement that allows all under a Condition block.
func allows(tb testing.TB, block string, keys policy.Values) bool {
	tb.Helper()
	doc := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + block + `}}`
	p, err := policy.Parse([]byte(doc), policy.Identity)
	if err != nil {
		tb.Fatalf("%s: %v", block, err)
	}
	r := policy.Request{
		Principal: policy.Principal{Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/a"},
		Action:    "a:b", Resource: "*", Keys: keys,
		IdentityPolicies: []policy.Attached{{Policy: p}},
	}
	return policy.Evaluate(&r).Allowed()
}

// TestOperators compares the value of one key with one operand, in the form
// "operand ~ value", for what holds and what does not.
func TestOperators(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		operator   string
		holds, not []string
	}{
		{"StringEquals", []string{"a ~ a", "* ~ *", "é ~ é"}, []string{"a ~ A", "a ~ ab", "* ~ a", "a ~ "}},
		{"StringEqualsIgnoreCase", []string{"aBc ~ AbC"}, []string{"a ~ b", "a* ~ ab"}},
		{"StringLike", []string{"a* ~ a", "a* ~ abc", "*c ~ abc", "a*c ~ abbc", "a?c ~ abc", "a?c ~ aéc", "*?é ~ xyé", "* ~ x", "a**b ~ ab", "*a*b*c* ~ xaxbxcx", "?? ~ éé", "${*} ~ *", "*.??? ~ a.b.txt"},
			[]string{"a* ~ ba", "a?c ~ ac", "a*c ~ abcd", "*ab*ab ~ xab", "A* ~ ab", "? ~ ab", "${*} ~ a", "a*a ~ a", "é? ~ é"}},
		{"NumericEquals", []string{"1 ~ 1", "1 ~ 1.0", "1e3 ~ 1000", "-0 ~ 0", "9007199254740993 ~ 9007199254740993"}, []string{"1 ~ 2", "1 ~ x", "9007199254740992 ~ 9007199254740993", "1 ~ 0x1", "0 ~ inf"}},
		{"NumericLessThan", []string{"10 ~ 9", "10 ~ 9.99", "0 ~ -1"}, []string{"10 ~ 10", "10 ~ 11", "9 ~ a"}},
		{"NumericLessThanEquals", []string{"10 ~ 10", "10 ~ 9"}, []string{"10 ~ 10.01"}},
		{"NumericGreaterThan", []string{"9 ~ 10"}, []string{"10 ~ 10", "10 ~ 9"}},
		{"NumericGreaterThanEquals", []string{"10 ~ 10", "10 ~ 11"}, []string{"10 ~ 9"}},
		{"DateEquals", []string{"2026-01-02T03:04:05Z ~ 2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z ~ 2026-01-02T04:04:05+01:00", "0 ~ 1970-01-01T00:00:00Z", "2026-01-02 ~ 2026-01-02T00:00:00Z"}, []string{"2026-01-02T03:04:05Z ~ 2026-01-02T03:04:06Z", "2026 ~ x"}},
		{"DateLessThan", []string{"2026-06-01T00:00:00Z ~ 2026-05-31T23:59:59.999Z", "2026 ~ 2025-12-31T23:59:59Z", "1767225600 ~ 1767225599"}, []string{"2026-06-01T00:00:00Z ~ 2026-06-01T00:00:00Z"}},
		{"DateLessThanEquals", []string{"2026-06-01 ~ 2026-06-01T00:00:00Z"}, []string{"2026-06-01 ~ 2026-06-01T00:00:01Z"}},
		{"DateGreaterThan", []string{"2026-06-01 ~ 2026-06-01T00:00:01Z"}, []string{"2026-06-01 ~ 2026-06-01T00:00:00Z"}},
		{"DateGreaterThanEquals", []string{"2026-06-01 ~ 2026-06-01T00:00:00Z"}, []string{"2026-06-01 ~ 2026-05-31T23:59:59Z"}},
		{"Bool", []string{"true ~ true", "True ~ TRUE", "false ~ false"}, []string{"true ~ false", "true ~ 1"}},
		{"BinaryEquals", []string{"QmluYXJ5 ~ QmluYXJ5"}, []string{"QmluYXJ5 ~ QmluYXJ6", "QQ== ~ ?"}},
		{"IpAddress", []string{"203.0.113.0/24 ~ 203.0.113.255", "203.0.113.7 ~ 203.0.113.7", "2001:db8::/32 ~ 2001:db8:1::1", "203.0.113.9/24 ~ 203.0.113.1", "10.0.0.0/8 ~ ::ffff:10.1.2.3"},
			[]string{"203.0.113.0/24 ~ 203.0.114.0", "::/0 ~ 10.0.0.1", "0.0.0.0/0 ~ ::1", "10.0.0.1 ~ x"}},
		{"ArnLike", []string{"arn:aws:sns:*:111:a* ~ arn:aws:sns:eu-west-1:111:abc", "arn:aws:s3:::b/* ~ arn:aws:s3:::b/x:y/z", "* ~ arn:aws:s3:::b", "arn:aws:iam::*:role/?? ~ arn:aws:iam::1:role/ab"},
			[]string{"arn:aws:sns:*:a ~ arn:aws:sns:x:1:a", "arn:*:a ~ arn:aws:sns:us:1:a", "arn:aws:s3:::b ~ arn:aws:s3:::B", "arn:aws:sns:u*:1:a ~ arn:aws:sns:u:2:1:a"}},
	} {
		t.Run(tc.operator, func(t *testing.T) {
			t.Parallel()
			negated := map[string]string{
				"StringEquals": "StringNotEquals", "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase", "StringLike": "StringNotLike",
				"NumericEquals": "NumericNotEquals", "DateEquals": "DateNotEquals", "IpAddress": "NotIpAddress", "ArnLike": "ArnNotLike",
			}[tc.operator]
			check := func(line string, want bool) {
				operand, value, _ := strings.Cut(line, " ~ ")
				text, _ := json.Marshal(operand)
				names := []string{tc.operator, tc.operator + "IfExists", "ForAnyValue:" + tc.operator, "ForAllValues:" + tc.operator, strings.ToLower(tc.operator)}
				if tc.operator == "ArnLike" {
					names = append(names, "ArnEquals")
				}
				for _, name := range names {
					if got := allows(t, fmt.Sprintf(`{%q:{"a:Key":%s}}`, name, text), policy.Values{"a:key": {value}}); got != want {
						t.Errorf("%s %s: %t", name, line, got)
					}
				}
				if negated != "" && allows(t, fmt.Sprintf(`{%q:{"a:Key":%s}}`, negated, text), policy.Values{"a:key": {value}}) == want {
					t.Errorf("%s %s: %t", negated, line, want)
				}
			}
			for _, line := range tc.holds {
				check(line, true)
			}
			for _, line := range tc.not {
				check(line, false)
			}
		})
	}
}

// TestSets holds the rules of missing keys, several values and set prefixes.
func TestSets(t *testing.T) {
	t.Parallel()
	const missing = "missing"
	for _, tc := range []struct {
		block, values string // values of the key a:k, apart by commas
		want          bool
	}{
		{`{"StringEquals":{"a:k":"x"}}`, missing, false},
		{`{"StringNotEquals":{"a:k":"x"}}`, missing, true},
		{`{"StringEqualsIfExists":{"a:k":"x"}}`, missing, true},
		{`{"StringNotEqualsIfExists":{"a:k":"x"}}`, missing, true},
		{`{"NumericLessThan":{"a:k":1}}`, missing, false},
		{`{"NotIpAddress":{"a:k":"10.0.0.0/8"}}`, missing, true},
		{`{"ForAllValues:StringEquals":{"a:k":"x"}}`, missing, true},
		{`{"ForAllValues:StringNotEquals":{"a:k":"x"}}`, missing, true},
		{`{"ForAnyValue:StringEquals":{"a:k":"x"}}`, missing, false},
		{`{"ForAnyValue:StringNotEquals":{"a:k":"x"}}`, missing, false},
		{`{"ForAnyValue:StringEqualsIfExists":{"a:k":"x"}}`, missing, false},
		{`{"ForAllValues:StringEquals":{"a:k":"x"}}`, "", true},
		{`{"ForAnyValue:StringEquals":{"a:k":"x"}}`, "", false},
		{`{"StringEquals":{"a:k":"x"}}`, "", false},
		{`{"Null":{"a:k":"true"}}`, missing, true},
		{`{"Null":{"a:k":true}}`, "", true},
		{`{"Null":{"a:k":"false"}}`, missing, false},
		{`{"Null":{"a:k":"false"}}`, "x", true},
		{`{"Null":{"a:k":"true"}}`, "x", false},
		{`{"Null":{"a:k":["true","false"]}}`, "x", true},

		{`{"StringEquals":{"a:k":["x","y"]}}`, "y", true},
		{`{"StringNotEquals":{"a:k":["x","y"]}}`, "y", false},
		{`{"StringNotEquals":{"a:k":["x","y"]}}`, "z", true},
		{`{"StringEquals":{"a:k":[]}}`, "z", false},
		{`{"StringNotEquals":{"a:k":[]}}`, "z", true},
		{`{"StringEquals":{"a:k":"x"}}`, "x,y", true},
		{`{"StringNotEquals":{"a:k":"x"}}`, "x,y", false},
		{`{"ForAllValues:StringEquals":{"a:k":["x","y"]}}`, "x,y", true},
		{`{"ForAllValues:StringEquals":{"a:k":["x","y"]}}`, "x,z", false},
		{`{"ForAnyValue:StringEquals":{"a:k":["x","y"]}}`, "z,y", true},
		{`{"ForAnyValue:StringEquals":{"a:k":["x","y"]}}`, "z,w", false},
		{`{"ForAllValues:StringNotEquals":{"a:k":["x","y"]}}`, "z,w", true},
		{`{"ForAllValues:StringNotEquals":{"a:k":["x","y"]}}`, "z,x", false},
		{`{"ForAnyValue:StringNotEquals":{"a:k":["x","y"]}}`, "z,x", true},
		{`{"ForAnyValue:StringNotEquals":{"a:k":["x","y"]}}`, "y,x", false},
		{`{"ForAllValues:StringLike":{"a:k":"pre-*"}}`, "pre-1,pre-2", true},

		// All operators and keys of a block must hold.
		{`{"StringEquals":{"a:k":"x","a:other":"1"}}`, "x", false},
		{`{"StringEquals":{"a:k":"x"},"StringLike":{"A:K":"?"}}`, "x", true},
		{`{"StringEquals":{"a:k":"x"},"Bool":{"a:k":"true"}}`, "x", false},
		{`{}`, "x", true},
		{`{"StringEquals":{}}`, "x", true},

		// A variable without a value fits nothing, and makes nothing allowed.
		{`{"StringEquals":{"a:k":"${aws:username}"}}`, "x", false},
		{`{"StringNotEquals":{"a:k":"${aws:username}"}}`, "x", false},
		{`{"StringEquals":{"a:k":["${aws:username}","x"]}}`, "x", true},
		{`{"StringNotEquals":{"a:k":"${aws:username, 'bob'}"}}`, "x", true},
		{`{"Bool":{"a:k":"${aws:flag, 'true'}"}}`, "true", true},
	} {
		keys := policy.Values{}
		if tc.values != missing {
			keys["a:k"] = strings.FieldsFunc(tc.values, func(r rune) bool { return r == ',' })
		}
		if got := allows(t, tc.block, keys); got != tc.want {
			t.Errorf("%s of %q: %t", tc.block, tc.values, got)
		}
	}
}

// TestWildcardsAreLinear matches what backtracking would never finish.
func TestWildcardsAreLinear(t *testing.T) {
	t.Parallel()
	value := strings.Repeat("a", 20000)
	for _, pattern := range []string{strings.Repeat("a*", 500) + "b", strings.Repeat("*a", 500) + "*b*", strings.Repeat("?*", 500) + "b"} {
		if allows(t, fmt.Sprintf(`{"StringLike":{"a:k":%q}}`, pattern), policy.Values{"a:k": {value}}) {
			t.Fatal("a b was found")
		}
	}
}
