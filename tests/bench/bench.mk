# bench.mk: the benchmarks; tests/bench/README.md says what they measure.
#
# make bench [ROUNDS=5] [MS=200] [ONLY="select pipeline"] [PROTOTYPE=folder]

ROUNDS ?= 5
MS ?= 200
PROTOTYPE ?=
CXX ?= c++

# what the peers need, and Debian's package with it
BENCH_DEPS = $(firstword $(CXX)):g++ go:golang-go rustc:rustc \
  /usr/share/cargo/registry/crossbeam-channel-0.5*:librust-crossbeam-channel-dev \
  tbb/parallel_pipeline.h:libtbb-dev \
  concurrentqueue/blockingconcurrentqueue.h:libconcurrentqueue-dev \
  $(filter csv.h:% sqlite3.h:%,$(DEPS))

bench_dir = $(BUILD)/bench
bench_obj = $(addprefix $(BUILD)/release/tests/bench/,$(1:%=%.o))
bench_driver = driver gauge results rows run table
bench_leat = bench_leat bench_chan bench_waits bench_fault bench_pipeline bench_sqlite job
bench_loop = bench_loop job
bench_peers = leat loop go crossbeam tbb moodycamel
bench_link = $(call quiet,link)$(CC) $(FLAGS.release) $(CFLAGS) -pthread $(LDFLAGS)
bench_cxx = $(call quiet,compile)$(CXX) -std=c++17 -O2 -g -Wall -Wextra -pthread \
  $(CXXFLAGS) $(LDFLAGS) -o $@ $<

.PHONY: bench bench-deps
bench-deps: ## install what is missing for bench: Go, Rust, TBB and others
	@CC="$(CC)" CXX="$(CXX)" sh tests/bench/need.sh --install $(BENCH_DEPS)

bench: ## leat's speed beside Go, crossbeam and TBB; PROTOTYPE= ROUNDS= MS= ONLY=
	@CXX="$(CXX)" sh tests/bench/need.sh $(BENCH_DEPS)
	@$(MAKE) -s $(bench_dir)/driver $(bench_peers:%=$(bench_dir)/%) \
	  $(if $(PROTOTYPE),$(bench_dir)/prototype)
	@$(bench_dir)/driver -r $(ROUNDS) -t $(MS) $(if $(PROTOTYPE),-p) \
	  -f lessons/00_tour/zipcodes.csv -o $(bench_dir)/bench.md \
	  -v "$$(sh tests/bench/versions.sh $(CC))" $(bench_dir) $(ONLY)

$(bench_dir)/driver: $(call bench_obj,$(bench_driver))
	@mkdir -p $(@D)
	$(bench_link) $^ -lm -o $@

$(bench_dir)/leat: $(call bench_obj,$(bench_leat)) $(BUILD)/release/libleat-csv.a \
  $(BUILD)/release/libleat-sqlite.a $(BUILD)/release/libleat-faults.a \
  $(BUILD)/release/libleat.a
	@mkdir -p $(@D)
	$(bench_link) $^ $(LIBS.csv) $(LIBS.sqlite) -o $@

$(bench_dir)/loop: $(call bench_obj,$(bench_loop))
	@mkdir -p $(@D)
	$(bench_link) $^ $(LIBS.csv) $(LIBS.sqlite) -o $@

$(bench_dir)/tbb: tests/bench/bench_tbb.cc tests/bench/work.h
	@mkdir -p $(@D)
	$(bench_cxx) -ltbb

$(bench_dir)/moodycamel: tests/bench/bench_moodycamel.cc tests/bench/work.h
	@mkdir -p $(@D)
	$(bench_cxx)

$(bench_dir)/go: tests/bench/bench_go.go
	@mkdir -p $(@D)
	$(call quiet,compile)GO111MODULE=off GOFLAGS=-mod=mod go build -o $@ $<

$(bench_dir)/crossbeam: tests/bench/bench_crossbeam.rs tests/bench/crossbeam.sh
	@mkdir -p $(@D)
	$(call quiet,compile)sh tests/bench/crossbeam.sh $< $@ $(bench_dir)/crates

$(bench_dir)/prototype: $(PROTOTYPE)/bench_leat.c $(PROTOTYPE)/chan.c
	@mkdir -p $(@D)
	$(call quiet,compile)$(CC) -std=gnu11 -O2 -g -pthread $(CFLAGS) -I$(PROTOTYPE) $(LDFLAGS) $^ -o $@
