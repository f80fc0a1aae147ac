package s3_test

import (
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// endpoint is an S3 server, and the keys that open it.
type endpoint struct{ url, key, secret string }

func (e endpoint) client(tries int) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: &e.url, UsePathStyle: true, RetryMaxAttempts: tries,
		Credentials:                credentials.NewStaticCredentialsProvider(e.key, e.secret, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
}

// inProcess is an S3 server in this process, which keeps everything in memory.
func inProcess(t *testing.T) endpoint {
	server := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	t.Cleanup(server.Close)
	return endpoint{server.URL, "key", "secret"}
}

// gateway is a real S3 server: that of MODELWHARF_S3_ENDPOINT with AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY, or the versitygw that e2e/setup has installed, in a process of its
// own. Without either the test is skipped.
func gateway(t *testing.T) endpoint {
	if url := os.Getenv("MODELWHARF_S3_ENDPOINT"); url != "" {
		return endpoint{url, os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")}
	}
	program, err := exec.LookPath("../../../.tools/bin/versitygw")
	if errors.Is(err, os.ErrNotExist) {
		program, err = exec.LookPath("versitygw")
	}
	if err != nil {
		t.Skip("no S3 server is installed: see e2e/setup")
	}
	if program, err = filepath.Abs(program); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	folder := t.TempDir()
	for _, name := range []string{"data", "about"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	e := endpoint{"http://" + addr, "wharf", "wharf-secret"}
	// What is known of objects lies beside them: not every file system has attributes.
	cmd := exec.Command(program, "--port", addr, "--access", e.key, "--secret", e.secret, "--quiet",
		"posix", "--sidecar", filepath.Join(folder, "about"), filepath.Join(folder, "data"))
	cmd.Dir = folder
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		log.Close()
	})
	for {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return e
		}
		select {
		case <-ended:
			b, _ := os.ReadFile(log.Name())
			t.Fatalf("the S3 server ended at once: %s", b)
		case <-t.Context().Done():
			t.Fatal("the S3 server does not listen")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// drain reads what is left, so that the other side may finish.
func drain(r io.Reader) { _, _ = io.Copy(io.Discard, r) }
