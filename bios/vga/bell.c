/* The beep of character 7: the timer's channel 2 on the speaker for a quarter of a second, which is
 * counted by the periods of the tone itself, so that it needs no interrupts. It lets them in: all
 * other code runs without, as handlers may come back with another upper half of ESP. */
#include "bios/vga/bell.h"

#include "bios/vga/rom.h"

#define SPEAKER  0x61
#define TONE     0x20 /* channel 2's output */
#define PERIODS  224  /* of 1193182 / 1331 = 896 Hz */
#define PATIENCE 100000

/* A look at the tone every few microseconds is enough. */
static void pause(void)
{
    __asm__ volatile("sti\n nop\n cli\n movzwl %%sp, %%esp" : : : "memory", "cc");
    for (u32 n = 200; n; n--)
        __asm__ volatile("");
}

void bell(void)
{
    u8 speaker = inb(SPEAKER), tone = 0;
    u32 patience = PATIENCE;

    outb(0x43, 0xb6); /* a square wave */
    outb(0x42, 0x33);
    outb(0x42, 0x05);
    outb(SPEAKER, speaker | 3);
    for (u16 edges = 0; edges < 2 * PERIODS && patience; patience--) {
        u8 now = inb(SPEAKER) & TONE;
        if (now != tone) {
            edges++;
            patience = PATIENCE;
        }
        tone = now;
        pause();
    }
    outb(SPEAKER, speaker);
}
