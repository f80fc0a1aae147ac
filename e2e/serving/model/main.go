// Model is what the tests serve: it answers each question with its version, and with so many
// bytes that half an answer would show, unless SMALL is set.
//
//	POST /invocations  QUESTION  →  {"version": "1", "question": "QUESTION", "sum": SHA-256 of both, "padding": "…"}
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	http.HandleFunc("GET /ping", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("POST /invocations", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if pause, err := time.ParseDuration(os.Getenv("PAUSE")); err == nil {
			time.Sleep(pause)
		}
		version, padding := os.Getenv("VERSION"), strings.Repeat("0123456789", 2000)
		if os.Getenv("SMALL") != "" {
			padding = ""
		}
		sum := sha256.Sum256([]byte(version + string(b)))
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{
			"version": version, "question": string(b), "sum": hex.EncodeToString(sum[:]), "padding": padding,
		})
	})
	log.Fatal(http.ListenAndServe(net.JoinHostPort(os.Getenv("MODELWHARF_BIND_ADDRESS"), os.Getenv("SAGEMAKER_BIND_TO_PORT")), nil))
}
