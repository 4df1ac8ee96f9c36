/* The bus master of an IDE channel: "Programming Interface for Bus Master IDE Controller", revision
 * 1.0, and 82371SB (290550).
 *
 * A transfer happens at one moment of virtual time, a little after drive and start bit are both
 * ready. The walk of the descriptor table is bounded: the table ends at its 64 KiB boundary at the
 * latest, each descriptor moves 2 bytes to 64 KiB, and what is moved lies in RAM or ends the
 * transfer. */
#include "devices/ide.h"

#include "base/bytes.h"

enum { BM_START = 1, BM_TO_MEMORY = 8 };                           /* command */
enum { BM_ACTIVE = 1, BM_ERROR = 2, BM_INTR = 4, BM_FREE = 0x60 }; /* status */

enum { BM_COMMAND = 0, BM_STATUS = 2, BM_TABLE = 4 };

#define DMA_NS      10000
#define TABLE_BYTES 65536u
#define PRD_LAST    0x80000000u

/* ---- the descriptor table ---- */

struct prd_walk {
    struct bus *bus;
    const struct ide_channel *channel;
    u32 next;      /* address of the next descriptor */
    u32 remaining; /* descriptors up to the table's boundary */
    u32 addr, len; /* what is left of this one */
    bool last;
    bool error; /* the bus did not answer */
};

static struct prd_walk prd_begin(struct ide_channel *ch)
{
    u32 table = ch->bm.table;
    return (struct prd_walk){
        .bus = ch->bus, .channel = ch, .next = table, .remaining = (TABLE_BYTES - table % TABLE_BYTES) / 8};
}

/* Loads the next descriptor. False when there is none. */
static bool prd_load(struct prd_walk *w)
{
    u8 prd[8];
    u32 flags;

    if (w->last || !w->remaining)
        return false;
    if (!bus_master_read(w->bus, w->channel, w->next, prd, sizeof(prd))) {
        w->error = true;
        return false;
    }
    flags = (u32)load_le(prd + 4, 4);
    w->addr = (u32)load_le(prd, 4) & ~1u;
    w->len = flags & 0xfffe ? flags & 0xfffe : 0x10000;
    w->last = flags & PRD_LAST;
    w->next += 8;
    w->remaining--;
    return true;
}

/* Moves up to len bytes between buf and the places of the table. Returns how many it moved. */
static u32 prd_move(struct prd_walk *w, u8 *buf, u32 len, bool to_memory)
{
    u32 done = 0;

    while (done < len) {
        if (!w->len && !prd_load(w))
            break;
        u32 n = w->len < len - done ? w->len : len - done;
        bool ok = to_memory ? bus_master_write(w->bus, w->channel, w->addr, buf + done, n)
                            : bus_master_read(w->bus, w->channel, w->addr, buf + done, n);
        if (!ok) {
            w->error = true;
            break;
        }
        w->addr += n;
        w->len -= n;
        done += n;
    }
    return done;
}

/* ---- the transfer ---- */

enum outcome { MOVED, TABLE_SHORT, MEDIUM_FAILED };

static enum outcome disk_to_memory(struct ide_channel *ch, struct ide_drive *d, struct prd_walk *w)
{
    while (ch->left) {
        u32 n = ch->left < IDE_BOUNCE ? ch->left : IDE_BOUNCE, bytes = n * BLK_SECTOR;
        if (!blk_read(d->blk, ch->lba, ch->bounce, n))
            return MEDIUM_FAILED;
        if (prd_move(w, ch->bounce, bytes, true) < bytes)
            return TABLE_SHORT;
        ch->lba += n;
        ch->left -= n;
    }
    return MOVED;
}

/* Of a table that is too short, the whole sectors are written. */
static enum outcome memory_to_disk(struct ide_channel *ch, struct ide_drive *d, struct prd_walk *w)
{
    while (ch->left) {
        u32 n = ch->left < IDE_BOUNCE ? ch->left : IDE_BOUNCE;
        u32 whole = prd_move(w, ch->bounce, n * BLK_SECTOR, false) / BLK_SECTOR;
        if (whole && !blk_write(d->blk, ch->lba, ch->bounce, whole))
            return MEDIUM_FAILED;
        ch->lba += whole;
        ch->left -= whole;
        if (whole < n)
            return TABLE_SHORT;
    }
    return MOVED;
}

/* A packet command's answer: the chunk in the buffer, and those after it. */
static enum outcome packet_to_memory(struct ide_channel *ch, struct ide_drive *d,
                                     struct prd_walk *w)
{
    enum atapi_load load;

    do {
        if (prd_move(w, ch->buf, d->cd.chunk, true) < d->cd.chunk)
            return TABLE_SHORT;
        load = atapi_load(ch);
    } while (load == LOAD_CHUNK);
    return load == LOAD_END ? MOVED : MEDIUM_FAILED;
}

static enum outcome memory_to_packet(struct ide_channel *ch, struct ide_drive *d,
                                     struct prd_walk *w)
{
    return prd_move(w, ch->buf, d->cd.chunk, false) < d->cd.chunk ? TABLE_SHORT : MOVED;
}

static void medium_failed(struct ide_channel *ch, bool to_drive)
{
    if (ide_is_packet(ch)) {
        atapi_medium_error(ch);
        return;
    }
    ide_show_address(ch);
    ch->left = 0;
    if (to_drive)
        ide_device_fault(ch);
    else
        ide_fail(ch, ATA_UNC);
}

/* The bus master stops while the drive still wants data: no interrupt, and the host resets the
 * drive when it loses patience. */
static void stall(struct ide_channel *ch, struct ide_drive *d, bool error)
{
    ch->bm.status &= (u8)~BM_ACTIVE;
    ch->bm.status |= error ? BM_ERROR : 0;
    ch->phase = IDE_DMA_WAIT;
    d->status = ATA_IDLE | ATA_DRQ;
}

void ide_dma_run(struct ide_channel *ch)
{
    static enum outcome (*const move[2][2])(struct ide_channel *, struct ide_drive *,
                                            struct prd_walk *) = {
        {disk_to_memory, memory_to_disk}, {packet_to_memory, memory_to_packet}};
    struct ide_drive *d = &ch->drive[ch->active];
    bool to_drive = ide_is_write(ch), packet = ide_is_packet(ch);
    struct prd_walk w = prd_begin(ch);
    enum outcome outcome;

    if (to_drive == !!(ch->bm.command & BM_TO_MEMORY)) {
        stall(ch, d, true); /* the two ends disagree on the direction */
        return;
    }
    outcome = move[packet][to_drive](ch, d, &w);
    if (outcome == TABLE_SHORT) {
        stall(ch, d, w.error);
        return;
    }
    if (outcome == MEDIUM_FAILED) {
        medium_failed(ch, to_drive);
        return;
    }
    if (!w.len && w.last) /* the table is used up exactly: otherwise it stays active */
        ch->bm.status &= (u8)~BM_ACTIVE;
    if (packet)
        atapi_dma_done(ch);
    else
        ide_done(ch);
}

void ide_dma_begin(struct ide_channel *ch)
{
    if (ch->phase == IDE_DMA_WAIT && ch->bm.status & BM_ACTIVE)
        ide_after(ch, IDE_DMA, DMA_NS);
}

/* ---- registers ---- */

u8 ide_bm_read(struct ide_channel *ch, unsigned reg)
{
    switch (reg) {
    case BM_COMMAND: return ch->bm.command;
    case BM_STATUS: return ch->bm.status;
    case BM_TABLE:
    case BM_TABLE + 1:
    case BM_TABLE + 2:
    case BM_TABLE + 3: return (u8)(ch->bm.table >> (8 * (reg - BM_TABLE)));
    }
    return 0;
}

/* Starting on the rising edge; clearing the start bit gives a transfer up. */
static void write_command(struct ide_channel *ch, u8 value)
{
    u8 changed = ch->bm.command ^ value;

    ch->bm.command = value & (BM_START | BM_TO_MEMORY);
    if (!(changed & BM_START))
        return;
    if (value & BM_START) {
        ch->bm.status |= BM_ACTIVE;
        ide_dma_begin(ch);
        return;
    }
    ch->bm.status &= (u8)~BM_ACTIVE;
    if (ch->phase == IDE_DMA) {
        timer_cancel(&ch->timer);
        ch->phase = IDE_DMA_WAIT;
        ch->drive[ch->active].status = ATA_IDLE | ATA_DRQ;
    }
}

void ide_bm_write(struct ide_channel *ch, unsigned reg, u8 value)
{
    u8 clear = value & (BM_ERROR | BM_INTR);

    switch (reg) {
    case BM_COMMAND: write_command(ch, value); break;
    case BM_STATUS:
        ch->bm.status = (u8)((ch->bm.status & ~clear & ~BM_FREE) | (value & BM_FREE));
        break;
    case BM_TABLE:
    case BM_TABLE + 1:
    case BM_TABLE + 2:
    case BM_TABLE + 3: {
        unsigned shift = 8 * (reg - BM_TABLE);
        ch->bm.table = ((ch->bm.table & ~(0xffu << shift)) | (u32)value << shift) & ~3u;
        break;
    }
    }
}

void ide_bm_interrupt(struct ide_channel *ch)
{
    ch->bm.status |= BM_INTR;
}

void ide_bm_reset(struct ide_channel *ch)
{
    ch->bm = (struct ide_bus_master){0};
}
