package codeartifact_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// BenchmarkNotModified asks for a document that the client has.
func BenchmarkNotModified(b *testing.B) {
	_, do, _ := served(b)
	do("PUT", "w/1/a", "one")
	answer, _ := do("GET", "w/", "")
	etag := answer.Header.Get("Etag")
	for b.Loop() {
		if answer, _ := do("GET", "w/", "", "If-None-Match", etag); answer.StatusCode != 304 {
			b.Fatal(answer.Status)
		}
	}
}

// BenchmarkStage stages assets of 64 MiB.
func BenchmarkStage(b *testing.B) {
	s := newBare(b)
	content := make([]byte, 64<<20)
	rand.Read(content)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		content[0]++
		if _, err := s.Stage(s.ctx, bytes.NewReader(content), codeartifact.MaxAsset); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPublish publishes a version of a package of its own.
func BenchmarkPublish(b *testing.B) {
	s := newBare(b)
	main, staged := s.find("main"), s.stage("x")
	n := weights
	for i := 0; b.Loop(); i++ {
		n.Name = string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)) + string(rune('a'+i/17576%26))
		_, err := s.Publish(s.ctx, main, n, codeartifact.Publication{Version: "1", Assets: []codeartifact.NewAsset{{Name: "a", Staged: staged}}})
		if err != nil {
			b.Fatal(err)
		}
	}
}
