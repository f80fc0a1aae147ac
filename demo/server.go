package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/modelwharf/modelwharf/internal/runtime/engine"
)

// server is the Modelwharf that the demo talks to.
type server struct {
	url         string
	data        string // its data folder
	credentials string // the administrator's keys, in AWS's format
	region      string

	cmd  *exec.Cmd // nil if the server was up before the demo
	died chan error
}

// openServer finds the server that an earlier demo left up, or starts one on the
// same data folder.
func openServer(ctx context.Context) (*server, error) {
	listen := envOr("MODELWHARF_LISTEN", "127.0.0.1:4780")
	data, err := filepath.Abs(envOr("MODELWHARF_DATA", "modelwharf-data"))
	if err != nil {
		return nil, err
	}
	s := &server{
		url:         "http://" + listen,
		data:        data,
		credentials: filepath.Join(data, "credentials"),
		region:      envOr("MODELWHARF_REGION", "us-east-1"),
		died:        make(chan error, 1),
	}
	if s.ready(ctx) {
		say("%s is up already, data in %s", s.url, s.data)
		return s, nil
	}
	if err := s.start(ctx, listen); err != nil {
		return s, err
	}
	say("%s is up (process %d), data in %s", s.url, s.cmd.Process.Pid, s.data)
	return s, nil
}

func (s *server) start(ctx context.Context, listen string) error {
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(program(),
		"serve", "--data", s.data, "--listen", listen, "--region", s.region)
	s.cmd.Env = append(os.Environ(), "MODELWHARF_RUNTIME="+modelRuntime(ctx))
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// A session of its own: the server outlives the demo and its terminal.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start the server: %w (run `make build` first)", err)
	}
	go func() { s.died <- s.cmd.Wait() }()

	for {
		if s.ready(ctx) {
			return nil
		}
		select {
		case err := <-s.died:
			s.cmd = nil
			return fmt.Errorf("the server ended at once (%v); its log is %s", err, s.logFile())
		case <-ctx.Done():
			return errors.Join(errors.New("the server did not become ready"), ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// modelRuntime is what runs the models: a container engine if one is there, or else processes,
// which are for development.
func modelRuntime(ctx context.Context) string {
	if asked := os.Getenv("MODELWHARF_RUNTIME"); asked != "" {
		return asked
	}
	found, err := engine.Find(ctx)
	if errors.Is(err, engine.ErrNone) {
		say("docker and podman do not listen here: models run as plain processes, which is for development")
		return "process"
	}
	if err == nil {
		say("models run as containers of %s %s", found.Engine, found.Version)
	}
	return "engine"
}

// modelwharf runs a command of the program as its administrator, and returns what it prints. If
// it fails, the error says why.
func (s *server) modelwharf(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program(), args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "AWS_SHARED_CREDENTIALS_FILE="+s.credentials, "AWS_ENDPOINT_URL="+s.url, "AWS_REGION="+s.region)
	out, err := cmd.Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		e.Stderr = bytes.TrimPrefix(bytes.TrimSpace(e.Stderr), []byte("modelwharf: "))
		err = fmt.Errorf("modelwharf %s: %w: %s", strings.Join(args[:2], " "), err, e.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

// program is Modelwharf's own.
func program() string { return envOr("MODELWHARF_BIN", "bin/modelwharf") }

// stop ends the server if the demo started it.
func (s *server) stop() error {
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return <-s.died
}

func (s *server) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func (s *server) logFile() string { return filepath.Join(s.data, "server.log") }

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
