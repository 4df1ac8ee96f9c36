/* The 82077AA floppy disk controller: registers, interrupt, data path, resets. Data sheet 290166,
 * AT mode, so that status registers A and B are not there.
 *
 * `phase` says what is waited for, one timer ends every wait of the controller's own; seeks run
 * beside it, with a timer for each unit. Time is shorter than on a real drive (FDC_SECTOR_NS,
 * FDC_STEP_NS), but who is to take data has only as long as the real medium would give. A drive
 * that does not turn gives no index pulses, and then a command never ends, as on hardware. */
#include "devices/fdc.h"

#include <string.h>

#include "base/check.h"
#include "devices/i8237.h"

#define RESET_NS 20000 /* from the end of a reset to its interrupt */
#define BYTE_NS  200   /* between bursts, for each byte */

enum { R_DOR, R_TDR, R_MSR, R_FIFO }; /* from 3F2h on */

static const struct field fdc_fields[] = {
    FIELD_SUBS(struct fdc, drive, fdc_drive_fields),
    FIELD(struct fdc, dor),
    FIELD(struct fdc, tdr),
    FIELD(struct fdc, rate),
    FIELD(struct fdc, precomp),
    FIELD(struct fdc, powered_down),
    FIELD(struct fdc, line),
    FIELD_ARRAY(struct fdc, pcn),
    FIELD(struct fdc, srt_hut),
    FIELD(struct fdc, hlt_nd),
    FIELD(struct fdc, config),
    FIELD(struct fdc, pretrk),
    FIELD(struct fdc, perpendicular),
    FIELD(struct fdc, eot),
    FIELD(struct fdc, lock),
    FIELD(struct fdc, seek_done),
    FIELD_ARRAY(struct fdc, seek_st0),
    FIELD(struct fdc, int_result),
    FIELD(struct fdc, int_data),
    FIELD_ARRAY(struct fdc, seek_timer),
    FIELD_MAX(struct fdc, phase, FDC_RESET),
    FIELD(struct fdc, command),
    FIELD_ARRAY(struct fdc, cmd),
    FIELD_MAX(struct fdc, cmd_len, 9),
    FIELD_ARRAY(struct fdc, result),
    FIELD_MAX(struct fdc, result_len, 10),
    FIELD_MAX(struct fdc, result_pos, 10),
    FIELD_ARRAY(struct fdc, st),
    FIELD_MAX(struct fdc, unit, FDC_UNITS - 1),
    FIELD_MAX(struct fdc, head, 1),
    FIELD(struct fdc, c),
    FIELD(struct fdc, h),
    FIELD(struct fdc, r),
    FIELD(struct fdc, n),
    FIELD(struct fdc, count),
    FIELD(struct fdc, last),
    FIELD(struct fdc, tc),
    FIELD(struct fdc, out),
    FIELD_MAX(struct fdc, pos, FDC_BUF),
    FIELD_MAX(struct fdc, end, FDC_BUF),
    FIELD_MAX(struct fdc, burst, FDC_BUF),
    FIELD_ARRAY(struct fdc, buf),
    FIELD(struct fdc, timer),
    FIELD_END,
};

/* ---- interrupt and phases ---- */

void fdc_update_irq(struct fdc *s)
{
    bool level = (s->dor & DOR_IRQ_DMA) && (s->int_result || s->int_data || s->seek_done);

    if (level != s->line) {
        s->line = level;
        irq_set(&s->irq, level);
    }
}

void fdc_wait(struct fdc *s, enum fdc_phase phase, u64 ns)
{
    s->phase = (u8)phase;
    timer_arm(&s->timer, clock_now(s->dev.bus->clock) + ns);
}

void fdc_done(struct fdc *s)
{
    s->phase = FDC_IDLE;
    s->cmd_len = 0;
}

void fdc_results(struct fdc *s, unsigned count)
{
    s->phase = FDC_RESULT;
    s->result_pos = 0;
    s->result_len = (u8)count;
    s->cmd_len = 0;
}

void fdc_finish(struct fdc *s)
{
    const u8 result[7] = {s->st[0], s->st[1], s->st[2], s->c, s->h, s->r, s->n};

    memcpy(s->result, result, sizeof(result));
    fdc_results(s, sizeof(result));
    s->int_result = true;
    fdc_update_irq(s);
}

void fdc_fail(struct fdc *s, u8 st1, u8 st2)
{
    s->st[0] |= ST0_ABNORMAL;
    s->st[1] |= st1;
    s->st[2] |= st2;
    fdc_finish(s);
}

/* ---- data ---- */

bool fdc_no_dma(const struct fdc *s)
{
    return s->hlt_nd & 1;
}

static u32 threshold(const struct fdc *s)
{
    return (s->config & CONF_THRESHOLD) + 1u;
}

/* How many bytes the host is offered at a time. */
static u32 burst_size(const struct fdc *s)
{
    u32 size = s->config & CONF_NO_FIFO || threshold(s) == 16 ? 1 : 16 - threshold(s);
    return size < s->end - s->pos ? size : s->end - s->pos;
}

/* The time that the host has (data sheet 5.2.3): what the FIFO still takes at the data rate. */
static u64 patience(const struct fdc *s)
{
    static const u32 byte_ns[4] = {16000, 26667, 32000, 8000};
    return (s->config & CONF_NO_FIFO ? 1 : threshold(s)) * (u64)byte_ns[s->rate];
}

static void request_dma(struct fdc *s, bool level)
{
    if (s->dma)
        i8237_request(s->dma, FDC_DMA, level);
}

static void end_data(struct fdc *s)
{
    timer_cancel(&s->timer);
    request_dma(s, false);
    s->int_data = false;
    fdc_update_irq(s);
}

/* Moves what DMA can. Also when the channel is set free. */
static void pump(void *opaque)
{
    struct fdc *s = opaque;

    if (s->phase != FDC_DATA || fdc_no_dma(s) || !(s->dor & DOR_IRQ_DMA) || !s->dma)
        return;
    s->pos += i8237_transfer(s->dma, FDC_DMA, s->buf + s->pos, s->end - s->pos, s->out, &s->tc);
    if (s->tc || s->pos == s->end) {
        end_data(s);
        fdc_data_done(s);
    }
}

static void offer_burst(struct fdc *s)
{
    fdc_wait(s, FDC_DATA, patience(s));
    s->burst = burst_size(s);
    s->int_data = true;
    fdc_update_irq(s);
}

void fdc_begin_data(struct fdc *s, bool out, u32 bytes)
{
    s->out = out;
    s->tc = false;
    s->pos = 0;
    s->end = bytes;
    if (fdc_no_dma(s)) {
        offer_burst(s);
        return;
    }
    fdc_wait(s, FDC_DATA, patience(s));
    request_dma(s, true);
    pump(s);
}

/* A byte has gone without DMA. */
static void byte_done(struct fdc *s)
{
    s->pos++;
    s->burst--;
    if (s->pos == s->end) {
        end_data(s);
        fdc_data_done(s);
    } else if (!s->burst) {
        end_data(s);
        fdc_wait(s, FDC_GAP, (u64)burst_size(s) * BYTE_NS);
    }
}

static void overrun(struct fdc *s)
{
    end_data(s);
    fdc_fail(s, ST1_OR, 0);
}

/* ---- the FIFO ---- */

static void begin_command(struct fdc *s, u8 value)
{
    unsigned i = 0;

    while (fdc_commands[i].mask && (value & fdc_commands[i].mask) != fdc_commands[i].value)
        i++;
    s->command = (u8)i; /* the last one is for all others */
    s->cmd[0] = value;
    s->cmd_len = 1;
    s->phase = FDC_PARAMS;
}

static void fifo_write(struct fdc *s, u8 value)
{
    if (s->phase == FDC_IDLE) {
        begin_command(s, value);
    } else if (s->phase == FDC_PARAMS) {
        s->cmd[s->cmd_len++] = value;
    } else {
        if (s->phase == FDC_DATA && fdc_no_dma(s) && s->out) {
            s->buf[s->pos] = value;
            byte_done(s);
        }
        return;
    }
    if (s->cmd_len == 1u + fdc_commands[s->command].params)
        fdc_commands[s->command].run(s);
}

static u8 fifo_read(struct fdc *s)
{
    u8 value = 0;

    if (s->phase == FDC_DATA && fdc_no_dma(s) && !s->out) {
        value = s->buf[s->pos];
        byte_done(s);
    } else if (s->phase == FDC_RESULT) {
        s->int_result = false;
        fdc_update_irq(s);
        value = s->result[s->result_pos++];
        if (s->result_pos == s->result_len)
            fdc_done(s);
    }
    return value;
}

static u8 main_status(const struct fdc *s)
{
    static const u8 by_phase[] = {
        [FDC_IDLE] = MSR_RQM,    [FDC_PARAMS] = MSR_RQM | MSR_BUSY,
        [FDC_SEARCH] = MSR_BUSY, [FDC_DATA] = MSR_BUSY,
        [FDC_GAP] = MSR_BUSY,    [FDC_STALL] = MSR_BUSY,
        [FDC_RESET] = 0,         [FDC_RESULT] = MSR_RQM | MSR_DIO | MSR_BUSY,
    };
    u8 status = by_phase[s->phase];

    if (s->phase == FDC_RESET || s->powered_down)
        return 0;
    for (unsigned unit = 0; unit < FDC_UNITS; unit++)
        status |= (u8)(s->seek_timer[unit].armed << unit);
    if (status & MSR_RQM || !(status & MSR_BUSY) || !fdc_no_dma(s))
        return status;
    return (u8)(status | MSR_NDMA | (s->phase == FDC_DATA ? MSR_RQM : 0) | (s->out ? 0 : MSR_DIO));
}

/* ---- resets ---- */

/* What both kinds of software reset do (data sheet 4.2, 7.0); LOCK keeps the FIFO's settings. */
static void abort_all(struct fdc *s)
{
    timer_cancel(&s->timer);
    for (unsigned unit = 0; unit < FDC_UNITS; unit++)
        timer_cancel(&s->seek_timer[unit]);
    request_dma(s, false);
    memset(s->pcn, 0, sizeof(s->pcn));
    s->int_result = s->int_data = s->powered_down = false;
    s->seek_done = 0;
    s->cmd_len = 0;
    s->phase = FDC_RESET;
    if (s->lock) {
        s->config &= CONF_NO_FIFO | CONF_THRESHOLD;
    } else {
        s->config = CONF_NO_FIFO;
        s->pretrk = 0;
    }
    s->perpendicular &= 0x3c;
    fdc_update_irq(s);
}

/* Polling finds that all drives have changed their state. */
static void end_reset(struct fdc *s)
{
    fdc_done(s);
    for (unsigned unit = 0; unit < FDC_UNITS; unit++)
        s->seek_st0[unit] = (u8)(ST0_POLLED | unit);
    s->seek_done = 0xf;
    fdc_update_irq(s);
}

static void write_dor(struct fdc *s, u8 value)
{
    u8 changed = s->dor ^ value;

    s->dor = value;
    if (changed & ~value & DOR_RUN)
        abort_all(s);
    else if (changed & DOR_RUN)
        fdc_wait(s, FDC_RESET, RESET_NS);
    fdc_update_irq(s);
    pump(s); /* its request may have been held back */
}

static void write_dsr(struct fdc *s, u8 value)
{
    s->rate = value & 3;
    s->precomp = value >> 2 & 7;
    if (!(s->dor & DOR_RUN))
        return;
    if (value & 0x80) {
        abort_all(s);
        fdc_wait(s, FDC_RESET, RESET_NS);
    } else if (value & 0x40) {
        abort_all(s);
        s->powered_down = true;
    }
}

/* ---- ports ---- */

static u32 fdc_read(void *opaque, u16 port, unsigned size)
{
    struct fdc *s = opaque;

    (void)size;
    switch (port - 0x3f2) {
    case R_DOR: return s->dor;
    case R_TDR: return s->tdr;
    case R_MSR: return main_status(s);
    default: return fifo_read(s);
    }
}

static void fdc_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct fdc *s = opaque;

    (void)size;
    switch (port - 0x3f2) {
    case R_DOR: write_dor(s, (u8)value); break;
    case R_TDR: s->tdr = value & 3; break;
    case R_MSR: write_dsr(s, (u8)value); break;
    default: fifo_write(s, (u8)value); break;
    }
}

/* DIR: the disk change signal of the selected drive. Nobody drives the other bits. */
static u32 dir_read(void *opaque, u16 port, unsigned size)
{
    struct fdc *s = opaque;
    unsigned unit = s->dor & 3;
    bool changed = unit < FLOPPY_DRIVES && s->drive[unit].type && s->drive[unit].changed;

    (void)port;
    (void)size;
    return changed ? 0xff : 0x7f;
}

static void ccr_write(void *opaque, u16 port, unsigned size, u32 value)
{
    (void)port;
    (void)size;
    ((struct fdc *)opaque)->rate = value & 3;
}

/* ---- life ---- */

static void on_timer(void *opaque)
{
    struct fdc *s = opaque;

    switch (s->phase) {
    case FDC_RESET: end_reset(s); break;
    case FDC_SEARCH: fdc_sector(s); break;
    case FDC_DATA: overrun(s); break;
    case FDC_GAP: offer_burst(s); break;
    default: CHECK(false, "floppy timer in phase %u", s->phase);
    }
}

static void on_seek0(void *opaque)
{
    fdc_seek_ended(opaque, 0);
}

static void on_seek1(void *opaque)
{
    fdc_seek_ended(opaque, 1);
}

static void on_seek2(void *opaque)
{
    fdc_seek_ended(opaque, 2);
}

static void on_seek3(void *opaque)
{
    fdc_seek_ended(opaque, 3);
}

/* RESET#: the controller is held in reset until somebody writes DOR. The disks stay. */
static void fdc_reset(struct dev *dev)
{
    struct fdc *s = (struct fdc *)dev;

    s->dor = s->tdr = s->precomp = 0;
    s->rate = RATE_250;
    s->lock = false;
    s->srt_hut = s->hlt_nd = s->eot = s->perpendicular = 0;
    s->unit = s->head = s->c = s->h = s->r = s->n = 0;
    s->count = s->pos = s->end = s->burst = 0;
    s->last = s->tc = s->out = false;
    s->command = s->result_len = s->result_pos = 0;
    memset(s->st, 0, sizeof(s->st));
    memset(s->cmd, 0, sizeof(s->cmd));
    memset(s->result, 0, sizeof(s->result));
    memset(s->seek_st0, 0, sizeof(s->seek_st0));
    memset(s->buf, 0, sizeof(s->buf));
    abort_all(s);
}

static void fdc_destroy(struct dev *dev)
{
    fdc_close_drives((struct fdc *)dev);
}

static const char *fdc_init(struct dev *dev, struct bus *bus)
{
    static void (*const on_seek[FDC_UNITS])(void *) = {on_seek0, on_seek1, on_seek2, on_seek3};
    static const struct io_ops ops = {.read = fdc_read, .write = fdc_write};
    static const struct io_ops dir_ops = {.read = dir_read, .write = ccr_write};
    struct fdc *s = (struct fdc *)dev;

    s->irq = bus_irq(bus, 6);
    s->dma = i8237_find(bus);
    if (s->dma)
        i8237_attach(s->dma, FDC_DMA, pump, s);
    timer_init(&s->timer, bus->clock, on_timer, s);
    for (unsigned unit = 0; unit < FDC_UNITS; unit++)
        timer_init(&s->seek_timer[unit], bus->clock, on_seek[unit], s);
    bus_claim_io(bus, 0x3f2, 4, &ops, dev);
    bus_claim_io(bus, 0x3f7, 1, &dir_ops, dev);
    return NULL;
}

const struct dev_type dev_fdc = {
    .name = FLOPPY_ID,
    .on_board = true,
    .size = sizeof(struct fdc),
    .version = 1,
    .fields = fdc_fields,
    .init = fdc_init,
    .reset = fdc_reset,
    .destroy = fdc_destroy,
};
