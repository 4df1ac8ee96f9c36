/* The configuration device as firmware reads it: by port, by descriptor, by file name. */
#include "tests/unit/devtest.h"

#include "base/bytes.h"
#include "devices/board_pc.h"
#include "devices/fw_cfg.h"
#include "mmu/phys.h"

#define RAM (4u << 20)

static struct devtest *open_test(struct dev **fw)
{
    struct devtest *t = dt_open();
    t->bus->phys = phys_new(RAM);
    assert_non_null(t->bus->phys);
    *fw = dt_dev(t, &dev_fw_cfg, NULL);
    return t;
}

static void close_test(struct devtest *t)
{
    struct phys *phys = t->bus->phys;
    dt_close(t);
    phys_free(phys);
}

static void test_ports(void **state)
{
    struct dev *fw;
    struct devtest *t = open_test(&fw);

    (void)state;
    fw_cfg_set_int(fw, FW_CFG_RAM_SIZE, 0x123456789abcull, 8);
    /* The signature is selected from the start; beyond the end of an item there are zeros. */
    dt_script(t, "in 511 51; in 511 45; in 511 4d; in 511 55; in 511 0; in 511 0");
    dt_script(t, "outw 510 1; in 511 3; in 511 0; in 511 0; in 511 0; in 511 0");
    dt_script(t, "outw 510 3; in 511 bc; in 511 9a; in 511 78; in 511 56; in 511 34; in 511 12");
    dt_script(t, "outw 510 3; in 511 bc; outw 510 4003; in 511 bc"); /* bit 14 is ignored */
    dt_script(t, "outw 510 1234; in 511 0; in 511 0; outw 510 ffff; in 511 0");
    /* Only words select, only bytes are read; the data cannot be written. */
    dt_script(t,
              "outw 510 0; out 510 3; in 511 51; out 511 77; in 511 45; inw 510 ffff; in 511 4d");
    fw_cfg_set_int(fw, FW_CFG_RAM_SIZE, 0xee, 1);
    dt_script(t, "outw 510 3; in 511 ee; in 511 0");
    bus_reset(t->bus);
    dt_script(t, "in 511 51");
    close_test(t);
}

static void test_state_is_hashed(void **state)
{
    struct dev *fw;
    struct devtest *t = open_test(&fw);
    u64 start = dt_hash(t), next;

    (void)state;
    dt_script(t, "in 511");
    next = dt_hash(t);
    assert_true(next != start);
    dt_script(t, "outl 514 1000000");
    assert_true(dt_hash(t) != next);
    dt_script(t, "outw 510 0; outl 514 0");
    assert_true(dt_hash(t) == start);
    close_test(t);
}

/* ---- descriptors ---- */

static void put_be(u8 *p, unsigned size, u64 value)
{
    while (size--) {
        p[size] = (u8)value;
        value >>= 8;
    }
}

static u64 get_be(const u8 *p, unsigned size)
{
    u64 value = 0;
    while (size--)
        value = value << 8 | *p++;
    return value;
}

/* Lays a descriptor at `at`, starts it, and gives its control word afterwards. */
static u32 run(struct devtest *t, u32 at, u32 control, u32 len, u64 addr)
{
    u8 d[16];

    put_be(d, 4, control);
    put_be(d + 4, 4, len);
    put_be(d + 8, 8, addr);
    bus_dma_write(t->bus, at, d, sizeof(d));
    bus_out(t->bus, 0x518, 4, __builtin_bswap32(at));
    bus_dma_read(t->bus, at, d, 4);
    return (u32)get_be(d, 4);
}

static void check_memory(struct devtest *t, paddr at, const char *bytes, size_t len)
{
    u8 buf[64];
    assert_true(bus_dma_read(t->bus, at, buf, len));
    assert_memory_equal(buf, bytes, len);
}

static void test_descriptors(void **state)
{
    struct dev *fw;
    struct devtest *t = open_test(&fw);

    (void)state;
    fw_cfg_set(fw, 0x42, "0123456789", 10);
    dt_script(t, "inl 514 554d4551; inl 518 47464320; in 514 51; in 51b 47");
    /* Select and read; read on, over the end; skip. */
    assert_int_equal(run(t, 0x1000, 0x42 << 16 | 8 | 2, 4, 0x2000), 0);
    check_memory(t, 0x2000, "0123\0", 5);
    phys_write(t->bus->phys, 0x2108, 4, 0xffffffff);
    assert_int_equal(run(t, 0x1000, 2, 10, 0x2100), 0);
    check_memory(t, 0x2100, "456789\0\0\0\0\xff\xff", 12);
    assert_int_equal(run(t, 0x1000, 0x42 << 16 | 8 | 4, 3, 0), 0);
    dt_script(t, "in 511 33");
    assert_int_equal(run(t, 0x1000, 4, 1000, 0), 0);
    dt_script(t, "in 511 0");
    assert_int_equal(run(t, 0x1000, 0x42 << 16 | 8, 7, 0), 0); /* select alone moves nothing */
    dt_script(t, "in 511 30");
    /* No such item: zeros. */
    assert_int_equal(run(t, 0x1000, 0x77 << 16 | 8 | 2, 3, 0x2000), 0);
    check_memory(t, 0x2000, "\0\0\0003", 4);
    close_test(t);
}

static void test_descriptor_errors(void **state)
{
    struct dev *fw;
    struct devtest *t = open_test(&fw);

    (void)state;
    fw_cfg_set(fw, 0x42, "0123456789", 10);
    /* Nothing can be written; where there is no RAM nothing can be stored, wherever that is. */
    assert_int_equal(run(t, 0x1000, 0x42 << 16 | 8 | 16, 1, 0x2000), 1);
    assert_int_equal(run(t, 0x1000, 0x42 << 16 | 8 | 2, 4, 0xa0000), 1);
    assert_int_equal(run(t, 0x1000, 0x42 << 16 | 8 | 2, 4, RAM - 2), 1);
    assert_int_equal(run(t, 0x1000, 0x42 << 16 | 8 | 2, 4, ~0ull), 1);
    assert_int_equal(run(t, 0x1000, 0x42 << 16 | 8 | 2, ~0u, RAM - 0x10000), 1);
    assert_int_equal(run(t, 0x1000, 0x42 << 16 | 8 | 2, ~0u, ~0ull - 100), 1);
    /* A descriptor that is nowhere, and one with its high half set, which holds for one alone. */
    dt_script(t, "outl 518 f0ffffff; outw 510 42; in 511 30");
    phys_write(t->bus->phys, 0x1000, 8, 0x0100000002000000ull);
    phys_write(t->bus->phys, 0x1008, 8, 0x0020000000000000ull);
    dt_script(t, "outl 514 1000000; outl 518 100000; in 511 31"); /* 0x1_0000_1000: nothing there */
    phys_write(t->bus->phys, 0x2000, 1, 0);
    dt_script(t, "outl 518 100000; in 511 33");
    check_memory(t, 0x2000, "2", 1);
    /* Half the address does nothing, nor do bytes. */
    dt_script(t, "out 518 10; outw 51a 1000; in 511 34");
    close_test(t);
}

/* ---- files ---- */

static void test_files(void **state)
{
    struct dev *fw;
    struct devtest *t = open_test(&fw);
    u8 dir[4 + 64 * 3];

    (void)state;
    dt_script(t, "outw 510 19; in 511 0; in 511 0; in 511 0; in 511 0; in 511 0");
    fw_cfg_set_file(fw, "etc/one", "first", 5);
    fw_cfg_set_file(fw, "opt/two", "second", 6);
    fw_cfg_set_file(fw, "etc/one", "again!!", 7);
    assert_int_equal(run(t, 0x1000, 0x19 << 16 | 8 | 2, sizeof(dir), 0x2000), 0);
    bus_dma_read(t->bus, 0x2000, dir, sizeof(dir));
    assert_int_equal(get_be(dir, 4), 2);
    assert_int_equal(get_be(dir + 4, 4), 7);
    assert_int_equal(get_be(dir + 8, 2), 0x20);
    assert_int_equal(get_be(dir + 10, 2), 0);
    assert_string_equal((char *)dir + 12, "etc/one");
    assert_int_equal(get_be(dir + 68, 4), 6);
    assert_int_equal(get_be(dir + 72, 2), 0x21);
    assert_string_equal((char *)dir + 76, "opt/two");
    dt_script(t, "outw 510 20; in 511 61; in 511 67; outw 510 21; in 511 73");
    close_test(t);
}

/* What the board says of itself. */
static void test_board(void **state)
{
    struct devtest *t = dt_open();
    const struct board_pc config = {.ram_bytes = RAM};
    char err[200] = "";

    (void)state;
    t->bus->phys = phys_new(RAM);
    if (!board_pc_build(t->bus, &config, err, sizeof(err)))
        fail_msg("%s", err);
    dt_script(t, "outw 510 3; in 511 0; in 511 0; in 511 40; in 511 0; in 511 0");
    dt_script(t, "outw 510 5; in 511 1; in 511 0; outw 510 f; in 511 1; outw 510 4; in 511 1");
    dt_script(t, "outw 510 c; in 511 63; outw 510 8002; in 511 1; outw 510 8; in 511 0");
    assert_int_equal(run(t, 0x1000, 0x20 << 16 | 8 | 2, 20, 0x2000), 0); /* etc/e820 */
    check_memory(t, 0x2000, "\0\0\0\0\0\0\0\0\0\0\x40\0\0\0\0\0\x01\0\0", 20);
    close_test(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ports),       cmocka_unit_test(test_state_is_hashed),
        cmocka_unit_test(test_descriptors), cmocka_unit_test(test_descriptor_errors),
        cmocka_unit_test(test_files),       cmocka_unit_test(test_board),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
