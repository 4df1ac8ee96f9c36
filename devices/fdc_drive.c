/* Floppy drives and their media. A medium is a raw image; what an image cannot hold of a disk,
 * deleted data marks, lives as long as the disk is in the drive.
 *
 * Media are changed by entries of the journal: what to do, which drive, whether read-only, the
 * image's size and its path. */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "devices/core/journal.h"
#include "devices/fdc.h"

#define LAST_TRACK 83 /* where the head stops */

const struct field fdc_drive_fields[] = {
    FIELD(struct fdc_drive, type),          FIELD(struct fdc_drive, kib),
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

static const struct fdc_format *find_format(const struct blk *blk)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (blk_sectors(blk) == formats[i].kib * 2u)
            return &formats[i];
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

/* An image and its format; NULL and one line in err. Read-only is the overlay without writes. */
static struct blk *open_medium(const char *path, bool read_only, bool snapshot,
                               const struct fdc_format **format, char *err, size_t err_size)
{
    struct blk *blk = blk_open(path, read_only || snapshot, err, err_size);

    if (!blk)
        return NULL;
    *format = find_format(blk);
    if (*format)
        return blk;
    snprintf(err, err_size,
             "disk image '%s': %llu bytes are the size of no floppy disk (160, 180, 320, 360, 720, "
             "1200, 1440, 1680, 1722, 2880 KiB)",
             path, (unsigned long long)blk_sectors(blk) * BLK_SECTOR);
    blk_close(blk);
    return NULL;
}

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

static void put_in(struct fdc_drive *d, struct blk *blk, const struct fdc_format *format,
                   bool read_only)
{
    take_out(d);
    d->blk = blk;
    d->format = format;
    d->kib = format->kib;
    d->read_only = read_only;
    blk_attach(blk, &d->log);
}

bool floppy_add_drive(struct dev *fdc, unsigned n, const char *path, bool read_only, bool snapshot,
                      char *err, size_t err_size)
{
    struct fdc *s = (struct fdc *)fdc;
    const struct fdc_format *format;
    struct blk *blk;

    CHECK(n < FLOPPY_DRIVES && !s->drive[n].type, "floppy drive %u", n);
    s->snapshot = snapshot;
    s->drive[n].type = FLOPPY_1440;
    if (!path)
        return true;
    blk = open_medium(path, read_only, snapshot, &format, err, err_size);
    if (!blk)
        return false;
    s->drive[n].type = format->type;
    put_in(&s->drive[n], blk, format, read_only);
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

void fdc_close_drives(struct fdc *s)
{
    for (unsigned n = 0; n < FLOPPY_DRIVES; n++)
        blk_close(s->drive[n].blk);
}

/* ---- changes ---- */

enum { CHANGE_UNIT, CHANGE_INSERT, CHANGE_READ_ONLY, CHANGE_KIB, CHANGE_PATH = CHANGE_KIB + 2 };

#define MAX_PATH 4096

/* Journal sink. A replay whose image has gone, or is another, goes on with an empty drive: the
 * state tells. */
static void on_change(void *opaque, const void *data, size_t len)
{
    struct fdc *s = opaque;
    const u8 *entry = data;
    const struct fdc_format *format;
    struct fdc_drive *d;
    struct blk *blk;
    char path[MAX_PATH], err[256];

    if (len < CHANGE_PATH || entry[CHANGE_UNIT] >= FLOPPY_DRIVES || len - CHANGE_PATH >= MAX_PATH)
        return;
    d = &s->drive[entry[CHANGE_UNIT]];
    if (d->type == FLOPPY_NONE)
        return;
    take_out(d);
    if (!entry[CHANGE_INSERT])
        return;
    memcpy(path, entry + CHANGE_PATH, len - CHANGE_PATH);
    path[len - CHANGE_PATH] = 0;
    blk = open_medium(path, entry[CHANGE_READ_ONLY], s->snapshot, &format, err, sizeof(err));
    if (blk && format->kib == load_le(entry + CHANGE_KIB, 2) && fits(d->type, format))
        put_in(d, blk, format, entry[CHANGE_READ_ONLY]);
    else
        blk_close(blk);
}

void fdc_open_channel(struct fdc *s)
{
    s->channel = -1;
    if (s->dev.bus->journal)
        s->channel = journal_add_channel(s->dev.bus->journal, FLOPPY_ID, on_change, s);
}

static bool has_drive(const struct fdc *s, unsigned n, char *err, size_t err_size)
{
    if (n < FLOPPY_DRIVES && s->drive[n].type != FLOPPY_NONE && s->channel >= 0)
        return true;
    snprintf(err, err_size, "there is no floppy drive %u", n);
    return false;
}

bool floppy_insert(struct dev *fdc, unsigned n, const char *path, bool read_only, char *err,
                   size_t err_size)
{
    struct fdc *s = (struct fdc *)fdc;
    const struct fdc_format *format;
    u8 entry[CHANGE_PATH + MAX_PATH] = {
        [CHANGE_UNIT] = (u8)n, [CHANGE_INSERT] = 1, [CHANGE_READ_ONLY] = read_only};
    size_t len = strlen(path);
    struct blk *blk;

    if (!has_drive(s, n, err, err_size))
        return false;
    if (len >= MAX_PATH) {
        snprintf(err, err_size, "the path of the disk image is too long");
        return false;
    }
    blk = open_medium(path, read_only, s->snapshot, &format, err, err_size);
    if (!blk)
        return false;
    blk_close(blk);
    if (!fits(s->drive[n].type, format)) {
        snprintf(err, err_size, "disk image '%s': a disk of %u KiB does not fit into drive %u",
                 path, format->kib, n);
        return false;
    }
    store_le(entry + CHANGE_KIB, 2, format->kib);
    memcpy(entry + CHANGE_PATH, path, len);
    journal_input(s->dev.bus->journal, s->channel, entry, CHANGE_PATH + len);
    return true;
}

bool floppy_eject(struct dev *fdc, unsigned n, char *err, size_t err_size)
{
    struct fdc *s = (struct fdc *)fdc;
    const u8 entry[CHANGE_PATH] = {[CHANGE_UNIT] = (u8)n};

    if (!has_drive(s, n, err, err_size))
        return false;
    journal_input(s->dev.bus->journal, s->channel, entry, sizeof(entry));
    return true;
}
