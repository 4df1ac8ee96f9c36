/* The PC board: a 440FX with a PIIX, 8259s, and what sits on their ISA side. Wiring only.
 *
 * Creation order is the order of resets, and of the journal's channels. */
#include "devices/board_pc.h"

#include <string.h>

#include "base/bytes.h"
#include "devices/acpi_loader.h"
#include "devices/core/dev.h"
#include "devices/core/medium.h"
#include "devices/floppy.h"
#include "devices/fw_cfg.h"
#include "devices/mc146818.h"
#include "devices/piix3_ide.h"
#include "devices/smbios.h"
#include "devices/vga.h"

#define IDE_ID        "ide"
#define HEADS         16u
#define SECTORS       63u
#define MAX_CYLINDERS 16383u

struct part {
    const struct dev_type *type;
    const char *options;
};

static bool add_parts(struct bus *bus, const struct part *part, size_t count, char *err,
                      size_t err_size)
{
    for (size_t i = 0; i < count; i++) {
        if (!dev_create(bus, part[i].type, part[i].options, err, err_size))
            return false;
    }
    return true;
}

static bool add_core(struct bus *bus, const struct board_pc *config, char *err, size_t err_size)
{
    char rtc[40];
    const struct part parts[] = {
        {&dev_i8259, NULL},     {&dev_i8254, NULL},
        {&dev_i8237, NULL},     {&dev_fdc, NULL},
        {&dev_mc146818, rtc},   {&dev_i8042, NULL},
        {&dev_port92, NULL},    {&dev_i440fx, NULL},
        {&dev_piix3_isa, NULL}, {&dev_piix3_ide, "id=" IDE_ID},
        {&dev_piix4_pm, NULL},  {&dev_fw_cfg, NULL},
        {&dev_hpet, NULL},
    };
    const struct part vga = {&dev_vga, "id=" VGA_ID};

    snprintf(rtc, sizeof(rtc), "ram=%llu", (unsigned long long)config->ram_bytes);
    return add_parts(bus, parts, ARRAY_LEN(parts), err, err_size) &&
           (!config->vga || add_parts(bus, &vga, 1, err, err_size));
}

/* The loudspeaker, behind the timer that drives it. */
static bool add_speaker(struct bus *bus, const struct board_pc *config, char *err, size_t err_size)
{
    char options[64] = "";
    const struct part speaker = {&dev_pcspk, options};

    if (config->speaker)
        snprintf(options, sizeof(options), "audiodev=%s", config->speaker);
    return add_parts(bus, &speaker, 1, err, err_size);
}

static bool add_apics(struct bus *bus, const struct board_pc *config, char *err, size_t err_size)
{
    const struct part parts[] = {
        {&dev_lapic, config->tsc_deadline ? NULL : "tsc_deadline=off"},
        {&dev_ioapic, NULL},
    };
    return !config->apic || add_parts(bus, parts, ARRAY_LEN(parts), err, err_size);
}

static bool add_serial(struct bus *bus, const struct board_pc *config, char *err, size_t err_size)
{
    static const struct part ports[4] = {
        {&dev_uart16550, "id=com1,iobase=0x3f8,irq=4,chardev=serial0"},
        {&dev_uart16550, "id=com2,iobase=0x2f8,irq=3,chardev=serial1"},
        {&dev_uart16550, "id=com3,iobase=0x3e8,irq=4,chardev=serial2"},
        {&dev_uart16550, "id=com4,iobase=0x2e8,irq=3,chardev=serial3"},
    };

    for (unsigned n = 0; n < ARRAY_LEN(ports); n++) {
        if (config->serial[n] && !add_parts(bus, &ports[n], 1, err, err_size))
            return false;
    }
    return true;
}

/* The name of a drive with removable media. NULL and one line in err: it cannot have it. */
static const char *drive_name(struct bus *bus, const struct board_drive *drive,
                              const char *by_place, char *err, size_t err_size)
{
    const char *name = drive->name ? drive->name : by_place;

    if (medium_name_ok(bus, name))
        return name;
    snprintf(err, err_size, "drive '%s': the name is taken or too long", name);
    return NULL;
}

static bool add_cdrom(struct bus *bus, const struct board_drive *drive, unsigned n, struct blk *blk,
                      char *err, size_t err_size)
{
    char by_place[MEDIUM_NAME];
    const char *name;

    snprintf(by_place, sizeof(by_place), "ide%u-cd%u", n / 2, n % 2);
    name = drive_name(bus, drive, by_place, err, err_size);
    if (name)
        piix3_ide_attach_cd(bus_find_dev(bus, IDE_ID), n, blk, name);
    else
        blk_close(blk);
    return name;
}

static bool add_drives(struct bus *bus, const struct board_pc *config, char *err, size_t err_size)
{
    for (unsigned n = 0; n < ARRAY_LEN(config->ide); n++) {
        const struct board_drive *drive = &config->ide[n];
        struct blk *blk = NULL;
        if (drive->file) {
            blk = blk_open(drive->file, drive->cdrom ? BLK_READONLY : drive->mode, err, err_size);
            if (!blk)
                return false;
        }
        if (drive->cdrom && !add_cdrom(bus, drive, n, blk, err, err_size))
            return false;
        if (blk && !drive->cdrom)
            piix3_ide_attach(bus_find_dev(bus, IDE_ID), n, blk);
    }
    return true;
}

/* What CMOS RAM tells of the first two disks to systems that look there themselves: type 47, at 1Bh
 * and 24h cylinders, heads, no precompensation, control byte, landing zone, sectors a track. */
static void add_disk_types(struct bus *bus, const struct board_pc *config)
{
    struct dev *rtc = bus_find_dev(bus, RTC_ID);
    u8 types = 0;

    for (unsigned n = 0; n < 2; n++) {
        struct blk *blk = config->ide[n].cdrom ? NULL : board_pc_disk(bus, n);
        u64 all = blk ? blk_sectors(blk) / (HEADS * SECTORS) : 0;
        u16 cylinders = (u16)(all > MAX_CYLINDERS ? MAX_CYLINDERS : all);
        u8 at = (u8)(n ? 0x24 : 0x1b), low = (u8)cylinders, high = (u8)(cylinders >> 8);
        const u8 table[] = {low, high, HEADS, 0xff, 0xff, 0xc8, low, high, SECTORS};
        if (!blk)
            continue;
        for (unsigned i = 0; i < sizeof(table); i++)
            mc146818_set_cmos(rtc, (u8)(at + i), table[i]);
        mc146818_set_cmos(rtc, (u8)(0x19 + n), 47);
        types |= n ? 0x0f : 0xf0;
    }
    mc146818_set_cmos(rtc, 0x12, types);
}

/* And what the firmware is told of them: their kinds in CMOS RAM at 10h, their number in the
 * equipment byte beside FPU and mouse. */
static bool add_floppies(struct bus *bus, const struct board_pc *config, char *err, size_t err_size)
{
    struct dev *fdc = bus_find_dev(bus, FLOPPY_ID), *rtc = bus_find_dev(bus, RTC_ID);
    unsigned types = 0, count = 0;

    for (unsigned n = 0; n < FLOPPY_DRIVES; n++) {
        const struct board_drive *drive = &config->floppy[n];
        char by_place[MEDIUM_NAME];
        const char *name;
        if (!drive->floppy)
            continue;
        snprintf(by_place, sizeof(by_place), "floppy%u", n);
        name = drive_name(bus, drive, by_place, err, err_size);
        if (!name || !floppy_add_drive(fdc, n, drive->file, name, drive->mode, err, err_size))
            return false;
        types |= (unsigned)floppy_type(fdc, n) << (n ? 0 : 4);
        count++;
    }
    mc146818_set_cmos(rtc, 0x10, (u8)types);
    mc146818_set_cmos(rtc, 0x14, (u8)(0x06 | (count ? 1 | (count - 1) << 6 : 0)));
    return true;
}

/* What the board tells of itself through fw_cfg. */
static void add_items(struct bus *bus, const struct board_pc *config)
{
    static const struct {
        u16 key;
        u8 size;
        u16 value;
    } items[] = {
        {FW_CFG_NOGRAPHIC, 2, 1},     {FW_CFG_NB_CPUS, 2, 1}, {FW_CFG_MAX_CPUS, 2, 1},
        {FW_CFG_BOOT_DEVICE, 2, 'c'}, {FW_CFG_NUMA, 8, 0},    {FW_CFG_MACHINE_ID, 4, 0},
        {FW_CFG_IRQ0_OVERRIDE, 4, 1},
    };
    struct dev *fw_cfg = bus_find_dev(bus, FW_CFG_ID);
    u8 e820[20] = {0}, uuid[16] = {0}; /* e820: one range of RAM */

    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        fw_cfg_set_int(fw_cfg, items[i].key, items[i].value, items[i].size);
    fw_cfg_set_int(fw_cfg, FW_CFG_RAM_SIZE, config->ram_bytes, 8);
    fw_cfg_set(fw_cfg, FW_CFG_UUID, uuid, sizeof(uuid));
    store_le(e820 + 8, 8, config->ram_bytes);
    store_le(e820 + 16, 4, 1);
    fw_cfg_set_file(fw_cfg, "etc/e820", e820, sizeof(e820));
    fw_cfg_set_file(fw_cfg, "bootorder", "", 0); /* no device is to be preferred */
}

void board_pc_finish(struct bus *bus, const struct board_pc *config)
{
    struct acpi_config acpi = {
        .ram_bytes = config->ram_bytes,
        .parallel = config->parallel,
        .floppy = config->floppy[0].floppy || config->floppy[1].floppy,
        .apic = config->apic,
    };

    for (size_t n = 0; n < ARRAY_LEN(config->serial); n++)
        acpi.serial[n] = config->serial[n];
    acpi_add_files(&acpi, bus_find_dev(bus, FW_CFG_ID));
    smbios_add_files(config->ram_bytes, bus_find_dev(bus, FW_CFG_ID));
}

/* CMOS 3Dh and 38h hold what to boot from, a digit each: floppy, disk, CD-ROM, network. Bit 0 of
 * 38h lets diskettes without a signature boot. */
void board_pc_set_boot_order(struct bus *bus, const char *order, bool any_floppy)
{
    static const char letters[] = "acdn";
    struct dev *rtc = bus_find_dev(bus, RTC_ID);
    u8 digit[3] = {0};

    for (size_t i = 0; i < ARRAY_LEN(digit) && order[i]; i++)
        digit[i] = order[i] == 'b' ? 1 : (u8)(strchr(letters, order[i]) - letters + 1);
    mc146818_set_cmos(rtc, 0x3d, (u8)(digit[0] | digit[1] << 4));
    mc146818_set_cmos(rtc, 0x38, (u8)(digit[2] << 4 | any_floppy));
}

static void add_boot(struct bus *bus, const struct board_pc *config)
{
    struct dev *fw_cfg = bus_find_dev(bus, FW_CFG_ID);
    u8 wait[8];

    fw_cfg_set_int(fw_cfg, FW_CFG_BOOT_MENU, config->boot_menu, 2);
    if (config->boot_menu_ms) {
        store_le(wait, 8, config->boot_menu_ms);
        fw_cfg_set_file(fw_cfg, "etc/boot-menu-wait", wait, 2);
    }
}

bool board_pc_build(struct bus *bus, const struct board_pc *config, char *err, size_t err_size)
{
    const struct part debugcon = {&dev_debugcon, "chardev=debugcon"};
    const struct part parallel = {&dev_parport, "chardev=parallel0"};

    if (!add_apics(bus, config, err, err_size) || !add_core(bus, config, err, err_size) ||
        !add_speaker(bus, config, err, err_size) || !add_serial(bus, config, err, err_size))
        return false;
    if (config->debugcon && !add_parts(bus, &debugcon, 1, err, err_size))
        return false;
    if (config->parallel && !add_parts(bus, &parallel, 1, err, err_size))
        return false;
    if (!add_drives(bus, config, err, err_size) || !add_floppies(bus, config, err, err_size))
        return false;
    add_disk_types(bus, config);
    add_items(bus, config);
    add_boot(bus, config);
    return true;
}

struct blk *board_pc_disk(struct bus *bus, unsigned n)
{
    const struct dev *ide = bus_find_dev(bus, IDE_ID);
    return ide ? piix3_ide_blk(ide, n) : NULL;
}

struct blk *board_pc_floppy(struct bus *bus, unsigned n)
{
    return floppy_blk(bus_find_dev(bus, FLOPPY_ID), n);
}
