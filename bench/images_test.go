package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// registry is a registry under measurement, with a repository that can be pushed to.
type registry struct {
	*process
	name          string
	repository    string // its path
	authorization string
	http          *http.Client
}

// peersEnv names the programs of other registries, "name=path,name=path": those that are
// built from the reference implementation and take its configuration.
const peersEnv = "MODELWHARF_BENCH_REGISTRIES"

// registries starts this server and the peers.
func registries(b *testing.B) []*registry {
	srv, _ := startServer(b)
	own := &registry{srv, "own", "/v2/000000000000/" + region + "/bench/model", "", newClient(64).http}
	own.logIn(b)
	all := []*registry{own}
	for peer := range strings.SplitSeq(os.Getenv(peersEnv), ",") {
		name, path, ok := strings.Cut(peer, "=")
		if ok {
			all = append(all, &registry{startPeer(b, path), name, "/v2/bench/model", "", newClient(64).http})
		}
	}
	return all
}

// logIn makes the repository and gets a token.
func (r *registry) logIn(b *testing.B) {
	b.Helper()
	ask := func(operation, body string) []byte {
		req, err := http.NewRequest(http.MethodPost, r.url+"/", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921."+operation)
		sum := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(background, aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, req,
			hex.EncodeToString(sum[:]), "ecr", region, time.Now()); err != nil {
			b.Fatal(err)
		}
		res, err := r.http.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		defer res.Body.Close()
		said, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			b.Fatalf("%s: %s %s %v", operation, res.Status, said, err)
		}
		return said
	}
	ask("CreateRepository", `{"repositoryName":"bench/model"}`)
	var out struct {
		AuthorizationData []struct{ AuthorizationToken string }
	}
	if err := json.Unmarshal(ask("GetAuthorizationToken", `{}`), &out); err != nil {
		b.Fatal(err)
	}
	text, err := base64.StdEncoding.DecodeString(out.AuthorizationData[0].AuthorizationToken)
	if err != nil {
		b.Fatal(err)
	}
	r.authorization = "Bearer " + strings.TrimPrefix(string(text), "AWS:")
}

// startPeer starts another registry, without authentication, on a folder of its own.
func startPeer(b *testing.B, binary string) *process {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	folder := b.TempDir()
	config := filepath.Join(folder, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: info}\nstorage:\n  cache: {blobdescriptor: inmemory}\n  filesystem: {rootdirectory: %s}\nhttp: {addr: %s}\n",
		filepath.Join(folder, "data"), addr)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(binary, "serve", config)
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		b.Skipf("no registry to compare with: %v", err)
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	b.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGKILL)
		<-exited
	})
	p := &process{"http://" + addr, cmd}
	for {
		res, err := http.Get(p.url + "/v2/")
		if err == nil {
			res.Body.Close()
			return p
		}
		select {
		case <-exited:
			said, _ := os.ReadFile(log.Name())
			b.Fatalf("%s ended at once:\n%s", binary, said)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// do sends a request and reads the answer, which must have a status.
func (r *registry) do(ctx context.Context, want int, method, url string, body io.Reader, length int64, contentType string) (http.Header, error) {
	if strings.HasPrefix(url, "/") {
		url = r.url + url
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = length
	if r.authorization != "" {
		req.Header.Set("Authorization", r.authorization)
	}
	req.Header.Set("Accept", manifestType+", */*")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := r.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != want {
		said, _ := io.ReadAll(res.Body)
		return nil, fmt.Errorf("%s: %s %s: %s %s", r.name, method, url, res.Status, said)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.Header, err
}

// pushBlob pushes a blob as most clients do: is it there? begin, send, end.
func (r *registry) pushBlob(ctx context.Context, digest string, content []byte) error {
	if _, err := r.do(ctx, http.StatusNotFound, http.MethodHead, r.repository+"/blobs/"+digest, nil, 0, ""); err != nil {
		return err
	}
	head, err := r.do(ctx, http.StatusAccepted, http.MethodPost, r.repository+"/blobs/uploads/", nil, 0, "")
	if err != nil {
		return err
	}
	head, err = r.do(ctx, http.StatusAccepted, http.MethodPatch, head.Get("Location"), bytes.NewReader(content), int64(len(content)), "application/octet-stream")
	if err != nil {
		return err
	}
	at := head.Get("Location")
	mark := "?"
	if strings.Contains(at, "?") {
		mark = "&"
	}
	_, err = r.do(ctx, http.StatusCreated, http.MethodPut, at+mark+"digest="+digest, nil, 0, "")
	return err
}

// pushImage pushes an image of one layer under a tag.
func (r *registry) pushImage(ctx context.Context, tag string, layer []byte) error {
	config := []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"tag":"` + tag + `"}`)
	text := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"`
	for i, content := range [][]byte{config, layer} {
		d := digestOf(content)
		if err := r.pushBlob(ctx, d, content); err != nil {
			return err
		}
		text += fmt.Sprintf([]string{
			`,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d}`,
			`,"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]}`,
		}[i], d, len(content))
	}
	_, err := r.do(ctx, http.StatusCreated, http.MethodPut, r.repository+"/manifests/"+tag, strings.NewReader(text), int64(len(text)), manifestType)
	return err
}

const manifestType = "application/vnd.oci.image.manifest.v1+json"

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func fresh(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// BenchmarkManifest asks each registry for a manifest by its tag, over 16 connections: this
// one with a token, the peers without authentication.
func BenchmarkManifest(b *testing.B) {
	all := registries(b)
	for _, r := range all {
		if err := r.pushImage(background, "v1", fresh(1000)); err != nil {
			b.Fatal(err)
		}
	}
	rates := make([][]float64, len(all))
	ops, used := make([]int64, len(all)), make([]time.Duration, len(all))
	for b.Loop() {
		for round := range rounds + 1 {
			for i, r := range all {
				var n atomic.Int64
				var wg sync.WaitGroup
				before, began := r.cpu(), time.Now()
				for range 16 {
					wg.Go(func() {
						for time.Since(began) < slice {
							if _, err := r.do(background, http.StatusOK, http.MethodGet, r.repository+"/manifests/v1", nil, 0, ""); err != nil {
								b.Error(err)
								return
							}
							n.Add(1)
						}
					})
				}
				wg.Wait()
				if round > 0 {
					rates[i] = append(rates[i], float64(n.Load())/time.Since(began).Seconds())
					ops[i], used[i] = ops[i]+n.Load(), used[i]+r.cpu()-before
				}
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, r := range all {
		b.ReportMetric(median(rates[i]), r.name+"-op/s")
		b.ReportMetric(float64(used[i].Microseconds())/float64(ops[i]), r.name+"-cpu-µs/op")
	}
}

// BenchmarkPushLayer pushes layers of 64 MiB in one stream each, beside a bare handler that
// reads, hashes and writes such a body to a file and syncs that.
func BenchmarkPushLayer(b *testing.B) {
	all := registries(b)
	bare := startBare(b)
	content := fresh(64 << 20)
	names := []string{"bare"}
	for _, r := range all {
		names = append(names, r.name)
	}
	used, took := make([]time.Duration, len(names)), make([][]float64, len(names))
	for b.Loop() {
		for round := range rounds + 1 {
			for i := range names {
				rand.Read(content[:64]) // a blob that is not there yet
				d := digestOf(content)
				p := bare
				push := func() error {
					res, err := http.Post(bare.url+"/write", "application/octet-stream", bytes.NewReader(content))
					if err == nil {
						res.Body.Close()
					}
					return err
				}
				if i > 0 {
					p = all[i-1].process
					push = func() error { return all[i-1].pushBlob(background, d, content) }
				}
				before, began := p.cpu(), time.Now()
				if err := push(); err != nil {
					b.Fatal(err)
				}
				if round > 0 {
					took[i] = append(took[i], float64(time.Since(began).Microseconds())/1000)
					used[i] += p.cpu() - before
				}
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, name := range names {
		b.ReportMetric(median(took[i]), name+"-ms/push")
		b.ReportMetric(float64(used[i].Milliseconds())/float64(len(took[i])), name+"-cpu-ms/push")
	}
	b.ReportMetric(float64(used[1])/float64(used[0]), "cpu-ratio")
}

// BenchmarkPushImages pushes 100 images of 1 MB, one after the other and over eight
// connections.
func BenchmarkPushImages(b *testing.B) {
	for _, clients := range []int{1, 8} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			all := registries(b)
			took := make([][]float64, len(all))
			used := make([]time.Duration, len(all))
			const turns = 3
			for b.Loop() {
				for turn := range turns + 1 {
					var layers [][]byte
					for range 100 {
						layers = append(layers, fresh(1_000_000))
					}
					for i, r := range all {
						var next atomic.Int64
						var wg sync.WaitGroup
						before, began := r.cpu(), time.Now()
						for range clients {
							wg.Go(func() {
								for n := next.Add(1) - 1; n < 100; n = next.Add(1) - 1 {
									if err := r.pushImage(background, fmt.Sprintf("%d-%d", turn, n), layers[n]); err != nil {
										b.Error(err)
									}
								}
							})
						}
						wg.Wait()
						if turn > 0 {
							took[i] = append(took[i], time.Since(began).Seconds())
							used[i] += r.cpu() - before
						}
					}
				}
			}
			b.ReportMetric(0, "ns/op")
			for i, r := range all {
				slices.Sort(took[i])
				b.ReportMetric(median(took[i]), r.name+"-s/100")
				b.ReportMetric(float64(used[i].Milliseconds())/turns/100, r.name+"-cpu-ms/image")
			}
		})
	}
}

// BenchmarkPullLayer pulls a layer of 64 MiB from each registry.
func BenchmarkPullLayer(b *testing.B) {
	all := registries(b)
	content := fresh(64 << 20)
	d := digestOf(content)
	for _, r := range all {
		if err := r.pushBlob(background, d, content); err != nil {
			b.Fatal(err)
		}
	}
	used, took := make([]time.Duration, len(all)), make([][]float64, len(all))
	for b.Loop() {
		for round := range rounds + 1 {
			for i, r := range all {
				before, began := r.cpu(), time.Now()
				if _, err := r.do(background, http.StatusOK, http.MethodGet, r.repository+"/blobs/"+d, nil, 0, ""); err != nil {
					b.Fatal(err)
				}
				if round > 0 {
					took[i] = append(took[i], float64(time.Since(began).Microseconds())/1000)
					used[i] += r.cpu() - before
				}
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, r := range all {
		b.ReportMetric(median(took[i]), r.name+"-ms/pull")
		b.ReportMetric(float64(used[i].Microseconds())/1000/rounds, r.name+"-cpu-ms/pull")
	}
}
