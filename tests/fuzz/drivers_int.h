/* Between the parts of tests/fuzz/drivers.h. */
#ifndef TESTS_FUZZ_DRIVERS_INT_H
#define TESTS_FUZZ_DRIVERS_INT_H

#include "tests/fuzz/drivers.h"

/* Where drivers have their things in RAM. */
#define TABLES     0x10000u /* of descriptors; a page each */
#define RINGS      0x20000u /* of virtio devices */
#define RING_BYTES 0x4000u
#define BUFFERS    0x100000u /* 256 of 256 bytes; beyond them nothing lies */

struct draw {
    const struct places *places;
    u64 random;
    struct ops *to;
};

/* Random bits, so many bytes of them. */
u32 take(struct draw *d, unsigned size);
/* A number with a meaning more often than not: few bits, all bits, a small one. */
u32 take_value(struct draw *d, unsigned size);
#define PICK(d, table) ((table)[take(d, 2) % ARRAY_LEN(table)])

void put_op(struct draw *d, const struct op *op);
void put_out(struct draw *d, u32 port, unsigned size, u32 value);
void put_in(struct draw *d, u32 port, unsigned size);
void put_outs(struct draw *d, u32 port, unsigned size, u32 value, unsigned times);
void put_ins(struct draw *d, u32 port, unsigned size, unsigned times);
void put_write(struct draw *d, u32 at, unsigned size, u32 value);
void put_read(struct draw *d, u32 at, unsigned size);
void put_number(struct draw *d, enum op_kind kind, u64 at);
void put_memory(struct draw *d, u32 at, const void *bytes, unsigned size);
void put_pci(struct draw *d, unsigned devfn, unsigned reg, unsigned size, u32 value);

/* Time for a device to do something. */
void put_wait(struct draw *d);
/* The address of a buffer; of none, of a register or beyond memory now and then. */
u32 buffer_address(struct draw *d);
/* The function of that maker and kind; NULL: there is none. */
const struct place *find_function(const struct draw *d, u16 vendor, u16 device);

/* Accesses, and drivers of what has few registers. */
void do_port(struct draw *d);
void do_any_port(struct draw *d);
void do_indexed(struct draw *d);
void do_registers(struct draw *d);
void do_bar(struct draw *d);
void do_config(struct draw *d);
void do_enable(struct draw *d);
void do_memory(struct draw *d);
void do_ack(struct draw *d);
void do_line(struct draw *d);
void do_apic(struct draw *d);
void do_reset(struct draw *d);
void do_input(struct draw *d);
void do_medium(struct draw *d);
void do_keyboard(struct draw *d);
void do_timer(struct draw *d);
void do_pic(struct draw *d);
void do_dma(struct draw *d);
void do_hpet(struct draw *d);
void do_apic_timer(struct draw *d);
void do_vga(struct draw *d);
void do_dispi(struct draw *d);

/* Drivers of disks, cards and virtio devices. */
void do_ide(struct draw *d);
void do_atapi(struct draw *d);
void do_floppy(struct draw *d);
void do_sound(struct draw *d);
void do_fw_cfg(struct draw *d);
void do_ne2000(struct draw *d);
void do_rtl8139(struct draw *d);
void do_e1000(struct draw *d);
void do_virtio_start(struct draw *d);
void do_virtio_request(struct draw *d);

#endif
