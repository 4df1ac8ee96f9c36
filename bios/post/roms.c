/* Option ROMs go into the shadow RAM at C0000-DFFFF, from where POST runs them: what lies there as
 * a ROM, those of PCI functions (PCI 2.1, 6.3), and those that the configuration device offers. */
#include "bios/post/post.h"

#define AREA      0xc0000u
#define AREA_SIZE 0x20000u
#define OTHERS    0xc8000u
#define BUFFER    0x30000u /* RAM that nobody uses yet */
#define STEP      0x800u
#define ROM_BAR   0x30
#define CLASS     0x0a

static u32 next = AREA;

static bool is_rom(const u8 *p)
{
    return p[0] == 0x55 && p[1] == 0xaa && p[2];
}

static u32 rom_bytes(const u8 *p)
{
    return p[2] * 512u;
}

/* A place for len bytes; NULL: no room. */
static u8 *place(u32 len)
{
    u8 *at = (u8 *)next;

    if (next + len > AREA + AREA_SIZE)
        return NULL;
    next += (len + STEP - 1) & ~(STEP - 1);
    return at;
}

static void note(const u8 *at, u16 function)
{
    struct rom *rom = &SHARED->roms[SHARED->rom_count];

    if (SHARED->rom_count == MAX_ROMS)
        return;
    *rom = (struct rom){(u16)((u32)at >> 4), function};
    SHARED->rom_count++;
}

/* ROMs on the board: seen while reads of the area do not go to RAM. They stay where they are. */
static void isa_roms(void)
{
    u32 pam = pci_read(0, 0x58, 4), pam2 = pci_read(0, 0x5c, 4);

    pci_write(0, 0x58, 4, pam & 0x0000ffff);
    pci_write(0, 0x5c, 4, pam2 & 0xffff0000);
    memcpy((void *)BUFFER, (void *)AREA, AREA_SIZE);
    pci_write(0, 0x58, 4, pam);
    pci_write(0, 0x5c, 4, pam2);
    for (u32 at = 0; at < AREA_SIZE; at += STEP) {
        const u8 *rom = (u8 *)BUFFER + at;
        if (!is_rom(rom) || at + rom_bytes(rom) > AREA_SIZE)
            continue;
        memcpy((u8 *)AREA + at, rom, rom_bytes(rom));
        if (AREA + at + rom_bytes(rom) > next)
            next = (AREA + at + rom_bytes(rom) + STEP - 1) & ~(STEP - 1);
    }
    memset((void *)BUFFER, 0, AREA_SIZE);
}

/* The image for PCs in a ROM at p: behind "PCIR" there are ids, length, type and a last mark. */
static const u8 *pc_image(const u8 *p, u32 size)
{
    for (u32 at = 0; at + 0x1c < size && is_rom(p + at);) {
        u16 data = *(const u16 *)(p + at + 0x18);
        const u8 *d = p + at + data;
        u32 len;
        if (at + data + 0x18 > size || memcmp(d, "PCIR", 4))
            return p + at; /* an old ROM without such a structure */
        if (d[0x14] == 0)
            return p + at;
        len = *(const u16 *)(d + 0x10) * 512u;
        if (d[0x15] & 0x80 || !len)
            break;
        at += len;
    }
    return NULL;
}

static void load_pci(u16 function)
{
    bool display = pci_read(function, CLASS, 2) == 0x0300;
    u32 bar = pci_map_rom(function), size;
    const u8 *image = bar ? pc_image((u8 *)bar, 0x10000) : NULL;
    u8 *at;

    if (image) {
        size = rom_bytes(image);
        at = display && is_rom((u8 *)AREA) ? (u8 *)AREA : place(size);
        if (at) {
            memcpy(at, image, size);
            note(at, function);
        } else {
            debug("PCI %x: no room for its ROM of %u bytes\n", function, size);
        }
    }
    pci_unmap_rom(function);
}

static void pci_rom(u16 function, void *display)
{
    bool is_display = pci_read(function, CLASS, 2) == 0x0300;

    if (is_display == *(bool *)display)
        load_pci(function);
}

/* Whether the boot order, lines of names of devices, begins with "/rom@" and this file. */
static bool boots_first(const char *name)
{
    static const char prefix[] = "/rom@";
    char order[sizeof(prefix) + FWCFG_NAME] = {0};
    struct fwcfg_file f;
    size_t len = strlen(name);

    if (!fwcfg_find("bootorder", &f))
        return false;
    fwcfg_item(f.key, order, f.len < sizeof(order) - 1 ? f.len : sizeof(order) - 1);
    return !memcmp(order, prefix, sizeof(prefix) - 1) &&
           !memcmp(order + sizeof(prefix) - 1, name, len) &&
           (u8)order[sizeof(prefix) - 1 + len] < ' ';
}

static void load_files(const char *folder)
{
    struct fwcfg_file f;

    for (u32 n = 0; fwcfg_entry(n, &f); n++) {
        u8 *at;
        if (memcmp(f.name, folder, strlen(folder)))
            continue;
        at = place(f.len);
        if (!at) {
            debug("%s: no room for %u bytes\n", f.name, f.len);
            continue;
        }
        fwcfg_item(f.key, at, f.len);
        note(at, 0xffff);
        if (boots_first(f.name))
            SHARED->first_rom = (u16)((u32)at >> 4);
    }
}

void roms_setup(void)
{
    bool display = true;

    isa_roms();
    pci_each(pci_rom, &display);
    if (!is_rom((u8 *)AREA))
        load_files("vgaroms/");
    if (next < OTHERS)
        next = OTHERS; /* what lies below would be taken for the display's */
    display = false;
    pci_each(pci_rom, &display);
    load_files("genroms/");
}
