/* CD-ROM drives (numbers E0h up, EDD only) and booting from them: "El Torito" 1.0, without
 * emulation or with a diskette or disk whose sectors are on the disc. */
#include "bios/system/cdrom.h"
#include "bios/system/drive.h"
#include "bios/system/services.h"

#define FIRST_CD   0xe0
#define BLOCK      2048u
#define BOOT_BLOCK 17
#define BOOTABLE   0x88
enum { NO_EMULATION, FLOPPY_1200, FLOPPY_1440, FLOPPY_2880, HARD_DISK };

/* The specification packet of INT 13/4B: what was booted. */
struct booted {
    u8 size, media, number, controller;
    u32 lba;
    u16 device, cache_seg, load_seg, count;
    u8 cylinders, spt, heads; /* as INT 13/08 shows them in CH, CL, DH */
} __attribute__((packed));

static struct booted booted;
static bool emulating; /* number 00h or 80h is an image on the disc */
static struct {
    u16 cylinders, heads, spt;
} geometry;
static u8 source; /* the drive of the disc */
static u8 locks[MAX_CDS];
static u8 block[BLOCK];

bool cdrom_hides_disk(void)
{
    return emulating && booted.number == 0x80;
}

bool cdrom_hides_floppy(void)
{
    return emulating && booted.number == 0;
}

/* The drive of the image comes before the others, and is counted. */
static void emulate(bool on)
{
    u8 floppies = floppy_count();

    emulating = on;
    BDA->hd_count = (u8)(disk_count + cdrom_hides_disk());
    floppies += cdrom_hides_floppy();
    BDA->equipment &= 0xff3e;
    if (floppies)
        BDA->equipment |= (u16)(1 | (floppies - 1) << 6);
}

static void finish(struct regs *r, u8 status)
{
    if (r->dl < 0x80)
        BDA->fd_status = status;
    else
        BDA->hd_status = status;
    r->ah = status;
    set_flag(r, FLAG_CF, status);
}

static u32 block_address(void)
{
    return linear(DATA_SEG, (u16)(u32)block);
}

/* ---- booting ---- */

static bool valid_catalog(void)
{
    u16 sum = 0;

    for (unsigned i = 0; i < 32; i += 2)
        sum += (u16)(block[i] | block[i + 1] << 8);
    return block[0] == 1 && block[30] == 0x55 && block[31] == 0xaa && !sum;
}

/* The first bootable entry: the default one, or one of a section for this platform. */
static const u8 *boot_entry(void)
{
    if (block[32] == BOOTABLE)
        return block + 32;
    for (unsigned at = 64; at < BLOCK - 32;) {
        u16 entries = (u16)(block[at + 2] | block[at + 3] << 8);
        if ((block[at] | 1) != 0x91)
            break;
        for (unsigned i = 1; i <= entries && at + 32 * i < BLOCK - 31; i++)
            if (!block[at + 1] && block[at + 32 * i] == BOOTABLE)
                return block + at + 32 * i;
        at += 32u * (entries + 1u);
    }
    return NULL;
}

static void set_geometry(const u8 *mbr)
{
    static const u8 floppy_spt[] = {0, 15, 18, 36};
    u32 last;

    if (booted.media < HARD_DISK) {
        geometry.cylinders = 80;
        geometry.heads = 2;
        geometry.spt = floppy_spt[booted.media];
    } else {
        const u8 *p = mbr + 446; /* the image's one partition ends with it */
        geometry.heads = (u16)(p[5] + 1);
        geometry.spt = p[6] & 63 ? p[6] & 63 : 1;
        geometry.cylinders = (u16)((p[7] | (p[6] & 0xc0) << 2) + 1);
    }
    last = geometry.cylinders - 1u;
    if (booted.media == HARD_DISK && last) /* as disk.c has it */
        last--;
    booted.cylinders = LOW8(last);
    booted.spt = (u8)(geometry.spt | last >> 8 << 6);
    booted.heads = (u8)(geometry.heads - 1u);
}

/* Sectors of 512 bytes of the emulated drive. */
static u8 image_read(u32 sector, u16 count, u32 at)
{
    u8 status = DISK_OK, sense;

    while (count && status == DISK_OK) {
        u32 lba = booted.lba + sector / 4;
        u16 first = sector % 4, some = count > 56 ? 56 : count;
        u8 blocks = (u8)((first + some + 3) / 4);
        const u8 packet[12] = {0x28, 0, (u8)(lba >> 24), (u8)(lba >> 16), (u8)(lba >> 8), (u8)lba,
                               0,    0, blocks};
        status = atapi_packet(&cds[source], packet, at, first * 512, some * 512u, &sense);
        sector += some;
        count -= some;
        at += some * 512u;
    }
    return status;
}

const char *cdrom_load(unsigned n, struct far *entry, u8 *drive)
{
    const struct drive *d = &cds[n];
    const u8 *e;
    u16 seg, count;

    emulate(false);
    booted.size = 0;
    if (!atapi_ready(d))
        return "no disc in the drive";
    if (atapi_read(d, BOOT_BLOCK, 1, block_address()))
        return "cannot be read";
    if (memcmp(block + 1, "CD001", 5) || memcmp(block + 7, "EL TORITO SPECIFICATION", 23))
        return "the disc is not bootable";
    if (atapi_read(d, *(u32 *)(block + 0x47), 1, block_address()))
        return "its boot catalog cannot be read";
    e = valid_catalog() ? boot_entry() : NULL;
    if (!e)
        return "its boot catalog has no valid entry";
    source = (u8)n;
    seg = (u16)(e[2] | e[3] << 8);
    count = (u16)(e[6] | e[7] << 8);
    booted = (struct booted){.size = 0x13,
                             .media = e[1] & 15,
                             .controller = d->base == 0x170,
                             .load_seg = seg ? seg : 0x7c0,
                             .count = count ? count : 4};
    memcpy(&booted.lba, e + 8, 4);
    booted.device = d->slave;
    booted.number = booted.media == NO_EMULATION ? FIRST_CD + n
                    : booted.media == HARD_DISK  ? 0x80
                                                 : 0;
    if (booted.media > HARD_DISK)
        return "its boot catalog asks for an unknown medium";
    if (image_read(0, booted.count, (u32)booted.load_seg << 4))
        return "its boot image cannot be read";
    if (booted.media != NO_EMULATION) {
        if (image_read(0, 1, block_address()))
            return "its boot image cannot be read";
        set_geometry(block);
        emulate(true);
    }
    *entry = booted.load_seg == 0x7c0 ? (struct far){0x7c00, 0} : (struct far){0, booted.load_seg};
    *drive = booted.number;
    return NULL;
}

/* ---- services ---- */

/* 4Bh: what was booted, and the end of emulation */
static void emulation_status(struct regs *r)
{
    if (r->al > 1 || !booted.size) {
        finish(r, DISK_BAD_COMMAND);
        return;
    }
    copy_out(r->ds, r->si, &booted, sizeof(booted));
    if (r->al == 0)
        emulate(false);
    r->ah = 0;
    set_flag(r, FLAG_CF, false);
}

static void emulated_read(struct regs *r, bool verify)
{
    u32 cylinder = r->ch | (u32)(r->cl & 0xc0) << 2, sector = r->cl & 0x3f;
    u32 at = (cylinder * geometry.heads + r->dh) * geometry.spt + sector - 1;
    u8 status;

    if (!r->al || r->al > 128 || !sector || sector > geometry.spt || r->dh >= geometry.heads ||
        cylinder >= geometry.cylinders) {
        r->al = 0;
        finish(r, DISK_NO_SECTOR);
        return;
    }
    status = verify ? DISK_OK : image_read(at, r->al, linear(r->es, r->bx));
    if (status)
        r->al = 0;
    finish(r, status);
}

static void emulated_parameters(struct regs *r)
{
    static const u8 types[] = {0, 2, 4, 6};

    r->al = 0;
    if (booted.media < HARD_DISK)
        r->bx = types[booted.media];
    r->ch = booted.cylinders;
    r->cl = booted.spt;
    r->dh = booted.heads;
    r->dl = r->dl < 0x80 ? (u8)(floppy_count() + 1) : (u8)(disk_count + 1);
    if (booted.media < HARD_DISK) {
        r->es = CODE_SEG;
        r->di = (u16)(u32)diskette_table;
    }
    finish(r, DISK_OK);
}

static void emulated(struct regs *r)
{
    switch (r->ah) {
    case 0x01:
        r->ah = r->dl < 0x80 ? BDA->fd_status : BDA->hd_status;
        set_flag(r, FLAG_CF, r->ah);
        break;
    case 0x02: emulated_read(r, false); break;
    case 0x04: emulated_read(r, true); break;
    case 0x03:
    case 0x05: finish(r, DISK_WRITE_PROTECTED); break;
    case 0x08: emulated_parameters(r); break;
    case 0x15: {
        u32 sectors = (geometry.cylinders - 1u) * geometry.heads * geometry.spt;
        finish(r, DISK_OK);
        r->ah = r->dl < 0x80 ? 1 : 3;
        if (r->dl >= 0x80) {
            r->cx = (u16)(sectors >> 16);
            r->dx = (u16)sectors;
        }
        break;
    }
    case 0x00:
    case 0x09:
    case 0x0c:
    case 0x0d:
    case 0x10:
    case 0x11:
    case 0x14:
    case 0x16: finish(r, DISK_OK); break;
    default: finish(r, DISK_BAD_COMMAND); break;
    }
}

static void edd_read(struct regs *r, const struct drive *d)
{
    struct packet p;
    u8 status;

    copy_in(&p, r->ds, r->si, sizeof(p));
    if (p.size < sizeof(p) || p.lba_high) {
        finish(r, DISK_BAD_COMMAND);
        return;
    }
    if (reachable(&p.buffer, p.count, BLOCK))
        status = atapi_read(d, p.lba, p.count, linear(p.buffer.seg, p.buffer.off));
    else
        status = DISK_DMA_BOUNDARY;
    if (status)
        poke16(r->ds, r->si + 2u, 0);
    finish(r, status);
}

static void set_lock(const struct drive *d, bool on)
{
    const u8 packet[12] = {0x1e, 0, 0, 0, on};
    u8 sense;
    atapi_packet(d, packet, 0, 0, 0, &sense);
}

/* 45h: locks count, so that as many unlocks open */
static void lock(struct regs *r, const struct drive *d, u8 *count)
{
    u8 status = DISK_OK;

    if (r->al > 2) {
        finish(r, DISK_BAD_COMMAND);
        return;
    }
    if (r->al == 0 && *count < 0xff)
        set_lock(d, ++*count);
    else if (r->al == 0)
        status = 0xb4; /* counted out */
    else if (r->al == 1 && *count)
        set_lock(d, --*count);
    else if (r->al == 1)
        status = DISK_NOT_LOCKED;
    r->al = *count != 0;
    finish(r, status);
}

static void eject(struct regs *r, const struct drive *d, bool locked)
{
    static const u8 packet[12] = {0x1b, 0, 0, 0, 2};
    u8 sense;

    if (r->al)
        finish(r, DISK_BAD_COMMAND);
    else
        finish(r, locked ? DISK_LOCKED : atapi_packet(d, packet, 0, 0, 0, &sense) ? 0xb5 : DISK_OK);
}

static void changed(struct regs *r, const struct drive *d)
{
    static const u8 test[12] = {0};
    u8 sense;

    finish(r, atapi_packet(d, test, 0, 0, 0, &sense) == DISK_CHANGED ? DISK_CHANGED : DISK_OK);
}

static void cd_service(struct regs *r, u8 n)
{
    const struct drive *d = &cds[n];

    switch (r->ah) {
    case 0x01:
        r->ah = BDA->hd_status;
        set_flag(r, FLAG_CF, r->ah);
        break;
    case 0x41:
        if (r->bx != 0x55aa) {
            finish(r, DISK_BAD_COMMAND);
            return;
        }
        r->bx = 0xaa55;
        r->cx = 7;
        finish(r, DISK_OK);
        r->ah = 0x30;
        break;
    case 0x42: edd_read(r, d); break;
    case 0x43: finish(r, DISK_WRITE_PROTECTED); break;
    case 0x45: lock(r, d, &locks[n]); break;
    case 0x46: eject(r, d, locks[n]); break;
    case 0x48: edd_parameters(r, d, true); break;
    case 0x49: changed(r, d); break;
    case 0x00: /* reset, verify, seek ... */
    case 0x09:
    case 0x0c:
    case 0x0d:
    case 0x10:
    case 0x11:
    case 0x14:
    case 0x44:
    case 0x47:
    case 0x4e: finish(r, DISK_OK); break;
    default: finish(r, DISK_BAD_COMMAND); break;
    }
}

bool cdrom_service(struct regs *r)
{
    u8 n = r->dl - FIRST_CD;

    if (r->ah == 0x4b && (r->dl == 0x7f || r->dl == booted.number)) {
        emulation_status(r);
        return true;
    }
    if (emulating && r->dl == booted.number) {
        emulated(r);
        return true;
    }
    if (r->dl < FIRST_CD || n >= cd_count)
        return false;
    cd_service(r, n);
    return true;
}
