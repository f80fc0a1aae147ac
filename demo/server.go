package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
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
	s.cmd = exec.Command(envOr("MODELWHARF_BIN", "bin/modelwharf"),
		"serve", "--data", s.data, "--listen", listen, "--region", s.region)
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
