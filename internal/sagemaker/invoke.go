package sagemaker

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	runtimeapi "github.com/modelwharf/modelwharf/internal/api/sagemakerruntime"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// MaxBody is how long a question and an answer may be, in bytes.
const MaxBody = 6 << 20

// invocation is what is asked of an endpoint, by either operation.
type invocation struct {
	name                          string
	body                          []byte
	contentType, accept           string
	attributes, inferenceID       string
	targetVariant, targetModel    string
	targetContainer, explanations string
	session, cacheControl         string
	streaming                     bool
}

// InvokeEndpoint asks an endpoint for a prediction, which its prediction cache may have. The
// errors are AccessDeniedException, ValidationError, ModelError if the model does not answer
// as it should, and ModelNotReadyException if none is there to answer.
func (s *Service) InvokeEndpoint(ctx context.Context, in *runtimeapi.InvokeEndpointInput) (*runtimeapi.InvokeEndpointOutput, error) {
	if in.InferenceComponentName != nil {
		return nil, runtimeapi.ValidationError("Inference components are not available in this version of Modelwharf.")
	}
	q := &invocation{
		name: *in.EndpointName, body: in.Body, contentType: text(in.ContentType), accept: text(in.Accept), attributes: text(in.CustomAttributes),
		inferenceID: text(in.InferenceId), targetVariant: text(in.TargetVariant), targetModel: text(in.TargetModel), targetContainer: text(in.TargetContainerHostname),
		explanations: text(in.EnableExplanations), session: text(in.SessionId), cacheControl: text(in.CacheControl),
	}
	var out *runtimeapi.InvokeEndpointOutput
	err := s.invoke(ctx, q, func(r *route, v *variant) error {
		result, err := s.predict(ctx, q, r, v)
		if err != nil {
			return err
		}
		out = &runtimeapi.InvokeEndpointOutput{
			Body: result.Body, ContentType: optional(result.ContentType), InvokedProductionVariant: new(v.Name), CustomAttributes: optional(result.CustomAttributes),
			NewSessionId: optional(result.newSession), ClosedSessionId: optional(result.closedSession), Cache: optional(string(result.Outcome)),
		}
		if result.Outcome == predictions.Hit {
			out.Age = new(strconv.FormatInt(int64(result.Age/time.Second), 10))
		}
		return nil
	})
	return out, err
}

// attempts is how often a prediction is asked for anew, since what should have answered it
// was replaced in that moment.
const attempts = 8

// errGone says that a release no longer serves.
var errGone = errors.New("sagemaker: another release serves the endpoint")

// invoke decides who may ask, and chooses who answers.
func (s *Service) invoke(ctx context.Context, q *invocation, answer func(*route, *variant) error) error {
	n := here(ctx, endpointKind, q.name)
	var err error
	for range attempts {
		var r *route
		if r, err = s.route(ctx, n.endpoint()); err != nil {
			return err
		}
		if err := s.mayInvoke(ctx, q, n, r); err != nil {
			return err
		}
		if r == nil || r.endpoint.Serving == nil || r.endpoint.Status == deleting || r.endpoint.Name != q.name {
			return runtimeapi.ValidationError("Endpoint %s of account %s not found.", q.name, n.account)
		}
		var v *variant
		if v, err = s.chooseFor(q, r); err != nil {
			return err
		}
		if err := v.accepts(q); err != nil {
			return err
		}
		if err = answer(r, v); err != errGone {
			return err
		}
	}
	return notReady(q.name)
}

// mayInvoke asks policy whether the caller may ask an endpoint.
func (s *Service) mayInvoke(ctx context.Context, q *invocation, n resource, r *route) error {
	c := identity.Check{Action: "sagemaker:" + api.RequestOf(ctx).Operation, Resource: n.arn()}
	if r != nil {
		c.Conditions = r.conditions
	}
	if q.targetModel != "" {
		c.Conditions = maps.Clone(c.Conditions)
		if c.Conditions == nil {
			c.Conditions = map[string][]string{}
		}
		c.Conditions["sagemaker:TargetModel"] = []string{q.targetModel}
	}
	return s.identity.Authorize(ctx, c)
}

// accepts refuses what a variant cannot be asked.
func (v *variant) accepts(q *invocation) error {
	switch {
	case q.targetModel != "":
		return runtimeapi.ValidationError("Target model %s cannot be invoked: endpoint %s hosts no multi-model container.", q.targetModel, q.name)
	case q.targetContainer != "" && !v.Direct:
		return runtimeapi.ValidationError("TargetContainerHostname can be specified only for endpoints whose containers are invoked directly: endpoint %s is not one.", q.name)
	case q.targetContainer == "" && v.Direct:
		return runtimeapi.ValidationError("TargetContainerHostname is needed: the containers of endpoint %s are invoked directly.", q.name)
	case v.Direct && v.container(q.targetContainer) < 0:
		return runtimeapi.ValidationError("Target container %s not found in endpoint %s.", q.targetContainer, q.name)
	}
	return nil
}

// container is the place of a container among those of the variant, -1 if there is none.
func (v *variant) container(host string) int {
	for i, c := range v.Containers {
		if text(c.Definition.Shape.ContainerHostname) == host {
			return i
		}
	}
	return -1
}

// digests are those of the variant's images.
func (v *variant) digests() string {
	if len(v.Containers) == 1 {
		return v.Containers[0].Digest
	}
	all := make([]string, 0, len(v.Containers))
	for _, c := range v.Containers {
		all = append(all, c.Digest)
	}
	return strings.Join(all, ",")
}

// prediction is the answer to an invocation.
type prediction struct {
	predictions.Result
	newSession, closedSession string
}

// predict answers an invocation from the prediction cache, or by asking the model.
func (s *Service) predict(ctx context.Context, q *invocation, r *route, v *variant) (out prediction, err error) {
	n := r.endpoint.at()
	p := &predictions.Prediction{
		Question: predictions.Question{
			Account: n.account, Region: n.region, Endpoint: n.name, Generation: r.endpoint.Generation,
			Variant: v.Name, Model: v.Model, ImageDigest: v.digests(), TargetModel: q.targetModel, TargetContainerHostname: q.targetContainer,
			ContentType: q.contentType, Accept: q.accept, EnableExplanations: q.explanations, CustomAttributes: q.attributes, Body: q.body,
		},
		Settings: r.settings, Role: v.Role, SessionID: q.session, Streaming: q.streaming, CacheControl: q.cacheControl,
	}
	out.Result, err = s.cache.Predict(ctx, p, func(ctx context.Context) (*predictions.Answer, error) {
		a, err := s.answer(ctx, q, r, v)
		if err != nil {
			return nil, err
		}
		if q.session != "" { // which no other prediction shares
			out.newSession, out.closedSession = a.newSession, a.closedSession
		}
		return &predictions.Answer{Status: a.status, ContentType: a.contentType, CustomAttributes: a.attributes, Variant: v.Name, Body: a.body}, nil
	})
	return out, err
}

func notReady(name string) error {
	return runtimeapi.ModelNotReadyException("The model of endpoint %s is not ready to answer. Wait and try again.", name)
}
