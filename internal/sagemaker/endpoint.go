package sagemaker

import (
	"context"
	"strings"
	"time"

	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// The states of an endpoint.
const (
	creating    = "Creating"
	inService   = "InService"
	updating    = "Updating"
	rollingBack = "RollingBack"
	failed      = "Failed"
	deleting    = "Deleting"
)

// endpointName is where an endpoint is.
type endpointName struct{ account, region, name string }

func (n resource) endpoint() endpointName { return endpointName{n.account, n.region, n.name} }

func (n endpointName) resource() resource {
	return resource{endpointKind, n.account, n.region, n.name}
}

func (n endpointName) key() []byte { return n.resource().key() }

func (n endpointName) routeKey() []byte { return keyOf(routeKind, n.account, n.region, n.name) }

// endpoint is an endpoint as it is stored: what it serves and what it is to serve.
type endpoint struct {
	Account  string    `json:"account"`
	Region   string    `json:"region"`
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	Status   string    `json:"status"`
	Reason   string    `json:"reason,omitempty"` // of its failure, or of that of its last update
	// Serving is what answers, nil until the first set of containers has been ready.
	Serving *release `json:"serving,omitempty"`
	// Pending is what is to answer once it is ready, nil if nothing is.
	Pending *release `json:"pending,omitempty"`
	// Scaled are the variants of Serving as they are to be, nil if they are.
	Scaled []variant `json:"scaled,omitempty"`
	// Generation is random, and another one whenever another set of containers may answer.
	Generation string                                                  `json:"generation"`
	Deployment kept[shapes.DeploymentConfig, *shapes.DeploymentConfig] `json:"deployment"`
	Tags       map[string]string                                       `json:"tags,omitempty"`
}

// release is a set of containers that serves an endpoint: all that it takes to start them,
// also when model and configuration have been deleted.
type release struct {
	ID       string    `json:"id"` // random
	Config   string    `json:"config"`
	Began    time.Time `json:"began"`
	Variants []variant `json:"variants"`
}

// variant is a production variant.
type variant struct {
	Name       string      `json:"name"`
	Model      string      `json:"model"`
	Role       string      `json:"role"`
	Isolated   bool        `json:"isolated,omitempty"`
	Direct     bool        `json:"direct,omitempty"`
	Containers []container `json:"containers"`
	Weight     float64     `json:"weight"`
	Count      int64       `json:"count"` // of instances
	Instance   string      `json:"instance,omitempty"`
	// Serverless is set instead of Instance.
	Serverless *serverless `json:"serverless,omitempty"`
	// StartTimeout is how long a container may take until it answers, in seconds.
	StartTimeout int64 `json:"startTimeout,omitempty"`
}

// serverless is what a variant without instances may use.
type serverless struct {
	Memory      int64 `json:"memory"` // MB
	Concurrency int64 `json:"concurrency"`
}

func (e *endpoint) at() endpointName {
	return endpointName{e.Account, e.Region, strings.ToLower(e.Name)}
}

func endpointEntry(e *endpoint) entry {
	return entry{name: e.Name, status: e.Status, created: e.Created, modified: e.Modified}
}

func noEndpoint(n resource) error { return invalid("Could not find endpoint %q.", n.arn()) }

// put writes an endpoint, with a new revision: what was read of it before is out of date.
func (e *endpoint) put(tx kv.Txn) error {
	tx.Put(e.at().routeKey(), []byte(newID()))
	return put(tx, e.at().key(), e)
}

func readEndpoint(ctx context.Context, tx kv.Reader, n endpointName) (*endpoint, error) {
	return read[endpoint](ctx, tx, n.key())
}

// findEndpoint authorizes an action on an endpoint that must be there.
func (s *Service) findEndpoint(ctx context.Context, action, name string, conditions ...map[string][]string) (*endpoint, error) {
	n := here(ctx, endpointKind, name)
	var e *endpoint
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		e, err = readEndpoint(ctx, tx, n.endpoint())
		return err
	})
	if err != nil {
		return nil, err
	}
	var tags map[string]string
	if e != nil {
		tags = e.Tags
	}
	if err := s.ask(ctx, action, n, tags, conditions...); err != nil {
		return nil, err
	}
	if e == nil {
		return nil, noEndpoint(n)
	}
	return e, nil
}

// newRelease is what a configuration and its models say now.
func newRelease(ctx context.Context, tx kv.Reader, c *endpointConfig, now time.Time) (*release, error) {
	r := &release{ID: newID(), Config: c.Name, Began: now}
	for _, v := range c.Request.Shape.ProductionVariants {
		n := here(ctx, modelKind, *v.ModelName)
		m, err := read[model](ctx, tx, n.key())
		if err != nil {
			return nil, err
		}
		if m == nil {
			return nil, noModel(n)
		}
		x := variant{
			Name: *v.VariantName, Model: m.Name, Role: m.Role, Isolated: m.Isolated || isTrue(c.Request.Shape.EnableNetworkIsolation), Direct: m.Direct,
			Containers: m.Containers, Weight: weightOf(v.InitialVariantWeight), Count: 1, Instance: text(v.InstanceType),
		}
		if v.InitialInstanceCount != nil {
			x.Count = *v.InitialInstanceCount
		}
		if v.ServerlessConfig != nil {
			x.Serverless = &serverless{*v.ServerlessConfig.MemorySizeInMB, *v.ServerlessConfig.MaxConcurrency}
		}
		if v.ContainerStartupHealthCheckTimeoutInSeconds != nil {
			x.StartTimeout = *v.ContainerStartupHealthCheckTimeoutInSeconds
		}
		r.Variants = append(r.Variants, x)
	}
	return r, nil
}
