package lifecycle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/ecr/lifecycle"
)

// BenchmarkEvaluate evaluates three rules on 100,000 images, which is as many as ECR has in
// a repository.
func BenchmarkEvaluate(b *testing.B) {
	p, err := lifecycle.Parse([]byte(`{"rules":[
		{"rulePriority":1,"selection":{"tagStatus":"tagged","tagPatternList":["release-*"],"countType":"imageCountMoreThan","countNumber":1000},"action":{"type":"expire"}},
		{"rulePriority":2,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":7},"action":{"type":"expire"}},
		{"rulePriority":3,"selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":30},"action":{"type":"expire"}}]}`))
	if err != nil {
		b.Fatal(err)
	}
	list := make([]lifecycle.Image, 100_000)
	for i := range list {
		list[i] = lifecycle.Image{Digest: fmt.Sprintf("sha256:%064x", i), Pushed: now.Add(-time.Duration(i*7919%len(list)) * time.Minute)}
		switch i % 4 {
		case 0:
			list[i].Tags = []string{fmt.Sprint("release-", i), "v"}
		case 1:
			list[i].Tags = []string{fmt.Sprint("build-", i)}
		case 2:
			list[i].Subject = list[i-1].Digest
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(p.Evaluate(list, now)) == 0 {
			b.Fatal("nothing expires")
		}
	}
}
