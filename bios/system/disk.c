/* INT 13h: disks by cylinder, head and sector, and by the extensions of EDD 3.0; what has another
 * number goes to the floppy or CD-ROM code. */
#include "bios/pcibios.h"
#include "bios/system/cdrom.h"
#include "bios/system/drive.h"
#include "bios/system/services.h"

#define SECTOR 512

static struct drive *disk_of(u8 number)
{
    number -= 0x80;
    return cdrom_hides_disk() ? (number ? disk_at(number - 1) : NULL) : disk_at(number);
}

struct drive *disk_at(u8 n)
{
    return n < disk_count ? &disks[n] : NULL;
}

static u8 checksum(const void *data, unsigned len)
{
    const u8 *p = data;
    u8 sum = 0;

    while (len--)
        sum += *p++;
    return (u8)-sum;
}

/* The fixed disk parameter table (IBM AT Technical Reference, fixed disk BIOS; the fields of the
 * drive's own geometry are of later BIOSes, for disks that INT 13 shows with another one). */
struct fdpt {
    u16 cylinders;
    u8 heads;
    u8 signature; /* A0h: the drive's own geometry is here, too */
    u8 own_spt;
    u16 precompensation;
    u8 reserved;
    u8 control;
    u16 own_cylinders;
    u8 own_heads;
    u16 landing_zone;
    u8 spt;
    u8 checksum;
} __attribute__((packed));

_Static_assert(sizeof(struct fdpt) == 16, "two of them lie at vectors 41h and 46h");

static void parameter_table(const struct drive *d, u16 at)
{
    struct fdpt t = {.cylinders = d->cylinders,
                     .heads = (u8)d->heads,
                     .precompensation = 0xffff,
                     .control = (u8)(0xc0 | (d->pheads > 8 ? 8 : 0)),
                     .landing_zone = d->pcylinders,
                     .spt = (u8)d->spt};

    if (d->cylinders != d->pcylinders || d->heads != d->pheads || d->spt != d->pspt) {
        t.signature = 0xa0;
        t.own_spt = (u8)d->pspt;
        t.own_cylinders = d->pcylinders;
        t.own_heads = (u8)d->pheads;
        t.checksum = checksum(&t, sizeof(t) - 1);
    }
    copy_out(EBDA_SEG, at, &t, sizeof(t));
}

/* Vectors 41h and 46h: the tables, zero for a disk that is not there. */
void disk_init(void)
{
    static const u8 vectors[] = {0x41, 0x46};

    BDA->hd_control = 0xc0;
    for (u8 n = 0; n < ARRAY_LEN(vectors); n++) {
        u16 at = (u16)(EBDA_DISK + n * sizeof(struct fdpt));
        const struct drive *d = disk_at(n);

        if (d)
            parameter_table(d, at);
        set_vector(vectors[n], EBDA_SEG, at);
    }
}

/* The end of every service: status in AH, carry, and at 40:74. */
static void finish(struct regs *r, u8 status)
{
    BDA->hd_status = status;
    r->ah = status;
    set_flag(r, FLAG_CF, status);
}

/* ---- by cylinder, head and sector ---- */

static void chs_transfer(struct regs *r, const struct drive *d, enum disk_action action)
{
    u32 cylinder = r->ch | (u32)(r->cl & 0xc0) << 2, sector = r->cl & 0x3f;
    u8 count = r->al, status;

    if (!count || count > 128 || !sector) {
        r->al = 0;
        finish(r, DISK_BAD_COMMAND);
        return;
    }
    if (cylinder >= d->cylinders + 1u || r->dh >= d->heads || sector > d->spt) {
        r->al = 0;
        finish(r, DISK_NO_SECTOR);
        return;
    }
    status = ata_transfer(d, action, (cylinder * d->heads + r->dh) * d->spt + sector - 1, count,
                          linear(r->es, r->bx));
    if (status)
        r->al = 0;
    finish(r, status);
}

/* The last cylinder is for diagnostics: it can be used, but is not told of. */
static u16 told_cylinders(const struct drive *d)
{
    return d->cylinders > 1 ? d->cylinders - 1 : 1;
}

static void parameters(struct regs *r, const struct drive *d)
{
    u16 last = (u16)(told_cylinders(d) - 1);

    r->al = 0;
    r->ch = LOW8(last);
    r->cl = (u8)((last >> 8) << 6 | d->spt);
    r->dh = (u8)(d->heads - 1);
    r->dl = (u8)(disk_count + cdrom_hides_disk());
    finish(r, DISK_OK);
}

static void drive_type(struct regs *r, const struct drive *d)
{
    u32 sectors = (u32)told_cylinders(d) * d->heads * d->spt;

    r->cx = (u16)(sectors >> 16);
    r->dx = (u16)sectors;
    finish(r, DISK_OK);
    r->ah = 3; /* a fixed disk */
}

/* ---- extensions ---- */

bool reachable(const struct far *buffer, u16 count, u16 size)
{
    return linear(buffer->seg, buffer->off) + (u32)count * size <= 0x10fff0;
}

static void edd_transfer(struct regs *r, const struct drive *d, enum disk_action action)
{
    struct packet p;
    u8 status;

    copy_in(&p, r->ds, r->si, sizeof(p));
    if (p.size < sizeof(p) || (p.buffer.off & p.buffer.seg) == 0xffff) {
        finish(r, DISK_BAD_COMMAND);
        return;
    }
    if (p.lba_high)
        status = DISK_NO_SECTOR;
    else if (action != DISK_VERIFY && !reachable(&p.buffer, p.count, SECTOR))
        status = DISK_DMA_BOUNDARY;
    else
        status = ata_transfer(d, action, p.lba, p.count, linear(p.buffer.seg, p.buffer.off));
    if (status)
        poke16(r->ds, r->si + 2u, 0);
    finish(r, status);
}

static void edd_seek(struct regs *r, const struct drive *d)
{
    struct packet p;

    copy_in(&p, r->ds, r->si, sizeof(p));
    if (p.size < sizeof(p))
        finish(r, DISK_BAD_COMMAND);
    else
        finish(r, p.lba_high || p.lba >= d->sectors ? DISK_SEEK : DISK_OK);
}

/* The device parameter table extension of EDD, for struct edd_result. */
struct dpte {
    u16 base, control;
    u8 head, pio_vendor, irq, block, dma, pio;
    u16 options;
    u16 reserved;
    u8 revision, checksum;
} __attribute__((packed));

static struct dpte dpte;

struct edd_result {
    u16 size, flags;
    u32 cylinders, heads, spt, sectors, sectors_high;
    u16 sector_size;
    struct far dpte;
    u16 key;
    u8 path_size, reserved[3];
    char bus[4], interface[8];
    u8 interface_path[8], device_path[16];
    u8 zero, checksum;
} __attribute__((packed));

/* How much of it there is: up to the end of EDD 1.0's, of the pointer, of a device path of 8 bytes,
 * and of one of 16 (EDD 3.0, 4.12). */
enum { EDD_10 = 26, EDD_20 = 30, EDD_11_PATH = 66, EDD_30_PATH = 74 };
_Static_assert(sizeof(struct edd_result) == EDD_30_PATH, "EDD 3.0");

/* The drives are the PCI bus's if there is an IDE controller where the PIIX3 has it. */
static void fill_path(struct edd_result *e, const struct drive *d, bool atapi)
{
    const u16 piix_ide = 1 << 3 | 1;

    e->key = 0xbedd;
    memcpy(e->interface, atapi ? "ATAPI   " : "ATA     ", 8);
    e->device_path[0] = d->slave;
    if (pci_config_dword(piix_ide, 8) >> 16 == 0x0101) {
        memcpy(e->bus, "PCI ", 4);
        e->interface_path[1] = piix_ide >> 3;
        e->interface_path[2] = piix_ide & 7;
        e->interface_path[3] = d->base != 0x1f0; /* channel */
    } else {
        memcpy(e->bus, "ISA ", 4);
        memcpy(e->interface_path, &d->base, 2);
    }
}

static void fill_dpte(const struct drive *d)
{
    dpte = (struct dpte){.base = d->base,
                         .control = d->control,
                         .head = (u8)(d->slave ? 0xf0 : 0xe0),
                         .pio_vendor = 0xcb,
                         .irq = d->base == 0x1f0 ? 14 : 15,
                         .block = 1,
                         .options = d->kind == DRIVE_ATAPI ? 0x0070 : 0x0010,
                         .revision = 0x11};
    dpte.checksum = checksum(&dpte, 15);
}

/* The answer is cut to the version of EDD that the caller knows. */
void edd_parameters(struct regs *r, const struct drive *d, bool atapi)
{
    struct edd_result e = {0};
    u16 size = peek16(r->ds, r->si);

    if (size < EDD_10) {
        finish(r, DISK_BAD_COMMAND);
        return;
    }
    fill_dpte(d);
    size = size >= EDD_30_PATH   ? EDD_30_PATH
           : size >= EDD_11_PATH ? EDD_11_PATH
           : size >= EDD_20      ? EDD_20
                                 : EDD_10;
    e.size = size;
    e.cylinders = d->pcylinders;
    e.heads = d->pheads;
    e.spt = d->pspt;
    e.sectors = d->sectors;
    if ((u32)d->pcylinders * d->pheads * d->pspt >= d->sectors)
        e.flags = 2; /* geometry is valid */
    e.sector_size = SECTOR;
    e.dpte = (struct far){(u16)(u32)&dpte, DATA_SEG};
    fill_path(&e, d, atapi);
    e.path_size = size == EDD_11_PATH ? 36 : 44;
    if (atapi) {
        e.flags = 0x74; /* removable, change line, lockable, no geometry */
        e.cylinders = e.heads = e.spt = 0xffffffff;
        e.sectors = e.sectors_high = 0xffffffff;
        e.sector_size = 2048;
    }
    ((u8 *)&e)[EDD_20 + e.path_size - 1] = checksum(&e.key, e.path_size - 1u);
    copy_out(r->ds, r->si, &e, size);
    finish(r, DISK_OK);
}

static void extended(struct regs *r, const struct drive *d)
{
    switch (r->ah) {
    case 0x41:
        if (r->bx != 0x55aa) {
            finish(r, DISK_BAD_COMMAND);
            return;
        }
        r->bx = 0xaa55;
        r->cx = 7; /* transfers, locking and ejecting, drive parameters */
        finish(r, DISK_OK);
        r->ah = 0x30; /* EDD 3.0 */
        break;
    case 0x42: edd_transfer(r, d, DISK_READ); break;
    case 0x43: edd_transfer(r, d, DISK_WRITE); break;
    case 0x44: edd_transfer(r, d, DISK_VERIFY); break;
    case 0x47: edd_seek(r, d); break;
    case 0x48: edd_parameters(r, d, false); break;
    case 0x4e: /* hardware configuration: prefetch, PIO mode as they are */
        finish(r,
               r->al == 1 || r->al == 3 || r->al == 4 || r->al == 6 ? DISK_OK : DISK_BAD_COMMAND);
        r->al = 0;
        break;
    case 0x45: /* lock */
        r->al = 0;
        finish(r, DISK_OK);
        break;
    case 0x46: finish(r, DISK_NOT_REMOVABLE); break;
    case 0x49: finish(r, DISK_OK); break;
    default: finish(r, DISK_BAD_COMMAND); break;
    }
}

static void disk_service(struct regs *r, struct drive *d)
{
    switch (r->ah) {
    case 0x01: /* status of the last operation */
        r->ah = BDA->hd_status;
        set_flag(r, FLAG_CF, r->ah);
        break;
    case 0x02: chs_transfer(r, d, DISK_READ); break;
    case 0x03: chs_transfer(r, d, DISK_WRITE); break;
    case 0x04: chs_transfer(r, d, DISK_VERIFY); break;
    case 0x08: parameters(r, d); break;
    case 0x15: drive_type(r, d); break;
    case 0x00: /* reset, format a track, set parameters, seek, reset, ready, recalibrate, diagnose
                */
    case 0x05:
    case 0x09:
    case 0x0c:
    case 0x0d:
    case 0x10:
    case 0x11:
    case 0x14: finish(r, DISK_OK); break;
    default: extended(r, d); break;
    }
}

void int13(struct regs *r)
{
    struct drive *d;

    let_irqs_in();
    if (cdrom_service(r))
        return;
    if (r->dl < 0x80) {
        floppy_service(r);
        return;
    }
    d = disk_of(r->dl);
    if (d)
        disk_service(r, d);
    else if (r->ah == 0x15)
        refuse(r, 0); /* no such drive; AH = 0 */
    else
        finish(r, DISK_BAD_COMMAND);
}
