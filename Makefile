# What a developer types. cargo does the building; this file puts the C side,
# the tools and the installed tree around it. `make help` lists the targets.

CARGO ?= cargo
CC ?= cc
CXX ?= c++
PYTHON ?= python3
INSTALL ?= install
TARGET ?= $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET)/release
# The virtual environment that scripts/setup.sh makes.
LINT := $(abspath $(TARGET))/lint-python

# Where `make install` puts things; DESTDIR stands before all of them.
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
CMAKEDIR ?= $(LIBDIR)/cmake/greenhub

# Each number is written once: the version in Cargo.toml, the ABI in build.rs.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
ABI := $(shell sed -n 's/^const ABI_VERSION: u32 = \([0-9]*\);/\1/p' build.rs)
SONAME := libgreenhub.so.$(ABI)
REALNAME := libgreenhub.so.$(VERSION)
HEADERS := $(wildcard include/*.h include/*.hpp)
LIBS_PRIVATE := $(shell sed -n 's/^Libs.private: //p' greenhub.pc.in)
CMAKE_FILES := greenhub-config.cmake greenhub-config-version.cmake
# The parts of greenhub.hpp.
PARTS := $(wildcard include/greenhub/*.hpp)

STRICT := -Wall -Wextra -Wpedantic -Werror
EXAMPLES := $(patsubst c_examples/%.c,$(TARGET)/c_examples/%,$(wildcard c_examples/*.c)) \
    $(patsubst c_examples/%.cpp,$(TARGET)/c_examples/%,$(wildcard c_examples/*.cpp))

.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.PHONY: help build header examples demo test test-suite test-poll test-faults test-asan \
        test-valgrind test-aarch64 test-python test-components test-bench test-loom test-soak soak-patch \
        test-soak-python soak stress-switches \
        abi-baseline bench-core bench-python test-bench-python lint lint-python \
        bindings wheel install install-header \
        install-shared install-static uninstall clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

build: ## the library, release: libgreenhub.so and libgreenhub.a
	$(CARGO) build --release
	@ln -sf libgreenhub.so $(RELEASE)/$(SONAME)

header: ## write include/greenhub.h anew from src/ffi
	GREENHUB_UPDATE_HEADER=1 $(CARGO) build --release
	@$(MAKE) --no-print-directory bindings

bindings: ## write the header for ctypes anew, which `header` does as well
	$(PYTHON) python_ctypes/tools/generate_bindings.py --write

wheel: build ## the Python package with the library, into dist
	@$(PYTHON) python_ctypes/tools/generate_bindings.py
	@$(PYTHON) python_ctypes/tools/build_wheel.py --library $(RELEASE)/libgreenhub.so --out dist

examples: $(EXAMPLES) ## the programs of c_examples, into target/c_examples

$(TARGET)/c_examples/%: c_examples/%.c $(wildcard c_examples/*.h) $(HEADERS) | build
	@mkdir -p $(@D)
	$(CC) -std=gnu99 -O2 -g $(STRICT) -pthread -Iinclude $< -o $@ \
	    -L$(RELEASE) -lgreenhub -Wl,-rpath,$(abspath $(RELEASE))

$(TARGET)/c_examples/%: c_examples/%.cpp $(HEADERS) $(PARTS) | build
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -O2 -g $(STRICT) -pthread -Iinclude $< -o $@ \
	    -L$(RELEASE) -lgreenhub -Wl,-rpath,$(abspath $(RELEASE))

demo: ## green threads at work: hello, then 10,000 connections at once
	@scripts/setup.sh demo
	@$(MAKE) --no-print-directory examples
	@c_examples/demo.sh $(TARGET)/c_examples

test: ## everything, with what it needs installed first
	@scripts/setup.sh test
	@scripts/test.sh

test-suite: ## the whole suite, debug build
	$(CARGO) test --no-fail-fast

test-poll: ## the behaviour suite on mio's poll(2) backend
	RUSTFLAGS="$$RUSTFLAGS --cfg mio_unsupported_force_poll_poll" \
	    $(CARGO) test --no-fail-fast --target-dir $(TARGET)/poll --test 'behaviour*'

test-faults: ## injected panics and failing system calls
	$(CARGO) test --no-fail-fast --target-dir $(TARGET)/faults --features fault-injection --test faults

test-asan: ## C programs and behaviour under AddressSanitizer
	@CARGO="$(CARGO)" TARGET="$(TARGET)" scripts/test-asan.sh

test-valgrind: ## C programs and examples under valgrind
	@CARGO="$(CARGO)" scripts/test-valgrind.sh

test-aarch64: ## C programs built for aarch64, under qemu's user-mode emulation
	@CARGO="$(CARGO)" TARGET="$(TARGET)" scripts/test-aarch64.sh

test-python: build ## the wheel, installed for each CPython on the machine; PYTHONS chooses
	@PYTHON="$(PYTHON)" PYTHONS="$(PYTHONS)" TARGET="$(TARGET)" RELEASE="$(RELEASE)" scripts/test-python.sh

test-components: build ## Python's drivers as PyPI has them, against real servers; PYTHONS chooses
	@PYTHON="$(PYTHON)" PYTHONS="$(PYTHONS)" TARGET="$(TARGET)" RELEASE="$(RELEASE)" scripts/test-components.sh

abi-baseline: ## write the ABI's baseline in tests/abi anew, and say what changed
	@scripts/setup.sh test
	GREENHUB_UPDATE_ABI=1 $(CARGO) test --test abidiff baseline -- --nocapture

bench-core: build ## the figures of the core, a table and target/bench/core.json
	$(PYTHON) benches/core.py --lib $(RELEASE) --out $(TARGET)/bench

bench-python: build ## the figures of the Python package beside gevent and eventlet, and target/bench/python.json
	$(PYTHON) benches/python.py --lib $(RELEASE) --out $(TARGET)/bench

test-loom: ## the inbox under loom: every interleaving of a few threads
	RUSTFLAGS="$$RUSTFLAGS --cfg loom" \
	    $(CARGO) test --profile loom --target-dir $(TARGET)/loom --lib model

test-soak: ## producers and consumers on four OS threads, then the hooks against libc, a minute each
	GREENHUB_SOAK_SECONDS=$${GREENHUB_SOAK_SECONDS:-60} \
	    $(CARGO) test --release --test behaviour_objects_threads every_item
	@$(MAKE) --no-print-directory soak-patch

stress-switches: build ## random switches of Python's beside busy OS threads, 20 s; PYTHONS chooses
	for python in $${PYTHONS:-$(PYTHON)}; do \
	    GREENHUB_LIBRARY=$(abspath $(RELEASE))/libgreenhub.so PYTHONPATH=python_ctypes \
	        $$python -X dev python_ctypes/tests/stress_switches.py $${GREENHUB_SOAK_SECONDS:-20} || exit 1; \
	done

soak-patch: build # new sequences until the time is over, then 100,000 rounds
	@mkdir -p $(TARGET)/soak
	for name in differential rounds; do \
	    $(CC) -std=gnu99 -O1 -g $(STRICT) -pthread -Iinclude tests/c/patch_$$name.c -o $(TARGET)/soak/patch_$$name \
	        -L$(RELEASE) -lgreenhub -Wl,-rpath,$(abspath $(RELEASE)) || exit 1; \
	done
	GREENHUB_SOAK_SECONDS=$${GREENHUB_SOAK_SECONDS:-60} $(TARGET)/soak/patch_differential
	GREENHUB_ROUNDS=$${GREENHUB_ROUNDS:-100000} $(TARGET)/soak/patch_rounds

# $PYTHONS chooses the interpreters, GREENHUB_SOAK_SECONDS how long each takes, SOAK_OPTIONS what else they are to do:
# `-X tracemalloc`, say.
test-soak-python: build ## thousands of Python green threads, at random, a minute for each interpreter; PYTHONS chooses
	for python in $(or $(PYTHONS),$(PYTHON)); do \
	    GREENHUB_LIBRARY=$(abspath $(RELEASE))/libgreenhub.so PYTHONPATH=python_ctypes \
	        $$python -X dev $(SOAK_OPTIONS) python_ctypes/tests/soak.py || exit 1; \
	done

soak: ## the soaks of test-soak and test-soak-python, ten minutes each
	@GREENHUB_SOAK_SECONDS=$${GREENHUB_SOAK_SECONDS:-600} $(MAKE) --no-print-directory test-soak test-soak-python

test-bench: build ## the same benchmark, seconds only: it runs, nothing is judged
	$(PYTHON) benches/core.py --lib $(RELEASE) --out $(TARGET)/bench/quick --quick

test-bench-python: build ## the same of bench-python; installs from PyPI, so it is no part of `make test`
	$(PYTHON) benches/python.py --lib $(RELEASE) --out $(TARGET)/bench/quick --quick

lint: lint-python ## rustfmt, clippy, rustdoc, ruff and mypy, warnings denied
	@scripts/setup.sh lint
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --all-targets --features fault-injection -- -D warnings
	RUSTDOCFLAGS="-D warnings -D missing-docs" $(CARGO) doc --no-deps

lint-python: # with the oldest and the newest Python in mind
	@PYTHON="$(PYTHON)" scripts/setup.sh lint-python
	cd python_ctypes && export RUFF_CACHE_DIR=$(LINT)/ruff-cache && \
	    $(LINT)/bin/ruff check . && $(LINT)/bin/ruff format --check . && \
	    for version in 3.8 3.13; do \
	        $(LINT)/bin/mypy --cache-dir $(LINT)/mypy-cache --python-version $$version . || exit 1; \
	    done

# Built only where missing, so that `sudo make install` needs no cargo.
$(RELEASE)/libgreenhub.so $(RELEASE)/libgreenhub.a:
	$(CARGO) build --release

install: install-shared install-static ## into PREFIX (/usr/local), below DESTDIR

# A template's name, where it goes, how its language writes the prefix's variable: paths below PREFIX
# hang on it, so that the tree may be moved.
define fill
sed -e 's|@PREFIX@|$(PREFIX)|' \
    -e 's|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${$(3)}/%)|' \
    -e 's|@INCLUDEDIR@|$(INCLUDEDIR:$(PREFIX)/%=$${$(3)}/%)|' \
    -e 's|@CMAKEDIR@|$(CMAKEDIR)|' -e 's|@LIBS_PRIVATE@|$(LIBS_PRIVATE)|' \
    -e 's|@VERSION@|$(VERSION)|' -e 's|@SONAME@|$(SONAME)|' \
    -e 's|@REALNAME@|$(REALNAME)|' $(1).in > $(2)/$(1)
chmod 644 $(2)/$(1)
endef

install-header: # the headers, greenhub.pc and CMake's files, which both kinds of library need
	$(INSTALL) -d $(DESTDIR)$(INCLUDEDIR)/greenhub $(DESTDIR)$(PKGCONFIGDIR) $(DESTDIR)$(CMAKEDIR)
	$(INSTALL) -m 644 $(HEADERS) $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 644 $(PARTS) $(DESTDIR)$(INCLUDEDIR)/greenhub
	$(call fill,greenhub.pc,$(DESTDIR)$(PKGCONFIGDIR),prefix)
	$(call fill,greenhub-config.cmake,$(DESTDIR)$(CMAKEDIR),_greenhub_prefix)
	$(call fill,greenhub-config-version.cmake,$(DESTDIR)$(CMAKEDIR),_greenhub_prefix)

install-shared: install-header $(RELEASE)/libgreenhub.so ## the shared library alone
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 755 $(RELEASE)/libgreenhub.so $(DESTDIR)$(LIBDIR)/$(REALNAME)
	ln -sf $(REALNAME) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libgreenhub.so
	@case "$(DESTDIR)$(PREFIX)" in /usr|/usr/local) ldconfig ;; esac

install-static: install-header $(RELEASE)/libgreenhub.a ## the static library alone
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 644 $(RELEASE)/libgreenhub.a $(DESTDIR)$(LIBDIR)

uninstall: ## what install put there
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libgreenhub.so $(SONAME) $(REALNAME) libgreenhub.a)
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/,$(notdir $(HEADERS)))
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/greenhub/,$(notdir $(PARTS)))
	@rmdir $(DESTDIR)$(INCLUDEDIR)/greenhub 2>/dev/null || true
	rm -f $(DESTDIR)$(PKGCONFIGDIR)/greenhub.pc
	rm -f $(addprefix $(DESTDIR)$(CMAKEDIR)/,$(CMAKE_FILES))
	rmdir $(DESTDIR)$(CMAKEDIR) 2>/dev/null || :

clean: ## remove everything built
	$(CARGO) clean --target-dir $(TARGET)
	rm -rf dist
