/* The sound of an OPL2 or OPL3, sample by sample, from its registers. Yamaha YM3812 and YMF262
 * application manuals; what they leave out (tables, bit widths, percussion) is known from
 * measurements of the chips and pictures of their dies.
 *
 * An operator adds attenuations: the logarithm of a quarter of a sine, its envelope, its level. 256
 * steps are a factor of two; a table of powers of two makes a number of it in the end. Both tables
 * are computed in integers, so that the sound is the same on every host. Envelopes have 9 bits in
 * steps of 3/16 dB. Nothing here is part of the machine's state. */
#include "devices/opl.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define SILENT    511u    /* envelope at its end */
#define MUTE      0x1fffu /* attenuation beyond hearing */
#define FIXED_ONE (1u << 30)
#define GAIN      2 /* of a sample of 13 bits; eight loud channels fill 16 */

enum state { RELEASE, SUSTAIN, DECAY, ATTACK };

struct slot {
    u32 phase; /* 19 bits are a period */
    s32 out[2];
    u16 env;
    u8 state;
    bool key;
    /* from the registers */
    u16 level; /* with key scaling */
    u16 fnum;
    u8 block, mult; /* mult: in halves */
    u8 rate[4];     /* by state, 0 to 63 */
    u8 sustain;     /* level, envelope / 16 */
    u8 wave;
    bool tremolo, vibrato, hold;
};

struct opl_synth {
    const u8 *reg;
    bool opl3;
    u64 count; /* samples made */
    u32 noise;
    struct slot slot[OPL_SLOTS];
    u16 log_sin[256], power[256];
};

/* ---- tables ---- */

/* -log2(x) * 256, x in 0 to 1, * FIXED_ONE */
static u16 log_of(u64 x)
{
    u32 whole = 0, part = 0;

    for (; x < FIXED_ONE; x <<= 1)
        whole++;
    for (int bit = 15; bit >= 0; bit--) { /* squaring doubles the logarithm */
        x = x * x >> 30;
        if (x >= 2ull * FIXED_ONE) {
            x >>= 1;
            part |= 1u << bit;
        }
    }
    return (u16)(((whole << 16) - part + 127) >> 8);
}

static void make_tables(struct opl_synth *s)
{
    const u64 cos_step = 0x3fffb10b, sin_step = 0x6487c4; /* of pi / 512 */
    u64 cosine = 0x3fffec43, sine = 0x3243f1;             /* of pi / 1024 */
    u64 power = FIXED_ONE;

    for (int i = 0; i < 256; i++) {
        u64 next = (sine * cos_step + cosine * sin_step) >> 30;
        cosine = (cosine * cos_step - sine * sin_step) >> 30;
        s->log_sin[i] = log_of(sine);
        sine = next;
        s->power[i] = (u16)((((power - FIXED_ONE) >> 19) + 1) >> 1); /* (2^(i/256) - 1) * 1024 */
        power = power * 0x402c6be9 >> 30;                            /* 2^(1/256) */
    }
}

/* ---- registers ---- */

static bool is_new(const struct opl_synth *s)
{
    return s->opl3 && (s->reg[0x105] & 1);
}

/* Slots: six for each group of three channels, first operators before second ones. */
static unsigned first_slot(unsigned channel)
{
    return channel / 3 * 6 + channel % 3;
}

/* The channel's place among the registers A0h to C8h, less A0h. */
static unsigned channel_reg(unsigned channel)
{
    return channel / 9 * 0x100 + channel % 9;
}

static unsigned slot_reg(unsigned slot)
{
    unsigned in_array = slot % 18;
    return slot / 18 * 0x100 + in_array / 6 * 8 + in_array % 6;
}

/* The channel three below, if it is a four-operator one with this; or else this. */
static unsigned master_of(const struct opl_synth *s, unsigned channel)
{
    unsigned in_array = channel % 9, pair = channel / 9 * 3 + in_array % 3;

    if (in_array < 3 || in_array >= 6 || !is_new(s) || !(s->reg[0x104] >> pair & 1))
        return channel;
    return channel - 3;
}

static bool four_operators(const struct opl_synth *s, unsigned channel)
{
    return channel % 9 < 3 && master_of(s, channel + 3) == channel;
}

static bool rhythm(const struct opl_synth *s)
{
    return s->reg[0xbd] & 0x20;
}

static u8 effective_rate(unsigned rate, unsigned scaling)
{
    unsigned sum = 4 * rate + scaling;
    return (u8)(!rate ? 0 : sum > 63 ? 63 : sum);
}

/* Key scale level: attenuation at the top octave by the upper four bits of the frequency; 3 dB less
 * in each octave below. */
static unsigned key_scale_level(unsigned fnum, unsigned block, unsigned ksl)
{
    static const u8 rom[16] = {0, 32, 40, 45, 48, 51, 53, 55, 56, 58, 59, 60, 61, 62, 63, 64};
    static const u8 shift[4] = {16, 1, 2, 0};
    int level = rom[fnum >> 6] * 4 - (8 - (int)block) * 32;
    return level < 0 ? 0 : (unsigned)level >> shift[ksl];
}

static void read_wave(const struct opl_synth *s, struct slot *o, unsigned at)
{
    bool all = is_new(s), some = s->opl3 || (s->reg[0x01] & 0x20);
    o->wave = all ? s->reg[0xe0 + at] & 7 : some ? s->reg[0xe0 + at] & 3 : 0;
}

static void read_slot(struct opl_synth *s, unsigned n)
{
    static const u8 mult[16] = {1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 20, 24, 24, 30, 30};
    struct slot *o = &s->slot[n];
    unsigned at = slot_reg(n), channel = n / 6 * 3 + n % 3;
    const u8 *pitch = &s->reg[0xa0 + channel_reg(master_of(s, channel))];
    u8 flags = s->reg[0x20 + at], level = s->reg[0x40 + at];
    u8 up = s->reg[0x60 + at], down = s->reg[0x80 + at];

    o->fnum = (u16)(pitch[0] | (pitch[0x10] & 3) << 8);
    o->block = pitch[0x10] >> 2 & 7;
    unsigned scaling = o->block * 2u + (o->fnum >> (s->reg[0x08] & 0x40 ? 8 : 9) & 1);
    scaling >>= flags & 0x10 ? 0 : 2;
    o->tremolo = flags & 0x80;
    o->vibrato = flags & 0x40;
    o->hold = flags & 0x20;
    o->mult = mult[flags & 15];
    o->level = (u16)((level & 63) * 4 + key_scale_level(o->fnum, o->block, level >> 6));
    o->rate[ATTACK] = effective_rate(up >> 4, scaling);
    o->rate[DECAY] = effective_rate(up & 15, scaling);
    o->rate[RELEASE] = effective_rate(down & 15, scaling);
    o->rate[SUSTAIN] = o->hold ? 0 : o->rate[RELEASE];
    o->sustain = down >> 4 == 15 ? 31 : down >> 4;
    read_wave(s, o, at);
}

/* Percussion has its own keys beside those of the channels. */
static bool rhythm_key(const struct opl_synth *s, unsigned n)
{
    static const struct {
        u8 slot, bit;
    } keys[] = {{12, 4}, {15, 4}, {13, 0}, {14, 2}, {16, 3}, {17, 1}};

    for (size_t i = 0; rhythm(s) && i < ARRAY_LEN(keys); i++)
        if (keys[i].slot == n)
            return s->reg[0xbd] >> keys[i].bit & 1;
    return false;
}

static void read_key(struct opl_synth *s, unsigned n)
{
    struct slot *o = &s->slot[n];
    unsigned channel = master_of(s, n / 6 * 3 + n % 3);
    bool key = (s->reg[0xb0 + channel_reg(channel)] & 0x20) || rhythm_key(s, n);

    if (key && !o->key) {
        o->state = ATTACK;
        o->phase = 0;
    } else if (!key) {
        o->state = RELEASE;
    }
    o->key = key;
}

static void read_all(struct opl_synth *s)
{
    for (unsigned n = 0; n < OPL_SLOTS; n++) {
        read_slot(s, n);
        read_key(s, n);
    }
}

/* Registers of one channel, or of one operator, or of all. */
void opl_synth_changed(struct opl_synth *s, unsigned reg)
{
    unsigned low = reg & 0xff, array = reg >> 8;

    if (low >= 0xa0 && low < 0xd0 && (low & 15) < 9) {
        unsigned slot = first_slot(array * 9 + (low & 15));
        for (unsigned i = 0; i < 4; i++) { /* and of the channel that may follow it */
            unsigned n = slot + (i & 1) * 3 + (i >> 1) * 6;
            if (n < OPL_SLOTS) {
                read_slot(s, n);
                read_key(s, n);
            }
        }
    } else if (low >= 0x20 && (low < 0xa0 || low >= 0xe0)) {
        if ((low & 7) < 6 && (low & 0x1f) < 0x16)
            read_slot(s, array * 18 + (low >> 3 & 3) * 6 + (low & 7));
    } else {
        read_all(s);
    }
}

/* ---- envelopes ---- */

/* By how much one moves at this sample. A rate of 4 more is twice as fast; the lower two bits
 * spread further steps over eight. */
static unsigned increment(unsigned rate, u64 count)
{
    static const u8 slow[4] = {0xaa, 0xba, 0xee, 0xfe}, fast[4] = {0x00, 0x88, 0xaa, 0xee};
    unsigned octave = rate >> 2, part = rate & 3;

    if (!rate)
        return 0;
    if (octave == 15)
        return 4;
    if (octave > 12)
        return (1u + (fast[part] >> (count & 7) & 1)) << (octave - 13);
    unsigned shift = 12 - octave;
    return count & ((1u << shift) - 1) ? 0 : slow[part] >> (count >> shift & 7) & 1;
}

static void attack(struct slot *o, u64 count)
{
    unsigned by = increment(o->rate[ATTACK], count);

    if (o->rate[ATTACK] >= 60)
        o->env = 0;
    else
        o->env = (u16)(o->env - ((o->env + 1u) * by + 7) / 8);
    if (!o->env)
        o->state = DECAY;
}

static void step_envelope(struct slot *o, u64 count)
{
    if (o->state == ATTACK) {
        attack(o, count);
        return;
    }
    if (o->state == DECAY && o->env >> 4 >= o->sustain)
        o->state = SUSTAIN;
    unsigned env = o->env + increment(o->rate[o->state], count);
    o->env = (u16)(env > SILENT ? SILENT : env);
}

/* ---- operators ---- */

/* Waveform n at a phase of 10 bits, as attenuation; *negative its sign. */
static u32 waveform(const struct opl_synth *s, unsigned n, u32 phase, bool *negative)
{
    static const struct {
        u16 mute, sign; /* phase bits */
        u8 twice;
    } waves[6] = {{0, 0x200, 0}, {0x200, 0, 0},     {0, 0, 0},
                  {0x100, 0, 0}, {0x200, 0x100, 1}, {0x200, 0, 1}};

    if (n >= 6) {
        *negative = phase & 0x200;
        return n == 6 ? 0 : ((*negative ? ~phase : phase) & 0x1ff) << 3;
    }
    *negative = phase & waves[n].sign;
    if (phase & waves[n].mute)
        return MUTE;
    phase <<= waves[n].twice;
    return s->log_sin[(phase & 0x100 ? ~phase : phase) & 0xff];
}

static u32 tremolo(const struct opl_synth *s)
{
    u32 at = (u32)(s->count / 64 % 210), triangle = at < 105 ? at : 210 - at;
    return triangle >> (s->reg[0xbd] & 0x80 ? 2 : 4);
}

/* Frequency, moved by the vibrato: up and down by 1/128 or 1/256 of it in eight steps. */
static u32 frequency(const struct opl_synth *s, const struct slot *o)
{
    u32 at = (u32)(s->count / 1024) & 7, range = o->fnum >> 7;

    if (!o->vibrato || !(at & 3))
        return o->fnum;
    if (at & 1)
        range >>= 1;
    if (!(s->reg[0xbd] & 0x40))
        range >>= 1;
    return at & 4 ? o->fnum - range : o->fnum + range;
}

/* For good: only a key makes the envelope go up. */
static bool slot_silent(const struct slot *o)
{
    return o->state != ATTACK && o->env == SILENT;
}

/* One sample of an operator at a given phase; its own moves on. */
static s32 run_at(struct opl_synth *s, struct slot *o, u32 phase)
{
    bool negative = false;
    s32 out = 0;

    step_envelope(o, s->count);
    if (!slot_silent(o)) {
        u32 level = o->env + o->level + (o->tremolo ? tremolo(s) : 0);
        u32 total = waveform(s, o->wave, phase & 0x3ff, &negative);
        total += level < SILENT ? level * 8 : MUTE;
        total = total < MUTE ? total : MUTE;
        out = (s32)((1024u + s->power[~total & 0xff]) << 1 >> (total >> 8));
    }
    o->phase += ((frequency(s, o) << o->block >> 1) * o->mult) >> 1;
    o->out[1] = o->out[0];
    return o->out[0] = negative ? ~out : out;
}

static s32 run(struct opl_synth *s, struct slot *o, s32 modulation)
{
    return run_at(s, o, (o->phase >> 9) + (u32)modulation);
}

/* The first operator of a channel, which modulates itself. */
static s32 run_first(struct opl_synth *s, struct slot *o, u8 connection)
{
    unsigned feedback = connection >> 1 & 7;
    return run(s, o, feedback ? (o->out[0] + o->out[1]) >> (9 - feedback) : 0);
}

/* ---- channels ---- */

static s32 run_two(struct opl_synth *s, unsigned channel)
{
    struct slot *o = &s->slot[first_slot(channel)];
    u8 connection = s->reg[0xc0 + channel_reg(channel)];
    s32 first = run_first(s, o, connection);
    return connection & 1 ? first + run(s, o + 3, 0) : run(s, o + 3, first);
}

/* The connection bits of both halves cut the chain of four operators into one, two or three. */
static s32 run_four(struct opl_synth *s, unsigned channel)
{
    struct slot *o = &s->slot[first_slot(channel)];
    u8 upper = s->reg[0xc0 + channel_reg(channel)], lower = s->reg[0xc3 + channel_reg(channel)];
    bool cut_first = upper & 1, cut_third = cut_first && (lower & 1);
    bool cut_second = !cut_first && (lower & 1);
    s32 sum = 0, last = run_first(s, o, upper);

    sum += cut_first ? last : 0;
    last = run(s, o + 3, cut_first ? 0 : last);
    sum += cut_second ? last : 0;
    last = run(s, o + 6, cut_second ? 0 : last);
    sum += cut_third ? last : 0;
    return sum + run(s, o + 9, cut_third ? 0 : last);
}

/* Bass drum, hi-hat, snare, tom and cymbal on channels 6 to 8: noise and bits of two phases. */
static void run_rhythm(struct opl_synth *s, s32 out[3])
{
    struct slot *o = s->slot;
    u32 hat = o[13].phase >> 9, cymbal = o[17].phase >> 9, noise = s->noise & 1;
    u32 mixed =
        ((hat >> 2 ^ hat >> 7) | (hat >> 3 ^ cymbal >> 5) | (cymbal >> 3 ^ cymbal >> 5)) & 1;
    u32 snare = hat >> 8 & 1;
    s32 first = run_first(s, &o[12], s->reg[0xc6]);

    out[0] = 2 * run(s, &o[15], s->reg[0xc6] & 1 ? 0 : first);
    out[1] = 2 * run_at(s, &o[13], mixed << 9 | (mixed ^ noise ? 0xd0 : 0x34));
    out[1] += 2 * run_at(s, &o[16], snare << 9 | (snare ^ noise) << 8);
    out[2] = 2 * run(s, &o[14], 0) + 2 * run_at(s, &o[17], mixed << 9 | 0x80);
}

static bool channel_silent(const struct opl_synth *s, unsigned channel, unsigned slots)
{
    const struct slot *o = &s->slot[first_slot(channel)];
    for (unsigned i = 0; i < slots; i++)
        if (!slot_silent(&o[3 * i]))
            return false;
    return true;
}

static bool all_silent(const struct opl_synth *s)
{
    for (unsigned n = 0; n < OPL_SLOTS; n++)
        if (!slot_silent(&s->slot[n]))
            return false;
    return true;
}

static s32 run_channel(struct opl_synth *s, unsigned channel)
{
    bool four = four_operators(s, channel);
    if (master_of(s, channel) != channel || channel_silent(s, channel, four ? 4 : 2))
        return 0;
    return four ? run_four(s, channel) : run_two(s, channel);
}

static void one_sample(struct opl_synth *s, struct audio_voice *voice)
{
    s32 drums[3], sum[2] = {0, 0};
    bool stereo = is_new(s), drumming = rhythm(s);

    if (drumming)
        run_rhythm(s, drums);
    for (unsigned channel = 0; channel < (s->opl3 ? OPL_CHANNELS : OPL_CHANNELS / 2); channel++) {
        u8 sides = stereo ? s->reg[0xc0 + channel_reg(channel)] : 0x30;
        bool drum = drumming && channel >= 6 && channel < 9;
        s32 out = drum ? drums[channel - 6] : run_channel(s, channel);
        sum[0] += sides & 0x10 ? out : 0;
        sum[1] += sides & 0x20 ? out : 0;
    }
    s->noise = s->noise >> 1 | ((s->noise ^ s->noise >> 14) & 1) << 22;
    s->count++;
    audio_put(voice, GAIN * sum[0], GAIN * sum[1]);
}

static u64 samples_at(u64 ns)
{
    return muldiv64(ns, OPL_RATE_NUM, (u64)OPL_RATE_DEN * NS_PER_SEC);
}

void opl_synth_seek(struct opl_synth *s, u64 ns)
{
    s->count = samples_at(ns);
}

void opl_synth_run(struct opl_synth *s, struct audio_voice *voice, u64 ns)
{
    u64 end = samples_at(ns);

    while (s->count < end && !all_silent(s)) {
        for (unsigned i = 0; i < 64 && s->count < end; i++)
            one_sample(s, voice);
    }
    if (s->count >= end)
        return;
    audio_skip(voice, end - s->count);
    s->count = end;
}

/* ---- life ---- */

void opl_synth_restart(struct opl_synth *s)
{
    for (unsigned n = 0; n < OPL_SLOTS; n++)
        s->slot[n] = (struct slot){.env = SILENT, .state = RELEASE};
    s->noise = 1;
    read_all(s);
}

struct opl_synth *opl_synth_create(const u8 *reg, bool opl3)
{
    struct opl_synth *s = calloc(1, sizeof(*s));
    CHECK(s, "out of memory");
    s->reg = reg;
    s->opl3 = opl3;
    make_tables(s);
    opl_synth_restart(s);
    return s;
}

void opl_synth_destroy(struct opl_synth *s)
{
    free(s);
}
