/* Snapshots in files: what was saved goes on in another machine, on any back end; every device's
 * state gets there; a file that is damaged, of another machine, or whose disks have changed is
 * refused with the reason, and nothing happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/pack.h"
#include "devices/core/dev.h"
#include "machine/machine.h"
#include "tests/unit/machine_rig.h"
#include "machine/snapio.h"

static char dir[] = "/tmp/orrery-snap-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[4][64];
    static unsigned n;

    snprintf(path[n % 4], sizeof(path[0]), "%s/%s", dir, name);
    return path[n++ % 4];
}

static void make_image(const char *path, u32 bytes, u8 fill)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    for (u32 i = 0; i < bytes; i++)
        putc((int)(u8)(fill + (i >> 9) * 7 + i), f);
    assert_int_equal(fclose(f), 0);
}

static const char *const all_devices[] = {
    "ne2k_isa,iobase=0x300,irq=9",
    "ne2k_pci",
    "rtl8139",
    "e1000",
    "virtio-rng-pci",
    "virtio-net-pci",
    "virtio-blk-pci,drive=d0",
    "virtio-serial-pci,id=vs",
    "virtconsole,bus=vs.0",
    "virtserialport,bus=vs.0,name=port",
    "adlib",
    "sb16",
    "pc-testdev",
    "isa-debug-exit",
    NULL,
};

/* A machine with all there is. */
static struct orrery *make(const char *accel, bool snapshot, char *err, size_t err_size)
{
    static struct orrery_drive disks[2];
    struct orrery_config c = {.ram_bytes = 8 << 20, .accel = accel, .devices = all_devices};

    disks[0] = (struct orrery_drive){.file = in_dir("disk"), .name = "d0", .snapshot = snapshot};
    c.disks = disks;
    c.ide[0] = (struct orrery_drive){.file = in_dir("hd"), .snapshot = snapshot};
    c.ide[2].cdrom = true;
    c.floppy[0] = (struct orrery_drive){.file = in_dir("floppy"), .floppy = true, .snapshot = true};
    c.serial_present[0] = c.parallel_present = c.debugcon_present = true;
    return orrery_create(&c, err, err_size);
}

static struct orrery *must_make(const char *accel, bool snapshot)
{
    char err[300] = "";
    struct orrery *o = make(accel, snapshot, err, sizeof(err));

    assert_string_equal(err, "");
    assert_non_null(o);
    return o;
}

static void must_save(struct orrery *o, const char *path)
{
    char err[300] = "";

    orrery_save(o, path, err, sizeof(err));
    assert_string_equal(err, "");
}

static void must_load(struct orrery *o, const char *path)
{
    char err[300] = "";

    orrery_load(o, path, err, sizeof(err));
    assert_string_equal(err, "");
}

/* Not taken, for a reason that has this in it, and the machine is as it was. */
static void must_refuse(struct orrery *o, const char *path, const char *reason)
{
    char err[300] = "";
    u64 hash = orrery_state_hash(o);

    assert_false(orrery_load(o, path, err, sizeof(err)));
    if (!strstr(err, reason))
        fail_msg("'%s' has no '%s'", err, reason);
    assert_int_equal(orrery_state_hash(o), hash);
}

/* From one back end to the other and back; what follows is the same. */
static void test_goes_on(void **state)
{
    struct orrery *o = must_make(NULL, false);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct orrery *other;
        u64 hash;

        advance(o, 1234567);
        must_save(o, in_dir("snap"));
        hash = orrery_state_hash(o);
        advance(o, 500000);
        u64 later = orrery_state_hash(o);
        orrery_free(o);
        other = must_make(i % 2 ? NULL : "interp", false);
        must_load(other, in_dir("snap"));
        assert_int_equal(orrery_state_hash(other), hash);
        advance(other, 500000);
        assert_int_equal(orrery_state_hash(other), later);
        o = other;
    }
    orrery_free(o);
}

/* -- every device -- */

static u32 next_random(u32 *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Ports are written at random; what would reset or end the machine is forgotten. */
static void scramble(struct orrery *o, u32 seed)
{
    for (unsigned i = 0; i < 6000; i++) {
        u16 base;
        u32 count, r = next_random(&seed);
        const void *opaque;

        if (!bus_io_range(o->bus, r % 64, &base, &count, &opaque))
            continue;
        u16 port = (u16)(base + next_random(&seed) % count);
        unsigned size = 1u << next_random(&seed) % 3;
        if (r & 0x10000)
            bus_in(o->bus, port, size);
        else
            bus_out(o->bus, port, size, next_random(&seed));
        if (i % 50 == 0) {
            o->cpu->icount_end += 100000; /* time passes */
            clock_run(&o->clock, clock_now(&o->clock));
        }
    }
    o->reset_wanted = o->exit_wanted = o->init_wanted = o->poweroff_wanted = false;
    o->cpu->events &= ~(u32)(EV_STOP | EV_SMI | EV_NMI);
}

static u64 hash_dev(const struct dev *d)
{
    struct hash h;

    hash_init(&h);
    dev_hash(d, &h);
    return hash_value(&h);
}

static void compare_devices(struct orrery *a, struct orrery *b)
{
    const struct dev *x = a->bus->devs, *y = b->bus->devs;

    for (; x && y; x = x->next, y = y->next)
        if (hash_dev(x) != hash_dev(y))
            fail_msg("%s differs", x->id);
    assert_true(!x && !y);
}

/* Wherever ports and memory are mapped. */
static void compare_maps(struct orrery *a, struct orrery *b)
{
    for (u32 port = 0; port < 65536; port++) {
        u16 x = a->bus->io_map[port], y = b->bus->io_map[port];
        assert_int_equal(!x, !y);
        if (x)
            assert_ptr_equal(a->bus->claims[x - 1].ops, b->bus->claims[y - 1].ops);
    }
    for (u64 pa = 0; pa < 1ull << 32; pa += PAGE_SIZE) {
        assert_int_equal(phys_is_mmio(a->phys, pa), phys_is_mmio(b->phys, pa));
        assert_int_equal(!phys_host(a->phys, pa, true), !phys_host(b->phys, pa, true));
    }
}

static void test_devices(void **state)
{
    bool seen[64] = {false};

    (void)state;
    for (u32 seed = 1; seed <= 12; seed++) {
        struct orrery *a = must_make(NULL, true), *b = must_make("interp", true);

        advance(a, seed * 1000000); /* sooner or later firmware has mapped the BARs */
        scramble(a, seed);
        must_save(a, in_dir("snap"));
        scramble(b, seed + 100);
        must_load(b, in_dir("snap"));
        compare_devices(a, b);
        assert_int_equal(orrery_state_hash(a), orrery_state_hash(b));
        compare_maps(a, b);
        assert_int_equal(a->cpu->irq_line, b->cpu->irq_line);
        assert_int_equal(a->cpu->mmu.a20_mask, b->cpu->mmu.a20_mask);
        scramble(a, seed + 200);
        scramble(b, seed + 200);
        compare_devices(a, b);
        for (const struct dev *d = a->bus->devs; d; d = d->next)
            for (unsigned i = 0; dev_types[i]; i++)
                seen[i] |= dev_types[i] == d->type;
        orrery_free(a);
        orrery_free(b);
    }
    for (unsigned i = 0; dev_types[i]; i++)
        if (!seen[i] && dev_types[i]->fields)
            fail_msg("%s has not been tried", dev_types[i]->name);
}

/* -- refusals -- */

static u8 *read_all(const char *path, size_t *len)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    u8 *data;

    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    data = malloc((size_t)st.st_size + 1);
    *len = fread(data, 1, (size_t)st.st_size, f);
    fclose(f);
    return data;
}

static void write_all(const char *path, const u8 *data, size_t len)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void test_damaged(void **state)
{
    struct orrery *o = must_make("interp", true);
    const char *path = in_dir("damaged");
    u8 *data;
    size_t len;

    (void)state;
    must_save(o, in_dir("snap"));
    data = read_all(in_dir("snap"), &len);
    for (size_t at = 0; at < len; at += at < 64 ? 1 : len / 97) {
        data[at] ^= 0x10;
        write_all(path, data, len);
        must_refuse(o, path, at < 8 ? "no snapshot" : at < 12 ? "later version" : "damaged");
        data[at] ^= 0x10;
    }
    for (size_t cut = 1; cut < len; cut += len / 53) {
        write_all(path, data, len - cut);
        must_refuse(o, path, len - cut < 12 ? "no snapshot" : "damaged");
    }
    data = realloc(data, len + 1);
    data[len] = 0;
    write_all(path, data, len + 1);
    must_refuse(o, path, "damaged");
    must_refuse(o, in_dir("hd"), "no snapshot");
    must_refuse(o, in_dir("none"), "No such file");
    must_refuse(o, dir, "is no file");
    free(data);
    orrery_free(o);
}

static void test_other_machine(void **state)
{
    struct orrery_config c = {.ram_bytes = 4 << 20, .accel = "interp"};
    char err[300];
    struct orrery *small = orrery_create(&c, err, sizeof(err)), *o;

    (void)state;
    must_save(small, in_dir("small"));
    o = must_make("interp", true);
    must_refuse(o, in_dir("small"), "ram=4194304");
    orrery_free(o);
    c.cpu = "486";
    o = orrery_create(&c, err, sizeof(err));
    must_refuse(o, in_dir("small"), "cpu=486");
    orrery_free(o);
    orrery_free(small);
}

static void test_disks(void **state)
{
    struct orrery *a = must_make("interp", true), *b;
    struct blk *blk = bus_find_object(a->bus, BLK_KIND, "d0");
    u8 sector[512], was[512];
    char err[300];

    (void)state;
    memset(sector, 0xa5, sizeof(sector));
    assert_true(blk_read(blk, 300, was, 1));
    assert_true(blk_write(blk, 301, sector, 1));
    assert_true(blk_zero(blk, 0, 256));
    must_save(a, in_dir("snap"));
    orrery_free(a);
    b = must_make("interp", true);
    blk = bus_find_object(b->bus, BLK_KIND, "d0");
    assert_true(blk_write(blk, 300, sector, 1));
    must_load(b, in_dir("snap"));
    assert_true(blk_read(blk, 300, sector, 1));
    assert_memory_equal(sector, was, sizeof(was));
    assert_true(blk_read(blk, 301, sector, 1));
    assert_int_equal(sector[511], 0xa5);
    assert_true(blk_read(blk, 255, sector, 1));
    assert_int_equal(sector[0] | sector[511], 0);
    orrery_free(b);
    /* the file below has changed */
    make_image(in_dir("disk"), 400 << 10, 1);
    b = must_make("interp", true);
    must_refuse(b, in_dir("snap"), "other contents");
    orrery_free(b);
    make_image(in_dir("disk"), 200 << 10, 0);
    b = must_make("interp", true);
    must_refuse(b, in_dir("snap"), "size");
    orrery_free(b);
    make_image(in_dir("disk"), 400 << 10, 0);
    b = make("interp", false, err, sizeof(err));
    must_refuse(b, in_dir("snap"), "-snapshot");
    orrery_free(b);
}

/* The medium that was in the drive comes back. */
static void test_media(void **state)
{
    struct orrery *o = must_make("interp", true);
    struct orrery_drive_state drive;
    char err[300];

    (void)state;
    assert_true(orrery_change(o, "ide1-cd0", in_dir("cd"), true, err, sizeof(err)));
    orrery_run(o, 0);
    must_save(o, in_dir("snap"));
    orrery_free(o);
    o = must_make("interp", true);
    must_load(o, in_dir("snap"));
    for (unsigned n = 0; orrery_drive_state(o, n, &drive); n++)
        if (!strcmp(drive.name, "ide1-cd0"))
            assert_string_equal(drive.file, in_dir("cd"));
    must_save(o, in_dir("again"));
    must_load(o, in_dir("again"));
    assert_true(orrery_eject(o, "floppy0", true, err, sizeof(err)));
    orrery_run(o, 0);
    must_load(o, in_dir("again"));
    must_save(o, in_dir("again"));
    unlink(in_dir("cd"));
    orrery_free(o);
    o = must_make("interp", true);
    must_refuse(o, in_dir("snap"), "No such file");
    orrery_free(o);
    make_image(in_dir("cd"), 64 << 10, 5);
}

/* Nothing is left behind where a file cannot be written. */
static void test_unwritable(void **state)
{
    struct orrery *o = must_make("interp", true);
    char err[300];

    (void)state;
    assert_false(orrery_save(o, in_dir("none/snap"), err, sizeof(err)));
    assert_non_null(strstr(err, "No such file"));
    mkdir(in_dir("folder"), 0700);
    assert_false(orrery_save(o, in_dir("folder"), err, sizeof(err)));
    assert_int_equal(rmdir(in_dir("folder")), 0);
    orrery_free(o);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    make_image(in_dir("disk"), 400 << 10, 0);
    make_image(in_dir("hd"), 1 << 20, 3);
    make_image(in_dir("floppy"), 1440 << 10, 9);
    make_image(in_dir("cd"), 64 << 10, 5);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"disk", "hd",    "floppy", "cd",
                                        "snap", "small", "again",  "damaged"};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        unlink(in_dir(names[i]));
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on),    cmocka_unit_test(test_devices),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_other_machine),
        cmocka_unit_test(test_disks),      cmocka_unit_test(test_media),
        cmocka_unit_test(test_unwritable),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
