/* Realtek RTL8139C+: what its files share. */
#ifndef DEVICES_RTL8139_H
#define DEVICES_RTL8139_H

#include "base/bytes.h"
#include "devices/core/net.h"
#include "devices/eeprom93.h"
#include "devices/pci.h"

/* Registers (RTL8139C+ data sheet, 5). */
enum {
    R_IDR = 0x00,
    R_MAR = 0x08,
    R_TSD = 0x10, /* four; the first is DTCCR in C+ mode */
    R_DTCCR = 0x10,
    R_TSAD = 0x20, /* four; TNPDS in C+ mode */
    R_THPDS = 0x28,
    R_RBSTART = 0x30,
    R_CR = 0x37,
    R_CAPR = 0x38,
    R_CBR = 0x3a,
    R_IMR = 0x3c,
    R_ISR = 0x3e,
    R_TCR = 0x40,
    R_RCR = 0x44,
    R_TCTR = 0x48,
    R_MPC = 0x4c,
    R_9346CR = 0x50,
    R_CONFIG0 = 0x51,
    R_CONFIG1 = 0x52,
    R_TIMERINT = 0x54,
    R_MSR = 0x58,
    R_CONFIG3 = 0x59,
    R_CONFIG4 = 0x5a,
    R_MULINT = 0x5c,
    R_RERID = 0x5e,
    R_TSADR = 0x60,
    R_BMCR = 0x62,
    R_BMSR = 0x64,
    R_ANAR = 0x66,
    R_ANLPAR = 0x68,
    R_CSCR = 0x74,
    R_CONFIG5 = 0xd8,
    R_TPPOLL = 0xd9,
    R_CPCR = 0xe0,
    R_RDSAR = 0xe4,
    R_ETTHR = 0xec,
    R_END = 0x100,
};

enum {
    CR_BUFE = 0x01,
    CR_TE = 0x04,
    CR_RE = 0x08,
    CR_RST = 0x10,
};
enum {
    INT_ROK = 0x0001,
    INT_TOK = 0x0004,
    INT_RXOVW = 0x0010,
    INT_LINK = 0x0020,
    INT_TDU = 0x0080, /* C+: no descriptor to send is left */
    INT_SWINT = 0x0100,
    INT_TIMEOUT = 0x4000,
};
enum { RCR_AAP = 1, RCR_APM = 2, RCR_AM = 4, RCR_AB = 8, RCR_WRAP = 0x80 };
enum { TCR_LOOPBACK = 0x60000, TSD_OWN = 0x2000, TSD_TOK = 0x8000, TSD_TABT = 0x40000000 };
enum { CPCR_TX = 1, CPCR_RX = 2, CPCR_RXCHKSUM = 0x20, CPCR_VLAN = 0x40 };

#define RTL_TX_MAX 65536u /* bytes of a frame gathered from descriptors */

struct rtl8139 {
    struct dev dev;

    /* State. */
    struct pci_func pci;
    u8 reg[R_END];           /* what no other field has */
    u8 tx_next;              /* C: descriptor to be sent next */
    u32 rx_put;              /* C: offsets in the ring, where the next frame goes */
    u32 rx_get;              /* and up to where the guest has read */
    u32 rx_desc, tx_desc[2]; /* C+: index of the current descriptor; normal, high priority */
    u32 tx_len;              /* C+: bytes gathered of a frame that has not ended */
    u32 missed;
    u64 timer_base; /* ns: when TCTR was 0 */
    u64 tally_tx, tally_rx, tally_rx_own, tally_rx_broadcast;
    u32 tally_rx_multicast;
    struct timer timer, retry;
    struct eeprom93 eeprom;
    struct net_port net;
    u8 tx[RTL_TX_MAX];

    /* Options. */
    struct net_link *netdev;
    char *mac, *addr;
    bool cplus;
};

static inline u32 rtl_get(const struct rtl8139 *s, unsigned reg, unsigned size)
{
    return (u32)load_le(&s->reg[reg], size);
}

static inline void rtl_put(struct rtl8139 *s, unsigned reg, unsigned size, u32 value)
{
    store_le(&s->reg[reg], size, value);
}

/* A pair of registers as an address. */
static inline paddr rtl_address(const struct rtl8139 *s, unsigned reg)
{
    return load_le(&s->reg[reg], 8);
}

/* ---- rtl8139.c ---- */
void rtl_raise(struct rtl8139 *s, u16 bits);

/* ---- rtl8139_rx.c ---- */
bool rtl_can_receive(void *dev);
void rtl_receive(void *dev, const u8 *frame, u32 len);
/* Offsets of the C mode's ring after a write to CAPR; what BUFE says. */
void rtl_set_capr(struct rtl8139 *s, u16 value);
u32 rtl_ring_size(const struct rtl8139 *s);

/* ---- rtl8139_tx.c ---- */
void rtl_transmit(struct rtl8139 *s);             /* C: all descriptors whose turn it is */
void rtl_poll(struct rtl8139 *s, bool high);      /* C+: one of the two queues */
void rtl_dump_tally(struct rtl8139 *s, u64 addr); /* C+ */

#endif
