package bench

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
)

// npmRegistry is a registry of npm packages under measurement.
type npmRegistry struct {
	*process
	name, registry, token string
}

// npmRegistries are this server with a repository, and Verdaccio, if MODELWHARF_BENCH_VERDACCIO
// names its script: node_modules/verdaccio/bin/verdaccio.
func npmRegistries(b *testing.B) []*npmRegistry {
	p, _ := startServer(b)
	c := codeartifact.New(codeartifact.Options{
		BaseEndpoint: &p.url, Region: region,
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")),
	})
	domain, repository := new("models"), new("team")
	_, err := c.CreateDomain(background, &codeartifact.CreateDomainInput{Domain: domain})
	if err == nil {
		_, err = c.CreateRepository(background, &codeartifact.CreateRepositoryInput{Domain: domain, Repository: repository})
	}
	if err != nil {
		b.Fatal(err)
	}
	token, err := c.GetAuthorizationToken(background, &codeartifact.GetAuthorizationTokenInput{Domain: domain})
	if err != nil {
		b.Fatal(err)
	}
	all := []*npmRegistry{{p, "modelwharf", p.url + "/codeartifact/models-000000000000/npm/team/", *token.AuthorizationToken}}
	if script := os.Getenv("MODELWHARF_BENCH_VERDACCIO"); script != "" {
		all = append(all, startVerdaccio(b, script))
	}
	return all
}

// startVerdaccio starts Verdaccio as it comes, but that anybody may publish and that it asks
// no other registry.
func startVerdaccio(b *testing.B, script string) *npmRegistry {
	dir := b.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	config := filepath.Join(dir, "config.yaml")
	text := "storage: " + dir + "/storage\nuplinks: {}\npackages:\n  '**':\n    access: $all\n    publish: $all\nlog: {type: stdout, format: json, level: fatal}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("node", script, "--config", config, "--listen", addr)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	b.Cleanup(func() { _ = cmd.Process.Kill(); <-exited })
	for {
		answer, err := http.Get("http://" + addr + "/-/ping")
		if err == nil {
			answer.Body.Close()
			return &npmRegistry{&process{"http://" + addr, cmd}, "verdaccio", "http://" + addr + "/", "none"}
		}
		select {
		case <-exited:
			b.Fatalf("Verdaccio has ended: %s", &said)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// publish publishes a version whose tarball has a file of noise.
func (r *npmRegistry) publish(name string, dependencies map[string]string, noise []byte) error {
	manifest := map[string]any{"name": name, "version": "1.0.0", "dependencies": dependencies, "license": "MIT"}
	text, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	var tarball bytes.Buffer
	z := gzip.NewWriter(&tarball)
	w := tar.NewWriter(z)
	for _, file := range []struct { // the same bytes for each registry
		name    string
		content []byte
	}{{"package.json", text}, {"index.js", noise}} {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Name: "package/" + file.name, Mode: 0o644, Size: int64(len(file.content))}))
		_, werr := w.Write(file.content)
		err = errors.Join(err, werr)
	}
	if err := errors.Join(err, w.Close(), z.Close()); err != nil {
		return err
	}
	sum, long := sha1.Sum(tarball.Bytes()), sha512.Sum512(tarball.Bytes())
	manifest["dist"] = map[string]string{
		"shasum": hex.EncodeToString(sum[:]), "integrity": "sha512-" + base64.StdEncoding.EncodeToString(long[:]), "tarball": r.registry + name + "/-/" + name + "-1.0.0.tgz",
	}
	body, err := json.Marshal(map[string]any{
		"_id": name, "name": name, "dist-tags": map[string]string{"latest": "1.0.0"}, "versions": map[string]any{"1.0.0": manifest}, "access": "public",
		"_attachments": map[string]any{name + "-1.0.0.tgz": map[string]any{"content_type": "application/octet-stream", "data": base64.StdEncoding.EncodeToString(tarball.Bytes()), "length": tarball.Len()}},
	})
	if err != nil {
		return err
	}
	q, err := http.NewRequest(http.MethodPut, r.registry+name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	if r.name == "modelwharf" {
		q.Header.Set("Authorization", "Bearer "+r.token)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		said, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("%s: %s %s", r.name, answer.Status, said)
	}
	return nil
}

// npm runs npm in a folder, with a cache of its own.
func (r *npmRegistry) npm(b *testing.B, folder string, args ...string) {
	b.Helper()
	home, err := os.MkdirTemp(b.TempDir(), "home")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(home)
	host := strings.TrimPrefix(r.registry, "http:")
	if err := os.WriteFile(filepath.Join(home, ".npmrc"), []byte(host+":_authToken="+r.token+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(background, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", append(args, "--registry", r.registry, "--cache", filepath.Join(home, "cache"), "--no-audit", "--no-fund", "--ignore-scripts", "--omit-lockfile-registry-resolved")...)
	cmd.Dir = folder
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(strings.ToLower(v), "="); name != "home" && !strings.HasPrefix(name, "npm_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "HOME="+home, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "npm_config_update_notifier=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("npm %q at %s: %v\n%s", args, r.name, err, out)
	}
}

// npmCount is of how many packages the project is that is installed.
const npmCount = 300

// npmParts publishes the packages to each registry.
func npmParts(b *testing.B, all []*npmRegistry) (names []string) {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 32<<10)
	for i := range npmCount {
		dependencies := map[string]string{}
		for range min(i, 3) {
			dependencies[names[rng.IntN(i)]] = "^1.0.0"
		}
		names = append(names, fmt.Sprintf("part-%03d", i))
		for j := range noise {
			noise[j] = byte('a' + rng.IntN(26))
		}
		for _, r := range all {
			if err := r.publish(names[i], dependencies, noise); err != nil {
				b.Fatal(err)
			}
		}
	}
	return names
}

// report tells how long each registry took, and how many times longer than this one the
// others did in the same rounds.
func report(b *testing.B, all []*npmRegistry, took [][]float64, used []time.Duration) {
	b.ReportMetric(0, "ns/op")
	for i, r := range all {
		b.ReportMetric(median(took[i]), r.name+"-s")
		b.ReportMetric(float64(used[i].Milliseconds())/float64(len(took[i])), r.name+"-cpu-ms")
		if i > 0 {
			ratios := make([]float64, len(took[i]))
			for j := range ratios {
				ratios[j] = took[i][j] / took[0][j]
			}
			b.ReportMetric(median(ratios), r.name+"-times-longer")
		}
	}
}

// BenchmarkNpmRequests sends what npm ci asks for a project of 300 packages, without npm's
// own work, which is most of it: each packument and each tarball, over 16 connections.
func BenchmarkNpmRequests(b *testing.B) {
	all := npmRegistries(b)
	names := npmParts(b, all)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, MaxConnsPerHost: 16}}
	get := func(r *npmRegistry, path string) error {
		q, err := http.NewRequest(http.MethodGet, r.registry+path, nil)
		if err != nil {
			return err
		}
		q.Header.Set("Accept", "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*")
		if r.name == "modelwharf" {
			q.Header.Set("Authorization", "Bearer "+r.token)
		}
		answer, err := client.Do(q)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s of %s: %s, %w", path, r.name, answer.Status, err)
		}
		return nil
	}
	took, used := make([][]float64, len(all)), make([]time.Duration, len(all))
	for b.Loop() {
		for round := range 11 {
			for i, r := range all {
				paths := make(chan string)
				var wg sync.WaitGroup
				before, began := r.cpu(), time.Now()
				for range 16 {
					wg.Go(func() {
						for path := range paths {
							if err := get(r, path); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for _, name := range names {
					paths <- name
					paths <- name + "/-/" + name + "-1.0.0.tgz"
				}
				close(paths)
				wg.Wait()
				if round > 0 {
					took[i] = append(took[i], time.Since(began).Seconds())
					used[i] += r.cpu() - before
				}
			}
		}
	}
	report(b, all, took, used)
}

// BenchmarkNpmCI installs a project of 300 packages by npm ci with an empty cache, from a
// registry that has served it before, in turn from each.
func BenchmarkNpmCI(b *testing.B) {
	if _, err := exec.LookPath("npm"); err != nil {
		b.Skip("npm is not here")
	}
	all := npmRegistries(b)
	names := npmParts(b, all)
	project := b.TempDir()
	wanted := map[string]string{}
	for _, name := range names {
		wanted[name] = "1.0.0"
	}
	text, err := json.Marshal(map[string]any{"name": "project", "version": "1.0.0", "dependencies": wanted})
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(project, "package.json"), text, 0o600); err != nil {
		b.Fatal(err)
	}
	all[0].npm(b, project, "install", "--package-lock-only")
	took, used := make([][]float64, len(all)), make([]time.Duration, len(all))
	const rounds = 5
	for b.Loop() {
		for round := range rounds + 1 {
			for i, r := range all {
				before, began := r.cpu(), time.Now()
				r.npm(b, project, "ci")
				if round > 0 {
					took[i] = append(took[i], time.Since(began).Seconds())
					used[i] += r.cpu() - before
				}
				if some, err := os.ReadDir(filepath.Join(project, "node_modules")); err != nil || len(some) < npmCount {
					b.Fatalf("%s installed %d packages: %v", r.name, len(some), err)
				}
			}
		}
	}
	report(b, all, took, used)
}
