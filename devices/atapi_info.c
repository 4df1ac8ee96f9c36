/* The packet commands that describe the drive and its disc: MMC-3 (T10 1363-D) chapter 5 for the
 * commands, chapter 6 for mode pages and features. Answers are built in the channel's buffer, in
 * full; the transport cuts them to what the host has allocated. */
#include "base/bytes.h"
#include "devices/atapi.h"
#include "devices/cd_sector.h"
#include "devices/ide.h"

#define DATA_TRACK  0x14 /* Q subchannel: address in mode 1; data, copying not allowed */
#define LEAD_OUT    0xaa
#define CD_SECTORS  405000u /* 90 minutes: a larger image is a DVD */
#define BUFFER_KB   512
#define PROFILE_CD  0x0008
#define PROFILE_DVD 0x0010

static void bad_field(struct ide_channel *ch)
{
    atapi_check(ch, KEY_ILLEGAL, SENSE_FIELD);
}

static bool ready(const struct atapi *cd)
{
    return cd->sectors && !cd->tray_open;
}

static u32 allocated(const struct atapi *cd)
{
    return (u32)load_be(cd->cdb + 7, 2);
}

/* An answer that begins with the length of what follows the length itself. */
static void reply_with_length(struct ide_channel *ch, const struct atapi *cd, u32 bytes)
{
    store_be(ch->buf, 2, bytes - 2);
    atapi_reply(ch, bytes, allocated(cd));
}

void atapi_inquiry(struct ide_channel *ch, struct atapi *cd)
{
    u8 *p = ch->buf;

    if (cd->cdb[1] & 3 || cd->cdb[2]) { /* no vital product data */
        bad_field(ch);
        return;
    }
    memset(p, 0, 36);
    p[0] = 5;    /* CD-ROM */
    p[1] = 0x80; /* removable */
    p[3] = 0x21; /* ATAPI, response format 1 (SFF-8020i) */
    p[4] = 31;
    memcpy(p + 8, "ORRERY  CD-ROM          1.0 ", 28);
    atapi_reply(ch, 36, cd->cdb[4]);
}

/* ---- table of contents ---- */

static void put_address(u8 *p, u32 lba, bool msf)
{
    p[0] = 0;
    if (msf)
        cd_msf(lba, p + 1);
    else
        store_be(p, 4, lba);
}

/* One entry of formats 0 and 1. */
static u8 *put_track(u8 *p, u8 track, u32 lba, bool msf)
{
    p[0] = 0;
    p[1] = DATA_TRACK;
    p[2] = track;
    p[3] = 0;
    put_address(p + 4, lba, msf);
    return p + 8;
}

static u8 *toc_tracks(u8 *p, const struct atapi *cd, bool msf)
{
    if (cd->cdb[6] <= 1)
        p = put_track(p, 1, 0, msf);
    return put_track(p, LEAD_OUT, cd->sectors, msf);
}

/* One entry of the Q subchannel in the lead-in: always in minutes, seconds, frames. */
static u8 *put_point(u8 *p, u8 point, u8 a, u8 b, u8 c)
{
    memset(p, 0, 11);
    p[0] = 1; /* session */
    p[1] = DATA_TRACK;
    p[3] = point;
    p[8] = a;
    p[9] = b;
    p[10] = c;
    return p + 11;
}

static u8 *toc_full(u8 *p, const struct atapi *cd)
{
    u8 msf[3];

    p = put_point(p, 0xa0, 1, 0, 0); /* first track, kind of disc: CD-ROM */
    p = put_point(p, 0xa1, 1, 0, 0); /* last track */
    cd_msf(cd->sectors, msf);
    p = put_point(p, 0xa2, msf[0], msf[1], msf[2]);
    cd_msf(0, msf);
    return put_point(p, 1, msf[0], msf[1], msf[2]);
}

/* The format stands in byte 2 or, as SFF-8020i had it, at the top of byte 9. */
void atapi_read_toc(struct ide_channel *ch, struct atapi *cd)
{
    unsigned format = cd->cdb[2] & 15 ? cd->cdb[2] & 15u : cd->cdb[9] >> 6;
    bool msf = cd->cdb[1] & 2;
    u8 start = cd->cdb[6], *end = ch->buf + 4;

    ch->buf[2] = ch->buf[3] = 1; /* first and last track, or session */
    if (format == 0 && (start <= 1 || start == LEAD_OUT)) {
        end = toc_tracks(end, cd, msf);
    } else if (format == 1) {
        end = put_track(end, 1, 0, msf);
    } else if (format == 2 && start <= 1) {
        end = toc_full(end, cd);
    } else {
        bad_field(ch);
        return;
    }
    reply_with_length(ch, cd, (u32)(end - ch->buf));
}

void atapi_subchannel(struct ide_channel *ch, struct atapi *cd)
{
    u8 *p = ch->buf, format = cd->cdb[3];
    u32 bytes = 4;

    memset(p, 0, 24);
    p[1] = 0x15; /* no audio status */
    if (cd->cdb[2] & 0x40) {
        if (!format || format > 3) {
            bad_field(ch);
            return;
        }
        p[4] = format; /* for 2 and 3: neither catalogue nor recording numbers */
        bytes = format == 1 ? 16 : 24;
        if (format == 1) {
            u32 at = cd->next < cd->sectors ? cd->next : 0;
            p[5] = DATA_TRACK;
            p[6] = p[7] = 1;
            put_address(p + 8, at, cd->cdb[1] & 2);
            put_address(p + 12, at, cd->cdb[1] & 2);
        }
    }
    store_be(p + 2, 2, bytes - 4);
    atapi_reply(ch, bytes, allocated(cd));
}

/* ---- the disc ---- */

void atapi_disc_information(struct ide_channel *ch, struct atapi *cd)
{
    u8 *p = ch->buf;

    memset(p, 0, 34);
    p[2] = 0x0e;             /* complete, and so is its last session; cannot be erased */
    p[3] = p[4] = p[5] = 1;  /* first track; sessions; first track of the last one */
    p[6] = 1;                /* last track of the last session */
    p[7] = 0x20;             /* for unrestricted use */
    memset(p + 16, 0xff, 8); /* no further lead-in and lead-out */
    reply_with_length(ch, cd, 34);
}

/* The one track, asked for by an address on it, its number, or its session's. */
void atapi_track_information(struct ide_channel *ch, struct atapi *cd)
{
    unsigned kind = cd->cdb[1] & 3;
    u32 what = (u32)load_be(cd->cdb + 2, 4);
    u8 *p = ch->buf;

    if (kind == 3 || (kind == 0 ? what >= cd->sectors : what != 1)) {
        bad_field(ch);
        return;
    }
    memset(p, 0, 36);
    p[2] = 1; /* track */
    p[3] = 1; /* session */
    p[5] = DATA_TRACK & 15;
    p[6] = 1; /* mode 1 */
    store_be(p + 24, 4, cd->sectors);
    store_be(p + 28, 4, cd->sectors - 1);
    reply_with_length(ch, cd, 36);
}

void atapi_mechanism_status(struct ide_channel *ch, struct atapi *cd)
{
    u8 *p = ch->buf;

    memset(p, 0, 8);
    p[1] = cd->tray_open ? 0x10 : 0;
    p[5] = 1; /* a slot, and no table of slots: it is no changer */
    atapi_reply(ch, 8, (u32)load_be(cd->cdb + 8, 2));
}

/* Of the classes of events there is one, media. */
void atapi_event_status(struct ide_channel *ch, struct atapi *cd)
{
    static const struct {
        u8 event, code;
    } order[] = {{EVENT_REMOVED, 3}, {EVENT_NEW, 2}, {EVENT_EJECT, 1}};
    u8 *p = ch->buf;

    if (!(cd->cdb[1] & 1)) { /* not to be told when something happens */
        bad_field(ch);
        return;
    }
    memset(p, 0, 8);
    p[3] = 0x10; /* the classes there are */
    if (!(cd->cdb[4] & 0x10)) {
        p[2] = 0x80;
        reply_with_length(ch, cd, 4);
        return;
    }
    p[2] = 4;
    for (size_t i = 0; i < ARRAY_LEN(order) && !p[4] && allocated(cd) > 4; i++) {
        if (!(cd->events & order[i].event))
            continue;
        cd->events &= (u8)~order[i].event;
        p[4] = order[i].code;
    }
    p[5] = (u8)((cd->tray_open ? 1 : 0) | (ready(cd) ? 2 : 0));
    reply_with_length(ch, cd, 8);
}

/* ---- features ---- */

static u32 profile(const struct atapi *cd)
{
    return !ready(cd) ? 0 : cd->sectors > CD_SECTORS ? PROFILE_DVD : PROFILE_CD;
}

enum { ALWAYS, WITH_DISC, WITH_CD, WITH_DVD };

/* The features, in ascending order: MMC-3 5.3. `flags`: version << 2 | persistent << 1. */
static const struct {
    u16 code;
    u8 flags, when, size, data[8];
} features[] = {
    {0x0000, 0x02, ALWAYS, 8, {0x00, 0x10, 0, 0, 0x00, 0x08, 0, 0}}, /* profiles: DVD, CD */
    {0x0001, 0x02, ALWAYS, 4, {0, 0, 0, 2}},                         /* core: ATAPI */
    {0x0002, 0x02, ALWAYS, 4, {0}},                                  /* events, when asked for */
    {0x0003, 0x02, ALWAYS, 4, {0x29}},                 /* removable: tray, eject, lock */
    {0x0010, 0x00, WITH_DISC, 8, {0, 0, 8, 0, 0, 16}}, /* 2048 bytes a sector, 16 a block */
    {0x001e, 0x00, WITH_CD, 4, {0}},                   /* READ CD; neither CD-Text nor C2 */
    {0x001f, 0x00, WITH_DVD, 0, {0}},                  /* reading DVDs */
    {0x0100, 0x02, ALWAYS, 0, {0}},                    /* power management */
};

static bool feature_current(unsigned when, u32 current)
{
    switch (when) {
    case WITH_DISC: return current;
    case WITH_CD: return current == PROFILE_CD;
    case WITH_DVD: return current == PROFILE_DVD;
    default: return true;
    }
}

static u8 *put_feature(u8 *p, size_t i, u32 current)
{
    store_be(p, 2, features[i].code);
    p[2] = (u8)(features[i].flags | feature_current(features[i].when, current));
    p[3] = features[i].size;
    memcpy(p + 4, features[i].data, features[i].size);
    if (!features[i].code) { /* which of the profiles is the current one */
        p[6] = current == PROFILE_DVD;
        p[10] = current == PROFILE_CD;
    }
    return p + 4 + features[i].size;
}

/* Asked for: 0 all from the first on, 1 the current ones of them, 2 the first alone. */
void atapi_configuration(struct ide_channel *ch, struct atapi *cd)
{
    unsigned asked = cd->cdb[1] & 3;
    u32 first = (u32)load_be(cd->cdb + 2, 2), current = profile(cd), bytes;
    u8 *p = ch->buf + 8;

    if (asked == 3) {
        bad_field(ch);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(features); i++) {
        if (asked == 2 ? features[i].code != first : features[i].code < first)
            continue;
        if (asked != 1 || feature_current(features[i].when, current))
            p = put_feature(p, i, current);
    }
    bytes = (u32)(p - ch->buf);
    store_be(ch->buf, 4, bytes - 4);
    store_be(ch->buf + 4, 4, current);
    atapi_reply(ch, bytes, allocated(cd));
}

/* ---- mode pages ---- */

enum { PAGE_ALL = 0x3f, PAGE_CAPABILITIES = 0x2a };
enum { PC_CURRENT, PC_CHANGEABLE, PC_DEFAULT, PC_SAVED };
#define MODE_HEADER 8

/* Pages that can be changed; they lie in cd->mode one after the other. */
static const struct mode_page {
    u8 code, at, size; /* with its two bytes of code and length */
    u8 value[16], changeable[16];
} mode_pages[] = {
    {0x01, 0, 8, {0x01, 6, 0, 5}, {0x01, 6, 0x37, 0xff}},           /* error recovery: 5 retries */
    {0x0d, 8, 8, {0x0d, 6, 0, 13, 0, 60, 0, 75}, {0x0d, 6, 0, 15}}, /* stops after 32 minutes */
    {0x0e,
     16,
     16,
     {0x0e, 14, 4, 0, 0, 0, 0, 75, 1, 0xff, 2, 0xff},
     {0x0e, 14, 2, 0, 0, 0, 0, 0, 15, 0xff, 15, 0xff}}, /* audio: two channels at full volume */
};

static const u8 capabilities[20] = {
    PAGE_CAPABILITIES,
    18,
    0x0b, /* reads CD-R, CD-RW, DVD-ROM */
    0,    /* writes nothing */
    0x70, /* reads mode 2 forms 1 and 2, several sessions */
    0,
    0x29, /* tray that can be locked and ejected */
};

void atapi_mode_defaults(struct atapi *cd)
{
    for (size_t i = 0; i < ARRAY_LEN(mode_pages); i++)
        memcpy(cd->mode + mode_pages[i].at, mode_pages[i].value, mode_pages[i].size);
    cd->speed = CD_MAX_SPEED;
}

static u8 *put_capabilities(u8 *p, const struct atapi *cd, unsigned pc)
{
    memcpy(p, capabilities, sizeof(capabilities));
    if (pc == PC_CHANGEABLE) {
        memset(p + 2, 0, sizeof(capabilities) - 2);
    } else {
        p[6] |= cd->locked ? 2 : 0;
        store_be(p + 8, 2, CD_MAX_SPEED);
        store_be(p + 10, 2, 256); /* volume levels */
        store_be(p + 12, 2, BUFFER_KB);
        store_be(p + 14, 2, pc == PC_DEFAULT ? CD_MAX_SPEED : cd->speed);
    }
    return p + sizeof(capabilities);
}

static u8 medium_type(const struct atapi *cd)
{
    return cd->tray_open ? 0x71 : cd->sectors ? 0x01 : 0x70; /* SFF-8020i table 67 */
}

void atapi_mode_sense(struct ide_channel *ch, struct atapi *cd)
{
    unsigned pc = cd->cdb[2] >> 6, page = cd->cdb[2] & 0x3f;
    u8 *p = ch->buf + MODE_HEADER;

    if (pc == PC_SAVED) {
        atapi_check(ch, KEY_ILLEGAL, SENSE_SAVING);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(mode_pages); i++) {
        const struct mode_page *m = &mode_pages[i];
        if (page != PAGE_ALL && page != m->code)
            continue;
        memcpy(p,
               pc == PC_CHANGEABLE ? m->changeable
               : pc == PC_DEFAULT  ? m->value
                                   : cd->mode + m->at,
               m->size);
        p += m->size;
    }
    if (page == PAGE_ALL || page == PAGE_CAPABILITIES)
        p = put_capabilities(p, cd, pc);
    if (p == ch->buf + MODE_HEADER) {
        bad_field(ch);
        return;
    }
    memset(ch->buf, 0, MODE_HEADER);
    ch->buf[2] = medium_type(cd);
    reply_with_length(ch, cd, (u32)(p - ch->buf));
}

/* Pages in the format of the standard (PF), not to be saved. */
void atapi_mode_select(struct ide_channel *ch, struct atapi *cd)
{
    u32 bytes = allocated(cd);

    if ((cd->cdb[1] & 0x11) != 0x10)
        bad_field(ch);
    else if (!bytes)
        atapi_done(ch);
    else if (bytes < MODE_HEADER || bytes > sizeof(ch->buf))
        atapi_check(ch, KEY_ILLEGAL, SENSE_PARAMETER_LENGTH);
    else
        atapi_receive(ch, bytes);
}

static const struct mode_page *find_page(const u8 *p, u32 left)
{
    for (size_t i = 0; i < ARRAY_LEN(mode_pages); i++) {
        const struct mode_page *m = &mode_pages[i];
        if ((p[0] & 0x3f) == m->code && left >= m->size && p[1] == m->size - 2)
            return m;
    }
    return NULL;
}

/* Changes what can be changed; what cannot must be as it is. */
static bool change_page(struct atapi *cd, const struct mode_page *m, const u8 *p)
{
    u8 *is = cd->mode + m->at;

    for (unsigned i = 2; i < m->size; i++) {
        if ((p[i] ^ is[i]) & ~m->changeable[i])
            return false;
    }
    memcpy(is + 2, p + 2, m->size - 2u);
    return true;
}

/* All pages are looked at before one is changed. */
void atapi_mode_selected(struct ide_channel *ch, struct atapi *cd)
{
    struct atapi was = *cd;
    const u8 *p = ch->buf + MODE_HEADER, *end = ch->buf + cd->chunk;

    if (load_be(ch->buf + 6, 2)) { /* block descriptors */
        atapi_check(ch, KEY_ILLEGAL, SENSE_PARAMETER);
        return;
    }
    while (p < end) {
        const struct mode_page *m = end - p >= 2 ? find_page(p, (u32)(end - p)) : NULL;
        if (!m || !change_page(cd, m, p)) {
            memcpy(cd->mode, was.mode, sizeof(cd->mode));
            atapi_check(ch, KEY_ILLEGAL,
                        m || end - p >= 2 ? SENSE_PARAMETER : SENSE_PARAMETER_LENGTH);
            return;
        }
        p += m->size;
    }
    atapi_done(ch);
}
