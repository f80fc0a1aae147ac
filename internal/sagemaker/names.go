package sagemaker

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// The kinds of things, as their ARNs name them.
const (
	modelKind    = "model"
	configKind   = "endpoint-config"
	endpointKind = "endpoint"
	groupKind    = "model-package-group"
	packageKind  = "model-package"
	routeKind    = "route" // of an endpoint
)

// resourceTypes are the kinds in CloudFormation's words, for the audit trail.
var resourceTypes = map[string]string{
	modelKind: "AWS::SageMaker::Model", configKind: "AWS::SageMaker::EndpointConfig", endpointKind: "AWS::SageMaker::Endpoint",
	groupKind: "AWS::SageMaker::ModelPackageGroup", packageKind: "AWS::SageMaker::ModelPackage",
}

// resource is where something is.
type resource struct {
	kind, account, region string
	name                  string // in lower case; of a package with its version behind a '/'
}

// here is something of the caller's account, in the region of the request.
func here(ctx context.Context, kind, name string) resource {
	r := api.RequestOf(ctx)
	return resource{kind, r.Caller.Account, r.Region, strings.ToLower(name)}
}

func (n resource) arn() string {
	return "arn:aws:sagemaker:" + n.region + ":" + n.account + ":" + n.kind + "/" + n.name
}

func (n resource) key() []byte {
	name, version, _ := strings.Cut(n.name, "/")
	if n.kind == packageKind { // also one without a group, so that all are read in one way
		return tuple.AppendString(keyOf(n.kind, n.account, n.region, name), version)
	}
	return keyOf(n.kind, n.account, n.region, n.name)
}

// parseARN reads an ARN of the caller's account.
func parseARN(ctx context.Context, arn string) (resource, bool) {
	r := api.RequestOf(ctx)
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "sagemaker" || parts[3] != r.Region || parts[4] != r.Caller.Account {
		return resource{}, false
	}
	kind, name, ok := strings.Cut(parts[5], "/")
	return resource{kind, parts[4], parts[3], strings.ToLower(name)}, ok && resourceTypes[kind] != "" && name != ""
}

// ask asks policy whether the caller may do an action to something that has tags.
func (s *Service) ask(ctx context.Context, action string, n resource, tags map[string]string, conditions ...map[string][]string) error {
	c := identity.Check{Action: "sagemaker:" + action, Resource: n.arn(), Conditions: tagConditions(tags)}
	for _, more := range conditions {
		maps.Copy(c.Conditions, more)
	}
	return s.identity.Authorize(ctx, c)
}

func tagConditions(tags map[string]string) map[string][]string {
	c := make(map[string][]string, len(tags))
	for k, v := range tags {
		c["aws:ResourceTag/"+k] = []string{v}
	}
	return c
}

// askList asks policy whether the caller may list a kind of things.
func (s *Service) askList(ctx context.Context, action string) error {
	return s.identity.Authorize(ctx, identity.Check{Action: "sagemaker:" + action, Resource: "*"})
}

// requestTags are the condition keys of the tags that a request brings.
func requestTags(tags map[string]string) map[string][]string {
	if len(tags) == 0 {
		return nil
	}
	c := map[string][]string{"aws:TagKeys": slices.Sorted(maps.Keys(tags))}
	for k, v := range tags {
		c["aws:RequestTag/"+k] = []string{v}
	}
	return c
}

// maxTags is how many tags something can have.
const maxTags = 50

// tagsOf reads the tags of a request.
func tagsOf(ctx context.Context, list []*shapes.Tag) (map[string]string, error) {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		if _, twice := tags[*t.Key]; twice {
			return nil, invalid("Tag keys must be unique: %s is there twice.", *t.Key)
		}
		if api.RequestOf(ctx).ReservedTag(*t.Key) {
			return nil, invalid("aws: prefixed tag key names are not allowed for external use.")
		}
		tags[*t.Key] = *t.Value
	}
	return tags, nil
}

// record keeps an act on something in the audit trail, in its transaction.
func record(ctx context.Context, tx kv.Txn, n resource, parameters map[string]any) {
	e := audit.Event{Resources: []audit.Resource{{Type: resourceTypes[n.kind], ARN: n.arn()}}}
	if b, err := json.Marshal(parameters); err == nil && len(parameters) > 0 {
		e.Parameters = b
	}
	audit.Record(ctx, tx, e)
}
