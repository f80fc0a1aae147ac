package e2e

import (
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/opencontainers/go-digest"
)

// TestTagRace lets 64 clients push different images to one new tag that must not move, again
// and again: exactly one of them succeeds, the others are told why not, and the tag never
// changes afterwards, whoever pushes.
//
// MODELWHARF_TAG_RACES makes it longer.
func TestTagRace(t *testing.T) {
	t.Parallel()
	const clients = 64
	rounds := setting(t, "MODELWHARF_TAG_RACES", 15)
	s := start(t)
	c := s.images(t, types.ImageTagMutabilityImmutable, "race")
	config := []byte("{}")
	c.push(t, "race", config)
	image := func(round, client int) []byte { return manifest(fmt.Sprintf("%d/%d", round, client), config) }
	tag := func(round int) string { return fmt.Sprintf("%s/manifests/round-%d", imagePath("race"), round) }
	winners := make([]digest.Digest, rounds)
	for round := range rounds {
		answers := make([]*said, clients)
		var racing sync.WaitGroup
		begin := make(chan struct{})
		for client := range clients {
			body := image(round, client)
			racing.Go(func() {
				<-begin
				a, err := c.do(t.Context(), "PUT", tag(round), body, "Content-Type", manifestType)
				if err != nil {
					t.Error(err)
					a = &said{}
				}
				answers[client] = a
			})
		}
		close(begin)
		racing.Wait()
		won := 0
		for client, a := range answers {
			switch {
			case a.status == 201:
				won++
				winners[round] = digest.FromBytes(image(round, client))
			case a.status != 400 || a.code() != "TAG_INVALID":
				t.Errorf("round %d, client %d: %v", round, client, a)
			}
		}
		if won != 1 {
			t.Fatalf("round %d: %d clients won", round, won)
		}
	}
	for round, want := range winners {
		if a := c.must(t, 400, "PUT", tag(round), image(-1, round), "Content-Type", manifestType); a.code() != "TAG_INVALID" {
			t.Errorf("round %d: %v", round, a)
		}
		if got := c.must(t, 200, "GET", tag(round), nil); digest.FromBytes(got.body) != want {
			t.Errorf("round %d: the tag has moved", round)
		}
	}
	t.Logf("%d rounds of %d clients", rounds, clients)
}
