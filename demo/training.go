package main

import "encoding/json"

const modelID = "iris-species"

// version is a version of the model, from its training on.
type version struct {
	number      string
	description string
	model       *softmax
	accuracy    float64  // share of the held-out rows that it gets right
	seen        []flower // what it learnt from
	heldOut     []flower
}

// recipes are how the versions are trained.
var recipes = map[string]struct {
	description string
	settings    settings
}{
	"1.0": {"the sepals alone", settings{Features: []int{0, 1}, Epochs: 200, LearningRate: 0.1}},
	"1.1": {"all measurements", settings{Features: []int{0, 1, 2, 3}, Epochs: 2000, LearningRate: 0.5, L2: 0.001}},
}

// trainVersion trains a version, and judges it by rows that it has not seen.
func trainVersion(number string) (*version, error) {
	rows, heldOut, err := loadIris()
	if err != nil {
		return nil, err
	}
	r := recipes[number]
	m := train(rows, r.settings)
	v := &version{number, r.description, m, m.accuracy(heldOut), rows, heldOut}
	say("%s %s, by %s: learnt from %d flowers, %.0f %% of %d held-out ones are right",
		modelID, v.number, v.description, len(rows), 100*v.accuracy, len(heldOut))
	return v, nil
}

// weights are the model as the programs that serve it read it.
func (v *version) weights() ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"Model": modelID, "Version": v.number, "Species": species, "Features": v.model.Settings.Features,
		"Mean": v.model.Mean, "Scale": v.model.Scale, "Weights": v.model.Weights,
	}, "", "  ")
}
