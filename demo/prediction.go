package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// asker asks the endpoint as a program of the other team does.
type asker struct {
	client *sagemakerruntime.Client
}

// answered is an answer of the endpoint.
type answered struct {
	body    []byte
	version string // of the model that made it
	species string
	cache   string // hit, miss or bypass
	took    time.Duration
}

// ask asks what a flower is.
func (a *asker) ask(ctx context.Context, question string) (*answered, error) {
	began := time.Now()
	out, err := a.client.InvokeEndpoint(ctx, &sagemakerruntime.InvokeEndpointInput{
		EndpointName: new(launchedName), ContentType: new("text/csv"), Accept: new("application/json"), Body: []byte(question),
	})
	if err != nil {
		return nil, err
	}
	got := &answered{body: out.Body, took: time.Since(began)}
	if raw, ok := middleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response); ok {
		got.cache = raw.Header.Get("X-Modelwharf-Cache")
	}
	var said struct {
		Version     string
		Predictions []struct{ Species string }
	}
	if err := json.Unmarshal(out.Body, &said); err != nil || len(said.Predictions) != 1 {
		return nil, fmt.Errorf("asked for one flower, the endpoint answered %s", out.Body)
	}
	got.version, got.species = said.Version, said.Predictions[0].Species
	return got, nil
}

// questions are flowers by how the endpoint is asked about them: equal ones are one question.
func questions(flowers []flower) map[string]flower {
	all := map[string]flower{}
	for _, f := range flowers {
		all[f.csv()] = f
	}
	return all
}

// predictTwice asks about every held-out flower twice. The first time no answer may come from
// the cache, the second time each must, byte for byte the same; and all are of the version.
func predictTwice(ctx context.Context, a *asker, v *version) error {
	first := map[string]*answered{}
	pass := func(cache string) (p50 time.Duration, right int, err error) {
		var took []time.Duration
		for question, f := range questions(v.heldOut) {
			got, err := a.ask(ctx, question)
			switch {
			case err != nil:
				return 0, 0, err
			case got.version != v.number:
				return 0, 0, fmt.Errorf("%s is live, but version %s answered", v.number, got.version)
			case got.cache != cache:
				return 0, 0, fmt.Errorf("the answer about %s is a %q of the cache and not a %s", question, got.cache, cache)
			case first[question] != nil && !bytes.Equal(got.body, first[question].body):
				return 0, 0, fmt.Errorf("the cache answers %s, the model answered %s", got.body, first[question].body)
			case got.species != v.model.says(f):
				return 0, 0, fmt.Errorf("about %s the endpoint answers %s, the model that was trained says %s", question, got.species, v.model.says(f))
			case got.species == species[f.class]:
				right++
			}
			first[question] = got
			took = append(took, got.took)
		}
		slices.Sort(took)
		return took[len(took)/2], right, nil
	}
	miss, right, err := pass("miss")
	if err != nil {
		return err
	}
	say("%d questions, %d right, all by %s %s; x-modelwharf-cache: miss, p50 %v", len(first), right, modelID, v.number, miss.Round(time.Microsecond))
	hit, _, err := pass("hit")
	if err != nil {
		return err
	}
	say("the same again, the same bytes as answers;              x-modelwharf-cache: hit,  p50 %v", hit.Round(time.Microsecond))
	return nil
}

// proveDenied shows that who may not ask is told nothing, though the answer lies in the cache.
func proveDenied(ctx context.Context, outsider *member, v *version) error {
	a := &asker{sagemakerruntime.NewFromConfig(outsider.cfg)}
	for question := range questions(v.heldOut) {
		if _, err := a.ask(ctx, question); !isCode(err, "AccessDeniedException") {
			return fmt.Errorf("an outsider asks the endpoint: %w", err)
		}
		break
	}
	say("an outsider asks what is in the cache: AccessDeniedException")
	return nil
}

// watched asks again and again while something is done, and fails unless every question is
// answered, and none by the earlier version once the later one has answered. It asks about
// other flowers than those that are held out, so that nothing is known of these.
func watched(ctx context.Context, a *asker, from, to *version, do func() error) error {
	others := questions(from.seen)
	for question := range questions(from.heldOut) {
		delete(others, question)
	}
	during, stop := context.WithCancel(ctx)
	defer stop()
	type counts struct {
		old, new int
		err      error
	}
	done := make(chan counts)
	go func() {
		var c counts
		defer func() { done <- c }()
		for {
			for question := range others {
				got, err := a.ask(ctx, question)
				switch {
				case err != nil:
					c.err = fmt.Errorf("asked during the update: %w", err)
				case got.version == from.number && c.new == 0:
					c.old++
				case got.version == to.number:
					c.new++
				default:
					c.err = fmt.Errorf("version %s answered after %d answers of %s", got.version, c.new, to.number)
				}
				if c.err != nil || during.Err() != nil {
					return
				}
			}
		}
	}()
	err := do()
	stop()
	c := <-done
	if err := errors.Join(err, c.err); err != nil {
		return err
	}
	say("meanwhile %d questions were answered, %d by %s, then %d by %s: none failed, none went back", c.old+c.new, c.old, from.number, c.new, to.number)
	return nil
}
