/* What is booted: the list of devices, the order that CMOS tells, the menu, and INT 18h and 19h. */
#include "bios/shared.h"
#include "bios/system/cdrom.h"
#include "bios/system/drive.h"
#include "bios/system/services.h"

#define BOOT_SEG 0x07c0
#define KEY_F12  0x8600
#define KEY_ESC  0x1b

/* The first ones as the digits of CMOS 3Dh and 38h. ROM is one that is to come before them all. */
enum kind { FLOPPY = 1, DISK, CDROM, NETWORK, ROM };

struct boot_device {
    u8 kind, index;
    struct far entry; /* of NETWORK and ROM: the ROM's boot entry */
    char name[40];
};

#define MAX_DEVICES 12
static struct boot_device devices[MAX_DEVICES];
static u8 device_count, order[MAX_DEVICES], order_count, next_try;

/* ---- the list ---- */

static struct boot_device *add(enum kind kind, u8 index, const char *name)
{
    struct boot_device *d = &devices[device_count];
    unsigned n = 0;

    if (device_count == MAX_DEVICES)
        return NULL;
    d->kind = (u8)kind;
    d->index = index;
    for (; name[n] && n < sizeof(d->name) - 1; n++)
        d->name[n] = name[n];
    d->name[n] = 0;
    device_count++;
    return d;
}

void boot_add_rom(u16 seg, u16 entry, const char *name)
{
    struct boot_device *d = add(seg == shared.first_rom ? ROM : NETWORK, 0, name);
    if (d)
        d->entry = (struct far){entry, seg};
}

static void find_devices(void)
{
    for (u8 i = 0; i < floppy_count(); i++)
        add(FLOPPY, i, i ? "B:" : "A:");
    for (u8 i = 0; i < disk_count; i++)
        add(DISK, i, disks[i].model);
    for (u8 i = 0; i < cd_count; i++)
        add(CDROM, i, cds[i].model);
}

static void order_kind(u8 kind)
{
    for (u8 i = 0; i < device_count; i++)
        if (devices[i].kind == kind && order_count < MAX_DEVICES)
            order[order_count++] = i;
}

/* Three digits say what comes first, but for a ROM; without any it is disks, floppies, discs. */
static void set_order(void)
{
    static const u8 usual[] = {DISK, FLOPPY, CDROM, NETWORK};
    u8 first = cmos_read(0x3d), third = cmos_read(0x38) >> 4;
    const u8 asked[] = {first & 15, first >> 4, third};

    order_count = 0;
    order_kind(ROM);
    for (unsigned i = 0; i < ARRAY_LEN(asked); i++)
        order_kind(asked[i]);
    if (!first && !third)
        for (unsigned i = 0; i < ARRAY_LEN(usual); i++)
            order_kind(usual[i]);
}

/* ---- the menu ---- */

static const char *kind_name(u8 kind)
{
    static const char *const names[] = {"", "Floppy", "Hard Disk", "DVD/CD", "Network", "ROM"};
    return names[kind];
}

static bool wait_key(u32 ms, u16 *key)
{
    u32 end = ticks_now() + ms * 182 / 10000 + 1;

    do {
        if (keyboard_hit(key))
            return true;
        wait_irq();
    } while (!ms || ticks_now() < end);
    return false;
}

static void ask(void)
{
    u16 key;

    print("\nSelect boot device:\n\n");
    for (u8 i = 0; i < device_count; i++)
        print("%c. %s %s\n", i < 9 ? '1' + i : 'a' + i - 9, kind_name(devices[i].kind),
              devices[i].name);
    for (;;) {
        u8 c, n;
        wait_key(0, &key);
        c = LOW8(key) | 0x20;
        n = c >= 'a' ? (u8)(c - 'a' + 9) : (u8)((c & 0x1f) - 0x11);
        if (LOW8(key) == KEY_ESC)
            break;
        if (LOW8(key) < '1' || n >= device_count)
            continue;
        order[0] = n;
        order_count = 1;
        for (u8 i = 0; i < device_count; i++)
            if (i != n)
                order[order_count++] = i;
        break;
    }
    print("\n");
}

void boot_init(void)
{
    u16 key;

    find_devices();
    set_order();
    if (!shared.boot_menu)
        return;
    print("\nPress F12 for boot menu.\n");
    while (wait_key(shared.menu_wait, &key))
        if (key == KEY_F12 || LOW8(key) == KEY_ESC) {
            ask();
            return;
        }
}

/* ---- booting ---- */

/* Reads the first sector through INT 13h, as whoever has hooked it expects. */
static const char *load_sector(u8 drive)
{
    struct regs r;

    for (unsigned tries = 0; tries < 3; tries++) {
        memset(&r, 0, sizeof(r));
        r.ax = 0x0201;
        r.cx = 1;
        r.dl = drive;
        r.es = BOOT_SEG;
        call_int(0x13, &r);
        if (!(r.flags & FLAG_CF))
            break;
        memset(&r, 0, sizeof(r));
        r.dl = drive;
        call_int(0x13, &r);
    }
    if (r.flags & FLAG_CF)
        return drive < 0x80 ? "no diskette, or it cannot be read" : "cannot be read";
    if (peek16(BOOT_SEG, 510) != 0xaa55 && (drive >= 0x80 || !(cmos_read(0x38) & 1)))
        return "not bootable: its first sector has no boot signature";
    return NULL;
}

/* Loads; NULL if there is something to jump to. */
static const char *load(const struct boot_device *d, struct far *entry, u8 *drive)
{
    *entry = (struct far){BOOT_SEG << 4, 0};
    switch (d->kind) {
    case FLOPPY: *drive = d->index; return load_sector(*drive);
    case DISK: *drive = 0x80 + d->index; return load_sector(*drive);
    case CDROM: return cdrom_load(d->index, entry, drive);
    default:
        *entry = d->entry;
        *drive = 0;
        return NULL;
    }
}

static void nothing_left(void)
{
    u16 key;

    if (!device_count)
        print("No bootable device.\nThere is no drive.\n");
    else
        print("No bootable device.\nTried:\n");
    for (u8 i = 0; i < order_count; i++)
        print("  %s %s\n", kind_name(devices[order[i]].kind), devices[order[i]].name);
    print("Press a key to try again.\n");
    wait_key(0, &key);
    next_try = 0;
}

static void __attribute__((noreturn)) boot(void)
{
    service_level = 0; /* nobody will be returned to */
    for (;;) {
        const struct boot_device *d;
        struct far entry;
        const char *why;
        u8 drive = 0;

        if (next_try >= order_count) {
            nothing_left();
            continue;
        }
        d = &devices[order[next_try++]];
        print("Booting from %s...\n", kind_name(d->kind));
        why = load(d, &entry, &drive);
        if (!why)
            boot_enter((u32)entry.seg << 16 | entry.off, drive);
        print("  %s\n", why);
    }
}

void int19(struct regs *r)
{
    (void)r;
    let_irqs_in();
    next_try = 0;
    boot();
}

/* What was booted gives up. */
void int18(struct regs *r)
{
    (void)r;
    let_irqs_in();
    boot();
}
