package sagemaker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/sagemaker/transport"
)

// instance is one of a variant: its containers, which are started again when one dies.
type instance struct {
	group  *group
	number int
	cancel context.CancelFunc

	// Under the lock of the deployment:
	ready      bool
	containers []*transport.Transport // that are asked, while it is ready
	asked      int                    // how much is being asked of it now
	failed     error                  // why it does not answer, as far as it never has
}

const (
	// startTime is how long a container may take until it answers, unless its variant says.
	startTime = 10 * time.Minute
	// maxStarts is how often a container may end before it has ever answered.
	maxStarts = 3
	// Between two starts a while goes by, twice as long each time.
	firstBackoff, lastBackoff = 100 * time.Millisecond, 30 * time.Second
	// steady is how long a container must have run for its end not to count as one of a row.
	steady = time.Minute
	// stopTime is how long a container may take to end.
	stopTime = 5 * time.Second
)

// run keeps the instance running until ctx ends.
func (i *instance) run(ctx context.Context) {
	d := i.group.d
	deadline := time.Now().Add(i.startTime())
	for row := 0; ; row++ {
		began := time.Now()
		answered, err := i.serve(ctx, deadline)
		i.set(func() { i.ready, i.containers = false, nil })
		if ctx.Err() != nil {
			return
		}
		if answered {
			d.s.metrics.deaths.Inc()
			deadline = time.Now().Add(i.startTime())
			if time.Since(began) > steady {
				row = 0
			}
		}
		d.s.log.Warn("a model's container has ended; it is started again", "endpoint", d.at.resource().arn(), "variant", i.group.variant.Name, "error", err)
		if !answered && (row+1 >= maxStarts || !retried(err) || time.Now().After(deadline)) {
			i.set(func() { i.failed = err })
		}
		if !sleep(ctx, min(firstBackoff<<min(row, 10), lastBackoff)) {
			return
		}
	}
}

func (i *instance) startTime() time.Duration {
	return cmp.Or(time.Duration(i.group.variant.StartTimeout)*time.Second, startTime)
}

// retried tells whether to start again what could not be started may help.
func retried(err error) bool {
	if e, ok := errors.AsType[*api.Error](err); ok && e.HTTPStatus() < http.StatusInternalServerError {
		return false
	}
	return !errors.Is(err, runtime.ErrImage)
}

// set changes the instance.
func (i *instance) set(change func()) {
	d := i.group.d
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
	d.notify()
}

// serve starts the containers and returns when one has ended, or ctx has. answered tells
// whether they answered meanwhile.
func (i *instance) serve(ctx context.Context, deadline time.Time) (answered bool, err error) {
	d, v := i.group.d, i.group.variant
	as, err := d.s.inRole(api.WithRequest(ctx, &api.Request{Service: "sagemaker", Operation: "CreateEndpoint", Region: d.at.region, Time: d.s.now()}), v.Role)
	if err != nil {
		return false, err
	}
	var running []runtime.Container
	var containers []*transport.Transport
	folder := filepath.Join(d.s.folder, i.name(-1))
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		for n, c := range running {
			containers[n].CloseIdleConnections()
			if err := c.Stop(stopping); err != nil {
				d.s.log.Warn("a model's container was not stopped in good order", "endpoint", d.at.resource().arn(), "error", err)
			}
		}
		_ = os.RemoveAll(folder)
	}()
	for n := range v.Containers {
		c, err := i.start(as, n, folder)
		if err != nil {
			return false, err
		}
		running = append(running, c)
		containers = append(containers, newTransport(c))
	}
	for n, c := range running {
		if err := i.ping(ctx, c, containers[n], deadline); err != nil {
			return false, fmt.Errorf("%s did not pass the ping health check: it must answer GET /ping with 200. %w", title(v, n), err)
		}
	}
	i.set(func() { i.ready, i.containers, i.failed = true, containers, nil })
	return true, ended(ctx, running)
}

// title is what a container is called in messages.
func title(v variant, n int) string {
	if len(v.Containers) == 1 {
		return "The primary container for production variant " + v.Name
	}
	return "The container " + strconv.Itoa(n+1) + " for production variant " + v.Name
}

// name is the name of a container of the instance, or of the instance.
func (i *instance) name(n int) string {
	name := "model-" + i.group.d.release.ID[:20] + "-" + strconv.Itoa(i.group.index) + "-" + strconv.Itoa(i.number)
	if n >= 0 {
		name += "-" + strconv.Itoa(n)
	}
	return name
}

// start starts a container, as the role of its model.
func (i *instance) start(ctx context.Context, n int, folder string) (runtime.Container, error) {
	d, v := i.group.d, i.group.variant
	c := v.Containers[n]
	image, err := d.s.image(ctx, c.Image, c.Digest)
	if err != nil {
		return nil, err
	}
	limits := v.limits()
	spec := runtime.Spec{
		Name: i.name(n), Image: image, Args: []string{"serve"}, Env: c.Env, Port: modelPort, Memory: limits.memory, CPUs: limits.cpus,
		Outside: d.s.outside && !v.Isolated, Output: &lines{log: d.s.log, endpoint: d.at.resource().arn(), variant: v.Name},
	}
	if c.Data != nil {
		spec.Model = filepath.Join(folder, strconv.Itoa(n))
		if err := os.MkdirAll(spec.Model, 0o755); err != nil {
			return nil, err
		}
		if err := d.s.fetchData(ctx, c.Data, spec.Model); err != nil {
			return nil, err
		}
	}
	return d.s.runtime.Start(ctx, spec)
}

// modelPort is where containers listen, unless runtime.PortVariable says otherwise.
const modelPort = 8080

// ended waits until one of the containers has ended.
func ended(ctx context.Context, all []runtime.Container) error {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	first := make(chan error, len(all))
	for _, c := range all {
		go func() {
			select {
			case <-c.Done():
				first <- c.Exit()
			case <-watching.Done():
			}
		}()
	}
	select {
	case err := <-first:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ping waits until a container answers that it is ready.
func (i *instance) ping(ctx context.Context, c runtime.Container, container *transport.Transport, deadline time.Time) error {
	const firstPause, lastPause = 5 * time.Millisecond, time.Second
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := ping(ctx, container)
		if err == nil {
			return nil
		}
		select {
		case <-c.Done():
			return c.Exit()
		default:
		}
		if time.Now().After(deadline) {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, pause)
		select {
		case <-c.Done():
		case <-waiting.Done():
		}
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// ping asks a container whether it is ready.
func ping(ctx context.Context, container *transport.Transport) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://model/ping", nil)
	if err != nil {
		return err
	}
	answer, err := container.RoundTrip(r)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answered with the status %d", answer.StatusCode)
	}
	return nil
}
