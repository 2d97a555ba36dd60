# Fuzz targets: the portable sources once more, with clang, coverage and sanitizers. tests/fuzz/run.py runs them.
## the compiler of fuzz targets
FUZZ_CC ?= clang
FUZZ_FLAGS := -std=gnu17 -g -I. $(WARNINGS) -MMD -MP -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
    -fno-omit-frame-pointer
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(sort $(wildcard tests/fuzz/*.c)))
FUZZ_LIBRARY := $(patsubst %,$(B)/fuzz/%.o,$(HOST_LIBRARY))

$(B)/fuzz/%.c.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c $< -o $@
$(B)/fuzz/libvellum.a: $(FUZZ_LIBRARY)
	rm -f $@ && ar rcs $@ $^
$(B)/fuzz/%: $(B)/fuzz/tests/fuzz/%.c.o $(B)/fuzz/libvellum.a
	$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $^ -lcmocka -llz4 -lsodium -lm -o $@
# Without clang or its runtime for fuzzing there is nothing to build, and `make check` leaves it out.
fuzzers: $(if $(wildcard $(shell $(FUZZ_CC) -print-runtime-dir 2>/dev/null)/libclang_rt.fuzzer-*.a),$(FUZZERS))  ## the fuzz targets, not run

campaign-fuzz: setup-check  ## fuzzing of host targets, then of system calls in the emulator: HOURS=1 each
	@$(MAKE) --no-print-directory -s -j$$(nproc) all fuzzers programs
	@$(PYTHON) tests/fuzz/run.py --seconds $$(( $${HOURS:-1} * 3600 ))
.PHONY: fuzzers campaign-fuzz

-include $(shell find $(B)/fuzz -type f -name '*.d' 2>/dev/null)
