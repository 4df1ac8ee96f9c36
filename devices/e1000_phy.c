/* What hangs on an 82540EM: its PHY, a Marvell 88E1011 whose cable always carries 1000 Mb/s in both
 * directions, and the contents of its EEPROM (8254x manual, 5.6 and 13.4). */
#include "devices/e1000.h"

#include <string.h>

enum {
    PHY_CONTROL,
    PHY_STATUS,
    PHY_ID1,
    PHY_ID2,
    PHY_ANAR,
    PHY_LPAR,
    PHY_ANER,
    PHY_1000_CONTROL = 9,
    PHY_1000_STATUS,
    PHY_EXT_STATUS = 15,
    PHY_SPECIFIC_CONTROL,
    PHY_SPECIFIC_STATUS,
    PHY_EXT_CONTROL = 20,
};
enum { CONTROL_RESET = 0x8000, CONTROL_LOOPBACK = 0x4000, CONTROL_RESTART = 0x0200 };
enum { STATUS_LINK = 0x0004, STATUS_DONE = 0x0020, SPECIFIC_LINK = 0x0400, RECEIVERS_OK = 0x3000 };

static const struct {
    u8 reg;
    u16 value, mask; /* after a reset; bits that software writes */
} registers[] = {
    {PHY_CONTROL, 0x1140, 0x7d80},
    {PHY_STATUS, 0x7949, 0},
    {PHY_ID1, 0x0141, 0},
    {PHY_ID2, 0x0c20, 0},
    {PHY_ANAR, 0x0de1, 0x2fff},
    {PHY_LPAR, 0x4de1, 0},
    {PHY_ANER, 0x0007, 0},
    {PHY_1000_CONTROL, 0x0e00, 0xff00},
    {PHY_1000_STATUS, 0x7c00, 0},
    {PHY_EXT_STATUS, 0x3000, 0},
    {PHY_SPECIFIC_CONTROL, 0x0360, 0xffff},
    {PHY_SPECIFIC_STATUS, 0xa800, 0},
    {PHY_EXT_CONTROL, 0x0d60, 0xffff},
};

void e1000_phy_reset(struct e1000 *s)
{
    memset(s->phy, 0, sizeof(s->phy));
    for (size_t i = 0; i < ARRAY_LEN(registers); i++)
        s->phy[registers[i].reg] = registers[i].value;
}

u16 e1000_phy_read(struct e1000 *s, unsigned reg)
{
    u16 value = s->phy[reg];
    bool link = net_carrier(&s->net);

    switch (reg) {
    case PHY_STATUS: return link ? value | STATUS_LINK | STATUS_DONE : value;
    case PHY_SPECIFIC_STATUS: return link ? value | SPECIFIC_LINK : value;
    case PHY_1000_STATUS: return link ? value : value & (u16)~RECEIVERS_OK;
    case PHY_LPAR: return link ? value : 0;
    default: return value;
    }
}

void e1000_phy_write(struct e1000 *s, unsigned reg, u16 value)
{
    if (reg == PHY_CONTROL && value & CONTROL_RESET) {
        e1000_phy_reset(s);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(registers); i++) {
        u16 mask = registers[i].mask;
        if (registers[i].reg == reg)
            s->phy[reg] = (u16)((s->phy[reg] & ~mask) | (value & mask));
    }
    if (reg == PHY_CONTROL && value & CONTROL_RESTART && net_carrier(&s->net))
        e1000_raise(s, INT_LSC);
}

bool e1000_phy_loopback(const struct e1000 *s)
{
    return s->phy[PHY_CONTROL] & CONTROL_LOOPBACK;
}

/* Words as in 8254x manual, table 5-2; their sum is BABAh. */
void e1000_fill_eeprom(struct e1000 *s)
{
    static const struct {
        u8 at;
        u16 value;
    } words[] = {
        {0x04, 0xffff}, {0x08, 0xe512}, {0x09, 0x4001}, /* board's number */
        {0x0a, 0x4408},                                 /* valid; power management */
        {0x0b, 0x100e}, {0x0c, 0x8086}, {0x0d, 0x100e}, {0x0e, 0x8086}, {0x0f, 0x3040}, /* pause */
    };
    u16 *word = s->eeprom.word, sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        word[words[i].at] = words[i].value;
    for (unsigned i = 0; i < NET_MAC / 2; i++)
        word[i] = (u16)load_le(&s->net.mac[2 * i], 2);
    for (unsigned i = 0; i < EEPROM93_WORDS - 1; i++)
        sum = (u16)(sum + word[i]);
    word[EEPROM93_WORDS - 1] = (u16)(0xbaba - sum);
}
