/* The inside of the local APIC, shared by its registers and its timer. */
#ifndef DEVICES_LAPIC_H
#define DEVICES_LAPIC_H

#include "devices/core/dev.h"

/* The local vector table, in the order of its registers from 320h on. */
enum lapic_lvt {
    LVT_TIMER,
    LVT_THERMAL,
    LVT_PERF,
    LVT_LINT0,
    LVT_LINT1,
    LVT_ERROR,
    LVT_COUNT,
};

enum {
    LVT_VECTOR = 0xff,
    LVT_MODE_SHIFT = 8,
    LVT_REMOTE_IRR = 1 << 14,
    LVT_LEVEL = 1 << 15,
    LVT_MASKED = 1 << 16,
    LVT_PERIODIC = 1 << 17,
    LVT_DEADLINE = 1 << 18,
};

/* Counts down from `left` at `epoch`, which is 0 when it has stopped. */
struct lapic_timer {
    u32 initial;
    u32 left;
    u64 epoch;    /* ns */
    u64 deadline; /* tick of the TSC deadline, 0: none */
    u32 divide;   /* configuration register */
    struct timer timer;
};
extern const struct field lapic_timer_fields[];

struct lapic {
    struct dev dev;
    bool tsc_deadline; /* property: the timer has that mode */
    u64 base;          /* IA32_APIC_BASE */
    u32 id, tpr, ldr, dfr, svr;
    u32 esr, errors; /* as read; found since it was last written */
    u32 icr_low, icr_high;
    u32 lvt[LVT_COUNT];
    u32 isr[8], tmr[8], irr[8];
    bool lint[2]; /* inputs */
    bool intr;    /* the output to the CPU */
    struct lapic_timer timer;

    bool mapped; /* the registers answer at `at` */
    paddr at;
};

/* An interrupt of the APIC's own, by its entry of the local vector table. */
void lapic_local(struct lapic *s, enum lapic_lvt n);

/* The timer: register accesses, and a change of its entry of the table. */
void lapic_timer_init(struct lapic *s);
void lapic_timer_reset(struct lapic *s);
u32 lapic_timer_current(struct lapic *s);
void lapic_timer_set_initial(struct lapic *s, u32 value);
void lapic_timer_set_divide(struct lapic *s, u32 value);
void lapic_timer_set_lvt(struct lapic *s, u32 value);
void lapic_timer_set_deadline(struct lapic *s, u64 tick);

/* dev_type.describe */
void lapic_describe(const struct dev *dev, FILE *out);

#endif
