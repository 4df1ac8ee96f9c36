/* The real time clock and CMOS RAM of the PC/AT at 70h/71h: Motorola MC146818 (data sheet
 * ADI-856) with the PC's conventions: IRQ 8, NMI mask in bit 7 of port 70h, century at 32h,
 * memory sizes.
 *
 * The divider chain starts at phase_ns; second k begins at phase_ns + k seconds. While the clock
 * runs the date is base_sec + k and reg[0..9] is stale; while it is stopped (SET, or the divider
 * held in reset) the date is reg[]. Flags of register C are brought up to date when someone
 * looks, or by the timer if an enabled interrupt waits for one: an unused RTC costs nothing. */
#include "devices/mc146818.h"

#include <stdio.h>
#include <string.h>

#include "devices/core/journal.h"

enum {
    REG_SEC,
    REG_SEC_ALARM,
    REG_MIN,
    REG_MIN_ALARM,
    REG_HOUR,
    REG_HOUR_ALARM,
    REG_DAY,
    REG_DATE,
    REG_MONTH,
    REG_YEAR,
    REG_A,
    REG_B,
    REG_C,
    REG_D,
    REG_CENTURY = 0x32,
    REG_CENTURY_PS2 = 0x37,
};

enum { B_SET = 0x80, B_BINARY = 0x04, B_24H = 0x02, ENABLES = 0x70 };
enum { C_IRQ = 0x80, C_PERIODIC = 0x40, C_ALARM = 0x20, C_UPDATE = 0x10 };

#define CRYSTAL_HZ  32768u
#define UPDATE_NS   2228000u /* UIP: 244 us before the update cycle and its 1984 us */
#define DAY_SECONDS 86400
#define HALF_SECOND (NS_PER_SEC / 2)

struct mc146818 {
    struct dev dev;
    u32 ram;          /* bytes of memory to report */
    const char *base; /* date at power-on */

    u8 reg[128];
    u8 index;
    bool nmi_masked;
    s64 base_sec;     /* date, in seconds since 1970, at second 0 of the divider */
    s64 phase_ns;     /* when the divider's second 0 began */
    s64 seen_sec;     /* flags of register C are up to date up to this second ... */
    u64 seen_periods; /* ... and to this period of the periodic interrupt */
    u8 day_shift;     /* the day of week counts on its own: the guest's minus the calendar's */
    bool irq_level;
    struct timer timer;
    struct irq_line irq;
};

static const struct field mc146818_fields[] = {
    FIELD_ARRAY(struct mc146818, reg),
    FIELD_MAX(struct mc146818, index, 127),
    FIELD(struct mc146818, nmi_masked),
    FIELD(struct mc146818, base_sec),
    FIELD(struct mc146818, phase_ns),
    FIELD(struct mc146818, seen_sec),
    FIELD(struct mc146818, seen_periods),
    FIELD(struct mc146818, day_shift),
    FIELD(struct mc146818, irq_level),
    FIELD(struct mc146818, timer),
    FIELD_END,
};

static const struct prop mc146818_props[] = {
    PROP_U32(struct mc146818, ram, "640K"),
    PROP_STR(struct mc146818, base, "2026-01-01T12:00:00"),
    PROP_END,
};

/* ---- calendar (proleptic Gregorian) ---- */

struct date {
    int year, month, date, day, hour, min, sec; /* day of week: 0 is Sunday */
};

/* Days since 1970-01-01; years are counted from March, so that leap days come last. */
static s64 days_from_date(s64 year, int month, int date)
{
    s64 y = month <= 2 ? year - 1 : year;
    s64 era = (y >= 0 ? y : y - 399) / 400, year_of_era = y - era * 400;
    s64 day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + date - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static s64 floor_div(s64 a, s64 b)
{
    return a / b - (a % b < 0);
}

static struct date date_from_seconds(s64 seconds)
{
    s64 days = floor_div(seconds, DAY_SECONDS), rest = seconds - days * DAY_SECONDS;
    s64 z = days + 719468, era = floor_div(z, 146097), day_of_era = z - era * 146097;
    s64 year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    s64 day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted = (int)((5 * day_of_year + 2) / 153); /* month, 0 is March */
    struct date d = {
        .month = shifted < 10 ? shifted + 3 : shifted - 9,
        .date = (int)(day_of_year - (153 * shifted + 2) / 5 + 1),
        .day = (int)((days % 7 + 7 + 4) % 7),
        .hour = (int)(rest / 3600),
        .min = (int)(rest / 60 % 60),
        .sec = (int)(rest % 60),
    };
    d.year = (int)(year_of_era + era * 400 + (d.month <= 2));
    return d;
}

static s64 seconds_from_date(const struct date *d)
{
    return days_from_date(d->year, d->month, d->date) * DAY_SECONDS + d->hour * 3600 + d->min * 60 +
           d->sec;
}

static bool parse_date(const char *text, s64 *seconds)
{
    struct date d = {0};
    int used = 0;
    int n = sscanf(text, "%4d-%2d-%2d%n%*[T ]%2d:%2d:%2d%n", &d.year, &d.month, &d.date, &used,
                   &d.hour, &d.min, &d.sec, &used);

    if ((n != 3 && n != 6) || text[used] || d.month < 1 || d.month > 12 || d.date < 1 ||
        d.date > 31 || d.hour > 23 || d.min > 59 || d.sec > 59 || d.hour < 0 || d.min < 0 ||
        d.sec < 0)
        return false;
    *seconds = seconds_from_date(&d);
    return true;
}

/* ---- registers and their encoding ---- */

static u8 encode(const struct mc146818 *s, int value)
{
    return (u8)(s->reg[REG_B] & B_BINARY ? value : value / 10 % 10 << 4 | value % 10);
}

static int decode(const struct mc146818 *s, u8 value)
{
    return s->reg[REG_B] & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static u8 encode_hour(const struct mc146818 *s, int hour)
{
    if (s->reg[REG_B] & B_24H)
        return encode(s, hour);
    return (u8)(encode(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
}

static int decode_hour(const struct mc146818 *s, u8 value)
{
    if (s->reg[REG_B] & B_24H)
        return decode(s, value);
    return decode(s, value & 0x7f) % 12 + (value & 0x80 ? 12 : 0);
}

static bool divider_runs(const struct mc146818 *s)
{
    return (s->reg[REG_A] & 0x60) != 0x60;
}

static bool clock_runs(const struct mc146818 *s)
{
    return divider_runs(s) && !(s->reg[REG_B] & B_SET);
}

static s64 now_ns(const struct mc146818 *s)
{
    return (s64)clock_now(s->dev.bus->clock);
}

/* The second of the divider. */
static s64 second_at(const struct mc146818 *s, s64 now)
{
    return floor_div(now - s->phase_ns, NS_PER_SEC);
}

static void date_to_regs(struct mc146818 *s, s64 second)
{
    struct date d = date_from_seconds(s->base_sec + second);
    s->reg[REG_SEC] = encode(s, d.sec);
    s->reg[REG_MIN] = encode(s, d.min);
    s->reg[REG_HOUR] = encode_hour(s, d.hour);
    s->reg[REG_DAY] = encode(s, (d.day + s->day_shift) % 7 + 1);
    s->reg[REG_DATE] = encode(s, d.date);
    s->reg[REG_MONTH] = encode(s, d.month);
    s->reg[REG_YEAR] = encode(s, d.year % 100);
    s->reg[REG_CENTURY] = encode(s, d.year / 100 % 100);
    s->reg[REG_CENTURY_PS2] = s->reg[REG_CENTURY];
}

/* The guest may have put anything into the registers: impossible dates carry over. */
static void regs_to_date(struct mc146818 *s, s64 second)
{
    struct date d = {
        .year = decode(s, s->reg[REG_CENTURY]) * 100 + decode(s, s->reg[REG_YEAR]),
        .month = decode(s, s->reg[REG_MONTH]),
        .date = decode(s, s->reg[REG_DATE]),
        .hour = decode_hour(s, s->reg[REG_HOUR]),
        .min = decode(s, s->reg[REG_MIN]),
        .sec = decode(s, s->reg[REG_SEC]),
    };
    int day = (decode(s, s->reg[REG_DAY]) + 6) % 7;

    d.month = d.month < 1 ? 1 : d.month > 12 ? 12 : d.month;
    s->base_sec = seconds_from_date(&d) - second;
    s->day_shift = (u8)((day + 7 - date_from_seconds(s->base_sec + second).day) % 7);
}

/* ---- flags and interrupts ---- */

/* log2 of the periodic interrupt's period in crystal cycles, or -1 if it is off. Rates 1 and 2
 * are 8 and 9 with this crystal. */
static int period_shift(const struct mc146818 *s)
{
    int rate = s->reg[REG_A] & 15;
    if (!rate || !divider_runs(s))
        return -1;
    return rate <= 2 ? rate + 6 : rate - 1;
}

static u64 periods_at(const struct mc146818 *s, s64 now)
{
    int shift = period_shift(s);
    if (shift < 0 || now < s->phase_ns)
        return 0;
    return muldiv64((u64)(now - s->phase_ns), CRYSTAL_HZ, NS_PER_SEC) >> shift;
}

static bool alarm_field_matches(u8 alarm, int alarm_value, int value)
{
    return (alarm & 0xc0) == 0xc0 || alarm_value == value; /* C0h-FFh: don't care */
}

static bool alarm_matches(const struct mc146818 *s, s64 second_of_day)
{
    const u8 *r = s->reg;
    int sec = (int)(second_of_day % 60), min = (int)(second_of_day / 60 % 60);
    int hour = (int)(second_of_day / 3600);
    return alarm_field_matches(r[REG_SEC_ALARM], decode(s, r[REG_SEC_ALARM]), sec) &&
           alarm_field_matches(r[REG_MIN_ALARM], decode(s, r[REG_MIN_ALARM]), min) &&
           alarm_field_matches(r[REG_HOUR_ALARM], decode_hour(s, r[REG_HOUR_ALARM]), hour);
}

/* Does the alarm go off in the seconds after `from`, up to `to`? At most a day has to be looked
 * at. */
static bool alarm_between(const struct mc146818 *s, s64 from, s64 to)
{
    if (to - from > DAY_SECONDS)
        from = to - DAY_SECONDS;
    for (s64 sec = from + 1; sec <= to; sec++) {
        s64 date = s->base_sec + sec;
        if (alarm_matches(s, date - floor_div(date, DAY_SECONDS) * DAY_SECONDS))
            return true;
    }
    return false;
}

/* Collects the flags that came up since the last look. To be called before anything they depend on
 * changes. */
static void catch_up(struct mc146818 *s, s64 now)
{
    s64 second = second_at(s, now);
    u64 periods = periods_at(s, now);

    if (periods != s->seen_periods)
        s->reg[REG_C] |= C_PERIODIC;
    if (clock_runs(s) && second > s->seen_sec) {
        s->reg[REG_C] |= C_UPDATE;
        if (!(s->reg[REG_C] & C_ALARM) && alarm_between(s, s->seen_sec, second))
            s->reg[REG_C] |= C_ALARM;
    }
    s->seen_periods = periods;
    s->seen_sec = second;
}

/* Arms the timer for the next event that can raise the interrupt line. */
static void arm(struct mc146818 *s, s64 now)
{
    u8 waiting = s->reg[REG_B] & ENABLES & (u8)~s->reg[REG_C];
    s64 next = INT64_MAX;

    if (!s->irq_level && clock_runs(s) && (waiting & (C_UPDATE | C_ALARM)))
        next = s->phase_ns + (second_at(s, now) + 1) * (s64)NS_PER_SEC;
    if (!s->irq_level && period_shift(s) >= 0 && (waiting & C_PERIODIC)) {
        u64 cycles = (periods_at(s, now) + 1) << period_shift(s);
        s64 at = s->phase_ns +
                 (s64)(((unsigned __int128)cycles * NS_PER_SEC + CRYSTAL_HZ - 1) / CRYSTAL_HZ);
        next = at < next ? at : next;
    }
    if (next == INT64_MAX)
        timer_cancel(&s->timer);
    else
        timer_arm(&s->timer, (u64)next);
}

/* After flags, enables or rates changed: the line, and the next event. */
static void refresh(struct mc146818 *s, s64 now)
{
    bool level = s->reg[REG_C] & s->reg[REG_B] & ENABLES;

    s->reg[REG_C] = (u8)((s->reg[REG_C] & ~C_IRQ) | (level ? C_IRQ : 0));
    if (level != s->irq_level) {
        s->irq_level = level;
        irq_set(&s->irq, level);
    }
    arm(s, now);
}

static void on_timer(void *opaque)
{
    struct mc146818 *s = opaque;
    s64 now = now_ns(s);
    catch_up(s, now);
    refresh(s, now);
}

/* ---- ports ---- */

static bool is_date_reg(u8 index)
{
    return (index <= REG_YEAR && index != REG_SEC_ALARM && index != REG_MIN_ALARM &&
            index != REG_HOUR_ALARM) ||
           index == REG_CENTURY;
}

static u8 read_a(const struct mc146818 *s, s64 now)
{
    s64 in_second = now - s->phase_ns - second_at(s, now) * (s64)NS_PER_SEC;
    bool uip = clock_runs(s) && in_second >= (s64)NS_PER_SEC - UPDATE_NS;
    return (u8)(s->reg[REG_A] | (uip ? 0x80 : 0));
}

/* Reading C clears it and lowers the line. */
static u8 read_c(struct mc146818 *s, s64 now)
{
    u8 value;
    catch_up(s, now);
    refresh(s, now);
    value = s->reg[REG_C];
    s->reg[REG_C] = 0;
    refresh(s, now);
    return value;
}

static u32 rtc_read(void *opaque, u16 port, unsigned size)
{
    struct mc146818 *s = opaque;
    s64 now = now_ns(s);

    (void)size;
    if (!(port & 1))
        return 0xff; /* the index is write-only */
    if (is_date_reg(s->index) && clock_runs(s))
        date_to_regs(s, second_at(s, now));
    if (s->index == REG_A)
        return read_a(s, now);
    if (s->index == REG_C)
        return read_c(s, now);
    return s->reg[s->index];
}

static void write_date_reg(struct mc146818 *s, u8 value, s64 now)
{
    s64 second = second_at(s, now);
    if (clock_runs(s))
        date_to_regs(s, second);
    s->reg[s->index] = value;
    if (clock_runs(s))
        regs_to_date(s, second);
}

/* A and B start and stop the clock and the divider. */
static void write_control(struct mc146818 *s, u8 value, s64 now)
{
    bool ran = clock_runs(s), divided = divider_runs(s);

    if (ran)
        date_to_regs(s, second_at(s, now));
    if (s->index == REG_A)
        s->reg[REG_A] = value & 0x7f;
    else
        s->reg[REG_B] = value & B_SET ? value & (u8)~C_UPDATE : value; /* SET clears UIE */
    if (!divided && divider_runs(s))
        s->phase_ns = now - (s64)HALF_SECOND; /* the first update comes half a second after */
    if (!ran && clock_runs(s))
        regs_to_date(s, second_at(s, now));
    else if (ran && clock_runs(s))
        date_to_regs(s, second_at(s, now)); /* the format may have changed */
    s->seen_sec = second_at(s, now);
    s->seen_periods = periods_at(s, now);
}

static void rtc_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct mc146818 *s = opaque;
    s64 now = now_ns(s);

    (void)size;
    if (!(port & 1)) {
        s->index = value & 0x7f;
        s->nmi_masked = value & 0x80;
        bus_mask_nmi(s->dev.bus, s->nmi_masked);
        return;
    }
    catch_up(s, now);
    if (s->index == REG_A || s->index == REG_B)
        write_control(s, (u8)value, now);
    else if (is_date_reg(s->index))
        write_date_reg(s, (u8)value, now);
    else if (s->index != REG_C && s->index != REG_D)
        s->reg[s->index] = (u8)value;
    refresh(s, now);
}

/* ---- life ---- */

static void put_cmos(struct mc146818 *s, u8 index, u32 value)
{
    u32 sum = 0;
    s->reg[index] = (u8)value;
    for (int i = 0x10; i < 0x2e; i++)
        sum += s->reg[i];
    s->reg[0x2e] = (u8)(sum >> 8);
    s->reg[0x2f] = (u8)sum;
}

void mc146818_set_cmos(struct dev *rtc, u8 index, u8 value)
{
    if (index > REG_D && index < 128 && index != REG_CENTURY)
        put_cmos((struct mc146818 *)rtc, index, value);
}

static void put_cmos16(struct mc146818 *s, u8 index, u32 value)
{
    value = value > 0xffff ? 0xffff : value;
    put_cmos(s, index, value & 0xff);
    put_cmos(s, (u8)(index + 1), value >> 8);
}

/* Base memory in KiB at 15h, memory above 1 MiB in KiB at 17h and 30h, above 16 MiB in 64 KiB at
 * 34h. */
static void put_memory_sizes(struct mc146818 *s)
{
    u32 kib = s->ram >> 10;
    put_cmos16(s, 0x15, kib < 640 ? kib : 640);
    put_cmos16(s, 0x17, kib > 1024 ? kib - 1024 : 0);
    put_cmos16(s, 0x30, kib > 1024 ? kib - 1024 : 0);
    put_cmos16(s, 0x34, kib > 16384 ? (kib - 16384) / 64 : 0);
}

s64 mc146818_epoch(const struct dev *rtc)
{
    const struct mc146818 *s = (const struct mc146818 *)rtc;

    return s->base_sec - floor_div(s->phase_ns, NS_PER_SEC);
}

static void set_date(struct mc146818 *s, s64 seconds)
{
    s->base_sec = seconds - second_at(s, now_ns(s));
    s->day_shift = 0;
    date_to_regs(s, second_at(s, now_ns(s)));
}

static void on_date(void *opaque, const void *data, size_t len)
{
    const u8 *bytes = data;
    u64 seconds = 0;

    for (size_t i = 0; i < 8 && i < len; i++)
        seconds |= (u64)bytes[i] << (8 * i);
    if (seconds < UINT64_C(253402300800)) /* up to the year 9999 */
        set_date(opaque, (s64)seconds);
}

/* RESET# leaves time and RAM alone. */
static void mc146818_reset(struct dev *dev)
{
    struct mc146818 *s = (struct mc146818 *)dev;
    s64 now = now_ns(s);
    catch_up(s, now);
    s->reg[REG_B] &= (u8) ~(ENABLES | 0x08);
    s->reg[REG_C] = 0;
    s->index = 0;
    s->nmi_masked = false;
    bus_mask_nmi(dev->bus, false);
    refresh(s, now);
}

static void mc146818_loaded(struct dev *dev)
{
    bus_mask_nmi(dev->bus, ((struct mc146818 *)dev)->nmi_masked);
}

static const char *mc146818_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops ops = {.read = rtc_read, .write = rtc_write};
    struct mc146818 *s = (struct mc146818 *)dev;
    s64 start;

    if (!parse_date(s->base, &start))
        return "base is not a date of the form 2026-01-31T23:59:59";
    s->irq = bus_irq(bus, 8);
    timer_init(&s->timer, bus->clock, on_timer, s);
    s->phase_ns = now_ns(s);
    s->reg[REG_A] = 0x26; /* 32768 Hz crystal, 1024 Hz periodic rate */
    s->reg[REG_B] = B_24H;
    s->reg[REG_D] = 0x80; /* the battery is good */
    set_date(s, start);
    s->seen_periods = periods_at(s, s->phase_ns);
    put_memory_sizes(s);
    put_cmos(s, 0x14, 0x06); /* equipment: FPU, pointing device */
    bus_claim_io(bus, 0x70, 2, &ops, dev);
    if (bus->journal)
        journal_add_channel(bus->journal, RTC_CHANNEL, on_date, s);
    return NULL;
}

const struct dev_type dev_mc146818 = {
    .name = RTC_ID,
    .on_board = true,
    .size = sizeof(struct mc146818),
    .version = 1,
    .fields = mc146818_fields,
    .props = mc146818_props,
    .init = mc146818_init,
    .reset = mc146818_reset,
    .loaded = mc146818_loaded,
};
