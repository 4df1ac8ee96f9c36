/* The packet commands of a CD-ROM drive, a table by operation code: those that move data, media and
 * the head. MMC-3 (T10 1363-D) chapter 5, SPC-2 for what all devices have. Each names its sense
 * codes; addresses are checked as a whole before anything moves. */
#include "base/bytes.h"
#include "devices/atapi.h"
#include "devices/cd_sector.h"
#include "devices/ide.h"

static u32 cdb_lba(const struct atapi *cd)
{
    return (u32)load_be(cd->cdb + 2, 4);
}

/* Sectors [lba, lba + count) are on the disc; otherwise the command has ended. */
static bool on_disc(struct ide_channel *ch, const struct atapi *cd, u32 lba, u32 count)
{
    if (lba <= cd->sectors && count <= cd->sectors - lba)
        return true;
    atapi_check_sector(ch, KEY_ILLEGAL, SENSE_RANGE, lba);
    return false;
}

static void bad_field(struct ide_channel *ch)
{
    atapi_check(ch, KEY_ILLEGAL, SENSE_FIELD);
}

/* ---- medium and tray ---- */

static void test_unit_ready(struct ide_channel *ch, struct atapi *cd)
{
    (void)cd;
    atapi_done(ch);
}

void atapi_open_tray(struct atapi *cd)
{
    cd->tray_open = true;
    cd->locked = false;
    cd->attention &= (u8) ~(ATTENTION_DISC | ATTENTION_EJECT);
    cd->events = cd->sectors ? EVENT_REMOVED : 0;
}

void atapi_close_tray(struct atapi *cd)
{
    cd->tray_open = false;
    if (!cd->sectors)
        return;
    cd->attention |= ATTENTION_DISC;
    cd->events |= EVENT_NEW;
}

/* Bit 1 of the argument moves the tray, bit 0 starts the disc, which turns whenever it is read. */
static void start_stop(struct ide_channel *ch, struct atapi *cd)
{
    bool power = cd->cdb[4] >> 4, tray = cd->cdb[4] & 2, start = cd->cdb[4] & 1;

    if (tray && !power) {
        if (!start && cd->locked && !cd->tray_open) {
            atapi_check(ch, KEY_ILLEGAL, SENSE_LOCKED);
            return;
        }
        if (start && cd->tray_open)
            atapi_close_tray(cd);
        else if (!start && !cd->tray_open)
            atapi_open_tray(cd);
    }
    atapi_done(ch);
}

static void prevent_allow(struct ide_channel *ch, struct atapi *cd)
{
    cd->locked = cd->cdb[4] & 1;
    atapi_done(ch);
}

/* ---- reading ---- */

static void read_capacity(struct ide_channel *ch, struct atapi *cd)
{
    store_be(ch->buf, 4, cd->sectors - 1);
    store_be(ch->buf + 4, 4, CD_USER);
    atapi_reply(ch, 8, 8);
}

static void read_sectors(struct ide_channel *ch, const struct atapi *cd, u32 lba, u32 count,
                         u8 parts)
{
    if (on_disc(ch, cd, lba, count))
        atapi_send_sectors(ch, lba, atapi_sector_bytes(parts) ? count : 0, parts);
}

static void read_10(struct ide_channel *ch, struct atapi *cd)
{
    read_sectors(ch, cd, cdb_lba(cd), (u32)load_be(cd->cdb + 7, 2), PART_USER);
}

static void read_12(struct ide_channel *ch, struct atapi *cd)
{
    read_sectors(ch, cd, cdb_lba(cd), (u32)load_be(cd->cdb + 6, 4), PART_USER);
}

/* Which parts of a mode 1 sector may be asked for together: no gaps (MMC-3, READ CD, number of
 * bytes returned). A mode 1 sector has no subheader. */
static bool parts_ok(u8 parts)
{
    bool header = parts & PART_HEADER, user = parts & PART_USER;

    if (parts & PART_EDC && !user)
        return false;
    return !(parts & PART_SYNC) || header || !(parts & (PART_SUBHEADER | PART_USER));
}

/* READ CD and READ CD MSF behind their addresses. The disc has mode 1 and no other track, no C2
 * pointers and no subchannel data. */
static void read_cd(struct ide_channel *ch, const struct atapi *cd, u32 lba, u32 count)
{
    unsigned type = cd->cdb[1] >> 2 & 7;
    u8 parts = cd->cdb[9] & 0xf8;

    if (type > 5 || cd->cdb[9] & 7 || cd->cdb[10] & 7 || !parts_ok(parts))
        bad_field(ch);
    else if (type && type != 2)
        atapi_check(ch, KEY_ILLEGAL, SENSE_TRACK_MODE);
    else
        read_sectors(ch, cd, lba, count, parts);
}

static void read_cd_lba(struct ide_channel *ch, struct atapi *cd)
{
    read_cd(ch, cd, cdb_lba(cd), (u32)load_be(cd->cdb + 6, 3));
}

static void read_cd_msf(struct ide_channel *ch, struct atapi *cd)
{
    u32 first, end;

    if (!cd_lba(cd->cdb + 3, &first) || !cd_lba(cd->cdb + 6, &end) || end < first)
        bad_field(ch);
    else
        read_cd(ch, cd, first, end - first);
}

static void seek(struct ide_channel *ch, struct atapi *cd)
{
    if (on_disc(ch, cd, cdb_lba(cd), 1))
        atapi_done(ch);
}

static void verify(struct ide_channel *ch, struct atapi *cd)
{
    if (on_disc(ch, cd, cdb_lba(cd), (u32)load_be(cd->cdb + 7, 2)))
        atapi_done(ch);
}

/* FFFFh is the fastest; what the drive makes of it is in page 2Ah. */
static void set_speed(struct ide_channel *ch, struct atapi *cd)
{
    u16 speed = (u16)load_be(cd->cdb + 2, 2);

    cd->speed = speed < CD_MAX_SPEED ? speed : CD_MAX_SPEED;
    atapi_done(ch);
}

/* ---- playing: there is nothing to be heard ---- */

static void play(struct ide_channel *ch, struct atapi *cd, u32 lba, u32 count)
{
    if (!count)
        atapi_done(ch);
    else if (on_disc(ch, cd, lba, count))
        atapi_check(ch, KEY_ILLEGAL, SENSE_TRACK_MODE);
}

static void play_10(struct ide_channel *ch, struct atapi *cd)
{
    play(ch, cd, cdb_lba(cd), (u32)load_be(cd->cdb + 7, 2));
}

static void play_12(struct ide_channel *ch, struct atapi *cd)
{
    play(ch, cd, cdb_lba(cd), (u32)load_be(cd->cdb + 6, 4));
}

static void play_msf(struct ide_channel *ch, struct atapi *cd)
{
    u32 first, end;

    if (!cd_lba(cd->cdb + 3, &first) || !cd_lba(cd->cdb + 6, &end) || end < first)
        bad_field(ch);
    else
        play(ch, cd, first, end - first);
}

static void pause_resume(struct ide_channel *ch, struct atapi *cd)
{
    (void)cd;
    atapi_check(ch, KEY_ILLEGAL, SENSE_SEQUENCE);
}

static void stop_play(struct ide_channel *ch, struct atapi *cd)
{
    (void)cd;
    atapi_done(ch);
}

const struct packet_command packet_commands[256] = {
    [0x00] = {.start = test_unit_ready, .flags = P_DISC},
    /* 03h REQUEST SENSE belongs to the transport */
    [0x12] = {.start = atapi_inquiry, .flags = P_QUIET},
    [0x1b] = {.start = start_stop},
    [0x1e] = {.start = prevent_allow},
    [0x25] = {.start = read_capacity, .flags = P_DISC},
    [0x28] = {.start = read_10, .flags = P_DISC},
    [0x2b] = {.start = seek, .flags = P_DISC},
    [0x2f] = {.start = verify, .flags = P_DISC},
    [0x42] = {.start = atapi_subchannel, .flags = P_DISC},
    [0x43] = {.start = atapi_read_toc, .flags = P_DISC},
    [0x45] = {.start = play_10, .flags = P_DISC},
    [0x46] = {.start = atapi_configuration, .flags = P_QUIET},
    [0x47] = {.start = play_msf, .flags = P_DISC},
    [0x4a] = {.start = atapi_event_status, .flags = P_QUIET},
    [0x4b] = {.start = pause_resume, .flags = P_DISC},
    [0x4e] = {.start = stop_play, .flags = P_DISC},
    [0x51] = {.start = atapi_disc_information, .flags = P_DISC},
    [0x52] = {.start = atapi_track_information, .flags = P_DISC},
    [0x55] = {.start = atapi_mode_select, .finish = atapi_mode_selected},
    [0x5a] = {.start = atapi_mode_sense},
    [0xa5] = {.start = play_12, .flags = P_DISC},
    [0xa8] = {.start = read_12, .flags = P_DISC},
    [0xb9] = {.start = read_cd_msf, .flags = P_DISC},
    [0xbb] = {.start = set_speed},
    [0xbd] = {.start = atapi_mechanism_status},
    [0xbe] = {.start = read_cd_lba, .flags = P_DISC},
};
