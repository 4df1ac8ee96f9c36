/* Multiboot kernels and modules, zImages and bzImages as they end up in memory and registers when
 * firmware has started them; ROM images; and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "machine/orrery.h"

#define RAM         (4u << 20)
#define HEADER_AT   64u
#define LOAD        0x200000u
#define ELF_PHYS    0x180000u
#define ELF_VIRT    0xc0180000u
#define INFO_CMD    16
#define INFO_MODS   20
#define INFO_MMAP   44
#define INFO_LOADER 64

static char dir[] = "/tmp/orrery-boot-XXXXXX";

static const char *at(const char *name)
{
    static char path[4][64];
    static unsigned n;
    n = (n + 1) % 4;
    snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
    return path[n];
}

static const char *save(const char *name, const void *data, size_t len)
{
    FILE *f = fopen(at(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
    return at(name);
}

static void put(uint8_t *p, uint32_t value)
{
    store_le(p, 4, value);
}

static void put_header(uint8_t *file, uint32_t flags)
{
    put(file + HEADER_AT, 0x1badb002);
    put(file + HEADER_AT + 4, flags);
    put(file + HEADER_AT + 8, 0u - 0x1badb002 - flags);
}

/* A flat file of 4096 bytes: loads from offset 32 to LOAD, 1000 bytes and 500 of zeros. */
static void make_flat(uint8_t file[4096])
{
    for (unsigned i = 0; i < 4096; i++)
        file[i] = (uint8_t)(i * 5 + 1);
    put_header(file, 0x10003);
    put(file + HEADER_AT + 12, LOAD + HEADER_AT - 32);
    put(file + HEADER_AT + 16, LOAD);
    put(file + HEADER_AT + 20, LOAD + 1000);
    put(file + HEADER_AT + 24, LOAD + 1500);
    put(file + HEADER_AT + 28, LOAD + 8);
}

/* An ELF file with one segment: 256 bytes from offset 512, 1024 in memory. */
static void make_elf(uint8_t file[4096])
{
    static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 1, 1, 1};
    memset(file, 0x77, 4096);
    memset(file, 0, 128);
    memcpy(file, ident, sizeof(ident));
    put(file + 16, 0x00030002);
    put(file + 24, ELF_VIRT + 4);
    put(file + 28, 128);
    put(file + 42, 32 | 1 << 16);
    put_header(file, 0);
    put(file + 128, 1);
    put(file + 132, 512);
    put(file + 136, ELF_VIRT);
    put(file + 140, ELF_PHYS);
    put(file + 144, 256);
    put(file + 148, 1024);
}

static struct orrery *boot(const struct orrery_config *config)
{
    char err[200] = "";
    struct orrery *o = orrery_create(config, err, sizeof(err));
    if (!o)
        fail_msg("%s", err);
    return o;
}

/* Firmware has run, and the next instruction is the kernel's first, at this linear address. */
static struct orrery *start(const struct orrery_config *config, uint32_t entry)
{
    const struct orrery_break at_entry = {.kind = ORRERY_BREAK_CODE, .linear = entry, .len = 1};
    struct orrery *o = boot(config);
    enum orrery_stop stop;

    assert_true(orrery_set_breaks(o, &at_entry, 1));
    while ((stop = orrery_run(o, 100000000)) == ORRERY_IDLE)
        orrery_idle_skip(o, orrery_idle_ns(o));
    assert_int_equal(stop, ORRERY_BREAK);
    return o;
}

static void refused(const struct orrery_config *config, const char *word)
{
    char err[200] = "";
    assert_null(orrery_create(config, err, sizeof(err)));
    if (!strstr(err, word) || strchr(err, '\n'))
        fail_msg("'%s' instead of '%s'", err, word);
}

static uint32_t peek(struct orrery *o, uint32_t addr)
{
    uint8_t b[4];
    assert_true(orrery_read_phys(o, addr, b, 4));
    return (uint32_t)load_le(b, 4);
}

static void expect_text(struct orrery *o, uint32_t addr, const char *text)
{
    char is[256];
    assert_true(orrery_read_phys(o, addr, is, strlen(text) + 1));
    assert_string_equal(is, text);
}

static void test_flat(void **state)
{
    uint8_t file[4096], *is = malloc(2000);
    (void)state;
    make_flat(file);
    const char *kernel = save("flat", file, sizeof(file));
    struct orrery *o = start(
        &(struct orrery_config){.ram_bytes = RAM, .kernel = kernel, .append = "a=1 b"}, LOAD + 8);
    assert_int_equal(orrery_reg(o, 0), 0x2badb002);
    assert_int_equal(orrery_reg(o, ORRERY_EIP), LOAD + 8);
    assert_int_equal(orrery_reg(o, ORRERY_CR0) & 0x80000001, 1);
    assert_int_equal(orrery_reg(o, ORRERY_EFLAGS) & 0x20200, 0);
    assert_true(orrery_read_phys(o, LOAD, is, 1600));
    assert_memory_equal(is, file + 32, 1000);
    for (unsigned i = 1000; i < 1600; i++)
        assert_int_equal(is[i], 0);

    uint8_t gdtr[4]; /* where no kernel writes: some have none of their own */
    orrery_read_register(o, orrery_find_register("gdtr"), gdtr);
    assert_in_range(load_le(gdtr, 4), 0xc0000, 0xfffff);

    uint32_t info = orrery_reg(o, 3);
    char cmdline[128];
    snprintf(cmdline, sizeof(cmdline), "%s a=1 b", kernel);
    assert_int_equal(peek(o, info), 0x24f);
    assert_int_equal(peek(o, info + 4), 639);
    assert_int_equal(peek(o, info + 12), 0x8000ffff);
    assert_int_equal(peek(o, info + 8), 3072 - 128);
    expect_text(o, peek(o, info + INFO_CMD), cmdline);
    assert_int_equal(peek(o, info + INFO_MODS), 0);
    assert_int_equal(peek(o, info + INFO_MMAP), 6 * 24); /* that of firmware */
    uint32_t high = peek(o, info + INFO_MMAP + 4) + 3 * 24;
    assert_in_range(high, 0x90000, 0x9ffff);
    assert_int_equal(peek(o, high), 20);
    assert_int_equal(peek(o, high + 4), 0x100000);
    assert_int_equal(peek(o, high + 12), RAM - 0x100000 - 0x20000);
    assert_int_equal(peek(o, high + 20), 1);
    expect_text(o, peek(o, info + INFO_LOADER), "Orrery");
    orrery_free(o);
    free(is);
}

static void test_elf(void **state)
{
    uint8_t file[4096];
    (void)state;
    make_elf(file);
    struct orrery *o =
        start(&(struct orrery_config){.ram_bytes = RAM, .kernel = save("elf", file, sizeof(file))},
              ELF_PHYS + 4); /* e_entry is virtual */
    assert_int_equal(peek(o, ELF_PHYS + 252), 0x77777777);
    assert_int_equal(peek(o, ELF_PHYS + 256), 0);
    orrery_free(o);
}

/* Linkers put a page with the file's headers before text at 1 MiB, and give a segment without bytes
 * an offset behind the file's end. */
static void test_elf_headers(void **state)
{
    static const uint32_t segments[2][6] = {{1, 1024, 0xffff0, 0xffff0, 32, 48},
                                            {1, 8192, 0x190000, 0x190000, 0, 64}};
    uint8_t file[4096];
    (void)state;
    make_elf(file);
    put(file + 42, 32 | 3 << 16);
    for (unsigned i = 0; i < 12; i++)
        put(file + 160 + i / 6 * 32 + i % 6 * 4, segments[i / 6][i % 6]);
    put(file + 1024 + 16, 0x12345678);
    struct orrery *o =
        start(&(struct orrery_config){.ram_bytes = RAM, .kernel = save("elf", file, sizeof(file))},
              ELF_PHYS + 4);
    assert_int_equal(peek(o, 0x100000), 0x12345678);
    assert_int_equal(peek(o, 0x10000c), 0x77777777);
    assert_int_equal(peek(o, 0x100010), 0);
    orrery_free(o);
}

static void test_modules(void **state)
{
    uint8_t file[4096];
    char initrd[256], text[128];
    (void)state;
    make_flat(file);
    memset(file, 0, 32);
    save("flat", file, sizeof(file));
    save("one", "first", 5);
    save("two,half", "second module", 13);
    snprintf(initrd, sizeof(initrd), "%s x=1 y,%s/two,,half", at("one"), dir);
    struct orrery *o =
        start(&(struct orrery_config){.ram_bytes = RAM, .kernel = at("flat"), .initrd = initrd},
              LOAD + 8);
    uint32_t info = orrery_reg(o, 3), mods = peek(o, info + INFO_MODS + 4);
    assert_int_equal(peek(o, info + INFO_MODS), 2);
    assert_int_equal(peek(o, mods) & 0xfff, 0);
    assert_int_equal(peek(o, mods + 4) - peek(o, mods), 5);
    assert_int_equal(peek(o, peek(o, mods)), 0x73726966); /* "firs" */
    snprintf(text, sizeof(text), "%s x=1 y", at("one"));
    expect_text(o, peek(o, mods + 8), text);
    assert_int_equal(peek(o, mods + 16) & 0xfff, 0);
    assert_int_equal(peek(o, mods + 20) - peek(o, mods + 16), 13);
    snprintf(text, sizeof(text), "%s/two,half", dir);
    expect_text(o, peek(o, mods + 24), text);
    assert_true(peek(o, mods) >= 0x100000 && peek(o, mods + 20) <= RAM);
    orrery_free(o);
    refused(&(struct orrery_config){.kernel = at("flat"), .initrd = at("none")}, "none");
}

/* The information gives way to a kernel in low memory. */
static void test_low_kernel(void **state)
{
    uint8_t file[4096];
    (void)state;
    make_flat(file);
    put(file + HEADER_AT + 12, 0x8000 + HEADER_AT);
    put(file + HEADER_AT + 16, 0x8000);
    put(file + HEADER_AT + 20, 0);
    put(file + HEADER_AT + 24, 0x20001);
    put(file + HEADER_AT + 28, 0x8000);
    struct orrery *o =
        start(&(struct orrery_config){.ram_bytes = RAM, .kernel = save("low", file, sizeof(file))},
              0x8000);
    assert_int_equal(orrery_reg(o, 3), 0x21000);
    assert_int_equal(peek(o, 0x8ffc), load_le(file + 4092, 4));
    orrery_free(o);
}

/* ---- Linux ---- */

enum {
    KERNEL_SETUP = 3 * 512,
    KERNEL_BYTES = KERNEL_SETUP + 4096,
    H_SYSSIZE = 0x1f4,
    H_VID_MODE = 0x1fa,
    H_MAGIC = 0x202,
    H_VERSION = 0x206,
    H_LOADER = 0x210,
    H_LOADFLAGS = 0x211,
    H_RAMDISK = 0x218,
    H_HEAP_END = 0x224,
    H_CMDLINE = 0x228,
    H_INITRD_MAX = 0x22c,
    H_CMDLINE_SIZE = 0x238,
};

/* Boot sector and two more of real-mode code, then 4 KiB. version 0: from before there was a
 * header.
 */
static const char *save_linux(unsigned version, unsigned loadflags)
{
    uint8_t file[KERNEL_BYTES];

    for (unsigned i = 0; i < sizeof(file); i++)
        file[i] = (uint8_t)(i * 7 + (i >> 8));
    memset(file + 0x1f0, 0, 0x80);
    file[0x1f1] = 2;
    put(file + H_SYSSIZE, (KERNEL_BYTES - KERNEL_SETUP) / 16);
    file[0x1fe] = 0x55;
    file[0x1ff] = 0xaa;
    if (version) {
        memcpy(file + H_MAGIC, "HdrS", 4);
        store_le(file + H_VERSION, 2, version);
        file[H_LOADFLAGS] = (uint8_t)loadflags;
        put(file + H_INITRD_MAX, 0x2fffff);
        put(file + H_CMDLINE_SIZE, 2047);
    }
    return save("linux", file, sizeof(file));
}

static void expect_bytes(struct orrery *o, uint32_t addr, unsigned at, unsigned len)
{
    uint8_t is[KERNEL_BYTES];

    assert_true(orrery_read_phys(o, addr, is, len));
    for (unsigned i = 0; i < len; i++)
        assert_int_equal(is[i], (uint8_t)((at + i) * 7 + ((at + i) >> 8)));
}

/* Where things go and what the header is told, by protocol: boot.rst. */
static void test_linux(void **state)
{
    static const struct {
        unsigned version, flags;
        uint32_t setup, kernel, cmdline;
    } cases[] = {
        {0, 0, 0x90000, 0x10000, 0x99f00},         {0x200, 0, 0x90000, 0x10000, 0x99f00},
        {0x201, 1, 0x90000, 0x100000, 0x99f00},    {0x202, 0, 0x90000, 0x10000, 0x99f00},
        {0x203, 0x81, 0x10000, 0x100000, 0x20000}, {0x20c, 1, 0x10000, 0x100000, 0x20000},
    };

    (void)state;
    save("one", "initial disk", 12);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        unsigned version = cases[i].version;
        uint32_t setup = cases[i].setup;
        const char *initrd = version ? at("one") : NULL;
        struct orrery *o =
            start(&(struct orrery_config){.ram_bytes = RAM,
                                          .kernel = save_linux(version, cases[i].flags),
                                          .initrd = initrd,
                                          .append = "xvga=1 vga=0x317"},
                  setup + 0x200);
        assert_int_equal(orrery_reg(o, ORRERY_ES + 1), (setup >> 4) + 0x20);
        assert_int_equal(orrery_reg(o, ORRERY_ES + 2), setup >> 4); /* SS */
        assert_int_equal(orrery_reg(o, ORRERY_ES + 3), setup >> 4); /* DS */
        assert_int_equal(orrery_reg(o, 4), cases[i].cmdline - setup - 16);
        assert_int_equal(orrery_reg(o, ORRERY_EFLAGS) & 0x200, 0);
        assert_int_equal(orrery_reg(o, ORRERY_CR0) & 1, 0);
        expect_text(o, cases[i].cmdline, "xvga=1 vga=0x317");
        expect_bytes(o, cases[i].kernel, KERNEL_SETUP, KERNEL_BYTES - KERNEL_SETUP);
        expect_bytes(o, setup + 0x270, 0x270, KERNEL_SETUP - 0x270);
        assert_int_equal(peek(o, setup + H_VID_MODE) & 0xffff, 0x317);
        assert_int_equal(peek(o, setup + H_LOADER) & 0xff, version ? 0xff : 0);
        assert_int_equal(peek(o, setup + H_LOADFLAGS) & 0xff,
                         cases[i].flags | (version > 0x200 ? 0x80 : 0));
        assert_int_equal(peek(o, setup + H_HEAP_END) & 0xffff,
                         version > 0x200 ? cases[i].cmdline - setup - 0x200 : 0);
        if (version >= 0x202)
            assert_int_equal(peek(o, setup + H_CMDLINE), cases[i].cmdline);
        else
            assert_int_equal(peek(o, setup + 0x20), 0xa33f | (cases[i].cmdline - setup) << 16);
        if (initrd) {
            uint32_t addr = peek(o, setup + H_RAMDISK);
            assert_int_equal(addr, version >= 0x203 ? 0x2ff000 : RAM - 0x21000);
            assert_int_equal(peek(o, setup + H_RAMDISK + 4), 12);
            expect_text(o, addr, "initial disk");
        }
        orrery_free(o);
    }
}

/* The words of vga=, and mem=, below which the initrd has to be. */
static void test_linux_options(void **state)
{
    static const struct {
        const char *append;
        uint32_t vid_mode, initrd;
    } cases[] = {
        {"", 0, 0x2ff000},
        {"vga=ask", 0xfffd, 0x2ff000},
        {"vga=ext", 0xfffe, 0x2ff000},
        {"vga=normal", 0xffff, 0x2ff000},
        {"quiet vga=791 mem=2M", 791, 0x1ff000},
        {"mem=64M", 0, 0x2ff000},
        {"mem=1536K@0", 0, 0x17f000},
    };

    (void)state;
    save("one", "initial disk", 12);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct orrery *o = start(&(struct orrery_config){.ram_bytes = RAM,
                                                         .kernel = save_linux(0x20c, 1),
                                                         .initrd = at("one"),
                                                         .append = cases[i].append},
                                 0x10200);
        assert_int_equal(peek(o, 0x10000 + H_VID_MODE) & 0xffff, cases[i].vid_mode);
        assert_int_equal(peek(o, 0x10000 + H_RAMDISK), cases[i].initrd);
        orrery_free(o);
    }
    refused(&(struct orrery_config){.kernel = save_linux(0, 0), .initrd = at("one")}, "too old");
    refused(&(struct orrery_config){.ram_bytes = RAM,
                                    .kernel = save_linux(0x20c, 1),
                                    .initrd = at("one"),
                                    .append = "mem=1M"},
            "does not fit");
}

struct damage {
    unsigned at;
    uint32_t value;
    const char *says;
};

static void each_refused(void (*make)(uint8_t *), const struct damage *d, unsigned n)
{
    uint8_t file[4096];
    for (unsigned i = 0; i < n; i++) {
        make(file);
        put(file + d[i].at, d[i].value);
        refused(&(struct orrery_config){.ram_bytes = RAM, .kernel = save("bad", file, 4096)},
                d[i].says);
    }
}

static void test_refusals(void **state)
{
    static const struct damage flat[] = {
        {HEADER_AT + 12, LOAD - 4, "addresses"},        /* header before what is loaded */
        {HEADER_AT + 12, LOAD + HEADER_AT + 4, "addr"}, /* begins before the file */
        {HEADER_AT + 20, LOAD - 1, "addresses"},
        {HEADER_AT + 24, LOAD + 999, "addresses"},
        {HEADER_AT + 20, LOAD + 1400000, "addresses"},
        {HEADER_AT + 24, 0xffffffff, "memory"},
        {HEADER_AT + 8, 0, "bzImage"}, /* checksum */
    };
    static const struct damage elf[] = {
        {0, 0, "ELF"},
        {4, 0x00010102, "32-bit"},
        {16, 0x00030001, "32-bit"},
        {28, 5000, "malformed"},
        {42, 31 | 1 << 16, "malformed"},
        {132, 3900, "truncated"},
        {144, 1025, "malformed"},
        {140, RAM, "memory"},
        {140, 0x9fff0, "memory"},
        {128, 2, "nothing to load"},
    };
    uint8_t file[4096];
    (void)state;
    each_refused(make_flat, flat, sizeof(flat) / sizeof(*flat));
    each_refused(make_elf, elf, sizeof(elf) / sizeof(*elf));
    make_elf(file);
    put_header(file, 8);
    refused(&(struct orrery_config){.kernel = save("bad", file, 4096)}, "unknown features");
    make_flat(file);
    refused(&(struct orrery_config){.kernel = save("bad", file, 80)}, "truncated");
    refused(&(struct orrery_config){.kernel = save("bad", file, 1000)}, "truncated");
}

static void test_rom(void **state)
{
    enum { SIZE = 0x30000 };
    uint8_t *rom = malloc(SIZE), *is = malloc(SIZE);
    (void)state;
    for (unsigned i = 0; i < SIZE; i++)
        rom[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
    struct orrery *o =
        boot(&(struct orrery_config){.ram_bytes = RAM, .bios = save("rom", rom, SIZE)});
    assert_int_equal(orrery_reg(o, ORRERY_EIP), 0xfff0);
    assert_true(orrery_read_phys(o, 0u - SIZE, is, SIZE));
    assert_memory_equal(is, rom, SIZE);
    assert_true(orrery_read_phys(o, 0xe0000, is, 0x20000));
    assert_memory_equal(is, rom + 0x10000, 0x20000);
    assert_false(orrery_write_phys(o, 0xfffffff0, "x", 1));
    orrery_free(o);
    o = boot(&(struct orrery_config){.ram_bytes = RAM, .bios = save("rom", rom, 0x10000)});
    assert_false(orrery_read_phys(o, 0xe0000, is, 16));
    assert_true(orrery_read_phys(o, 0xf0000, is, 0x10000));
    assert_memory_equal(is, rom, 0x10000);
    orrery_free(o);
    refused(&(struct orrery_config){.bios = save("rom", rom, 0x10001)}, "64 KiB");
    refused(&(struct orrery_config){.bios = save("rom", rom, 512)}, "64 KiB");
    refused(&(struct orrery_config){.bios = at("none")}, "No such file");
    free(rom);
    free(is);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"flat", "elf", "one",   "two,half",
                                        "low",  "bad", "linux", "rom"};
    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
        unlink(at(names[i]));
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat),          cmocka_unit_test(test_elf),
        cmocka_unit_test(test_elf_headers),   cmocka_unit_test(test_modules),
        cmocka_unit_test(test_low_kernel),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_rom),           cmocka_unit_test(test_linux),
        cmocka_unit_test(test_linux_options),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
