package main

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed iris.csv
var irisCSV string

// species are the classes, in the order of the model's outputs.
var species = []string{"setosa", "versicolor", "virginica"}

// measurements are the columns of the data, in centimetres.
var measurements = []string{"sepal_length", "sepal_width", "petal_length", "petal_width"}

// flower is one row of Fisher's table.
type flower struct {
	features []float64 // by measurements
	class    int       // index into species
}

// csv is the flower without its species, as a line.
func (f *flower) csv() string {
	var cells []string
	for _, x := range f.features {
		cells = append(cells, strconv.FormatFloat(x, 'g', -1, 64))
	}
	return strings.Join(cells, ",")
}

// loadIris reads the data and splits it: of each species every third flower is
// held out, so that the split is the same in every run and no model has seen the
// rows that it is judged by.
func loadIris() (train, heldOut []flower, err error) {
	r := csv.NewReader(strings.NewReader(irisCSV))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, nil, fmt.Errorf("read iris.csv: %w", err)
	}
	seen := make([]int, len(species))
	for _, row := range rows[1:] {
		f := flower{class: slices.Index(species, row[len(measurements)])}
		if f.class < 0 {
			return nil, nil, fmt.Errorf("iris.csv: unknown species %q", row[len(measurements)])
		}
		for _, cell := range row[:len(measurements)] {
			x, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				return nil, nil, fmt.Errorf("iris.csv: %w", err)
			}
			f.features = append(f.features, x)
		}
		seen[f.class]++
		if seen[f.class]%3 == 0 {
			heldOut = append(heldOut, f)
		} else {
			train = append(train, f)
		}
	}
	return train, heldOut, nil
}
