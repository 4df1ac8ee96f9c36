/* The 82077AA's commands with data: READ and WRITE in all kinds, VERIFY, SCAN, READ TRACK, READ ID,
 * FORMAT TRACK. Data sheet 290166, chapter 5.
 *
 * One sector at a time: search, move, step the address. An image has sectors 1 to n of 512 bytes on
 * each track, with addresses that say where they are; formatting can fill them, not rename them. */
#include <string.h>

#include "devices/fdc.h"

static u8 flags(const struct fdc *s)
{
    return fdc_commands[s->command].flags;
}

static void begin(struct fdc *s, u64 ns)
{
    s->unit = s->cmd[1] & 3;
    s->head = s->cmd[1] >> 2 & 1;
    s->st[0] |= s->cmd[1] & 7;
    s->out = flags(s) & (FDC_WRITE | FDC_SCAN | FDC_FORMAT);
    s->last = s->tc = false;
    fdc_wait(s, FDC_SEARCH, ns + FDC_SECTOR_NS);
}

static void clear_status(struct fdc *s)
{
    memset(s->st, 0, sizeof(s->st));
}

/* With implied seeks the controller goes to the cylinder by itself. */
static u64 implied_seek(struct fdc *s)
{
    unsigned unit = s->cmd[1] & 3;
    int pulses = s->c - s->pcn[unit];

    if (!(s->config & CONF_EIS) || !pulses)
        return 0;
    s->pcn[unit] = s->c;
    s->st[0] |= ST0_SE;
    return fdc_step(s, unit, pulses);
}

void fdc_transfer(struct fdc *s)
{
    clear_status(s);
    s->c = s->cmd[2];
    s->h = s->cmd[3];
    s->r = s->cmd[4];
    s->n = s->cmd[5];
    s->eot = s->cmd[6];
    s->count = 0;
    if ((flags(s) & FDC_VERIFY) && (s->cmd[1] & 0x80))
        s->count = s->cmd[8] ? s->cmd[8] : 256;
    begin(s, implied_seek(s));
}

/* ---- after a sector ---- */

/* Goes on to the next address (data sheet, table 5-5); false at the end of the cylinder. */
static bool step_address(struct fdc *s)
{
    u8 step = flags(s) & FDC_SCAN && s->cmd[8] == 2 ? 2 : 1;

    if (s->r != s->eot && !(step == 2 && s->r + step > s->eot)) {
        s->r = (u8)(s->r + step);
        return true;
    }
    s->r = 1;
    if (s->cmd[0] & CMD_MT) {
        s->h ^= 1;
        s->head ^= 1;
        if (s->head)
            return true;
    }
    s->c++;
    return false;
}

static void next_sector(struct fdc *s)
{
    bool more = step_address(s);
    bool counted = s->count && --s->count == 0;

    if (s->tc || counted) {
        fdc_finish(s);
    } else if (more) {
        fdc_wait(s, FDC_SEARCH, FDC_SECTOR_NS);
    } else if (flags(s) & FDC_SCAN) {
        s->st[2] |= ST2_SN;
        fdc_finish(s);
    } else if ((flags(s) & FDC_VERIFY) && !(s->cmd[1] & 0x80)) {
        fdc_finish(s);
    } else {
        fdc_fail(s, ST1_EN, 0);
    }
}

static void sector_ended(struct fdc *s)
{
    if (flags(s) & FDC_TRACK) {
        s->count++;
        s->r++;
        if (s->tc || s->count >= s->eot)
            fdc_finish(s);
        else
            fdc_wait(s, FDC_SEARCH, FDC_SECTOR_NS);
    } else if (s->last) {
        fdc_finish(s);
    } else {
        next_sector(s);
    }
}

/* ---- formatting ---- */

void fdc_format(struct fdc *s)
{
    clear_status(s);
    s->n = s->cmd[2];
    s->eot = s->cmd[3];
    begin(s, 0);
}

/* What no image of this size can hold is refused like a disk that cannot be written. */
static void begin_format(struct fdc *s, const struct fdc_drive *d)
{
    if (s->n != FDC_SIZE_CODE || s->eot > d->format->sectors)
        fdc_fail(s, ST1_NW, 0);
    else if (!s->eot)
        fdc_finish(s);
    else
        fdc_begin_data(s, true, 4u * s->eot);
}

static void end_format(struct fdc *s, struct fdc_drive *d, int cylinder)
{
    u8 data[BLK_SECTOR];

    memset(data, s->cmd[5], sizeof(data));
    for (u32 i = 0; i + 4 <= s->pos; i += 4) {
        const u8 *id = s->buf + i;
        u32 lba;
        if (id[0] != cylinder || id[1] != s->head || !id[2] || id[2] > d->format->sectors ||
            id[3] != FDC_SIZE_CODE)
            continue;
        lba = fdc_lba(d, (unsigned)cylinder, s->head, id[2]);
        if (!blk_write(d->blk, lba, data, 1)) {
            fdc_fail(s, ST1_DE, 0);
            return;
        }
        fdc_set_deleted(d, lba, false);
    }
    fdc_finish(s);
}

/* ---- a sector ---- */

void fdc_read_id(struct fdc *s)
{
    clear_status(s);
    begin(s, 0);
}

/* The next address that comes by; the disk turns with virtual time. */
static void give_id(struct fdc *s, const struct fdc_drive *d, int cylinder)
{
    u64 passed = clock_now(s->dev.bus->clock) / FDC_SECTOR_NS;

    s->c = (u8)cylinder;
    s->h = s->head;
    s->r = (u8)(passed % d->format->sectors + 1);
    s->n = FDC_SIZE_CODE;
    fdc_finish(s);
}

/* Finds the sector: its number in the image, or -1 after a failure. */
static s64 find_sector(struct fdc *s, const struct fdc_drive *d, int cylinder)
{
    unsigned sector = s->r;
    bool is_track = flags(s) & FDC_TRACK;
    bool match = s->c == cylinder && s->h == s->head && s->n == FDC_SIZE_CODE;

    if (is_track) { /* the next one, whatever its address */
        sector = s->count % d->format->sectors + 1;
        match = match && s->r == sector;
    }
    match = match && sector && sector <= d->format->sectors;
    if (!match) {
        u8 wrong = s->c == cylinder ? 0 : ST2_WC;
        if (!is_track) {
            fdc_fail(s, ST1_ND, wrong);
            return -1;
        }
        s->st[1] |= ST1_ND;
        s->st[2] |= wrong;
    }
    return fdc_lba(d, (unsigned)cylinder, s->head, sector);
}

static void move_sector(struct fdc *s, struct fdc_drive *d, u32 lba)
{
    bool write = flags(s) & FDC_WRITE, wants_deleted = flags(s) & FDC_DELETED;

    if (!write && !(flags(s) & FDC_TRACK) && fdc_is_deleted(d, lba) != wants_deleted) {
        s->st[2] |= ST2_CM;
        if (s->cmd[0] & CMD_SK) {
            next_sector(s);
            return;
        }
        s->last = true;
    }
    if (!write && !fdc_read_image(d, lba, s->buf))
        fdc_fail(s, ST1_DE, ST2_DD);
    else if (flags(s) & FDC_VERIFY)
        sector_ended(s);
    else
        fdc_begin_data(s, s->out, BLK_SECTOR);
}

void fdc_sector(struct fdc *s)
{
    struct fdc_drive *d = fdc_selected(s, s->unit);
    int cylinder;
    s64 lba;

    if (!d || !d->blk) {
        s->phase = FDC_STALL;
        return;
    }
    s->st[0] = (u8)((s->st[0] & ~4) | s->head << 2);
    if ((flags(s) & (FDC_WRITE | FDC_FORMAT)) && d->read_only) {
        fdc_fail(s, ST1_NW, 0);
        return;
    }
    cylinder = s->cmd[0] & CMD_MFM ? fdc_cylinder(d, s->head, s->rate) : -1;
    if (cylinder < 0) {
        fdc_fail(s, flags(s) & FDC_FORMAT ? ST1_NW : ST1_MA, 0);
    } else if (flags(s) & FDC_FORMAT) {
        begin_format(s, d);
    } else if (flags(s) & FDC_ID) {
        give_id(s, d, cylinder);
    } else {
        lba = find_sector(s, d, cylinder);
        if (lba >= 0)
            move_sector(s, d, (u32)lba);
    }
}

/* ---- data has been moved ---- */

/* SCAN: does the sector meet the condition? FFh of either side equals everything. */
static bool scan(struct fdc *s, const u8 *disk, u32 len)
{
    unsigned kind = s->cmd[0] & 0x1f;

    for (u32 i = 0; i < len; i++) {
        if (disk[i] == s->buf[i] || disk[i] == 0xff || s->buf[i] == 0xff)
            continue;
        return (kind == 0x19 && disk[i] < s->buf[i]) || (kind == 0x1d && disk[i] > s->buf[i]);
    }
    s->st[2] |= ST2_SH;
    return true;
}

static void scan_done(struct fdc *s, struct fdc_drive *d, u32 lba)
{
    u8 disk[BLK_SECTOR];

    if (!fdc_read_image(d, lba, disk))
        fdc_fail(s, ST1_DE, ST2_DD);
    else if (scan(s, disk, s->pos))
        fdc_finish(s);
    else if (s->tc) {
        s->st[2] |= ST2_SN;
        next_sector(s);
    } else {
        sector_ended(s);
    }
}

/* Terminal count within a sector: the rest is written with zeros. */
static void write_done(struct fdc *s, struct fdc_drive *d, u32 lba)
{
    memset(s->buf + s->pos, 0, BLK_SECTOR - s->pos);
    if (!blk_write(d->blk, lba, s->buf, 1)) {
        fdc_fail(s, ST1_DE, ST2_DD);
        return;
    }
    fdc_set_deleted(d, lba, flags(s) & FDC_DELETED);
    sector_ended(s);
}

void fdc_data_done(struct fdc *s)
{
    struct fdc_drive *d = fdc_selected(s, s->unit);
    int cylinder = d && d->blk ? fdc_cylinder(d, s->head, s->rate) : -1;

    if (cylinder < 0) { /* the disk was taken out, or the motor stopped */
        s->phase = FDC_STALL;
    } else if (flags(s) & FDC_FORMAT) {
        end_format(s, d, cylinder);
    } else if (flags(s) & (FDC_WRITE | FDC_SCAN)) {
        u32 lba = fdc_lba(d, (unsigned)cylinder, s->head, s->r);
        if (s->r > d->format->sectors)
            s->phase = FDC_STALL; /* the medium was changed for a smaller one */
        else if (flags(s) & FDC_WRITE)
            write_done(s, d, lba);
        else
            scan_done(s, d, lba);
    } else {
        sector_ended(s);
    }
}
