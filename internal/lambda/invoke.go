package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/lambda"
	"github.com/modelwharf/modelwharf/internal/egress"
)

// Limits of payloads, in bytes. See
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
const (
	maxSyncPayload  = 6 << 20
	maxAsyncPayload = 1 << 20
	maxAnswer       = maxSyncPayload + 100 // as Lambda words it
)

// Invoke invokes a function and returns what it answers, or sees to it that it will be
// invoked.
func (s *Service) Invoke(ctx context.Context, in *lambda.InvocationRequest) (*lambda.InvocationResponse, error) {
	f, err := s.find(ctx, "InvokeFunction", in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	kind := orElse(in.InvocationType, "RequestResponse")
	most := maxSyncPayload
	if kind == "Event" {
		most = maxAsyncPayload
	}
	if len(in.Payload) > most {
		return nil, lambda.RequestTooLargeException("%d byte payload is too large for the %s invocation type (limit %d bytes)", len(in.Payload), kind, most)
	}
	event := in.Payload
	if len(event) == 0 {
		event = []byte("{}")
	}
	if !json.Valid(event) {
		return nil, lambda.InvalidRequestContentException("Could not parse request body into json: Could not parse payload into json")
	}
	if in.DurableExecutionName != nil || in.TenantId != nil {
		return nil, notHere("DurableExecutionName or TenantId")
	}
	client, err := clientContext(in.ClientContext)
	if err != nil {
		return nil, err
	}
	out := &lambda.InvocationResponse{ExecutedVersion: new(latest)}
	switch kind {
	case "DryRun":
		out.StatusCode = new(int64(http.StatusNoContent))
		return out, nil
	case "Event":
		out.StatusCode, out.ExecutedVersion = new(int64(http.StatusAccepted)), nil
		return out, s.enqueue(ctx, api.RequestOf(ctx).ID, f.name, event, client)
	}
	began := time.Now()
	id := api.RequestOf(ctx).ID
	r := s.call(ctx, f, id, event, client)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out.StatusCode, out.Payload = new(int64(http.StatusOK)), r.payload
	if r.failure != "" {
		out.FunctionError = &r.failure
	}
	if text(in.LogType) == "Tail" {
		ms := float64(time.Since(began).Microseconds()) / 1000
		out.LogResult = new(base64.StdEncoding.EncodeToString(fmt.Appendf(nil,
			"START RequestId: %s Version: %s\nEND RequestId: %[1]s\nREPORT RequestId: %[1]s\tDuration: %[3].2f ms\tMemory Size: %[4]d MB\n",
			id, latest, ms, *f.config.MemorySize)))
	}
	return out, nil
}

// clientContext reads the header of that name, which is JSON in base64.
func clientContext(header *string) ([]byte, error) {
	if text(header) == "" {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(*header)
	if err != nil || !json.Valid(b) {
		return nil, lambda.InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.")
	}
	var one bytes.Buffer
	_ = json.Compact(&one, b)
	return one.Bytes(), nil
}

// result is what became of an invocation.
type result struct {
	payload []byte
	failure string // "" if it succeeded, "Handled" or "Unhandled" by the function
	reason  string // what failed, in a few words
}

// call posts an event to a function and waits for its answer. The headers are those of
// Lambda's runtime API: see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
func (s *Service) call(ctx context.Context, f *function, id string, event, client []byte) (r result) {
	defer func() { s.meters.invoked(f.name, r.failure != "") }()
	timeout := time.Duration(*f.config.Timeout) * time.Second
	deadline := s.now().Add(timeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, f.image, bytes.NewReader(event))
	if err != nil {
		return failed("Runtime.InvalidEntrypoint", "RequestId: %s Error: the URL of the function cannot be used: %s", id, err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("User-Agent", "modelwharf-lambda")
	q.Header.Set("Lambda-Runtime-Aws-Request-Id", id)
	q.Header.Set("Lambda-Runtime-Invoked-Function-Arn", f.name.qualified())
	q.Header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(deadline.UnixMilli(), 10))
	if client != nil {
		q.Header.Set("Lambda-Runtime-Client-Context", string(client))
	}
	a, err := s.egress.Do(q, maxAnswer)
	switch {
	case errors.Is(err, egress.ErrTooLarge):
		return failed("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (%d bytes).", maxAnswer)
	case errors.Is(err, egress.ErrRefused):
		return failed("Function.AddressRefused", "RequestId: %s Error: the function is at an address that this server may not reach; its operator can allow that: modelwharf serve --allow-egress", id)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return failed("Sandbox.Timedout", "RequestId: %s Error: Task timed out after %.2f seconds", id, timeout.Seconds())
	case err != nil:
		return failed("Function.Unreachable", "RequestId: %s Error: the function cannot be reached: %s", id, unwrapped(err))
	}
	told := a.Header.Get("X-Amz-Function-Error")
	if told == "" && a.Status >= 200 && a.Status <= 299 {
		return result{payload: a.Body}
	}
	// What the function says of its error is passed on if it has Lambda's form.
	var said struct{ ErrorMessage, ErrorType *string }
	if told == "" {
		told = "Unhandled"
	}
	if err := json.Unmarshal(a.Body, &said); err == nil && (said.ErrorMessage != nil || said.ErrorType != nil) {
		return result{payload: a.Body, failure: told, reason: orElse(said.ErrorType, "the function failed")}
	}
	r = failed("Runtime.ExitError", "RequestId: %s Error: the function answered with the status %d: %s", id, a.Status, strings.ToValidUTF8(string(a.Body[:min(len(a.Body), 1024)]), "\uFFFD"))
	r.failure = told
	return r
}

// failed is the result of an invocation that failed outside of the function.
func failed(kind, format string, args ...any) result {
	payload, _ := json.Marshal(struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}{kind, fmt.Sprintf(format, args...)})
	return result{payload: payload, failure: "Unhandled", reason: kind}
}

// unwrapped is an error of net/http without the URL.
func unwrapped(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
