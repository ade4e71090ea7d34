# Isekai publisher - build, test, install. `make help` lists what there is.
#
#   make                      build/isekai-publisher and build/deviantart-sandbox
#   make CC=clang VARIANT=clang WERROR=1      the same beside it, by clang, warnings are errors
#   make CFLAGS=-march=native                 your flags come last and win
#   make V=1                                  show the whole commands
#
# Everything made lies under build/. Objects lie under build/$(VARIANT)/, so that builds of several
# kinds live side by side; a release's programs lie in build/ itself, all others in build/$(VARIANT)/.
# A new .c, .lua or .sql file in a folder named below is found by itself.

VERSION	:= 1.0.0

VARIANT	?= release
WERROR	?= 0
V	?= 0
PREFIX	?= /usr/local
PKG_CONFIG ?= pkg-config

ifeq ($(origin CC),default)
CC	:= gcc
endif
ifeq ($(origin AR),default)
AR	:= ar
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

run	= $(if $(filter 0,$(V)),@echo '  $(1)' $@ &&)
build	:= build/$(VARIANT)
bin	:= $(if $(filter release,$(VARIANT)),build,$(build))

# ---------------------------------------------------------------- what is built from what

# One static archive a folder, so that a unit test links only what it uses. Each may use those after it.
folders	:= supervisor health worker/dispatcher worker/verify worker/hands worker/explain worker worker/deviantart worker/http common/queue common

sources	 = $(sort $(wildcard $(1)/*.c))
objects	 = $(patsubst %.c,$(build)/%.o,$(1))
archive	 = $(build)/lib$(subst /,-,$(1)).a

main	:= supervisor/main.c
probe_main := health/probe.c
manual_main := supervisor/manual_main.c
archives := $(foreach f,$(folders),$(call archive,$(f)))

sandbox_main := tests/sandbox/main.c
sandbox	:= $(call sources,tests/sandbox)

# Where the tests are not (the image), what is theirs is not built.
queue_bench := $(wildcard tests/bench/queue_bench.c)
simulator := $(call sources,tests/chaos/simulator)

# tests/unit/test_x.c is a program; any other .c beside it helps all of them. The same in integration/.
unit_tests := $(patsubst %.c,$(build)/%,$(sort $(wildcard tests/unit/test_*.c)))
integration_tests := $(patsubst %.c,$(build)/%,$(sort $(wildcard tests/integration/test_*.c)))
test_support := $(sort $(filter-out tests/unit/test_% tests/integration/test_%, \
	$(wildcard tests/unit/*.c tests/integration/*.c)))
killpoint := $(build)/tests/chaos/killpoint
distance := $(build)/tests/bench/distance
preloads := $(patsubst %,$(build)/tests/support/%.so,starve quick_exit)
fuzzers	:= $(patsubst %.c,$(build)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
fuzz_support := $(sort $(filter-out tests/fuzz/fuzz_%,$(wildcard tests/fuzz/*.c)))

# Lua scripts and SQL statements travel inside the program, as C strings (see "embedded" below).
embedded := $(sort $(wildcard common/queue/lua/*.lua worker/lua/*.lua worker/sql/*.sql common/sql/*.sql))
# So does the status page; its script is one, of several files.
web	:= health/web/page.html health/web/page.css health/web/script.js
web_script := $(addprefix health/web/,format.js charts.js tables.js page.js)
generated := $(patsubst %,build/gen/%.h,$(embedded) $(web)) \
	$(patsubst %,build/gen/%.sha256.h,$(filter-out %.html,$(web)))

# Manual pages and completion; what the program's tables know is put in (see "manuals" below).
pages	:= $(patsubst scripts/manuals/%,$(bin)/man/%,$(sort $(wildcard scripts/manuals/*.[58])))
completion := $(patsubst scripts/completion/%.bash,$(bin)/completion/%,$(wildcard scripts/completion/*.bash))

# ---------------------------------------------------------------- flags

packages := hiredis libpq libcurl libcjson libevent_core libcrypto libssl inih
sandbox_packages := libevent_core libcjson libcrypto zlib

# hiredis speaks TLS from 1.0 on (Debian 13); without it rediss:// is refused at start-up.
tls	:= $(shell $(PKG_CONFIG) --exists hiredis_ssl 2>/dev/null && echo hiredis_ssl)

# Headers of others are system headers to us: our warnings are for our code.
library_cflags := $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags $(packages) $(tls) zlib 2>/dev/null))
lua_cflags := $(patsubst -I%,-isystem %,$(shell $(PKG_CONFIG) --cflags lua5.1 2>/dev/null))
lua_libs := $(shell $(PKG_CONFIG) --libs lua5.1 2>/dev/null)
library_libs := $(shell $(PKG_CONFIG) --libs $(tls) $(packages) 2>/dev/null)
sandbox_libs := $(shell $(PKG_CONFIG) --libs $(sandbox_packages) 2>/dev/null)
test_libs := $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null)

compiler := $(shell $(CC) --version 2>/dev/null | grep -q clang && echo clang || echo gcc)
machine	:= $(shell $(CC) -dumpmachine 2>/dev/null)

warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wformat=2 -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wswitch-enum \
	-Wimplicit-fallthrough -Wnull-dereference -Wconversion -Wno-sign-conversion -Wdouble-promotion
ifeq ($(compiler),gcc)
warnings += -Wlogical-op -Wduplicated-cond -Wduplicated-branches
endif
ifneq ($(WERROR),0)
warnings += -Werror
endif

hardening := -fstack-protector-strong -fstack-clash-protection -fPIE
ifneq ($(filter x86_64% i%86%,$(machine)),)
hardening += -fcf-protection
else ifneq ($(filter aarch64%,$(machine)),)
hardening += -mbranch-protection=standard
endif

ifneq ($(findstring asan,$(VARIANT)),)
optimise := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(VARIANT),fuzz)
optimise := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
else
optimise := -O2 -g
ifeq ($(filter -O0,$(CFLAGS)),)
hardening += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
endif

cppflags := -D_GNU_SOURCE -DPUBLISHER_VERSION='"$(VERSION)"' $(if $(tls),-DHAVE_REDIS_TLS=1) \
	-I. -Ibuild/gen $(library_cflags) $(lua_cflags)
cflags	:= -std=gnu11 $(optimise) $(warnings) $(hardening)
ldflags	:= $(optimise) -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

compile	= $(CC) $(cppflags) $(cflags) $(CPPFLAGS) $(CFLAGS)
link	= $(CC) $(ldflags) $(CFLAGS) $(LDFLAGS)

# A hundred test programs are linked: by a linker that is quick about it, where it is there.
quick_linker := $(if $(filter clang,$(compiler)),lld,gold)
test_linker := $(if $(shell command -v ld.$(quick_linker) 2>/dev/null),-fuse-ld=$(quick_linker))

# ---------------------------------------------------------------- the programs

.PHONY: all asan
all: $(bin)/isekai-publisher $(bin)/isekai-healthcheck $(if $(queue_bench),$(bin)/queue-bench) $(if $(sandbox),$(bin)/deviantart-sandbox) manuals	## the programs (default)

asan:								## the same in build/asan/, with sanitizers
	@$(MAKE) --no-print-directory VARIANT=asan all

$(bin)/isekai-publisher: $(call objects,$(main)) $(archives) $(build)/sources
	@mkdir -p $(@D)
	$(call run,LINK) $(link) -o $@ $(filter %.o,$^) $(archives) $(library_libs) -lm $(LDLIBS)

# The publisher, but each job is done at once (tests/bench/queue_bench.c says how).
$(bin)/queue-bench: $(call objects,$(main) $(queue_bench)) $(archives) $(build)/sources
	@mkdir -p $(@D)
	$(call run,LINK) $(link) -o $@ $(filter %.o,$^) $(archives) $(library_libs) -lm $(LDLIBS)

$(bin)/isekai-healthcheck: $(call objects,$(probe_main)) $(call archive,health) $(call archive,common) $(build)/sources
	@mkdir -p $(@D)
	$(call run,LINK) $(link) -o $@ $(filter %.o,$^) $(call archive,health) $(call archive,common) $(library_libs) $(LDLIBS)

$(bin)/deviantart-sandbox: $(call objects,$(sandbox)) $(build)/sources
	@mkdir -p $(@D)
	$(call run,LINK) $(link) -o $@ $(filter %.o,$^) $(sandbox_libs) -lm $(LDLIBS)

# ---------------------------------------------------------------- manuals

.PHONY: manuals
manuals: $(pages) $(completion)					## manual pages in build/man/, completion in build/completion/

$(build)/manual: $(call objects,$(manual_main)) $(call archive,supervisor) $(call archive,common) $(build)/sources
	@mkdir -p $(@D)
	$(call run,LINK) $(link) -o $@ $(filter %.o,$^) $(call archive,supervisor) $(call archive,common) $(library_libs) $(LDLIBS)

$(bin)/man/%: scripts/manuals/% $(build)/manual
	@mkdir -p $(@D)
	$(call run,MAN ) $(build)/manual <$< >$@

$(bin)/completion/%: scripts/completion/%.bash $(build)/manual
	@mkdir -p $(@D)
	$(call run,MAN ) $(build)/manual <$< >$@

# ---------------------------------------------------------------- objects and archives

# The compiler is asked for each object's headers (-MMD), so that a changed header rebuilds its users.
$(build)/%.o: %.c $(build)/flags | $(generated)
	@mkdir -p $(@D)
	$(call run,CC  ) $(compile) -MMD -MP -c -o $@ $<

define archive_rule
$(call archive,$(1)): $(call objects,$(filter-out $(main) $(probe_main) $(manual_main),$(call sources,$(1)))) $(build)/sources
	@mkdir -p $$(@D); rm -f $$@
	$$(call run,AR  ) $$(AR) rcs $$@ $$(filter %.o,$$^)
endef
$(foreach f,$(folders),$(eval $(call archive_rule,$(f))))

# Two stamps, rewritten only if their text differs from last time: another compile line rebuilds every
# object, another list of sources or another link line makes every archive and program anew.
comma	:= ,
quote	= '$(subst ','\'',$(1))'
restamp	= printf '%s\n' $(call quote,$(1)) | cmp -s - $@ || printf '%s\n' $(call quote,$(1)) > $@
$(build)/flags: FORCE
	@$(PKG_CONFIG) --exists --print-errors $(packages) zlib || \
		{ echo 'make: libraries are missing; scripts/install-deps.sh installs them' >&2; exit 1; }
	@mkdir -p $(@D); $(call restamp,$(compile))
$(build)/sources: FORCE
	@mkdir -p $(@D); $(call restamp,$(link) $(library_libs) $(foreach f,$(folders),$(call sources,$(f))) $(sandbox))
.PHONY: FORCE
FORCE:

# embedded: common/queue/lua/claim.lua -> build/gen/common/queue/lua/claim.lua.h, a C string and nothing
# else:   static const char claim_lua[] =
#         #include "common/queue/lua/claim.lua.h"
#                 ;
define embed
@mkdir -p $(@D)
@{ echo '""'; sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $<; } > $@.tmp
@mv $@.tmp $@
endef
build/gen/%.h: %
	$(embed)
build/gen/%.h: build/gen/%
	$(embed)
build/gen/health/web/script.js: $(web_script)
	@mkdir -p $(@D)
	@cat $^ > $@

# What the page's Content-Security-Policy says of a file of it: the digest, in base64, as a C string.
define digest
@mkdir -p $(@D)
@sha256sum < $< | cut -c1-64 | tr a-f A-F | basenc --base16 -d | base64 | sed 's/.*/"&"/' > $@.tmp
@mv $@.tmp $@
endef
build/gen/%.sha256.h: %
	$(digest)
build/gen/%.sha256.h: build/gen/%
	$(digest)

# ---------------------------------------------------------------- tests

.PHONY: tests unit unit-asan sanitized test browser chaos bench bench-full containers fuzz
tests: $(unit_tests) $(integration_tests) $(killpoint) $(distance) $(preloads)	## build the test programs

unit: $(unit_tests)						## run the unit tests
	@tests/run.sh $(unit_tests)

unit-asan:							## run the unit tests with sanitizers
	@$(MAKE) --no-print-directory VARIANT=asan unit

sanitized:							## run whole programs with sanitizers
	@tests/support/sanitized.sh

test:								## install what is missing, build, run every test
	@scripts/install-deps.sh build run test
	@tests/run.sh

browser: all							## the status page and Bull Board in Chromium: two minutes
	@scripts/install-deps.sh build run browser
	@SUITE_SECONDS=900 tests/run.sh tests/browser/run.sh

chaos: all simulator						## long storms, every kill point and failing call, mutants
	@tests/chaos/storms.sh
	@tests/chaos/sweep.sh
	@tests/chaos/simulator/mutants.sh

# The program on simulated neighbours: what would wait, read or leave comes to the simulator.
simulator_wraps := poll read write close _exit mallinfo2 queue_scripts_load queue_scripts_free
.PHONY: simulator
simulator: $(bin)/simulator					## build the simulator (tests/chaos/simulator/README.md)

link_simulator = $(link) $(patsubst %,-Wl$(comma)--wrap=%,$(simulator_wraps)) -o $(1) $(2) \
	$(archives) $(library_libs) $(lua_libs) $(LDLIBS) -lm
$(bin)/simulator: $(call objects,$(simulator)) $(archives) $(build)/sources
	@mkdir -p $(@D)
	$(call run,LINK) $(call link_simulator,$@,$(filter %.o,$^))

bench: all							## beside BullMQ in Node: a few minutes
	@scripts/install-deps.sh build run test
	@tests/bench/run.sh short

bench-full: all							## the same at length: an hour
	@scripts/install-deps.sh build run test
	@tests/bench/run.sh full

containers:							## hold compose.yaml and the Kubernetes manifests against their schemas
	@scripts/install-deps.sh build test
	@tests/containers/run.sh

fuzz:								## build the fuzzers, with clang, in build/fuzz/
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=clang fuzzers
.PHONY: fuzzers
fuzzers: $(fuzzers)

# What a test may use; a line " * link with: -Wl,--wrap=malloc" in its head comment adds to the link.
test_objects := $(call objects,$(test_support))
sandbox_objects := $(call objects,$(filter-out $(sandbox_main),$(sandbox)))
link_test = $(link) $(test_linker) $$(sed -n 's/^ \* link with: //p' $*.c) -o $@ $(filter %.o,$^) \
	$(archives) $(1) $(library_libs) $(sandbox_libs) $(LDLIBS) -lm

$(filter $(build)/tests/unit/test_sandbox_%,$(unit_tests)): $(sandbox_objects)
$(filter $(build)/tests/integration/test_sandbox_%,$(integration_tests)): $(sandbox_objects)

$(unit_tests) $(integration_tests): $(build)/%: $(build)/%.o $(test_objects) $(archives)
	$(call run,LINK) $(call link_test,$(test_libs))

# It knows nothing of ours.
$(killpoint): $(call objects,$(call sources,tests/chaos)) $(build)/sources
	$(call run,LINK) $(link) -o $@ $(filter %.o,$^) $(LDLIBS)

$(distance): $(distance).o $(build)/sources
	$(call run,LINK) $(link) -o $@ $(filter %.o,$^) $(sandbox_libs) $(LDLIBS)

# Without our hardening: one stands under the allocator, both in programs of others.
$(preloads): $(build)/%.so: %.c $(build)/flags
	@mkdir -p $(@D)
	$(call run,CC  ) $(CC) $(cppflags) -std=gnu11 -O2 -g -fPIC -shared $(warnings) -o $@ $<

.PHONY: preloads
preloads: $(preloads)

$(filter $(build)/tests/fuzz/fuzz_sandbox_%,$(fuzzers)): $(sandbox_objects)

$(fuzzers): $(build)/%: $(build)/%.o $(call objects,$(fuzz_support)) $(archives)
	$(call run,LINK) $(call link_test,-fsanitize=fuzzer)

# ---------------------------------------------------------------- care of the source

.PHONY: lint format check-includes
lint:								## clang-tidy, cppcheck, clang-format, includes
	@scripts/lint.sh

check-includes: $(generated)					## arrows between folders, lone headers, banned calls
	@scripts/check-includes.sh

format:								## clang-format every C file in place
	@find common worker health supervisor tests -name '*.[ch]' -not -path '*/node_modules/*' \
		-exec clang-format -i {} +

# ---------------------------------------------------------------- the rest

.PHONY: demo install uninstall clean help print-compile print-simulator generated
demo:								## the whole thing on this machine, with a sandbox
	@scripts/install-deps.sh build run
	@$(MAKE) --no-print-directory all
	@scripts/demo.sh

# What is installed: "mode source target" each; uninstall takes the same away again.
doc	:= share/doc/isekai-publisher
install_files = \
	755 $(bin)/isekai-publisher bin/isekai-publisher \
	755 $(bin)/isekai-healthcheck bin/isekai-healthcheck \
	$(foreach page,$(pages),644 $(page) share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
	$(foreach file,$(completion),644 $(file) share/bash-completion/completions/$(notdir $(file))) \
	644 README.md $(doc)/README.md \
	644 config.example.ini $(doc)/config.example.ini \
	644 .env.example $(doc)/env.example

# systemd's part. From 253 on it has Type=notify-reload, and the unit gets what says so (scripts/deploy/notify-reload.conf).
systemd	= $(shell systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
units	:= lib/systemd/system
install_files += \
	644 $(build)/isekai-publisher.service		$(units)/isekai-publisher.service \
	644 scripts/deploy/isekai-publisher.sysusers	lib/sysusers.d/isekai-publisher.conf \
	644 scripts/deploy/isekai-publisher.tmpfiles	lib/tmpfiles.d/isekai-publisher.conf \
	644 scripts/deploy/credentials.conf		$(doc)/credentials.conf
install_files += $(if $(shell [ "0$(systemd)" -ge 253 ] && echo yes), \
	644 scripts/deploy/notify-reload.conf		$(units)/isekai-publisher.service.d/notify-reload.conf)

$(build)/isekai-publisher.service: scripts/deploy/isekai-publisher.service FORCE
	@mkdir -p $(@D); sed 's|^ExecStart=/usr/bin/|ExecStart=$(PREFIX)/bin/|' $< >$@

each_file = set -- $(install_files); while [ $$\# -gt 0 ]; do

install: $(bin)/isekai-publisher $(bin)/isekai-healthcheck manuals $(build)/isekai-publisher.service	## to $(DESTDIR)$(PREFIX)
	@$(each_file) \
		echo "  INSTALL $(DESTDIR)$(PREFIX)/$$3" && \
		install -D -m "$$1" "$$2" '$(DESTDIR)$(PREFIX)'/"$$3" || exit 1; shift 3; done

uninstall:							## remove what install put there
	@$(each_file) rm -f '$(DESTDIR)$(PREFIX)'/"$$3" || exit 1; shift 3; done
	@for folder in '$(DESTDIR)$(PREFIX)/$(doc)' '$(DESTDIR)$(PREFIX)/$(units)/isekai-publisher.service.d'; do \
		[ ! -d "$$folder" ] || rmdir --ignore-fail-on-non-empty "$$folder" || exit 1; done

# The package is built in a tree of its own; the check installs it in a whole Debian of its own.
.PHONY: deb deb-check
deb:								## the Debian package, in build/deb/
	@scripts/install-deps.sh build deb
	@scripts/deploy/build-deb.sh

deb-check: deb							## install it in a fresh Debian, try it, purge it
	@scripts/deploy/check-deb.sh

clean:								## remove build/
	rm -rf build

help:								## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' $(firstword $(MAKEFILE_LIST)) | \
		awk -F@ '{ printf "%-24s%s\n", $$1, $$2 }'

# For scripts: how a file is compiled here, and the generated headers by themselves.
print-compile:
	@printf '%s\n' $(call quote,$(compile))
print-simulator:
	@printf '%s\n' $(call quote,$(call link_simulator,@OUT@,@MUTANT@ $(call objects,$(simulator))))
generated: $(generated)

-include $(shell find $(build) -name '*.d' 2>/dev/null)
