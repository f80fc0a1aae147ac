// The program is what the tests of runtimes run in their containers. It does what it is asked
// for over HTTP.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "fail" {
		fmt.Println("there is no model")
		os.Exit(3)
	}
	port := os.Getenv("SAGEMAKER_BIND_TO_PORT")
	if port == "" {
		port = "8080"
	}
	if os.Getenv("STUBBORN") != "" {
		signal.Ignore(syscall.SIGTERM)
	}
	answer := func(pattern string, fn func(r *http.Request) (any, error)) {
		http.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			out, err := fn(r)
			if err != nil {
				w.WriteHeader(http.StatusForbidden)
				out = err.Error()
			}
			_ = json.NewEncoder(w).Encode(out)
		})
	}
	answer("/args", func(*http.Request) (any, error) { return os.Args[1:], nil })
	answer("/env", func(*http.Request) (any, error) { return os.Environ(), nil })
	answer("/user", func(*http.Request) (any, error) { return os.Getuid(), nil })
	answer("/read", func(r *http.Request) (any, error) {
		b, err := os.ReadFile(r.FormValue("path"))
		return string(b), err
	})
	answer("/write", func(r *http.Request) (any, error) {
		return "", os.WriteFile(r.FormValue("path"), []byte("x"), 0o600)
	})
	answer("/dial", func(r *http.Request) (any, error) {
		c, err := net.Dial("tcp", r.FormValue("to"))
		return "", errors.Join(err, close1(c))
	})
	answer("/say", func(r *http.Request) (any, error) { fmt.Println(r.FormValue("what")); return "", nil })
	answer("/exit", func(r *http.Request) (any, error) {
		code, err := strconv.Atoi(r.FormValue("code"))
		if err == nil {
			os.Exit(code)
		}
		return "", err
	})
	fmt.Println("ready")
	fmt.Fprintln(os.Stderr, http.ListenAndServe(net.JoinHostPort(os.Getenv("MODELWHARF_BIND_ADDRESS"), port), nil))
	os.Exit(1)
}

func close1(c io.Closer) error {
	if c == nil || c == (*net.TCPConn)(nil) {
		return nil
	}
	return c.Close()
}
