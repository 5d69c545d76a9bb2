# Everything here runs with Go alone; -race also needs a C compiler.
# The linters are pinned in tools/go.mod and built on first use (a few minutes, once).

TOOL      := go tool -modfile=tools/go.mod
BIN       ?= bin/atoll
TESTFLAGS ?=
FUZZTIME  ?= 10s
BENCH     ?= .
BENCHTIME ?= 0.3s
COUNT     ?= 3
SEEDS     ?= 20000
SWARM     ?= 1000
MUTATE    ?= 60s
WITHIN    ?= 1h
STRICT    ?= --strict

.DEFAULT_GOAL := help
.PHONY: help build test race lint fuzz bench figures simulate noticed mutate check

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

bench: ## run the benchmarks that match BENCH (all, then also the figures), COUNT times (3)
	go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -count $(COUNT) -benchmem -timeout 30m \
		$$(grep -rl --include='*_test.go' '^func Benchmark' . | xargs -n 1 dirname | sort -u)
	@[ '$(BENCH)' != . ] || $(MAKE) --no-print-directory figures

# What is counted comes out the same on every machine; the seconds do not.
figures: ## print what tests count, what a command costs over NATS, how soon a cut is healed
	@counted() { out=$$(go test "$$@" -count 1 -v) || { echo "$$out"; exit 1; }; \
		echo "$$@"; echo "$$out" | sed -nE 's/^ +[a-z_]+_test\.go:[0-9]+: /  /p'; }; \
	counted ./ring -run 'TestBalance|TestMovement'; \
	counted ./wire -run TestOverheadOfABatch; \
	counted ./antientropy -run TestCosts; \
	counted ./replica -run TestRoundCosts -keys 1000000
	go run ./cmd/atoll bench ops
	go run ./cmd/atoll bench heal
	go run ./cmd/atoll bench heal --rtt 80ms

simulate: ## run a swarm of SWARM (1000) random scenarios, seeds twice, SEEDS schedules of the link rules
	go build -trimpath -o $(BIN) ./cmd/atoll
	$(BIN) simulate swarm --profile mixed --seeds $(SWARM) $(STRICT)
	$(BIN) simulate check
	go test ./replica -run TestLinkRules -timeout 60m -seeds $(SEEDS)

noticed: ## plant every bug there is and see whether the test notices that is named for it
	go test -tags simbreak ./planted -run TestNoticed -count 1 -timeout 5m

mutate: ## plant every bug there is and see whether the simulator finds it, MUTATE (60s) for each at most, WITHIN in all
	go build -trimpath -tags simbreak -o $(BIN)-break ./cmd/atoll
	$(BIN)-break simulate mutate --for $(MUTATE) --within $(WITHIN)

check: lint test simulate fuzz ## what must hold before a release: lint, test, simulate, fuzz
