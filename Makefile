# patchbay: what one can do here. `make help` lists it.

SHELL      := /bin/bash
GO         ?= go
BIN        := bin
LDFLAGS    := -s -w
# One build for every machine: no C compiler is needed, nor used if there is one.
export CGO_ENABLED ?= 0

PLUGINS    := sms=source/sms email=source/email kafka=sink/kafka warehouse=sink/warehouse
KILLS      ?= 200
SEED       ?= 1
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/patchbay with its plugins beside it
	@mkdir -p $(BIN)
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/patchbay ./core/cmd/patchbay
	@for p in $(PLUGINS); do \
	  $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/patchbay-plugin-$${p%%=*} ./plugins/$${p##*=} || exit 1; \
	done

.PHONY: demo
demo: build ## send signed webhooks through a real core, kill it midway, account for every event
	$(GO) run ./examples/demo -patchbay $(BIN)/patchbay

.PHONY: run
run: build ## start patchbay on examples/local for use; DIR=… for another configuration
	$(BIN)/patchbay run $(or $(DIR),examples/local)

.PHONY: test
test: build ## run every test that needs Go modules alone
	$(GO) test -timeout 5m ./...
	$(BIN)/patchbay test examples/local

.PHONY: test-python
test-python: build ## run the plugin in Python (needs Python 3.10 and its packages from PyPI)
	.ci/python

.PHONY: test-real
test-real: test-real-kafka test-real-postgres ## run the tests against a real Kafka and a real PostgreSQL

.PHONY: test-real-kafka
test-real-kafka: ## run the Kafka tests against a real Apache Kafka (needs Java 17 and Maven)
	@bash -c 'dir=$$(mktemp -d); trap ".ci/kafka stop $$dir" EXIT; \
	  .ci/kafka start "$$dir" && . "$$dir/env" && $(GO) test -tags real -count=1 -timeout 4m -run "^TestReal" ./plugins/sink/kafka'

.PHONY: test-real-postgres
test-real-postgres: ## run the lookup tests against a real PostgreSQL (installs Debian's if there is none)
	@bash -c 'dir=$$(mktemp -d); trap ".ci/postgres stop $$dir" EXIT; \
	  .ci/postgres start "$$dir" && . "$$dir/env" && $(GO) test -tags real -count=1 -timeout 4m -run "^TestReal" ./core/lookup'

# Short, because the programs that the long tests build and start are built
# without the detector.
.PHONY: race
race: ## run the tests under the race detector (needs a C compiler)
	@command -v "$$($(GO) env CC)" >/dev/null || { echo "race: the detector needs a C compiler, and $$($(GO) env CC) is not on PATH" >&2; exit 1; }
	CGO_ENABLED=1 $(GO) test -race -short -p 2 -timeout 10m ./...

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "gofmt would change:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags real ./plugins/sink/kafka ./core/lookup
	$(GO) run $(STATICCHECK) ./...

.PHONY: fuzz
fuzz: ## fuzz each target for FUZZTIME (default 10s)
	.ci/fuzz $(or $(FUZZTIME),10s)

.PHONY: mutation
mutation: ## take out fsync, the synced limit and the atomic commit: the crash tests must notice
	.ci/mutation

.PHONY: torture
torture: build ## kill core and plugins KILLS times under load, then account for every request
	$(GO) run ./core/cmd/torture -patchbay $(BIN)/patchbay -kills $(KILLS) -seed $(SEED)

.PHONY: bench
bench: build ## measure on this machine; table on screen, figures in bin/bench.json
	$(GO) run ./core/cmd/bench -patchbay $(BIN)/patchbay -out $(BIN)/bench.json

.PHONY: generate
generate: ## write the generated code and pages again
	cd sdk/wire && $(GO) run github.com/bufbuild/buf/cmd/buf@v1.75.0 generate
	$(GO) test ./core/diag -run TestPage -update
	$(GO) test ./core/reference -run TestPage -update
	$(GO) test ./core/cmd/patchbay -run TestTypePages -update

.PHONY: clean
clean: ## remove what build made
	rm -rf $(BIN)
