package main

import "github.com/modelwharf/modelwharf/internal/server"

// blobFlags say where the bytes of images and packages are.
type blobFlags struct {
	Blobs          string `help:"Keep the bytes of images and packages in this bucket instead of the data folder. Credentials are taken where AWS's tools take them." env:"MODELWHARF_BLOBS" placeholder:"s3://BUCKET[/PREFIX]"`
	BlobsEndpoint  string `help:"Where the bucket is, if not at AWS." env:"MODELWHARF_BLOBS_ENDPOINT" placeholder:"URL"`
	BlobsRegion    string `help:"The bucket's region; by default that of AWS's settings." env:"MODELWHARF_BLOBS_REGION" placeholder:"REGION"`
	BlobsPathStyle bool   `help:"Name the bucket in the path and not in the host, as most stores other than AWS's want." env:"MODELWHARF_BLOBS_PATH_STYLE"`
}

func (f *blobFlags) blobs() server.Blobs {
	return server.Blobs{URL: f.Blobs, Endpoint: f.BlobsEndpoint, Region: f.BlobsRegion, PathStyle: f.BlobsPathStyle}
}
