/* An OPL2 or OPL3 as the guest sees it: address and data ports, two timers, a status register.
 * Yamaha YM3812 and YMF262 application manuals.
 *
 * The timers have no clock timer: nothing happens when they overflow (their interrupt is not wired
 * on any card), so the status register computes their flags from virtual time when it is read. */
#include "devices/opl.h"

#include <string.h>

enum {
    REG_TIMER1 = 0x02,
    REG_TIMER2 = 0x03,
    REG_CONTROL = 0x04,
    REG_NEW = 0x105 /* OPL3: bit 0 makes its registers accessible */
};
enum { CTL_RESET = 0x80, CTL_MASK1 = 0x40 };           /* timer control; timer 2: a bit below */
enum { ST_IRQ = 0x80, ST_TIMER1 = 0x40, ST_OPL2 = 6 }; /* status */

static const struct field timer_fields[] = {
    FIELD(struct opl_timer, running),
    FIELD(struct opl_timer, next),
    FIELD_END,
};

const struct field opl_fields[] = {
    FIELD_ARRAY(struct opl, reg),
    FIELD_MAX(struct opl, address, OPL_REGS - 1),
    FIELD(struct opl, flags),
    FIELD_SUBS(struct opl, timer, timer_fields),
    FIELD_END,
};

/* ---- timers ---- */

/* They count up from the register's value to 256, in steps of 80 and 320 us. */
static u64 period(const struct opl *opl, unsigned n)
{
    return (256u - opl->reg[REG_TIMER1 + n]) * (n ? 320000ull : 80000ull);
}

/* Brings the flags up to date. */
static void sync_timers(struct opl *opl)
{
    u64 now = clock_now(opl->bus->clock);

    for (unsigned n = 0; n < 2; n++) {
        struct opl_timer *t = &opl->timer[n];
        if (!t->running || now < t->next)
            continue;
        if (!(opl->reg[REG_CONTROL] & CTL_MASK1 >> n))
            opl->flags |= (u8)(ST_TIMER1 >> n);
        t->next += ((now - t->next) / period(opl, n) + 1) * period(opl, n);
    }
}

static void write_control(struct opl *opl, u8 value)
{
    if (value & CTL_RESET) { /* and the other bits do nothing */
        opl->flags = 0;
        return;
    }
    opl->reg[REG_CONTROL] = value;
    opl->flags &= (u8)~value; /* the masks are where the flags are */
    for (unsigned n = 0; n < 2; n++) {
        bool run = value >> n & 1;
        if (run && !opl->timer[n].running)
            opl->timer[n].next = clock_now(opl->bus->clock) + period(opl, n);
        opl->timer[n].running = run;
    }
}

/* ---- ports ---- */

static void feed(void *opaque, u64 ns)
{
    struct opl *opl = opaque;
    opl_synth_run(opl->synth, &opl->voice, ns);
}

static void write_reg(struct opl *opl, unsigned reg, u8 value)
{
    if (reg >= REG_TIMER1 && reg <= REG_CONTROL)
        sync_timers(opl);
    if (reg == REG_CONTROL) {
        write_control(opl, value);
        return;
    }
    if (opl->synth)
        feed(opl, clock_now(opl->bus->clock));
    opl->reg[reg] = value;
    if (opl->synth)
        opl_synth_changed(opl->synth, reg);
}

/* The second array answers in the OPL3's mode only, but for the register that switches to it. */
static void write_address(struct opl *opl, bool second, u8 value)
{
    opl->address = value;
    if (second && ((opl->reg[REG_NEW] & 1) || value == (REG_NEW & 0xff)))
        opl->address |= 0x100;
}

void opl_write(struct opl *opl, unsigned port, u8 value)
{
    if (port & 1)
        write_reg(opl, opl->address, value);
    else
        write_address(opl, opl->opl3 && (port & 2), value);
}

u8 opl_read(struct opl *opl, unsigned port)
{
    u8 status;

    if (port & 1)
        return 0xff;
    sync_timers(opl);
    status = (u8)(opl->flags | (opl->flags ? ST_IRQ : 0));
    return opl->opl3 ? status : status | ST_OPL2;
}

/* ---- life ---- */

void opl_init(struct opl *opl, struct bus *bus, bool opl3, struct audio *audio)
{
    opl->bus = bus;
    opl->opl3 = opl3;
    audio_add(audio, bus, &opl->voice, feed, opl);
    if (!audio_heard(&opl->voice)) {
        opl->voice.pull = NULL;
        return;
    }
    opl->synth = opl_synth_create(opl->reg, opl3);
    audio_start(&opl->voice, 0, OPL_RATE_NUM, OPL_RATE_DEN);
}

void opl_loaded(struct opl *opl)
{
    u64 now = clock_now(opl->bus->clock);

    if (!opl->synth)
        return;
    opl_synth_restart(opl->synth);
    opl_synth_seek(opl->synth, now);
    audio_start(&opl->voice, now, OPL_RATE_NUM, OPL_RATE_DEN);
}

void opl_reset(struct opl *opl)
{
    if (opl->synth)
        feed(opl, clock_now(opl->bus->clock));
    memset(opl->reg, 0, sizeof(opl->reg));
    opl->address = 0;
    opl->flags = 0;
    for (unsigned n = 0; n < 2; n++)
        opl->timer[n] = (struct opl_timer){0};
    if (opl->synth)
        opl_synth_restart(opl->synth);
}

void opl_destroy(struct opl *opl)
{
    opl_synth_destroy(opl->synth);
}
