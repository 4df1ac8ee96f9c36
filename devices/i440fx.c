/* The 440FX host bridge (82441FX, 290549): owner of the PCI bus, reached by configuration mechanism
 * #1 at CF8h and CFCh.
 *
 * It decides who sees the RAM behind the legacy video memory, SMRAM (register 72h), and whether
 * reads and writes of C0000-FFFFF go to RAM or to ROMs: PAM (59h-5Fh, 3.2.18).
 *
 * CF8h takes dwords only: other accesses there pass on to the ports below it, one of which (CF9h)
 * is the ISA bridge's reset control. */
#include "devices/core/dev.h"
#include "devices/pci.h"
#include "mmu/phys.h"

#define ADDRESS_ENABLE 0x80000000u

/* System management RAM control, 3.2.21 */
#define SMRAM_CONTROL 0x72
enum { C_BASE_A0000 = 0x02, G_SMRAME = 0x08, D_LCK = 0x10, D_CLS = 0x20, D_OPEN = 0x40 };

/* Programmable attribute map: the high half of the first register is for F0000-FFFFF, then come 16
 * KiB for each half of a register, from C0000 up. */
#define PAM        0x59
#define PAM_REGS   7
#define PAM_AREAS  13
#define PAM_FIRST  0xc0000u
#define PAM_UNIT   0x4000u
#define PAM_SYSTEM 0xf0000u
enum { PAM_READ = 1, PAM_WRITE = 2 };

struct i440fx {
    struct dev dev;
    struct pci_func pci;
    u32 address;       /* CF8h */
    u8 pam[PAM_AREAS]; /* what is mapped now: SHADOW_* */
    struct pci_bus pci_bus;
};

static const struct field i440fx_fields[] = {
    FIELD_SUB(struct i440fx, pci, pci_func_fields),
    FIELD(struct i440fx, address),
    FIELD_END,
};

static u32 address_read(void *opaque, u16 port, unsigned size)
{
    struct i440fx *s = opaque;
    (void)port;
    (void)size;
    return s->address;
}

static void address_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct i440fx *s = opaque;
    (void)port;
    (void)size;
    s->address = value & 0x80fffffc;
}

/* Only bus 0 exists. */
static bool answers(const struct i440fx *s)
{
    return (s->address & (ADDRESS_ENABLE | 0xff0000)) == ADDRESS_ENABLE;
}

static u32 data_read(void *opaque, u16 port, unsigned size)
{
    struct i440fx *s = opaque;
    if (!answers(s))
        return 0xffffffff;
    return pci_config_read(&s->pci_bus, (u8)(s->address >> 8), (s->address & 0xfc) | (port & 3),
                           size);
}

static void data_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct i440fx *s = opaque;
    if (answers(s))
        pci_config_write(&s->pci_bus, (u8)(s->address >> 8), (s->address & 0xfc) | (port & 3), size,
                         value);
}

/* Who sees the RAM behind the video memory. Once locked it stays so until reset, and cannot be
 * opened. */
static void update_smram(struct i440fx *s)
{
    u8 *control = &s->pci.config[SMRAM_CONTROL];
    unsigned how = 0;

    s->pci.wmask[SMRAM_CONTROL] = G_SMRAME | D_CLS;
    if (*control & D_LCK)
        *control &= (u8)~D_OPEN;
    else
        s->pci.wmask[SMRAM_CONTROL] |= D_LCK | D_OPEN;
    how |= *control & G_SMRAME ? SMRAM_ENABLED : 0;
    how |= *control & D_OPEN ? SMRAM_OPEN : 0;
    how |= *control & D_CLS ? SMRAM_CLOSED : 0;
    if (s->dev.bus->phys)
        phys_set_smram(s->dev.bus->phys, how);
}

static unsigned pam_of(const struct i440fx *s, unsigned area)
{
    u8 reg = s->pci.config[PAM + (area + 1) / 2], half = area % 2 ? reg & 15 : reg >> 4;
    return (half & PAM_READ ? SHADOW_READ : 0) | (half & PAM_WRITE ? SHADOW_WRITE : 0);
}

static void update_pam(struct i440fx *s)
{
    struct phys *phys = s->dev.bus->phys;

    for (unsigned area = 0; phys && area < PAM_AREAS; area++) {
        unsigned how = pam_of(s, area);
        if (how == s->pam[area])
            continue;
        s->pam[area] = (u8)how;
        if (area)
            phys_set_shadow(phys, PAM_FIRST + (area - 1) * PAM_UNIT, PAM_UNIT, how);
        else
            phys_set_shadow(phys, PAM_SYSTEM, 0x100000 - PAM_SYSTEM, how);
    }
}

static void on_config(struct pci_func *f, unsigned first, unsigned size)
{
    struct i440fx *s = (struct i440fx *)((u8 *)f - offsetof(struct i440fx, pci));

    update_smram(s);
    if (first + size > PAM && first < PAM + PAM_REGS)
        update_pam(s);
}

static void i440fx_reset(struct dev *dev)
{
    struct i440fx *s = (struct i440fx *)dev;
    s->address = 0;
    s->pci.wmask[SMRAM_CONTROL] = G_SMRAME | D_CLS | D_LCK | D_OPEN;
    pci_func_reset(&s->pci);
    update_smram(s);
    update_pam(s);
}

static bool i440fx_valid(const struct dev *copy)
{
    const struct i440fx *s = (const struct i440fx *)copy;
    return pci_func_valid(&s->pci);
}

static void i440fx_loaded(struct dev *dev)
{
    struct i440fx *s = (struct i440fx *)dev;
    pci_func_loaded(&s->pci);
    update_smram(s);
    update_pam(s);
}

static const char *i440fx_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops address_ops = {address_read, address_write, 4, 4};
    static const struct io_ops data_ops = {data_read, data_write, 1, 4};
    static const struct pci_id id = {
        .vendor = 0x8086, .device = 0x1237, .class_code = 0x060000, .revision = 2};
    struct i440fx *s = (struct i440fx *)dev;
    const char *refusal;

    if (pci_find(bus))
        return "there is a host bridge already";
    s->pci_bus.bus = bus;
    bus_add_object(bus, PCI_KIND, "pci.0", &s->pci_bus);
    refusal = pci_func_init(&s->pci, bus, PCI_DEVFN(0, 0), &id);
    if (refusal)
        return refusal;
    /* The bridge always answers for memory and is always a master. */
    s->pci.wmask[PCI_COMMAND] = 0;
    s->pci.config[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    s->pci.config[SMRAM_CONTROL] = C_BASE_A0000;
    for (unsigned i = 0; i < PAM_REGS; i++)
        s->pci.wmask[PAM + i] = i ? 0x33 : 0x30;
    s->pci.written = on_config;
    bus_claim_io(bus, 0xcf8, 4, &address_ops, s);
    bus_claim_io(bus, 0xcfc, 4, &data_ops, s);
    return NULL;
}

const struct dev_type dev_i440fx = {
    .name = "i440FX",
    .on_board = true,
    .size = sizeof(struct i440fx),
    .version = 1,
    .fields = i440fx_fields,
    .init = i440fx_init,
    .reset = i440fx_reset,
    .loaded = i440fx_loaded,
    .valid = i440fx_valid,
};
