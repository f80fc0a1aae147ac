package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"regexp"
	"time"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/egress"
	"github.com/modelwharf/modelwharf/internal/quota"
	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/server/folder"
)

// Config is what a server is made of.
type Config struct {
	Data          string // the data folder
	Listen        string // host:port; port 0 takes a free one
	Account       string // 12 digits: the account of the administrator
	Region        string // the region of requests that name none
	ExternalURL   string // base of the URLs in answers; "" means the Host of each request
	Domain        string // below which registries of images have hosts of their own; "" for none
	SecretKeyFile string // "" means the data folder's own
	TLSCert       string // a file of certificates in PEM, the server's own first
	TLSKey        string // a file with its key in PEM

	// AuditItems says which operations on items leave an audit record: writes, if "",
	// or none.
	AuditItems dynamodb.AuditData

	// AllowEgress lists what may be asked beside the public internet: hosts, with a port
	// or without, and networks.
	AllowEgress []string

	// Upstreams are the URLs of the external connections of packages: "public:pypi=URL".
	Upstreams []string

	// PackageFormats are formats of packages beside the server's own.
	PackageFormats []codeartifact.Format

	// ImageLease, ImageUploadExpiry and ImageCollectEvery are those of ecr.Config; its own
	// if zero.
	ImageLease, ImageUploadExpiry, ImageCollectEvery time.Duration

	// Quotas are how much there may be, where that differs from AWS's: "ecr-images=1000".
	Quotas []string

	// UpstreamSecrets is a file of the secrets of other registries, see ecr.SecretsFile;
	// "" for none.
	UpstreamSecrets string

	// Runtime runs the models of endpoints; RuntimeAuto if "".
	Runtime Runtime
	// RuntimeSocket is where a container engine listens; it is looked for if "".
	RuntimeSocket string
	// RuntimeDialer is engine.Config's Dialer.
	RuntimeDialer string
	// Containers runs the models instead of what Runtime names. It is closed with the server.
	Containers runtime.Runtime
	// ModelEgress lets models reach other hosts, unless they are isolated themselves.
	ModelEgress bool
	// PredictionMemory is how many bytes of answers memory holds in front of prediction caches:
	// predictions.DefaultMemory if zero, none if negative.
	PredictionMemory int64

	// Blobs is where the bytes of images and packages are: the data folder, unless it names a bucket.
	Blobs Blobs

	// RootKey is the administrator's access key; without one it is made at the
	// first start.
	RootKey folder.AccessKey

	Log *slog.Logger     // slog.Default() if nil
	Now func() time.Time // time.Now if nil
}

var (
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	domainForm  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	regionForm  = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$|^local(host)?$`)
)

// check reports every setting that cannot be.
func (c *Config) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := quota.Parse(c.Quotas, quotas()); err != nil {
		errs = append(errs, err)
	}
	if c.Data == "" {
		bad("--data: a folder is needed")
	}
	if !accountForm.MatchString(c.Account) {
		bad("--account %q: an account is 12 digits", c.Account)
	}
	if !regionForm.MatchString(c.Region) {
		bad("--region %q: a region looks like us-east-1", c.Region)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		bad("--tls-cert and --tls-key go together")
	}
	if (c.RootKey.ID == "") != (c.RootKey.Secret == "") {
		bad("MODELWHARF_ROOT_ACCESS_KEY_ID and MODELWHARF_ROOT_SECRET_ACCESS_KEY go together")
	}
	if _, err := egress.ParseAllow(c.AllowEgress...); err != nil {
		bad("--allow-egress: %w", err)
	}
	if _, err := codeartifact.ParseUpstreams(c.Upstreams...); err != nil {
		bad("--upstream: %w", err)
	}
	if c.ImageLease < 0 || c.ImageUploadExpiry < 0 || c.ImageCollectEvery < 0 {
		bad("--image-lease, --image-upload-expiry and --image-collect-every are positive times")
	}
	switch c.Runtime {
	case "", RuntimeAuto, RuntimeEngine, RuntimeProcess, RuntimeNone:
	default:
		bad("--runtime %q: auto, engine, process or none", c.Runtime)
	}
	if err := c.Blobs.check(); err != nil {
		bad("%w", err)
	}
	if c.ExternalURL != "" {
		u, err := url.Parse(c.ExternalURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			bad("--external-url %q: a URL like https://models.example.com", c.ExternalURL)
		}
	}
	if c.Domain != "" && !domainForm.MatchString(c.Domain) {
		bad("--domain %q: a domain in lower case and without a port, like example.com", c.Domain)
	}
	return errors.Join(errs...)
}

// externalHost is the host, and the port if there is one, of ExternalURL.
func (c *Config) externalHost() string {
	if u, err := url.Parse(c.ExternalURL); err == nil {
		return u.Host
	}
	return ""
}

// remote is the address in a http.Request's RemoteAddr.
func remote(addr string) netip.Addr {
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return ap.Addr().Unmap()
	}
	return netip.Addr{}
}
