package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endLeft ends the processes that a server left which was killed. The kernel ends those that it
// started itself, see attributes, but not what those started in turn.
func endLeft(folder string) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	folder, err = filepath.EvalSymlinks(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// Again until there are none: one may start another one in the meantime.
	for {
		left, err := processesOf(folder)
		if err != nil || len(left) == 0 {
			return err
		}
		for _, pid := range left {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// processesOf are the processes whose program, root or working folder is below a folder. Of other
// users' processes that cannot be told, and they are none of ours.
func processesOf(folder string) (all []int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		for _, link := range []string{"root", "exe", "cwd"} {
			if at, err := os.Readlink(filepath.Join("/proc", e.Name(), link)); err == nil && strings.HasPrefix(at, folder+"/") {
				all = append(all, pid)
				break
			}
		}
	}
	return all, nil
}
