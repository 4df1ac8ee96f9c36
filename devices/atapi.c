/* The transport of an ATAPI drive: the PACKET command, its data phases, how commands end. SFF-8020i
 * chapters 5 to 7, ATA/ATAPI-6 8.x PACKET and 9.8 to 9.10.
 *
 * A command has its whole answer in the channel's buffer, or a chunk of whole sectors after the
 * other. PIO moves a chunk in blocks of at most the byte count limit; the bus master takes chunks
 * as they are. The interrupt reason (in the sector count register) says what a block is. */
#include "devices/atapi.h"

#include "base/bytes.h"
#include "base/check.h"
#include "devices/cd_sector.h"
#include "devices/ide.h"

enum { REASON_COMMAND = 1, REASON_TO_HOST = 2, REASON_STATUS = 3 };
enum { FEATURE_DMA = 1, FEATURE_OVERLAP = 2 };

const struct field atapi_fields[] = {
    FIELD(struct atapi, sectors),
    FIELD(struct atapi, discs),
    FIELD(struct atapi, tray_open),
    FIELD(struct atapi, locked),
    FIELD(struct atapi, attention),
    FIELD(struct atapi, events),
    FIELD(struct atapi, key),
    FIELD(struct atapi, asc),
    FIELD(struct atapi, ascq),
    FIELD(struct atapi, has_info),
    FIELD(struct atapi, info),
    FIELD(struct atapi, speed),
    FIELD_ARRAY(struct atapi, mode),
    FIELD_ARRAY(struct atapi, cdb),
    FIELD(struct atapi, awaiting_cdb),
    FIELD(struct atapi, dma),
    FIELD(struct atapi, out),
    FIELD(struct atapi, limit),
    FIELD_MAX(struct atapi, chunk, IDE_BLOCK *BLK_SECTOR),
    FIELD(struct atapi, next),
    FIELD(struct atapi, left),
    FIELD(struct atapi, parts),
    FIELD_END,
};

static struct ide_drive *active(struct ide_channel *ch)
{
    return &ch->drive[ch->active];
}

static struct atapi *active_cd(struct ide_channel *ch)
{
    return &active(ch)->cd;
}

/* ---- ends of a command ---- */

void atapi_done(struct ide_channel *ch)
{
    active(ch)->reg[R_COUNT] = REASON_STATUS;
    ide_done(ch);
}

void atapi_check(struct ide_channel *ch, enum sense_key key, enum sense_code code)
{
    struct atapi *cd = active_cd(ch);

    cd->key = (u8)key;
    cd->asc = (u8)(code >> 8);
    cd->ascq = (u8)code;
    active(ch)->reg[R_COUNT] = REASON_STATUS;
    ide_fail(ch, (u8)((unsigned)key << 4 | (key == KEY_ILLEGAL ? ATA_ABRT : 0)));
}

void atapi_check_sector(struct ide_channel *ch, enum sense_key key, enum sense_code code, u32 lba)
{
    active_cd(ch)->has_info = true;
    active_cd(ch)->info = lba;
    atapi_check(ch, key, code);
}

void atapi_medium_error(struct ide_channel *ch)
{
    atapi_check_sector(ch, KEY_MEDIUM, SENSE_READ_ERROR, active_cd(ch)->next);
}

/* ---- blocks ---- */

/* Opens the next block of the chunk to the host, from byte `from` on. Only the last block of a
 * command may be odd, so the limit is made even; a limit that lets nothing through is a mistake. */
static void next_block(struct ide_channel *ch, u32 from)
{
    struct ide_drive *d = active(ch);
    u32 rest = d->cd.chunk - from, n = rest <= d->cd.limit ? rest : d->cd.limit & ~1u;

    if (!n) {
        d->reg[R_COUNT] = REASON_STATUS;
        ide_fail(ch, ATA_ABRT);
        return;
    }
    store_le(&d->reg[R_LBA1], 2, n);
    d->reg[R_COUNT] = d->cd.out ? 0 : REASON_TO_HOST;
    ide_open_buffer(ch, d->cd.out ? IDE_OUT : IDE_IN, from, n);
    ide_set_intrq(ch, d, true);
}

static void begin_data(struct ide_channel *ch)
{
    struct ide_drive *d = active(ch);

    if (d->cd.dma) {
        ch->phase = IDE_DMA_WAIT;
        d->status = ATA_IDLE | ATA_DRQ;
        ide_dma_begin(ch);
    } else {
        next_block(ch, 0);
    }
}

void atapi_reply(struct ide_channel *ch, u32 bytes, u32 allocated)
{
    struct atapi *cd = active_cd(ch);

    CHECK(bytes <= sizeof(ch->buf), "answer of %u bytes", bytes);
    cd->chunk = bytes < allocated ? bytes : allocated;
    if (cd->chunk)
        begin_data(ch);
    else
        atapi_done(ch);
}

void atapi_receive(struct ide_channel *ch, u32 bytes)
{
    struct atapi *cd = active_cd(ch);

    CHECK(bytes && bytes <= sizeof(ch->buf), "%u bytes of parameters", bytes);
    cd->out = true;
    cd->chunk = bytes;
    begin_data(ch);
}

/* ---- sectors ---- */

u32 atapi_sector_bytes(u8 parts)
{
    return (parts & PART_SYNC ? 12u : 0) + (parts & PART_HEADER ? 4u : 0) +
           (parts & PART_USER ? CD_USER : 0) + (parts & PART_EDC ? CD_RAW - CD_AT_EDC : 0);
}

/* User data of a sector; what an image of no whole number of sectors lacks is zero. */
static bool read_user(struct ide_drive *d, u32 lba, u32 count, u8 *data)
{
    u64 first = (u64)lba * (CD_USER / BLK_SECTOR), end = d->blk ? blk_sectors(d->blk) : 0;
    u32 n = count * (CD_USER / BLK_SECTOR);

    if (first >= end)
        return false;
    if (n > end - first) {
        memset(data, 0, n * BLK_SECTOR);
        n = (u32)(end - first);
    }
    return blk_read(d->blk, first, data, n);
}

/* One sector with other parts than its user data; they follow each other as on the disc. */
static bool read_parts(struct ide_drive *d, u32 lba, u8 *out)
{
    static const struct {
        u8 part;
        u16 at, size;
    } layout[] = {{PART_SYNC, CD_AT_SYNC, 12},
                  {PART_HEADER, CD_AT_HEADER, 4},
                  {PART_USER, CD_AT_USER, CD_USER},
                  {PART_EDC, CD_AT_EDC, CD_RAW - CD_AT_EDC}};
    u8 raw[CD_RAW];

    if (!read_user(d, lba, 1, raw + CD_AT_USER))
        return false;
    cd_mode1(raw, lba);
    for (size_t i = 0; i < ARRAY_LEN(layout); i++) {
        if (!(d->cd.parts & layout[i].part))
            continue;
        memcpy(out, raw + layout[i].at, layout[i].size);
        out += layout[i].size;
    }
    return true;
}

enum atapi_load atapi_load(struct ide_channel *ch)
{
    struct ide_drive *d = active(ch);
    struct atapi *cd = &d->cd;
    u32 size = atapi_sector_bytes(cd->parts), n;

    if (!cd->left || !size)
        return LOAD_END;
    n = (u32)sizeof(ch->buf) / size;
    n = n < cd->left ? n : cd->left;
    cd->chunk = 0;
    if (cd->parts == PART_USER && read_user(d, cd->next, n, ch->buf)) {
        cd->chunk = n * size;
        cd->next += n;
        cd->left -= n;
        return LOAD_CHUNK;
    }
    /* Sector by sector; what comes before one that cannot be read is delivered. */
    for (; n && cd->left; n--) {
        bool ok = cd->parts == PART_USER ? read_user(d, cd->next, 1, ch->buf + cd->chunk)
                                         : read_parts(d, cd->next, ch->buf + cd->chunk);
        if (!ok)
            break;
        cd->chunk += size;
        cd->next++;
        cd->left--;
    }
    return cd->chunk ? LOAD_CHUNK : LOAD_FAILED;
}

void atapi_send_sectors(struct ide_channel *ch, u32 lba, u32 count, u8 parts)
{
    struct atapi *cd = active_cd(ch);

    cd->next = lba;
    cd->left = count;
    cd->parts = parts;
    switch (atapi_load(ch)) {
    case LOAD_CHUNK: begin_data(ch); break;
    case LOAD_END: atapi_done(ch); break;
    case LOAD_FAILED: atapi_medium_error(ch); break;
    }
}

/* ---- the host's side of the data phases ---- */

static void load_next(struct ide_channel *ch)
{
    switch (atapi_load(ch)) {
    case LOAD_CHUNK: next_block(ch, 0); break;
    case LOAD_END: atapi_done(ch); break;
    case LOAD_FAILED: atapi_medium_error(ch); break;
    }
}

void atapi_fetch(struct ide_channel *ch)
{
    if (ch->end < active_cd(ch)->chunk)
        next_block(ch, ch->end);
    else
        load_next(ch);
}

void atapi_dma_done(struct ide_channel *ch)
{
    struct atapi *cd = active_cd(ch);

    if (cd->out)
        packet_commands[cd->cdb[0]].finish(ch, cd);
    else
        atapi_done(ch);
}

/* ---- packets ---- */

void atapi_start_packet(struct ide_channel *ch, struct ide_drive *d)
{
    u8 feature = d->reg[R_FEATURE];

    if (feature & FEATURE_OVERLAP) {
        ide_fail(ch, ATA_ABRT);
        return;
    }
    d->cd.dma = feature & FEATURE_DMA;
    d->cd.limit = (u16)load_le(&d->reg[R_LBA1], 2);
    d->cd.awaiting_cdb = true;
    d->cd.out = false;
    d->cd.left = d->cd.chunk = 0;
    d->reg[R_COUNT] = REASON_COMMAND;
    ide_open_buffer(ch, IDE_OUT, 0, ATAPI_CDB); /* without an interrupt, as word 0 says */
}

/* The most urgent unit attention, which is reported once. */
static enum sense_code take_attention(struct atapi *cd)
{
    static const struct {
        u8 bit;
        u16 code;
    } order[] = {{ATTENTION_RESET, SENSE_RESET},
                 {ATTENTION_DISC, SENSE_DISC_CHANGED},
                 {ATTENTION_EJECT, SENSE_EJECT_WISH}};

    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        if (!(cd->attention & order[i].bit))
            continue;
        cd->attention &= (u8)~order[i].bit;
        return order[i].code;
    }
    CHECK(false, "no unit attention in %02x", cd->attention);
    return SENSE_RESET;
}

static void request_sense(struct ide_channel *ch, struct atapi *cd)
{
    u8 *p = ch->buf;

    if (!cd->key && cd->attention) {
        enum sense_code code = take_attention(cd);
        cd->key = KEY_ATTENTION;
        cd->asc = (u8)(code >> 8);
        cd->ascq = (u8)code;
    }
    memset(p, 0, 18);
    p[0] = cd->has_info ? 0xf0 : 0x70;
    p[2] = cd->key;
    store_be(p + 3, 4, cd->info);
    p[7] = 10;
    p[12] = cd->asc;
    p[13] = cd->ascq;
    cd->key = cd->asc = cd->ascq = 0;
    cd->has_info = false;
    cd->info = 0;
    atapi_reply(ch, 18, cd->cdb[4]);
}

static void execute(struct ide_channel *ch, struct atapi *cd)
{
    const struct packet_command *c = &packet_commands[cd->cdb[0]];

    if (cd->cdb[0] == 0x03) {
        request_sense(ch, cd);
        return;
    }
    cd->key = cd->asc = cd->ascq = 0;
    cd->has_info = false;
    cd->info = 0;
    if (!(c->flags & P_QUIET) && cd->attention)
        atapi_check(ch, KEY_ATTENTION, take_attention(cd));
    else if (!c->start)
        atapi_check(ch, KEY_ILLEGAL, SENSE_OPCODE);
    else if (c->flags & P_DISC && (!cd->sectors || cd->tray_open))
        atapi_check(ch, KEY_NOT_READY, cd->tray_open ? SENSE_TRAY_OPEN : SENSE_NO_DISC);
    else
        c->start(ch, cd);
}

void atapi_store(struct ide_channel *ch)
{
    struct atapi *cd = active_cd(ch);

    if (cd->awaiting_cdb) {
        cd->awaiting_cdb = false;
        memcpy(cd->cdb, ch->buf, ATAPI_CDB);
        execute(ch, cd);
    } else if (ch->end < cd->chunk) {
        next_block(ch, ch->end);
    } else {
        packet_commands[cd->cdb[0]].finish(ch, cd);
    }
}

/* ---- the tray, from outside ---- */

static u32 disc_sectors(const struct blk *blk)
{
    u64 n = blk ? (blk_sectors(blk) + CD_USER / BLK_SECTOR - 1) / (CD_USER / BLK_SECTOR) : 0;
    return n < UINT32_MAX ? (u32)n : UINT32_MAX;
}

static bool slot_locked(void *opaque)
{
    const struct atapi *cd = &((struct ide_drive *)opaque)->cd;
    return cd->locked && !cd->tray_open;
}

static bool slot_open(void *opaque)
{
    const struct ide_drive *d = opaque;
    return d->cd.tray_open;
}

/* A disc that is pulled out of a command ends it as a disc that cannot be read. */
static void slot_eject(void *opaque, bool force)
{
    struct ide_drive *d = opaque;
    struct atapi *cd = &d->cd;

    if (!force && slot_locked(d)) {
        cd->attention |= ATTENTION_EJECT;
        cd->events |= EVENT_EJECT;
        return;
    }
    if (!cd->tray_open)
        atapi_open_tray(cd);
    blk_close(d->blk);
    d->blk = NULL;
    cd->sectors = 0;
    cd->next = UINT32_MAX; /* of the next disc a broken off transfer reads nothing */
}

static void slot_insert(void *opaque, struct blk *blk)
{
    struct ide_drive *d = opaque;

    blk_close(d->blk);
    d->blk = blk;
    d->cd.sectors = disc_sectors(blk);
    d->cd.discs++;
    d->cd.tray_open = true;
    atapi_close_tray(&d->cd);
}

static void slot_put(void *opaque, struct blk *blk)
{
    struct ide_drive *d = opaque;

    blk_close(d->blk);
    d->blk = blk;
    d->cd.sectors = disc_sectors(blk);
}

static const struct blk *slot_current(const void *opaque)
{
    return ((const struct ide_drive *)opaque)->blk;
}

/* ---- life ---- */

void atapi_init(struct ide_channel *ch, struct ide_drive *d, const char *name)
{
    static const struct medium_ops ops = {.locked = slot_locked,
                                          .open = slot_open,
                                          .eject = slot_eject,
                                          .insert = slot_insert,
                                          .put = slot_put,
                                          .current = slot_current};

    medium_init(&d->cd.slot, ch->bus, name, BLK_READONLY, &ops, d);
    d->cd.sectors = disc_sectors(d->blk);
    atapi_reset(&d->cd);
}

void atapi_reset(struct atapi *cd)
{
    cd->locked = false;
    cd->attention = ATTENTION_RESET;
    cd->events = 0;
    cd->key = cd->asc = cd->ascq = 0;
    cd->has_info = false;
    cd->info = 0;
    memset(cd->cdb, 0, sizeof(cd->cdb));
    cd->awaiting_cdb = cd->dma = cd->out = false;
    cd->limit = 0;
    cd->chunk = cd->next = cd->left = 0;
    cd->parts = 0;
    atapi_mode_defaults(cd);
}
