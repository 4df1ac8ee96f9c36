/* Power management as ACPI wants it (82371AB PIIX4, 290562, chapter 7; ACPI 1.0b chapter 4): PM1
 * event and control registers, the PM timer, general purpose events, and the command port B2h.
 *
 * A write to B2h requests an SMI if software has enabled that (APMC_EN). The chip asks for SMI_EN
 * of its port 28h as well, which firmware for PCs of this kind never sets. The commands that switch
 * ACPI on and off are the SMI handler's to answer on hardware; here the device does. The PM timer
 * is virtual time in units of 3.579545 MHz; its status bit is worked out when somebody looks, and a
 * clock timer runs only while it may interrupt. */
#include "devices/piix4_pm.h"

#include "devices/core/dev.h"
#include "devices/core/journal.h"
#include "devices/pc_setup.h"
#include "devices/pci.h"

#define PM_HZ      3579545u
#define TIMER_MASK 0xffffffu /* 24 bits */
#define TIMER_HALF 0x800000u /* the status bit is set whenever bit 23 changes */

#define PMBA      0x40
#define DEVACTB   0x58 /* device activity B; in its last byte: */
#define PMREGMISC 0x80

enum { APMC_EN = 0x02, APM_STS = 0x20 };

enum { STS_TIMER = 0x0001, STS_GLOBAL = 0x0020, STS_POWER_BUTTON = 0x0100, STS_RTC = 0x0400 };
enum { CNT_SCI_EN = 0x0001, CNT_WRITABLE = 0x1c03, CNT_SLP_EN = 0x2000 };
enum { EVENTS = STS_TIMER | STS_GLOBAL | STS_POWER_BUTTON | STS_RTC, STS_WAKE = 0x8000 };
enum { SLP_TYPE_SHIFT = 10, SLP_SOFT_OFF = 0 };

enum {
    PM_STATUS = 0,
    PM_ENABLE = 2,
    PM_CONTROL = 4,
    PM_TIMER = 8,
    PM_GPE_STATUS = 12,
    PM_GPE_ENABLE = 14,
    PM_GLOBAL_STATUS = 0x18,
    PM_GLOBAL_CONTROL = 0x28
};

struct piix4_pm {
    struct dev dev;
    struct pci_func pci;
    struct irq_line sci;
    u16 at; /* where the PM ports are mapped now, 0: nowhere */

    u16 status, enable, control;
    u16 gpe_status, gpe_enable;
    u16 global_status;
    u32 global_control;
    u8 apm[2];    /* ports B2h and B3h */
    u64 overflow; /* timer count at which STS_TIMER is set next */
    bool level;   /* of the SCI */
    struct timer timer;
};

static const struct field piix4_pm_fields[] = {
    FIELD_SUB(struct piix4_pm, pci, pci_func_fields),
    FIELD(struct piix4_pm, status),
    FIELD(struct piix4_pm, enable),
    FIELD(struct piix4_pm, control),
    FIELD(struct piix4_pm, gpe_status),
    FIELD(struct piix4_pm, gpe_enable),
    FIELD(struct piix4_pm, global_status),
    FIELD(struct piix4_pm, global_control),
    FIELD_ARRAY(struct piix4_pm, apm),
    FIELD(struct piix4_pm, overflow),
    FIELD(struct piix4_pm, level),
    FIELD(struct piix4_pm, timer),
    FIELD_END,
};

/* ---- the timer and the SCI ---- */

static u64 count_now(struct piix4_pm *s)
{
    return muldiv64(clock_now(s->dev.bus->clock), PM_HZ, NS_PER_SEC);
}

/* The first ns at which the timer has reached a count. */
static u64 count_to_ns(u64 count)
{
    return (u64)(((unsigned __int128)count * NS_PER_SEC + PM_HZ - 1) / PM_HZ);
}

static void next_overflow(struct piix4_pm *s)
{
    s->overflow = (count_now(s) / TIMER_HALF + 1) * TIMER_HALF;
}

static void catch_up(struct piix4_pm *s)
{
    if (count_now(s) >= s->overflow)
        s->status |= STS_TIMER;
}

/* Brings status, interrupt and clock timer in line with each other. */
static void update(struct piix4_pm *s)
{
    bool level;

    catch_up(s);
    level = s->control & CNT_SCI_EN &&
            ((s->status & s->enable & EVENTS) || (s->gpe_status & s->gpe_enable));
    if (level != s->level) {
        s->level = level;
        irq_set(&s->sci, level);
    }
    if (s->enable & STS_TIMER && !(s->status & STS_TIMER))
        timer_arm(&s->timer, count_to_ns(s->overflow));
    else
        timer_cancel(&s->timer);
}

static void on_timer(void *opaque)
{
    update(opaque);
}

static void on_power_button(void *opaque, const void *data, size_t len)
{
    struct piix4_pm *s = opaque;
    (void)data;
    (void)len;
    s->status |= STS_POWER_BUTTON;
    update(s);
}

/* ---- the PM ports ---- */

static u32 pm_dword(struct piix4_pm *s, unsigned reg)
{
    switch (reg) {
    case PM_STATUS: catch_up(s); return s->status | (u32)s->enable << 16;
    case PM_CONTROL: return s->control;
    case PM_TIMER: return (u32)count_now(s) & TIMER_MASK;
    case PM_GPE_STATUS: return s->gpe_status | (u32)s->gpe_enable << 16;
    case PM_GLOBAL_STATUS: return s->global_status;
    case PM_GLOBAL_CONTROL: return s->global_control;
    }
    return 0;
}

static u32 pm_read(void *opaque, u16 port, unsigned size)
{
    struct piix4_pm *s = opaque;
    unsigned reg = port - s->at, first = reg & ~3u;
    u64 value = pm_dword(s, first);

    if ((reg & 3) + size > 4)
        value |= (u64)pm_dword(s, first + 4) << 32;
    return (u32)(value >> (8 * (reg & 3)));
}

static void set_byte(u16 *reg, unsigned byte, u8 value)
{
    *reg = (u16)((*reg & ~(0xff << (8 * byte))) | value << (8 * byte));
}

static void write_status(struct piix4_pm *s, u16 clear)
{
    catch_up(s);
    if (clear & STS_TIMER)
        next_overflow(s);
    s->status &= (u16)~clear;
}

/* The low byte holds SCI_EN, the high one the request to sleep. Of the sleeping states there is
 * soft off (S5) only: other requests are ignored. */
static void write_control(struct piix4_pm *s, unsigned byte, u8 value)
{
    u16 wide = (u16)(value << (8 * byte));

    set_byte(&s->control, byte, (u8)((wide & CNT_WRITABLE) >> (8 * byte)));
    if (wide & CNT_SLP_EN && (s->control >> SLP_TYPE_SHIFT & 7) == SLP_SOFT_OFF)
        bus_request(s->dev.bus, BUS_POWEROFF, 0);
}

/* Kept, and without effect. */
static void set_global_control(struct piix4_pm *s, unsigned byte, u8 value)
{
    s->global_control &= ~(0xffu << (8 * byte));
    s->global_control |= (u32)value << (8 * byte);
}

static void pm_write_byte(struct piix4_pm *s, unsigned reg, u8 value)
{
    unsigned byte = reg & 1;

    switch (reg & ~1u) {
    case PM_STATUS: write_status(s, (u16)(value << (8 * byte)) & (EVENTS | STS_WAKE)); break;
    case PM_ENABLE:
        set_byte(&s->enable, byte, value);
        s->enable &= EVENTS;
        break;
    case PM_CONTROL: write_control(s, byte, value); break;
    case PM_GPE_STATUS: s->gpe_status &= (u16) ~(value << (8 * byte)); break;
    case PM_GPE_ENABLE: set_byte(&s->gpe_enable, byte, value); break;
    case PM_GLOBAL_STATUS: s->global_status &= (u16) ~(value << (8 * byte)); break;
    case PM_GLOBAL_CONTROL:
    case PM_GLOBAL_CONTROL + 2: set_global_control(s, reg - PM_GLOBAL_CONTROL, value); break;
    }
}

static void pm_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct piix4_pm *s = opaque;

    for (unsigned i = 0; i < size; i++)
        pm_write_byte(s, port - s->at + i, (u8)(value >> (8 * i)));
    update(s);
}

static void map_ports(struct piix4_pm *s)
{
    static const struct io_ops pm_ops = {pm_read, pm_write, 1, 4};
    u16 at = (u16)((s->pci.config[PMBA] & 0xc0) | s->pci.config[PMBA + 1] << 8);

    if (!(s->pci.config[PMREGMISC] & 1))
        at = 0;
    if (at == s->at)
        return;
    if (s->at)
        bus_release_io(s->dev.bus, s->at, &pm_ops, s);
    s->at = at;
    if (at)
        bus_claim_io(s->dev.bus, at, PC_PM_PORTS, &pm_ops, s);
}

static void on_config(struct pci_func *f, unsigned first, unsigned size)
{
    (void)first;
    (void)size;
    map_ports((struct piix4_pm *)((u8 *)f - offsetof(struct piix4_pm, pci)));
}

/* ---- the command port ---- */

static u32 apm_read(void *opaque, u16 port, unsigned size)
{
    struct piix4_pm *s = opaque;
    (void)size;
    return s->apm[port & 1];
}

static void apm_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct piix4_pm *s = opaque;

    (void)size;
    s->apm[port & 1] = (u8)value;
    if (port & 1)
        return;
    if (value == PC_ACPI_ENABLE)
        s->control |= CNT_SCI_EN;
    else if (value == PC_ACPI_DISABLE)
        s->control &= (u16)~CNT_SCI_EN;
    update(s);
    if (s->pci.config[DEVACTB + 3] & APMC_EN) {
        s->global_status |= APM_STS;
        bus_smi(s->dev.bus);
    }
}

/* ---- life ---- */

static void piix4_pm_reset(struct dev *dev)
{
    struct piix4_pm *s = (struct piix4_pm *)dev;

    pci_func_reset(&s->pci);
    map_ports(s);
    s->status = s->enable = s->control = 0;
    s->gpe_status = s->gpe_enable = 0;
    s->global_status = 0;
    s->global_control = 0;
    s->apm[0] = s->apm[1] = 0;
    next_overflow(s);
    update(s);
}

static bool piix4_pm_valid(const struct dev *copy)
{
    const struct piix4_pm *s = (const struct piix4_pm *)copy;
    return pci_func_valid(&s->pci);
}

static void piix4_pm_loaded(struct dev *dev)
{
    struct piix4_pm *s = (struct piix4_pm *)dev;
    pci_func_loaded(&s->pci);
    map_ports(s);
}

static const char *piix4_pm_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops apm_ops = {.read = apm_read, .write = apm_write};
    static const struct pci_id id = {
        .vendor = 0x8086, .device = 0x7113, .class_code = 0x068000, .revision = 3, .pin = 1};
    struct piix4_pm *s = (struct piix4_pm *)dev;
    const char *refusal = pci_func_init(&s->pci, bus, PCI_DEVFN(1, 3), &id);

    if (refusal)
        return refusal;
    s->pci.config[PMBA] = 1; /* ports */
    s->pci.wmask[PMBA] = 0xc0;
    s->pci.wmask[PMBA + 1] = 0xff;
    s->pci.wmask[PMREGMISC] = 1;
    for (unsigned i = 0; i < 4; i++)
        s->pci.wmask[DEVACTB + i] = 0xff;
    s->pci.written = on_config;
    s->sci = bus_irq(bus, PC_SCI);
    timer_init(&s->timer, bus->clock, on_timer, s);
    bus_claim_io(bus, 0xb2, 2, &apm_ops, s);
    if (bus->journal)
        journal_add_channel(bus->journal, POWER_BUTTON_CHANNEL, on_power_button, s);
    return NULL;
}

const struct dev_type dev_piix4_pm = {
    .name = "PIIX4_PM",
    .on_board = true,
    .size = sizeof(struct piix4_pm),
    .version = 1,
    .fields = piix4_pm_fields,
    .init = piix4_pm_init,
    .reset = piix4_pm_reset,
    .loaded = piix4_pm_loaded,
    .valid = piix4_pm_valid,
};
