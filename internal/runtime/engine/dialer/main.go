// The program is a dialer alone: the tests' containers have it instead of the whole server.
package main

import (
	"fmt"
	"os"

	"github.com/modelwharf/modelwharf/internal/runtime/engine"
)

func main() {
	fmt.Fprintln(os.Stderr, engine.Dialer(os.Args[2:]))
	os.Exit(1)
}
