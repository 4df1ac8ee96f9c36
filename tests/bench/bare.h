/* The bare guest's own: ports, interrupts, pages, ring 3, 16-bit modes (boot.s, rt_bare.c). */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include "kernel.h"

static inline void outb(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

extern u32 idt[][2];
extern volatile u32 ticks; /* interrupts that came */
extern u32 *fault_pte;     /* what the page fault handler makes present */

void isr_stray(void), isr_irq0(void), isr_irq4(void), isr_page(void), isr_nothing(void),
    isr_leave_ring3(void);
void user_int(void), user_sysenter(void), sysenter_entry(void);
void load_idt(void);
void set_gate(u32 vector, void (*handler)(void), u32 type);
/* Runs body in ring 3 with ECX = reps until it says INT 31. */
void in_ring3(void (*body)(void), u32 reps);
/* Runs kernel `index` of the 16-bit image. */
u32 in_16bit(u32 real, u32 index, u32 reps);
/* The page table entry of an address below 64 MiB. */
u32 *page_entry(u32 address);

#endif
