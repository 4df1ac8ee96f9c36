/* The 8254 interval timer at 40h-43h and system control port B at 61h, which holds the gate of
 * channel 2. Intel 8254 data sheet (231164); PIIX data sheet (290519) for the aliases. Bits 6 and 7
 * of port 61h, the sources of NMI, stay low: nothing on this board has bad parity or an I/O check.
 *
 * Nothing counts: a channel remembers the clock at which its count was loaded, and every output
 * level and count is computed from virtual time, in whole clocks of 1.193182 MHz since time 0. A
 * count is loaded one clock after it was written. Only channel 0 has a timer, for the edges of
 * its output. */
#include "devices/i8254.h"

#define REFRESH_CLOCKS 18 /* the refresh request of port 61h bit 4 toggles every 15 us */

enum { RW_LATCH, RW_LOW, RW_HIGH, RW_BOTH };

struct channel {
    u64 start;     /* clock at which the count was loaded; may lie ahead by one clock */
    u64 held;      /* clocks counted when the gate stopped counting */
    u64 switch_at; /* modes 2, 3: clock at which `next` takes over */
    u32 count;     /* 1..65536, or 1..10000 in BCD */
    u32 next;      /* modes 1, 2, 3, 5: the count for the next cycle or trigger */
    u16 latch;
    u8 status; /* latched by read-back */
    u8 mode;   /* 0..5 */
    u8 rw;     /* RW_* */
    u8 low;    /* first byte of a two-byte write */
    bool bcd, gate;
    bool written;  /* a count has been written since the control word */
    bool counting; /* loaded, or triggered: start is valid */
    bool next_valid;
    bool high_next; /* write: the second byte comes next */
    bool read_high; /* read: the same */
    u8 latched;     /* bytes of the latch still to be read: bit 0 low, bit 1 high */
    bool status_latched;
};

struct i8254 {
    struct dev dev;
    struct channel ch[3];
    u8 port61; /* bits 0-3 as written */
    bool out0; /* level of IRQ 0 */
    u64 edge;  /* clock for which the timer is armed */
    struct timer timer;
    struct irq_line irq;
    void (*speaker_changes)(void *opaque); /* set once */
    void *speaker;
};

static const struct field channel_fields[] = {
    FIELD(struct channel, start),
    FIELD(struct channel, held),
    FIELD(struct channel, switch_at),
    FIELD_MAX(struct channel, count, 65536),
    FIELD_MAX(struct channel, next, 65536),
    FIELD(struct channel, latch),
    FIELD(struct channel, status),
    FIELD_MAX(struct channel, mode, 5),
    FIELD_MAX(struct channel, rw, RW_BOTH),
    FIELD(struct channel, low),
    FIELD(struct channel, bcd),
    FIELD(struct channel, gate),
    FIELD(struct channel, written),
    FIELD(struct channel, counting),
    FIELD(struct channel, next_valid),
    FIELD(struct channel, high_next),
    FIELD(struct channel, read_high),
    FIELD(struct channel, latched),
    FIELD(struct channel, status_latched),
    FIELD_END,
};

static const struct field i8254_fields[] = {
    FIELD_SUBS(struct i8254, ch, channel_fields),
    FIELD(struct i8254, port61),
    FIELD(struct i8254, out0),
    FIELD(struct i8254, edge),
    FIELD(struct i8254, timer),
    FIELD_END,
};

/* ---- time ---- */

static u64 pit_clock(const struct i8254 *s)
{
    return i8254_clock_at(clock_now(s->dev.bus->clock));
}

u64 i8254_clock_at(u64 ns)
{
    return muldiv64(ns, I8254_HZ, NS_PER_SEC);
}

u64 i8254_clock_ns(u64 clock)
{
    return (u64)(((unsigned __int128)clock * NS_PER_SEC + I8254_HZ - 1) / I8254_HZ);
}

static bool not_yet(u64 clock, u64 now)
{
    return (s64)(now - clock) < 0;
}

/* Clocks counted since the load; start may be "before time 0" after a change of period, so
 * differences are modulo 2^64. */
static u64 elapsed(const struct channel *c, u64 now)
{
    if (!c->gate && c->mode != 1 && c->mode != 5)
        return c->held;
    return not_yet(c->start, now) ? 0 : now - c->start;
}

static u32 high_half(u32 count)
{
    return count - count / 2;
}

/* Modes 2 and 3 take a new count at the end of the cycle (mode 3: half cycle) in progress. */
static void catch_up(struct channel *c, u64 now)
{
    if (!c->next_valid || (c->mode != 2 && c->mode != 3) || !c->counting || !c->gate ||
        not_yet(c->switch_at, now))
        return;
    bool in_low_half = c->mode == 3 && (c->switch_at - c->start) % c->count != 0;
    c->start = c->switch_at - (in_low_half ? high_half(c->next) : 0);
    c->count = c->next;
    c->next_valid = false;
}

static bool output(const struct channel *c, u64 now)
{
    u64 e = elapsed(c, now);

    if (!c->counting || not_yet(c->start, now))
        return c->mode != 0;
    switch (c->mode) {
    case 0: return e >= c->count;
    case 1: return e >= c->count;
    case 2: return !c->gate || e % c->count != c->count - 1;
    case 3: return !c->gate || e % c->count < high_half(c->count);
    default: return e != c->count;
    }
}

/* The clock after `now` at which the output changes, or CLOCK_NEVER. Catch up first. */
static u64 next_edge(const struct channel *c, u64 now)
{
    u64 e = elapsed(c, now), in_cycle;

    if (!c->counting || !c->gate || ((c->mode == 2 || c->mode == 3) && c->count == 1))
        return CLOCK_NEVER; /* a count of 1 is illegal in modes 2 and 3: the output stays */
    if (not_yet(c->start, now))
        return c->mode == 1 ? c->start : next_edge(c, c->start);
    switch (c->mode) {
    case 0:
    case 1: return e < c->count ? now + (c->count - e) : CLOCK_NEVER;
    case 2:
        in_cycle = e % c->count;
        return now + (in_cycle == c->count - 1 ? 1 : c->count - 1 - in_cycle);
    case 3:
        in_cycle = e % c->count;
        return now + (in_cycle < high_half(c->count) ? high_half(c->count) : c->count) - in_cycle;
    default:
        if (e > c->count)
            return CLOCK_NEVER;
        return now + (e == c->count ? 1 : c->count - e);
    }
}

/* The same, or the clock at which the next count takes over. */
static u64 next_event(const struct channel *c, u64 now)
{
    u64 edge = next_edge(c, now);
    bool takes_over = c->next_valid && c->counting && c->gate && (c->mode == 2 || c->mode == 3);
    return takes_over && c->switch_at < edge ? c->switch_at : edge;
}

static u16 to_bcd(u32 value)
{
    return (u16)(value % 10 | value / 10 % 10 << 4 | value / 100 % 10 << 8 |
                 value / 1000 % 10 << 12);
}

static u32 from_bcd(u32 value)
{
    return (value & 15) + (value >> 4 & 15) * 10 + (value >> 8 & 15) * 100 +
           (value >> 12 & 15) * 1000;
}

/* The counting element, as a read shows it. */
static u16 counter(const struct channel *c, u64 now)
{
    u64 e = c->counting ? elapsed(c, now) : 0;
    u32 modulus = c->bcd ? 10000 : 65536;
    u32 value;

    if (c->mode == 2) {
        value = c->count - (u32)(e % c->count);
    } else if (c->mode == 3) {
        u32 in_cycle = (u32)(e % c->count), half = high_half(c->count);
        value = (c->count & ~1u) - 2 * (in_cycle < half ? in_cycle : in_cycle - half);
    } else {
        value = (u32)((c->count + modulus - e % modulus) % modulus);
    }
    value %= modulus;
    return c->bcd ? to_bcd(value) : (u16)value;
}

/* ---- channel 0's output ---- */

static void set_out0(struct i8254 *s, bool level)
{
    if (level != s->out0) {
        s->out0 = level;
        irq_set(&s->irq, level);
    }
}

static void arm(struct i8254 *s, u64 now)
{
    s->edge = next_event(&s->ch[0], now);
    if (s->edge == CLOCK_NEVER)
        timer_cancel(&s->timer);
    else
        timer_arm(&s->timer, i8254_clock_ns(s->edge));
}

/* After anything that may change channel 0. */
static void refresh_out0(struct i8254 *s, u64 now)
{
    catch_up(&s->ch[0], now);
    set_out0(s, output(&s->ch[0], now));
    arm(s, now);
}

static void on_timer(void *opaque)
{
    struct i8254 *s = opaque;
    refresh_out0(s, s->edge);
}

/* ---- channel 2's output ---- */

static void speaker_changes(struct i8254 *s)
{
    if (s->speaker_changes)
        s->speaker_changes(s->speaker);
}

void i8254_on_speaker(struct dev *dev, void (*changes)(void *opaque), void *opaque)
{
    struct i8254 *s = (struct i8254 *)dev;
    s->speaker_changes = changes;
    s->speaker = opaque;
}

bool i8254_speaker(const struct dev *dev, u64 now, u64 *until)
{
    const struct i8254 *s = (const struct i8254 *)dev;
    struct channel c = s->ch[2]; /* asking changes nothing */

    *until = CLOCK_NEVER;
    if (!(s->port61 & 2))
        return false;
    catch_up(&c, now);
    *until = next_event(&c, now);
    return output(&c, now);
}

/* ---- programming ---- */

static void load_count(struct channel *c, u32 raw, u64 now)
{
    u32 count = c->bcd ? from_bcd(raw) : raw;

    if (!count)
        count = c->bcd ? 10000 : 65536;
    catch_up(c, now);
    if (c->mode == 1 || c->mode == 5) { /* waits for the gate */
        c->next = count;
        c->next_valid = true;
    } else if ((c->mode == 2 || c->mode == 3) && c->counting && c->gate) {
        u64 in_cycle = elapsed(c, now) % c->count;
        u32 end = c->mode == 3 && in_cycle < high_half(c->count) ? high_half(c->count) : c->count;
        c->switch_at = not_yet(c->start, now) ? c->start : now + end - in_cycle;
        c->next = count;
        c->next_valid = true;
    } else {
        c->count = count;
        c->start = now + 1;
        c->held = 0;
        c->counting = true;
        c->next_valid = false;
    }
    c->written = true;
}

static void write_count(struct channel *c, u8 value, u64 now)
{
    switch (c->rw) {
    case RW_LOW: load_count(c, value, now); break;
    case RW_HIGH: load_count(c, (u32)value << 8, now); break;
    default:
        if (c->high_next) {
            load_count(c, (u32)value << 8 | c->low, now);
        } else {
            c->low = value;
            if (c->mode == 0) /* the first byte stops counting and takes the output low */
                c->counting = false;
        }
        c->high_next = !c->high_next;
        break;
    }
}

static void latch_count(struct channel *c, u64 now)
{
    if (c->latched)
        return;
    catch_up(c, now);
    c->latch = counter(c, now);
    c->latched = c->rw == RW_LOW ? 1 : c->rw == RW_HIGH ? 2 : 3;
}

static void latch_status(struct channel *c, u64 now)
{
    if (c->status_latched)
        return;
    catch_up(c, now);
    bool null_count = !c->written || c->next_valid || (c->counting && not_yet(c->start, now));
    c->status = (u8)(output(c, now) << 7 | null_count << 6 | c->rw << 4 | c->mode << 1 | c->bcd);
    c->status_latched = true;
}

static void read_back(struct i8254 *s, u8 value, u64 now)
{
    for (int i = 0; i < 3; i++) {
        if (!(value & (2 << i)))
            continue;
        if (!(value & 0x20))
            latch_count(&s->ch[i], now);
        if (!(value & 0x10))
            latch_status(&s->ch[i], now);
    }
}

static void write_control(struct i8254 *s, u8 value, u64 now)
{
    static const u8 modes[8] = {0, 1, 2, 3, 4, 5, 2, 3};
    int which = value >> 6, rw = value >> 4 & 3;

    if (which == 3) {
        read_back(s, value, now);
        return;
    }
    struct channel *c = &s->ch[which];
    if (rw == RW_LATCH) {
        latch_count(c, now);
        return;
    }
    c->mode = modes[value >> 1 & 7];
    c->rw = (u8)rw;
    c->bcd = value & 1;
    c->written = c->counting = c->next_valid = false;
    c->high_next = c->read_high = c->status_latched = false;
    c->latched = 0;
}

static void pit_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct i8254 *s = opaque;
    u64 now = pit_clock(s);
    int which = port & 3;

    (void)size;
    if (which >= 2)
        speaker_changes(s);
    if (which == 3)
        write_control(s, (u8)value, now);
    else
        write_count(&s->ch[which], (u8)value, now);
    refresh_out0(s, now);
}

static u8 read_channel(struct channel *c, u64 now)
{
    u16 value;

    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    if (c->latched) {
        bool high = !(c->latched & 1);
        c->latched &= (u8)(high ? ~2 : ~1);
        return (u8)(high ? c->latch >> 8 : c->latch);
    }
    catch_up(c, now);
    value = counter(c, now);
    if (c->rw == RW_BOTH)
        c->read_high = !c->read_high;
    if (c->rw == RW_HIGH || (c->rw == RW_BOTH && !c->read_high))
        return (u8)(value >> 8);
    return (u8)value;
}

static u32 pit_read(void *opaque, u16 port, unsigned size)
{
    struct i8254 *s = opaque;
    (void)size;
    if ((port & 3) == 3)
        return 0xff; /* the control word cannot be read */
    return read_channel(&s->ch[port & 3], pit_clock(s));
}

/* ---- port 61h ---- */

static void set_gate(struct channel *c, bool gate, u64 now)
{
    if (gate == c->gate)
        return;
    catch_up(c, now);
    if (!gate) {
        c->held = elapsed(c, now);
        c->gate = false;
        return;
    }
    c->gate = true;
    if (c->mode == 0 || c->mode == 4) {
        c->start = now - c->held;
        return;
    }
    if (c->next_valid) {
        c->count = c->next;
        c->next_valid = false;
    }
    c->counting = c->written; /* modes 1, 2, 3, 5: a rising gate reloads */
    c->start = now + 1;
}

static u32 port61_read(void *opaque, u16 port, unsigned size)
{
    struct i8254 *s = opaque;
    u64 now = pit_clock(s);
    (void)port;
    (void)size;
    catch_up(&s->ch[2], now);
    return (u32)(s->port61 | (now / REFRESH_CLOCKS & 1) << 4 | output(&s->ch[2], now) << 5);
}

static void port61_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct i8254 *s = opaque;
    (void)port;
    (void)size;
    speaker_changes(s);
    s->port61 = value & 0x0f;
    set_gate(&s->ch[2], value & 1, pit_clock(s));
}

/* ---- life ---- */

static void i8254_reset(struct dev *dev)
{
    struct i8254 *s = (struct i8254 *)dev;
    speaker_changes(s);
    for (int i = 0; i < 3; i++)
        s->ch[i] = (struct channel){.rw = RW_BOTH, .count = 65536, .gate = i != 2};
    s->port61 = 0;
    s->edge = CLOCK_NEVER;
    timer_cancel(&s->timer);
    set_out0(s, false);
}

static const char *i8254_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops pit_ops = {.read = pit_read, .write = pit_write};
    static const struct io_ops port61_ops = {.read = port61_read, .write = port61_write};
    struct i8254 *s = (struct i8254 *)dev;

    s->irq = bus_irq(bus, 0);
    timer_init(&s->timer, bus->clock, on_timer, s);
    bus_claim_io(bus, 0x40, 4, &pit_ops, dev);
    bus_claim_io(bus, 0x50, 4, &pit_ops, dev);
    for (u16 port = 0x61; port <= 0x67; port += 2)
        bus_claim_io(bus, port, 1, &port61_ops, dev);
    return NULL;
}

const struct dev_type dev_i8254 = {
    .name = I8254_ID,
    .on_board = true,
    .size = sizeof(struct i8254),
    .version = 1,
    .fields = i8254_fields,
    .init = i8254_init,
    .reset = i8254_reset,
};
