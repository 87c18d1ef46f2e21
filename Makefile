# make run   everything in one process, with nothing to install
# make test  every test; sets up what the tests need
# make lint  vet and staticcheck

GO ?= go

.PHONY: run build test lint

run: build
	bin/cis-dev

build:
	@test -e bin/cis-dev || echo 'Building. The first build compiles a Temporal server and takes a few minutes.'
	$(GO) build -o bin/ ./cmd/...

test:
	deploy/test/run

lint:
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
