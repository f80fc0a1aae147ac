package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/folder"
)

type serve struct {
	dataFolder
	blobFlags
	Listen          string             `help:"Address to listen on; port 0 takes a free one." default:"127.0.0.1:4780" env:"MODELWHARF_LISTEN" placeholder:"HOST:PORT"`
	Account         string             `help:"The administrator's account, 12 digits." default:"000000000000" env:"MODELWHARF_ACCOUNT"`
	Region          string             `help:"The server's own region; requests may be signed for any." default:"us-east-1" env:"MODELWHARF_REGION"`
	ExternalURL     string             `help:"Base of the URLs in answers; by default the Host that each request names." env:"MODELWHARF_EXTERNAL_URL" placeholder:"URL"`
	Domain          string             `help:"Domain below which registries of images have hosts of their own, as on AWS: <account>.dkr.ecr.<region>.DOMAIN and public.ecr.DOMAIN, which must lead here." env:"MODELWHARF_DOMAIN" placeholder:"DOMAIN"`
	SecretKeyFile   string             `help:"File of 32 random bytes that seal the secrets in the store; by default one in the data folder, made at the first start." env:"MODELWHARF_SECRET_KEY_FILE" placeholder:"FILE"`
	TLSCert         string             `name:"tls-cert" help:"Serve TLS with this certificate (PEM); it is read again when it changes." env:"MODELWHARF_TLS_CERT" placeholder:"FILE"`
	TLSKey          string             `name:"tls-key" help:"The certificate's key (PEM)." env:"MODELWHARF_TLS_KEY" placeholder:"FILE"`
	AuditItems      dynamodb.AuditData `help:"Which operations on items are recorded: writes or none. Changes of tables and identities always are." default:"writes" enum:"writes,none" env:"MODELWHARF_AUDIT_ITEMS"`
	AllowEgress     []string           `help:"What functions and the upstreams of pull through caches and packages may be at beside the public internet: hosts, host:port or networks, with commas between. Private and loopback addresses are refused unless they are named." env:"MODELWHARF_ALLOW_EGRESS" placeholder:"HOST[:PORT]|CIDR"`
	Upstream        []string           `help:"The URL of an external connection of packages, for each that is used: public:pypi is a simple index (…/simple/), public:npmjs and the others are the root of a repository. There are none by default." env:"MODELWHARF_UPSTREAM" placeholder:"NAME=URL"`
	UpstreamSecrets string             `help:"A JSON file of the secrets of other registries, by the ARNs that pull through cache rules name: {\"arn:…\": {\"upstream\": \"host\", \"username\": …, \"accessToken\": …}}." env:"MODELWHARF_UPSTREAM_SECRETS" placeholder:"FILE" type:"path"`
	Quota           []string           `help:"How much there may be of something, where that differs from AWS's default: ecr-images=1000. See docs/images.md for the names." env:"MODELWHARF_QUOTA" placeholder:"NAME=VALUE"`
	Images          images             `embed:"" prefix:"image-"`
	Runtime         server.Runtime     `help:"What runs the models of endpoints: engine, a container engine; process, processes of this machine, for development where there is no engine; none; or auto, an engine if one is there." default:"auto" enum:"auto,engine,process,none" env:"MODELWHARF_RUNTIME"`
	RuntimeSocket   string             `help:"Where the container engine listens; by default DOCKER_HOST, or where docker and podman listen." env:"MODELWHARF_RUNTIME_SOCKET" placeholder:"PATH"`
	ModelEgress     bool               `help:"Let models reach other hosts, unless their EnableNetworkIsolation is true." env:"MODELWHARF_MODEL_EGRESS"`
	PredictionMiB   uint16             `name:"prediction-memory" help:"How many MiB of answers memory holds in front of the tables of prediction caches; 0 for none." default:"64" env:"MODELWHARF_PREDICTION_MEMORY" placeholder:"MIB"`
	LogLevel        slog.Level         `help:"debug, info (with a line for each request), warn or error." default:"info" env:"MODELWHARF_LOG_LEVEL" placeholder:"LEVEL"`
	LogFormat       server.LogFormat   `help:"json or text." default:"json" enum:"json,text" env:"MODELWHARF_LOG_FORMAT"`
}

// images are the times of the store of images.
type images struct {
	Lease        time.Duration `help:"How long a blob stays that a client was told of, though no image needs it yet. A push must not take longer from its blobs to its manifest." default:"12h" env:"MODELWHARF_IMAGE_LEASE"`
	UploadExpiry time.Duration `help:"After what time without new bytes an upload ends." default:"168h" env:"MODELWHARF_IMAGE_UPLOAD_EXPIRY"`
	CollectEvery time.Duration `help:"The time between two collections of what no image needs." default:"15m" env:"MODELWHARF_IMAGE_COLLECT_EVERY"`
}

// Help tells what flags cannot.
func (serve) Help() string {
	return `MODELWHARF_ROOT_ACCESS_KEY_ID and MODELWHARF_ROOT_SECRET_ACCESS_KEY set the administrator's access key. Without
them one is made at the first start and written to the file "credentials" in the data folder.`
}

func (c *serve) Run(ctx context.Context) error {
	log, flush := server.NewLog(os.Stderr, c.LogLevel, c.LogFormat)
	defer flush()
	slog.SetDefault(log)
	s, err := server.Open(ctx, server.Config{
		Data: c.Data, Listen: c.Listen, Account: c.Account, Region: c.Region, ExternalURL: c.ExternalURL, Domain: c.Domain,
		SecretKeyFile: c.SecretKeyFile, TLSCert: c.TLSCert, TLSKey: c.TLSKey, AuditItems: c.AuditItems,
		AllowEgress: c.AllowEgress, Quotas: c.Quota, Upstreams: c.Upstream, UpstreamSecrets: c.UpstreamSecrets, Blobs: c.blobs(), Log: log,
		Runtime: c.Runtime, RuntimeSocket: c.RuntimeSocket, ModelEgress: c.ModelEgress, PredictionMemory: cmp.Or(int64(c.PredictionMiB)<<20, -1),
		ImageLease: c.Images.Lease, ImageUploadExpiry: c.Images.UploadExpiry, ImageCollectEvery: c.Images.CollectEvery,
		RootKey: folder.AccessKey{
			ID: os.Getenv("MODELWHARF_ROOT_ACCESS_KEY_ID"), Secret: os.Getenv("MODELWHARF_ROOT_SECRET_ACCESS_KEY"),
		},
	})
	if err != nil {
		return err
	}
	if s.NewRootKey.ID != "" && term.IsTerminal(int(os.Stdout.Fd())) {
		fmt.Printf("The administrator's access key, shown once; it is also in %s/credentials:\n\n%s\n", c.Data, s.NewRootKey.Profile("default"))
	}
	return s.Serve(ctx)
}
