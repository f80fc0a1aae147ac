package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	moby "github.com/moby/moby/client"

	"github.com/modelwharf/modelwharf/e2e/serving"
	"github.com/modelwharf/modelwharf/internal/runtime/engine/enginetest"
)

// account2 is the other account of TestKillPrediction.
const account2 = "222222222222"

// TestKillPrediction kills the server, the models' processes, or both, while two accounts ask
// their endpoints of the same name the same questions, and one of these is updated to and fro.
// No answer is ever another account's, half of one, or of a version that did not serve; and after
// each kill both endpoints answer again.
//
// MODELWHARF_PREDICTION_KILLS is how often it kills.
func TestKillPrediction(t *testing.T) {
	t.Parallel()
	k := &predictionKill{T: t, flags: []string{"--runtime", "process"}, killModels: killProcesses}
	k.run(setting(t, "MODELWHARF_PREDICTION_KILLS", 6))
}

// TestKillContainers does the same where the models are containers.
//
// MODELWHARF_CONTAINER_KILLS is how often it kills.
func TestKillContainers(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "engine") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	socket, stop, err := enginetest.Start(folder)
	if err != nil {
		enginetest.Missing(t, err)
	}
	defer stop()
	k := &predictionKill{T: t, flags: []string{"--runtime", "engine", "--runtime-socket", "unix://" + socket}, killModels: func(t testing.TB, s *server) {
		killContainers(t, socket, s)
	}}
	k.run(setting(t, "MODELWHARF_CONTAINER_KILLS", 3))
	if err := k.server().stop(t); err != nil { // while there is an engine: it stops the containers
		t.Error(err)
	}
}

// run kills so often.
func (k *predictionKill) run(kills int) {
	k.Helper()
	k.data = filepath.Join(k.TempDir(), "data")
	k.start()
	var other struct{ AccessKeyID, SecretAccessKey string }
	if err := json.Unmarshal([]byte(k.s.command(k.T, "account create", "--id", account2, "other", "--json")), &other); err != nil {
		k.Fatal(err)
	}
	k.id, k.secret = other.AccessKeyID, other.SecretAccessKey
	for i, versions := range [][]string{{"1", "2"}, {"other"}} {
		p := k.platform(i)
		p.Prepare()
		for _, v := range versions {
			p.Push(v, serving.Image(k, v, "PAUSE=3ms"))
			p.Configure(v)
		}
		p.Serve("irises", versions[0])
	}
	k.state.Store(&served{version: "1"})

	var asking sync.WaitGroup
	stop := make(chan struct{})
	for n := range 8 {
		asking.Go(func() { k.ask(n%2, stop) })
	}
	for range kills {
		k.round()
	}
	close(stop)
	asking.Wait()
	k.Logf("%d kills, %d answers, %d errors; the longest time from a restart until both endpoints answered: %s", kills, k.answers.Load(), k.errors.Load(), k.longest)
	if k.answers.Load() == 0 {
		k.Error("nothing was answered")
	}
}

// served is what the first account's endpoint serves.
type served struct {
	version string // "" while that is not known
	epoch   int    // tells two times with the same version apart
}

type predictionKill struct {
	*testing.T
	flags      []string                      // of the server
	killModels func(t testing.TB, s *server) // kills what runs the models of a server
	data       string
	id, secret string
	mu         sync.Mutex
	s          *server
	state      atomic.Pointer[served]
	answers    atomic.Int64
	errors     atomic.Int64
	longest    time.Duration
}

func (k *predictionKill) start() {
	k.Helper()
	s := startOn(k.T, k.data, k.flags...)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.s = s
}

func (k *predictionKill) server() *server {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.s
}

// platform is that of an account.
func (k *predictionKill) platform(i int) *serving.Platform {
	if i == 0 {
		return serving.New(k.T, k.server().url, "000000000000", accessKey, secretKey)
	}
	return serving.New(k.T, k.server().url, account2, k.id, k.secret)
}

// ask asks an account's endpoint until it is told to stop.
func (k *predictionKill) ask(i int, stop chan struct{}) {
	var p *serving.Platform
	for {
		select {
		case <-stop:
			return
		default:
		}
		if p == nil || p.URL != k.server().url {
			p = k.platform(i)
		}
		before := k.state.Load()
		version, err := p.Predict("irises", strconv.Itoa(rand.IntN(30)))
		after := k.state.Load()
		if err != nil {
			k.errors.Add(1)
			time.Sleep(time.Millisecond)
			continue
		}
		k.answers.Add(1)
		switch {
		case (i == 1) != (version == "other"):
			k.Errorf("account %d was answered by version %s", i, version)
			return
		case i == 0 && before == after && before.version != "" && version != before.version:
			k.Errorf("answered by version %s while %s served", version, before.version)
			return
		}
	}
}

// round kills in mid-prediction, mid-fill or mid-update, and waits until all is well again.
func (k *predictionKill) round() {
	k.Helper()
	p := k.platform(0)
	was := k.state.Load()
	if rand.IntN(2) == 0 {
		next := map[string]string{"1": "2", "2": "1"}[was.version]
		k.state.Store(&served{"", was.epoch + 1})
		_, err := p.Models().UpdateEndpoint(k.Context(), &sagemaker.UpdateEndpointInput{EndpointName: new("irises"), EndpointConfigName: new("config-" + next)})
		p.Must(err)
	}
	time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
	what := rand.IntN(3)
	if what != 0 {
		k.killModels(k.T, k.server())
	}
	restarted := time.Now()
	if what != 1 {
		k.server().kill()
		k.start()
		restarted = time.Now()
	}
	for i := range 2 {
		p := k.platform(i)
		for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			_, err := p.Predict("irises", fmt.Sprint("alive? ", rand.Uint64()))
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				k.Fatalf("the endpoint of account %d does not come back: %v", i, err)
			}
		}
	}
	if what != 1 {
		k.longest = max(k.longest, time.Since(restarted))
	}
	config := k.platform(0).Settled("irises")
	k.state.Store(&served{strings.TrimPrefix(config, "config-"), was.epoch + 2})
	time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
}

// killContainers kills about half of the containers that an engine runs: models, and what leads
// to them.
func killContainers(t testing.TB, socket string, _ *server) {
	t.Helper()
	engine, err := moby.New(moby.WithHost("unix://" + socket))
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	all, err := engine.ContainerList(t.Context(), moby.ContainerListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Items {
		if rand.IntN(2) == 0 { // one that has ended meanwhile is as good as killed
			_, _ = engine.ContainerKill(t.Context(), c.ID, moby.ContainerKillOptions{Signal: "KILL"})
		}
	}
}

// killProcesses kills the processes of the models that a server runs.
func killProcesses(t testing.TB, s *server) {
	t.Helper()
	all, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip("the models' processes cannot be found without /proc")
	}
	for _, e := range all {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(s.cmd.Process.Pid) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
