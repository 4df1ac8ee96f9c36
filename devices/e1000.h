/* Intel 82540EM: what its files share. */
#ifndef DEVICES_E1000_H
#define DEVICES_E1000_H

#include "base/bytes.h"
#include "devices/core/net.h"
#include "devices/eeprom93.h"
#include "devices/pci.h"

/* Offsets of registers (8254x Software Developer's Manual, 13.3). */
enum {
    E_CTRL = 0x0000,
    E_STATUS = 0x0008,
    E_EECD = 0x0010,
    E_EERD = 0x0014,
    E_CTRL_EXT = 0x0018,
    E_MDIC = 0x0020,
    E_FCAL = 0x0028,
    E_FCAH = 0x002c,
    E_FCT = 0x0030,
    E_VET = 0x0038,
    E_ICR = 0x00c0,
    E_ITR = 0x00c4,
    E_ICS = 0x00c8,
    E_IMS = 0x00d0,
    E_IMC = 0x00d8,
    E_RCTL = 0x0100,
    E_FCTTV = 0x0170,
    E_TXCW = 0x0178,
    E_RXCW = 0x0180,
    E_TCTL = 0x0400,
    E_TIPG = 0x0410,
    E_AIFS = 0x0458,
    E_LEDCTL = 0x0e00,
    E_PBA = 0x1000,
    E_FCRTL = 0x2160,
    E_FCRTH = 0x2168,
    E_RDF = 0x2410, /* head, tail, saved ones, packet count: 8 bytes apart */
    E_RDBAL = 0x2800,
    E_RDBAH = 0x2804,
    E_RDLEN = 0x2808,
    E_RDH = 0x2810,
    E_RDT = 0x2818,
    E_RDTR = 0x2820,
    E_RXDCTL = 0x2828,
    E_RADV = 0x282c,
    E_RSRPD = 0x2c00,
    E_TDF = 0x3410,
    E_TDBAL = 0x3800,
    E_TDBAH = 0x3804,
    E_TDLEN = 0x3808,
    E_TDH = 0x3810,
    E_TDT = 0x3818,
    E_TIDV = 0x3820,
    E_TXDCTL = 0x3828,
    E_TADV = 0x382c,
    E_TSPMT = 0x3830,
    E_STATS = 0x4000,
    E_MPC = 0x4010,
    E_PRC64 = 0x405c, /* and of five greater sizes */
    E_GPRC = 0x4074,
    E_BPRC = 0x4078,
    E_MPRC = 0x407c,
    E_GPTC = 0x4080,
    E_GORCL = 0x4088,
    E_GOTCL = 0x4090,
    E_RNBC = 0x40a0,
    E_ROC = 0x40ac,
    E_TORL = 0x40c0,
    E_TOTL = 0x40c8,
    E_TPR = 0x40d0,
    E_TPT = 0x40d4,
    E_PTC64 = 0x40d8,
    E_MPTC = 0x40f0,
    E_BPTC = 0x40f4,
    E_TSCTC = 0x40f8,
    E_STATS_END = 0x4128,
    E_RXCSUM = 0x5000,
    E_MTA = 0x5200,
    E_RA = 0x5400,
    E_VFTA = 0x5600,
    E_WUC = 0x5800,
    E_WUFC = 0x5808,
    E_WUS = 0x5810,
    E_MANC = 0x5820,
    E_IPAV = 0x5838,
    E_IP4AT = 0x5840,
    E_IP6AT = 0x5880,
    E_WUPL = 0x5900,
    E_FFLT = 0x5f00,
    E_END = 0x6000, /* what lies above is not there: wake-up filters, packet buffer */
};
#define E_WORDS (E_END / 4)

enum { CTRL_FD = 0x1, CTRL_SLU = 0x40, CTRL_SPEED_1000 = 0x200, CTRL_VME = 0x40000000 };
enum {
    INT_TXDW = 0x1,
    INT_TXQE = 0x2,
    INT_LSC = 0x4,
    INT_RXDMT0 = 0x10,
    INT_RXO = 0x40,
    INT_RXT0 = 0x80,
    INT_MDAC = 0x200,
};

#define E1000_TX_MAX (65536u + 256u) /* bytes of a packet gathered from descriptors */
#define E1000_DESC   16u             /* bytes of a descriptor */

/* What a context descriptor has set. */
struct e1000_context {
    u8 ipcss, ipcso, tucss, tucso;
    u16 ipcse, tucse, mss;
    u8 command, header;
};

struct e1000 {
    struct dev dev;

    /* State. */
    struct pci_func pci;
    u32 reg[E_WORDS];
    u16 phy[32];
    u32 io_addr;  /* the register that the port at 4 shows */
    u64 next_irq; /* ns: ITR allows none before */
    struct timer itr, rx_delay, rx_absolute, tx_delay, tx_absolute;
    struct timer tx_more; /* the rest of a ring that is too much for one moment */
    struct eeprom93 eeprom;
    struct e1000_context context[2]; /* for checksums, for segmentation */
    u32 tx_len;
    bool tx_first; /* the next data descriptor begins a packet */
    u8 tx_options; /* of that descriptor */
    bool tx_cut;
    struct net_port net;
    u8 tx[E1000_TX_MAX + 4]; /* room for a VLAN tag */

    /* Options. */
    struct net_link *netdev;
    char *mac, *addr;

    /* Set by init: for each register the one it is another name of, and its row in the table. */
    u16 canon[E_WORDS];
    u8 row[E_WORDS];
};

static inline u32 *e1000_reg(struct e1000 *s, unsigned at)
{
    return &s->reg[at / 4];
}

/* ---- e1000.c ---- */
void e1000_raise(struct e1000 *s, u32 causes);
u64 e1000_now(struct e1000 *s);
/* Adds to a counter that stops at its end, or to a pair of registers. */
void e1000_count(struct e1000 *s, unsigned at);
void e1000_count_bytes(struct e1000 *s, unsigned at, u32 bytes);
/* The counters by size begin at `at`: 64 bytes (with FCS), -127, -255, -511, -1023, more. */
void e1000_count_size(struct e1000 *s, unsigned at, u32 len);

/* ---- e1000_rx.c ---- */
bool e1000_can_receive(void *dev);
void e1000_receive(void *dev, const u8 *frame, u32 len);

/* ---- e1000_tx.c ---- */
extern const struct field e1000_context_fields[];
void e1000_transmit(struct e1000 *s);

/* ---- e1000_phy.c ---- */
void e1000_phy_reset(struct e1000 *s);
u16 e1000_phy_read(struct e1000 *s, unsigned reg);
void e1000_phy_write(struct e1000 *s, unsigned reg, u16 value);
bool e1000_phy_loopback(const struct e1000 *s);
void e1000_fill_eeprom(struct e1000 *s);

#endif
