/* The PCI interrupt routing table "$PIR" (version 1.0): in segment F000, where old systems look for
 * it. */
#include "bios/post/post.h"

#define SLOTS    6
#define LINES    0x0c00 /* what PIRQs may be routed to: 10, 11 */
#define PIRQ_REG 0x60   /* of the PIIX3: PIRQA; the link value of a pin is its register */

struct slot {
    u8 bus, device;
    struct {
        u8 link;
        u16 lines;
    } __attribute__((packed)) pin[4];
    u8 number, reserved;
} __attribute__((packed));

struct table {
    char signature[4];
    u16 version, size;
    u8 router_bus, router_function;
    u16 exclusive;
    u32 compatible, miniport;
    u8 reserved[11], checksum;
    struct slot slot[SLOTS];
} __attribute__((packed));

_Static_assert(sizeof(struct table) == 32 + 16 * SLOTS, "$PIR");

void pirq_setup(void)
{
    u32 at = allocate(ZONE_LOW, sizeof(struct table), 16);
    struct table *t = (struct table *)at;

    if (!at)
        return;
    memset(t, 0, sizeof(*t));
    memcpy(t->signature, "$PIR", 4);
    t->version = 0x0100;
    t->size = sizeof(*t);
    t->router_function = 1 << 3;
    t->compatible = 0x122e8086; /* PIIX */
    for (u8 i = 0; i < SLOTS; i++) {
        struct slot *s = &t->slot[i];
        u8 device = (u8)(i + 1);
        s->device = (u8)(device << 3);
        for (u8 pin = 0; pin < 4; pin++) {
            s->pin[pin].link = (u8)(PIRQ_REG + (device + 3 + pin) % 4);
            s->pin[pin].lines = LINES;
        }
        s->number = i; /* 0: on the board */
    }
    t->checksum = (u8)-sum(t, sizeof(*t));
    SHARED->routing = (u16)at;
}
