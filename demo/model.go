package main

import (
	"math"
	"slices"
)

// settings are what a model version was trained with.
type settings struct {
	Features     []int   // indices into measurements
	Epochs       int     // passes over the training rows
	LearningRate float64 // of plain gradient descent
	L2           float64 // weight decay
}

// softmax is a multinomial logistic regression over standardised features.
type softmax struct {
	Settings settings
	Mean     []float64   // of each feature, over the training rows
	Scale    []float64   // standard deviation of each feature
	Weights  [][]float64 // one row a class: a weight a feature, then the bias
}

// train fits a model by full-batch gradient descent. It is deterministic.
func train(rows []flower, s settings) *softmax {
	m := &softmax{Settings: s, Weights: make([][]float64, len(species))}
	for _, f := range s.Features {
		var sum, squares float64
		for _, r := range rows {
			sum += r.features[f]
			squares += r.features[f] * r.features[f]
		}
		n := float64(len(rows))
		mean := sum / n
		m.Mean = append(m.Mean, mean)
		m.Scale = append(m.Scale, math.Sqrt(squares/n-mean*mean))
	}
	for c := range m.Weights {
		m.Weights[c] = make([]float64, len(s.Features)+1)
	}
	gradient := make([][]float64, len(species))
	for range s.Epochs {
		for c := range gradient {
			gradient[c] = make([]float64, len(s.Features)+1)
		}
		for _, r := range rows {
			x := m.standardise(r.features)
			for c, p := range m.probabilities(x) {
				if c == r.class {
					p--
				}
				for i := range x {
					gradient[c][i] += p * x[i]
				}
				gradient[c][len(x)] += p
			}
		}
		for c := range gradient {
			for i, g := range gradient[c] {
				m.Weights[c][i] -= s.LearningRate * (g/float64(len(rows)) + s.L2*m.Weights[c][i])
			}
		}
	}
	return m
}

// predict returns the probability of each species.
func (m *softmax) predict(features []float64) []float64 {
	return m.probabilities(m.standardise(features))
}

// says is the most probable species of a flower.
func (m *softmax) says(f flower) string {
	p := m.predict(f.features)
	return species[slices.Index(p, slices.Max(p))]
}

// accuracy is the share of rows whose most probable species is the true one.
func (m *softmax) accuracy(rows []flower) float64 {
	right := 0
	for _, r := range rows {
		if m.says(r) == species[r.class] {
			right++
		}
	}
	return float64(right) / float64(len(rows))
}

func (m *softmax) standardise(features []float64) []float64 {
	x := make([]float64, len(m.Settings.Features))
	for i, f := range m.Settings.Features {
		x[i] = (features[f] - m.Mean[i]) / m.Scale[i]
	}
	return x
}

func (m *softmax) probabilities(x []float64) []float64 {
	p := make([]float64, len(m.Weights))
	for c, w := range m.Weights {
		p[c] = w[len(x)]
		for i := range x {
			p[c] += w[i] * x[i]
		}
	}
	highest, sum := slices.Max(p), 0.0
	for c := range p {
		p[c] = math.Exp(p[c] - highest)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
	return p
}
