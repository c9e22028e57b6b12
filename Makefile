# Every target is a plain command: see it with `make -n TARGET`.

CARGO ?= cargo
GO ?= go

# What the end-to-end tests run under. TELEGRAF=/path/to/telegraf takes an installed one in their
# place.
# - v1.36.4: the last minor version whose inputs.net has protocol statistics, so that they can be
#   compared;
# - v1.38.3: the last of the minor version before the newest that is to be had as a Go module;
# - v1.39.1: the newest that is.
TELEGRAF_VERSIONS := v1.36.4 v1.38.3 v1.39.1
TELEGRAF_TAGS := custom,inputs.execd,inputs.net,outputs.file,parsers.influx,serializers.influx
TELEGRAF_FOLDER := $(CURDIR)/target/telegraf
ifdef TELEGRAF
TELEGRAFS := $(TELEGRAF)
else
TELEGRAFS := $(TELEGRAF_VERSIONS:%=$(TELEGRAF_FOLDER)/%/telegraf)
endif

.PHONY: help build test golden record e2e bench lint clean

help: ## Show this list
	@sed -n 's/^\([a-z0-9]*\):.* ## \(.*\)/\1\t\2/p' Makefile | expand -t 10

build: ## Build target/release/telegraf-net
	$(CARGO) build --release --locked

test: ## Run every test that needs no Telegraf; as root, all of them run
	$(CARGO) test --locked

golden: ## Rewrite what the cases under fixtures/ expect: read the difference before you commit it
	REWRITE_GOLDEN=1 $(CARGO) test --locked --test golden

record: ## Record what this machine's kernel says by netlink under fixtures/, as root
	$(CARGO) test --locked --test record

e2e: $(TELEGRAFS) ## Run the tests under the real Telegraf, as root (TELEGRAF=/path for an installed one)
	TELEGRAFS="$(TELEGRAFS)" $(CARGO) test --release --locked --test telegraf -- --test-threads 1

$(TELEGRAF_FOLDER)/%/telegraf:
	@command -v $(GO) >/dev/null || { \
	    echo "Telegraf $* is built with Go, and there is no '$(GO)': install Go, or name an" \
	        "installed Telegraf: make e2e TELEGRAF=/usr/bin/telegraf" >&2; exit 1; }
	GOBIN=$(@D) $(GO) install -tags "$(TELEGRAF_TAGS)" github.com/influxdata/telegraf/cmd/telegraf@$*

bench: $(lastword $(TELEGRAFS)) ## Measure what a gather costs, as root (BENCH_OUT=docs/BENCHMARKS.md writes it there)
	$(CARGO) bench --locked --bench gather -- --telegraf $(lastword $(TELEGRAFS)) \
	    $(if $(BENCH_OUT),--out $(BENCH_OUT)) $(BENCH_ARGS)

lint: ## Check the format and clippy's findings
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --test telegraf --test record -- -D warnings

clean: ## Remove everything that was built
	$(CARGO) clean
