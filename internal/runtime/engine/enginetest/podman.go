// Package enginetest starts a container engine for tests.
package enginetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// SocketVariable names an engine that the tests use instead of one that they start.
const SocketVariable = "MODELWHARF_TEST_ENGINE"

// Start starts podman on a folder, whose path has to be short, with runc where it is, since
// podman's own choice does not start everywhere; or it takes the engine of SocketVariable. It
// returns the path of the engine's socket, and how to end it.
func Start(folder string) (socket string, stop func(), err error) {
	if socket := os.Getenv(SocketVariable); socket != "" {
		return socket, func() {}, nil
	}
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
	socket = filepath.Join(folder, "s")
	cmd := exec.Command(path, append(slices.Clone(args), "system", "service", "--time", "0", "unix://"+socket)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = func() {
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

// Missing skips a test for want of an engine, or fails it where all tests are to run and there
// could be one.
func Missing(t testing.TB, why error) {
	t.Helper()
	if os.Getenv("CI") != "" && os.Geteuid() == 0 && !errors.Is(why, ErrKernel) {
		t.Fatal(why)
	}
	t.Skip(why)
}

// ErrKernel says that the kernel forbids what containers are made of.
var ErrKernel = errors.New("the kernel makes no namespaces here, so there can be no containers")

// makeNamespaces finds out whether the kernel does, for root.
func makeNamespaces() error {
	cmd := exec.Command("true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", ErrKernel, err)
	}
	return cmd.Wait()
}
