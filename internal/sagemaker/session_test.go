package sagemaker_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	ask "github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
)

// talkative is a model that begins a session when it is asked to, ends it at "bye", and says
// which container it is.
func talkative(instances *atomic.Int64) func(map[string]string) (http.Handler, error) {
	return func(map[string]string) (http.Handler, error) {
		me := instances.Add(1)
		var sessions atomic.Int64
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			said, _ := io.ReadAll(r.Body)
			id := r.Header.Get("X-Amzn-SageMaker-Session-Id")
			switch {
			case id == "NEW_SESSION":
				life := time.Hour
				if string(said) == "short" {
					life = -time.Second
				}
				rw.Header().Set("X-Amzn-SageMaker-New-Session-Id", fmt.Sprintf("s-%d-%d; Expires=%s", me, sessions.Add(1), time.Now().Add(life).UTC().Format(time.RFC3339)))
			case string(said) == "bye":
				rw.Header().Set("X-Amzn-SageMaker-Closed-Session-Id", id)
			}
			_, _ = fmt.Fprint(rw, me)
		}), nil
	}
}

// A session is answered by the instance that began it, whatever the weights, until it ends.
func TestSessionStaysWithItsInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var instances atomic.Int64
	w.hosts.set(talkative(&instances))
	w.model("m", "1")
	w.config("c", variantOf("a", "m", 1, 3), variantOf("b", "m", 1, 2))
	_, err := w.models.CreateEndpoint(t.Context(), &sdk.CreateEndpointInput{EndpointName: new("e"), EndpointConfigName: new("c")})
	w.must(err)
	w.settled("e", types.EndpointStatusInService)
	say := func(session, text string) *ask.InvokeEndpointOutput {
		t.Helper()
		in := &ask.InvokeEndpointInput{EndpointName: new("e"), Body: []byte(text)}
		if session != "" {
			in.SessionId = &session
		}
		out, err := w.runtime.InvokeEndpoint(t.Context(), in)
		w.must(err)
		return out
	}
	homes := func(session string) int {
		t.Helper()
		seen := map[string]bool{}
		for range 60 {
			seen[string(say(session, "hello").Body)] = true
		}
		return len(seen)
	}
	if n := homes(""); n != 5 {
		t.Fatalf("%d instances answer", n)
	}
	if n := homes("nobody-knows-it"); n != 5 {
		t.Errorf("a session that nobody has begun is answered by %d instances", n)
	}
	for range 10 {
		begun := say("NEW_SESSION", "hello")
		id, _, _ := strings.Cut(*begun.NewSessionId, ";")
		for range 10 {
			if again := say(id, "hello"); string(again.Body) != string(begun.Body) || *again.InvokedProductionVariant != *begun.InvokedProductionVariant {
				t.Fatalf("the session %s of %s is answered by %s of %s", id, begun.Body, again.Body, *again.InvokedProductionVariant)
			}
		}
		if ended := say(id, "bye"); ended.ClosedSessionId == nil || *ended.ClosedSessionId != id {
			t.Errorf("%v was ended", ended.ClosedSessionId)
		}
		if n := homes(id); n != 5 {
			t.Errorf("a session that has ended is answered by %d instances", n)
		}
	}
	over, _, _ := strings.Cut(*say("NEW_SESSION", "short").NewSessionId, ";")
	if n := homes(over); n != 5 {
		t.Errorf("a session that is over is answered by %d instances", n)
	}
}
