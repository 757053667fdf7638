# mutants.mk: mutation testing of lib and faults; mutants --help says how.
#
# make mutants [SAMPLE=100 [SEED=1]] [ONLY=lib/src/chan.c] [MUTANTS="--resume"]

SAMPLE ?=
SEED ?= 1
MUTANTS ?=
MUTANT_JOBS ?= 2

mutants_dir = $(BUILD)/mutants
mutant_builds = plain nospin asan tsan
# What is changed; and what the tests are built with that is not.
mutated = $(lib_src) $(SRC.faults) $(libc_faults_src)
mutant_tests = $(filter-out $(mutated),$(test_src) $(wrapped) tests/support/plain/plain.c)

# Not optimised, for the time it takes to compile; no warning is an error, for
# the compiler must not be what finds a mutant.
FLAGS.mutants/plain = -O0 -g
FLAGS.mutants/nospin = -O0 -g -DLEAT_NOSPIN
FLAGS.mutants/asan = $(filter-out -O% -Werror,$(FLAGS.asan)) -O0
FLAGS.mutants/tsan = $(filter-out -O% -Werror,$(FLAGS.tsan)) -O0
RUN.mutants/tsan = TSAN_OPTIONS="halt_on_error=0 exitcode=66"

define mutant_build
$(call mode,mutants/$(1))

$(mutants_dir)/$(1)/tests.o: $(mutant_tests:%.c=$(mutants_dir)/$(1)/%.o)
	$$(call quiet,link)$$(LD) -r $$^ -o $$@

# FORCE: what they say depends on variables.
$(mutants_dir)/$(1)/run: $(mutants_dir)/$(1)/all-tests $(mutants_dir)/$(1)/tests.o \
  $(if $(libc_faults_src),$(mutants_dir)/$(1)/libleat-faults-libc.a) FORCE
	@printf '#!/bin/sh\nexec $$(CC) -std=c11 -w $$(FLAGS.mutants/$(1)) %s %s "$$$$1" -o "$$$$3"\n' \
	  '$$(CPPFLAGS) $$(CFLAGS) -fPIC -fvisibility=hidden -pthread' \
	  '-iquote "$$$$2" $$(INCLUDES) -c' >$$(@D)/compile
	@sed -e 's/-O0/-O2/' -e 's/ -g / -g0 /' $$(@D)/compile >$$(@D)/same
	@printf '#!/bin/sh\nexec $$(CC) $$(FLAGS.mutants/$(1)) $$(CFLAGS) -pthread $$(LDFLAGS) %s "$$$$1" %s -o "$$$$2"\n' \
	  '$$(WRAP) $$(@D)/tests.o' '$$(filter %.a,$$^) $(LIBRARIES:%=$$(@D)/libleat-%.a) $$(@D)/libleat.a $(all_libs)' \
	  >$$(@D)/link
	@printf '#!/bin/sh\nexec env %s "$$$$@"\n' '$(RUN.mutants/$(1))' >$$@
	@chmod +x $$(@D)/compile $$(@D)/same $$(@D)/link $$@
endef
# Only when asked for: rules that nobody needs cost time in each make.
ifneq ($(filter mutants $(mutants_dir)/%,$(MAKECMDGOALS)),)
$(foreach b,$(mutant_builds),$(eval $(call mutant_build,$(b))))
endif

$(BUILD)/tools/mutants: $(wildcard tests/mutants/*.c) $(wildcard tests/mutants/*.h)
	@mkdir -p $(@D)
	$(call quiet,link)$(CC) -std=c11 -O1 -g $(WARN) -pthread -o $@ $(filter %.c,$^)

.PHONY: mutants mutants-selftest
mutants: $(BUILD)/tools/mutants ## our tests tested: an hour or two; SAMPLE=100 SEED=1 ONLY= MUTANTS="--resume"
	@$(MAKE) --no-print-directory $(mutant_builds:%=$(mutants_dir)/%/run)
	@$< $(mutant_builds:%=--build $(mutants_dir)/%) --dir $(mutants_dir) --jobs $(MUTANT_JOBS) \
	  --reasons tests/mutants/reasons --order tests/mutants/order $(if $(ONLY),--only '$(ONLY)') \
	  $(if $(SAMPLE),--sample $(SAMPLE) --seed $(SEED)) $(MUTANTS) $(mutated)

mutants-selftest: $(BUILD)/tools/mutants ## the mutation tester itself, on a toy
	@CC="$(CC)" $(watched) 120 -- sh tests/mutants/selftest.sh $<
mutants-selftest: $(watched)
