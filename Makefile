# SPDX-License-Identifier: GPL-2.0-only
# Plain make builds build/<arch>/ecapture; `make help` lists the targets.

ARCH    := $(shell uname -m)
B       := build/$(ARCH)
CC      ?= cc
CLANG   ?= clang
LLVM_STRIP ?= $(firstword $(shell command -v llvm-strip || ls /usr/bin/llvm-strip-* 2>/dev/null) true)
PREFIX  ?= /usr/local
DESTDIR ?=
PKG_CONFIG ?= pkg-config
VERSION := 0.1.0
GIT_REV := $(shell git describe --always --dirty 2>/dev/null || echo release)

LIBS    := libbpf libelf capstone libcap libseccomp
CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wno-unused-parameter -Wshadow=local -Wstrict-prototypes \
	   -Wmissing-prototypes -Wvla -Wformat=2 -Werror=implicit-function-declaration
EC_CFLAGS := -std=gnu11 -D_GNU_SOURCE -Isrc -I$(B)/gen $(WARN) -fstack-protector-strong \
	   -fPIE -DEC_VERSION='"$(VERSION)"' -DEC_REV='"$(GIT_REV)"' \
	   $(shell $(PKG_CONFIG) --cflags $(LIBS))
EC_LDFLAGS := -pie -Wl,-z,relro,-z,now,--build-id
EC_LDLIBS := $(shell $(PKG_CONFIG) --libs $(LIBS)) -lpthread

# --- BPF -----------------------------------------------------------------------------
bpf_arch_x86_64  := x86
bpf_arch_aarch64 := arm64
BPF_ARCH := $(bpf_arch_$(ARCH))
KERN_HEADERS ?=
BPF_CFLAGS := -target bpf -g -O2 -mcpu=v2 -Wall -Wextra -Wno-unused-parameter -Wno-address-of-packed-member \
	   -D__TARGET_ARCH_$(BPF_ARCH) -Isrc $(if $(KERN_HEADERS),-I$(KERN_HEADERS)) \
	   -idirafter /usr/include/$(ARCH)-linux-gnu
SHAPES  := loop ring perf
BPF_SRC := src/bpf/host.bpf.c $(wildcard src/modules/*/*.bpf.c)
BPF_NAMES := $(notdir $(BPF_SRC:.bpf.c=))
BPF_OBJ := $(foreach s,$(SHAPES),$(BPF_NAMES:%=$(B)/bpf/%.$(s).o))
vpath %.bpf.c $(sort $(dir $(BPF_SRC)))

# --- C -------------------------------------------------------------------------------
SRC     := $(filter-out %.bpf.c,$(wildcard src/*/*.c src/modules/*/*.c))
LIB_SRC := $(filter-out src/app/main.c,$(SRC))
LIB_OBJ := $(LIB_SRC:src/%.c=$(B)/%.o) $(B)/gen/modules.o $(B)/gen/blobs.o
MODULES := $(notdir $(patsubst %/,%,$(sort $(dir $(filter-out src/modules/template/%,$(wildcard src/modules/*/*.bpf.c))))))

all: $(B)/ecapture

$(B)/ecapture: $(B)/app/main.o $(B)/libecapture.a
	$(CC) $(EC_LDFLAGS) $(LDFLAGS) -o $@ $^ $(EC_LDLIBS)

$(B)/libecapture.a: $(LIB_OBJ)
	rm -f $@ && $(AR) rcs $@ $^

$(B)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(EC_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define bpf_rule
$(B)/bpf/%.$(1).o: %.bpf.c Makefile
	@mkdir -p $$(@D)
	$(CLANG) $(BPF_CFLAGS) -DEC_SHAPE_$(1) -MMD -MP -MF $$(@:.o=.d) -c -o $$@ $$<
	$(LLVM_STRIP) -g $$@
endef
$(foreach s,$(SHAPES),$(eval $(call bpf_rule,$(s))))

# The table of modules and the objects inside the binary.
$(B)/gen/modules.c: tools/gen-modules Makefile $(BPF_SRC)
	@mkdir -p $(@D)
	sh tools/gen-modules table $(MODULES) > $@
$(B)/gen/blobs.S: tools/gen-modules Makefile $(BPF_OBJ)
	@mkdir -p $(@D)
	sh tools/gen-modules blobs $(B)/bpf $(BPF_OBJ) > $@
$(B)/gen/modules.o: $(B)/gen/modules.c
	$(CC) $(EC_CFLAGS) $(CFLAGS) -c -o $@ $<
$(B)/gen/blobs.o: $(B)/gen/blobs.S
	$(CC) $(EC_CFLAGS) -c -o $@ $<

# --- tests ---------------------------------------------------------------------------
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/%.c=$(B)/tests/%)
$(B)/tests/unit/%: tests/unit/%.c $(B)/libecapture.a
	@mkdir -p $(@D)
	$(CC) $(EC_CFLAGS) $(CFLAGS) -Itests -Wno-missing-prototypes -MMD -MP -o $@ $< $(B)/libecapture.a \
		$(EC_LDLIBS) $(shell $(PKG_CONFIG) --libs cmocka)

HELPER_SRC := $(wildcard tests/e2e/helpers/*.c tests/bench/*.c)
HELPER_BIN := $(HELPER_SRC:tests/%.c=$(B)/tests/%)
$(B)/tests/e2e/helpers/% $(B)/tests/bench/%:
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -o $@ tests/$(patsubst $(B)/tests/%,%,$@).c \
		-lssl -lcrypto -lpthread
$(foreach s,$(HELPER_SRC),$(eval $(s:tests/%.c=$(B)/tests/%): $(s)))

# Fuzzers build their own objects: clang, sanitizers, coverage.
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/%.c=$(B)/tests/%)
FUZZ_LIB := $(filter src/base/% src/model/% src/target/% src/modules/% src/capture/decode.c \
	   src/host/container.c src/host/cgroup.c src/host/cgroup_mounts.c,$(LIB_SRC))
$(B)/tests/fuzz/%: tests/fuzz/%.c $(FUZZ_LIB)
	@mkdir -p $(@D)
	$(CLANG) -std=gnu11 -D_GNU_SOURCE -Isrc -g -O1 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $@ $^ $(EC_LDLIBS)

test-bins: $(UNIT_BIN) $(HELPER_BIN)
fuzz-bins: $(FUZZ_BIN)

check: all test-bins
	tests/run check
# Without some of the packages the tests that want them are skipped.
check-full: all test-bins
	. ./tools/packages && need_packages full || :
	tests/run full
bench: all test-bins
	tests/bench/bench
fuzz: fuzz-bins
	tests/fuzz/run $(or $(FUZZ_SECONDS),600)

format:
	clang-format -i $(shell git ls-files 'src/*.[ch]' 'src/**/*.[ch]' 'tests/**/*.[ch]')

install: all
	install -D -m 755 $(B)/ecapture $(DESTDIR)$(PREFIX)/bin/ecapture
	install -D -m 644 docs/ecapture.8 $(DESTDIR)$(PREFIX)/share/man/man8/ecapture.8

clean:
	rm -rf build

help:
	@echo 'make            build $(B)/ecapture'
	@echo 'make check      every test that ./check runs (needs root for the capture tests)'
	@echo 'make check-full the whole matrices'
	@echo 'make bench      paired runs with and without capture; prints ratios'
	@echo 'make fuzz       long fuzzing run (FUZZ_SECONDS=600)'
	@echo 'make install    DESTDIR= PREFIX=/usr/local'
	@echo 'make format     clang-format on all sources'
	@echo 'make clean      remove build/'

.PHONY: all test-bins fuzz-bins check check-full bench fuzz format install clean help
.DELETE_ON_ERROR:
.SECONDARY:

-include $(LIB_OBJ:.o=.d) $(B)/app/main.d $(BPF_OBJ:.o=.d) $(UNIT_BIN:=.d)
