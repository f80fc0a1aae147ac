package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/egress"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv/sealed"
	"github.com/modelwharf/modelwharf/internal/resources"
	"github.com/modelwharf/modelwharf/internal/s3"
)

// stacksAtOnce is how many stacks are worked on at once. It is many, since most of them
// wait: a stack in a stack is worked on while the outer one waits for it.
const stacksAtOnce = 1024

// stacks is the store of stacks with what carries out their operations.
type stacks struct {
	*cloudformation.Service
	jobs *jobs.Runner
}

// openStacks opens the store of stacks, whose resources are those of the other services.
func (s *Server) openStacks(tables *dynamodb.Service) *stacks {
	store := sealed.New(s.store, s.seal, "cloudformation") // parameters and properties may be secret
	runner := jobs.New(jobs.Config{Store: store, Now: s.config.Now, Logger: s.log, Owner: "server", Workers: stacksAtOnce})
	service := cloudformation.New(cloudformation.Config{
		Store: store, Identity: s.identity, Seal: s.pages, Now: s.config.Now, Wake: runner.Wake, Log: s.log, Metrics: s.metrics.registry,
		Types: resources.Types(resources.Services{
			DynamoDB: tables.API(), CodeArtifact: s.packages.API(), ECR: s.images.API(), ECRPublic: s.images.PublicAPI(), IAM: iam.New(s.identity), S3: s.objects.Service,
		}),
		Fetch: s.templates().fetch,
	})
	runner.Register(service.Jobs()...)
	return &stacks{service, runner}
}

// templateSource is a place where templates are. ok is false for a URL that is of another.
type templateSource func(ctx context.Context, u *url.URL) (body []byte, ok bool, err error)

// templates are the places that templates are read from.
type templates []templateSource

// templates returns the places that templates are read from: what this server keeps
// itself comes before the web.
func (s *Server) templates() templates {
	allow, _ := egress.ParseAllow(s.config.AllowEgress...) // which check has done before
	return templates{s.objectTemplates(), webTemplates(egress.NewClient(allow))}
}

// objectTemplates are the templates that this server keeps itself, as far as the caller may
// read them.
func (s *Server) objectTemplates() templateSource {
	return func(ctx context.Context, u *url.URL) ([]byte, bool, error) {
		n, ok := s.objects.Locate(ctx, u.String())
		if !ok {
			return nil, false, nil
		}
		body, err := readObject(ctx, s.objects.Service, n, template.MaxBody)
		switch e, told := errors.AsType[*api.Error](err); {
		case errors.Is(err, egress.ErrTooLarge):
			return nil, true, noTemplate("Template may not exceed %d bytes in size.", template.MaxBody)
		case told && e.HTTPStatus() < http.StatusInternalServerError:
			return nil, true, noTemplate("S3 error: %s", e.Message)
		}
		return body, true, err
	}
}

// readObject reads an object in the name of the caller. The error is egress.ErrTooLarge for
// one that is larger.
func readObject(ctx context.Context, objects *s3.Service, n s3.Name, most int64) ([]byte, error) {
	r := new(*api.RequestOf(ctx))
	r.Service, r.Operation = "s3", "GetObject"
	ctx = api.WithRequest(ctx, r)
	found, err := objects.GetObject(ctx, n)
	if err != nil {
		return nil, err
	}
	if found.Size > most {
		return nil, egress.ErrTooLarge
	}
	bytes, err := found.Open(ctx, 0, found.Size)
	if err != nil {
		return nil, err
	}
	defer bytes.Close()
	return io.ReadAll(bytes)
}

// fetch reads a template. The error is ValidationError.
func (t templates) fetch(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || egress.CheckURL(u) != nil {
		return nil, noTemplate("TemplateURL must be a supported URL.")
	}
	for _, source := range t {
		if body, ok, err := source(ctx, u); ok || err != nil {
			return body, err
		}
	}
	return nil, noTemplate("TemplateURL must be a supported URL.")
}

func noTemplate(format string, args ...any) *api.Error {
	return api.Errorf("ValidationError", http.StatusBadRequest, format, args...)
}

// webTemplates are the templates that another server has, as far as it may be asked.
func webTemplates(client *egress.Client) templateSource {
	return func(ctx context.Context, u *url.URL) ([]byte, bool, error) {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, true, noTemplate("TemplateURL must be a supported URL.")
		}
		answer, err := client.Do(r, template.MaxBody)
		switch {
		case errors.Is(err, egress.ErrTooLarge):
			return nil, true, noTemplate("Template may not exceed %d bytes in size.", template.MaxBody)
		case errors.Is(err, egress.ErrRefused):
			return nil, true, noTemplate("TemplateURL must reference a host that this server may ask: see --allow-egress.")
		case err != nil:
			return nil, true, noTemplate("The template at %s could not be read.", u.Redacted()).Because(err)
		case answer.Status != http.StatusOK:
			return nil, true, noTemplate("The template at %s could not be read: its host answered with the status %d.", u.Redacted(), answer.Status)
		}
		return answer.Body, true, nil
	}
}
