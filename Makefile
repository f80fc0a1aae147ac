# All that is needed is Go and make; see e2e/setup for what `make test` adds.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.1.4

# Packages whose tests also run under the race detector: those with concurrency.
RACY = ./internal/kv/... ./internal/jobs/... ./internal/audit/... ./internal/identity/... ./internal/dynamodb/... ./internal/lambda/... ./internal/egress/... \
	./internal/wire/... ./internal/server/... ./internal/blob/... ./internal/ecr/... ./internal/codeartifact/... ./internal/runtime/... ./internal/sagemaker/...

export GOFLAGS ?= -trimpath
# Programs and tests are built alike, so that a package is compiled once; only the race detector needs C.
export CGO_ENABLED = 0

.PHONY: all build demo test setup unit race e2e bench soak lint generate clean
all: build

build: # the program: bin/modelwharf
	go build -ldflags '-s -w -X main.release=$(VERSION)' -o bin/modelwharf ./cmd/modelwharf

demo: build # the main job on real data, see demo/
	go run ./demo

test: setup unit race e2e # everything that a change must pass

unit:
	go vet ./...
	go test -timeout 15m $$(go list ./... | grep -v /e2e)
	cd deploy/pulumi && go vet ./... && go test ./...

race:
	@if command -v "$$(go env CC)" >/dev/null; then \
		set -x; CGO_ENABLED=1 go test -race -short -timeout 15m $(RACY); \
	elif [ -n "$$CI" ]; then \
		echo "the race detector needs a C compiler" >&2; exit 1; \
	else \
		echo "race tests skipped: they need a C compiler"; \
	fi

setup: # what the tests need beside Go
	e2e/setup

e2e: setup # the real clients against the real program
	go test -timeout 25m ./e2e/...

bench: build # from outside, beside a bare net/http handler
	go test -timeout 30m -run '^$$' -bench . -benchtime 1x $(BENCHFLAGS) ./bench
	go test -timeout 10m -run '^$$' -bench . $(BENCHFLAGS) ./internal/codeartifact/...

soak: # about two hours
	.ci/fuzz 60s
	MODELWHARF_KILLS=200 MODELWHARF_WRITERS=64 MODELWHARF_LAUNCH_KILLS=50 go test -timeout 60m -count=1 -v -run 'TestKill' ./e2e
	MODELWHARF_IMAGE_PUSHES=50000 MODELWHARF_IMAGE_KILLS=30 MODELWHARF_TAG_RACES=1000 MODELWHARF_LAYER_MIB=10240 \
		go test -timeout 60m -count=1 -v -parallel 1 -run 'TestImageSoak|TestTagRace|TestLargeLayer' ./e2e
	MODELWHARF_ASSET_MIB=5120 MODELWHARF_PUBLICATION_KILLS=200 \
		go test -timeout 60m -count=1 -v -parallel 1 -run 'TestLargeAsset|TestKilledPublication|TestKilledGeneric|TestKillPublication' ./e2e
	MODELWHARF_PREDICTION_KILLS=500 MODELWHARF_CONTAINER_KILLS=200 go test -timeout 60m -count=1 -v -run 'TestKillPrediction|TestKillContainers' ./e2e
	MODELWHARF_SOAK=1 go test -timeout 60m -count=1 ./internal/kv/... ./internal/blob/... ./internal/dynamodb/modeltest ./internal/servicecatalog
	MODELWHARF_SOAK=1 go test -timeout 60m -count=1 -run 'RandomTemplates' ./internal/resources
	MODELWHARF_SOAK=1 go test -timeout 60m -count=1 -run 'Recovery|Restore|Backup' -bench Restore -benchtime 1x ./internal/dynamodb

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
		if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:" $$unformatted >&2; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...
	.ci/vulnerabilities $(GOVULNCHECK)

generate:
	go generate ./...

clean:
	rm -rf bin .tools
