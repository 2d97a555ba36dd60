# Vellum: the firmware, its host tools and its tests. `make help` lists what can be asked for.

B := build
## the machine of run and debug: virt or sifive_u
BOARD ?= virt
## 4 KiB frames for everything that tasks need
FRAMES ?= 512
ARCH := -march=rv64imac -mabi=lp64 -misa-spec=2.2 -mcmodel=medany -mstrict-align
## what the names of the firmware's tools begin with
CROSS ?= riscv64-unknown-elf-
## the firmware's compiler; platform/clang_target is another
CC_TARGET ?= $(CROSS)gcc
## the compiler of test programs for Linux
CC_LINUX ?= riscv64-linux-gnu-gcc
## of scripts and tests
PYTHON ?= /usr/bin/python3
## the compiler of host tools and tests
HOST_CC ?= gcc

WARNINGS := -Wall -Wextra -Werror -Wconversion -Wshadow -Wmissing-prototypes -Wvla
COMMON := -std=gnu17 -g -I. $(WARNINGS) -MMD -MP
TARGET_FLAGS := $(COMMON) -include hal/cpu_riscv.h --specs=picolibc.specs $(ARCH) -ffreestanding -fno-common -ffunction-sections -fdata-sections \
    -malign-data=natural -fstack-usage -fno-tree-loop-distribute-patterns
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# ---- Sources ----
MM := $(sort $(wildcard mm/vm/*.c mm/store/*.c))
STORE := $(sort $(wildcard mm/store/*.c))
HAL_PORTABLE := hal/flash.c hal/spi_nor.c hal/spi_nor_parts.c hal/cfi_nor.c hal/cfi_query.c hal/prci_sifive.c hal/spi_sifive.c
PLATFORM_PORTABLE := platform/arguments.c platform/cpio.c platform/fdt.c platform/probe.c platform/partition.c
FIRMWARE_SOURCES := $(sort $(wildcard firmware/*.c firmware/linux/*.c hal/*.c platform/*.c)) $(MM)
FIRMWARE_ASM := $(sort $(wildcard firmware/*.S firmware/linux/*.S))
SIM := $(sort $(wildcard tests/sim/*.c))
# Of tests/host: tests, benchmarks, campaigns, and tools that tests call; the rest is what they share.
HOST_TESTS := $(patsubst tests/host/%.c,$(B)/host/%,$(sort $(wildcard tests/host/test_*.c)))
HOST_BENCHES := $(patsubst tests/host/%.c,$(B)/fast/%,$(sort $(wildcard tests/host/bench_*.c)))
HOST_CAMPAIGNS := $(B)/fast/powercut $(B)/fast/corrupt
HOST_TOOLS := $(B)/host/elf_why $(B)/host/damaged_image
HOST_MAINS := $(notdir $(HOST_TESTS) $(HOST_BENCHES) $(HOST_CAMPAIGNS) $(HOST_TOOLS))
HOST_LIBRARY := $(MM) $(HAL_PORTABLE) $(PLATFORM_PORTABLE) $(SIM) firmware/elf.c firmware/random.c \
    $(filter-out $(HOST_MAINS:%=tests/host/%.c),$(wildcard tests/host/*.c))
PROGRAMS := $(patsubst tests/programs/%.c,$(B)/programs/%,$(sort $(wildcard tests/programs/*.c))) $(B)/programs/attack $(B)/programs/callfuzz $(B)/programs/posix $(B)/programs/stress $(B)/programs/codec \
    $(B)/programs/bare $(B)/programs/picolibc

# Files on the paths that the figures of `make bench` count; the rest is built for size, WARM ones without shared prologues.
HOT := firmware/memory.c mm/store/codec.c mm/store/lz4_compress.c mm/store/lz4_expand.c mm/store/seal.c mm/store/crc32c.c \
    mm/store/load.c mm/vm/copy.c mm/vm/fault.c mm/vm/fork.c mm/vm/frame.c mm/vm/pool.c mm/vm/promise.c mm/vm/sv39.c \
    $(patsubst %,firmware/linux/%.c,deliver read sigframe syscall)
WARM := firmware/task.c firmware/trap.c firmware/linux/pipe.c firmware/linux/signal.c \
    mm/vm/asid.c mm/vm/region.c mm/vm/table.c
# What -Os still trades for speed; each was measured.
SMALL := -Os -msave-restore -fno-jump-tables -fno-move-loop-invariants -fno-tree-loop-im -fno-tree-ch -fno-caller-saves \
    -fno-forward-propagate
# These are compiled as one, at the end: 6 KB less.
LTO := -flto

.PHONY: all run check bench hil debug image flash compat size lint help clean setup-run setup-check host-tests programs \
    campaign-powercut campaign-kill campaign-hil campaign-programs coverage

all: $(B)/vellum.elf $(B)/vellum.bin $(B)/vellum-image  ## the firmware image and the host's image tool

# ---- Firmware ----
target_objects := $(patsubst %,$(B)/target/%.o,$(FIRMWARE_SOURCES) $(FIRMWARE_ASM))
$(B)/target/%.c.o: OPTIMIZE = $(SMALL) $(LTO)
$(patsubst %,$(B)/target/%.o,$(HOT)): OPTIMIZE = -O2
$(patsubst %,$(B)/target/%.o,$(WARM)): OPTIMIZE = -Os
$(B)/target/%.c.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC_TARGET) $(TARGET_FLAGS) $(OPTIMIZE) -c $< -o $@
$(B)/target/%.S.o: %.S
	@mkdir -p $(@D)
	$(CC_TARGET) -g -I. $(ARCH) -MMD -MP -c $< -o $@
$(B)/vellum.elf: $(target_objects) linker/firmware.ld
	$(CC_TARGET) $(TARGET_FLAGS) $(SMALL) $(LTO) -flto-partition=one -nostartfiles -T linker/firmware.ld -Wl,--gc-sections -Wl,-Map=$(B)/vellum.map \
	    -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments $(target_objects) -o $@
$(B)/vellum.bin: $(B)/vellum.elf
	$(CROSS)objcopy -O binary $< $@

# ---- Host: library, tools, tests ----
# Two builds of the same sources: `host` with sanitizers for tests, `fast` without for tools and long campaigns.
define host_build
$(B)/$(1)/%.c.o: %.c
	@mkdir -p $$(@D)
	$(HOST_CC) $(COMMON) $(2) -c $$< -o $$@
$(B)/$(1)/libvellum.a: $(patsubst %,$(B)/$(1)/%.o,$(HOST_LIBRARY))
	rm -f $$@ && ar rcs $$@ $$^
$(B)/$(1)/%: $(B)/$(1)/tests/host/%.c.o $(B)/$(1)/libvellum.a
	$(HOST_CC) $(2) $$^ -lcmocka -llz4 -lsodium -lm -o $$@
endef
$(eval $(call host_build,host,-O1 $(SANITIZE)))
$(eval $(call host_build,fast,-O2))
$(eval $(call host_build,coverage,-O0 --coverage))
.SECONDARY:

include tests/fuzz/fuzz.mk

IMAGE_TOOL := $(wildcard platform/image/*.c)
$(B)/vellum-image: $(patsubst %,$(B)/fast/%.o,$(IMAGE_TOOL) $(STORE) hal/flash.c)
	$(HOST_CC) $^ -o $@

$(B)/programs/%: tests/programs/%.c tests/programs/common.h
	@mkdir -p $(@D)
	$(CC_LINUX) -std=gnu17 -O2 -g -Wall -Wextra -Werror -static -pthread $< -o $@
CODEC := mm/store/codec.c mm/store/lz4_compress.c mm/store/lz4_expand.c
$(B)/programs/codec: tests/bench/codec.c $(CODEC) tests/programs/common.h
	@mkdir -p $(@D)
	$(CC_LINUX) -I. -std=gnu17 -O2 -mstrict-align -fno-tree-loop-distribute-patterns -g -Wall -Wextra -Werror -static $(filter %.c,$^) -o $@
# Programs of several files, which have a folder each. Those for the host are made in one step: tests that run side by side make
# them, and each runs them at once.
define program_folder
$(B)/programs/$(1): $(wildcard tests/programs/$(1)/*.[ch]) tests/programs/common.h
	@mkdir -p $$(@D)
	$(CC_LINUX) -I. -std=gnu17 -O2 -g -Wall -Wextra -Werror -static -pthread $$(filter %.c,$$^) -o $$@
$(B)/programs-host/$(1): $(wildcard tests/programs/$(1)/*.[ch]) tests/programs/common.h
	@mkdir -p $$(@D)
	$(HOST_CC) -I. -std=gnu17 -O2 -g -Wall -Wextra -Werror -pthread $$(filter %.c,$$^) -o $$@.$$$$$$$$ && mv $$@.$$$$$$$$ $$@
endef
$(foreach program,attack callfuzz posix stress,$(eval $(call program_folder,$(program))))
# Other kinds of programs than static ones on glibc: a static PIE on no library, and one on picolibc, linked as the linker does
# by itself and not, as picolibc would have it, for a ROM.
$(B)/programs/bare: tests/programs/kinds/bare.c
	@mkdir -p $(@D)
	$(CC_LINUX) -std=gnu17 -O2 -g -Wall -Wextra -Werror -fno-builtin -fno-tree-loop-distribute-patterns -fPIE -nostdlib -static \
	    -Wl,-pie,--no-dynamic-linker $< -o $@
$(B)/programs/picolibc: tests/programs/kinds/picolibc.c
	@mkdir -p $(@D)
	$(CROSS)ld --verbose | sed '1,/^====/d; /^====/,$$d' >$@.ld
	$(CC_TARGET) --specs=picolibc.specs $(ARCH) -std=gnu17 -O2 -g -Wall -Wextra -Werror -nostartfiles -T $@.ld $< -o $@
$(B)/programs-host/%: tests/programs/%.c
	@mkdir -p $(@D)
	$(HOST_CC) -std=gnu17 -O2 -g -Wall -Wextra -Werror -pthread $< -o $@.$$$$ && mv $@.$$$$ $@
# What `make bench` traces the host's own programs with; QEMU's functions are found when it loads it.
$(B)/trace_plugin.so: tests/bench/trace_plugin.c
	@mkdir -p $(@D)
	$(HOST_CC) $(COMMON) -O2 -shared -fPIC $< -o $@
programs: $(PROGRAMS)  ## the test programs, for the target
host-tests: $(HOST_TESTS) $(HOST_CAMPAIGNS) $(HOST_TOOLS)  ## the host's tests and campaigns, not run

# ---- What users call ----
setup-run:
	@platform/setup run
setup-check:
	@platform/setup check

# Variables of `make run` go to the script behind it as they are.
RUN_VARIABLES := BOARD FRAMES FILES CMD FLASH TIMEOUT BOOTARGS QEMU QEMU_ARGS OPENSBI FIRMWARE ICOUNT RAM
# Only what is set: an empty variable in the environment would be taken for a value.
$(foreach v,$(RUN_VARIABLES),$(if $($(v)),$(eval export $(v))))
run_arguments = $(foreach v,$(RUN_VARIABLES),$(if $($(v)),"$(v)=$$$(v)"))
run: setup-run  ## builds, boots QEMU, runs CMD, or the main job and then the monitor
	@$(MAKE) --no-print-directory -s all programs
	@platform/run $(run_arguments)

check: setup-check  ## every test that a change must pass: host, virt, sifive_u; ends with "N passed, N failed"
	@$(MAKE) --no-print-directory -s -j$$(nproc) all host-tests programs fuzzers
	@$(PYTHON) tests/check.py

hil: setup-check  ## tests over the console of an emulated or a real board: tests/hil/README.md
	@$(MAKE) --no-print-directory -s -j$$(nproc) all programs
	@$(PYTHON) tests/hil/run $(or $(TARGET),virt) $(ARGS)

bench: setup-check  ## the figures, one line each: "bench NAME VALUE UNIT"
	@$(MAKE) --no-print-directory -s -j$$(nproc) all host-tests programs
	@$(PYTHON) tests/bench/bench.py

campaign-powercut: setup-check  ## a million power cuts and more under ten seeds, on all cores: SEEDS=10 FIRST=1
	@$(MAKE) --no-print-directory -s -j$$(nproc) $(B)/fast/powercut
	@$(PYTHON) tests/powercut_campaign.py $(or $(SEEDS),10) $(or $(FIRST),1)

campaign-hil: setup-check  ## the tests over the console again and again, in random order
	@$(MAKE) --no-print-directory -s -j$$(nproc) all programs
	@HIL_ARGS="$(ARGS)" $(PYTHON) tests/hil/campaign.py $(or $(REPEAT),1000) $(or $(SEED),1) $(TARGET)

campaign-kill: setup-check  ## the emulator killed at a thousand random moments and more, ten a seed; faults beside the boot code: SEEDS=100 FIRST=1
	@$(MAKE) --no-print-directory -s -j$$(nproc) all programs
	@KILL_TESTS=$(or $(SEEDS),100) KILL_FIRST=$(or $(FIRST),1) $(PYTHON) -m pytest -q -rP --show-capture=stdout \
	    -n $$(nproc) -p no:cacheprovider tests/target/test_kill.py tests/target/test_boot_faults.py

campaign-programs: setup-check  ## programs, stressors and cases with frames for a quarter, half and all, into tests/RESULTS.md: ONLY= SEEDS=3
	@$(MAKE) --no-print-directory -s -j$$(nproc) all programs
	@ONLY="$(ONLY)" SEEDS="$(SEEDS)" $(PYTHON) tests/programs_campaign.py

# The tests of the store, and its two campaigns in a small size.
COVERAGE_TESTS := $(filter test_codec test_crc32c test_seal test_seed test_store%,$(notdir $(HOST_TESTS)))
COVERAGE_RUNS := $(COVERAGE_TESTS) "powercut all 1 1 200" "corrupt 5000 1"
coverage: setup-check  ## lines and branches of mm/store that its host tests reach; V=1: those they miss
	@$(MAKE) --no-print-directory -s -j$$(nproc) $(foreach r,$(COVERAGE_TESTS) powercut corrupt,$(B)/coverage/$(r))
	@find $(B)/coverage -name '*.gcda' -delete
	@$(PYTHON) tests/coverage.py $(if $(V),-v) $(COVERAGE_RUNS)

debug: setup-check  ## the same, stopped at the start, in gdb with commands that read the firmware (`vellum` lists them)
	@$(MAKE) --no-print-directory -s all programs
	@platform/run $(run_arguments) DEBUG=1

# Variables of the board commands, which go to the scripts behind them as they are.
IMAGE_VARIABLES := BOARD MEDIUM FILES CMD FRAMES BOOTARGS FIRST KEEP OUT U_BOOT OPENSBI
CARD_VARIABLES := BOARD DEV IMAGE DRY_RUN YES UNDO BACKUPS
$(foreach v,$(IMAGE_VARIABLES) $(CARD_VARIABLES),$(if $($(v)),$(eval export $(v))))
given = $(foreach v,$(1),$(if $(filter command environment,$(origin $(v))),"$(v)=$$$(v)"))
image: setup-run  ## what a HiFive board boots from
	@$(MAKE) --no-print-directory -s all programs
	@platform/board_image $(call given,$(IMAGE_VARIABLES))

flash:  ## writes an SD image to a card, with a way back
	@platform/flash_card $(call given,$(CARD_VARIABLES))

compat: setup-check  ## the smoke tests on every emulator, OpenSBI and compiler; prints the table
	@$(MAKE) --no-print-directory -s all programs
	@platform/compat

size: $(B)/vellum.elf  ## text and data by module, static data, deepest stack
	@$(PYTHON) tests/size.py $(B)

lint: setup-check  ## format, static analysis, include directions
	@$(PYTHON) tests/lint.py

clean:  ## removes what was built
	rm -rf $(B)

# Targets and variables from the comments here, the rest from the scripts that take them.
script_variables = printf '\n$(1):\n'; $(2) help | grep '^  '
help:  ## this list
	@echo "make TARGET [VARIABLE=value ...]"
	@sed -n 's/^\([a-z-]*\):[^#]*## *\(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22
	@printf '\nBuilding:\n'
	@sed -n '/^## /{N; s/^## \(.*\)\n\([A-Z_]*\) ?= \(.*\)/  \2=\3\t\1/p}' $(MAKEFILE_LIST) | expand -t 33
	@$(call script_variables,make run$(comma) make debug,platform/run)
	@$(call script_variables,make hil$(comma) make campaign-hil,tests/hil/run)
	@$(call script_variables,make image,platform/board_image)
	@$(call script_variables,make flash,platform/flash_card)
comma := ,

-include $(shell find $(B)/target $(B)/host $(B)/fast $(B)/coverage -type f -name '*.d' 2>/dev/null)
