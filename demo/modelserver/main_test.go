package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAnswers asks as SageMaker asks a container.
func TestAnswers(t *testing.T) {
	m := &model{
		Model: "m", Version: "1.0", Species: []string{"a", "b"}, Features: []int{0, 3},
		Mean: []float64{1, 1}, Scale: []float64{1, 2}, Weights: [][]float64{{1, 0, 0}, {-1, 0, 0}},
	}
	ping := httptest.NewRecorder()
	m.handler().ServeHTTP(ping, httptest.NewRequest(http.MethodGet, "/ping", nil))
	if ping.Code != http.StatusOK {
		t.Error("a ping is answered by", ping.Code)
	}
	const one = `{"model":"m","predictions":[{"species":"a","probabilities":[0.88`
	for _, c := range []struct {
		kind, question string
		status         int
		answer         string
	}{
		{"text/csv", "2,0,0,0", 200, one},
		{"text/csv; charset=utf-8", "2, 0, 0, 0\r\n", 200, one},
		{"application/json", `{"instances": [[2, 0, 0, 0]]}`, 200, one},
		{"text/csv", "0,0,0,0\n2,0,0,0", 200, `"species":"b"`},
		{"text/csv", "", 400, "no flower is asked about"},
		{"text/csv", "1,2,3,big", 400, `"big" is not a measurement`},
		{"text/csv", "1,2,3,NaN", 400, `"NaN" is not a measurement`},
		{"text/csv", "1,2,3,4\n1,2", 400, "wrong number of fields"},
		{"text/csv", "1,2,3", 400, "flower 1: 3 measurements and not 4"},
		{"application/json", `{"instances": [[1, 2, 3, 4], [1]]}`, 400, "flower 2: 1 measurements and not 4"},
		{"application/json", `{"instances": 1}`, 400, "cannot unmarshal"},
		{"application/json", `{}`, 400, "no flower is asked about"},
		{"image/png", "", 415, "send text/csv or application/json"},
		{"", "1,2,3,4", 415, "send text/csv or application/json"},
	} {
		w := httptest.NewRecorder()
		q := httptest.NewRequest(http.MethodPost, "/invocations", strings.NewReader(c.question))
		q.Header.Set("Content-Type", c.kind)
		m.handler().ServeHTTP(w, q)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.answer) {
			t.Errorf("%s %q: %d %s", c.kind, c.question, w.Code, w.Body)
		}
	}
}
