package filter_test

import (
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/lambda/filter"
)

const event = `{
	"eventName": "INSERT", "n": 5, "big": 1.50e2, "yes": true, "nil": null, "empty": "", "list": ["a", "b", 3], "none": [],
	"dynamodb": {"NewImage": {"Name": {"S": "Iris-setosa"}, "Score": {"N": "0.9"}, "Tags": {"L": [{"S": "x"}, {"S": "y"}]}}, "Keys": {"id": {"S": "1"}}}
}`

// TestMatch matches an event with patterns.
func TestMatch(t *testing.T) {
	t.Parallel()
	v, err := filter.Decode([]byte(event))
	if err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]bool{
		`{"eventName": ["INSERT"]}`:                                         true,
		`{"eventName": ["REMOVE", "INSERT"]}`:                               true,
		`{"eventName": ["insert"]}`:                                         false,
		`{"eventName": [{"equals-ignore-case": "insert"}]}`:                 true,
		`{"eventName": [{"prefix": "INS"}]}`:                                true,
		`{"eventName": [{"prefix": "ins"}]}`:                                false,
		`{"eventName": [{"prefix": {"equals-ignore-case": "ins"}}]}`:        true,
		`{"eventName": [{"suffix": "ERT"}]}`:                                true,
		`{"eventName": [{"suffix": {"equals-ignore-case": "eRt"}}]}`:        true,
		`{"eventName": [{"anything-but": "REMOVE"}]}`:                       true,
		`{"eventName": [{"anything-but": ["REMOVE", "INSERT"]}]}`:           false,
		`{"eventName": [{"anything-but": {"prefix": "IN"}}]}`:               false,
		`{"missing": [{"anything-but": "x"}]}`:                              false,
		`{"n": [5]}`:                                                        true,
		`{"n": [5.0]}`:                                                      true,
		`{"n": ["5"]}`:                                                      false,
		`{"big": [150]}`:                                                    true,
		`{"n": [{"anything-but": [4, 6]}]}`:                                 true,
		`{"n": [{"numeric": ["=", 5]}]}`:                                    true,
		`{"n": [{"numeric": [">", 0, "<", 5]}]}`:                            false,
		`{"n": [{"numeric": [">", 0, "<=", 5]}]}`:                           true,
		`{"eventName": [{"numeric": [">", 0]}]}`:                            false,
		`{"yes": [true]}`:                                                   true,
		`{"yes": [false]}`:                                                  false,
		`{"nil": [null]}`:                                                   true,
		`{"empty": [""]}`:                                                   true,
		`{"missing": [null]}`:                                               false,
		`{"missing": [{"exists": false}]}`:                                  true,
		`{"missing": [{"exists": true}]}`:                                   false,
		`{"n": [{"exists": true}]}`:                                         true,
		`{"n": [{"exists": false}]}`:                                        false,
		`{"nil": [{"exists": true}]}`:                                       true,
		`{"dynamodb": [{"exists": true}]}`:                                  false, // not a leaf
		`{"list": ["b"]}`:                                                   true,
		`{"list": ["c"]}`:                                                   false,
		`{"list": [3]}`:                                                     true,
		`{"none": [{"exists": true}]}`:                                      false,
		`{"dynamodb": {"NewImage": {"Name": {"S": [{"prefix": "Iris"}]}}}}`: true,
		`{"dynamodb": {"NewImage": {"Name": {"N": [{"exists": false}]}}}}`:  true,
		`{"dynamodb": {"OldImage": {"Name": {"S": [{"exists": false}]}}}}`:  true,
		`{"dynamodb": {"OldImage": {"Name": {"S": ["x"]}}}}`:                false,
		`{"dynamodb": {"NewImage": {"Tags": {"L": {"S": ["y"]}}}}}`:         true,
		`{"dynamodb": {"NewImage": {"Tags": {"L": {"S": ["z"]}}}}}`:         false,
		`{"eventName": ["INSERT"], "n": [6]}`:                               false,
		`{"$or": [{"n": [6]}, {"eventName": ["INSERT"]}]}`:                  true,
		`{"$or": [{"n": [6]}, {"eventName": ["REMOVE"]}]}`:                  false,
		`{"yes": [true], "$or": [{"n": [6]}, {"n": [5]}]}`:                  true,
		`{"dynamodb": {"$or": [{"Keys": {"id": {"S": ["2"]}}}, {"Keys": {"id": {"S": ["1"]}}}]}}`: true,
		`{"eventName": {"x": ["INSERT"]}}`:                                        false,
		`{"dynamodb": {"NewImage": {"Score": {"N": [{"numeric": [">", 0.5]}]}}}}`: false, // a table's numbers are texts
		`{"n": [6, {"exists": false}, {"numeric": ["<", 100]}]}`:                  true,
	} {
		p, err := filter.Parse([]byte(pattern))
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if got := p.Match(v); got != want {
			t.Errorf("%s: got %t", pattern, got)
		}
	}
}

// TestParse refuses what is no pattern.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		``, `[]`, `"x"`, `{}`, `{"a": "x"}`, `{"a": 5}`, `{"a": []}`, `{"a": [[]]}`, `{"a": {}}`, `{"a": [{}]}`, `{"a": ["x"]} x`,
		`{"a": [{"prefix": 5}]}`, `{"a": [{"prefix": {"suffix": "x"}}]}`, `{"a": [{"numeric": []}]}`, `{"a": [{"numeric": ["~", 5]}]}`,
		`{"a": [{"numeric": [">", "5"]}]}`, `{"a": [{"numeric": [">", 5, "<"]}]}`, `{"a": [{"exists": "yes"}]}`, `{"a": [{"wildcard": "*"}]}`,
		`{"a": [{"prefix": "x", "suffix": "y"}]}`, `{"a": [{"anything-but": []}]}`, `{"a": [{"anything-but": {"numeric": ["=", 1]}}]}`,
		`{"$or": [{"a": [1]}]}`, `{"$or": [1, 2]}`, `{"a": [1e999999999]}`,
		strings.Repeat(`{"a":`, 40) + `["x"]` + strings.Repeat(`}`, 40), `{"a": ["` + strings.Repeat("x", 5000) + `"]}`,
	} {
		if _, err := filter.Parse([]byte(bad)); err == nil {
			t.Errorf("%.60s was taken", bad)
		}
	}
}

// FuzzFilter parses any pattern and matches any event with it.
func FuzzFilter(f *testing.F) {
	f.Add(`{"eventName": ["INSERT"], "$or": [{"n": [{"numeric": [">", 0, "<=", 5]}]}, {"list": [{"exists": true}]}]}`, event)
	f.Add(`{"dynamodb": {"NewImage": {"Tags": {"L": {"S": [{"anything-but": {"prefix": "z"}}]}}}}}`, event)
	f.Add(`{"a": [1e99999]}`, `{"a": 1e-99999}`)
	f.Add(`{"a": [null, {"suffix": {"equals-ignore-case": "É"}}]}`, `{"a": [[["é"]]]}`)
	f.Fuzz(func(t *testing.T, pattern, event string) {
		p, err := filter.Parse([]byte(pattern))
		if err != nil {
			return
		}
		if v, err := filter.Decode([]byte(event)); err == nil {
			first, again := p.Match(v), p.Match(v)
			if first != again {
				t.Error("not the same twice")
			}
		}
	})
}
