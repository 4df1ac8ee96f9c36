/* The DP8390 Ethernet controller with the 16 KiB of memory and the address PROM of an NE2000: 32
 * ports, without the bus it sits on. Its owner lists it in its fields as FIELD_SUB(struct foo, nic,
 * dp8390_fields). */
#ifndef DEVICES_DP8390_H
#define DEVICES_DP8390_H

#include "devices/core/net.h"

#define DP8390_PORTS  32
#define DP8390_PAGE   256u
#define DP8390_MEMORY 0x4000u /* bytes, and where they begin */

struct dp8390 {
    /* State. */
    u8 cr, isr, imr, dcr, tcr, rcr, tsr, rsr;
    u8 pstart, pstop, bnry, curr, tpsr;
    u16 tbcr; /* transmit byte count */
    u16 rsar; /* remote DMA: start and then current address, byte count */
    u16 rbcr;
    u8 par[NET_MAC];
    u8 mar[8];
    u8 tally[3]; /* frame alignment errors, CRC errors, missed frames */
    u8 fifo[8];  /* what loopback left there */
    u8 config3;
    u8 memory[DP8390_MEMORY];
    struct net_port net;

    /* Set by dp8390_init(). */
    u8 prom[32];
    bool realtek; /* an RTL8029: identification, page 3 */
    void (*set_irq)(struct dev *dev, bool level);
    struct dev *dev;
};
extern const struct field dp8390_fields[];

/* set_irq(dev, level) drives the interrupt; the rest is net_port_init()'s. Returns NULL or a
 * message. */
const char *dp8390_init(struct dp8390 *nic, struct dev *dev, struct net_link *link, const char *mac,
                        void (*set_irq)(struct dev *dev, bool level));
void dp8390_reset(struct dp8390 *nic);

/* port 0..31; size 1 or 2. */
u32 dp8390_read(struct dp8390 *nic, unsigned port, unsigned size);
void dp8390_write(struct dp8390 *nic, unsigned port, unsigned size, u32 value);

#endif
