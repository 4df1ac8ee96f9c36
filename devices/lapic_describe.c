/* The local APIC in words, for monitors: the form is that of QEMU's "info lapic". Registers: SDM
 * vol. 3, chapter "Advanced Programmable Interrupt Controller". */
#include <stdio.h>

#include "devices/lapic.h"

enum { PENDING = 1 << 12, ACTIVE_LOW = 1 << 13, MODE_NMI = 4 };
enum { ICR_LOGICAL = 1 << 11, ICR_ASSERT = 1 << 14, ICR_LEVEL = 1 << 15, ICR_TO_SHIFT = 18 };
enum { SVR_ENABLED = 1 << 8, SVR_FOCUS_OFF = 1 << 9 };

static void describe_lvt(const char *name, u32 lvt, const char *timer, FILE *out)
{
    static const char *const modes[8] = {"Fixed", "...",  "SMI", "...",
                                         "NMI",   "INIT", "...", "ExtINT"};
    unsigned mode = lvt >> LVT_MODE_SHIFT & 7;

    fprintf(out, "%s\t 0x%08x %s %-5s %-6s %-7s %-12s %-6s", name, lvt,
            lvt & ACTIVE_LOW ? "active-lo" : "active-hi", lvt & LVT_LEVEL ? "level" : "edge",
            lvt & LVT_MASKED ? "masked" : "", lvt & PENDING ? "pending" : "", timer, modes[mode]);
    if (mode != MODE_NMI)
        fprintf(out, " (vec %u)", lvt & LVT_VECTOR);
    fputc('\n', out);
}

static void describe_set(const char *name, const u32 set[8], const u32 level[8], FILE *out)
{
    bool any = false;

    fprintf(out, "%s\t ", name);
    for (unsigned i = 0; i < 256; i++) {
        u32 bit = 1u << (i & 31);
        if (!(set[i / 32] & bit))
            continue;
        fprintf(out, "%u%s ", i, level[i / 32] & bit ? "(level)" : "");
        any = true;
    }
    fputs(any ? "\n" : "(none)\n", out);
}

static void describe_icr(const struct lapic *s, FILE *out)
{
    static const char *const to[4] = {"", "self", "all", "all-self"};
    u32 icr = s->icr_low;

    fprintf(out, "ICR\t 0x%08x %s %s %s %s\nICR2\t 0x%08x", icr,
            icr & ICR_LOGICAL ? "logical" : "physical", icr & ICR_LEVEL ? "level" : "edge",
            icr & ICR_ASSERT ? "assert" : "de-assert", to[icr >> ICR_TO_SHIFT & 3], s->icr_high);
    if (!(icr >> ICR_TO_SHIFT & 3))
        fprintf(out, icr & ICR_LOGICAL ? " mask %02x" : " cpu %u", s->icr_high >> 24);
    fputc('\n', out);
}

static u32 priority(const struct lapic *s)
{
    for (u32 i = 256; i-- > 0;)
        if (s->isr[i / 32] >> (i & 31) & 1)
            return (s->tpr & 0xf0) >= (i & 0xf0) ? s->tpr : i & 0xf0;
    return s->tpr;
}

void lapic_describe(const struct dev *dev, FILE *out)
{
    const struct lapic *s = (const struct lapic *)dev;
    struct lapic looked_at = *s; /* looking at the timer moves it */
    u32 timer = s->lvt[LVT_TIMER], divide = s->timer.divide;
    unsigned shift = ((divide & 3) | (divide >> 1 & 4)) + 1;

    fputs("dumping local APIC state for CPU 0 \n\n", out);
    describe_lvt("LVT0", s->lvt[LVT_LINT0], "", out);
    describe_lvt("LVT1", s->lvt[LVT_LINT1], "", out);
    describe_lvt("LVTPC", s->lvt[LVT_PERF], "", out);
    describe_lvt("LVTERR", s->lvt[LVT_ERROR], "", out);
    describe_lvt("LVTTHMR", s->lvt[LVT_THERMAL], "", out);
    describe_lvt("LVTT", timer,
                 timer & LVT_DEADLINE   ? "tsc-deadline"
                 : timer & LVT_PERIODIC ? "periodic"
                                        : "one-shot",
                 out);
    fprintf(out, "Timer\t DCR=0x%x (divide by %u) initial_count = %u current_count = %u\n", divide,
            shift == 8 ? 1 : 1u << shift, s->timer.initial, lapic_timer_current(&looked_at));
    fprintf(out, "SPIV\t 0x%08x APIC %s, focus=%s, spurious vec %u\n", s->svr,
            s->svr & SVR_ENABLED ? "enabled" : "disabled", s->svr & SVR_FOCUS_OFF ? "off" : "on",
            s->svr & 0xff);
    describe_icr(s, out);
    fprintf(out, "ESR\t 0x%08x\n", s->esr);
    describe_set("ISR", s->isr, s->tmr, out);
    describe_set("IRR", s->irr, s->tmr, out);
    fprintf(out, "\nAPR 0x00 TPR 0x%02x DFR 0x%02x LDR 0x%02x PPR 0x%02x\n", s->tpr, s->dfr >> 28,
            s->ldr >> 24, priority(s));
}
