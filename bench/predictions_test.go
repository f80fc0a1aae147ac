package bench

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"

	"github.com/modelwharf/modelwharf/e2e/serving"
)

// startModels starts a server with the endpoints "cached" and "plain".
func startModels(b *testing.B) *process {
	srv, _ := startServer(b, "--runtime", "process")
	p := serving.New(b, srv.url, "000000000000", accessKey, secretKey)
	p.Prepare()
	p.Push("1", serving.Image(b, "1", "SMALL=1"))
	p.Configure("1")
	p.Serve("cached", "1")
	_, err := p.Models().CreateEndpoint(b.Context(), &sagemaker.CreateEndpointInput{EndpointName: new("plain"), EndpointConfigName: new("config-1")})
	p.Must(err)
	p.Settled("plain")
	return srv
}

// signed is a question to an endpoint, or a bare handler.
func (c *client) signed(url, endpoint string, body []byte) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodPost, url+"/endpoints/"+endpoint+"/invocations", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	sum := sha256.Sum256(body)
	return req, c.signer.SignHTTP(background, aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey},
		req, hex.EncodeToString(sum[:]), "sagemaker", region, time.Now())
}

// ask sends a question and returns what the cache did.
func (c *client) ask(req *http.Request) (string, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(res.Body)
		return "", fmt.Errorf("%s: %s", res.Status, said)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.Header.Get("X-Modelwharf-Cache"), err
}

// invoke asks an endpoint, or a bare handler.
func (c *client) invoke(url, endpoint string, body []byte) (string, error) {
	req, err := c.signed(url, endpoint, body)
	if err != nil {
		return "", err
	}
	return c.ask(req)
}

// question is the i-th of 1 KB.
func question(i int64) []byte { return fmt.Appendf(nil, `{"n":%d,"x":%q}`, i, value(i, 1000)) }

// BenchmarkCachedPrediction16 asks the same 100 questions of 1 KB again and again, by 16
// connections: hits from memory, beside the bare handler.
func BenchmarkCachedPrediction16(b *testing.B) {
	srv, bare, c := startModels(b), startBare(b), newClient(16)
	var questions [100][]byte
	for i := range questions {
		questions[i] = question(int64(i))
	}
	turn := func(url string) float64 {
		var n, misses atomic.Int64
		var asking sync.WaitGroup
		until := time.Now().Add(slice)
		for k := range 16 {
			asking.Go(func() {
				for i := k; time.Now().Before(until); i++ {
					cache, err := c.invoke(url, "cached", questions[i%len(questions)])
					if err != nil {
						b.Error(err)
						return
					}
					if cache == "miss" {
						misses.Add(1)
					}
					n.Add(1)
				}
			})
		}
		asking.Wait()
		return float64(n.Load())
	}
	var ratio, rate []float64
	var ops, bareOps float64
	var used, bareUsed time.Duration
	for b.Loop() {
		for round := range rounds + 1 {
			before := srv.cpu()
			n := turn(srv.url)
			cpu, bareBefore := srv.cpu()-before, bare.cpu()
			bn := turn(bare.url)
			if b.Failed() {
				return
			}
			if round > 0 {
				ratio, rate = append(ratio, n/bn), append(rate, n/slice.Seconds())
				ops, bareOps, used, bareUsed = ops+n, bareOps+bn, used+cpu, bareUsed+bare.cpu()-bareBefore
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rate), "hits/s")
	b.ReportMetric(median(ratio), "ratio")
	b.ReportMetric(float64(used.Microseconds())/ops, "cpu-µs/op")
	b.ReportMetric(float64(bareUsed.Microseconds())/bareOps, "bare-cpu-µs/op")
}

// BenchmarkPredictionOverhead asks a model through the server, with a cache that never has the
// answer and without one, through net/http's own reverse proxy, and directly, in turn and by one
// connection each. What the client takes to sign is not in it.
func BenchmarkPredictionOverhead(b *testing.B) {
	srv, c := startModels(b), newClient(1)
	direct := startModelProgram(b)
	proxy := startProxy(b, direct)
	var next int64
	var took [5][]float64
	for b.Loop() {
		for range 2000 {
			next++
			q := question(next)
			for i, to := range []struct{ url, endpoint string }{
				{srv.url, "cached"}, {direct, "while the answer is kept"}, {srv.url, "plain"}, {proxy.url, "proxy"}, {direct, "direct"},
			} {
				req, err := c.signed(to.url, to.endpoint, q)
				if err != nil {
					b.Fatal(err)
				}
				if to.url == direct {
					req.URL.Path = "/invocations"
				}
				began := time.Now()
				if _, err := c.ask(req); err != nil {
					b.Fatal(err)
				}
				took[i] = append(took[i], float64(time.Since(began).Nanoseconds())/1000)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	miss, plain, proxied, alone := median(took[0]), median(took[2]), median(took[3]), median(took[4])
	b.ReportMetric(miss, "miss-p50-µs")
	b.ReportMetric(plain, "uncached-p50-µs")
	b.ReportMetric(proxied, "proxy-p50-µs")
	b.ReportMetric(alone, "direct-p50-µs")
	b.ReportMetric(miss-alone, "overhead-p50-µs")
}

// startModelProgram runs a model without a server and returns its URL.
func startModelProgram(b *testing.B) string {
	program, err := serving.Program()
	if err != nil {
		b.Fatal(err)
	}
	at := filepath.Join(b.TempDir(), "model")
	if err := os.WriteFile(at, program, 0o755); err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := strings.Cut(address, ":")
	cmd := exec.Command(at)
	cmd.Env = append(os.Environ(), "VERSION=1", "SMALL=1", "MODELWHARF_BIND_ADDRESS=127.0.0.1", "SAGEMAKER_BIND_TO_PORT="+port)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for {
		if res, err := http.Get("http://" + address + "/ping"); err == nil {
			res.Body.Close()
			return "http://" + address
		}
		time.Sleep(time.Millisecond)
	}
}
