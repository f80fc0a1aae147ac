package engine_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// dialerVariable names the program of dialers.
const dialerVariable = "MODELWHARF_TEST_DIALER"

// For all tests: where the engine listens, the program of dialers, and why there are none.
var (
	socket, dialer string
	without        error
)

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "engine") // the path of a socket is short
	if err != nil {
		panic(err)
	}
	var stop func()
	if socket = os.Getenv(SocketVariable); socket == "" {
		socket, stop, err = podman(folder)
	}
	if dialer = os.Getenv(dialerVariable); err == nil && dialer == "" {
		dialer = filepath.Join(folder, "dialer")
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dialer, "./dialer")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, berr := build.CombinedOutput(); berr != nil {
			err = errors.New(string(out))
		}
	}
	without = err
	if err == nil { // for the process that a test kills
		_, _ = os.Setenv(SocketVariable, socket), os.Setenv(dialerVariable, dialer)
	}
	status := m.Run()
	if stop != nil {
		stop()
	}
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
	if err := makeNamespaces(); err != nil {
		return "", nil, err
	}
	args := []string{
		"--root", filepath.Join(folder, "root"), "--runroot", filepath.Join(folder, "run"), "--tmpdir", filepath.Join(folder, "tmp"),
		"--cgroup-manager", "cgroupfs", "--events-backend", "file",
	}
	if runc, err := exec.LookPath("runc"); err == nil {
		args = append(args, "--runtime", runc)
	}
	socket := filepath.Join(folder, "s")
	cmd := exec.Command(path, append(slices.Clone(args), "system", "service", "--time", "0", "unix://"+socket)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
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
		left, _ := exec.Command(path, append(slices.Clone(args), "ps", "--all")...).CombinedOutput()
		if strings.Contains(string(left), "modelwharf") {
			fmt.Fprintf(os.Stderr, "left:\n%s", left)
		}
		// Again, as one can depend on another.
		for range 2 {
			_ = exec.Command(path, append(slices.Clone(args), "rm", "--all", "--force", "--time", "0")...).Run()
		}
		unmountBelow(folder)
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

// unmountBelow takes away what podman leaves mounted below a folder.
func unmountBelow(folder string) {
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); strings.HasPrefix(fields[1], folder+"/") {
			_ = syscall.Unmount(fields[1], syscall.MNT_DETACH)
		}
	}
}

// needEngine skips a test where there can be no engine. That there is none fails it where all
// tests are to run.
func needEngine(t testing.TB) {
	t.Helper()
	if without != nil {
		if os.Getenv("CI") != "" && os.Geteuid() == 0 && !errors.Is(without, errKernel) {
			t.Fatal(without)
		}
		t.Skip(without)
	}
}

// errKernel says that the kernel forbids what containers are made of.
var errKernel = errors.New("the kernel makes no namespaces here, so there can be no containers")

// makeNamespaces finds out whether the kernel does, for root.
func makeNamespaces() error {
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", errKernel, err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return nil
}

// open makes a runtime with a folder of its own.
func open(t testing.TB, folder string) *engine.Runtime {
	t.Helper()
	return with(t, engine.Config{Socket: socket, Folder: folder, Dialer: dialer, Log: slog.New(slog.DiscardHandler)})
}

// with makes a runtime, which leaves nothing when the test ends.
func with(t testing.TB, c engine.Config) *engine.Runtime {
	t.Helper()
	r, err := engine.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestRuntime(t *testing.T) {
	t.Parallel()
	needEngine(t)
	found, err := engine.At(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	runtimetest.Run(t, runtimetest.Traits{Isolated: true, Walled: true, Unlimited: found.Unlimited}, func(t *testing.T, folder string) runtime.Runtime {
		return open(t, folder)
	})
}
