package sagemaker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	runtimeapi "github.com/modelwharf/modelwharf/internal/api/sagemakerruntime"
)

// InvokeEndpointWithResponseStream asks an endpoint for a prediction and hands on its parts as
// they come. It bypasses the prediction cache.
func (s *Service) InvokeEndpointWithResponseStream(ctx context.Context, in *runtimeapi.InvokeEndpointWithResponseStreamInput) (*runtimeapi.InvokeEndpointWithResponseStreamOutput, error) {
	if in.InferenceComponentName != nil {
		return nil, runtimeapi.ValidationError("Inference components are not available in this version of Modelwharf.")
	}
	q := &invocation{
		name: *in.EndpointName, body: in.Body, contentType: text(in.ContentType), accept: text(in.Accept), attributes: text(in.CustomAttributes),
		inferenceID: text(in.InferenceId), targetVariant: text(in.TargetVariant), targetContainer: text(in.TargetContainerHostname), session: text(in.SessionId), streaming: true,
	}
	var out *runtimeapi.InvokeEndpointWithResponseStreamOutput
	err := s.invoke(ctx, q, func(r *route, v *variant) error {
		began := time.Now()
		stream, response, err := s.openStream(ctx, q, r, v)
		s.metrics.invoked(v, r, began, err)
		if err != nil {
			return err
		}
		out = &runtimeapi.InvokeEndpointWithResponseStreamOutput{
			Body: stream, ContentType: optional(response.Header.Get("Content-Type")), InvokedProductionVariant: new(v.Name),
			CustomAttributes: optional(response.Header.Get(attributesHeader)),
		}
		return nil
	})
	return out, err
}

// openStream asks a variant, whose last container's answer is a stream.
func (s *Service) openStream(ctx context.Context, q *invocation, r *route, v *variant) (*stream, *http.Response, error) {
	for range attempts {
		l, err := s.take(ctx, q, r, v)
		if err != nil {
			return nil, nil, err
		}
		response, err := s.openLast(ctx, q, v, l)
		if err == nil {
			return &stream{body: response.Body, done: l.release, encoder: eventstream.NewEncoder()}, response, nil
		}
		l.release()
		if !unasked(err) {
			return nil, nil, s.told(ctx, q, v, err)
		}
		if !sleep(ctx, 5*time.Millisecond) {
			return nil, nil, ctx.Err()
		}
	}
	return nil, nil, notReady(q.name)
}

// openLast asks the containers in a row; the last one's answer is not read yet.
func (s *Service) openLast(ctx context.Context, q *invocation, v *variant, l *lease) (*http.Response, error) {
	containers, body, contentType := l.containers, q.body, q.contentType
	if v.Direct {
		n := v.container(q.targetContainer)
		containers = containers[n : n+1]
	}
	last := len(containers) - 1
	for _, container := range containers[:last] {
		a, err := s.askContainer(ctx, q, body, contentType, container)
		if err != nil {
			return nil, err
		}
		body, contentType = a.body, a.contentType
	}
	response, err := s.post(ctx, q, body, contentType, containers[last])
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		defer response.Body.Close()
		said, _ := io.ReadAll(io.LimitReader(response.Body, maxReason))
		return nil, &refusal{response.StatusCode, said}
	}
	return response, nil
}

// maxPart is how much of an answer travels in one event, in bytes.
const maxPart = 64 << 10

// stream is the answer of a container as events: parts of it and, if it breaks off, an error.
// See https://smithy.io/2.0/aws/amazon-eventstream.html.
type stream struct {
	body    io.ReadCloser
	done    func()
	frames  bytes.Buffer
	part    [maxPart]byte
	encoder *eventstream.Encoder
	ended   bool
}

// MediaType is that of the events.
func (s *stream) MediaType() string { return "application/vnd.amazon.eventstream" }

func (s *stream) Read(p []byte) (int, error) {
	for s.frames.Len() == 0 {
		if s.ended {
			return 0, io.EOF
		}
		n, err := s.body.Read(s.part[:])
		if n > 0 {
			if err := s.frame("event", "PayloadPart", "application/octet-stream", s.part[:n]); err != nil {
				return 0, err
			}
		}
		if err == nil {
			continue
		}
		s.ended = true
		if !errors.Is(err, io.EOF) {
			if err := s.frame("exception", "ModelStreamError", "application/json",
				[]byte(`{"Message":"The model ended before it had answered.","ErrorCode":"StreamBroken"}`)); err != nil {
				return 0, err
			}
		}
	}
	return s.frames.Read(p)
}

func (s *stream) frame(kind, name, contentType string, payload []byte) error {
	m := eventstream.Message{Payload: payload}
	m.Headers.Set(":message-type", eventstream.StringValue(kind))
	m.Headers.Set(":"+kind+"-type", eventstream.StringValue(name))
	m.Headers.Set(":content-type", eventstream.StringValue(contentType))
	return s.encoder.Encode(&s.frames, m)
}

// Close ends the answer.
func (s *stream) Close() error {
	s.done()
	return s.body.Close()
}
