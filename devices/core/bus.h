/* What a device sees of the board: ports, memory, wires, the clock, the journal, requests to the
 * machine. A device holds a struct bus pointer and needs nothing else of the world; it never
 * includes cpu/ or jit/. The machine owns the bus and plugs the CPU's side (`pins`, `hooks`,
 * `phys`) into it. */
#ifndef DEVICES_CORE_BUS_H
#define DEVICES_CORE_BUS_H

#include <stdio.h>

#include "base/types.h"
#include "devices/core/apic.h"
#include "devices/core/clock.h"
#include "devices/core/irq.h"

struct hash;
struct phys;     /* mmu/phys.h */
struct mmio_ops; /* mmu/phys.h */
struct journal;  /* devices/core/journal.h */
struct dev;

#define BUS_IRQS 16 /* the ISA interrupt lines: 8259s and I/O APIC see them */
#define BUS_GSIS 24 /* with those that only the I/O APIC has */

/* Handlers of a range of ports. `size` is 1, 2 or 4 and lies within [min_size, max_size] (0, 0
 * means 1, 1). A wider access arrives as several of max_size, low port first, each looked up by
 * its own port, as an ISA bridge splits it; a narrower one reads ones and writes nowhere. */
struct io_ops {
    u32 (*read)(void *opaque, u16 port, unsigned size);
    void (*write)(void *opaque, u16 port, unsigned size, u32 value);
    u8 min_size, max_size;
};

/* What a device may ask of the machine. The machine acts at the next instruction boundary. */
enum bus_request {
    BUS_RESET,    /* reset CPU and devices; argument unused */
    BUS_POWEROFF, /* switch off; argument unused */
    BUS_EXIT,     /* end the run with the argument as exit status */
    BUS_INIT,     /* INIT# of the CPU; argument unused */
};

/* The wires into the CPU, set by the machine. Levels, except nmi and smi (pulses). */
struct bus_pins {
    struct irq_line intr; /* an interrupt is requested; the vector comes by bus_intack() */
    struct irq_line nmi;
    struct irq_line smi;
    struct irq_line a20; /* high: address bit 20 passes */
};

struct bus_hooks {
    void (*request)(void *opaque, enum bus_request what, u32 arg);
    void *opaque;
};

/* Who holds A20 up: the gate is open while at least one of them does. */
enum { A20_KBC = 1, A20_PORT92 = 2 };

struct io_claim {
    const struct io_ops *ops; /* NULL: a free slot */
    void *opaque;
    u16 base;
    u32 count;
    u32 order; /* a later claim hides an earlier one */
};

struct bus_object;

struct bus {
    struct clock *clock;     /* the machine's; never NULL */
    struct journal *journal; /* the machine's; NULL: no outside input */
    struct phys *phys;       /* the machine's; NULL: no memory (port-only tests) */
    struct bus_pins pins;
    struct bus_hooks hooks;

    /* Private to bus.c and dev.c from here. */
    struct irq_line irq[BUS_IRQS];       /* the 8259s' inputs */
    struct irq_line gsi[BUS_GSIS];       /* the I/O APIC's */
    struct irq_line intercept[BUS_IRQS]; /* who stands between a line and its receivers */
    int (*intack)(void *opaque);
    void *intack_opaque;
    const struct apic_ops *apic; /* NULL: there is none */
    void *apic_opaque;
    const struct ioapic_ops *ioapic;
    void *ioapic_opaque;
    struct irq_line irq_watch; /* sees every line before its receivers: tests and traces */
    const void *master;        /* the object that bus_master_*() is moving bytes for, or NULL */
    u8 a20_sources;
    bool nmi_masked;
    struct dev *devs; /* in order of creation */
    struct bus_object *objects;
    struct io_claim *claims;
    u32 claim_slots;
    u32 claim_order;
    u16 io_map[65536]; /* slot + 1 of the claim that answers at this port, 0 for none */
};

/* A bus without devices. clock, journal and phys stay the caller's and must outlive it. */
struct bus *bus_create(struct clock *clk, struct journal *journal, struct phys *phys);

/* Destroys the devices, last created first, and the bus. */
void bus_destroy(struct bus *bus);

/* Ports. A claim made later hides earlier ones where they overlap, until it is released; release
 * takes the same base, ops and opaque as the claim did. ops must outlive the claim. */
void bus_claim_io(struct bus *bus, u16 base, u32 count, const struct io_ops *ops, void *opaque);
void bus_release_io(struct bus *bus, u16 base, const struct io_ops *ops, void *opaque);

/* The CPU's side of the ports: size 1, 2 or 4. Unclaimed ports read all ones. The value read is
 * zero-extended; a value written is cut to size. */
u32 bus_in(struct bus *bus, u16 port, unsigned size);
void bus_out(struct bus *bus, u16 port, unsigned size, u32 value);

/* Memory mapped registers: passed on to phys_add_mmio() and phys_remove_mmio() (page multiples);
 * release takes the same base, ops and opaque as the claim did. */
void bus_claim_mmio(struct bus *bus, paddr base, u64 size, const struct mmio_ops *ops,
                    void *opaque);
void bus_release_mmio(struct bus *bus, paddr base, const struct mmio_ops *ops, const void *opaque);

/* Bus mastering. Reaches RAM only, never a device's registers, so a device cannot be entered
 * again by its own transfer. False if any byte lay outside RAM: those read as ones and are not
 * written. */
bool bus_dma_read(struct bus *bus, paddr addr, void *buf, size_t len);
bool bus_dma_write(struct bus *bus, paddr addr, const void *buf, size_t len);
/* The same for a device, which is known by any object in its struct: traces name it. */
bool bus_master_read(struct bus *bus, const void *object, paddr addr, void *buf, size_t len);
bool bus_master_write(struct bus *bus, const void *object, paddr addr, const void *buf, size_t len);

/* Interrupt lines 0..23, high while asserted whatever their polarity on a real board. bus_irq()
 * gives the sender's end: valid at once, even before a controller has plugged its inputs in: the
 * 8259s with bus_set_irq(), lines 0..15; the I/O APIC with bus_set_gsi(). */
struct irq_line bus_irq(struct bus *bus, unsigned n);
void bus_set_irq(struct bus *bus, unsigned n, struct irq_line line);
void bus_set_gsi(struct bus *bus, unsigned n, struct irq_line line);

/* A device that can take lines 0..15 over gets what their senders do, and drives them itself. */
void bus_intercept_irq(struct bus *bus, unsigned n, struct irq_line line);
void bus_drive_irq(struct bus *bus, unsigned n, bool level);

/* The 8259s: their request goes to the local APIC, or to the CPU where there is none. Likewise the
 * CPU's acknowledge, which gives a vector (0..255), or -1 if there is no controller;
 * bus_pic_intack() asks the 8259s. */
void bus_pic_request(struct bus *bus, bool level);
void bus_set_intack(struct bus *bus, int (*fn)(void *opaque), void *opaque);
int bus_pic_intack(struct bus *bus);
int bus_intack(struct bus *bus);

/* APICs. A message that no local APIC takes is false; so are all without one. */
void bus_set_apic(struct bus *bus, const struct apic_ops *ops, void *opaque);
void bus_set_ioapic(struct bus *bus, const struct ioapic_ops *ops, void *opaque);
bool bus_apic_message(struct bus *bus, const struct apic_message *m);
void bus_apic_eoi(struct bus *bus, u8 vector);

/* The CPU's side of the local APIC; without one nothing happens. See struct apic_ops. */
void bus_apic_init(struct bus *bus);
void bus_apic_set_base(struct bus *bus, u64 value);
u64 bus_apic_deadline(struct bus *bus);
void bus_apic_set_deadline(struct bus *bus, u64 tick);
u8 bus_apic_tpr(struct bus *bus);
void bus_apic_set_tpr(struct bus *bus, u8 value);

/* NMI: a pulse to the local APIC or CPU unless masked (port 70h bit 7, owned by the RTC). */
void bus_nmi(struct bus *bus);
void bus_mask_nmi(struct bus *bus, bool masked);

/* SMI: a pulse to the CPU. */
void bus_smi(struct bus *bus);

/* One source (A20_*) opens or leaves the A20 gate. */
void bus_set_a20(struct bus *bus, u8 source, bool open);

/* Asks the machine; without a hook nothing happens. */
void bus_request(struct bus *bus, enum bus_request what, u32 arg);

/* Named host-side objects that devices refer to in options (chardev=serial0, drive=hd0). `kind`
 * tells chardevs from drives; name and object must outlive the bus; the bus does not own them. */
void bus_add_object(struct bus *bus, const char *kind, const char *name, void *object);
void *bus_find_object(struct bus *bus, const char *kind, const char *name);

/* For people: the n-th range of ports, in no order; false past the last. The device that has an
 * object in its struct, or NULL. */
bool bus_io_range(const struct bus *bus, unsigned n, u16 *base, u32 *count, const void **opaque);
const struct dev *bus_owner(const struct bus *bus, const void *object);

/* All devices, in order of creation. */
void bus_reset(struct bus *bus);
void bus_hash(struct bus *bus, struct hash *h);
void bus_dump(struct bus *bus, FILE *out);
struct dev *bus_find_dev(struct bus *bus, const char *id);

#endif
