# Every module of this tree. One that is missing here fails make test.
MODULES := . bench

FUZZTIME ?= 10s
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Runs a command in the folder of every module and stops at the first failure.
each = @set -e; for m in $(MODULES); do echo "$$m: $(1)"; (cd "$$m" && $(1)); done

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' Makefile

test: modules ## run all tests that need nothing installed
	$(call each,go test ./...)

race: modules ## run the same tests with the race detector (needs a C compiler)
	$(call each,go test -race ./...)

lint: fmt vet staticcheck ## gofmt, go vet and staticcheck must have nothing to say

fuzz: modules ## run every fuzz target for FUZZTIME (10s)
	@MODULES="$(MODULES)" .ci/fuzz $(FUZZTIME)

bench: modules ## run all benchmarks; those of bench/ compare with other libraries, medians side by side
	go test -run '^$$' -bench . -benchmem ./...
	cd bench && go test -run '^$$' -bench . -skip '^BenchmarkSend' -benchmem -benchtime 200ms -count 6 . >bench.out
	cd bench && go tool benchstat -table .name -row /case -col '/lib@(qdmail go-mail gomail enmime email)' \
		-filter '.name:(Compose OR EncodeOnly)' bench.out
	cd bench && go tool benchstat -table .name -row /result -col /lib -filter .name:ISO2022JP bench.out
	cd bench && go tool benchstat -table .name -row .name -col /lib -filter .name:Base64 bench.out
	cd bench && for i in 1 2 3 4 5 6; do go test -run '^$$' -bench '^BenchmarkSend' -benchmem . || exit; done >send.out
	cd bench && go tool benchstat -table .name -row /turn -col '/lib@(smtp-source qdmail qdmail-waiting go-mail)' -filter .name:Send send.out
	cd bench && go tool benchstat -table .name -row /turn -col '/way@(DATA BDAT)' -filter .name:SendPostfix send.out
	cd bench && go tool benchstat -filter .name:SendLarge send.out
	cd bench && taskset -c 0 go test -run '^$$' -bench '^BenchmarkSend$$/turn=0s' -benchmem -count 7 . >one.out
	cd bench && go tool benchstat -table .name -row /turn -col '/lib@(smtp-source qdmail qdmail-waiting go-mail)' one.out

integration: ## real servers and foreign mail readers, which are installed if missing (root, Debian)
	@.ci/install-servers
	@go test -tags integration -list . ./internal/integration | grep -q TestRandomMails
	@go test -tags integration -list . ./internal/integration | grep -q TestRelayTurns
	@go test -tags integration -list . ./internal/integration | grep -q TestVerdicts
	@go test -tags integration -list . ./internal/integration | grep -q TestMX
	@go test -tags integration -list . ./internal/agreement | grep -q TestReadersAgree
	go test -tags integration -count=1 -timeout 20m -parallel 8 ./internal/integration/... ./internal/agreement/...

api: ## compare the exported API with api.txt
	@go run ./internal/api

api-update: ## write the exported API to api.txt
	@go run ./internal/api -update

ci: ## run the whole gate, as CI does
	.ci/run

fmt:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted:" $$unformatted; exit 1; }

vet: modules
	$(call each,go vet -tags integration ./...)

staticcheck: modules
	$(call each,go run $(STATICCHECK) -tags integration ./...)

# ./... doesn't enter other modules, so a forgotten one would never be tested.
modules:
	@test "$$(find . -name go.mod -not -path '*/testdata/*' | sed 's|^\./||; s|/*go\.mod$$||; s|^$$|.|' | sort)" \
		= "$$(printf '%s\n' $(MODULES) | sort)" || { echo "MODULES in the Makefile does not list every go.mod of the tree"; exit 1; }

.PHONY: help test race lint fuzz bench integration api api-update ci fmt vet staticcheck modules
