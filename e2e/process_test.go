package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/modelwharf/modelwharf/internal/wire/wiretest"
)

const (
	region    = "us-east-1"
	accessKey = "AKIAENDTOENDENDTOEND"
	secretKey = "end-to-end-secret-of-the-administrator/1"
)

// patience is how long a test waits for what must happen; none waits for time.
const patience = 30 * time.Second

// server is a running modelwharf.
type server struct {
	url  string
	data string
	cmd  *exec.Cmd
	log  *transcript
	done chan struct{} // closed when the process has ended
	err  error         // of the process; read after done
	// discreet keeps the log of a failed test to itself.
	discreet bool
}

// start starts a server on a new data folder; flags come after the usual ones.
func start(t testing.TB, flags ...string) *server {
	t.Helper()
	return startOn(t, filepath.Join(t.TempDir(), "data"), flags...)
}

// startOn starts a server on a data folder and waits until it serves.
func startOn(t testing.TB, data string, flags ...string) *server {
	t.Helper()
	s, err := launch(exec.Command(binary, append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, flags...)...), data,
		"MODELWHARF_ROOT_ACCESS_KEY_ID="+accessKey, "MODELWHARF_ROOT_SECRET_ACCESS_KEY="+secretKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() && !s.discreet {
			t.Logf("the server's log:\n%s", s.log.tail(2<<10))
		}
	})
	return s
}

// launch starts a server with variables of its own and waits until it serves.
func launch(cmd *exec.Cmd, data string, env ...string) (*server, error) {
	s := &server{data: data, cmd: cmd, log: &transcript{}, done: make(chan struct{})}
	cmd.Env = append(cleanEnv(), env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	serving := make(chan string, 1)
	go func() {
		s.log.follow(stderr, serving)
		s.err = cmd.Wait()
		close(s.done)
	}()
	select {
	case s.url = <-serving:
		return s, nil
	case <-s.done:
		return nil, errors.New("the server ended at once:\n" + s.log.tail(4<<10))
	case <-time.After(patience):
		s.kill()
		return nil, errors.New("the server does not serve:\n" + s.log.tail(4<<10))
	}
}

// cleanEnv is the environment without what would lead a client elsewhere.
func cleanEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "MODELWHARF_") && !strings.HasPrefix(v, "TF_") {
			env = append(env, v)
		}
	}
	return env
}

// kill ends the server as a crash would.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.done
}

// stop asks the server to stop and returns what became of it.
func (s *server) stop(t testing.TB) error {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.done:
		return s.err
	case <-time.After(patience):
		t.Fatal("the server does not stop")
		return nil
	}
}

// env is what points AWS's clients at the server, as its administrator.
func (s *server) env() []string {
	return append(cleanEnv(),
		"AWS_ENDPOINT_URL="+s.url, "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region,
		"AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey,
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_PAGER=", "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost")
}

// tables is a client of the SDK for Go.
func (s *server) tables(options ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &s.url, Region: region, HTTPClient: &http.Client{Transport: wiretest.Transport(16)},
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")),
	}, options...)
}

// command runs one of the program's commands on the server's data folder.
func (s *server) command(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := s.try(t.Context(), name, args...)
	if err != nil {
		t.Fatalf("modelwharf %s: %v\n%s", name, err, out)
	}
	return out
}

func (s *server) try(ctx context.Context, name string, args ...string) (string, error) {
	words := append(strings.Fields(name), "--data", s.data)
	cmd := exec.CommandContext(ctx, binary, append(words, args...)...)
	cmd.Env = cleanEnv()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// transcript is what a server said.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// follow collects lines until the end, and tells the address when it comes by.
func (l *transcript) follow(r io.Reader, serving chan<- string) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		l.mu.Lock()
		l.text.Write(line)
		l.mu.Unlock()
		if err != nil {
			return
		}
		var said struct{ Msg, URL string }
		if bytes.Contains(line, []byte(`"serving"`)) && json.Unmarshal(line, &said) == nil && said.Msg == "serving" {
			serving <- said.URL
		}
	}
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *transcript) tail(n int) string {
	s := l.String()
	return s[max(0, len(s)-n):]
}
