/* Sound Blaster 16: an OPL3, digitized sound, a mixer, an MPU-401; see devices/sb16.h. This file is
 * its ports and its interrupt line. There is no joystick port and no CD-ROM interface, and what can
 * be recorded is silence.
 *
 * Ports, from iobase: 0-3 OPL3, 4-5 mixer, 6 to F DSP, of them 8-9 the OPL3's first array again;
 * the same at 388h as on an AdLib. The DSP's and mixer's are up to date with the stream before they
 * are seen. */
#include "devices/sb16.h"

static const struct field sb16_fields[] = {
    FIELD(struct sb16, irqs),
    FIELD_MAX(struct sb16, irq_line, 15),
    FIELD_MAX(struct sb16, dreq, 8),
    FIELD_SUB(struct sb16, dsp, sb16_dsp_fields),
    FIELD_SUB(struct sb16, stream, sb16_stream_fields),
    FIELD_SUB(struct sb16, mixer, sb16_mixer_fields),
    FIELD_SUB(struct sb16, midi, sb16_midi_fields),
    FIELD_SUB(struct sb16, opl, opl_fields),
    FIELD_END,
};

static const struct prop sb16_props[] = {
    PROP_U32(struct sb16, iobase, "0x220"),
    PROP_U32(struct sb16, irq, "5"),
    PROP_U32(struct sb16, dma, "1"),
    PROP_U32(struct sb16, dma16, "5"),
    PROP_U32(struct sb16, mpu, "0x330"),
    PROP_OBJECT(struct sb16, audiodev, AUDIO_KIND),
    PROP_END,
};

/* ---- interrupts: all on one line ---- */

static void drive(struct sb16 *s, unsigned line, bool level)
{
    struct irq_line irq = bus_irq(s->dev.bus, line);
    if (line)
        irq_set(&irq, level);
}

void sb16_update_irq(struct sb16 *s)
{
    unsigned line = s->irqs ? sb16_mixer_irq(s) : 0;

    if (line == s->irq_line)
        return;
    drive(s, s->irq_line, false);
    s->irq_line = (u8)line;
    drive(s, line, true);
}

void sb16_raise(struct sb16 *s, u8 irqs)
{
    s->irqs |= irqs;
    sb16_update_irq(s);
}

void sb16_lower(struct sb16 *s, u8 irqs)
{
    s->irqs &= (u8)~irqs;
    sb16_update_irq(s);
}

/* ---- ports ---- */

/* The port of the OPL3 that a port of the card is, or -1. */
static int opl_port(unsigned reg)
{
    return reg < 4 ? (int)reg : reg == 8 || reg == 9 ? (int)reg - 8 : -1;
}

static u32 sb16_read(void *opaque, u16 port, unsigned size)
{
    struct sb16 *s = opaque;
    unsigned reg = port - s->iobase;

    (void)size;
    if (opl_port(reg) >= 0)
        return opl_read(&s->opl, (unsigned)opl_port(reg));
    sb16_dma_sync(s);
    return reg < 6 ? sb16_mixer_read(s, reg) : sb16_dsp_read(s, reg);
}

static void sb16_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct sb16 *s = opaque;
    unsigned reg = port - s->iobase;

    (void)size;
    if (opl_port(reg) >= 0) {
        opl_write(&s->opl, (unsigned)opl_port(reg), (u8)value);
        return;
    }
    sb16_dma_sync(s);
    if (reg < 6)
        sb16_mixer_write(s, reg, (u8)value);
    else
        sb16_dsp_write(s, reg, (u8)value);
}

static u32 adlib_read(void *opaque, u16 port, unsigned size)
{
    struct sb16 *s = opaque;
    (void)size;
    return opl_read(&s->opl, port & 3);
}

static void adlib_write(void *opaque, u16 port, unsigned size, u32 value)
{
    struct sb16 *s = opaque;
    (void)size;
    opl_write(&s->opl, port & 3, (u8)value);
}

/* ---- life ---- */

static const char *check_props(const struct sb16 *s)
{
    if (s->iobase < 0x100 || s->iobase > 0x3f0 || s->iobase & 15)
        return "iobase must be a multiple of 16 from 0x100 to 0x3f0";
    if (s->mpu < 0x100 || s->mpu > 0x3fe || s->mpu & 1)
        return "mpu must be an even port from 0x100 to 0x3fe";
    if (s->irq != 2 && s->irq != 5 && s->irq != 7 && s->irq != 9 && s->irq != 10)
        return "irq must be 2 (or 9, the same), 5, 7 or 10";
    if (s->dma > 3 || s->dma == 2)
        return "dma must be 0, 1 or 3";
    if (s->dma16 < 5 || s->dma16 > 7)
        return "dma16 must be 5, 6 or 7";
    return NULL;
}

static const char *sb16_init(struct dev *dev, struct bus *bus)
{
    static const struct io_ops ops = {.read = sb16_read, .write = sb16_write};
    static const struct io_ops adlib_ops = {.read = adlib_read, .write = adlib_write};
    struct sb16 *s = (struct sb16 *)dev;
    const char *refusal = check_props(s);

    s->dma_controller = i8237_find(bus);
    if (refusal || !s->dma_controller)
        return refusal ? refusal : "there is no DMA controller";
    audio_add(s->audiodev, bus, &s->voice, NULL, NULL);
    opl_init(&s->opl, bus, true, s->audiodev);
    sb16_dma_init(s);
    sb16_midi_init(s);
    bus_claim_io(bus, (u16)s->iobase, 16, &ops, dev);
    bus_claim_io(bus, 0x388, OPL_PORTS, &adlib_ops, dev);
    return NULL;
}

static void sb16_reset(struct dev *dev)
{
    struct sb16 *s = (struct sb16 *)dev;

    s->dsp.test = 0;
    sb16_dma_reset(s);
    sb16_dsp_reset(s);
    sb16_midi_reset(s);
    sb16_mixer_power_on(s);
    opl_reset(&s->opl);
}

static void sb16_loaded(struct dev *dev)
{
    struct sb16 *s = (struct sb16 *)dev;

    sb16_mixer_apply(s);
    sb16_dma_loaded(s);
    opl_loaded(&s->opl);
}

static void sb16_destroy(struct dev *dev)
{
    opl_destroy(&((struct sb16 *)dev)->opl);
}

const struct dev_type dev_sb16 = {
    .name = "sb16",
    .size = sizeof(struct sb16),
    .version = 1,
    .fields = sb16_fields,
    .props = sb16_props,
    .init = sb16_init,
    .reset = sb16_reset,
    .destroy = sb16_destroy,
    .loaded = sb16_loaded,
};
