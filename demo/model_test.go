package main

import "testing"

func TestLoadIris(t *testing.T) {
	train, heldOut, err := loadIris()
	if err != nil {
		t.Fatal(err)
	}
	if len(train) != 102 || len(heldOut) != 48 {
		t.Fatalf("%d rows to train and %d held out, want 102 and 48", len(train), len(heldOut))
	}
	count := make([]int, len(species))
	for _, f := range append(train, heldOut...) {
		count[f.class]++
		for _, x := range f.features {
			if x < 0.1 || x > 7.9 {
				t.Errorf("a measurement of %v cm", x)
			}
		}
	}
	for c, n := range count {
		if n != 50 {
			t.Errorf("%d flowers of %s, want 50", n, species[c])
		}
	}
}

func TestTrainLearns(t *testing.T) {
	rows, heldOut, err := loadIris()
	if err != nil {
		t.Fatal(err)
	}
	all := []int{0, 1, 2, 3}
	guess := train(rows, settings{Features: all}).accuracy(heldOut)
	if guess > 0.34 {
		t.Errorf("untrained: accuracy %.2f on three classes of one size", guess)
	}
	sepals := train(rows, settings{Features: all[:2], Epochs: 200, LearningRate: 0.1}).accuracy(heldOut)
	whole := train(rows, settings{Features: all, Epochs: 2000, LearningRate: 0.5, L2: 0.001}).accuracy(heldOut)
	if whole < 0.9 || whole <= sepals {
		t.Errorf("accuracy %.2f with all measurements, %.2f with the sepals alone", whole, sepals)
	}
	t.Logf("held-out accuracy: guessing %.2f, sepals %.2f, all %.2f", guess, sepals, whole)
}
