package main

import (
	"archive/zip"
	"bytes"
	"testing"
)

// TestWheelIsTheSame makes the same wheel twice, which installers can read.
func TestWheelIsTheSame(t *testing.T) {
	v, err := trainVersion("1.0")
	if err != nil {
		t.Fatal(err)
	}
	one, err := packWheel(v)
	if err != nil {
		t.Fatal(err)
	}
	two, err := packWheel(v)
	if err != nil || !bytes.Equal(one, two) {
		t.Error("another wheel of the same model", err)
	}
	z, err := zip.NewReader(bytes.NewReader(one), int64(len(one)))
	if err != nil || len(z.File) != 6 || z.File[5].Name != "iris_species-1.0.dist-info/RECORD" {
		t.Errorf("%v %+v", err, z)
	}
}
