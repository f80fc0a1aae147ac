// Modelserver answers predictions of one model version over HTTP, as SageMaker asks a container
// to. It is what the demo puts into images: a static program and, beside it in a layer of its
// own, model.json.
//
//	GET  /ping          200 once it answers
//	POST /invocations   text/csv: a flower a line, or application/json: {"instances": [[5.1, 3.5, 1.4, 0.2]]}
//	                    → {"model": "iris-species", "version": "1.0", "predictions": [{"species": "setosa", …}]}
package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"mime"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxQuestion is how long the body of an invocation may be, in bytes.
const maxQuestion = 6 << 20

func main() {
	// In the working folder, which is the root of the image wherever that is: a process that
	// cannot have a root of its own has it in another place.
	m, err := readModel("model.json")
	if err != nil {
		log.Fatal(err)
	}
	port := os.Getenv("SAGEMAKER_BIND_TO_PORT")
	if port == "" {
		port = "8080"
	}
	server := &http.Server{Addr: net.JoinHostPort("", port), Handler: m.handler(), ReadTimeout: 60 * time.Second, WriteTimeout: 60 * time.Second}
	log.Printf("%s %s answers on port %s", m.Model, m.Version, port)
	log.Fatal(server.ListenAndServe())
}

// handler answers as a container is asked.
func (m *model) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /invocations", func(w http.ResponseWriter, r *http.Request) {
		instances, err := question(r.Header.Get("Content-Type"), http.MaxBytesReader(w, r.Body, maxQuestion))
		if unsupported, ok := errors.AsType[unsupportedType](err); ok {
			http.Error(w, unsupported.Error(), http.StatusUnsupportedMediaType)
			return
		}
		var answers []answer
		for i, features := range instances {
			a, bad := m.predict(features)
			if bad != nil && err == nil {
				err = fmt.Errorf("flower %d: %w", i+1, bad)
			}
			answers = append(answers, a)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"model": m.Model, "version": m.Version, "predictions": answers})
	})
	return mux
}

// unsupportedType is a content type that is not answered.
type unsupportedType string

func (t unsupportedType) Error() string {
	return fmt.Sprintf("the content type is %q; send text/csv or application/json", string(t))
}

// question reads the flowers that are asked about.
func question(contentType string, body io.Reader) (instances [][]float64, err error) {
	kind, _, _ := mime.ParseMediaType(contentType)
	switch kind {
	case "application/json":
		var asked struct{ Instances [][]float64 }
		if err := json.NewDecoder(body).Decode(&asked); err != nil {
			return nil, err
		}
		instances = asked.Instances
	case "text/csv":
		rows, err := csv.NewReader(body).ReadAll()
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			var features []float64
			for _, cell := range row {
				x, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
				if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
					return nil, fmt.Errorf("%q is not a measurement", cell)
				}
				features = append(features, x)
			}
			instances = append(instances, features)
		}
	default:
		return nil, unsupportedType(contentType)
	}
	if len(instances) == 0 {
		return nil, errors.New("no flower is asked about")
	}
	return instances, nil
}
