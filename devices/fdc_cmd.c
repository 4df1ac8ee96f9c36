/* The 82077AA's commands: the table of all, and those that move no data. Data sheet 290166, chapter
 * 5. PART ID and POWERDOWN MODE belong to later members of the family: on this one they are
 * invalid, and that is how software tells them apart. */
#include "devices/fdc.h"

#define RECALIBRATE_PULSES 79

/* ---- heads ---- */

u64 fdc_step(struct fdc *s, unsigned unit, int pulses)
{
    struct fdc_drive *d = fdc_selected(s, unit);

    if (d)
        fdc_drive_step(d, pulses);
    pulses = pulses < 0 ? -pulses : pulses;
    return (u64)(pulses ? pulses : 1) * FDC_STEP_NS;
}

void fdc_seek_ended(struct fdc *s, unsigned unit)
{
    s->seek_done |= (u8)(1u << unit);
    fdc_update_irq(s);
}

/* The head moves at once, and the drive is busy for as long as that would take. */
static void begin_seek(struct fdc *s, unsigned unit, int pulses, u8 st0)
{
    u64 ns = fdc_step(s, unit, pulses);

    s->seek_done &= (u8) ~(1u << unit);
    s->seek_st0[unit] = st0;
    timer_arm(&s->seek_timer[unit], clock_now(s->dev.bus->clock) + ns);
    fdc_update_irq(s);
    fdc_done(s);
}

static void seek(struct fdc *s)
{
    unsigned unit = s->cmd[1] & 3;
    int pulses = s->cmd[2] - s->pcn[unit];

    s->pcn[unit] = s->cmd[2];
    begin_seek(s, unit, pulses, ST0_SE | (s->cmd[1] & 7));
}

static void relative_seek(struct fdc *s)
{
    unsigned unit = s->cmd[1] & 3;
    int pulses = s->cmd[0] & 0x40 ? s->cmd[2] : -s->cmd[2];

    s->pcn[unit] = (u8)(s->pcn[unit] + pulses);
    begin_seek(s, unit, pulses, ST0_SE | (s->cmd[1] & 7));
}

/* Steps out until the drive says track 0, but not for ever. */
static void recalibrate(struct fdc *s)
{
    unsigned unit = s->cmd[1] & 3;
    const struct fdc_drive *d = fdc_selected(s, unit);
    bool reached = d && d->track <= RECALIBRATE_PULSES;

    s->pcn[unit] = 0;
    begin_seek(s, unit, reached ? -d->track : -RECALIBRATE_PULSES,
               (u8)(ST0_SE | unit | (reached ? 0 : ST0_ABNORMAL | ST0_EC)));
}

/* ---- status ---- */

static void invalid(struct fdc *s)
{
    s->result[0] = ST0_INVALID;
    fdc_results(s, 1);
}

static void sense_interrupt(struct fdc *s)
{
    unsigned unit = 0;

    if (!s->seek_done) {
        invalid(s);
        return;
    }
    while (!(s->seek_done >> unit & 1))
        unit++;
    s->seek_done &= (u8) ~(1u << unit);
    s->result[0] = s->seek_st0[unit];
    s->result[1] = s->pcn[unit];
    fdc_update_irq(s);
    fdc_results(s, 2);
}

static void sense_drive(struct fdc *s)
{
    const struct fdc_drive *d = fdc_selected(s, s->cmd[1] & 3);

    s->result[0] = ST3_ALWAYS | (s->cmd[1] & 7);
    if (d && d->track == 0)
        s->result[0] |= ST3_T0;
    if (d && d->read_only)
        s->result[0] |= ST3_WP;
    fdc_results(s, 1);
}

static void version(struct fdc *s)
{
    s->result[0] = 0x90;
    fdc_results(s, 1);
}

static void dump_registers(struct fdc *s)
{
    for (unsigned unit = 0; unit < FDC_UNITS; unit++)
        s->result[unit] = s->pcn[unit];
    s->result[4] = s->srt_hut;
    s->result[5] = s->hlt_nd;
    s->result[6] = s->eot;
    s->result[7] = (u8)(s->lock << 7 | s->perpendicular);
    s->result[8] = s->config;
    s->result[9] = s->pretrk;
    fdc_results(s, 10);
}

/* ---- settings ---- */

static void specify(struct fdc *s)
{
    s->srt_hut = s->cmd[1];
    s->hlt_nd = s->cmd[2];
    fdc_done(s);
}

static void configure(struct fdc *s)
{
    s->config = s->cmd[2] & 0x7f;
    s->pretrk = s->cmd[3];
    fdc_done(s);
}

/* The drives' bits change only with OW. */
static void perpendicular_mode(struct fdc *s)
{
    u8 drives = (s->cmd[1] & 0x80 ? s->cmd[1] : s->perpendicular) & 0x3c;

    s->perpendicular = (u8)(drives | (s->cmd[1] & 3));
    fdc_done(s);
}

static void lock(struct fdc *s)
{
    s->lock = s->cmd[0] & 0x80;
    s->result[0] = (u8)(s->lock << 4);
    fdc_results(s, 1);
}

/* ---- all commands ---- */

const struct fdc_command fdc_commands[] = {
    {0x02, 0x9f, 8, FDC_TRACK, fdc_transfer},
    {0x03, 0xff, 2, 0, specify},
    {0x04, 0xff, 1, 0, sense_drive},
    {0x05, 0x3f, 8, FDC_WRITE, fdc_transfer},
    {0x06, 0x1f, 8, 0, fdc_transfer},
    {0x07, 0xff, 1, 0, recalibrate},
    {0x08, 0xff, 0, 0, sense_interrupt},
    {0x09, 0x3f, 8, FDC_WRITE | FDC_DELETED, fdc_transfer},
    {0x0a, 0xbf, 1, FDC_ID, fdc_read_id},
    {0x0c, 0x1f, 8, FDC_DELETED, fdc_transfer},
    {0x0d, 0xbf, 5, FDC_FORMAT, fdc_format},
    {0x0e, 0xff, 0, 0, dump_registers},
    {0x0f, 0xff, 2, 0, seek},
    {0x10, 0xff, 0, 0, version},
    {0x11, 0x1f, 8, FDC_SCAN, fdc_transfer},
    {0x12, 0xff, 1, 0, perpendicular_mode},
    {0x13, 0xff, 3, 0, configure},
    {0x14, 0x7f, 0, 0, lock},
    {0x16, 0x1f, 8, FDC_VERIFY, fdc_transfer},
    {0x19, 0x1f, 8, FDC_SCAN, fdc_transfer},
    {0x1d, 0x1f, 8, FDC_SCAN, fdc_transfer},
    {0x8f, 0xbf, 2, 0, relative_seek},
    {0, 0, 0, 0, invalid},
};
