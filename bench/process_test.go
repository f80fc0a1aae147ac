package bench

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	accessKey = "AKIABENCHMARKBENCHMA"
	secretKey = "benchmarkbenchmarkbenchmarkbenchmarkbenc"
	region    = "us-east-1"
)

// These make this test binary serve the bare handler, or net/http's own reverse proxy of the
// model that the variable names, instead of running tests.
const (
	bareEnv  = "MODELWHARF_BENCH_BARE"
	proxyEnv = "MODELWHARF_BENCH_PROXY"
)

func TestMain(m *testing.M) {
	if os.Getenv(bareEnv) != "" {
		serve(http.HandlerFunc(bare))
		return
	}
	if to := os.Getenv(proxyEnv); to != "" {
		serve(proxyOf(to))
		return
	}
	os.Exit(m.Run())
}

// serve serves until the parent ends, to which it says its address.
func serve(h http.Handler) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	http.Serve(l, h)
}

var bareAnswer = []byte(`{"Item":{"pk":{"S":"` + strings.Repeat("x", 1000) + `"}}}`)

// bare answers every POST by reading its body and sending about 1 KB back:
// the least that any Go HTTP server does for such a request.
func bare(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/write" {
		writeBare(w, r)
		return
	}
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("Content-Length", strconv.Itoa(len(bareAnswer)))
	w.Write(bareAnswer)
}

// proxyOf hands every request on to a model.
func proxyOf(model string) http.Handler {
	to, err := url.Parse(model + "/invocations")
	if err != nil {
		panic(err)
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL = to }}
}

// writeBare reads a body, hashes it and writes it to a file, which it syncs: the least that
// taking a layer costs.
func writeBare(w http.ResponseWriter, r *http.Request) {
	f, err := os.CreateTemp("", "modelwharf-bench-")
	if err == nil {
		defer os.Remove(f.Name())
		defer f.Close()
		h := sha256.New()
		buf := make([]byte, 256<<10)
		_, err = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(h, f)}, struct{ io.Reader }{r.Body}, buf)
		err = errors.Join(err, f.Sync())
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// process is a server under measurement.
type process struct {
	url string
	cmd *exec.Cmd
}

func startBare(tb testing.TB) *process { return startSelf(tb, bareEnv+"=1") }

func startProxy(tb testing.TB, model string) *process { return startSelf(tb, proxyEnv+"="+model) }

// startSelf starts this binary as what a variable makes of it.
func startSelf(tb testing.TB, variable string) *process {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { stdin.Close(); cmd.Wait() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return &process{"http://" + strings.TrimSpace(addr), cmd}
}

// startServer starts bin/modelwharf, which make bench has built, on an empty data
// folder, with some flags, and returns it with the time that it took to become ready.
func startServer(tb testing.TB, flags ...string) (*process, time.Duration) {
	binary, err := filepath.Abs("../bin/modelwharf")
	if err != nil {
		tb.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	dir := tb.TempDir()
	log, err := os.Create(filepath.Join(dir, "server.log"))
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(binary, append([]string{"serve", "--data", filepath.Join(dir, "data"), "--listen", addr, "--region", region}, flags...)...)
	cmd.Env = append(os.Environ(),
		"MODELWHARF_ROOT_ACCESS_KEY_ID="+accessKey, "MODELWHARF_ROOT_SECRET_ACCESS_KEY="+secretKey)
	cmd.Stdout, cmd.Stderr = log, log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		tb.Skipf("no server to measure: %v (run make bench)", err)
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	tb.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-exited
	})
	p := &process{"http://" + addr, cmd}
	for {
		res, err := http.Get(p.url + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return p, time.Since(began)
			}
		}
		select {
		case <-exited:
			said, _ := os.ReadFile(log.Name())
			tb.Fatalf("the server ended at once:\n%s", said)
		case <-time.After(time.Millisecond):
		}
	}
}

// cpu returns the processor time that p has used so far, to 10 ms.
func (p *process) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// The command's name, in parentheses, may contain blanks; user and system
	// time, in ticks of 10 ms, are the 12th and 13th field after it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if errors.Join(err1, err2) != nil {
		return 0
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// resident returns p's resident memory in bytes.
func (p *process) resident() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}

var background = context.Background()
