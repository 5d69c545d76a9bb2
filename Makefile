# Everything here runs with Go alone; -race also needs a C compiler.
# The linters are pinned in tools/go.mod and built on first use (a few minutes, once).

TOOL      := go tool -modfile=tools/go.mod
BIN       ?= bin/atoll
TESTFLAGS ?=
FUZZTIME  ?= 10s
BENCH     ?= .
COUNT     ?= 3
SEEDS     ?= 20000

.DEFAULT_GOAL := help
.PHONY: help build test race lint fuzz bench simulate check

help:
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the binary into bin/atoll
	go build -trimpath -o $(BIN) ./cmd/atoll

test: ## run every test, end to end included, under the race detector
	go test -race -timeout 15m $(TESTFLAGS) ./...

race: ## run every test COUNT times (3) in random order, under the race detector
	go test -race -shuffle on -count $(COUNT) -timeout 60m ./...

lint: ## gofumpt, go vet, staticcheck, golangci-lint
	@files=$$($(TOOL) gofumpt -l .); if [ -n "$$files" ]; then \
		echo "not gofumpt-clean; run: $(TOOL) gofumpt -w ."; echo "$$files"; exit 1; fi
	go vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) golangci-lint run

fuzz: ## fuzz every decoder for FUZZTIME (10s, or 10000x executions) each
	@targets=$$(grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | \
		sed -E 's|/[^/]*:func | |' | sort -u); \
	[ -n "$$targets" ] || { echo "no fuzz target found"; exit 1; }; \
	echo "$$targets" | while read -r package target; do \
		echo "go test -run '^$$' -fuzz '^$$target\$$' -fuzztime $(FUZZTIME) $$package"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
	done

bench: ## run the benchmarks that match BENCH (all), with allocations
	go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m ./...

# The simulator is not there yet. Until then this target gives more random
# schedules to the property test of the link rules, which judges several
# replicas in one goroutine by an exact oracle.
simulate: ## play SEEDS (20000) random schedules against the link rules
	go test ./replica -run TestLinkRules -timeout 60m -seeds $(SEEDS)

check: lint test simulate fuzz ## what must hold before a release: lint, test, simulate, fuzz
