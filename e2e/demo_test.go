package e2e

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemo runs the demo twice on one data folder: every step proves itself, also on what the
// first run has left.
func TestDemo(t *testing.T) {
	t.Parallel()
	demo := filepath.Join(t.TempDir(), "demo")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", demo, "../demo").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := free.Addr().String()
	_ = free.Close()
	data := filepath.Join(t.TempDir(), "data")
	for _, locked := range []string{"iris-species 1.0 locked:", "iris-species 1.0 was locked alike by an earlier run:"} {
		cmd := exec.CommandContext(t.Context(), demo)
		cmd.Dir = ".." // where it finds the program of its images
		cmd.Env = append(cleanEnv(), "MODELWHARF_BIN="+binary, "MODELWHARF_LISTEN="+listen, "MODELWHARF_DATA="+data, "DEMO_ONCE=1", "MODELWHARF_RUNTIME=process", "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Every step proved itself") || !strings.Contains(string(out), locked) {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}
