package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	packages "github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	images "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// registerVersion registers a version in the model catalog with its image and what was locked
// for it, and fails unless a second registration that says more of it is refused.
func registerVersion(ctx context.Context, srv *server, p *platform, v *version, image string) error {
	register := func(accuracy float64) (string, error) {
		return srv.modelwharf(ctx, "model", "register", modelID, v.number, "--table", p.catalogTable, "--image", image,
			"--type", "softmax-regression", "--description", v.description, "--domain", p.domain, "--repository", p.repository,
			"--metric", fmt.Sprintf("accuracy=%.4f", accuracy))
	}
	said, err := register(v.accuracy)
	if err != nil {
		return err
	}
	say("%s", said)
	_, err = register(1)
	if refused, ok := errors.AsType[*exec.ExitError](err); ok && refused.ExitCode() == 1 {
		say("the same again, said to be better: refused. %s", refused.Stderr)
		return nil
	}
	return fmt.Errorf("%s %s could be registered with another accuracy: %w", modelID, v.number, err)
}

// goLive records which version of the product serves a version of the model, and says that this
// is live: champion is its alias.
func goLive(ctx context.Context, srv *server, p *platform, v *version, artifact, why string) error {
	for _, command := range [][]string{
		{"model", "link", modelID, v.number, "--table", p.catalogTable, "--product", p.product, "--artifact", artifact, "--endpoint", launchedName},
		{"model", "promote", modelID, v.number, "champion", "--table", p.catalogTable, "--reason", why},
	} {
		said, err := srv.modelwharf(ctx, command...)
		if err != nil {
			return err
		}
		say("%s", said)
	}
	return nil
}

// proveHeld tries to delete what a registered version is made of.
func proveHeld(ctx context.Context, cfg aws.Config, p *platform, v *version) error {
	_, repository, _ := strings.Cut(p.imageRepository, "/")
	account, repository, _ := strings.Cut(repository, "/")
	_, repository, _ = strings.Cut(repository, "/")
	image, err := ecr.NewFromConfig(cfg).BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{
		RegistryId: &account, RepositoryName: &repository, ImageIds: []images.ImageIdentifier{{ImageTag: &v.number}},
	})
	if err != nil {
		return err
	}
	if len(image.Failures) != 1 {
		return fmt.Errorf("the image %s could be deleted, though it is registered", v.number)
	}
	say("the image %s deleted: refused. %s", v.number, *image.Failures[0].FailureReason)
	wheel, err := codeartifact.NewFromConfig(cfg).DeletePackageVersions(ctx, &codeartifact.DeletePackageVersionsInput{
		Domain: &p.domain, Repository: &p.repository, Format: packages.PackageFormatPypi, Package: new(packageName), Versions: []string{v.number},
	})
	if err != nil {
		return err
	}
	refused, ok := wheel.FailedVersions[v.number]
	if !ok {
		return fmt.Errorf("the package %s could be deleted, though it is registered", v.number)
	}
	say("the package %s deleted: refused. %s", v.number, *refused.ErrorMessage)
	return nil
}

// showHistory shows what was live when and who changed it, and fails unless the catalog knows
// what was live at a moment before the last change.
func showHistory(ctx context.Context, srv *server, p *platform, at time.Time, v *version) error {
	all, err := srv.modelwharf(ctx, "model", "history", modelID, "--table", p.catalogTable, "--limit", "6")
	if err != nil {
		return err
	}
	say("%s", all)
	then, err := srv.modelwharf(ctx, "model", "history", modelID, "--table", p.catalogTable, "--alias", "champion", "--at", at.UTC().Format(time.RFC3339Nano))
	if err != nil {
		return err
	}
	if !strings.Contains(then, " "+v.number+" ") {
		return fmt.Errorf("at %v %s was live, the history says:\n%s", at, v.number, then)
	}
	say("live at %s: %s", at.UTC().Format("15:04:05.000"), v.number)
	return nil
}
