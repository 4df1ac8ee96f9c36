/* Time: the 8254's counter 0 interrupts 200 times a second, counter 2 drives the loudspeaker, and
 * the clock chip knows the date. */
#include "bios/demo/demo.h"

#define PIT_HZ 1193182u

volatile u32 ticks;

static void timer_interrupt(void)
{
    ticks++;
}

/* Control word: counter 0, both bytes, mode 2 (a pulse each time that the count has run down). */
void time_init(void)
{
    u16 divisor = PIT_HZ / TICKS_PER_SECOND;

    outb(0x43, 0x34);
    outb(0x40, (u8)divisor);
    outb(0x40, (u8)(divisor >> 8));
    irq_connect(IRQ_TIMER, timer_interrupt);
}

void wait_ticks(u32 count)
{
    for (u32 start = ticks; ticks - start < count;)
        wait_for_interrupt();
}

/* A latch command keeps the count still while its two bytes are read. */
u16 timer_count(void)
{
    outb(0x43, 0x00);
    u8 low = inb(0x40);
    return (u16)(low | inb(0x40) << 8);
}

/* Mode 3, a square wave; bits 0 and 1 of port 61h let it through to the loudspeaker. */
void speaker(u32 hz)
{
    u8 gates = inb(0x61) & 0xfc;

    if (hz) {
        u32 divisor = PIT_HZ / hz;
        outb(0x43, 0xb6);
        outb(0x42, (u8)divisor);
        outb(0x42, (u8)(divisor >> 8));
        gates |= 3;
    }
    outb(0x61, gates);
}

static u8 cmos(u8 index)
{
    outb(0x70, index);
    return inb(0x71);
}

static u8 from_bcd(u8 v)
{
    return (u8)(v / 16 * 10 + v % 16);
}

/* Register A, bit 7: the chip is about to count on, and what is read then may be torn. */
struct date clock_read(void)
{
    while (cmos(10) & 0x80)
        ;
    return (struct date){
        .second = from_bcd(cmos(0)),
        .minute = from_bcd(cmos(2)),
        .hour = from_bcd(cmos(4)),
        .weekday = cmos(6),
        .day = from_bcd(cmos(7)),
        .month = from_bcd(cmos(8)),
        .year = (u16)(from_bcd(cmos(9)) + 100 * from_bcd(cmos(0x32))),
    };
}
