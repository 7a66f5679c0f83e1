# warden's build. The README's test command is `make test`; `make ci` is what .ci/run calls.
# Go and make are enough for build, unit, lint and race; test installs the servers it needs.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

# Debian keeps haproxy in /usr/sbin, which is on root's PATH only.
export PATH := $(PATH):/usr/sbin:/sbin
# Tests open unix sockets in their temporary directories, whose paths may have 107 bytes,
# so the root is short. It isn't /tmp, which an installed package's tmpfiles rules may empty.
export TMPDIR ?= $(if $(wildcard /var/tmp/.),/var/tmp,/tmp)

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME  ?= 30s
BENCHTIME ?= 1s
COUNT     ?= 1
# Of bench-rules: hosts, rounds to measure, and warden's late_within; and only some of it with
# BAD=few or all, and JUDGES=3 or 10.
HOSTS     ?= 10000
ROUNDS    ?= 6
LATE      ?= 30s
TEST      := go test -timeout 10m
GOFILES    = $$(find . \( -path ./.git -o -path ./bin -o -path ./.cache \) -prune -o -name '*.go' -print)
# Of bench-failover: how often each leader is killed.
KILLS     ?= 50
# Of chaos: how many clusters to break, the first one's number, or only one; and where the table of
# failpoints goes.
SEEDS     ?= 5
SEED      ?=
CELLS     ?=
# Every package with a test that only the failpoints build runs, but for the fault suite.
CRASH      = $$(grep -rlE --include='*_test.go' '^//go:build .*failpoints' . | xargs -r -n1 dirname | grep -v simulate/chaos | sort -u)

.PHONY: build unit servers test systemd-test chaos lint race ci fuzz bench bench-rules bench-failover bench-trust bench-audit bench-chat demo clean

## build: the static binary, in bin/warden
build:
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X warden/internal/cli.version=$(VERSION)' -o bin/warden ./cmd/warden

## unit: vet and every test that needs no server (3 minutes at most)
unit:
	go vet ./...
	$(TEST) ./...
	$(TEST) -tags oldcommands -run Golden ./internal/ledger

## servers: install Prometheus, Graphite, HAProxy and systemd-analyze from the distribution, never started as services
servers:
	internal/tools/install-servers.sh

## test: all of unit, with real servers, and the crash matrix (15 minutes at most on 2 cores)
test: servers
	go vet ./...
	go vet -tags 'integration failpoints' ./...
	$(TEST) -tags integration ./...
	$(TEST) -tags oldcommands -run Golden ./internal/ledger
	crash="$(CRASH)"; if [[ -n $$crash ]]; then $(TEST) -tags 'integration failpoints' $$crash; fi

## systemd-test: the unit under a real systemd, in a box of namespaces; needs root and five minutes (KEEP=1: its journal, if a check fails)
systemd-test: servers
	mkdir -p bin
	internal/tools/systemd/test.sh

# The tools' versions are in their go.mod, so that is what makes them stale.
bin/golangci-lint bin/staticcheck bin/benchstat &: internal/tools/go.mod internal/tools/go.sum
	go build -C internal/tools -trimpath -o '$(CURDIR)/bin/' tool
	touch bin/golangci-lint bin/staticcheck bin/benchstat

## lint: formatting, vet, go fix, go.mod, staticcheck and golangci-lint
lint: bin/golangci-lint bin/staticcheck
	unformatted=$$(gofmt -l $(GOFILES)); if [[ -n $$unformatted ]]; then echo "gofmt -w these:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go fix -diff ./...
	go mod tidy -diff
	bin/staticcheck -tags integration ./...
	bin/staticcheck -tags 'integration failpoints' ./...
	bin/golangci-lint run ./...

## race: every test that needs no server, under the race detector, in another order
race:
	go test -timeout 20m -race -shuffle=on ./...

## chaos: break SEEDS clusters of three agents, each in its own network, and judge them; SEED=n repeats one
chaos: servers
	go test -timeout 6h -count 1 -v -tags 'integration failpoints' -run '^TestChaos$$' ./simulate/chaos \
	  $(if $(SEED),-seed $(SEED) -seeds 1 -keep,-seeds $(SEEDS)) $(if $(CELLS),-cells '$(abspath $(CELLS))')

## ci: everything that must be green (40 minutes at most on 2 cores)
ci: test chaos lint race

# Without a bound, making one input of many kilobytes shorter takes a minute, which is all the time there is.
## fuzz: each fuzz target for FUZZTIME
fuzz:
	for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime=1x $$pkg; \
	  done; \
	done

## bench: every benchmark, COUNT times; compare two outputs with bin/benchstat
bench: bin/benchstat
	mkdir -p .cache
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -count $(COUNT) ./... | tee .cache/bench.txt
	bin/benchstat .cache/bench.txt

## bench-rules: warden beside Prometheus' own rules on the same data, HOSTS hosts; a quarter of an hour for each size
bench-rules: servers
	WARDEN_BENCH_HOSTS=$(HOSTS) WARDEN_BENCH_ROUNDS=$(ROUNDS) WARDEN_BENCH_LATE=$(LATE) WARDEN_BENCH_BAD=$(BAD) WARDEN_BENCH_JUDGES=$(JUDGES) \
	  go test -tags integration -run '^$$' -bench '^BenchmarkRulesBeside$$' -benchtime 1x -timeout 3h ./cmd/warden

## bench-failover: the leader killed KILLS times, bare raft beside warden, and until an approved case is acted on; half an hour
bench-failover: servers
	WARDEN_BENCH_KILLS=$(KILLS) go test -run '^$$' -bench '^BenchmarkFailover$$' -benchtime 1x -timeout 2h ./internal/cluster
	WARDEN_BENCH_KILLS=$(KILLS) go test -tags 'integration failpoints' -count 1 -v -run '^Test(ApprovedIsActedOnByTheNext|LeaderWithABrokenDiskIsReplaced)$$' -parallel 1 -timeout 2h ./cmd/warden

## bench-audit: what the audit costs an Apply, with and without it side by side, and how fast files are verified; two minutes
bench-audit: bin/benchstat
	mkdir -p .cache
	go test -run '^$$' -bench '^Benchmark(Apply|Verify)$$' -benchmem -benchtime $(BENCHTIME) -count 10 ./internal/audit | tee .cache/bench-audit.txt
	bin/benchstat -filter .name:Apply -col /audit .cache/bench-audit.txt
	bin/benchstat -filter .name:Verify .cache/bench-audit.txt

## bench-trust: the tables of docs/trust.md again, from 1,000 simulated fleets of each kind; ten minutes
bench-trust:
	go test ./internal/trust -run '^Test(Luck|Fleets|Pace)' -count 1 -fleets 1000 -update -timeout 2h

## bench-chat: from the bad sample to the question in Slack, and from the click to the drained host, on three nodes; ten minutes
bench-chat:
	WARDEN_BENCH_CHAT=30 go test -tags figures -run '^Test(Chat|Drained)Figures$$' -count 1 -parallel 1 -timeout 30m -v ./internal/cli

## demo: the whole story, offline, in one terminal
demo:
	go run ./cmd/warden demo

## clean: remove what the targets above made
clean:
	rm -rf bin .cache
