// The program is what the tests of runtimes run in their containers. It does what it is asked
// for over HTTP.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
)

func main() {
	switch {
	case len(os.Args) < 2:
	case os.Args[1] == "fail":
		fmt.Println("there is no model")
		os.Exit(3)
	case os.Args[1] == "left": // is what nobody waits for
		_ = syscall.Pause()
	case os.Args[1] == "leave":
		leave(os.Args[2])
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
	answer("/interfaces", func(*http.Request) (any, error) {
		all, err := net.Interfaces()
		var names []string
		for _, i := range all {
			if i.Flags&net.FlagUp != 0 {
				names = append(names, i.Name)
			}
		}
		return names, err
	})
	answer("/open", func(r *http.Request) (any, error) {
		f, err := os.Open(r.FormValue("path"))
		if err != nil {
			return nil, err
		}
		return "", f.Close()
	})
	answer("/device", func(*http.Request) (any, error) {
		return "", syscall.Mknod("/tmp/device", syscall.S_IFBLK|0o600, 8<<8)
	})
	answer("/space", func(r *http.Request) (any, error) {
		var is syscall.Statfs_t
		err := syscall.Statfs(r.FormValue("path"), &is)
		return is.Blocks * uint64(is.Bsize), err
	})
	answer("/allocate", func(r *http.Request) (any, error) {
		n, err := strconv.Atoi(r.FormValue("bytes"))
		if err == nil {
			kept = bytes.Repeat([]byte{1}, n)
		}
		return len(kept), err
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

// kept is memory that the program uses.
var kept []byte

// leave starts another process, in a session of its own, with an argument by which it can be found.
func leave(mark string) {
	own, err := os.Executable()
	if err != nil { // there is no /proc
		own = os.Args[0]
	}
	cmd := exec.Command(own, "left", mark)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func close1(c io.Closer) error {
	if c == nil || c == (*net.TCPConn)(nil) {
		return nil
	}
	return c.Close()
}
