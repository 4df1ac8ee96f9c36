/* The clocks: the tick of channel 0 (INT 08), the real-time clock (INT 1A), waiting, and the
 * alarm. Short delays are loops, calibrated by the refresh requests that port 61h shows, one each
 * 15 us. */
#include "bios/system/services.h"

#define TICKS_PER_DAY 0x1800b0u
#define REFRESH_BIT   0x10
#define REFRESH_US    15
#define SPIN          32

enum { RTC_A = 10, RTC_B = 11, RTC_C = 12, RTC_CENTURY = 0x32 };
enum { A_UPDATING = 0x80, B_SET = 0x80, B_PERIODIC = 0x40, B_ALARM = 0x20, B_DST = 1, B_24H = 2 };
enum { C_PERIODIC = 0x40, C_ALARM = 0x20 };
#define PERIOD_US 976u /* of the 1024 Hz interrupt */

static u32 spins_per_refresh = 1;

static void spin(u32 n)
{
    asm volatile("1: decl %0\n\tjnz 1b" : "+r"(n));
}

/* Until the refresh bit changes; how many times round. */
static u32 wait_refresh(void)
{
    u8 last = inb(0x61) & REFRESH_BIT;
    u32 n = 0;

    do {
        spin(SPIN);
        n++;
    } while ((inb(0x61) & REFRESH_BIT) == last);
    return n * SPIN;
}

/* Ports are slow, so delays do not look at them: they count by what the CPU does in a refresh. */
static void calibrate(void)
{
    wait_refresh();
    spins_per_refresh = wait_refresh();
}

void delay_us(u32 us)
{
    u32 loops = spins_per_refresh * (us % REFRESH_US) / REFRESH_US;

    for (u32 n = us / REFRESH_US; n; n--)
        spin(spins_per_refresh);
    spin(loops + 1);
}

/* ---- INT 08 ---- */

/* The timer's handler, but for INT 1Ch and the end of interrupt: see entry.S. */
void tick(struct regs *r)
{
    u32 now = BDA->ticks + 1;

    (void)r;
    if (now >= TICKS_PER_DAY) {
        now = 0;
        BDA->midnight++;
    }
    BDA->ticks = now;
    floppy_tick();
}

u32 ticks_now(void)
{
    return BDA->ticks;
}

/* The tick counter from the clock's time of day, at power-on. */
static u8 from_bcd(u8 v)
{
    return (u8)((v >> 4) * 10 + (v & 15));
}

static void rtc_wait(void)
{
    for (unsigned i = 0; i < 200 && cmos_read(RTC_A) & A_UPDATING; i++)
        delay_us(REFRESH_US);
}

void time_init(void)
{
    u32 seconds;

    calibrate();
    cmos_write(RTC_A, 0x26);
    cmos_write(RTC_B, B_24H);
    cmos_read(RTC_C);
    rtc_wait();
    seconds =
        (from_bcd(cmos_read(4)) * 60u + from_bcd(cmos_read(2))) * 60u + from_bcd(cmos_read(0));
    /* 1193182 / 65536 ticks a second: 18 and 13622 / 65536. */
    BDA->ticks = seconds * 18 + seconds / 65536 * 13622 + seconds % 65536 * 13622 / 65536;
    BDA->midnight = 0;
    outb(0x43, 0x36);
    outb(0x40, 0);
    outb(0x40, 0);
}

/* ---- waiting and alarm: INT 70 ---- */

bool wait_start(struct far flag, u32 us)
{
    if (BDA->wait_active)
        return false;
    BDA->wait_flag.off = flag.off;
    BDA->wait_flag.seg = flag.seg;
    BDA->wait_us = us;
    BDA->wait_active = 1;
    cmos_write(RTC_B, cmos_read(RTC_B) | B_PERIODIC);
    outb(0xa1, inb(0xa1) & 0xfe);
    outb(0x21, inb(0x21) & 0xfb);
    return true;
}

void wait_cancel(void)
{
    BDA->wait_active = 0;
    cmos_write(RTC_B, cmos_read(RTC_B) & (u8)~B_PERIODIC);
}

void rtc_irq(struct regs *r)
{
    u8 what = cmos_read(RTC_C) & cmos_read(RTC_B);

    (void)r;
    if (what & C_PERIODIC && BDA->wait_active) {
        if (BDA->wait_us > PERIOD_US) {
            BDA->wait_us -= PERIOD_US;
        } else {
            u16 seg = BDA->wait_flag.seg, off = BDA->wait_flag.off;
            wait_cancel();
            poke8(seg, off, peek8(seg, off) | 0x80);
        }
    }
    if (what & C_ALARM) {
        struct regs user = *r;
        call_int(0x4a, &user);
    }
    outb(0xa0, 0x20);
    outb(0x20, 0x20);
}

/* ---- INT 1A ---- */

static void get_ticks(struct regs *r)
{
    r->cx = (u16)(BDA->ticks >> 16);
    r->dx = (u16)BDA->ticks;
    r->al = BDA->midnight;
    BDA->midnight = 0;
    succeed(r);
}

static void set_ticks(struct regs *r)
{
    BDA->ticks = (u32)r->cx << 16 | r->dx;
    BDA->midnight = 0;
    succeed(r);
}

static void get_time(struct regs *r)
{
    rtc_wait();
    r->dh = cmos_read(0);
    r->cl = cmos_read(2);
    r->ch = cmos_read(4);
    r->dl = cmos_read(RTC_B) & B_DST;
    r->al = r->ch;
    succeed(r);
}

/* Writes registers while the clock stands still. */
static void set_clock(const u8 *regs, const u8 *values, unsigned n)
{
    u8 b = cmos_read(RTC_B) | B_SET;

    cmos_write(RTC_B, b);
    while (n--)
        cmos_write(regs[n], values[n]);
    cmos_write(RTC_B, b & (u8)~B_SET);
}

static void set_time(struct regs *r)
{
    static const u8 regs[] = {0, 2, 4};
    const u8 values[] = {r->dh, r->cl, r->ch};

    cmos_write(RTC_B, (cmos_read(RTC_B) & 0x60) | B_24H | (r->dl & B_DST));
    set_clock(regs, values, 3);
    r->al = cmos_read(RTC_B);
    succeed(r);
}

static void get_date(struct regs *r)
{
    rtc_wait();
    r->dl = cmos_read(7);
    r->dh = cmos_read(8);
    r->cl = cmos_read(9);
    r->ch = cmos_read(RTC_CENTURY);
    r->al = r->ch;
    succeed(r);
}

static void set_date(struct regs *r)
{
    static const u8 regs[] = {7, 8, 9, RTC_CENTURY};
    const u8 values[] = {r->dl, r->dh, r->cl, r->ch};

    set_clock(regs, values, 4);
    r->al = cmos_read(RTC_B);
    succeed(r);
}

static void set_alarm(struct regs *r)
{
    if (cmos_read(RTC_B) & B_ALARM) {
        refuse(r, 0); /* one is set already */
        return;
    }
    cmos_write(1, r->dh);
    cmos_write(3, r->cl);
    cmos_write(5, r->ch);
    outb(0xa1, inb(0xa1) & 0xfe);
    outb(0x21, inb(0x21) & 0xfb);
    cmos_write(RTC_B, (cmos_read(RTC_B) & 0x7f) | B_ALARM);
    succeed(r);
}

static void cancel_alarm(struct regs *r)
{
    cmos_write(RTC_B, cmos_read(RTC_B) & 0x57);
    succeed(r);
}

void int1a(struct regs *r)
{
    static void (*const functions[])(struct regs *) = {
        get_ticks, set_ticks, get_time, set_time, get_date, set_date, set_alarm, cancel_alarm};

    if (r->ah < ARRAY_LEN(functions))
        functions[r->ah](r);
    else if (r->ah == 0xb1)
        pci_service(r);
    else
        refuse(r, r->ah);
}
