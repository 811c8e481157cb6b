# What one can do here. On a fresh machine Go, make and git are enough, and a C
# compiler for the race detector of `make test`.

GO        ?= go
GOFMT      = "$$($(GO) env GOROOT)/bin/gofmt"
FUZZTIME  ?= 20s
# The commit goes into the binaries where git can tell it.
VCS       := $(shell git rev-parse --quiet HEAD >/dev/null 2>&1 && echo auto || echo false)
REGO      := policies
LAB       := cmd/lab
GOPACKAGE := ./...

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Record a replayed real run in a real API server and judge it
	@bin/lab demo

.PHONY: build
build: golang ## Build bin/recorder, bin/verifier, bin/driver and bin/lab
	@mkdir -p bin
	$(GO) build -buildvcs=$(VCS) -o bin/ ./cmd/recorder ./cmd/verifier ./cmd/driver
	@test -x bin/lab || echo "building the lab: it links all of Kubernetes, the first time takes some minutes" >&2
	cd $(LAB) && $(GO) build -buildvcs=$(VCS) -o ../../bin/lab .

.PHONY: image
image: golang ## Build the recorder's container image with ko into dist/image, an OCI layout
	$(GO) run ./deploy/image -o dist/image

.PHONY: test
test: golang compiler lint ## Everything that has to hold before a commit, with the race detector
	$(GO) test -race -timeout 20m $(GOPACKAGE)
	cd $(LAB) && $(GO) test -timeout 20m ./...

.PHONY: lint
lint: golang ## Format, vet, staticcheck, and the policies' own tests
	@unformatted=$$($(GOFMT) -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi >&2
	$(GO) vet $(GOPACKAGE)
	$(GO) tool staticcheck $(GOPACKAGE)
	$(GO) tool opa check --strict $(REGO)
	$(GO) tool opa check --strict verifier/views/reference
	$(GO) tool opa test --timeout 120s $(REGO)
	cd $(LAB) && $(GO) vet ./...

.PHONY: fmt
fmt: golang ## Format Go and Rego
	$(GOFMT) -w .
	$(GO) tool opa fmt --write $(REGO)

# What clusters differ in: make e2e DRIVE='--storage-class fast --parallel 3'
DRIVE  ?=
TRACES ?= traces

.PHONY: e2e
e2e: drivers ## Every scenario in every topology on the current cluster, recorded and judged
	bin/driver run all --record $(TRACES) --check $(DRIVE)

.PHONY: e2e-smoke
e2e-smoke: drivers ## Of them, one that restarts the operator and one that fails over, in one topology each
	bin/driver run operator-restart --topology T1 --record $(TRACES) --check $(DRIVE)
	bin/driver run failover --topology T2 --record $(TRACES) --check $(DRIVE)

.PHONY: drivers
drivers: golang
	@mkdir -p bin
	$(GO) build -buildvcs=$(VCS) -o bin/ ./cmd/recorder ./cmd/verifier ./cmd/driver

.PHONY: bench
bench: golang ## Measure beside peers; write docs/performance.md, docs/capacity.md and the guard's ratios anew
	$(GO) run ./docs/performance

.PHONY: guard
guard: golang ## Fail when CPU times or sizes are worse than make bench had them, as ratios
	$(GO) run ./docs/performance -guard

.PHONY: scale
scale: golang ## Kill nodes of a JetStream cluster under load, and write docs/scale.md anew
	$(GO) run ./docs/scale >docs/scale.md.new
	mv docs/scale.md.new docs/scale.md

.PHONY: fault-suite
fault-suite: build ## Record under every fault for half an hour, and write docs/reliability.md anew
	cd $(LAB) && $(GO) build -o ../../bin/ ./faults/informer ./faults/stepped \
		k8s.io/kubernetes/cmd/kubectl github.com/nats-io/nats-server/v2
	bin/lab faults >docs/reliability.md.new; found=$$?; \
	test -s docs/reliability.md.new && mv docs/reliability.md.new docs/reliability.md; exit $$found

.PHONY: mutate
mutate: golang ## Make mistakes on purpose, and write docs/policy-strength.md anew
	GOGC=400 $(GO) run ./docs/strength >docs/policy-strength.md.new || { cat docs/policy-strength.md.new; exit 1; } >&2
	mv docs/policy-strength.md.new docs/policy-strength.md

.PHONY: requirements
requirements: golang ## Write docs/requirements.md anew, and fail when a requirement has no policy
	$(GO) run ./docs/requirements >docs/requirements.md.new || { cat docs/requirements.md.new; exit 1; } >&2
	mv docs/requirements.md.new docs/requirements.md

.PHONY: track
track: golang ## Prove docs/track-record.md: every historic bug is found in its trace
	$(GO) test -count=1 -run 'TestFaultsAreFound|TestDiagnoses|TestTheTrackRecord' ./policies ./docs/strength

.PHONY: fuzz
fuzz: golang ## Fuzz every parser for FUZZTIME (20s) each
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
		for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$file); do \
			(set -x; $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$(dirname $$file)); \
		done; \
	done

# golang says what is wrong when there is no Go or an old one.
.PHONY: golang
golang:
	@found=$$($(GO) env GOVERSION 2>&1) || true; \
	case "$$found" in \
	go1.2[6-9]*|go1.[3-9][0-9]*|devel*) ;; \
	*) echo "Hindsight needs Go 1.26 or newer ; found: $${found:-none}" >&2; exit 1 ;; \
	esac

# compiler says what is wrong when the race detector cannot be built.
.PHONY: compiler
compiler:
	@command -v "$$($(GO) env CC)" >/dev/null || { \
	echo "make test needs a C compiler for the race detector, such as gcc (apt-get install gcc libc6-dev)" >&2; exit 1; }
