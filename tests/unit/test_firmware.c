/* What firmware needs of the board: tables as files with a loader script, the boot order, shadow
 * RAM by the host bridge's PAM registers. A loader of the test's own places the tables. */
#define _GNU_SOURCE
#include "tests/unit/devtest.h"

#include "base/bytes.h"
#include "devices/board_pc.h"
#include "devices/fw_cfg.h"
#include "mmu/phys.h"

#define RAM  (8u << 20)
#define HIGH 0x700040u /* where the test's loader puts tables, and the RSDP */
#define LOW  0xfd010u

struct file {
    char name[56];
    u8 data[0x4000];
    u32 len, at;
};

static struct devtest *open_board(const struct board_pc *config)
{
    struct devtest *t = dt_open();
    char err[200] = "";

    t->bus->phys = phys_new(RAM);
    if (!board_pc_build(t->bus, config, err, sizeof(err)))
        fail_msg("%s", err);
    board_pc_finish(t->bus, config);
    bus_reset(t->bus);
    return t;
}

static void close_board(struct devtest *t)
{
    struct phys *phys = t->bus->phys;
    dt_close(t);
    phys_free(phys);
}

static void take(struct devtest *t, u8 *to, u32 len)
{
    while (len--)
        *to++ = (u8)bus_in(t->bus, 0x511, 1);
}

static bool read_file(struct devtest *t, const char *name, struct file *f)
{
    u8 head[4], entry[64];

    bus_out(t->bus, 0x510, 2, FW_CFG_FILE_DIR);
    take(t, head, 4);
    for (u32 n = (u32)load_be(head, 4); n; n--) {
        take(t, entry, sizeof(entry));
        if (strcmp((const char *)entry + 8, name) != 0)
            continue;
        f->len = (u32)load_be(entry, 4);
        assert_true(f->len <= sizeof(f->data));
        strcpy(f->name, name);
        bus_out(t->bus, 0x510, 2, (u32)load_be(entry + 4, 2));
        take(t, f->data, f->len);
        return true;
    }
    return false;
}

static u8 sum(const u8 *p, u32 len)
{
    u8 total = 0;
    while (len--)
        total += *p++;
    return total;
}

static struct file tables, rsdp, script, anchor;

static struct file *by_name(const u8 *name)
{
    if (!strcmp((const char *)name, tables.name))
        return &tables;
    assert_string_equal((const char *)name, rsdp.name);
    return &rsdp;
}

/* One line of the script, as QEMU defines them. */
static void obey(const u8 *l)
{
    struct file *f = by_name(l + 4);
    u32 offset;

    switch (load_le(l, 4)) {
    case 1:
        assert_int_equal((f == &tables ? HIGH : LOW) % load_le(l + 60, 4), 0);
        assert_int_equal(l[64], f == &tables ? 1 : 2);
        f->at = f == &tables ? HIGH : LOW;
        break;
    case 2:
        offset = (u32)load_le(l + 116, 4);
        store_le(f->data + offset, l[120], load_le(f->data + offset, l[120]) + by_name(l + 60)->at);
        break;
    case 3:
        offset = (u32)load_le(l + 60, 4);
        f->data[offset] -= sum(f->data + load_le(l + 64, 4), (u32)load_le(l + 68, 4));
        break;
    default: fail_msg("line of kind %u", l[0]);
    }
}

static const u8 *table(u64 address, const char *signature)
{
    assert_in_range(address, HIGH, HIGH + tables.len - 8);
    const u8 *t = tables.data + (address - HIGH);
    assert_memory_equal(t, signature, 4);
    if (strcmp(signature, "FACS") != 0)
        assert_int_equal(sum(t, (u32)load_le(t + 4, 4)), 0);
    return t;
}

static void test_acpi_files(void **state)
{
    const struct board_pc config = {.ram_bytes = RAM, .apic = true};
    static const char *const names[] = {"FACP", "APIC", "HPET"};
    struct devtest *t = open_board(&config);

    (void)state;
    assert_true(read_file(t, "etc/acpi/tables", &tables));
    assert_true(read_file(t, "etc/acpi/rsdp", &rsdp));
    assert_true(read_file(t, "etc/table-loader", &script));
    assert_int_equal(script.len % 128, 0);
    for (u32 at = 0; at < script.len; at += 128)
        obey(script.data + at);
    assert_int_equal(rsdp.len, 20);
    assert_int_equal(sum(rsdp.data, 20), 0);
    const u8 *rsdt = table(load_le(rsdp.data + 16, 4), "RSDT");
    assert_int_equal(load_le(rsdt + 4, 4), 36 + 4 * 3);
    for (unsigned i = 0; i < 3; i++)
        table(load_le(rsdt + 36 + 4 * i, 4), names[i]);
    const u8 *fadt = table(load_le(rsdt + 36, 4), "FACP");
    table(load_le(fadt + 36, 4), "FACS");
    table(load_le(fadt + 40, 4), "DSDT");
    assert_int_equal(load_le(fadt + 36, 4), load_le(fadt + 132, 8));
    assert_int_equal(load_le(fadt + 40, 4), load_le(fadt + 140, 8));
    close_board(t);
}

static void test_smbios_files(void **state)
{
    const struct board_pc config = {.ram_bytes = RAM};
    struct devtest *t = open_board(&config);
    u32 at = 0, count = 0;
    u8 type = 0;

    (void)state;
    assert_true(read_file(t, "etc/smbios/smbios-anchor", &anchor));
    assert_true(read_file(t, "etc/smbios/smbios-tables", &tables));
    assert_int_equal(anchor.len, 31);
    assert_memory_equal(anchor.data, "_SM_", 4);
    assert_memory_equal(anchor.data + 16, "_DMI_", 5);
    assert_int_equal(load_le(anchor.data + 22, 2), tables.len);
    while (at < tables.len) { /* a structure, its strings, an empty one */
        type = tables.data[at];
        at += tables.data[at + 1];
        while (tables.data[at] || tables.data[at + 1])
            at++;
        at += 2;
        count++;
    }
    assert_int_equal(at, tables.len);
    assert_int_equal(type, 127);
    assert_int_equal(load_le(anchor.data + 28, 2), count);
    close_board(t);
}

static void test_boot_order(void **state)
{
    const struct board_pc config = {.ram_bytes = RAM, .boot_menu = true, .boot_menu_ms = 700};
    struct devtest *t = open_board(&config);
    struct file *f = &script;

    (void)state;
    board_pc_set_boot_order(t->bus, "cad", false);
    dt_script(t, "out 70 3d; in 71 12; out 70 38; in 71 30");
    board_pc_set_boot_order(t->bus, "n", false);
    dt_script(t, "out 70 3d; in 71 4; out 70 38; in 71 0");
    dt_script(t, "outw 510 e; in 511 1; in 511 0");
    assert_true(read_file(t, "etc/boot-menu-wait", f));
    assert_int_equal(load_le(f->data, 2), 700);
    close_board(t);
}

/* Registers 59h and 5Ah: F0000-FFFFF by the high half of the first; C0000 and C4000. */
static void test_pam(void **state)
{
    const struct board_pc config = {.ram_bytes = RAM};
    struct devtest *t = open_board(&config);
    struct phys *p = t->bus->phys;

    (void)state;
    phys_write(p, 0xf0000, 1, 0x11);
    assert_int_equal(phys_read(p, 0xf0000, 1), 0xff);
    dt_script(t, "outl cf8 80000058; out cfd 30; in cfd 30");
    phys_write(p, 0xf0000, 1, 0x22);
    phys_write(p, 0xc0000, 1, 0x22);
    assert_int_equal(phys_read(p, 0xf0000, 1), 0x22);
    assert_int_equal(phys_read(p, 0xc0000, 1), 0xff);
    dt_script(t, "out cfd 10; out cfe 23; in cfe 23"); /* read only; C0000 both, C4000 write only */
    phys_write(p, 0xf0000, 1, 0x33);
    phys_write(p, 0xc0000, 1, 0x33);
    phys_write(p, 0xc4000, 1, 0x44);
    assert_int_equal(phys_read(p, 0xf0000, 1), 0x22);
    assert_int_equal(phys_read(p, 0xc0000, 1), 0x33);
    assert_int_equal(phys_read(p, 0xc4000, 1), 0xff);
    dt_script(t, "out cfe 11");
    assert_int_equal(phys_read(p, 0xc4000, 1), 0x44);
    bus_reset(t->bus);
    dt_script(t, "outl cf8 80000058; inl cfc 0");
    assert_int_equal(phys_read(p, 0xf0000, 1), 0xff);
    close_board(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acpi_files),
        cmocka_unit_test(test_smbios_files),
        cmocka_unit_test(test_boot_order),
        cmocka_unit_test(test_pam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
