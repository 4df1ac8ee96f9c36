/* Guest memory accesses: page crossings and their faults, devices, translated code, native
 * blocks. The program has its own cpu_raise_pf(), cpu_raise_err() and restart_single(), which
 * come back to the test: link it with cpu/mem.c and mmu/ alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "cpu/excp.h"
#include "cpu/mem.h"

#define RAM_SIZE (8u << 20)
#define DIR      0x10000u
#define TABLE    0x11000u
#define FRAME    0x200000u
#define LA       0x40000000u
#define VGA      0xA0000u

enum { P = 1, W = 2, U = 4 };

static struct {
    sigjmp_buf back;
    laddr addr;
    u32 code;
} hit;

enum { RAISED = 1, RESTARTED };

void cpu_raise_pf(struct cpu *cpu, laddr addr, u32 error)
{
    (void)cpu;
    hit.addr = addr;
    hit.code = error;
    siglongjmp(hit.back, RAISED);
}

void cpu_raise_err(struct cpu *cpu, enum vector vector, u32 error, struct why why)
{
    (void)why;
    (void)cpu;
    hit.addr = vector;
    hit.code = error;
    siglongjmp(hit.back, RAISED);
}

static _Noreturn void restart(struct cpu *cpu)
{
    (void)cpu;
    siglongjmp(hit.back, RESTARTED);
}

/* Pages from LA on: 0 and 2 writable (2 is the frame before 0's: crossing is not contiguous), 1
 * read-only, 3 absent, 4 supervisor's, 5 and 6 the device, 7 writable. */
static const u32 page_of[] = {
    (FRAME + 0x5000) | P | W | U, FRAME | P | U,
    (FRAME + 0x1000) | P | W | U, 0,
    (FRAME + 0x2000) | P | W,     VGA | P | W | U,
    (VGA + 0x1000) | P | W | U,   (FRAME + 0x7000) | P | W | U,
};

static u64 dev_read(void *opaque, u64 addr, unsigned size)
{
    (void)size;
    ++*(unsigned *)opaque;
    return 0x1111111111111111 * (addr & 15);
}

static void dev_write(void *opaque, u64 addr, unsigned size, u64 value)
{
    *(unsigned *)opaque += 100;
    assert_true(size == 1 || !(addr & (size - 1)));
    (void)value;
}

static unsigned device_count;
static const struct mmio_ops dev_ops = {dev_read, dev_write, 1, 8};
static const struct cpu_hooks hooks = {.restart_single = restart};

static int setup(void **state)
{
    struct cpu *cpu = mmap(NULL, sizeof(*cpu), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (cpu == MAP_FAILED)
        return -1;
    cpu->hooks = &hooks;
    cpu->eip_mask = UINT32_MAX;
    cpu->mmu.tlb = &cpu->tlb;
    cpu->mmu.phys = phys_new(RAM_SIZE);
    cpu->mmu.a20_mask = ~0ull;
    cpu->mmu.phys_bits = 36;
    cpu->mmu.cr0 = CR0_PG | CR0_PE | CR0_WP;
    cpu->mmu.cr3 = DIR;
    device_count = 0;
    phys_add_mmio(cpu->mmu.phys, VGA, 2 * PAGE_SIZE, &dev_ops, &device_count);
    phys_write(cpu->mmu.phys, DIR + (LA >> 22) * 4, 4, TABLE | P | W | U);
    for (unsigned i = 0; i < ARRAY_LEN(page_of); i++)
        phys_write(cpu->mmu.phys, TABLE + i * 4, 4, page_of[i]);
    cpu->cpl = 3;
    cpu->mode = MODE_USER;
    *state = cpu;
    return 0;
}

static int teardown(void **state)
{
    struct cpu *cpu = *state;

    mmu_release(&cpu->mmu);
    phys_free(cpu->mmu.phys);
    munmap(cpu, sizeof(*cpu));
    return 0;
}

/* How the statement ends: 0, RAISED or RESTARTED. */
#define OUTCOME(stmt)                                                                              \
    ({                                                                                             \
        int r_ = sigsetjmp(hit.back, 0);                                                           \
        if (!r_) {                                                                                 \
            stmt;                                                                                  \
        }                                                                                          \
        r_;                                                                                        \
    })

#define ASSERT_PF(stmt, at, error)                                                                 \
    do {                                                                                           \
        assert_int_equal(OUTCOME(stmt), RAISED);                                                   \
        assert_int_equal(hit.addr, at);                                                            \
        assert_int_equal(hit.code, error);                                                         \
    } while (0)

static laddr page(unsigned n)
{
    return LA + n * PAGE_SIZE;
}

static u64 ram(struct cpu *cpu, paddr pa, unsigned size)
{
    return phys_read(cpu->mmu.phys, pa, size);
}

static void test_sizes(void **state)
{
    struct cpu *cpu = *state;
    static const unsigned sizes[] = {1, 2, 4, 8};

    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        unsigned n = sizes[i];
        u64 v = 0x8899aabbccddeeff, mask = n == 8 ? ~0ull : (1ull << 8 * n) - 1;

        phys_write(cpu->mmu.phys, FRAME + 0x5100, 8, 0);
        for (unsigned pass = 0; pass < 2; pass++) { /* by the walk, by the TLB */
            mem_write(cpu, page(0) + 0x100, n, v, true);
            assert_true(ram(cpu, FRAME + 0x5100, 8) == (v & mask));
            assert_true(mem_read(cpu, page(0) + 0x100, n, true) == (v & mask));
        }
        mmu_flush(&cpu->mmu);
        if (n <= 4) {
            mem_slow_write(cpu, page(0) + 0x203, n, 0x12345678);
            assert_int_equal(mem_slow_read(cpu, page(0) + 0x203, n), 0x12345678 & mask);
            assert_int_equal(mem_slow_read_rmw(cpu, page(0) + 0x203, n), 0x12345678 & mask);
        }
    }
    assert_int_equal(cpu->io_done, 0);
}

static void test_crossing(void **state)
{
    struct cpu *cpu = *state;
    u8 in[16], out[16];

    phys_write(cpu->mmu.phys, TABLE + 4, 4, (FRAME + 0x3000) | P | W | U); /* writable here */
    for (unsigned pass = 0; pass < 2; pass++) {
        mem_write(cpu, page(1) - 3, 8, 0x0807060504030201, true);
        assert_int_equal(ram(cpu, FRAME + 0x5ffd, 2), 0x0201);
        assert_int_equal(ram(cpu, FRAME + 0x5fff, 1), 3);
        assert_int_equal(ram(cpu, FRAME + 0x3000, 4), 0x07060504);
        assert_int_equal(ram(cpu, FRAME + 0x3004, 1), 8);
        assert_true(mem_read(cpu, page(1) - 3, 8, true) == 0x0807060504030201);
        assert_int_equal(mem_slow_read(cpu, page(1) - 1, 4), 0x06050403);
    }
    mem_slow_write(cpu, page(1) - 1, 2, 0xbbaa);
    assert_int_equal(mem_read(cpu, page(1) - 2, 4, true), 0x05bbaa02);
    for (unsigned i = 0; i < 16; i++)
        in[i] = (u8)(0xf0 + i);
    mem_slow_write_block(cpu, page(1) - 5, in, 16);
    mem_slow_read_block(cpu, page(1) - 5, out, 16);
    assert_memory_equal(in, out, 16);
    assert_int_equal(ram(cpu, FRAME + 0x3000, 1), 0xf5);
}

static void test_faults(void **state)
{
    struct cpu *cpu = *state;

    ASSERT_PF(mem_read(cpu, page(3) + 9, 4, true), page(3) + 9, PF_U);
    ASSERT_PF(mem_read(cpu, page(3) + 9, 4, false), page(3) + 9, 0);
    ASSERT_PF(mem_write(cpu, page(1) + 9, 4, 0, true), page(1) + 9, PF_P | PF_W | PF_U);
    ASSERT_PF(mem_write(cpu, page(1) + 9, 4, 0, false), page(1) + 9, PF_P | PF_W);
    ASSERT_PF(mem_read(cpu, page(4), 1, true), page(4), PF_P | PF_U);
    assert_int_equal(OUTCOME(mem_read(cpu, page(4), 1, false)), 0);
    ASSERT_PF(mem_read(cpu, page(4), 1, true), page(4), PF_P | PF_U); /* other table, other right */
    ASSERT_PF(mem_slow_read(cpu, page(4), 4), page(4), PF_P | PF_U);
    ASSERT_PF(mem_slow_read_rmw(cpu, page(1), 4), page(1), PF_P | PF_W | PF_U);
    assert_int_equal(OUTCOME(mem_slow_read(cpu, page(1), 4)), 0);
    cpu->cpl = 0;
    cpu->mode = MODE_CPL0;
    assert_int_equal(OUTCOME(mem_slow_read(cpu, page(4), 4)), 0);
    ASSERT_PF(mem_slow_write(cpu, page(1), 4, 0), page(1), PF_P | PF_W);
}

static void test_crossing_faults(void **state)
{
    struct cpu *cpu = *state;
    static const u8 data[64] = {1, 2, 3, 4, 5, 6, 7, 8};
    u8 buf[64];

    /* the second page faults: CR2 is its start, and the first page has not changed */
    phys_write(cpu->mmu.phys, FRAME + 0x5ff0, 8, 0x5555555555555555);
    phys_write(cpu->mmu.phys, FRAME + 0x5ff8, 8, 0x5555555555555555);
    for (unsigned pass = 0; pass < 2; pass++) {
        ASSERT_PF(mem_write(cpu, page(1) - 3, 8, 1, true), page(1), PF_P | PF_W | PF_U);
        ASSERT_PF(mem_slow_write(cpu, page(1) - 3, 4, 1), page(1), PF_P | PF_W | PF_U);
        ASSERT_PF(mem_write_block(cpu, page(1) - 9, data, 64, true), page(1), PF_P | PF_W | PF_U);
        ASSERT_PF(mem_probe_write(cpu, page(1) - 3, 4, true), page(1), PF_P | PF_W | PF_U);
        assert_true(ram(cpu, FRAME + 0x5ff0, 8) == 0x5555555555555555);
        assert_true(ram(cpu, FRAME + 0x5ff8, 8) == 0x5555555555555555);
        mem_probe_write(cpu, page(0), 4, true);
    }
    assert_int_equal(ram(cpu, FRAME, 4), 0);
    assert_int_equal(OUTCOME(mem_read(cpu, page(1) - 3, 8, true)), 0);
    ASSERT_PF(mem_read(cpu, page(3) - 1, 2, true), page(3), PF_U);
    ASSERT_PF(mem_slow_read(cpu, page(3) - 2, 4), page(3), PF_U);
    ASSERT_PF(mem_read_block(cpu, page(3) - 2, buf, 16, true), page(3), PF_U);
    /* the first page faults: CR2 is the address */
    ASSERT_PF(mem_write(cpu, page(2) - 2, 4, 1, true), page(2) - 2, PF_P | PF_W | PF_U);
    assert_int_equal(ram(cpu, FRAME + 0x1000, 2), 0);
    /* a device on the first page has not been touched either */
    phys_write(cpu->mmu.phys, TABLE + 7 * 4, 4, 0);
    mmu_flush(&cpu->mmu);
    ASSERT_PF(mem_write(cpu, page(7) - 2, 4, 1, true), page(7), PF_W | PF_U);
    ASSERT_PF(mem_read(cpu, page(7) - 2, 4, true), page(7), PF_U);
    assert_int_equal(device_count, 0);
}

static void test_wrap(void **state)
{
    struct cpu *cpu = *state;

    /* linear addresses wrap at 4 GiB */
    phys_write(cpu->mmu.phys, DIR + 1023 * 4, 4, TABLE | P | W | U);
    phys_write(cpu->mmu.phys, DIR, 4, TABLE | P | W | U);
    phys_write(cpu->mmu.phys, TABLE + 1023 * 4, 4, (FRAME + 0x6000) | P | W | U);
    mem_write(cpu, 0xfffffffe, 4, 0x44332211, true);
    assert_int_equal(ram(cpu, FRAME + 0x6ffe, 2), 0x2211);
    assert_int_equal(ram(cpu, FRAME + 0x5000, 2), 0x4433);
    assert_int_equal(mem_read(cpu, 0xfffffffe, 4, true), 0x44332211);
}

static void test_long_block(void **state)
{
    struct cpu *cpu = *state;
    static u8 data[2 * PAGE_SIZE + 100], back[2 * PAGE_SIZE + 100];

    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (u8)(i * 7 + 1);
    phys_write(cpu->mmu.phys, TABLE + 4, 4, (FRAME + 0x3000) | P | W | U);
    mem_write_block(cpu, page(0) + 0x800, data, sizeof(data), true);
    mem_read_block(cpu, page(0) + 0x800, back, sizeof(back), true);
    assert_memory_equal(data, back, sizeof(data));
    assert_int_equal(ram(cpu, FRAME + 0x3000, 1), data[0x800]);
    /* the last of three pages is absent: nothing is written */
    memset(data, 0xee, sizeof(data));
    ASSERT_PF(mem_write_block(cpu, page(1) + 0x800, data, sizeof(data), true), page(3),
              PF_W | PF_U);
    assert_int_equal(ram(cpu, FRAME + 0x3800, 1), back[0x1000]);
}

static void test_devices(void **state)
{
    struct cpu *cpu = *state;

    assert_int_equal(mem_read(cpu, page(5) + 4, 4, true), 0x44444444);
    assert_int_equal(device_count, 1); /* in one access */
    assert_int_equal(cpu->io_done, 1);
    cpu->io_done = 0;
    assert_int_equal(mem_read(cpu, page(5) + 4, 4, true), 0x44444444);
    assert_int_equal(device_count, 2); /* never cached */
    mem_write(cpu, page(5) + 8, 8, 0, true);
    assert_int_equal(device_count, 102);
    assert_int_equal(cpu->io_done, 1);
    cpu->io_done = 0;
    assert_int_equal(mem_slow_read(cpu, page(5) + 2, 2), 0x2222);
    assert_int_equal(cpu->io_done, 1);
    cpu->io_done = 0;
    mem_slow_write(cpu, page(5) + 2, 2, 0);
    assert_int_equal(device_count, 203);
    assert_int_equal(cpu->io_done, 1);
    /* memory and device in one access */
    device_count = 0;
    phys_write(cpu->mmu.phys, FRAME + 0x7000, 2, 0xbeef);
    assert_int_equal(mem_read(cpu, page(7) - 2, 4, true), 0xbeefeeee);
    assert_int_equal(device_count, 1);
}

static void test_devices_in_native(void **state)
{
    struct cpu *cpu = *state;
    u8 buf[16] = {0};

    cpu->in_block = 1;
    assert_int_equal(OUTCOME(mem_slow_read(cpu, page(5), 4)), RESTARTED);
    assert_int_equal(OUTCOME(mem_slow_write(cpu, page(5), 4, 0)), RESTARTED);
    assert_int_equal(OUTCOME(mem_slow_read_rmw(cpu, page(5), 4)), RESTARTED);
    assert_int_equal(OUTCOME(mem_slow_read_block(cpu, page(5), buf, 16)), RESTARTED);
    assert_int_equal(OUTCOME(mem_slow_write_block(cpu, page(7) - 8, buf, 16)), RESTARTED);
    ASSERT_PF(mem_slow_read(cpu, page(5) - 2, 4), page(5) - 2, PF_P | PF_U); /* fault first */
    assert_int_equal(device_count, 0);
    assert_int_equal(cpu->io_done, 0);
    assert_int_equal(OUTCOME(mem_slow_write(cpu, page(0), 4, 7)), 0); /* plain memory goes on */
    assert_int_equal(ram(cpu, FRAME + 0x5000, 4), 7);
    assert_int_equal(OUTCOME(mem_read(cpu, page(5), 4, true)), 0); /* helpers do it themselves */
    assert_int_equal(device_count, 1);
}

/* A quiet device is accessed from native code, and nobody hears of it; so is what is not there. */
static void test_quiet_devices(void **state)
{
    static const struct mmio_ops quiet_ops = {dev_read, dev_write, 1, 8, true};
    struct cpu *cpu = *state;
    u8 buf[16] = {0};

    phys_add_mmio(cpu->mmu.phys, VGA, PAGE_SIZE, &quiet_ops, &device_count);
    mmu_flush(&cpu->mmu);
    cpu->in_block = 1;
    assert_int_equal(OUTCOME(mem_slow_read(cpu, page(5) + 4, 4)), 0);
    assert_int_equal(device_count, 1);
    assert_int_equal(OUTCOME(mem_slow_write(cpu, page(5), 4, 0)), 0);
    assert_int_equal(OUTCOME(mem_slow_read_rmw(cpu, page(5), 2)), 0);
    assert_int_equal(device_count, 102);
    assert_int_equal(OUTCOME(mem_slow_write_block(cpu, page(6) - 8, buf, 16)), RESTARTED);
    assert_int_equal(device_count, 102);
    phys_write(cpu->mmu.phys, TABLE + 6 * 4, 4, 0x8000000 | P | W | U); /* nothing there */
    mmu_flush(&cpu->mmu);
    assert_int_equal(OUTCOME(mem_slow_write_block(cpu, page(6) - 8, buf, 16)), 0);
    assert_int_equal(device_count, 202);
    assert_int_equal(cpu->io_done, 0);
}

static unsigned dropped;

static void drop(void *opaque, paddr pa, u64 len)
{
    struct cpu *cpu = opaque;

    (void)len;
    dropped++;
    phys_set_code_lines(cpu->mmu.phys, pa, 0);
}

static void test_code(void **state)
{
    struct cpu *cpu = *state;
    struct code_listener l = {drop, cpu};
    paddr code = FRAME + 0x5100;
    u8 buf[16] = {0};

    dropped = 0;
    phys_set_code_listener(cpu->mmu.phys, &l);
    mem_write(cpu, page(0), 4, 0, true);
    assert_true(tlb_has(&cpu->tlb, page(0), true, ACCESS_WRITE));
    phys_mark_code(cpu->mmu.phys, code, 4);
    mmu_protect_code(&cpu->mmu, code);

    cpu->in_block = 1;
    mem_slow_write(cpu, page(0) + 0xfc, 4, 0x11111111); /* the line before */
    mem_slow_write(cpu, page(0) + 0x140, 4, 0x22222222);
    assert_int_equal(ram(cpu, code - 4, 4), 0x11111111);
    assert_int_equal(OUTCOME(mem_slow_write(cpu, page(0) + 0xfd, 4, 0x33333333)), RESTARTED);
    assert_int_equal(OUTCOME(mem_slow_write_block(cpu, page(0) + 0xf8, buf, 16)), RESTARTED);
    assert_int_equal(ram(cpu, code - 4, 4), 0x11111111);
    assert_int_equal(dropped, 0);
    assert_int_equal(cpu->io_done, 0);
    assert_int_equal(OUTCOME(mem_slow_read(cpu, page(0) + 0x100, 4)), 0);

    mem_write(cpu, page(0) + 0x100, 4, 0x44444444, true); /* a helper */
    assert_int_equal(dropped, 1);
    assert_int_equal(cpu->io_done, 1);
    assert_int_equal(ram(cpu, code, 4), 0x44444444);

    cpu->in_block = 0; /* the interpreter */
    cpu->io_done = 0;
    phys_mark_code(cpu->mmu.phys, code, 4);
    mmu_protect_code(&cpu->mmu, code);
    mem_slow_write(cpu, page(0) + 0x13c, 4, 0x55555555);
    assert_int_equal(dropped, 2);
    assert_int_equal(cpu->io_done, 1);
    assert_int_equal(ram(cpu, code + 0x3c, 4), 0x55555555);
    mem_slow_write(cpu, page(0) + 0x100, 4, 0x66666666); /* no code any more */
    assert_int_equal(dropped, 2);
    assert_true(tlb_has(&cpu->tlb, page(0), true, ACCESS_WRITE));
}

static void test_rom(void **state)
{
    struct cpu *cpu = *state;
    static u8 image[PAGE_SIZE] = {1, 2, 3, 4};

    phys_add_rom(cpu->mmu.phys, 0xF0000, PAGE_SIZE, image);
    phys_write(cpu->mmu.phys, TABLE + 3 * 4, 4, 0xF0000 | P | W | U);
    mem_write(cpu, page(3), 4, 0, true);
    assert_int_equal(mem_read(cpu, page(3), 4, true), 0x04030201);
    mem_write(cpu, page(3), 4, 0, true);
    assert_int_equal(mem_read(cpu, page(3), 4, true), 0x04030201);
}

static void test_alignment(void **state)
{
    struct cpu *cpu = *state;

    mem_check_align16(cpu, 0xfffffff0);
    hit.addr = 0;
    if (!sigsetjmp(hit.back, 0)) {
        mem_check_align16(cpu, 0x10008);
        fail();
    }
    assert_int_equal(hit.addr, VEC_GP);
    assert_int_equal(hit.code, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_sizes),         T(test_crossing),   T(test_faults),  T(test_crossing_faults),
        T(test_wrap),          T(test_long_block), T(test_devices), T(test_devices_in_native),
        T(test_quiet_devices), T(test_code),       T(test_rom),     T(test_alignment),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
