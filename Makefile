# make run   everything in one process, with nothing to install
# make test  every test; sets up what the tests need
# make fuzz  every fuzz target, FUZZTIME each
# make test-cluster  the proof that no change is lost where processes are killed (minutes)
# make bench how fast it is, as ratios (docs/benchmarks.md)
# make lint  vet and staticcheck
# make check-deploy  what is for deployments: compose, Helm, Terraform

GO ?= go
FUZZTIME ?= 10m

.PHONY: run build test test-cluster fuzz bench lint check-deploy

run: build
	bin/cis-dev

build:
	@test -e bin/cis-dev || echo 'Building. The first build compiles a Temporal server and takes a few minutes.'
	$(GO) build -o bin/ ./cmd/...

test:
	deploy/test/run

test-cluster:
	deploy/test/cluster

fuzz:
	deploy/test/fuzz $(FUZZTIME)

bench:
	$(GO) run ./bench

lint:
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

check-deploy:
	deploy/check
