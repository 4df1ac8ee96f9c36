/* The PIIX3's IDE function (82371SB, 290550, chapter 2.3): two channels at their legacy ports and
 * interrupt lines, and the bus master's 16 ports in BAR 4. Decode enables and timings (40h-44h) are
 * kept for drivers that look at them; the ports answer always. */
#include "devices/piix3_ide.h"

#include "base/check.h"
#include "devices/ide.h"
#include "devices/pci.h"

#define CHANNELS 2
#define BM_BAR   4
#define IDETIM   0x40

struct piix3_ide {
    struct dev dev;
    struct pci_func pci;
    struct ide_channel channel[CHANNELS];
};

static const struct field piix3_ide_fields[] = {
    FIELD_SUB(struct piix3_ide, pci, pci_func_fields),
    FIELD_SUBS(struct piix3_ide, channel, ide_channel_fields),
    FIELD_END,
};

static u32 bm_read(void *opaque, u16 port, unsigned size)
{
    struct piix3_ide *s = opaque;
    u32 value = 0;

    for (unsigned i = 0; i < size; i++) {
        unsigned reg = (port + i) & 15;
        value |= (u32)ide_bm_read(&s->channel[reg / IDE_BM_PORTS], reg % IDE_BM_PORTS) << (8 * i);
    }
    return value;
}

static void bm_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct piix3_ide *s = opaque;

    for (unsigned i = 0; i < size; i++) {
        unsigned reg = (port + i) & 15;
        ide_bm_write(&s->channel[reg / IDE_BM_PORTS], reg % IDE_BM_PORTS, (u8)(value >> (8 * i)));
    }
}

static void piix3_ide_reset(struct dev *dev)
{
    struct piix3_ide *s = (struct piix3_ide *)dev;
    pci_func_reset(&s->pci);
    for (unsigned n = 0; n < CHANNELS; n++)
        ide_channel_reset(&s->channel[n]);
}

static bool piix3_ide_valid(const struct dev *copy)
{
    const struct piix3_ide *s = (const struct piix3_ide *)copy;
    return pci_func_valid(&s->pci);
}

static void piix3_ide_loaded(struct dev *dev)
{
    pci_func_loaded(&((struct piix3_ide *)dev)->pci);
}

static void piix3_ide_destroy(struct dev *dev)
{
    struct piix3_ide *s = (struct piix3_ide *)dev;
    for (unsigned n = 0; n < CHANNELS; n++)
        ide_channel_destroy(&s->channel[n]);
}

static const char *piix3_ide_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops bm_ops = {bm_read, bm_write, 1, 4};
    /* Programming interface 80h: bus master, both channels fixed at the legacy ports. */
    static const struct pci_id id = {.vendor = 0x8086, .device = 0x7010, .class_code = 0x010180};
    struct piix3_ide *s = (struct piix3_ide *)dev;
    const char *refusal = pci_func_init(&s->pci, bus, PCI_DEVFN(1, 1), &id);

    if (refusal)
        return refusal;
    pci_add_io_bar(&s->pci, BM_BAR, 16, &bm_ops, s);
    for (unsigned i = 0; i < 5; i++) /* IDETIM of both channels, SIDETIM */
        s->pci.wmask[IDETIM + i] = 0xff;
    ide_channel_init(&s->channel[0], bus, 0x1f0, 0x3f6, 14);
    ide_channel_init(&s->channel[1], bus, 0x170, 0x376, 15);
    return NULL;
}

void piix3_ide_attach(struct dev *ide, unsigned n, struct blk *blk)
{
    CHECK(n < 2 * CHANNELS, "disk %u", n);
    ide_channel_attach(&((struct piix3_ide *)ide)->channel[n / 2], n % 2, blk);
}

void piix3_ide_attach_cd(struct dev *ide, unsigned n, struct blk *blk, const char *name)
{
    CHECK(n < 2 * CHANNELS, "drive %u", n);
    ide_channel_attach_cd(&((struct piix3_ide *)ide)->channel[n / 2], n % 2, blk, name);
}

struct blk *piix3_ide_blk(const struct dev *ide, unsigned n)
{
    CHECK(n < 2 * CHANNELS, "disk %u", n);
    return ((const struct piix3_ide *)ide)->channel[n / 2].drive[n % 2].blk;
}

const struct dev_type dev_piix3_ide = {
    .name = "piix3-ide",
    .on_board = true,
    .size = sizeof(struct piix3_ide),
    .version = 1,
    .fields = piix3_ide_fields,
    .init = piix3_ide_init,
    .reset = piix3_ide_reset,
    .destroy = piix3_ide_destroy,
    .loaded = piix3_ide_loaded,
    .valid = piix3_ide_valid,
};
