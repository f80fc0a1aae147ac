// Demo is Modelwharf's main job on real data: it starts a server, makes the
// tables of a model catalog and of a prediction cache, trains three versions of a
// small model, registers them so that none can be overwritten, follows the catalog's
// changes into a function, picks the best and promotes it, answers questions to it
// through the cache, takes back a mistake, publishes versions as a Python package, locked
// and installed, and as images, and offers a product that another team launches.
//
// It can be run again and again. The server stays up unless DEMO_ONCE=1, which
// ends it; the exit status is 0 only if every step proved itself.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute) // a first build of the model server included
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo failed:", err)
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
	if srv.cmd != nil {
		say("%s is up (process %d), data in %s", srv.url, srv.cmd.Process.Pid, srv.data)
	} else {
		say("%s is up already, data in %s", srv.url, srv.data)
	}
	cfg, err := connect(ctx, srv)
	if err != nil {
		return err
	}
	db := dynamodb.NewFromConfig(cfg)

	step("Make the tables")
	if err := makeTables(ctx, db); err != nil {
		return err
	}

	step("Follow the catalog's changes into a function")
	f, err := follow(ctx, cfg, db)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.close(context.WithoutCancel(ctx)); err == nil {
			err = closeErr
		}
	}()

	step("Train three versions on Fisher's iris measurements and register them")
	if err := trainAndRegister(ctx, db); err != nil {
		return err
	}

	step("Try to overwrite a version")
	if err := proveImmutable(ctx, db); err != nil {
		return err
	}

	step("List the versions, pick the best")
	best, err := pickBest(ctx, db)
	if err != nil {
		return err
	}

	step("Promote it")
	if err := promote(ctx, db, f, best); err != nil {
		return err
	}

	step("Predict the held-out flowers through the cache, twice")
	if err := predictTwice(ctx, db, best); err != nil {
		return err
	}

	step("Make a mistake, and take it back")
	if err := recoverFromMistake(ctx, db); err != nil {
		return err
	}

	step("Publish the best as a Python package, lock it, install it")
	if err := publishPackage(ctx, cfg, best); err != nil {
		return err
	}

	step("Publish versions as images whose tags do not move")
	all, err := versions(ctx, db)
	if err != nil {
		return err
	}
	if err := publishImages(ctx, cfg, all); err != nil {
		return err
	}

	step("Offer the model as a product, and have another team launch it")
	if err := offerProduct(ctx, cfg, srv.url); err != nil {
		return err
	}

	fmt.Printf("\nEvery step proved itself, in %v.\n", time.Since(began).Round(time.Millisecond))
	if !once {
		fmt.Printf(farewell, srv.credentials, srv.url, srv.region)
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
  aws dynamodb query --table-name modelCatalogTable \
      --key-condition-expression 'ModelId = :id' \
      --expression-attribute-values '{":id":{"S":"iris-species"}}' \
      --projection-expression 'ModelVersion, Accuracy, ModelDescription' --output table
  aws ecr-public describe-repositories --query 'repositories[].repositoryUri'
  bin/modelwharf deps list --domain models --repository team
  aws servicecatalog scan-provisioned-products --query 'ProvisionedProducts[].[Name,Status]'
  bin/modelwharf login --tool pip --domain models --repository team --dry-run

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
		return cfg, fmt.Errorf("%s does not accept the keys of %s: %w", srv.url, srv.credentials, err)
	}
	return cfg, nil
}

var steps int

func step(what string) {
	steps++
	fmt.Printf("\n%d. %s\n", steps, what)
}

func say(format string, args ...any) { fmt.Printf("   "+format+"\n", args...) }
