/* The physical address space: regions and their order, MMIO splitting and widening, ROM, DMA,
 * code lines, hashing. A device that logs its accesses shows what phys made of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "mmu/phys.h"

#define RAM_SIZE (4u << 20)
#define DEV      0xE0000000u

struct log {
    struct {
        u64 addr, value;
        unsigned size;
        bool write;
    } a[16];
    unsigned n;
};

/* Reads as the byte address in every byte. */
static u64 dev_read(void *opaque, u64 addr, unsigned size)
{
    struct log *l = opaque;
    u64 v = 0;

    for (unsigned i = 0; i < size; i++)
        v |= ((addr + i) & 0xff) << (8 * i);
    l->a[l->n].addr = addr;
    l->a[l->n].size = size;
    l->a[l->n].write = false;
    l->a[l->n++].value = v;
    return v;
}

static void dev_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    struct log *l = opaque;

    l->a[l->n].addr = addr;
    l->a[l->n].size = size;
    l->a[l->n].write = true;
    l->a[l->n++].value = value;
}

static void expect(const struct log *l, unsigned i, bool write, u64 addr, unsigned size, u64 value)
{
    assert_true(i < l->n);
    assert_int_equal(l->a[i].write, write);
    assert_int_equal(l->a[i].addr, addr);
    assert_int_equal(l->a[i].size, size);
    assert_int_equal(l->a[i].value, value);
}

static const struct mmio_ops any_size = {dev_read, dev_write, 1, 8};
static const struct mmio_ops bytes_only = {dev_read, dev_write, 1, 1};
static const struct mmio_ops dwords_only = {dev_read, dev_write, 4, 4};

static int setup(void **state)
{
    *state = phys_new(RAM_SIZE);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    phys_free(*state);
    return 0;
}

static void test_ram(void **state)
{
    struct phys *p = *state;

    assert_int_equal(phys_ram_size(p), RAM_SIZE);
    phys_write(p, 0x1003, 8, 0x1122334455667788);
    assert_int_equal(phys_read(p, 0x1003, 8), 0x1122334455667788);
    assert_int_equal(phys_read(p, 0x1003, 1), 0x88);
    assert_int_equal(phys_read(p, 0x1004, 2), 0x6677);
    assert_int_equal(phys_read(p, 0x1005, 4), 0x33445566);
    phys_write(p, 0x1004, 1, 0xfff00);
    assert_int_equal(phys_read(p, 0x1003, 4), 0x55660088);
    assert_int_equal(phys_ram(p)[0x1003], 0x88);
    assert_ptr_equal(phys_host(p, 0x1234, true), phys_ram(p) + 0x1000);
    assert_false(phys_is_mmio(p, 0x1000));
    phys_write(p, RAM_SIZE - 4, 4, 0xdeadbeef);
    assert_int_equal(phys_read(p, RAM_SIZE - 4, 4), 0xdeadbeef);
}

static void test_unmapped(void **state)
{
    struct phys *p = *state;
    static const paddr at[] = {0xA0000, 0xFFFF8, 0xE0000000, 0xFFFFFFF8, 1ull << 32, 0xFFFFFF000};

    for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
        phys_write(p, at[i], 4, 0);
        assert_int_equal(phys_read(p, at[i], 1), 0xff);
        assert_int_equal(phys_read(p, at[i], 2), 0xffff);
        assert_int_equal(phys_read(p, at[i], 4), 0xffffffff);
        assert_true(phys_read(p, at[i], 8) == ~0ull);
        assert_null(phys_host(p, at[i], false));
        assert_true(phys_is_mmio(p, at[i]));
    }
    phys_write(p, RAM_SIZE, 4, 0x12345678); /* where more memory could be */
    assert_int_equal(phys_read(p, RAM_SIZE, 4), 0);
    assert_int_equal(phys_peek(p, 0xDFFFFFFF), 0);
    assert_int_equal(phys_read(p, 0x9FFFF, 1), 0);
    assert_int_equal(phys_read(p, 0x100000, 1), 0);
    phys_ram(p)[0xA0000] = 1; /* there, but not shown */
    assert_int_equal(phys_read(p, 0xA0000, 1), 0xff);
}

static void test_mmio_split(void **state)
{
    struct phys *p = *state;
    struct log l = {0};

    phys_add_mmio(p, DEV, PAGE_SIZE, &bytes_only, &l);
    assert_int_equal(phys_read(p, DEV + 0x10, 4), 0x13121110);
    assert_int_equal(l.n, 4);
    for (unsigned i = 0; i < 4; i++)
        expect(&l, i, false, 0x10 + i, 1, 0x10 + i);
    l.n = 0;
    phys_write(p, DEV + 0x21, 2, 0xabcd);
    assert_int_equal(l.n, 2);
    expect(&l, 0, true, 0x21, 1, 0xcd);
    expect(&l, 1, true, 0x22, 1, 0xab);
}

static void test_mmio_whole(void **state)
{
    struct phys *p = *state;
    struct log l = {0};

    phys_add_mmio(p, DEV, PAGE_SIZE, &any_size, &l);
    assert_int_equal(phys_read(p, DEV + 8, 8), 0x0f0e0d0c0b0a0908);
    assert_int_equal(l.n, 1);
    phys_write(p, DEV + 4, 4, 0x11223344);
    expect(&l, 1, true, 4, 4, 0x11223344);
    /* not aligned: naturally aligned pieces */
    l.n = 0;
    assert_int_equal(phys_read(p, DEV + 3, 4), 0x06050403);
    assert_int_equal(l.n, 3);
    expect(&l, 0, false, 3, 1, 3);
    expect(&l, 1, false, 4, 2, 0x0504);
    expect(&l, 2, false, 6, 1, 6);
}

static void test_mmio_widen(void **state)
{
    struct phys *p = *state;
    struct log l = {0};

    phys_add_mmio(p, DEV, PAGE_SIZE, &dwords_only, &l);
    assert_int_equal(phys_read(p, DEV + 6, 1), 6);
    assert_int_equal(l.n, 1);
    expect(&l, 0, false, 4, 4, 0x07060504);
    l.n = 0;
    phys_write(p, DEV + 6, 1, 0xee);
    assert_int_equal(l.n, 2);
    expect(&l, 0, false, 4, 4, 0x07060504);
    expect(&l, 1, true, 4, 4, 0x07ee0504);
    l.n = 0; /* across two of them */
    assert_int_equal(phys_read(p, DEV + 6, 4), 0x09080706);
    assert_int_equal(l.n, 2);
    expect(&l, 0, false, 4, 4, 0x07060504);
    expect(&l, 1, false, 8, 4, 0x0b0a0908);
    l.n = 0;
    phys_write(p, DEV + 0x10, 8, 0x8877665544332211);
    assert_int_equal(l.n, 2);
    expect(&l, 0, true, 0x10, 4, 0x44332211);
    expect(&l, 1, true, 0x14, 4, 0x88776655);
}

static void test_rom(void **state)
{
    struct phys *p = *state;
    static u8 image[2 * PAGE_SIZE];

    memset(image, 0x5a, sizeof(image));
    image[PAGE_SIZE] = 0xc3;
    phys_add_rom(p, 0xFFFFE000, sizeof(image), image);
    image[PAGE_SIZE] = 0; /* it was copied */
    assert_int_equal(phys_read(p, 0xFFFFF000, 2), 0x5ac3);
    phys_write(p, 0xFFFFF000, 4, 0);
    assert_int_equal(phys_read(p, 0xFFFFF000, 2), 0x5ac3);
    assert_non_null(phys_host(p, 0xFFFFF123, false));
    assert_null(phys_host(p, 0xFFFFF123, true));
    assert_false(phys_is_mmio(p, 0xFFFFF000));
}

/* The latest wins; removing uncovers. */
static void test_layers(void **state)
{
    struct phys *p = *state;
    struct log l = {0};
    static u8 image[0x20000];
    u32 gen = phys_generation(p);

    memset(image, 0x77, sizeof(image));
    phys_add_rom(p, 0xE0000, sizeof(image), image);
    assert_int_not_equal(phys_generation(p), gen);
    phys_add_ram(p, 0xF0000, 0x10000);
    assert_int_equal(phys_read(p, 0xEFFFF, 1), 0x77);
    assert_int_equal(phys_read(p, 0xF0000, 1), 0);
    phys_write(p, 0xF0000, 1, 0x12);
    assert_int_equal(phys_read(p, 0xF0000, 1), 0x12);
    phys_add_mmio(p, 0xF0000, PAGE_SIZE, &any_size, &l);
    assert_int_equal(phys_read(p, 0xF0044, 1), 0x44);
    gen = phys_generation(p);
    phys_remove(p, 0xF0000);
    assert_int_not_equal(phys_generation(p), gen);
    assert_int_equal(phys_read(p, 0xF0000, 1), 0x12);
    phys_remove(p, 0xF0000);
    assert_int_equal(phys_read(p, 0xF0000, 1), 0x77);
    phys_remove(p, 0xE0000);
    assert_int_equal(phys_read(p, 0xF0000, 1), 0xff);
    /* over main RAM, which comes back as it was */
    phys_write(p, 0x200000, 1, 9);
    phys_add_ram(p, 0x200000, PAGE_SIZE);
    assert_int_equal(phys_read(p, 0x200000, 1), 0);
    phys_remove(p, 0x200000);
    assert_int_equal(phys_read(p, 0x200000, 1), 9);
}

static void test_above_4g(void **state)
{
    struct phys *p = *state;
    struct log l = {0};
    paddr base = 0x8ff000000;

    phys_add_ram(p, base, 2 * PAGE_SIZE);
    phys_write(p, base + 0x1ffc, 4, 0x01020304);
    assert_int_equal(phys_read(p, base + 0x1ffc, 4), 0x01020304);
    assert_int_equal(phys_read(p, base + 0x2000, 1), 0xff);
    phys_add_mmio(p, base, PAGE_SIZE, &any_size, &l);
    assert_int_equal(phys_read(p, base + 0x20, 1), 0x20);
    assert_int_equal(phys_read(p, base + 0x1ffc, 4), 0x01020304);
    phys_remove(p, base);
    assert_int_equal(phys_read(p, base + 0x20, 1), 0);
}

static void test_dma(void **state)
{
    struct phys *p = *state;
    struct log l = {0};
    u8 buf[3 * PAGE_SIZE];

    phys_add_mmio(p, 0x201000, PAGE_SIZE, &any_size, &l);
    memset(buf, 0x42, sizeof(buf));
    assert_false(phys_dma_write(p, 0x200800, buf, 2 * PAGE_SIZE));
    assert_int_equal(phys_read(p, 0x2007ff, 1), 0);
    assert_int_equal(phys_read(p, 0x200800, 1), 0x42);
    assert_int_equal(phys_read(p, 0x200fff, 1), 0x42);
    assert_int_equal(phys_read(p, 0x202000, 1), 0x42);
    assert_int_equal(phys_read(p, 0x2027ff, 1), 0x42);
    assert_int_equal(phys_read(p, 0x202800, 1), 0);
    memset(buf, 0, sizeof(buf));
    assert_false(phys_dma_read(p, 0x200800, buf, 2 * PAGE_SIZE));
    assert_int_equal(buf[0x7ff], 0x42);
    assert_int_equal(buf[0x800], 0xff);
    assert_int_equal(buf[0x17ff], 0xff);
    assert_int_equal(buf[0x1800], 0x42);
    assert_int_equal(l.n, 0); /* the device has seen nothing */
    assert_true(phys_dma_write(p, 0x300ffe, "abcd", 4));
    assert_true(phys_dma_read(p, 0x300ffe, buf, 4));
    assert_memory_equal(buf, "abcd", 4);
    assert_false(phys_dma_write(p, RAM_SIZE - 2, "abcd", 4));
    assert_int_equal(phys_read(p, RAM_SIZE - 2, 2), 'a' | 'b' << 8);
}

struct heard {
    struct phys *p;
    paddr pa;
    u64 len;
    unsigned n;
    u8 before; /* the byte at pa when told */
};

static void hear(void *opaque, paddr pa, u64 len)
{
    struct heard *h = opaque;

    h->pa = pa;
    h->len = len;
    h->n++;
    h->before = (u8)phys_read(h->p, pa, 1);
    phys_set_code_lines(h->p, pa, 0);
}

static void test_code_lines(void **state)
{
    struct phys *p = *state;
    struct heard h = {.p = p};
    struct code_listener listen = {hear, &h};

    phys_set_code_listener(p, &listen);
    phys_mark_code(p, 0x3040, 64);
    assert_int_equal(phys_code_lines(p, 0x3fff), 2);
    phys_mark_code(p, 0x307f, 2);
    assert_int_equal(phys_code_lines(p, 0x3000), 6);
    phys_mark_code(p, 0x3fff, 2); /* into the next page */
    assert_true(phys_code_lines(p, 0x3000) == (6 | 1ull << 63));
    assert_int_equal(phys_code_lines(p, 0x4000), 1);

    phys_write(p, 0x303f, 1, 1); /* next to it */
    phys_write(p, 0x30c0, 1, 1);
    assert_int_equal(h.n, 0);
    phys_write(p, 0x303e, 4, 0x04030201); /* into it */
    assert_int_equal(h.n, 1);
    assert_int_equal(h.pa, 0x303e);
    assert_int_equal(h.len, 4);
    assert_int_equal(h.before, 0); /* told before the write */
    assert_int_equal(phys_read(p, 0x303e, 4), 0x04030201);
    phys_write(p, 0x3040, 1, 0); /* unmarked by now */
    assert_int_equal(h.n, 1);

    assert_true(phys_dma_write(p, 0x3f00, "x", 1));
    assert_int_equal(h.n, 1);
    phys_mark_code(p, 0x3fff, 1);
    static const u8 zeros[0x200];
    assert_true(phys_dma_write(p, 0x3f00, zeros, sizeof(zeros)));
    assert_int_equal(h.n, 3); /* once a page: 3 and 4 */
    assert_int_equal(h.pa, 0x4000);
    assert_int_equal(h.len, 0x100);
}

static bool only_byte_five(void *opaque, paddr pa, u64 len)
{
    (void)opaque;
    return (pa & 63) <= 5 && (pa & 63) + len > 5;
}

static void test_code_bytes(void **state)
{
    struct phys *p = *state;
    struct heard h = {.p = p};
    struct code_listener listen = {hear, &h, only_byte_five};

    phys_set_code_listener(p, &listen);
    phys_mark_code(p, 0x3040, 64);
    assert_true(phys_holds_code(p, 0x3042, 4));
    assert_false(phys_holds_code(p, 0x3046, 4));
    assert_false(phys_holds_code(p, 0x3085, 1)); /* not marked */
    phys_write(p, 0x3041, 4, 1);
    assert_true(phys_dma_write(p, 0x3046, "xy", 2));
    assert_int_equal(h.n, 0);
    phys_write(p, 0x3044, 2, 1);
    assert_int_equal(h.n, 1);
}

static void test_code_in_regions(void **state)
{
    struct phys *p = *state;
    struct heard h = {.p = p};
    struct code_listener listen = {hear, &h};
    static const u8 image[PAGE_SIZE];
    struct log l = {0};

    phys_set_code_listener(p, &listen);
    phys_add_ram(p, 0xC0000, PAGE_SIZE);
    phys_add_rom(p, 0xF0000, PAGE_SIZE, image);
    phys_add_mmio(p, DEV, PAGE_SIZE, &any_size, &l);
    phys_mark_code(p, 0xC0000, 1);
    phys_mark_code(p, 0xF0fc0, 1);
    phys_mark_code(p, DEV, 1); /* no lines there */
    assert_int_equal(phys_code_lines(p, 0xC0000), 1);
    assert_true(phys_code_lines(p, 0xF0000) == 1ull << 63);
    assert_int_equal(phys_code_lines(p, DEV), 0);
    phys_write(p, 0xF0fc0, 4, 1); /* ROM: nothing changes, nothing to tell */
    assert_int_equal(h.n, 0);
    phys_write(p, 0xC0000, 4, 1);
    assert_int_equal(h.n, 1);
    phys_remove(p, 0xF0000); /* code disappears */
    assert_int_equal(h.n, 2);
    assert_int_equal(h.pa, 0xF0000);
    phys_mark_code(p, 0x5000, 1);
    phys_add_mmio(p, 0x4000, 2 * PAGE_SIZE, &any_size, &l); /* code is covered */
    assert_int_equal(h.n, 3);
    assert_int_equal(h.pa, 0x5000);
}

static u64 sum_of(struct phys *p)
{
    struct hash h;

    hash_init(&h);
    phys_hash_areas(p, &h);
    return hash_value(&h);
}

/* Main RAM and what was added count, wherever it is written to and by whatever way; ROM does not.
 */
static void test_hash(void **state)
{
    static const paddr at[] = {0x1000, RAM_SIZE - 1, 0xE0000000, 0xD0000fff};
    struct phys *p = *state;
    static u8 image[PAGE_SIZE] = {99};

    phys_add_ram(p, 0xE0000000, PAGE_SIZE);
    phys_add_ram(p, 0xD0000000, PAGE_SIZE);
    u64 empty = sum_of(p);
    phys_add_rom(p, 0xF0000000, PAGE_SIZE, image);
    assert_true(sum_of(p) == empty);
    for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
        u8 byte = 0;
        phys_write(p, at[i], 1, i + 1);
        u64 one = sum_of(p);
        assert_true(one != empty && sum_of(p) == one);
        assert_true(phys_dma_write(p, at[i], &byte, 1));
        assert_true(sum_of(p) == empty);
        phys_touch(p, at[i]);
        *(phys_host(p, at[i] & ~(paddr)PAGE_MASK, true) + (at[i] & PAGE_MASK)) = (u8)(i + 1);
        assert_true(sum_of(p) == one);
        phys_write(p, at[i], 1, 0);
    }
}

static long resident_pages(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long size, resident = -1;

    if (f) {
        if (fscanf(f, "%ld %ld", &size, &resident) != 2)
            resident = -1;
        fclose(f);
    }
    return resident;
}

/* Hashing memory that nobody has touched must not make it resident. */
static void test_hash_is_free(void **state)
{
    struct phys *p = phys_new(1u << 30);
    long before = resident_pages();

    (void)state;
    assert_non_null(p);
    sum_of(p);
    if (before >= 0)
        assert_true((resident_pages() - before) * sysconf(_SC_PAGESIZE) < 16 << 20);
    phys_free(p);
}

/* Memory of the caller's at two places; another region at the same base is not taken for it. */
static void test_shared(void **state)
{
    struct phys *p = *state;
    struct log l = {0};
    u64 before = sum_of(p);
    static u8 mem[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
    u32 gen = phys_generation(p);

    phys_add_mmio(p, 0xA0000, 2 * PAGE_SIZE, &any_size, &l);
    phys_add_shared(p, DEV, sizeof(mem), mem);
    phys_add_shared(p, 0xA0000, PAGE_SIZE, mem + PAGE_SIZE);
    assert_int_not_equal(phys_generation(p), gen);
    phys_write(p, 0xA0010, 4, 0x12345678);
    assert_int_equal(phys_read(p, DEV + PAGE_SIZE + 0x10, 4), 0x12345678);
    assert_int_equal(mem[PAGE_SIZE + 0x10], 0x78);
    assert_ptr_equal(phys_host(p, 0xA0123, true), mem + PAGE_SIZE);
    assert_true(phys_is_shared(p, 0xA0000) && phys_is_shared(p, DEV));
    assert_false(phys_is_shared(p, 0xA1000) || phys_is_shared(p, 0x1000));
    assert_true(sum_of(p) == before); /* the caller hashes it */
    phys_remove(p, 0xA0000);          /* the device below it */
    assert_true(phys_is_shared(p, 0xA0000));
    u32 generation = phys_generation(p);
    phys_switch_shared(p, 0xA0000, mem + PAGE_SIZE, mem);
    assert_int_not_equal(phys_generation(p), generation);
    assert_ptr_equal(phys_host(p, 0xA0000, true), mem);
    phys_switch_shared(p, 0xA0000, mem, mem + PAGE_SIZE);
    assert_int_equal(phys_read(p, 0xA1000, 1), 0xff);
    phys_remove_shared(p, 0xA0000, mem + PAGE_SIZE);
    assert_int_equal(phys_read(p, 0xA0010, 4), 0xffffffff);
    assert_int_equal(phys_read(p, DEV + PAGE_SIZE + 0x10, 4), 0x12345678);
}

/* Shadow RAM over a ROM: the four ways, and that what is written stays. */
static void test_shadow(void **state)
{
    struct phys *p = phys_new(RAM_SIZE);
    static u8 rom[0x4000];

    (void)state;
    memset(rom, 0x5a, sizeof(rom));
    phys_add_rom(p, 0xc0000, sizeof(rom), rom);
    phys_set_shadow(p, 0xc0000, 0x4000, SHADOW_WRITE);
    assert_int_equal(phys_read(p, 0xc0123, 1), 0x5a);
    for (unsigned i = 0; i < 0x4000; i += 2)
        phys_write(p, 0xc0000 + i, 2, i);
    assert_int_equal(phys_read(p, 0xc2000, 4), 0x5a5a5a5a);
    phys_set_shadow(p, 0xc0000, 0x4000, SHADOW_READ);
    assert_int_equal(phys_read(p, 0xc2000, 4), 0x20022000);
    phys_write(p, 0xc2000, 4, 0);
    assert_int_equal(phys_read(p, 0xc2000, 4), 0x20022000);
    assert_null(phys_host(p, 0xc2000, true));
    phys_set_shadow(p, 0xc0000, 0x4000, SHADOW_READ | SHADOW_WRITE);
    phys_write(p, 0xc2000, 4, 0x12345678);
    assert_int_equal(phys_read(p, 0xc2000, 4), 0x12345678);
    phys_set_shadow(p, 0xc0000, 0x4000, 0);
    assert_int_equal(phys_read(p, 0xc2000, 4), 0x5a5a5a5a);
    phys_set_shadow(p, 0xc8000, 0x4000, SHADOW_WRITE); /* over nothing */
    phys_write(p, 0xc8000, 1, 7);
    assert_int_equal(phys_read(p, 0xc8000, 1), 0xff);
    phys_set_shadow(p, 0xc8000, 0x4000, SHADOW_READ);
    assert_int_equal(phys_read(p, 0xc8000, 2), 7);
    phys_free(p);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_ram),        T(test_unmapped),     T(test_mmio_split), T(test_mmio_whole),
        T(test_mmio_widen), T(test_rom),          T(test_layers),     T(test_above_4g),
        T(test_dma),        T(test_code_lines),   T(test_code_bytes), T(test_code_in_regions),
        T(test_hash),       T(test_hash_is_free), T(test_shared),     T(test_shadow),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
