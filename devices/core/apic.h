/* Between local APIC, I/O APIC and CPU: messages and the wires that only APICs have. All of it goes
 * through the bus, so that none of the three includes another. */
#ifndef DEVICES_CORE_APIC_H
#define DEVICES_CORE_APIC_H

#include "base/types.h"

/* Delivery modes, as in redirection entries, local vector table and ICR (SDM 3A 10.5.1, 10.6.1). */
enum apic_mode {
    APIC_FIXED,
    APIC_LOWEST,
    APIC_SMI,
    APIC_NMI = 4,
    APIC_INIT,
    APIC_STARTUP,
    APIC_EXTINT,
};

struct apic_message {
    u8 dest; /* APIC ID, 255: all; or if logical a set in the form of LDR */
    bool logical;
    u8 mode; /* enum apic_mode */
    u8 vector;
    bool level; /* level triggered: the end of interrupt is told to the I/O APIC */
};

enum { APIC_LINT0, APIC_LINT1 };

/* What the local APIC takes from the board and the CPU. */
struct apic_ops {
    /* Its two inputs: the 8259's request, and NMI. */
    void (*lint)(void *opaque, unsigned n, bool level);
    /* The CPU's interrupt acknowledge: the vector. */
    int (*intack)(void *opaque);
    /* False: no local APIC takes it. */
    bool (*message)(void *opaque, const struct apic_message *m);
    /* The CPU has gone through INIT. */
    void (*init)(void *opaque);
    /* Its two registers that are MSRs: IA32_APIC_BASE, told after a change; and the deadline of its
     * timer, as a tick count, 0: none. */
    void (*set_base)(void *opaque, u64 value);
    u64 (*deadline)(void *opaque);
    void (*set_deadline)(void *opaque, u64 tick);
    /* The task priority register, for CR8. */
    u8 (*tpr)(void *opaque);
    void (*set_tpr)(void *opaque, u8 value);
};

/* What the I/O APIC takes: a level triggered interrupt with this vector has been served. */
struct ioapic_ops {
    void (*eoi)(void *opaque, u8 vector);
};

#endif
