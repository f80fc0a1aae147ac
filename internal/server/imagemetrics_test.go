package server_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestMetricsOfImages looks at what pushes, a refused one and a pull leave in the metrics.
func TestMetricsOfImages(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	p := newPusher(t, s)
	if _, err := ecr.NewFromConfig(s.AWS()).PutImageTagMutability(t.Context(), &ecr.PutImageTagMutabilityInput{
		RepositoryName: new("team/model"), ImageTagMutability: types.ImageTagMutabilityImmutable,
	}); err != nil {
		t.Fatal(err)
	}
	p.pushImage("one", "1.0", 201)
	p.pushImage("other", "1.0", 400)
	p.pushImage("other", "1.1", 201)
	p.do("HEAD", "/manifests/1.0", nil, 200)
	p.do("GET", "/manifests/1.0", nil, 200)
	_, body := get(t, s.URL()+"/metrics")
	for _, line := range []string{
		"image_pushes_total 2", "image_pulls_total 1", "refused_tag_writes_total 1", "layer_bytes_received_total 13",
	} {
		if !strings.Contains(body, "\nmodelwharf_ecr_"+line+"\n") {
			t.Errorf("%s is not among the metrics", line)
		}
	}
}
