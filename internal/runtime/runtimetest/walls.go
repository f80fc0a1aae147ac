package runtimetest

import (
	"archive/tar"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/runtime"
)

// walled skips a test where containers have no walls.
func (w *world) walled() {
	w.Helper()
	if !w.traits.Walled {
		w.Skip("it shares the machine's network, and nothing limits it")
	}
}

// isolated skips a test where containers see the machine's files.
func (w *world) isolated() {
	w.Helper()
	if !w.traits.Isolated {
		w.Skip("it is the server's own user")
	}
}

// root is a container that wants to be root, as many do.
func (w *world) root(name string, files ...tar.Header) runtime.Spec {
	w.Helper()
	own := config
	own.User = "0"
	return runtime.Spec{Name: name, Image: pack(w, own, files...), Port: 8080}
}

// It has no way to any other host: no interface but its own loopback one, and so no route, to
// the machine's own addresses neither.
func noNetworkOutside(w *world) {
	w.walled()
	c := w.start(w.spec("inside"))
	defer w.stop(c)
	var up []string
	w.ask(c, "/interfaces", &up)
	if !slices.Equal(up, []string{"lo"}) {
		w.Errorf("it has the interfaces %q", up)
	}
	to := []string{"192.0.2.1:80", "[2001:db8::1]:80", "169.254.169.254:80"}
	own, err := net.InterfaceAddrs()
	if err != nil {
		w.Fatal(err)
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			to = append(to, net.JoinHostPort(n.IP.String(), "22"))
		}
	}
	for _, at := range to {
		said := w.try(c, "/dial?to="+at, nil)
		if !strings.Contains(said, "unreachable") && !strings.Contains(said, "cannot assign requested address") {
			w.Errorf("%s: %q", at, said)
		}
	}
}

// It does not reach what listens at the machine's loopback interface, as the server may.
func noPortOfTheServer(w *world) {
	w.walled()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	defer l.Close()
	c := w.start(w.spec("apart"))
	defer w.stop(c)
	if said := w.try(c, "/dial?to="+l.Addr().String(), nil); !strings.Contains(said, "refused") {
		w.Errorf("it reaches the machine: %q", said)
	}
}

// It reaches no other container, though all listen at the same port.
func noOtherContainer(w *world) {
	w.walled()
	s := w.spec("other")
	s.Port = 8081
	other, c := w.start(s), w.start(w.spec("one"))
	defer w.stop(other)
	defer w.stop(c)
	if said := w.try(c, "/dial?to=127.0.0.1:8081", nil); !strings.Contains(said, "refused") {
		w.Errorf("it reaches another container: %q", said)
	}
	w.ask(c, "/dial?to=127.0.0.1:8080", nil) // itself
}

// It reads no file of the machine, and nothing of its processes: the server's credentials are in
// both.
func noneOfTheHostsFiles(w *world) {
	w.isolated()
	secret := filepath.Join(w.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		w.Fatal(err)
	}
	c := w.start(w.root("curious"))
	defer w.stop(c)
	files := []string{secret, w.folder, "/etc/shadow", "/var/run/docker.sock", "/run/podman/podman.sock", "/dialer", "/proc/" + strconv.Itoa(os.Getpid()) + "/environ"}
	if !w.traits.Walled { // in a namespace of its own it is the first process itself
		files = append(files, "/proc/1/environ")
	}
	for _, at := range files {
		if w.try(c, "/open?path="+at, nil) == "" {
			w.Errorf("it opens %s", at)
		}
	}
}

// Whoever it is, it writes to /tmp alone.
func readOnlyRoot(w *world) {
	w.isolated()
	own := config
	own.User, own.Volumes = "0", map[string]struct{}{"/volume": {}}
	image := pack(w, own, tar.Header{Name: "volume/file", Mode: 0o644, Linkname: "there"})
	c := w.start(runtime.Spec{Name: "scribbler", Image: image, Port: 8080})
	defer w.stop(c)
	var there string
	if w.ask(c, "/read?path=/volume/file", &there); there != "there" {
		w.Errorf("in its volume is %q", there)
	}
	for _, at := range []string{"/new", "/volume/new", "/bin/program", "/etc/passwd", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper"} {
		if w.try(c, "/write?path="+at, nil) == "" {
			w.Errorf("it writes %s", at)
		}
	}
	w.ask(c, "/write?path=/tmp/new", nil)
	if !w.traits.Walled {
		return
	}
	var mounts string
	w.ask(c, "/read?path=/proc/self/mounts", &mounts)
	for line := range strings.Lines(mounts) {
		at := strings.Fields(line) // what, where, kind, options
		switch {
		case !slices.Contains(strings.Split(at[3], ","), "rw"):
		case slices.Contains([]string{"tmpfs", "proc", "devpts", "devtmpfs", "mqueue"}, at[2]): // memory, and the kernel's
		default:
			w.Errorf("it has a mount that can be written: %s", line)
		}
	}
}

// Root in it has no capability, and no program gives it one.
func noPrivileges(w *world) {
	w.walled()
	c := w.start(w.root("powerless"))
	defer w.stop(c)
	var status string
	w.ask(c, "/read?path=/proc/self/status", &status)
	for _, want := range []string{"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(status, want) {
			w.Errorf("no %q in its status", want)
		}
	}
	// One whose image names no user is not root.
	nobody := w.start(w.spec("nobody"))
	defer w.stop(nobody)
	var user int
	w.ask(nobody, "/user", &user)
	if user == 0 || user == os.Getuid() {
		w.Errorf("its user is %d", user)
	}
}

// A device that is in its image opens to nobody, and it makes none.
func noDeviceNodes(w *world) {
	w.walled()
	for name, device := range map[string]tar.Header{
		"memory": {Name: "device", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 1},
		"disk":   {Name: "device", Typeflag: tar.TypeBlock, Mode: 0o666, Devmajor: 7, Devminor: 0},
	} {
		s := w.root(name, device)
		c, err := w.Start(w.Context(), s)
		if errors.Is(err, runtime.ErrImage) {
			continue
		}
		if err != nil {
			w.Fatal(err)
		}
		await(w, c)
		// A user's own engine leaves it out of the image.
		said := w.try(c, "/open?path=/device", nil)
		if !strings.Contains(said, "not permitted") && !strings.Contains(said, "permission denied") && !strings.Contains(said, "no such file") {
			w.Errorf("%s: %q", name, said)
		}
		w.stop(c)
	}
	c := w.start(w.root("maker"))
	defer w.stop(c)
	if said := w.try(c, "/device", nil); !strings.Contains(said, "not permitted") {
		w.Errorf("it makes a device: %q", said)
	}
}

// An image's layers write nothing outside of its folder.
func noLayerOutside(w *world) {
	outside := filepath.Join(w.TempDir(), "outside")
	up := strings.Repeat("../", 24)
	for name, entries := range map[string][]tar.Header{
		"above":        {{Name: up + outside[1:], Mode: 0o644, Linkname: "mine"}},
		"absolute":     {{Name: outside, Mode: 0o644, Linkname: "mine"}},
		"through-link": {{Name: "up", Typeflag: tar.TypeSymlink, Linkname: up}, {Name: "up" + outside, Mode: 0o644, Linkname: "mine"}},
		"hard-link":    {{Name: "link", Typeflag: tar.TypeLink, Linkname: up + "etc/passwd"}, {Name: "link", Mode: 0o644, Linkname: "mine"}},
	} {
		c, err := w.Start(w.Context(), runtime.Spec{Name: name, Image: pack(w, config, entries...), Port: 8080})
		if err == nil {
			await(w, c)
			w.stop(c)
		}
		if _, err := os.Stat(outside); err == nil {
			w.Errorf("%s: written outside", name)
		}
	}
}

// Memory, /tmp, processors and processes are limited; one that uses more memory is ended.
func limitsHold(w *world) {
	w.walled()
	if w.traits.Unlimited != "" {
		w.Skip(w.traits.Unlimited)
	}
	const memory = 64 << 20
	s := w.spec("greedy")
	s.Memory, s.CPUs = memory, 0.5
	c := w.start(s)
	defer w.stop(c)
	for _, at := range []string{"/tmp", "/var/tmp", "/run", "/dev/shm"} {
		var space int64
		if w.ask(c, "/space?path="+at, &space); space > memory {
			w.Errorf("its %s holds %d bytes", at, space)
		}
	}
	// In version 1 and in version 2 of control groups.
	for _, files := range [][2][2]string{
		{{"/sys/fs/cgroup/pids/pids.max", "4096"}, {"/sys/fs/cgroup/pids.max", "4096"}},
		{{"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000"}, {"/sys/fs/cgroup/cpu.max", "50000 100000"}},
	} {
		var is string
		if w.try(c, "/read?path="+files[0][0], &is) != "" {
			w.ask(c, "/read?path="+files[1][0], &is)
			files[0][1] = files[1][1]
		}
		if strings.TrimSpace(is) != files[0][1] {
			w.Errorf("%s is %q", files[0][0], is)
		}
	}
	w.ask(c, "/allocate?bytes="+strconv.Itoa(memory/4), nil)
	if answer, err := get(c, "/allocate?bytes="+strconv.Itoa(4*memory)); err == nil {
		answer.Body.Close()
		w.Error("it has more memory than it may")
		return
	}
	<-c.Done()
	// Under version 1 of control groups podman does not know.
	if e := c.Exit(); !e.OutOfMemory && e.Signal != "killed" {
		w.Errorf("it ended with %+v", e)
	}
}

// One that may reach the network has a way out, and is reached itself as all are.
func mayReachTheNetwork(w *world) {
	s := w.spec("outside")
	s.Outside = true
	c := w.start(s)
	defer w.stop(c)
	var up []string
	w.ask(c, "/interfaces", &up)
	if len(up) < 2 {
		w.Errorf("it has the interfaces %q", up)
	}
}
