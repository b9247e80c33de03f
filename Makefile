# dta: `make demo` shows it at work, `make test` proves it. Both do their own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
export CGO_ENABLED := 1
export GOFLAGS ?= -buildvcs=false

ROOT    := $(CURDIR)
TOOLS   := $(ROOT)/.tools
KUBO    := $(TOOLS)/ipfs
SOFTHSM := /usr/lib/softhsm/libsofthsm2.so
P11KIT  := $(wildcard /usr/lib/*/pkcs11/p11-kit-client.so)
PYTHON  := python3 -c 'import sys, cryptography; sys.exit(sys.version_info < (3, 11))'
FILE    ?=
export DTA_KUBO ?= $(KUBO)
export DTA_BIN  ?= $(ROOT)/bin

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: build
build: toolchain ## dta and its plugins into bin/
	@mkdir -p bin
	go build -trimpath -o bin/ ./cmd/...

.PHONY: demo
demo: toolchain softhsm build ## a secret kept and given back, a network to log in to (FILE=… takes any file up to 256 KiB)
	@go run ./examples/demo --bin bin $(if $(FILE),--file "$(FILE)")

.PHONY: test
test: toolchain softhsm p11kit curl openssl python kubo build generate-check ## every test, on real components
	go vet ./...
	go test -timeout 30m ./...
	@$(MAKE) --no-print-directory fuzz

.PHONY: fuzz
# A count: of a time, Go may call its end a failure ("context deadline exceeded").
FUZZTIME ?= 2000x
fuzz: ## every fuzz target, for FUZZTIME each (2000x, 10s, 1h…)
	@grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do \
	  for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$dir/*_test.go | sed 's/^func //' | sort -u); do \
	    echo "fuzz $$dir $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$dir || exit 1; \
	  done; \
	done

.PHONY: check
check: toolchain softhsm openssl python build ## the quick part of the tests, for daily use: no long system test, no IPFS node
	go vet ./...
	go test -short -timeout 5m $$(go list ./... | grep -vE '/(docs|host/systest|plugins/.*|sdk/plugintest.*|protocol/ipfs/kubo)$$')

.PHONY: race
race: toolchain softhsm p11kit openssl python kubo build ## the quick tests under the race detector
	go test -race -short -timeout 30m ./...

.PHONY: bench
bench: toolchain softhsm build ## orders a second, what they cost each role, and the bytes they leave
	go test -run '^$$' -bench . -benchtime 1x -timeout 30m -v ./host/bench
	go test -run '^TestOthersOfAnOrder' -count 1 -v ./protocol/order

.PHONY: generate
generate: protoc ## the gRPC contract's Go code from its proto file
	sdk/contract/generate.sh

.PHONY: generate-check
generate-check: generate ## fail when the committed generated code is not current
	@git diff --exit-code --stat -- sdk/contract || { echo 'the generated code is not current: commit what make generate wrote' >&2; exit 1; }

.PHONY: kubo
kubo: $(KUBO) ## a real IPFS node, for tests and operators
$(KUBO): tools/kubo/go.mod tools/kubo/go.sum
	@mkdir -p $(TOOLS)
	cd tools/kubo && go build -o $(KUBO) github.com/ipfs/kubo/cmd/ipfs
	@touch $(KUBO)

# $(call package,WHAT,PACKAGE) installs a Debian package when this user may, and otherwise says what to install.
define package
	if [ "$$(id -u)" = 0 ]; then as=; elif sudo -n true 2>/dev/null; then as=sudo; else \
	  echo '$(1) is missing: as root, run: apt-get install $(2)' >&2; exit 1; \
	fi; \
	$$as apt-get update -q >/dev/null && $$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(2) >/dev/null
endef

.PHONY: softhsm
softhsm: ## SoftHSM 2, installed when this user may
	@if [ ! -e $(SOFTHSM) ]; then $(call package,SoftHSM ($(SOFTHSM)),softhsm2); fi

.PHONY: p11kit
p11kit: ## p11-kit, which puts a token behind a socket, for tests; installed when this user may
	@if [ -z "$(P11KIT)" ] || ! command -v p11-kit >/dev/null; then $(call package,p11-kit,p11-kit p11-kit-modules); fi

.PHONY: curl
curl:
	@if ! command -v curl >/dev/null; then $(call package,curl,curl); fi

.PHONY: openssl
openssl: # reads the keys that tests have written
	@if ! command -v openssl >/dev/null; then $(call package,openssl,openssl); fi

.PHONY: python
python: ## Python 3.11 with Ed25519, for the verifier in examples/verify; installed when this user may
	@if ! $(PYTHON) 2>/dev/null; then $(call package,Python with Ed25519,python3 python3-cryptography); \
	  $(PYTHON) || { echo 'python3 in PATH has no module cryptography: put that of the package python3 first, or install the module for it' >&2; exit 1; }; fi

.PHONY: protoc
protoc:
	@if ! command -v protoc >/dev/null; then $(call package,protoc,protobuf-compiler); fi

.PHONY: toolchain
toolchain:
	@command -v go >/dev/null || { echo 'Go 1.26 is missing: install it from https://go.dev/dl' >&2; exit 1; }
	@command -v cc >/dev/null || command -v gcc >/dev/null || { echo 'a C compiler is missing: as root, run: apt-get install gcc libc6-dev' >&2; exit 1; }

.PHONY: clean
clean: ## what was built and the demo's leavings
	rm -rf bin .tools
