package sagemaker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	ask "github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
	asktypes "github.com/aws/aws-sdk-go-v2/service/sagemakerruntime/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// answered is a prediction with the headers that tell of the cache.
type answered struct {
	*ask.InvokeEndpointOutput
	cache, age string
}

// predict asks for a prediction and returns what the answer's headers say.
func (w *world) predict(in *ask.InvokeEndpointInput, options ...func(*ask.Options)) (a answered, err error) {
	options = append(options, func(o *ask.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			return s.Deserialize.Add(middleware.DeserializeMiddlewareFunc("headers", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
				out, metadata, err := next.HandleDeserialize(ctx, in)
				if r, ok := out.RawResponse.(*smithyhttp.Response); ok {
					a.cache, a.age = r.Header.Get("X-Modelwharf-Cache"), r.Header.Get("Age")
				}
				return out, metadata, err
			}), middleware.Before)
		})
	})
	a.InvokeEndpointOutput, err = w.runtime.InvokeEndpoint(w.Context(), in, options...)
	return a, err
}

// header sets a header of a request before it is signed.
func header(name, value string) func(*ask.Options) {
	return ask.WithAPIOptions(smithyhttp.AddHeaderValue(name, value))
}

var cached = []string{"modelwharf:prediction-cache-table", cacheTable, "modelwharf:prediction-cache-ttl", "60"}

// counting counts the calls of models.
func counting(calls *atomic.Int64) func(map[string]string) (http.Handler, error) {
	return func(env map[string]string) (http.Handler, error) {
		h, err := version(env)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/invocations" {
				calls.Add(1)
			}
			h.ServeHTTP(rw, r)
		}), err
	}
}

// An endpoint with the tags of a cache answers equal questions from it, and says so.
func TestPredictionsAreCached(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var calls atomic.Int64
	w.hosts.set(counting(&calls))
	w.serve("e", "1", cached...)
	question := func(body string) *ask.InvokeEndpointInput {
		return &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte(body), ContentType: new("text/plain")}
	}
	for _, c := range []struct {
		in      *ask.InvokeEndpointInput
		options []func(*ask.Options)
		cache   string
		calls   int64
	}{
		{in: question("a"), cache: "miss", calls: 1},
		{in: question("a"), cache: "hit", calls: 1},
		{in: question("b"), cache: "miss", calls: 2},
		{in: &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("a"), ContentType: new("text/plain"), InferenceId: new("1")}, cache: "hit", calls: 2},
		{in: &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("a"), ContentType: new("text/csv")}, cache: "miss", calls: 3},
		{in: &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("a"), ContentType: new("text/plain"), Accept: new("text/csv")}, cache: "miss", calls: 4},
		{in: &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("a"), ContentType: new("text/plain"), CustomAttributes: new("x")}, cache: "miss", calls: 5},
		{in: &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("a"), ContentType: new("text/plain"), SessionId: new("s")}, cache: "bypass", calls: 6},
		{in: question("a"), options: []func(*ask.Options){header("Cache-Control", "no-cache")}, cache: "bypass", calls: 7},
		{in: question("a"), cache: "hit", calls: 7},
	} {
		got, err := w.predict(c.in, c.options...)
		w.must(err)
		if got.cache != c.cache || calls.Load() != c.calls || (got.age != "") != (c.cache == "hit") {
			t.Errorf("%+v: %s with the age %q after %d calls, want %s after %d", c.in, got.cache, got.age, calls.Load(), c.cache, c.calls)
		}
		if want := string(c.in.Body) + " from 1"; string(got.Body) != want || *got.ContentType != "text/plain" || *got.InvokedProductionVariant != "all" {
			t.Errorf("%s, %s, %s", got.Body, *got.ContentType, *got.InvokedProductionVariant)
		}
	}
	arn := "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e"
	_, err := w.models.DeleteTags(t.Context(), &sdk.DeleteTagsInput{ResourceArn: &arn, TagKeys: []string{cached[0], cached[2]}})
	w.must(err)
	got, err := w.predict(question("a"))
	w.must(err)
	if got.cache != "" || calls.Load() != 8 {
		t.Errorf("%q without a cache, after %d calls", got.cache, calls.Load())
	}
	_, err = w.models.AddTags(t.Context(), &sdk.AddTagsInput{ResourceArn: &arn, Tags: []types.Tag{{Key: new(cached[2]), Value: new("soon")}}})
	w.refused(err, "ValidationException", "modelwharf:prediction-cache-ttl")
}

// 1,000 equal questions at once make one call of the model.
func TestStampedeMakesOneCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var calls atomic.Int64
	hold := make(chan struct{})
	w.hosts.set(func(env map[string]string) (http.Handler, error) {
		h, err := version(env)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/invocations" {
				calls.Add(1)
				<-hold
			}
			h.ServeHTTP(rw, r)
		}), err
	})
	w.serve("e", "1", cached...)
	var asking sync.WaitGroup
	var outcomes sync.Map
	for range 1000 {
		asking.Go(func() {
			got, err := w.predict(&ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("a")})
			if err != nil || string(got.Body) != "a from 1" {
				t.Errorf("%v", err)
				return
			}
			n, _ := outcomes.LoadOrStore(got.cache, new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
		})
	}
	for calls.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	close(hold)
	asking.Wait()
	misses, _ := outcomes.Load("miss")
	if calls.Load() != 1 || misses == nil || misses.(*atomic.Int64).Load() != 1 {
		t.Errorf("%d calls", calls.Load())
	}
}

// After an update nothing that the old version answered is answered any more; after a return to
// it neither.
func TestPromotionEmptiesTheCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve("e", "1", cached...)
	w.model("m-2", "2")
	w.config("c-2", variantOf("all", "m-2", 1, 1))
	expect := func(body, cache string) {
		t.Helper()
		got, err := w.predict(&ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("a")})
		w.must(err)
		if string(got.Body) != body || got.cache != cache {
			t.Fatalf("%s, %s", got.Body, got.cache)
		}
	}
	expect("a from 1", "miss")
	expect("a from 1", "hit")
	for _, c := range []struct{ config, body string }{{"c-2", "a from 2"}, {"c-1", "a from 1"}} {
		_, err := w.models.UpdateEndpoint(t.Context(), &sdk.UpdateEndpointInput{EndpointName: new("e"), EndpointConfigName: &c.config})
		w.must(err)
		w.settled("e", types.EndpointStatusInService)
		expect(c.body, "miss")
		expect(c.body, "hit")
	}
}

// Policy decides before the cache is read.
func TestPolicyDecidesBeforeTheCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve("e", "1", cached...)
	w.ask("e", "a")
	identities := iam.NewFromConfig(w.AWS())
	_, err := identities.CreateUser(t.Context(), &iam.CreateUserInput{UserName: new("eve")})
	w.must(err)
	key, err := identities.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: new("eve")})
	w.must(err)
	eve := ask.NewFromConfig(w.As(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""))
	in := &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte("a"), ContentType: new("text/plain")}
	_, err = eve.InvokeEndpoint(t.Context(), in)
	w.refused(err, "AccessDeniedException", "sagemaker:InvokeEndpoint on resource: arn:aws:sagemaker:us-east-1:"+servertest.Account+":endpoint/e")
	may := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sagemaker:InvokeEndpoint","Resource":"*"}]}`
	_, err = identities.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: new("eve"), PolicyName: new("may"), PolicyDocument: &may})
	w.must(err)
	out, err := eve.InvokeEndpoint(t.Context(), in)
	w.must(err)
	if string(out.Body) != "a from 1" {
		t.Errorf("%s", out.Body)
	}
}

// Whatever a model answers instead of a prediction is told in SageMaker's words, and never kept.
func TestModelErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hosts.set(func(map[string]string) (http.Handler, error) {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /ping", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc("POST /invocations", func(rw http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			switch string(b) {
			case "die":
				panic(http.ErrAbortHandler)
			case "long":
				_, _ = rw.Write(make([]byte, 6<<20+1))
			case "redirect":
				http.Redirect(rw, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
			default:
				var status int
				_, _ = fmt.Sscan(string(b), &status)
				http.Error(rw, "no features", status)
			}
		})
		return mux, nil
	})
	w.serve("e", "1", cached...)
	for _, c := range []struct {
		body   string
		status int32
		want   string
	}{
		{"400", 400, `Received client error (400) from primary with message "no features`},
		{"503", 503, `Received server error (503) from primary with message "no features`},
		{"redirect", 307, "Received client error (307)"},
		{"die", 0, `Received server error (0) from primary with message "the model ended before it had answered".`},
		{"long", 0, "the answer is longer than 6291456 bytes"},
		{"400", 400, "Received client error (400)"},
	} {
		_, err := w.predict(&ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte(c.body)})
		e, ok := errors.AsType[*asktypes.ModelError](err)
		if !ok || *e.OriginalStatusCode != c.status || !strings.Contains(*e.Message, c.want) {
			t.Errorf("%s: %v", c.body, err)
		}
	}
}

// A question has 6 MiB at the most.
func TestLongQuestion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hosts.set(func(map[string]string) (http.Handler, error) {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /ping", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc("POST /invocations", func(rw http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(rw, n)
		})
		return mux, nil
	})
	w.serve("e", "1")
	for n, fits := range map[int]bool{6 << 20: true, 6<<20 + 1: false} {
		out, err := w.runtime.InvokeEndpoint(t.Context(), &ask.InvokeEndpointInput{EndpointName: new("e"), Body: make([]byte, n)})
		if !fits {
			w.refused(err, "ValidationError", "Member must have length less than or equal to 6291456")
			continue
		}
		w.must(err)
		if string(out.Body) != fmt.Sprint(n) {
			t.Errorf("%s", out.Body)
		}
	}
}

// Parts of an answer are handed on as they come; one that breaks off ends with an error.
func TestStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	next := make(chan string)
	w.hosts.set(func(map[string]string) (http.Handler, error) {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /ping", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc("POST /invocations", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/jsonlines")
			rw.Header().Set("X-Amzn-SageMaker-Custom-Attributes", r.Header.Get("Accept"))
			for part := range next {
				if part == "break" {
					panic(http.ErrAbortHandler)
				}
				_, _ = io.WriteString(rw, part)
				_ = http.NewResponseController(rw).Flush()
			}
		})
		return mux, nil
	})
	w.serve("e", "1", cached...)
	go func() { next <- "one" }()
	out, err := w.runtime.InvokeEndpointWithResponseStream(t.Context(), &ask.InvokeEndpointWithResponseStreamInput{
		EndpointName: new("e"), Body: []byte("x"), Accept: new("application/jsonlines"),
	})
	w.must(err)
	if *out.ContentType != "application/jsonlines" || *out.InvokedProductionVariant != "all" || *out.CustomAttributes != "application/jsonlines" {
		t.Errorf("%+v", out)
	}
	events := out.GetStream().Events()
	read := func() string {
		e := <-events
		part, ok := e.(*asktypes.ResponseStreamMemberPayloadPart)
		if !ok {
			t.Fatalf("%T, %v", e, out.GetStream().Err())
		}
		return string(part.Value.Bytes)
	}
	if got := read(); got != "one" { // and not before the second one is sent
		t.Error(got)
	}
	next <- "two"
	if got := read(); got != "two" {
		t.Error(got)
	}
	next <- "break"
	if e, more := <-events; more {
		t.Errorf("%T", e)
	}
	e, ok := errors.AsType[*asktypes.ModelStreamError](out.GetStream().Err())
	if !ok || *e.ErrorCode_ != "StreamBroken" {
		t.Error(out.GetStream().Err())
	}
}

// The containers of a model in a row are asked one after the other; those that are asked
// directly are named.
func TestContainersInARow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	definitions := []types.ContainerDefinition{{Image: new(w.image("1")), ContainerHostname: new("first")}, {Image: new(w.image("2")), ContainerHostname: new("second")}}
	for mode, want := range map[types.InferenceExecutionMode]string{types.InferenceExecutionModeSerial: "x from 1 from 2", types.InferenceExecutionModeDirect: "x from 2"} {
		name := strings.ToLower(string(mode))
		_, err := w.models.CreateModel(t.Context(), &sdk.CreateModelInput{
			ModelName: &name, ExecutionRoleArn: new(role), Containers: definitions, InferenceExecutionConfig: &types.InferenceExecutionConfig{Mode: mode},
		})
		w.must(err)
		w.config(name, variantOf("all", name, 1, 1))
		_, err = w.models.CreateEndpoint(t.Context(), &sdk.CreateEndpointInput{EndpointName: &name, EndpointConfigName: &name})
		w.must(err)
		w.settled(name, types.EndpointStatusInService)
		in := &ask.InvokeEndpointInput{EndpointName: &name, Body: []byte("x")}
		if mode == types.InferenceExecutionModeDirect {
			_, err := w.runtime.InvokeEndpoint(t.Context(), in)
			w.refused(err, "ValidationError", "TargetContainerHostname is needed")
			in.TargetContainerHostname = new("second")
		}
		out, err := w.runtime.InvokeEndpoint(t.Context(), in)
		w.must(err)
		if string(out.Body) != want {
			t.Errorf("%s: %s", mode, out.Body)
		}
	}
}
