// Demo is Modelwharf's main job on real data: from a model on somebody's disk to governed
// predictions. It starts a server, deploys the five stacks of a model platform, trains a small
// model on Fisher's iris measurements, publishes and locks what it is built from, pushes it as an
// image, registers it, has another team launch it from the catalog, answers questions through
// the prediction cache, and brings the next version.
//
// It can be run again and again, also after it or the server was killed. The server stays up
// unless DEMO_ONCE=1, which ends it; the exit status is 0 only if every step proved itself.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sagemakerruntime"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute) // on a busy machine, with a first build of the model server
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo failed:", err)
		fmt.Fprintln(os.Stderr, "Run it again: it goes on from what is there. What the server says is in server.log, in its data folder.")
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	began := time.Now()
	once := os.Getenv("DEMO_ONCE") == "1"

	step("Start the server")
	srv, err := openServer(ctx)
	if err != nil {
		return err
	}
	if once {
		defer func() {
			if stopErr := srv.stop(); err == nil {
				err = stopErr
			}
		}()
	}
	cfg, err := connect(ctx, srv)
	if err != nil {
		return err
	}
	db := dynamodb.NewFromConfig(cfg)

	// Whoever launches the model has a key of its own, and may do little more than that.
	step("Deploy the five stacks of the platform")
	team, err := admit(ctx, cfg, "another-team", mayLaunch)
	if err != nil {
		return err
	}
	outsider, err := admit(ctx, cfg, "outsider", mayLook)
	if err != nil {
		return err
	}
	templates, err := openBucket(ctx, cfg, srv.url, "platform-templates")
	if err != nil {
		return err
	}
	p, err := deployPlatform(ctx, srv, cfg, templates, team.arn)
	if err != nil {
		return err
	}

	step("Train version 1.0 on Fisher's iris measurements")
	v1, err := trainVersion("1.0")
	if err != nil {
		return err
	}

	step("Publish it as a Python package, and lock what it is built from")
	packages, lock, err := publish(ctx, cfg, p, v1)
	if err != nil {
		return err
	}
	if err := proveLock(ctx, packages, lock); err != nil {
		return err
	}
	if err := install(ctx, packages, lock, v1); err != nil {
		return err
	}

	step("Push it as an image")
	shelf, err := openShelf(ctx, cfg, p)
	if err != nil {
		return err
	}
	image1, err := shelf.push(ctx, v1)
	if err != nil {
		return err
	}

	step("Register it in the model catalog")
	if err := registerVersion(ctx, srv, p, v1, image1); err != nil {
		return err
	}

	step("Have another team launch it")
	if err := proveHidden(ctx, outsider); err != nil {
		return err
	}
	artifact, err := launch(ctx, team, p)
	if err != nil {
		return err
	}
	if err := goLive(ctx, srv, p, v1, artifact, "launched by another team"); err != nil {
		return err
	}

	step("Predict the held-out flowers, twice")
	asker := &asker{sagemakerruntime.NewFromConfig(team.cfg)}
	if err := predictTwice(ctx, asker, v1); err != nil {
		return err
	}
	if err := proveDenied(ctx, outsider, v1); err != nil {
		return err
	}

	step("Train version 1.1, publish, lock, push and register it")
	v2, err := trainVersion("1.1")
	if err != nil {
		return err
	}
	if _, _, err := publish(ctx, cfg, p, v2); err != nil {
		return err
	}
	if err := shelf.proveFixed(ctx, "1.0", v2); err != nil {
		return err
	}
	image2, err := shelf.push(ctx, v2)
	if err != nil {
		return err
	}
	if err := registerVersion(ctx, srv, p, v2, image2); err != nil {
		return err
	}

	step("Update the product, and what was launched, under way")
	if err := offer(ctx, cfg, templates, p, "1.1"); err != nil {
		return err
	}
	if err := watched(ctx, asker, v1, v2, func() (err error) {
		artifact, err = update(ctx, team, "v1.1")
		return err
	}); err != nil {
		return err
	}
	if err := predictTwice(ctx, asker, v2); err != nil {
		return err
	}

	step("Say which version is live")
	before := time.Now()
	if err := goLive(ctx, srv, p, v2, artifact, "looks at the petals, too"); err != nil {
		return err
	}
	if err := showHistory(ctx, srv, p, before, v1); err != nil {
		return err
	}
	if err := proveHeld(ctx, cfg, p, v1); err != nil {
		return err
	}

	step("Make a mistake, and take it back")
	if err := recoverFromMistake(ctx, db, p.catalogTable); err != nil {
		return err
	}

	fmt.Printf("\nEvery step proved itself, in %v.\n", time.Since(began).Round(time.Millisecond))
	if !once {
		fmt.Printf(farewell, srv.credentials, srv.url, srv.region, p.domain, p.repository, srv.data)
		if srv.cmd != nil {
			fmt.Printf("Stop the server with: kill %d\n", srv.cmd.Process.Pid)
		}
	}
	return nil
}

const farewell = `
The server stays up. To look around with your own aws command:

  export AWS_SHARED_CREDENTIALS_FILE=%s AWS_ENDPOINT_URL=%s
  export AWS_REGION=%[3]s AWS_DEFAULT_REGION=%[3]s

  echo 5.1,3.5,1.4,0.2 > flower.csv
  aws sagemaker-runtime invoke-endpoint --endpoint-name iris-of-another-team \
      --content-type text/csv --body fileb://flower.csv answer.json && cat answer.json
  bin/modelwharf model list && bin/modelwharf model show iris-species @champion && bin/modelwharf model history iris-species
  aws sagemaker describe-endpoint --endpoint-name iris-of-another-team
  aws servicecatalog scan-provisioned-products --access-level-filter Key=Account,Value=self --query 'ProvisionedProducts[].[Name,Status]'
  aws cloudformation describe-stacks --query 'Stacks[].[StackName,StackStatus]' --output table
  aws ecr describe-images --repository-name ml-model-repo --query 'imageDetails[].[imageTags[0],imageDigest]'
  bin/modelwharf deps list --domain %[4]s --repository %[5]s
  bin/modelwharf login --tool pip --domain %[4]s --repository %[5]s --dry-run
  bin/modelwharf audit --data %[6]s --since 1h

`

// connect returns the configuration of clients with the administrator's keys.
func connect(ctx context.Context, srv *server) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(srv.region),
		config.WithSharedCredentialsFiles([]string{srv.credentials}),
		config.WithSharedConfigFiles(nil),
		config.WithSharedConfigProfile("default"),
		config.WithBaseEndpoint(srv.url),
	)
	if err != nil {
		return cfg, err
	}
	// A server that these keys do not open is somebody else's.
	if _, err := dynamodb.NewFromConfig(cfg).ListTables(ctx, &dynamodb.ListTablesInput{}); err != nil {
		return cfg, fmt.Errorf("%s does not accept the keys of %s; another server is at that address, so choose one by MODELWHARF_LISTEN: %w", srv.url, srv.credentials, err)
	}
	return cfg, nil
}

var steps int

func step(what string) {
	steps++
	fmt.Printf("\n%d. %s\n", steps, what)
}

// say tells what was done, or shows what a command prints.
func say(format string, args ...any) {
	fmt.Println("   " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n   "))
}
