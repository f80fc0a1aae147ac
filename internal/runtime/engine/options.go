package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/modelwharf/modelwharf/internal/runtime"
)

const (
	// nobody is the user of a container whose image names none.
	nobody = "65534:65534"
	// maxProcesses is how many processes and threads a container has at most.
	maxProcesses = 4096
	// maxFiles is how many files a process of a container may have open at most.
	maxFiles = 1 << 20
	// maxTemporary is how much is in a container's /tmp at most, in bytes, as in /var/tmp and in
	// /run. It counts as memory.
	maxTemporary = 1 << 30
)

// modelOptions say what a container may.
func modelOptions(c *running, s runtime.Spec, config ocispec.Image, argv []string) client.ContainerCreateOptions {
	temporary := int64(maxTemporary)
	if s.Memory > 0 {
		temporary = min(temporary, s.Memory)
	}
	host := guarded()
	host.NetworkMode = container.NetworkMode("container:" + c.dialer)
	// Engines differ in what they mount beside /tmp, and in whether programs run from there: some
	// unpack libraries, or compile.
	host.Tmpfs = map[string]string{}
	for _, at := range []string{"/tmp", "/var/tmp", "/run"} {
		host.Tmpfs[at] = fmt.Sprintf("rw,exec,nosuid,nodev,mode=1777,size=%d", temporary)
	}
	host.Memory, host.MemorySwap, host.NanoCPUs = s.Memory, s.Memory, int64(s.CPUs*1e9)
	host.PidsLimit = new(int64(maxProcesses))
	if s.Model != "" {
		// Where SELinux is in force, "z" is what lets containers read the folder.
		host.Binds = []string{s.Model + ":" + runtime.ModelFolder + ":ro,z"}
	}
	user := config.Config.User
	if user == "" {
		user = nobody
	}
	return client.ContainerCreateOptions{
		Config: &container.Config{
			User: user, Entrypoint: argv[:1], Cmd: argv[1:], Env: environment(config.Config.Env, s), Labels: c.labels(),
		},
		HostConfig: host,
	}
}

// dialerOptions say what a dialer may.
func dialerOptions(c *running, network string, port int) client.ContainerCreateOptions {
	host := guarded()
	host.NetworkMode = container.NetworkMode(network)
	host.Binds = []string{c.folder + ":" + dialerFolder}
	// Where SELinux is in force, the server may connect to the socket then.
	host.SecurityOpt = append(host.SecurityOpt, "label=disable")
	labels := c.labels()
	labels[dialerLabel] = "true"
	return client.ContainerCreateOptions{
		Config: &container.Config{
			User: nobody, Entrypoint: []string{dialerProgram, DialerCommand}, Cmd: []string{strconv.Itoa(port)}, Labels: labels,
		},
		HostConfig: host,
	}
}

// guarded are the walls of every container.
func guarded() *container.HostConfig {
	return &container.HostConfig{
		ReadonlyRootfs: true,
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges"},
		LogConfig:      container.LogConfig{Type: "none"},
		Resources:      container.Resources{Ulimits: limits()},
	}
}

// limits are no more than the server's own: an engine that may not raise them could start
// nothing. The engine's usual ones can be more. That of processes is one of a user on the whole
// machine, which containers share, and so no guard; see maxProcesses.
func limits() []*container.Ulimit {
	const processes, allProcesses = 6, 1 << 15 // RLIMIT_NPROC; what podman leaves itself
	var all []*container.Ulimit
	for _, l := range []struct {
		name     string
		resource int
		most     uint64
	}{{"nofile", syscall.RLIMIT_NOFILE, maxFiles}, {"nproc", processes, allProcesses}} {
		var own syscall.Rlimit
		if syscall.Getrlimit(l.resource, &own) == nil {
			l.most = min(l.most, own.Max)
		}
		all = append(all, &container.Ulimit{Name: l.name, Soft: int64(l.most), Hard: int64(l.most)})
	}
	return all
}

// environment returns the variables of a container beside those of its image.
func environment(image []string, s runtime.Spec) []string {
	all := map[string]string{"SM_MODEL_DIR": runtime.ModelFolder, "HOME": "/tmp"}
	for _, v := range image {
		if strings.HasPrefix(v, "HOME=") {
			delete(all, "HOME")
		}
	}
	for name, value := range s.Env {
		all[name] = value
	}
	all[runtime.PortVariable] = strconv.Itoa(s.Port)
	env := make([]string, 0, len(all))
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}
