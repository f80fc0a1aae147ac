package process

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

// The ports of containers: below those that systems give to connections, one of which would take
// a port between the look and its container's listening.
const (
	firstPort = 20_000
	ports     = 12_000
)

// lastPort makes the next port another one than those before, and than those of other servers.
var lastPort atomic.Uint32

func init() { lastPort.Store(rand.Uint32N(ports)) }

// freePort returns a port of the loopback interface that nobody listens at.
func freePort() (port int, err error) {
	for range ports {
		port = firstPort + int(lastPort.Add(1)%ports)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}
