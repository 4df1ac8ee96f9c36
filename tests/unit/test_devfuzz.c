/* Random accesses to ports and registers, steps of time and input on all ISA devices and APICs
 * together: nothing may crash,
 * hang or trip a sanitizer, and the same script must give the same state. A failing seed is
 * printed; its script (devtest.h) comes out on stderr with ORRERY_FUZZ_TRACE set. */
#include "devices/core/blk.h"
#include "devices/floppy.h"
#include "devices/i8042.h"
#include "devices/vga.h"
#include "tests/unit/devtest.h"

#define SEEDS    40
#define COMMANDS 3000

static const u16 ports[] = {
    0x20,  0x21,   0xa0,   0xa1,  0x4d0, 0x4d1, 0x40,  0x41,  0x42,  0x43,  0x61,  0x70,
    0x71,  0x60,   0x64,   0x92,  0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff,
    0xe9,  0x501,  0x502,  0x3f6, 0x510, 0x511, 0x514, 0x518, 0x3f2, 0x3f4, 0x3f5, 0x3f5,
    0x3f5, 0x3f7,  0x378,  0x379, 0x37a, 0x4,   0x5,   0x8,   0x9,   0xa,   0xb,   0xc,
    0xd,   0xe,    0xf,    0xc4,  0xc6,  0xd0,  0xd2,  0xd4,  0xd6,  0xde,  0x81,  0xe0,
    0xe3,  0x2003, 0x200f, 0x3b4, 0x3b5, 0x3c0, 0x3c1, 0x3c2, 0x3c4, 0x3c5, 0x3c7, 0x3c8,
    0x3c9, 0x3ce,  0x3cf,  0x3d4, 0x3d5, 0x3da, 0x1ce, 0x1cf, 0x1d0, 0xcf8, 0xcfc,
};

static const struct dev_type *const types[] = {
    &dev_lapic,      &dev_ioapic, &dev_i8259,   &dev_i8254,  &dev_mc146818, &dev_i8042,
    &dev_i8237,      &dev_fdc,    &dev_parport, &dev_port92, &dev_debugcon, &dev_isa_debug_exit,
    &dev_pc_testdev, &dev_fw_cfg, &dev_hpet,    &dev_i440fx, &dev_vga,
};

static u32 random_u32(u64 *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (u32)(*seed >> 33);
}

/* Registers in memory: the local APIC's, wherever it is now, the I/O APIC's, the HPET's. Periods
 * are not so short that a step of time takes for ever. */
static void memory_command(char *line, size_t size, u64 *seed)
{
    static const u32 bases[] = {0xfee00900, 0xfee00900, 0xfee00900, 0x5900, 0xfee00100, 0xfed00900};
    u32 r = random_u32(seed), value = random_u32(seed), reg = 16 * (random_u32(seed) & 0x3f);

    if (r & 1)
        value &= 0xff;
    switch (r >> 1 & 15) {
    case 0: snprintf(line, size, "base %x", bases[value % ARRAY_LEN(bases)]); break;
    case 1: snprintf(line, size, "deadline %u", value & 0xffffff); break;
    case 2: snprintf(line, size, "wr fee000f0 %x", value | 0x100); break;
    case 3: snprintf(line, size, "rd %x", (value & 1 ? 0xfee00000 : 0x5000) + reg); break;
    case 4: snprintf(line, size, "wr fec00000 %x", value & 0x3f); break;
    case 5: snprintf(line, size, "wr fec00010 %x", value); break;
    case 6: snprintf(line, size, "wr fec00010 %x", value & 0xa0ff); break;
    case 7: snprintf(line, size, "rd fec000%02x", value & 0x10); break;
    case 8: snprintf(line, size, "wr fed00010 %x", value & 3); break;
    case 9: snprintf(line, size, "wr fed001%x0 %x", (value & 7) * 2, value); break;
    case 10: snprintf(line, size, "wr fed001%x8 %x", (value & 7) * 2, value << 12 | 0x1000); break;
    case 11: snprintf(line, size, "rd fed00%03x", value % 0x58 * 4); break;
    case 12: snprintf(line, size, "%s %u", value & 32 ? "raise" : "lower", value % BUS_GSIS); break;
    default:
        snprintf(line, size, "wr %x %x", 0xfee00000 + reg, reg == 0x380 ? value | 0x10000 : value);
    }
}

/* A command on ports or the clock; false: it was input, and is done. */
static bool port_command(struct devtest *t, struct chardev *serial, char *line, size_t size,
                         u64 *seed)
{
    static const u64 steps[] = {0, 1, 900, 20000, 1000000, 30000000, 300000000};
    u32 r = random_u32(seed), value = random_u32(seed) & 0xff;
    u16 port = ports[random_u32(seed) % ARRAY_LEN(ports)];
    static const char *const widths[] = {"", "", "", "", "", "", "w", "l"};
    const char *width = widths[r >> 8 & 7];

    switch (r & 15) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: snprintf(line, size, "in%s %x", width, port); return true;
    case 5:
        snprintf(line, size, "step %llu",
                 (unsigned long long)steps[random_u32(seed) % ARRAY_LEN(steps)]);
        return true;
    case 6: bus_intack(t->bus); return false;
    case 7:
        if (value & 1)
            i8042_send_key(t->journal, (u8)(value >> 1), r & 0x1000);
        else if (value & 2)
            i8042_send_mouse(t->journal, (s16)(value * 300), (s16)r, (s8)value, (u8)r);
        else
            chardev_input(serial, "input to the serial port", value % 24);
        return false;
    default: snprintf(line, size, "out%s %x %x", width, port, value); return true;
    }
}

/* The VGA: its registers by index, dispi with numbers near what makes sense, window, PCI bars. */
static void vga_command(char *line, size_t size, u64 *seed)
{
    static const char *const indexed[] = {"3c4", "3ce", "3d4", "3d4"};
    u32 r = random_u32(seed), value = random_u32(seed), at = random_u32(seed) % 0x21000;

    switch (r & 7) {
    case 0:
    case 1:
        snprintf(line, size, "outw %s %x", indexed[r >> 3 & 3], (value & 0xff00) | (r >> 5 & 31));
        break;
    case 2: snprintf(line, size, "outw 1ce %x", value % 12); break;
    case 3: snprintf(line, size, "outw 1cf %x", value & (r & 8 ? 0xff : 0xffff)); break;
    case 4: snprintf(line, size, "outl cf8 %x", 0x80001000 | (value & 0x1c)); break;
    case 5: snprintf(line, size, "outl cfc %x", r & 8 ? 0xe0000003 | value << 20 : value); break;
    case 6: snprintf(line, size, "rd %x", 0xa0000 + (at & ~3u)); break;
    default: snprintf(line, size, "wr %x %x", 0xa0000 + (at & ~3u), value); break;
    }
}

static void one_command(struct devtest *t, struct chardev *serial, u64 *seed)
{
    char line[64];

    u32 what = random_u32(seed) & 3;
    if (what == 0)
        vga_command(line, sizeof(line), seed);
    else if (what == 1)
        memory_command(line, sizeof(line), seed);
    else if (!port_command(t, serial, line, sizeof(line), seed))
        return;
    if (getenv("ORRERY_FUZZ_TRACE"))
        fprintf(stderr, "%s\n", line);
    dt_script(t, line);
    t->out_len = 0;
}

/* A picture of whatever state this is, most of the time none that a monitor would show. */
static void draw(struct devtest *t)
{
    struct vga_surface screen = {0};
    struct vga_text text = {0};

    dt_script(t, "in 3da; out 3c0 20; outw 3c4 300; out 3c4 1; out 3c5 1"); /* not blank */
    assert_true(vga_render(bus_find_dev(t->bus, VGA_ID), &screen));
    assert_true(screen.width <= VGA_MAX_WIDTH && screen.height <= VGA_MAX_HEIGHT);
    vga_text(bus_find_dev(t->bus, VGA_ID), &text);
    vga_surface_free(&screen);
    vga_text_free(&text);
}

static u64 run(u64 seed)
{
    struct devtest *t = dt_open();
    struct chardev serial;
    u64 hash;

    struct phys *phys = t->bus->phys = phys_new(1 << 20);
    assert_non_null(phys);
    dt_chardev(t, &serial, "serial0");
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        dt_dev(t, types[i],
               types[i] == &dev_debugcon ? "chardev=serial0"
               : types[i] == &dev_vga    ? "id=" VGA_ID
                                         : NULL);
    assert_true(floppy_add_drive(bus_find_dev(t->bus, FLOPPY_ID), 0, NULL, "floppy0", BLK_SNAPSHOT,
                                 NULL, 0));
    dt_dev(t, &dev_uart16550, seed & 1 ? "chardev=serial0,pace=on" : "chardev=serial0");
    for (int i = 0; i < COMMANDS; i++)
        one_command(t, &serial, &seed);
    draw(t);
    hash = dt_hash(t);
    dt_close(t);
    phys_free(phys);
    return hash;
}

static void test_random_scripts(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= SEEDS; seed++) {
        u64 first = run(seed), second = run(seed);
        if (first != second)
            fail_msg("seed %llu: two runs differ", (unsigned long long)seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_scripts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
