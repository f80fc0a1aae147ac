// Package runtime runs the containers that serve models. A Runtime is handed an image by its
// caller and knows no registry; package process and package engine have one each, and
// runtimetest the tests that both pass.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
)

// Runtime runs containers. It is safe for concurrent use.
type Runtime interface {
	// Start runs a container and returns once it runs, which is before it answers. The
	// errors are ErrName, ErrTaken, ErrImage, and those of the machine. A container that
	// outlives its server, which was killed, is removed when the next Runtime of the same
	// server is made.
	Start(ctx context.Context, s Spec) (Container, error)
	// Close stops all containers.
	Close() error
}

// Container is one that was started.
type Container interface {
	// Dial connects to the port at which it listens. It fails as long as nobody listens there.
	Dial(ctx context.Context) (net.Conn, error)
	// Done is closed when the container has ended.
	Done() <-chan struct{}
	// Exit is how it ended, once Done is closed.
	Exit() *Exit
	// Stop ends the container: it is asked to, and killed when ctx is done, which it needs to
	// be at some time: a program may not hear, as one that has just begun. What it left is
	// removed. To stop one that has ended is no error.
	Stop(ctx context.Context) error
}

// Spec is a container that is to run.
type Spec struct {
	Name  string // its own among those that run, of the form of ValidName
	Image Image
	Args  []string // after the image's entrypoint, instead of its command if there are any
	Env   map[string]string
	// Model is a folder that the container finds at ModelFolder and cannot change, "" for none.
	// The container is another user: what is in it has to be readable to all.
	Model string
	Port  int // at which it listens, unless PortVariable gives it another one
	// Memory and CPUs are what it may use at most, in bytes and in processors; no limit if
	// zero.
	Memory int64
	CPUs   float64
	// Outside lets the container reach other hosts, and what this one offers to others.
	Outside bool
	Output  io.Writer // gets what the container prints; nil for nobody
}

const (
	// ModelFolder is where a container finds its model.
	ModelFolder = "/opt/ml/model"
	// PortVariable is the variable that tells a container at which port to listen.
	PortVariable = "SAGEMAKER_BIND_TO_PORT"
)

var (
	// ErrName says that a name is not of the form of ValidName.
	ErrName = errors.New("runtime: unfit name of a container")
	// ErrTaken says that a container of the name runs.
	ErrTaken = errors.New("runtime: a container of that name runs")
	// ErrImage says that an image cannot be run: it is torn, or says nothing that can be run.
	ErrImage = errors.New("runtime: unfit image")
)

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// ValidName tells whether a container can have the name: that of a host.
func ValidName(name string) bool { return nameForm.MatchString(name) }

// Exit is how a container ended.
type Exit struct {
	Code   int    // -1 if it was killed by a signal
	Signal string // by which it was killed, "" if by none
	// OutOfMemory says that it was killed because it used more memory than it may.
	OutOfMemory bool
	Output      string // the last of what it printed
}

func (e *Exit) Error() string {
	how := fmt.Sprintf("ended with status %d", e.Code)
	switch {
	case e.OutOfMemory:
		how = "was ended because it used more memory than it may"
	case e.Signal != "":
		how = "was ended by the signal " + e.Signal
	}
	if e.Output == "" {
		return "runtime: the container " + how
	}
	return "runtime: the container " + how + "; it printed: " + e.Output
}
