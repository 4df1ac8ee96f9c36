/* An IDE channel: task file, data port, interrupt, resets. ATA/ATAPI-6 chapters 7 to 9.
 *
 * Both drives take every register write; the selected one answers reads. One command is under way
 * at a time: `phase` says what it waits for, and the one timer ends each wait of the drive's own.
 * While a drive is busy its registers cannot be written, as on hardware. */
#include "devices/ide.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"

#define COMMAND_NS 4000   /* from the command to its first block or its end */
#define BLOCK_NS   2000   /* between blocks */
#define RESET_NS   200000 /* after a software reset */

/* What nobody answers. Of a real cable only DD7 is pulled down (ATA/ATAPI-6 table 3), and many
 * small systems take 7Fh for a drive. They have been tried where all of it is zero, and where a
 * command to an absent drive 0 ends with an interrupt; such a driver waits for that, and then finds
 * nothing. */
#define FLOATING 0

static const struct field drive_fields[] = {
    FIELD_SUB(struct ide_drive, log, blk_log_fields),
    FIELD_ARRAY(struct ide_drive, reg),
    FIELD_ARRAY(struct ide_drive, hob),
    FIELD(struct ide_drive, error),
    FIELD(struct ide_drive, status),
    FIELD(struct ide_drive, intrq),
    FIELD(struct ide_drive, geo_cylinders),
    FIELD(struct ide_drive, geo_heads),
    FIELD(struct ide_drive, geo_sectors),
    FIELD_MAX(struct ide_drive, multiple, IDE_BLOCK),
    FIELD(struct ide_drive, transfer),
    FIELD(struct ide_drive, write_cache),
    FIELD(struct ide_drive, look_ahead),
    FIELD(struct ide_drive, standby),
    FIELD_SUB(struct ide_drive, cd, atapi_fields),
    FIELD_END,
};

static const struct field bm_fields[] = {
    FIELD(struct ide_bus_master, command),
    FIELD(struct ide_bus_master, status),
    FIELD(struct ide_bus_master, table),
    FIELD_END,
};

const struct field ide_channel_fields[] = {
    FIELD_SUBS(struct ide_channel, drive, drive_fields),
    FIELD_SUB(struct ide_channel, bm, bm_fields),
    FIELD(struct ide_channel, control),
    FIELD_MAX(struct ide_channel, selected, 1),
    FIELD(struct ide_channel, line),
    FIELD(struct ide_channel, phase),
    FIELD_MAX(struct ide_channel, active, 1),
    FIELD(struct ide_channel, command),
    FIELD(struct ide_channel, lba),
    FIELD_MAX(struct ide_channel, left, 1u << 16),
    FIELD_MAX(struct ide_channel, pos, IDE_BLOCK *BLK_SECTOR),
    FIELD_MAX(struct ide_channel, end, IDE_BLOCK *BLK_SECTOR),
    FIELD_ARRAY(struct ide_channel, buf),
    FIELD(struct ide_channel, timer),
    FIELD_END,
};

/* ---- interrupt ---- */

/* Only the selected drive drives the line, and only while nIEN lets it. */
static void update_line(struct ide_channel *ch)
{
    const struct ide_drive *d = &ch->drive[ch->selected];
    bool level = d->intrq && !(ch->control & ATA_NIEN);

    if (level == ch->line)
        return;
    ch->line = level;
    irq_set(&ch->irq, level);
    if (level)
        ide_bm_interrupt(ch);
}

void ide_set_intrq(struct ide_channel *ch, struct ide_drive *d, bool level)
{
    d->intrq = level;
    update_line(ch);
}

/* ---- states of a command ---- */

static struct ide_drive *active(struct ide_channel *ch)
{
    return &ch->drive[ch->active];
}

void ide_after(struct ide_channel *ch, enum ide_phase phase, u64 ns)
{
    ch->phase = (u8)phase;
    active(ch)->status = ATA_BSY;
    timer_arm(&ch->timer, clock_now(ch->bus->clock) + ns);
}

static void finish(struct ide_channel *ch, u8 status, u8 error)
{
    ch->phase = IDE_NONE;
    active(ch)->status = status;
    active(ch)->error = error;
    ide_set_intrq(ch, active(ch), true);
}

void ide_done(struct ide_channel *ch)
{
    finish(ch, ATA_IDLE, 0);
}

void ide_fail(struct ide_channel *ch, u8 error)
{
    finish(ch, ATA_IDLE | ATA_ERR, error);
}

void ide_device_fault(struct ide_channel *ch)
{
    finish(ch, ATA_IDLE | ATA_DF | ATA_ERR, ATA_ABRT);
}

void ide_open_buffer(struct ide_channel *ch, enum ide_phase phase, u32 from, u32 bytes)
{
    CHECK(bytes && from + bytes <= sizeof(ch->buf), "block of %u bytes at %u", bytes, from);
    ch->phase = (u8)phase;
    ch->pos = from;
    ch->end = from + bytes;
    active(ch)->status = ATA_IDLE | ATA_DRQ;
}

void ide_data_in(struct ide_channel *ch, u32 bytes)
{
    ide_open_buffer(ch, IDE_IN, 0, bytes);
    ide_set_intrq(ch, active(ch), true);
}

void ide_data_out(struct ide_channel *ch, u32 bytes)
{
    ide_open_buffer(ch, IDE_OUT, 0, bytes);
}

/* ---- the data port ---- */

bool ide_is_packet(const struct ide_channel *ch)
{
    return ch->drive[ch->active].packet && ch->command == ATA_PACKET;
}

static bool data_phase(const struct ide_channel *ch, enum ide_phase phase)
{
    return ch->phase == phase && ch->selected == ch->active;
}

static u32 data_read(void *opaque, u16 port, unsigned size)
{
    struct ide_channel *ch = opaque;
    u32 n, value;

    (void)port;
    if (!data_phase(ch, IDE_IN))
        return FLOATING;
    n = ch->end - ch->pos < size ? ch->end - ch->pos : size;
    value = (u32)load_le(ch->buf + ch->pos, n);
    ch->pos += n;
    if (ch->pos == ch->end) {
        if (ch->left || ide_is_packet(ch)) {
            ide_after(ch, IDE_FETCH, BLOCK_NS);
        } else {
            ch->phase = IDE_NONE;
            active(ch)->status = ATA_IDLE;
        }
    }
    return value;
}

static void data_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct ide_channel *ch = opaque;
    u32 n;

    (void)port;
    if (!data_phase(ch, IDE_OUT))
        return;
    n = ch->end - ch->pos < size ? ch->end - ch->pos : size;
    store_le(ch->buf + ch->pos, n, value);
    ch->pos += n;
    if (ch->pos == ch->end)
        ide_after(ch, IDE_STORE, BLOCK_NS);
}

/* ---- the task file ---- */

static bool empty(const struct ide_channel *ch)
{
    return !ch->drive[0].present && !ch->drive[1].present;
}

/* Drive 0 answers for an absent drive 1, with a status of 0 (ATA/ATAPI-6, 9.16.1); nobody answers
 * for an absent drive 0. NULL: the bus floats. */
static struct ide_drive *answering(struct ide_channel *ch)
{
    if (ch->drive[ch->selected].present)
        return &ch->drive[ch->selected];
    return ch->selected && ch->drive[0].present ? &ch->drive[0] : NULL;
}

static u8 read_status(struct ide_channel *ch)
{
    const struct ide_drive *d = answering(ch);
    if (!d)
        return FLOATING;
    return d->number == ch->selected ? d->status : 0;
}

static u32 reg_read(void *opaque, u16 port, unsigned size)
{
    struct ide_channel *ch = opaque;
    struct ide_drive *d = answering(ch);
    unsigned reg = port & 7;

    (void)size;
    if (reg == R_STATUS) {
        u8 status = read_status(ch);
        if (!d || d->number == ch->selected)
            ide_set_intrq(ch, &ch->drive[ch->selected], false);
        return status;
    }
    if (!d)
        return FLOATING;
    if (d->status & ATA_BSY)
        return d->status; /* 7.x: while BSY is set, reads of any register give the status */
    if (reg == R_FEATURE)
        return d->error;
    return ch->control & ATA_HOB && reg != R_DEVICE ? d->hob[reg] : d->reg[reg];
}

static void begin_command(struct ide_channel *ch, u8 command)
{
    struct ide_drive *d = &ch->drive[ch->selected];
    bool diagnostic = command == ATA_DIAGNOSTIC; /* both perform it, whichever is selected */

    if (!d->present && diagnostic && !empty(ch)) {
        ch->selected ^= 1;
        d = &ch->drive[ch->selected];
    }
    if (!d->present) {
        ide_set_intrq(ch, d, !d->number);
        return;
    }
    timer_cancel(&ch->timer);
    if (ch->phase != IDE_NONE) /* a new command ends one that waits for data */
        active(ch)->status = ATA_IDLE;
    ch->active = d->number;
    ch->command = command;
    ch->left = 0;
    ide_set_intrq(ch, d, false);
    d->error = 0;
    ide_after(ch, IDE_COMMAND, COMMAND_NS);
}

static bool busy(const struct ide_channel *ch)
{
    return ch->phase == IDE_RESET || (ch->drive[ch->active].status & ATA_BSY);
}

/* The one command that a busy drive takes, if it is a CD-ROM drive (ATA/ATAPI-6, 8.10). */
static bool is_device_reset(const struct ide_channel *ch, unsigned reg, u32 value)
{
    return reg == R_STATUS && value == ATA_DEVICE_RESET && ch->phase != IDE_RESET &&
           ch->selected == ch->active && ch->drive[ch->selected].packet;
}

static void reg_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct ide_channel *ch = opaque;
    unsigned reg = port & 7;

    (void)size;
    ch->control &= (u8)~ATA_HOB;
    if (busy(ch) && !is_device_reset(ch, reg, value))
        return;
    if (reg == R_STATUS) {
        begin_command(ch, (u8)value);
        return;
    }
    for (unsigned n = 0; n < 2; n++) {
        ch->drive[n].hob[reg] = ch->drive[n].reg[reg];
        ch->drive[n].reg[reg] = (u8)value;
    }
    if (reg == R_DEVICE) {
        ch->selected = value & ATA_DEV ? 1 : 0;
        update_line(ch);
    }
}

/* ---- resets ---- */

void ide_signature(struct ide_drive *d)
{
    static const u8 signature[2][R_REGS] = {
        {[R_COUNT] = 1, [R_LBA0] = 1},
        {[R_COUNT] = 1, [R_LBA0] = 1, [R_LBA1] = 0x14, [R_LBA2] = 0xeb},
    };
    memcpy(d->reg, signature[d->packet], sizeof(d->reg));
    memset(d->hob, 0, sizeof(d->hob));
    d->error = 1; /* diagnostics passed */
    d->status = d->packet ? 0 : ATA_IDLE;
}

static void default_geometry(struct ide_drive *d)
{
    d->geo_cylinders = d->cylinders;
    d->geo_heads = 16;
    d->geo_sectors = 63;
}

static void begin_reset(struct ide_channel *ch)
{
    timer_cancel(&ch->timer);
    ch->phase = IDE_RESET;
    ch->left = 0;
    for (unsigned n = 0; n < 2; n++) {
        ch->drive[n].intrq = false;
        ch->drive[n].status = ATA_BSY;
    }
    update_line(ch);
}

static void end_reset(struct ide_channel *ch)
{
    ch->phase = IDE_NONE;
    ch->selected = 0;
    for (unsigned n = 0; n < 2; n++) {
        ide_signature(&ch->drive[n]);
        ch->drive[n].standby = false;
    }
    update_line(ch);
}

/* Both drives take writes to device control, whichever is selected. */
static void control_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct ide_channel *ch = opaque;
    u8 changed = ch->control ^ (u8)value;

    (void)port;
    (void)size;
    ch->control = value & (ATA_HOB | ATA_SRST | ATA_NIEN);
    if (changed & value & ATA_SRST)
        begin_reset(ch);
    else if (changed & ATA_SRST)
        timer_arm(&ch->timer, clock_now(ch->bus->clock) + RESET_NS);
    update_line(ch);
}

static u32 control_read(void *opaque, u16 port, unsigned size)
{
    (void)port;
    (void)size;
    return read_status(opaque);
}

void ide_channel_reset(struct ide_channel *ch)
{
    timer_cancel(&ch->timer);
    ch->control = 0;
    ch->active = 0;
    ch->command = 0;
    ch->lba = 0;
    ch->left = ch->pos = ch->end = 0;
    memset(ch->buf, 0, sizeof(ch->buf));
    for (unsigned n = 0; n < 2; n++) {
        struct ide_drive *d = &ch->drive[n];
        d->intrq = false;
        d->multiple = d->transfer = 0;
        d->write_cache = d->look_ahead = true;
        default_geometry(d);
        if (d->packet)
            atapi_reset(&d->cd);
    }
    end_reset(ch);
    ide_bm_reset(ch);
}

/* ---- life ---- */

static void on_timer(void *opaque)
{
    struct ide_channel *ch = opaque;

    switch (ch->phase) {
    case IDE_RESET: end_reset(ch); break;
    case IDE_COMMAND: ide_command(ch); break;
    case IDE_FETCH: ide_is_packet(ch) ? atapi_fetch(ch) : ide_fetch(ch); break;
    case IDE_STORE: ide_is_packet(ch) ? atapi_store(ch) : ide_store(ch); break;
    case IDE_DMA: ide_dma_run(ch); break;
    default: CHECK(false, "IDE timer in phase %u", ch->phase);
    }
}

void ide_channel_init(struct ide_channel *ch, struct bus *bus, u16 base, u16 control_port, u8 irq)
{
    static const struct io_ops data_ops = {data_read, data_write, 2, 4};
    static const struct io_ops reg_ops = {.read = reg_read, .write = reg_write};
    static const struct io_ops control_ops = {.read = control_read, .write = control_write};

    ch->bus = bus;
    ch->irq = bus_irq(bus, irq);
    ch->drive[1].number = 1;
    ch->bounce = malloc(IDE_BOUNCE * BLK_SECTOR);
    CHECK(ch->bounce, "out of memory");
    timer_init(&ch->timer, bus->clock, on_timer, ch);
    bus_claim_io(bus, base, 1, &data_ops, ch);
    bus_claim_io(bus, (u16)(base + 1), 7, &reg_ops, ch);
    bus_claim_io(bus, control_port, 1, &control_ops, ch);
}

void ide_channel_destroy(struct ide_channel *ch)
{
    blk_close(ch->drive[0].blk);
    blk_close(ch->drive[1].blk);
    free(ch->bounce);
}

static struct ide_drive *plug_in(struct ide_channel *ch, unsigned n, struct blk *blk)
{
    struct ide_drive *d = &ch->drive[n];

    CHECK(!d->present, "two drives on one connector");
    d->present = true;
    d->blk = blk;
    return d;
}

void ide_channel_attach(struct ide_channel *ch, unsigned n, struct blk *blk)
{
    struct ide_drive *d = plug_in(ch, n, blk);
    u64 cylinders = blk_sectors(blk) / (16 * 63);

    d->sectors = blk_sectors(blk);
    d->cylinders = (u16)(cylinders > 16383 ? 16383 : cylinders ? cylinders : 1);
    blk_attach(blk, &d->log);
    default_geometry(d);
}

void ide_channel_attach_cd(struct ide_channel *ch, unsigned n, struct blk *blk, const char *name)
{
    struct ide_drive *d = plug_in(ch, n, blk);

    d->packet = true;
    atapi_init(ch, d, name);
    ide_signature(d);
}
