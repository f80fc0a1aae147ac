package engine_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/runtime/engine"
	"github.com/modelwharf/modelwharf/internal/runtime/runtimetest"
)

// SocketVariable names an engine that the tests use instead of one that they start.
const SocketVariable = "MODELWHARF_TEST_ENGINE"

// For all tests: where the engine listens, the program of dialers, and why there are none.
var socket, dialer, without string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "engine") // the path of a socket is short
	if err != nil {
		panic(err)
	}
	stop := func() {}
	if socket = os.Getenv(SocketVariable); socket == "" {
		socket, stop, err = podman(folder)
	}
	if err == nil {
		dialer = filepath.Join(folder, "dialer")
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dialer, "./dialer")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, berr := build.CombinedOutput(); berr != nil {
			err = errors.New(string(out))
		}
	}
	if err != nil {
		without = err.Error()
	}
	status := m.Run()
	stop()
	if err := os.RemoveAll(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

// podman starts an engine, with runc where it is: podman's own choice does not start everywhere.
func podman(folder string) (string, func(), error) {
	path, err := exec.LookPath("podman")
	switch {
	case os.Geteuid() != 0:
		return "", nil, errors.New("the tests start podman as root only; name an engine in " + SocketVariable)
	case err != nil:
		return "", nil, errors.New("there is no podman: run e2e/setup, or name an engine in " + SocketVariable)
	}
	store := []string{"--root", filepath.Join(folder, "root"), "--runroot", filepath.Join(folder, "run")}
	args := append(store, "--cgroup-manager", "cgroupfs", "--events-backend", "file")
	if runc, err := exec.LookPath("runc"); err == nil {
		args = append(args, "--runtime", runc)
	}
	socket := filepath.Join(folder, "s")
	cmd := exec.Command(path, append(args, "system", "service", "--time", "0", "unix://"+socket)...)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop := func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
		_ = syscall.Unmount(filepath.Join(folder, "root", "overlay"), syscall.MNT_DETACH) // podman leaves it
	}
	for {
		if _, err := os.Stat(socket); err == nil {
			return socket, stop, nil
		}
		select {
		case err := <-ended:
			return "", nil, fmt.Errorf("podman does not start: %w: %s", err, &said)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// needEngine skips a test where there can be no engine. That there is none fails it where all
// tests are to run.
func needEngine(t testing.TB) {
	t.Helper()
	if without == "" && os.Getenv(SocketVariable) == "" {
		without = forbidden()
		if without != "" {
			t.Skip(without)
		}
	}
	if without != "" {
		if os.Getenv("CI") != "" && os.Geteuid() == 0 {
			t.Fatal(without)
		}
		t.Skip(without)
	}
}

// forbidden tells whether the kernel forbids what containers are made of, by doing it.
func forbidden() string {
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC}
	if err := cmd.Start(); err != nil {
		return "the kernel makes no namespaces here, so there can be no containers: " + err.Error()
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return ""
}

// open makes a runtime with a folder of its own.
func open(t testing.TB, folder string) *engine.Runtime {
	t.Helper()
	r, err := engine.New(t.Context(), engine.Config{Socket: socket, Folder: folder, Dialer: dialer, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRuntime(t *testing.T) {
	t.Parallel()
	needEngine(t)
	runtimetest.Run(t, runtimetest.Traits{Isolated: true, Walled: true}, func(t *testing.T) runtime.Runtime {
		return open(t, filepath.Join(t.TempDir(), "containers"))
	})
}
