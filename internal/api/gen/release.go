package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pin is the version of botocore and the SHA-256 of its wheel.
//
//go:embed botocore.pin
var pin string

// release is a verified release of botocore.
type release struct {
	version string
	files   *zip.Reader
}

// openRelease reads the pinned release from a wheel or, if that is "", from where
// the machine's pip finds it.
func openRelease(wheel string) (*release, error) {
	field := strings.Fields(pin)
	if len(field) != 2 {
		return nil, fmt.Errorf("botocore.pin is not a version and a SHA-256")
	}
	version, sum := field[0], field[1]
	if wheel == "" {
		folder, err := os.MkdirTemp("", "botocore-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(folder)
		pip := exec.Command("python3", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder, "botocore=="+version)
		pip.Stderr = os.Stderr
		if err := pip.Run(); err != nil {
			return nil, fmt.Errorf("fetch botocore %s: %w", version, err)
		}
		found, err := filepath.Glob(filepath.Join(folder, "*.whl"))
		if err != nil || len(found) != 1 {
			return nil, fmt.Errorf("pip left %d wheels of botocore %s", len(found), version)
		}
		wheel = found[0]
	}
	data, err := os.ReadFile(wheel)
	if err != nil {
		return nil, err
	}
	if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != sum {
		return nil, fmt.Errorf("botocore %s has SHA-256 %x, pinned is %s", version, got, sum)
	}
	files, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	return &release{version, files}, err
}

// model reads the model of a service.
func (r *release) model(service, version string) (*model, error) {
	f, err := r.files.Open("botocore/data/" + service + "/" + version + "/service-2.json.gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	m := new(model)
	return m, json.NewDecoder(z).Decode(m)
}

// models are those of our own services, in the form and the folders of botocore's.
//
//go:embed models
var models embed.FS

// ownModel reads the model of a service of our own.
func ownModel(service, version string) (*model, error) {
	b, err := models.ReadFile("models/" + service + "/" + version + "/service-2.json")
	if err != nil {
		return nil, err
	}
	m := new(model)
	return m, json.Unmarshal(b, m)
}
