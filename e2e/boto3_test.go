package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBoto3 runs the scripts in testdata, each against a server of its own.
func TestBoto3(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/*.py")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".py"), func(t *testing.T) {
			t.Parallel()
			python := client(t, "python3")
			if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
				missing(t, "boto3 is not here (run e2e/setup)")
			}
			s := start(t)
			cmd := exec.CommandContext(t.Context(), python, script)
			cmd.Env = append(s.env(), "PYTHONDONTWRITEBYTECODE=1")
			if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "ok\n") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}
