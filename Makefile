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

# The processors that a release is for.
DIST_TARGETS := x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu
HOST = $(shell $(CARGO) -vV | sed -n 's/^host: //p')

# Programs that are built for what is made here. A debug build takes half the time, and they run for
# a second.
CARGO_CYCLONEDX_VERSION := 0.5.9
TOOLS := $(CURDIR)/target/tools
CARGO_CYCLONEDX := $(TOOLS)/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)/bin/cargo-cyclonedx
INSTALL_TOOL := CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --quiet --locked --debug --target-dir $(TOOLS)/build

# The date of what is made: that of the last commit, or where there is none to ask for, of the
# changelog.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)

# Where `make install` puts things, all below DESTDIR.
PREFIX := /usr/local
SYSCONFDIR := /etc
BIN := $(DESTDIR)$(PREFIX)/bin
DOC := $(DESTDIR)$(PREFIX)/share/doc/telegraf-net
PLUGIN_CONF := $(DESTDIR)$(SYSCONFDIR)/telegraf-net/plugin.conf

.PHONY: help build dist install test test-dist golden record e2e bench lint ci clean

help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.* ## \(.*\)/\1\t\2/p' Makefile | expand -t 11

build: ## Build target/release/telegraf-net, which is static
	CARGO="$(CARGO)" packaging/build $(HOST)
	install -D target/$(HOST)/release/telegraf-net target/release/telegraf-net

dist: $(CARGO_CYCLONEDX) ## Make the archives of a release in target/dist (DIST_TARGETS=, see the file)
	set -e; for target in $(DIST_TARGETS); do CARGO="$(CARGO)" packaging/build $$target; done
	packaging/dist $(CARGO_CYCLONEDX) $(DIST_TARGETS)

install: ## Install what `make build` has built (DESTDIR=, PREFIX=/usr/local, SYSCONFDIR=/etc)
	@test -x target/release/telegraf-net || { \
	    echo "there is no target/release/telegraf-net to install: run 'make build' first, which" \
	        "need not be as root" >&2; exit 1; }
	install -D -m 755 target/release/telegraf-net $(BIN)/telegraf-net
	test -e $(PLUGIN_CONF) || install -D -m 644 plugin.conf $(PLUGIN_CONF)
	install -D -m 644 -t $(DOC) README.md CHANGELOG.md LICENSE
	sed 's|/usr/bin/|$(PREFIX)/bin/|; s|"/etc/|"$(SYSCONFDIR)/|' packaging/execd.conf | \
	    install -D -m 644 /dev/stdin $(DOC)/examples/telegraf.d/telegraf-net.conf
	set -e; for file in $(wildcard packaging/systemd/*.conf); do \
	    install -D -m 644 -t $(DOC)/examples/telegraf.service.d $$file; done

test: ## Run every test that needs no Telegraf; as root, all of them run
	$(CARGO) test --locked

test-dist: dist build ## Test what `make dist` and `make install` make, as root
	TELEGRAF_NET_DIST=$(CURDIR)/target/dist TELEGRAF_NET_TOOLS=$(TOOLS) \
	    $(CARGO) test --locked --test dist

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

$(CARGO_CYCLONEDX):
	$(INSTALL_TOOL) --root $(TOOLS)/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION) \
	    cargo-cyclonedx@$(CARGO_CYCLONEDX_VERSION)

lint: ## Check the format and clippy's findings
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --test telegraf --test record -- -D warnings

ci: ## Install what is missing on a Debian machine, and run all that CI runs
	.ci/run

clean: ## Remove everything that was built
	$(CARGO) clean
