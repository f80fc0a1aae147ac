// Package server is one listener, one router and one life cycle for all services.
//
// A server is open (it has the data folder, the store and the listener) before it
// serves; it becomes ready when it serves, and it is not ready from the moment
// that it is asked to stop, while requests that have begun are finished.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/sagemaker"
	"github.com/modelwharf/modelwharf/internal/server/folder"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// Times of the server's life.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute // of a whole request of up to maxBody bytes
	writeTimeout      = 2 * time.Minute
	idleTimeout       = 2 * time.Minute
	graceTime         = 20 * time.Second // for requests that have begun when the server stops
	maxHeader         = 64 << 10         // bytes
)

// Server is a server with all that it holds open.
type Server struct {
	config   Config
	log      *slog.Logger
	folder   *folder.Folder
	store    *kv.DB
	identity *identity.Service
	seal     *identity.Sealer
	pages    *pagetoken.Sealer
	services *services
	objects  *objects
	images   *images
	packages *packages
	stacks   *stacks
	catalog  *catalog
	runtime  runtime.Runtime // of the models; nil if there is none
	models   *sagemaker.Service
	metrics  *metrics
	engine   *storeCollector
	listener net.Listener
	control  net.Listener
	cert     *certificate
	ready    atomic.Bool

	// NewRootKey is the administrator's key if this start made it; it is in the
	// data folder's credentials file, too.
	NewRootKey folder.AccessKey
}

// Open opens a server. It must be served or closed.
func Open(ctx context.Context, c Config) (*Server, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Server{config: c, log: cmp.Or(c.Log, slog.Default()), metrics: newMetrics()}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// open opens everything, in the order in which one needs the other.
func (s *Server) open(ctx context.Context) (err error) {
	if s.config.TLSCert != "" {
		if s.cert, err = loadCertificate(s.config.TLSCert, s.config.TLSKey, s.config.Now, s.log); err != nil {
			return err
		}
	}
	if s.folder, err = folder.Open(s.config.Data); err != nil {
		return err
	}
	if err := s.openStore(); err != nil {
		return err
	}
	if err := s.openIdentity(ctx); err != nil {
		return err
	}
	if s.images, err = s.openImages(ctx); err != nil {
		return err
	}
	if s.packages, err = s.openPackages(ctx); err != nil {
		return err
	}
	if s.objects, err = s.openObjects(ctx); err != nil {
		return err
	}
	if s.services, err = s.openServices(ctx); err != nil {
		return err
	}
	if s.control, err = s.folder.ListenControl(); err != nil {
		return fmt.Errorf("listen for the commands: %w", err)
	}
	if s.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", s.config.Listen); err != nil {
		return fmt.Errorf("--listen %s: %w; name an address and port of this machine that is free, such as 127.0.0.1:4780", s.config.Listen, err)
	}
	return nil
}

// openStore opens the store, or makes it. The secret key comes first: it is made
// only as long as there is no store.
func (s *Server) openStore() error {
	if _, err := s.folder.SecretKey(s.config.SecretKeyFile); err != nil {
		return err
	}
	engine, err := pebble.Open(s.folder.Store(), pebble.Options{Logger: s.log})
	if err != nil {
		return err
	}
	if s.store, err = kv.Open(engine, kv.Options{Now: s.config.Now}); err != nil {
		return errors.Join(err, engine.Close())
	}
	s.engine = &storeCollector{read: engine.Metrics}
	s.metrics.registry.MustRegister(s.engine)
	return nil
}

// Addr is the address that the server listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is where clients on this machine reach the server.
func (s *Server) URL() string {
	if s.cert != nil {
		return "https://" + s.Addr()
	}
	return "http://" + s.Addr()
}

// Serve serves until ctx ends, then lets requests finish, for a bounded time, and
// closes the server. It returns nil after an orderly stop.
func (s *Server) Serve(ctx context.Context) error {
	public := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	control := &http.Server{
		Handler:           s.controlHandler(),
		ReadHeaderTimeout: readHeaderTimeout,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}

	// The upkeep ends after the last request.
	upkeep, stopUpkeep := context.WithCancel(context.WithoutCancel(ctx))
	var working sync.WaitGroup
	s.startUpkeep(upkeep, &working)

	failed := make(chan error, 2)
	go func() { failed <- s.servePublic(public) }()
	go func() { failed <- control.Serve(s.control) }()
	s.ready.Store(true)
	s.log.LogAttrs(ctx, slog.LevelInfo, "serving",
		slog.String("url", s.URL()), slog.String("address", s.Addr()), slog.String("data", s.folder.Dir()),
		slog.String("account", s.config.Account), slog.String("region", s.config.Region))

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.ready.Store(false)
	s.log.Info("stopping")
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
	defer cancel()
	for _, h := range []*http.Server{public, control} {
		if stopErr := h.Shutdown(grace); stopErr != nil {
			s.log.Warn("requests were cut off", "error", stopErr)
			h.Close()
		}
	}
	stopUpkeep()
	working.Wait()
	err = errors.Join(err, s.Close())
	s.log.Info("stopped")
	return err
}

func (s *Server) servePublic(h *http.Server) error {
	if s.cert == nil {
		return h.Serve(s.listener)
	}
	h.TLSConfig = s.cert.config()
	return h.ServeTLS(s.listener, "", "")
}

// Close closes what Open opened.
func (s *Server) Close() error {
	var errs []error
	for _, l := range []net.Listener{s.listener, s.control} {
		if l != nil {
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	if s.images != nil {
		s.images.Close()
	}
	if s.runtime != nil {
		errs = append(errs, s.runtime.Close())
	}
	if s.store != nil {
		s.engine.close()
		errs = append(errs, s.store.Close())
	}
	if s.folder != nil {
		errs = append(errs, s.folder.Close())
	}
	return errors.Join(errs...)
}

// Ready reports whether the server answers requests.
func (s *Server) Ready() bool { return s.ready.Load() }
