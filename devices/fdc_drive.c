/* Floppy drives and their media. A medium is a raw image; what an image cannot hold of a disk,
 * deleted data marks, lives as long as the disk is in the drive.
 * Media are changed from outside as devices/core/medium.h says. */
#include <string.h>

#include "base/check.h"
#include "devices/fdc.h"

#define LAST_TRACK 83 /* where the head stops */

const struct field fdc_drive_fields[] = {
    FIELD_MAX(struct fdc_drive, type, 6),   FIELD(struct fdc_drive, kib),
    FIELD(struct fdc_drive, read_only),     FIELD(struct fdc_drive, track),
    FIELD(struct fdc_drive, changed),       FIELD_SUB(struct fdc_drive, log, blk_log_fields),
    FIELD_ARRAY(struct fdc_drive, deleted), FIELD_END,
};

static const struct fdc_format formats[] = {
    {160, 40, 1, 8, 5, RATE_250, FLOPPY_360},    {180, 40, 1, 9, 5, RATE_250, FLOPPY_360},
    {320, 40, 2, 8, 5, RATE_250, FLOPPY_360},    {360, 40, 2, 9, 5, RATE_250, FLOPPY_360},
    {720, 80, 2, 9, 3, RATE_250, FLOPPY_720},    {1200, 80, 2, 15, 5, RATE_500, FLOPPY_1200},
    {1440, 80, 2, 18, 3, RATE_500, FLOPPY_1440}, {1680, 80, 2, 21, 3, RATE_500, FLOPPY_1440},
    {1722, 82, 2, 21, 3, RATE_500, FLOPPY_1440}, {2880, 80, 2, 36, 3, RATE_1000, FLOPPY_2880},
};

/* What a drive takes: the size of its slot, and the highest of the formats. */
static const struct {
    u8 inch;
    u16 kib;
} drives[] = {
    [FLOPPY_360] = {5, 360},   [FLOPPY_1200] = {5, 1200}, [FLOPPY_720] = {3, 720},
    [FLOPPY_1440] = {3, 1722}, [FLOPPY_2880] = {3, 2880},
};

/* That of the size; or the next common one, whose rest is not in the image. */
static const struct fdc_format *find_format(const struct blk *blk)
{
    static const struct fdc_format *const common[] = {&formats[6], &formats[9]};
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (blk_sectors(blk) == formats[i].kib * 2u)
            return &formats[i];
    }
    for (size_t i = 0; i < ARRAY_LEN(common); i++) {
        if (blk_sectors(blk) < common[i]->kib * 2u)
            return common[i];
    }
    return NULL;
}

static bool fits(u8 type, const struct fdc_format *format)
{
    return drives[type].inch == format->inch && drives[type].kib >= format->kib;
}

/* ---- mechanics ---- */

struct fdc_drive *fdc_selected(struct fdc *s, unsigned unit)
{
    if (unit >= FLOPPY_DRIVES || (s->dor & 3) != unit || !(s->dor & 0x10u << unit) ||
        s->drive[unit].type == FLOPPY_NONE)
        return NULL;
    return &s->drive[unit];
}

/* A step with a disk in the drive ends the disk change signal. */
void fdc_drive_step(struct fdc_drive *d, int pulses)
{
    int track = d->track + pulses;

    if (pulses && d->blk)
        d->changed = false;
    d->track = (u8)(track < 0 ? 0 : track > LAST_TRACK ? LAST_TRACK : track);
}

/* A 1.2 MB drive has twice the tracks of a 360 KB disk, and turns it 6/5 times as fast. */
static bool is_doubled(const struct fdc_drive *d)
{
    return d->type == FLOPPY_1200 && d->format->cylinders == 40;
}

int fdc_cylinder(const struct fdc_drive *d, unsigned head, u8 rate)
{
    bool doubled = is_doubled(d);
    unsigned cylinder = doubled ? d->track / 2 : d->track;

    if (rate != (doubled ? RATE_300 : d->format->rate) || (doubled && d->track % 2) ||
        cylinder >= d->format->cylinders || head >= d->format->heads)
        return -1;
    return (int)cylinder;
}

u32 fdc_lba(const struct fdc_drive *d, unsigned cylinder, unsigned head, unsigned sector)
{
    return (cylinder * d->format->heads + head) * d->format->sectors + sector - 1;
}

bool fdc_read_image(const struct fdc_drive *d, u32 lba, u8 *buf)
{
    if (lba < blk_sectors(d->blk))
        return blk_read(d->blk, lba, buf, 1);
    memset(buf, 0, BLK_SECTOR);
    return true;
}

bool fdc_is_deleted(const struct fdc_drive *d, u32 lba)
{
    return d->deleted[lba / 8] >> lba % 8 & 1;
}

void fdc_set_deleted(struct fdc_drive *d, u32 lba, bool deleted)
{
    u8 bit = (u8)(1u << lba % 8);
    d->deleted[lba / 8] = (u8)(deleted ? d->deleted[lba / 8] | bit : d->deleted[lba / 8] & ~bit);
}

/* ---- media ---- */

static void take_out(struct fdc_drive *d)
{
    blk_close(d->blk);
    d->blk = NULL;
    d->format = NULL;
    d->kib = 0;
    d->read_only = false;
    d->changed = true;
    memset(d->deleted, 0, sizeof(d->deleted));
}

static void put_in(struct fdc_drive *d, struct blk *blk)
{
    take_out(d);
    d->blk = blk;
    d->format = find_format(blk);
    d->kib = d->format->kib;
    d->read_only = d->slot.mode & BLK_READONLY;
    blk_attach(blk, &d->log);
}

/* The drive's type FLOPPY_NONE: it takes all formats. */
static bool accepts(const void *opaque, const struct blk *blk, const char *path, char *err,
                    size_t err_size)
{
    const struct fdc_drive *d = opaque;
    const struct fdc_format *format = find_format(blk);

    if (format && (d->type == FLOPPY_NONE || fits(d->type, format)))
        return true;
    if (format)
        snprintf(err, err_size, "disk image '%s': a disk of %u KiB does not fit into drive '%s'",
                 path, format->kib, d->slot.name);
    else
        snprintf(err, err_size,
                 "disk image '%s': %llu bytes are more than a floppy disk holds (2880 KiB)", path,
                 (unsigned long long)blk_sectors(blk) * BLK_SECTOR);
    return false;
}

static bool slot_locked(void *opaque)
{
    (void)opaque;
    return false;
}

static void slot_eject(void *opaque, bool force)
{
    (void)force;
    take_out(opaque);
}

/* A replay whose image is another goes on with an empty drive: the state tells. */
static void slot_insert(void *opaque, struct blk *blk)
{
    struct fdc_drive *d = opaque;
    const struct fdc_format *format = blk ? find_format(blk) : NULL;

    if (format && fits(d->type, format))
        put_in(d, blk);
    else
        blk_close(blk);
}

static void slot_put(void *opaque, struct blk *blk)
{
    if (blk)
        put_in(opaque, blk);
    else
        take_out(opaque);
}

static const struct blk *slot_current(const void *opaque)
{
    return ((const struct fdc_drive *)opaque)->blk;
}

bool floppy_add_drive(struct dev *fdc, unsigned n, const char *path, const char *name,
                      unsigned mode, char *err, size_t err_size)
{
    static const struct medium_ops ops = {.locked = slot_locked,
                                          .eject = slot_eject,
                                          .insert = slot_insert,
                                          .put = slot_put,
                                          .current = slot_current,
                                          .accepts = accepts};
    struct fdc_drive *d = &((struct fdc *)fdc)->drive[n];
    struct blk *blk = NULL;

    CHECK(n < FLOPPY_DRIVES && !d->type, "floppy drive %u", n);
    if (path) {
        blk = blk_open(path, mode, err, err_size);
        if (!blk || !accepts(d, blk, path, err, err_size)) {
            blk_close(blk);
            return false;
        }
    }
    medium_init(&d->slot, fdc->bus, name, mode, &ops, d);
    d->type = FLOPPY_2880;
    if (blk) {
        d->type = find_format(blk)->type;
        put_in(d, blk);
    }
    return true;
}

enum floppy_type floppy_type(const struct dev *fdc, unsigned n)
{
    return ((const struct fdc *)fdc)->drive[n].type;
}

u64 floppy_bytes(const struct dev *fdc, unsigned n)
{
    return ((const struct fdc *)fdc)->drive[n].kib * 1024ull;
}

struct blk *floppy_blk(const struct dev *fdc, unsigned n)
{
    return ((const struct fdc *)fdc)->drive[n].blk;
}

void fdc_close_drives(struct fdc *s)
{
    for (unsigned n = 0; n < FLOPPY_DRIVES; n++)
        blk_close(s->drive[n].blk);
}
