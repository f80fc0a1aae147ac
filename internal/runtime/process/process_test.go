package process_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/runtime/process"
	"github.com/modelwharf/modelwharf/internal/runtime/runtimetest"
)

func TestRuntime(t *testing.T) {
	t.Parallel()
	runtimetest.Run(t, runtimetest.Traits{Isolated: os.Geteuid() == 0}, func(t *testing.T, folder string) runtime.Runtime {
		if err := os.MkdirAll(filepath.Join(folder, "left"), 0o755); err != nil {
			t.Fatal(err)
		}
		r, err := process.New(process.Config{Folder: folder, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
		return r
	})
}
