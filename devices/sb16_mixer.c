/* The CT1745 mixer of the Sound Blaster 16, with the choice of interrupt line and DMA channels. It
 * drives the volumes of digitized sound and FM; the other sources (CD, line, microphone) are not
 * connected, their registers are only kept. */
#include "devices/sb16.h"

enum {
    R_RESET = 0x00,
    R_MASTER = 0x30,
    R_VOICE = 0x32,
    R_FM = 0x34,
    R_OUT_GAIN = 0x41,
    R_IRQ = 0x80,
    R_DMA = 0x81,
    R_STATUS = 0x82
};

const struct field sb16_mixer_fields[] = {
    FIELD(struct sb_mixer, index),
    FIELD_ARRAY(struct sb_mixer, reg),
    FIELD_END,
};

struct range {
    u8 first, last, mask, reset;
};

/* Registers, their bits and what a reset makes of them. */
static const struct range ranges[] = {
    {0x30, 0x35, 0xf8, 0xc0}, {0x36, 0x3a, 0xf8, 0x00}, {0x3b, 0x3b, 0xc0, 0x00},
    {0x3c, 0x3c, 0x1f, 0x1f}, {0x3d, 0x3d, 0x7f, 0x15}, {0x3e, 0x3e, 0x7f, 0x0b},
    {0x3f, 0x42, 0xc0, 0x00}, {0x43, 0x43, 0x01, 0x00}, {0x44, 0x47, 0xf0, 0x80},
};

/* Registers of the Sound Blaster Pro: four bits for left and right each; the first of the two new
 * ones. */
static const struct {
    u8 old, reg;
} pairs[] = {{0x04, R_VOICE}, {0x22, R_MASTER}, {0x26, R_FM}, {0x28, 0x36}, {0x2e, 0x38}};

#define R_OLD_MIC 0x0a /* three bits */
#define R_MIC     0x3a

static const struct range *find_range(unsigned reg)
{
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (reg >= ranges[i].first && reg <= ranges[i].last)
            return &ranges[i];
    return NULL;
}

static unsigned find_pair(unsigned old)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (pairs[i].old == old)
            return pairs[i].reg;
    return 0;
}

/* ---- interrupt and DMA ---- */

static const u8 irq_lines[4] = {9, 5, 7, 10}; /* by bit of 80h; IRQ 2 is line 9 on an AT */

unsigned sb16_mixer_irq(const struct sb16 *s)
{
    for (unsigned i = 0; i < 4; i++)
        if (s->mixer.reg[R_IRQ] >> i & 1)
            return irq_lines[i];
    return 0;
}

/* Bits of 81h are channels. Without a 16-bit one, 16-bit sound takes the 8-bit one. */
int sb16_mixer_dma(const struct sb16 *s, bool wide)
{
    u8 set = s->mixer.reg[R_DMA];

    for (int channel = 5; wide && channel < 8; channel++)
        if (set >> channel & 1)
            return channel;
    for (int channel = 0; channel < 4; channel++)
        if (set >> channel & 1)
            return channel;
    return -1;
}

/* ---- volumes ---- */

/* A register's five bits, 2 dB each, as a gain. */
static u64 volume(u8 value)
{
    u64 gain = AUDIO_UNITY;
    for (unsigned n = value >> 3; n < 31; n++)
        gain = gain * 52057 >> 16; /* 10 ^ (-2 / 20) */
    return gain;
}

static void set_gain(const struct sb16 *s, struct audio_voice *v, unsigned reg)
{
    u32 gain[2];

    for (unsigned i = 0; i < 2; i++) {
        u64 both = volume(s->mixer.reg[reg + i]) * volume(s->mixer.reg[R_MASTER + i]) / AUDIO_UNITY;
        gain[i] = (u32)(both << (s->mixer.reg[R_OUT_GAIN + i] >> 6));
    }
    audio_gain(v, gain[0], gain[1]);
}

void sb16_mixer_apply(struct sb16 *s)
{
    set_gain(s, &s->voice, R_VOICE);
    set_gain(s, &s->opl.voice, R_FM);
}

/* ---- registers ---- */

static void reset_volumes(struct sb16 *s)
{
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        for (unsigned reg = ranges[i].first; reg <= ranges[i].last; reg++)
            s->mixer.reg[reg] = ranges[i].reset;
}

/* The properties stand for jumpers. */
void sb16_mixer_power_on(struct sb16 *s)
{
    s->mixer = (struct sb_mixer){0};
    reset_volumes(s);
    for (unsigned i = 0; i < 4; i++)
        if (irq_lines[i] == (s->irq == 2 ? 9 : s->irq))
            s->mixer.reg[R_IRQ] = (u8)(1u << i);
    s->mixer.reg[R_DMA] = (u8)(1u << s->dma | 1u << s->dma16);
    sb16_mixer_apply(s);
}

static u8 read_reg(const struct sb16 *s, unsigned reg)
{
    const u8 *r = s->mixer.reg;
    unsigned pair = find_pair(reg);

    if (pair)
        return (r[pair] & 0xf0) | r[pair + 1] >> 4;
    if (reg == R_OLD_MIC)
        return r[R_MIC] >> 5;
    if (reg == R_STATUS)
        return 0x20 | s->irqs; /* bit 5 is what DSP 4.05 leaves there */
    return find_range(reg) || reg == R_IRQ || reg == R_DMA ? r[reg] : 0xff;
}

static void write_reg(struct sb16 *s, unsigned reg, u8 value)
{
    const struct range *range = find_range(reg);
    unsigned pair = find_pair(reg);
    u8 *r = s->mixer.reg;

    if (range) {
        r[reg] = value & range->mask;
    } else if (pair) {
        r[pair] = (value & 0xf0) | 8;
        r[pair + 1] = (u8)(value << 4) | 8;
    } else if (reg == R_OLD_MIC) {
        r[R_MIC] = (u8)(value << 5) | 0x18;
    } else if (reg == R_RESET) {
        reset_volumes(s);
    } else if (reg == R_IRQ) {
        r[R_IRQ] = value & 0x0f;
        sb16_update_irq(s);
    } else if (reg == R_DMA) {
        r[R_DMA] = value & 0xeb;
    }
    sb16_mixer_apply(s);
}

/* Index at 4, data at 5. */
u8 sb16_mixer_read(struct sb16 *s, unsigned reg)
{
    return reg == 4 ? s->mixer.index : read_reg(s, s->mixer.index);
}

void sb16_mixer_write(struct sb16 *s, unsigned reg, u8 value)
{
    if (reg == 4)
        s->mixer.index = value;
    else
        write_reg(s, s->mixer.index, value);
}
