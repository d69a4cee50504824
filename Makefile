# Two commands matter: make demo and make test. Each target installs what it needs
# and is missing, and nothing more.

GO ?= go
export ENVBUILD_CACHE ?= $(CURDIR)/.cache/envbuild

.PHONY: all setup-demo setup-test build mirror demo test test-deb test-repo bench bench-exec bench-deb bench-repo lint clean

all: build

setup-demo:
	@./.ci/setup demo

setup-test:
	@./.ci/setup test

# CGO is off, so that one binary runs on every Debian and Ubuntu release. The tag leaves
# out urfave's generator of manuals, whose tables each start of the program would fill.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -tags urfave_cli_no_docs -o bin/envbuild ./cmd/envbuild

# The sample's archives, in the layout of a CPAN mirror.
mirror:
	$(GO) run ./internal/cpantest/mirror testdata/plack-app/mirror

demo: setup-demo build mirror
	@./testdata/demo.sh

test: setup-test build mirror
	$(GO) vet ./...
	$(GO) test -timeout 45m ./...

# The part of test that packages: package files, maintainer scripts, services, and
# servers with systemd that are booted.
test-deb: setup-test build mirror
	$(GO) test -timeout 45m ./deb/... ./deploy/... ./internal/nspawntest ./internal/servertest/...
	$(GO) test -timeout 45m -run 'Ahead|Boot|Deb|Server|Services|Sample|Reproducible' ./cmd/envbuild

# The part of test that is about the apt repository: with apt of two releases, a
# server that speaks S3, sshd and aptly.
test-repo: setup-test
	$(GO) test -timeout 20m ./deb/repo/... ./deb/publish/... ./deb/internal/xzjoin
	$(GO) test -timeout 20m -run 'TestRepo|TestPublish' ./cmd/envbuild

# Ratios against Carton, and App::cpm where it is on PATH, in the same run.
bench: build mirror
	@./.ci/setup demo carton=carton
	$(GO) test -run '^$$' -bench Install -benchtime 1x -timeout 60m ./cmd/envbuild

# Ratios of exec against script/env.sh, and mise and direnv where they are on PATH, with
# 50 and 1,000 distributions; a build with nothing to do, and a plan of 1,500 steps.
bench-exec: build
	@./.ci/setup demo
	$(GO) test -run '^$$' -bench Exec -benchtime 1x -timeout 60m ./cmd/envbuild

# Packages of the sample against dpkg-deb and nfpm, in the same run.
bench-deb: build mirror
	@./.ci/setup demo
	$(GO) test -run '^$$' -bench 'Deb$$' -benchtime 1x -timeout 90m ./cmd/envbuild

# Ratios against reprepro, aptly and apt-ftparchive on the same packages.
bench-repo: build
	@./.ci/setup demo reprepro=reprepro aptly=aptly apt-ftparchive=apt-utils
	$(GO) run ./deb/repo/bench bin/envbuild

# The programs of .ci/tools are built by go, once; what they need stays out of go.mod.
tool = $(GO) tool -modfile=.ci/tools/go.mod

# The house's own rules, code that nothing reaches from main, and golangci-lint with
# the arrows of docs/design.md.
lint:
	$(GO) run ./internal/lint
	@echo '$(tool) deadcode ./cmd/envbuild'
	@dead=$$($(tool) deadcode ./cmd/envbuild) && { [ -z "$$dead" ] || { echo "$$dead"; exit 1; }; }
	$(tool) golangci-lint run

clean:
	rm -rf bin out .cache
