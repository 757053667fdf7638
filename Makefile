# leat. `make help` shows what there is to make.
#
# A mode is a set of compiler flags with a folder of its own, $(BUILD)/<mode>;
# to add one, add it to MODES and give it FLAGS. The library, the adapters, the
# tests and the tour are built the same way in each.

CC ?= cc
PREFIX ?= /usr/local
BUILD ?= build
V ?=

# --- what must be installed: program or header, and Debian's package with it

DEPS = gcc:gcc make:make stdlib.h:libc6-dev pkg-config:pkg-config g++:g++ \
  valgrind:valgrind \
  clang:clang lcov:lcov criterion/criterion.h:libcriterion-dev \
  valgrind/helgrind.h:valgrind csv.h:libcsv-dev jansson.h:libjansson-dev \
  sqlite3.h:libsqlite3-dev cmocka.h:libcmocka-dev \
  glib-2.0/gobject/gmarshal.h:libglib2.0-dev apr-1.0/apr_want.h:libapr1-dev \
  apr-1.0/apu_want.h:libaprutil1-dev

# --- settings

WARN = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes \
  -Wmissing-prototypes -Wundef -Wvla -Wcast-qual -Wpointer-arith \
  -Wwrite-strings -Wformat=2 -Wno-unused-parameter
TEST_WARN = -Wno-missing-prototypes -Wno-cast-qual -Wno-conversion \
  -Wno-pedantic \
  -Wno-sign-conversion
MODES = release debug coverage asan ubsan tsan valgrind nospin

FLAGS.release = -O2 -g
FLAGS.debug = -O1 -g -Werror
FLAGS.coverage = -O0 -g --coverage -fprofile-update=atomic -Wl,-u,__gcov_dump
FLAGS.asan = -O1 -g -Werror -fsanitize=address,undefined \
  -fno-sanitize-recover=all -fno-omit-frame-pointer -DLEAT_SLOW=4
FLAGS.ubsan = -O1 -g -Werror -fsanitize=undefined -fno-sanitize-recover=all
FLAGS.tsan = -O1 -g -Werror -fsanitize=thread -DLEAT_SLOW=8
FLAGS.valgrind = -O1 -g -Werror -DLEAT_WATCH -DLEAT_SLOW=20
FLAGS.nospin = -O2 -g -Werror -DLEAT_NOSPIN

# The tests themselves are optimised in ubsan alone, which warns more for it (and
# in release, which has the benchmarks):
# elsewhere that would be most of the time it takes to build.

# Criterion runs these; the plain runner the others (tests/support/plain).
CRITERION = debug coverage

ADAPTERS = csv error_file sqlite
LIBRARIES = $(ADAPTERS) $(if $(wildcard faults/src/*.c),faults)
LIBS.csv = -lcsv
LIBS.error_file = -ljansson
LIBS.sqlite = -lsqlite3
HEADER.csv = csv.h
HEADER.error_file = jansson.h
HEADER.sqlite = sqlite3.h
HEADER.faults = stdlib.h
REQUIRES.error_file = jansson
REQUIRES.sqlite = sqlite3

WRAP = $(shell sed 's/^/-Wl,--wrap=/' faults/libc/wrap)

# --- no need to change anything below

quiet = $(if $(V),,@echo '$(1) $@';)

version = $(shell sed -n 's/.*LEAT_VERSION "\(.*\)"/\1/p' \
  lib/include/leat/version.h)
soversion = $(shell sed -n 's/.*LEAT_VERSION_MAJOR \(.*\)/\1/p' \
  lib/include/leat/version.h)
INCLUDES = -Ilib/include $(ADAPTERS:%=-Ilib/adapters/%/include) -Ifaults/include -Itests
lib_src = $(wildcard lib/src/*.c)
$(foreach a,$(ADAPTERS),$(eval SRC.$(a) = $(wildcard lib/adapters/$(a)/*.c)))
SRC.faults = $(wildcard faults/src/*.c faults/harness/*.c)
# What the linker's --wrap (WRAP) leads to.
libc_faults_src = $(wildcard faults/libc/*.c)
test_src = $(wildcard tests/lib/*.c tests/lib/private/*.c tests/adapters/*.c \
  tests/model/*.c tests/principles/*.c tests/stress/*.c tests/torture/*.c \
  tests/faults/*.c tests/harness/*.c)
tour_src = $(wildcard lessons/00_tour/*.c)
examples = $(patsubst lib/examples/%.out,%,$(wildcard lib/examples/*.out))
all_libs = $(foreach a,$(LIBRARIES),$(LIBS.$(a)))
here = $(foreach a,$(LIBRARIES),$(if $(shell echo '\#include <$(HEADER.$(a))>' \
  | $(CC) -E -x c - >/dev/null 2>&1 && echo yes),$(a)))
timed = tests/check/timed.sh
watched = $(BUILD)/tools/watchdog

.PHONY: all
all: $(BUILD)/release/libleat.a $(BUILD)/release/libleat.so ## the library, static and shared, the adapters, the faults
	@$(MAKE) --no-print-directory $(foreach a,$(here),\
	  $(BUILD)/release/libleat-$(a).a $(BUILD)/release/libleat-$(a).so)
	@$(if $(libc_faults_src),$(MAKE) --no-print-directory $(BUILD)/release/libleat-faults-libc.a)
	@$(foreach a,$(filter-out $(here),$(LIBRARIES)),echo \
	  "leat-$(a) is not built: $(HEADER.$(a)) is not installed (make deps)";)

# One mode: objects mirror the sources' paths.
define mode
$(BUILD)/$(1)/flags: FORCE
	@mkdir -p $$(@D)
	@echo '$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$(LDFLAGS) $$(FLAGS.$(1)) $$(WARN)' >$$@.$$$$$$$$; \
	  if cmp -s $$@.$$$$$$$$ $$@; then rm $$@.$$$$$$$$; else mv $$@.$$$$$$$$ $$@; fi

$(BUILD)/$(1)/tests/%.o $(BUILD)/$(1)/lessons/%.o $(BUILD)/$(1)/lib/examples/%.o: SOFT = $$(TEST_WARN)
$(BUILD)/$(1)/tests/%.o: OPT = $(if $(filter ubsan release,$(1)),,-O0)
$(BUILD)/$(1)/tests/%.o: INC = $(if $(filter $(1),$(CRITERION)),,-isystem tests/support/plain)
$(BUILD)/$(1)/tests/lib/private/%.o: INC += -Ilib/src
$(BUILD)/$(1)/%.o: %.c $(BUILD)/$(1)/flags
	@mkdir -p $$(@D)
	$$(call quiet,compile)$$(CC) -std=c11 $$(WARN) $$(SOFT) $$(FLAGS.$(1)) $$(OPT) $$(CPPFLAGS) $$(CFLAGS) \
	  -fPIC -fvisibility=hidden -pthread -MMD -MP $$(INC) $$(INCLUDES) -c $$< -o $$@

$(BUILD)/$(1)/libleat.a: $(lib_src:%.c=$(BUILD)/$(1)/%.o)
	$$(call quiet,archive)rm -f $$@ && $$(AR) rcs $$@ $$^
$(BUILD)/$(1)/libleat.so: $(lib_src:%.c=$(BUILD)/$(1)/%.o)
	$$(call quiet,link)$$(CC) $$(FLAGS.$(1)) $$(CFLAGS) -shared -Wl,-soname,libleat.so.$(soversion) \
	  -pthread $$(LDFLAGS) $$^ -o $$@

$(foreach a,$(LIBRARIES),
$(BUILD)/$(1)/libleat-$(a).a: $(patsubst %.c,$(BUILD)/$(1)/%.o,$(SRC.$(a)))
	$$(call quiet,archive)rm -f $$@ && $$(AR) rcs $$@ $$^
$(BUILD)/$(1)/libleat-$(a).so: $(patsubst %.c,$(BUILD)/$(1)/%.o,$(SRC.$(a))) $(BUILD)/$(1)/libleat.so
	$$(call quiet,link)$$(CC) $$(FLAGS.$(1)) $$(CFLAGS) -shared -Wl,-soname,libleat-$(a).so.$(soversion) \
	  $$(LDFLAGS) $$^ $(LIBS.$(a)) -o $$@
)

$(BUILD)/$(1)/libleat-faults-libc.a: $(libc_faults_src:%.c=$(BUILD)/$(1)/%.o)
	$$(call quiet,archive)rm -f $$@ && $$(AR) rcs $$@ $$^

$(BUILD)/$(1)/adapters: $(ADAPTERS:%=$(BUILD)/$(1)/libleat-%.a)
	@touch $$@

$(BUILD)/$(1)/all-tests: $(test_src:%.c=$(BUILD)/$(1)/%.o) $(libc_faults_src:%.c=$(BUILD)/$(1)/%.o) \
  $(if $(filter $(1),$(CRITERION)),,$(BUILD)/$(1)/tests/support/plain/plain.o) \
  $(LIBRARIES:%=$(BUILD)/$(1)/libleat-%.a) $(BUILD)/$(1)/libleat.a
	$$(call quiet,link)$$(CC) $$(FLAGS.$(1)) $$(CFLAGS) -pthread $$(LDFLAGS) $$(WRAP) $$^ $(all_libs) \
	  $(if $(filter $(1),$(CRITERION)),-lcriterion) -o $$@

$(BUILD)/$(1)/tour/tour: $(tour_src:%.c=$(BUILD)/$(1)/%.o) $(ADAPTERS:%=$(BUILD)/$(1)/libleat-%.a) $(BUILD)/$(1)/libleat.a
	@mkdir -p $$(@D)
	$$(call quiet,link)$$(CC) $$(FLAGS.$(1)) $$(CFLAGS) -pthread $$(LDFLAGS) $$^ $(all_libs) -o $$@

$(examples:%=$(BUILD)/$(1)/lib/examples/%): %: %.o $(patsubst %.c,$(BUILD)/$(1)/%.o,$(wildcard lib/examples/*_lib.c)) $(ADAPTERS:%=$(BUILD)/$(1)/libleat-%.a) $(BUILD)/$(1)/libleat.a
	$$(call quiet,link)$$(CC) $$(FLAGS.$(1)) $$(CFLAGS) -pthread $$(LDFLAGS) $$^ $(all_libs) -o $$@
endef
$(foreach m,$(MODES),$(eval $(call mode,$(m))))

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null | sed 's/ /\\ /g')
.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: FORCE
FORCE:

$(BUILD)/tools/watchdog: tests/support/watchdog.c
	@mkdir -p $(@D)
	$(call quiet,link)$(CC) -std=c11 -O1 -g $(WARN) -o $@ $<

# --- setting up

# In `make -j2 deps check coverage`, too, one comes after the other.
in_turn = $(filter deps check coverage tour deep,$(MAKECMDGOALS))
$(foreach goal,$(filter-out $(firstword $(in_turn)),$(in_turn)),$(eval \
  $(goal): | $(shell echo '$(in_turn)' | tr ' ' '\n' | grep -x -B 1 $(goal) | head -n 1)))

.PHONY: deps
deps: ## install what is missing, and only that
	@CC="$(CC)" sh tests/check/deps.sh $(DEPS)

# --- the main job

.PHONY: tour
tour: ## the main job: 42,049 records through a real batch
	@CC="$(CC)" sh tests/check/need.sh $(DEPS) -- csv.h jansson.h sqlite3.h
	@$(MAKE) -s $(BUILD)/release/tour/tour
	@$(BUILD)/release/tour/tour lessons/00_tour/zipcodes.csv $(BUILD)/tour

# --- testing

check_parts = examples+rules+selftest+installed+fault-examples+criterion asan+tsan+memcheck+helgrind

# Seconds until a runner is taken for hung.
LIMIT = $(if $(LEAT_LONG),3600,600)

.PHONY: check
check: ## all tests: Criterion, memcheck, Helgrind, TSan, ASan and UBSan
	@CC="$(CC)" sh tests/check/need.sh $(DEPS) -- gcc g++ valgrind \
	  pkg-config criterion/criterion.h valgrind/helgrind.h csv.h jansson.h sqlite3.h
	@sh $(timed) $(MAKE) $(BUILD) build-tests $(check_parts)

.PHONY: build-tests
build-tests: $(watched) all $(foreach m,debug asan tsan valgrind,$(BUILD)/$(m)/all-tests) \
  $(examples:%=$(BUILD)/debug/lib/examples/%) $(BUILD)/release/tour/tour

.PHONY: test criterion
test: criterion ## only the Criterion tests
criterion: $(BUILD)/debug/all-tests $(watched)
	@$(watched) 120 -- sh tests/check/criterion.sh $(BUILD)/debug/all-tests

# Tests wait more than they work: three at once for each runner, two runners to
# a processor.
plain = $(watched) $(LIMIT) -- $(2) $(BUILD)/$(1)/all-tests --jobs 3 $(ONLY)
valgrind = valgrind -q --vgdb=no --sanity-level=0 --error-exitcode=99 --suppressions=tests/support/valgrind.supp \
  --suppressions=tests/adapters/valgrind.supp
memcheck = $(valgrind) --leak-check=full \
  --show-leak-kinds=definite,indirect,possible \
  --errors-for-leak-kinds=definite,indirect,possible
# memcheck walks through each thread's stack, byte by byte, when it is made: with
# small ones (ulimit) it takes half the time. Helgrind takes twice the time to
# keep both sides of every race: HISTORY=full, when there is one.
HISTORY ?= approx

.PHONY: asan ubsan tsan memcheck helgrind drd nospin
asan: $(BUILD)/asan/all-tests $(watched) ## the tests under AddressSanitizer and UBSan
	@$(call plain,asan)
ubsan: $(BUILD)/ubsan/all-tests $(watched) ## ... under UBSan alone
	@$(call plain,ubsan)
tsan: $(BUILD)/tsan/all-tests $(watched) ## ... under ThreadSanitizer
	@TSAN_OPTIONS="halt_on_error=0 exitcode=66 $$TSAN_OPTIONS" $(call plain,tsan)
memcheck: $(BUILD)/valgrind/all-tests $(watched) ## ... under Valgrind's memcheck
	@ulimit -S -s 512 && $(call plain,valgrind,$(memcheck))
helgrind: $(BUILD)/valgrind/all-tests $(watched) ## ... under Helgrind
	@$(call plain,valgrind,$(valgrind) --tool=helgrind --history-level=$(HISTORY))
# DRD is the slower the more threads there have ever been in a process.
drd: $(BUILD)/valgrind/all-tests $(watched) ## ... under DRD
	@ulimit -S -s 512 && export ROUNDS=$${ROUNDS:-4} && $(call plain,valgrind,$(valgrind) --tool=drd)
nospin: $(BUILD)/nospin/all-tests $(watched) ## ... with every wait parking
	@$(call plain,nospin)

.PHONY: examples rules selftest installed
examples: $(examples:%=$(BUILD)/debug/lib/examples/%) $(watched) ## the examples, their output compared
	@$(watched) 60 -- sh tests/check/examples.sh $(BUILD)/debug/lib/examples $(examples)
rules: all $(watched) ## headers, symbols, layers, README
	@CC="$(CC)" $(watched) 120 -- sh tests/check/rules.sh $(BUILD) $(LIBRARIES)
selftest: $(watched) ## the checks themselves: each planted bug must turn them red
	@CC="$(CC)" ASAN="$(FLAGS.asan)" TSAN="$(FLAGS.tsan)" MEMCHECK="$(memcheck)" \
	  VALGRIND="$(valgrind)" $(watched) 120 -- sh tests/check/selftest.sh $(BUILD)
installed: all $(watched) ## make install, and a program built with pkg-config
	@CC="$(CC)" MAKE="$(MAKE)" $(watched) 60 -- sh tests/check/installed.sh $(BUILD) $(LIBRARIES)

.PHONY: fault-examples
fault-examples: all $(watched) ## projects of their own, built against what is installed
	@CC="$(CC)" sh tests/check/need.sh $(DEPS) -- pkg-config criterion/criterion.h cmocka.h \
	  glib-2.0/gobject/gmarshal.h apr-1.0/apr_want.h apr-1.0/apu_want.h
	@CC="$(CC)" MAKE="$(MAKE)" $(watched) 120 -- sh tests/check/fault_examples.sh $(BUILD)

.PHONY: coverage
coverage: $(watched) ## line and branch coverage against coverage/floor
	@CC="$(CC)" sh tests/check/need.sh $(DEPS) -- gcc lcov criterion/criterion.h \
	  csv.h jansson.h sqlite3.h
	@$(MAKE) --no-print-directory $(BUILD)/coverage/all-tests
	@$(watched) 300 -- sh coverage/run.sh $(BUILD)/coverage
.PHONY: coverage-floor
coverage-floor: $(watched) $(BUILD)/coverage/all-tests ## what ten runs allow coverage/floor to be; RUNS=10
	@$(watched) 3000 -- sh coverage/lowest.sh $(BUILD)/coverage $(RUNS)

.PHONY: deep
deep: ## everything at length: gcc and clang, DRD, long stress
	@CC="$(CC)" sh tests/check/need.sh $(DEPS) -- gcc g++ clang valgrind
	@LEAT_LONG=1 sh $(timed) $(MAKE) $(BUILD) build-tests criterion nospin asan tsan ubsan drd tour-check
	@LEAT_LONG=1 sh $(timed) $(MAKE) "$(BUILD)/clang CC=clang" criterion asan tsan ubsan

.PHONY: tour-check
tour-check: $(BUILD)/release/tour/tour $(watched) ## the tour's last line, its exit codes, its signals
	@$(watched) 300 -- sh tests/check/tour.sh $(BUILD)/release/tour/tour

-include tests/bench/bench.mk
-include tests/mutants/mutants.mk

# --- installing

dest = $(DESTDIR)$(PREFIX)

.PHONY: install uninstall
install: all ## DESTDIR= PREFIX=: libraries, headers, pkg-config files
	install -d "$(dest)/include/leat" "$(dest)/lib/pkgconfig"
	install -m 644 lib/include/leat.h "$(dest)/include"
	install -m 644 lib/include/leat/*.h "$(dest)/include/leat"
	sh tests/check/install.sh "$(dest)" "$(PREFIX)" $(version) $(soversion) $(BUILD)/release \
	  $(foreach a,$(here),'$(a):$(REQUIRES.$(a)):$(LIBS.$(a))') '$(WRAP)'

uninstall: ## what install put there
	rm -rf "$(dest)/include/leat" "$(dest)/include/leat.h" "$(dest)"/lib/libleat.* \
	  "$(dest)"/lib/libleat-*.* "$(dest)"/lib/pkgconfig/leat*.pc

.PHONY: clean help
clean: ## remove what was built
	rm -rf $(BUILD) coverage/html

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1	\2/p' Makefile $(wildcard tests/*/*.mk) | expand -t 14
