package runtimetest

import (
	"bufio"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/runtime"
)

// Variables tell a process of the tests that it is to be killed: the folder of its runtime, and
// an argument by which the container's processes are found.
const (
	toKill = "RUNTIMETEST_FOLDER"
	byMark = "RUNTIMETEST_MARK"
)

// A server that was killed leaves nothing once the next one has begun: no process of its
// containers, and no name that is taken.
func killed(w *world) {
	mark := rand.Text()
	folder := filepath.Join(w.TempDir(), "containers")
	server := exec.Command(os.Args[0], "-test.run=^TestRuntime$", "-test.v")
	server.Env = append(os.Environ(), toKill+"="+folder, byMark+"="+mark)
	server.Stderr = os.Stderr
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := server.StdoutPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := server.Start(); err != nil {
		w.Fatal(err)
	}
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if said = append(said, lines.Text()); strings.Contains(lines.Text(), serving) {
			break
		}
	}
	ran := processes(mark)
	_ = server.Process.Kill()
	_ = server.Wait()
	if len(ran) < 2 {
		w.Fatalf("%d processes ran; it said %q", len(ran), said)
	}
	next := w.open(folder)
	for len(processes(mark)) > 0 {
		select {
		case <-w.Context().Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	c, err := next.Start(w.Context(), w.spec("left"))
	if err != nil {
		w.Fatal(err)
	}
	w.stop(c)
	if err := next.Close(); err != nil {
		w.Error(err)
	}
}

// serving is what the process says when its container runs.
const serving = "the container serves"

// serveUntilKilled is the process that is killed.
func serveUntilKilled(t *testing.T, r runtime.Runtime) {
	w := &world{T: t, Runtime: r}
	s := w.spec("left")
	s.Args = []string{"leave", os.Getenv(byMark)}
	w.start(s)
	_, _ = os.Stdout.WriteString("\n" + serving + "\n")
	select {}
}

// processes are those of the machine that have an argument.
func processes(mark string) (all []string) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, at := range lines {
		if b, err := os.ReadFile(at); err == nil && strings.Contains(string(b), mark) {
			all = append(all, filepath.Dir(at))
		}
	}
	return all
}
