package engine_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/runtime/engine"
	"github.com/modelwharf/modelwharf/internal/runtime/engine/enginetest"
	"github.com/modelwharf/modelwharf/internal/runtime/runtimetest"
)

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
	var stop func() // nil without an engine
	socket, stop, err = enginetest.Start(folder)
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
		_, _ = os.Setenv(enginetest.SocketVariable, socket), os.Setenv(dialerVariable, dialer)
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

// needEngine skips a test where there can be no engine. That there is none fails it where all
// tests are to run.
func needEngine(t testing.TB) {
	t.Helper()
	if without != nil {
		enginetest.Missing(t, without)
	}
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
