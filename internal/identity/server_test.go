package identity_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/wire"
	"github.com/modelwharf/modelwharf/internal/wire/query"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// serve answers IAM and STS on a loopback port until the test ends.
func (w *world) serve() string {
	verifier := &sigv4.Verifier[*identity.Identity]{Lookup: w.Lookup, Now: w.now}
	protocols := map[string]wire.Protocol{"iam": query.New(iam.New(w.Service)), "sts": query.New(sts.New(w.Service))}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		scope, _ := sigv4.ScopeOf(r)
		protocol, ok := protocols[scope.Service]
		if !ok {
			protocol = protocols["sts"]
		}
		fail := func(err error) {
			e := api.AsError(err)
			if refused, ok := errors.AsType[*sigv4.Error](err); ok {
				e = refused.For(api.Query)
			}
			if e.HTTPStatus() >= 500 {
				slog.Error("internal", "error", e)
			}
			protocol.WriteError(rw, "req", e)
		}
		call, failed := protocol.Open(r, body)
		if failed != nil {
			fail(failed)
			return
		}
		signature, err := verifier.Verify(r, body, sigv4.Expect{Service: scope.Service})
		if err != nil {
			fail(err)
			return
		}
		in, err := call.Input()
		if err != nil {
			fail(err)
			return
		}
		ctx := api.WithRequest(r.Context(), &api.Request{
			ID: "req", Service: protocol.Service().Name, Operation: call.Name, Region: signature.Region,
			SourceIP: netip.MustParseAddr("127.0.0.1"), UserAgent: r.UserAgent(), Time: w.now(),
		})
		out, err := call.Operation.Call(w.Admit(ctx, signature.Owner), in)
		if err != nil {
			fail(err)
			return
		}
		if err := protocol.WriteAnswer(rw, "req", call, out); err != nil {
			fail(err)
		}
	}))
	w.t.Cleanup(server.Close)
	return server.URL
}

// clients returns clients that sign with keys.
func (w *world) clients(url string, k keys) (*sdkiam.Client, *sdksts.Client) {
	cfg := aws.Config{
		Region: "us-east-1", BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider(k.id, k.secret, k.token),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
	return sdkiam.NewFromConfig(cfg), sdksts.NewFromConfig(cfg)
}
