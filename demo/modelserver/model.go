package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
)

// model is a version of the model.
type model struct {
	Model    string
	Version  string
	Species  []string // in the order of Weights
	Features []int    // which of the measurements the model looks at
	Mean     []float64
	Scale    []float64
	Weights  [][]float64 // one row a species: a weight a feature, then the bias
}

// measurements is how many a flower has.
const measurements = 4

// answer is what is said of a flower.
type answer struct {
	Species       string    `json:"species"` // the most probable one
	Probabilities []float64 `json:"probabilities"`
}

func readModel(file string) (*model, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m := new(model)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}

// predict tells the species of a flower.
func (m *model) predict(features []float64) (answer, error) {
	if len(features) != measurements {
		return answer{}, fmt.Errorf("%d measurements and not %d", len(features), measurements)
	}
	a := answer{Probabilities: make([]float64, len(m.Weights))}
	scores, best, sum := make([]float64, len(m.Weights)), 0, 0.0
	for c, weights := range m.Weights {
		scores[c] = weights[len(m.Features)]
		for i, f := range m.Features {
			scores[c] += weights[i] * (features[f] - m.Mean[i]) / m.Scale[i]
		}
		if scores[c] > scores[best] {
			best = c
		}
	}
	for c, s := range scores {
		a.Probabilities[c] = math.Exp(s - scores[best])
		sum += a.Probabilities[c]
	}
	for c := range a.Probabilities {
		a.Probabilities[c] /= sum
	}
	a.Species = m.Species[best]
	return a, nil
}
