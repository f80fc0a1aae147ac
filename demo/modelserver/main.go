// Modelserver answers predictions of one model version over HTTP. It is what the demo puts
// into images: a static program and, in a layer of its own, /model.json.
//
//	POST /predict  {"features": [5.1, 3.5, 1.4, 0.2]}  →  {"species": "setosa", "version": "1.0"}
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"time"
)

// model is a version of the model as the catalog has it.
type model struct {
	Version  string
	Species  []string // in the order of Weights
	Features []int    // which of the measurements the model looks at
	Mean     []float64
	Scale    []float64
	Weights  [][]float64 // one row a species: a weight a feature, then the bias
}

func main() {
	b, err := os.ReadFile("/model.json")
	if err != nil {
		log.Fatal(err)
	}
	var m model
	if err := json.Unmarshal(b, &m); err != nil {
		log.Fatal("model.json: ", err)
	}
	server := &http.Server{Addr: ":8080", Handler: m.handler(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func (m *model) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /predict", func(w http.ResponseWriter, r *http.Request) {
		var question struct{ Features []float64 }
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&question); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		species, ok := m.predict(question.Features)
		if !ok {
			http.Error(w, "too few features", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"species": species, "version": m.Version})
	})
	return mux
}

// predict returns the most probable species.
func (m *model) predict(features []float64) (species string, ok bool) {
	best := 0.0
	for c, weights := range m.Weights {
		score := weights[len(m.Features)]
		for i, f := range m.Features {
			if f >= len(features) {
				return "", false
			}
			score += weights[i] * (features[f] - m.Mean[i]) / m.Scale[i]
		}
		if c == 0 || score > best {
			best, species = score, m.Species[c]
		}
	}
	return species, true
}
