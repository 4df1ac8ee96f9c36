/* A wire: anything that can be driven high or low. Interrupt requests, INTR, NMI and A20 are all
 * wires. The receiver makes the line and hands out copies; lines own nothing. */
#ifndef DEVICES_CORE_IRQ_H
#define DEVICES_CORE_IRQ_H

#include "base/types.h"

struct irq_line {
    void (*set)(void *opaque, int n, bool level); /* NULL: the wire leads nowhere */
    void *opaque;
    int n; /* the receiver's number of this input */
};

static inline void irq_set(const struct irq_line *line, bool level)
{
    if (line->set)
        line->set(line->opaque, line->n, level);
}

/* Low, then high: one rising edge on an edge triggered input, however it stood before. */
static inline void irq_pulse(const struct irq_line *line)
{
    irq_set(line, false);
    irq_set(line, true);
}

#endif
