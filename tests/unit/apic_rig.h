/* A board with 8259s and APICs, and their registers by name. */
#ifndef TESTS_UNIT_APIC_RIG_H
#define TESTS_UNIT_APIC_RIG_H

#include "mmu/phys.h"
#include "tests/unit/devtest.h"

#define LAPIC  0xfee00000u
#define IOAPIC 0xfec00000u

enum {
    R_ID = 0x20,
    R_VERSION = 0x30,
    R_TPR = 0x80,
    R_APR = 0x90,
    R_PPR = 0xa0,
    R_EOI = 0xb0,
    R_LDR = 0xd0,
    R_DFR = 0xe0,
    R_SVR = 0xf0,
    R_ISR = 0x100,
    R_TMR = 0x180,
    R_IRR = 0x200,
    R_ESR = 0x280,
    R_ICR = 0x300,
    R_ICR_HIGH = 0x310,
    R_TIMER = 0x320,
    R_THERMAL = 0x330,
    R_PERF = 0x340,
    R_LINT0 = 0x350,
    R_LINT1 = 0x360,
    R_ERROR = 0x370,
    R_INITIAL = 0x380,
    R_CURRENT = 0x390,
    R_DIVIDE = 0x3e0,
};

DT_UNUSED static u32 rd(struct devtest *t, u32 reg)
{
    return (u32)phys_read(t->bus->phys, LAPIC + reg, 4);
}

DT_UNUSED static void wr(struct devtest *t, u32 reg, u32 value)
{
    phys_write(t->bus->phys, LAPIC + reg, 4, value);
}

/* Is the vector in one of the three sets? */
DT_UNUSED static bool in_set(struct devtest *t, u32 set, unsigned vector)
{
    return rd(t, set + vector / 32 * 16) >> vector % 32 & 1;
}

DT_UNUSED static u32 io_rd(struct devtest *t, u32 index)
{
    phys_write(t->bus->phys, IOAPIC, 4, index);
    return (u32)phys_read(t->bus->phys, IOAPIC + 0x10, 4);
}

DT_UNUSED static void io_wr(struct devtest *t, u32 index, u32 value)
{
    phys_write(t->bus->phys, IOAPIC, 4, index);
    phys_write(t->bus->phys, IOAPIC + 0x10, 4, value);
}

/* The low half of an entry goes in last. */
DT_UNUSED static void set_entry(struct devtest *t, unsigned n, u32 dest, u32 low)
{
    io_wr(t, 0x11 + 2 * n, dest << 24);
    io_wr(t, 0x10 + 2 * n, low);
}

DT_UNUSED static void drive(struct devtest *t, unsigned n, bool level)
{
    struct irq_line line = bus_irq(t->bus, n);
    irq_set(&line, level);
}

DT_UNUSED static struct devtest *rig_open(const char *options)
{
    struct devtest *t = dt_open();
    t->bus->phys = phys_new(1 << 20);
    assert_non_null(t->bus->phys);
    dt_dev(t, &dev_lapic, options);
    dt_dev(t, &dev_ioapic, NULL);
    dt_dev(t, &dev_i8259, NULL);
    return t;
}

DT_UNUSED static void rig_close(struct devtest *t)
{
    struct phys *phys = t->bus->phys;
    dt_close(t);
    phys_free(phys);
}

/* 8259s at vectors 8 and 70h, nothing masked. */
DT_UNUSED static void rig_start_pic(struct devtest *t)
{
    dt_script(t, "out 20 11; out 21 8; out 21 4; out 21 1; out 21 0;"
                 "out a0 11; out a1 70; out a1 2; out a1 1; out a1 0");
}

#endif
