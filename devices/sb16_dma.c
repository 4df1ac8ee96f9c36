/* Digitized sound of the Sound Blaster 16: samples to and from memory through the DMA controller,
 * at their rate in virtual time. Nothing is fetched ahead. What is due is done when somebody looks
 * (a port of the card or of the DMA controller), when the block ends, and at least once a
 * millisecond; so the guest sees every transfer in its time though few timers fire. Recording gives
 * silence.
 *
 * Tick n (from 1) of a stream is due n periods after its start; the end of a block interrupts with
 * its last tick. While the DMA controller does not answer, time stands still for the stream. */
#include "devices/sb16.h"

#define PIECE    128u     /* bytes moved at once: whole frames */
#define CHUNK_NS 1000000u /* between transfers when nobody looks */

const struct field sb16_stream_fields[] = {
    FIELD_MAX(struct sb_stream, format, SB_SILENCE),
    FIELD(struct sb_stream, active),
    FIELD(struct sb_stream, paused),
    FIELD(struct sb_stream, automatic),
    FIELD(struct sb_stream, leaving),
    FIELD(struct sb_stream, input),
    FIELD(struct sb_stream, wide),
    FIELD(struct sb_stream, stereo),
    FIELD(struct sb_stream, is_signed),
    FIELD(struct sb_stream, starved),
    FIELD(struct sb_stream, reference),
    FIELD(struct sb_stream, block),
    FIELD(struct sb_stream, left),
    FIELD(struct sb_stream, num),
    FIELD(struct sb_stream, den),
    FIELD(struct sb_stream, start),
    FIELD(struct sb_stream, taken),
    FIELD_ARRAY(struct sb_stream, part),
    FIELD_MAX(struct sb_stream, filled, 4),
    FIELD(struct sb_stream, sample),
    FIELD_MAX(struct sb_stream, step, 5),
    FIELD(struct sb_stream, timer),
    FIELD_END,
};

/* Compressed samples: bits of a sign and a magnitude, steps that it is multiplied by (in halves),
 * the magnitude from which the next step is larger. */
static const struct packing {
    u8 per_byte, bits, up, steps, step[6];
} packings[] = {
    [SB_ADPCM_2] = {4, 2, 1, 6, {1, 2, 4, 8, 16, 32}},
    [SB_ADPCM_26] = {3, 3, 3, 5, {1, 2, 4, 8, 10}},
    [SB_ADPCM_4] = {2, 4, 5, 4, {1, 2, 4, 8}},
};

static bool packed(const struct sb_stream *t)
{
    return t->format >= SB_ADPCM_2 && t->format <= SB_ADPCM_4;
}

/* Of a frame; compressed sound and silence are neither wide nor stereo. */
static u32 bytes_per_tick(const struct sb_stream *t)
{
    return (t->wide ? 2u : 1u) << t->stereo;
}

/* ---- samples out ---- */

static s32 from_8(u8 value, bool is_signed)
{
    return is_signed ? (s8)value * 256 : (value - 128) * 256;
}

static s32 from_16(const u8 *p, bool is_signed)
{
    u16 value = (u16)(p[0] | p[1] << 8);
    return is_signed ? (s16)value : value - 32768;
}

static void put_frame(struct sb16 *s, const u8 *p)
{
    const struct sb_stream *t = &s->stream;
    s32 left = t->wide ? from_16(p, t->is_signed) : from_8(p[0], t->is_signed), right = left;

    if (t->stereo)
        right = t->wide ? from_16(p + 2, t->is_signed) : from_8(p[1], t->is_signed);
    audio_put(&s->voice, left, right);
}

/* One difference; the step adapts. */
static void decode(struct sb_stream *t, const struct packing *p, unsigned code)
{
    unsigned sign = code >> (p->bits - 1), magnitude = code & ((1u << (p->bits - 1)) - 1);
    int difference = (int)((2 * magnitude + 1) * p->step[t->step] >> 1);
    int sample = sign ? t->sample - difference : t->sample + difference;

    t->sample = (u8)(sample < 0 ? 0 : sample > 255 ? 255 : sample);
    if (magnitude >= p->up && t->step < p->steps - 1)
        t->step++;
    else if (!magnitude && t->step)
        t->step--;
}

static void put_packed(struct sb16 *s, u8 byte)
{
    struct sb_stream *t = &s->stream;
    const struct packing *p = &packings[t->format];
    unsigned bits = (unsigned)byte << 1; /* three of 3 bits: the last lacks its lowest */

    if (p->bits != 3)
        bits >>= 1;
    for (int n = p->per_byte - 1; n >= 0; n--) {
        if (!t->reference)
            decode(t, p, bits >> (unsigned)n * p->bits & ((1u << p->bits) - 1));
        s32 sample = from_8(t->reference ? byte : t->sample, false);
        audio_put(&s->voice, sample, sample);
    }
    if (t->reference) {
        t->sample = byte;
        t->step = 0;
        t->reference = false;
    }
}

static void put_bytes(struct sb16 *s, const u8 *p, u32 len)
{
    struct sb_stream *t = &s->stream;

    for (u32 i = 0; i < len; i++) {
        if (packed(t)) {
            put_packed(s, p[i]);
            continue;
        }
        t->part[t->filled++] = p[i];
        if (t->filled == bytes_per_tick(t)) {
            put_frame(s, t->part);
            t->filled = 0;
        }
    }
}

/* ---- transfers ---- */

static void set_dreq(struct sb16 *s, int channel)
{
    if (s->dreq == channel + 1)
        return;
    if (s->dreq)
        i8237_request(s->dma_controller, s->dreq - 1u, false);
    s->dreq = (u8)(channel + 1);
    if (s->dreq)
        i8237_request(s->dma_controller, (unsigned)channel, true);
}

/* Bytes through a channel; how many went. A request stays up while it has no answer. */
static u32 transfer(struct sb16 *s, int channel, u8 *buf, u32 len, bool input)
{
    u32 done = 0, moved = 1;
    bool tc;

    if (channel < 0)
        return 0;
    while (done < len && moved) { /* a channel that starts anew after terminal count goes on */
        moved = i8237_transfer(s->dma_controller, (unsigned)channel, buf + done, len - done, !input,
                               &tc);
        done += moved;
    }
    set_dreq(s, done < len ? channel : -1);
    return done;
}

/* How many bytes went to or from the sample side. */
static u32 move_bytes(struct sb16 *s, u32 len)
{
    struct sb_stream *t = &s->stream;
    u8 buf[PIECE];

    if (t->format == SB_SILENCE) {
        audio_skip(&s->voice, len);
        return len;
    }
    if (t->input) { /* the middle of the range: 0, 80h, 8000h */
        for (u32 i = 0; i < len; i++)
            buf[i] = t->is_signed || (t->wide && !((len - i) & 1)) ? 0 : 0x80;
    }
    u32 moved = transfer(s, sb16_mixer_dma(s, t->wide), buf, len, t->input);
    if (!t->input)
        put_bytes(s, buf, moved);
    return moved;
}

/* ---- time ---- */

static u64 tick_ns(const struct sb_stream *t, u64 tick)
{
    return t->start + (u64)(((unsigned __int128)tick * t->den * NS_PER_SEC + t->num - 1) / t->num);
}

static u64 tick_at(const struct sb_stream *t, u64 now)
{
    return muldiv64(now - t->start, t->num, (u64)t->den * NS_PER_SEC);
}

void sb16_dma_loaded(struct sb16 *s)
{
    const struct sb_stream *t = &s->stream;
    u32 per_tick = packed(t) ? packings[t->format].per_byte : 1;

    audio_start(&s->voice, clock_now(s->dev.bus->clock), t->num * per_tick, t->den);
}

static void restart_time(struct sb16 *s)
{
    s->stream.start = clock_now(s->dev.bus->clock);
    s->stream.taken = 0;
    sb16_dma_loaded(s);
}

static void arm(struct sb16 *s)
{
    struct sb_stream *t = &s->stream;
    u64 per_tick = bytes_per_tick(t), end, chunk;

    if (!t->active || t->paused || t->starved) {
        timer_cancel(&t->timer);
        return;
    }
    end = t->taken + (t->left + per_tick - 1) / per_tick;
    chunk = t->taken + 1 + muldiv64(CHUNK_NS, t->num, (u64)t->den * NS_PER_SEC);
    timer_arm(&t->timer, tick_ns(t, chunk < end ? chunk : end));
}

static void end_block(struct sb16 *s)
{
    struct sb_stream *t = &s->stream;

    if (t->automatic && !t->leaving)
        t->left = t->block;
    else
        t->active = false;
    sb16_raise(s, t->wide ? SB_IRQ_16 : SB_IRQ_8);
}

static void run_ticks(struct sb16 *s, u64 ticks)
{
    struct sb_stream *t = &s->stream;
    u32 per_tick = bytes_per_tick(t);

    while (ticks && t->active) {
        u64 most = ticks * per_tick;
        most = most < t->left ? most : t->left;
        u32 len = most < PIECE ? (u32)most : PIECE, moved = move_bytes(s, len);
        u32 used = (moved + per_tick - 1) / per_tick;
        t->left -= moved;
        t->taken += used;
        ticks -= used;
        if (moved < len) {
            t->starved = true;
            return;
        }
        if (!t->left)
            end_block(s);
    }
}

void sb16_dma_sync(struct sb16 *s)
{
    struct sb_stream *t = &s->stream;
    u64 now = clock_now(s->dev.bus->clock);

    if (!t->active || t->paused || t->starved)
        return;
    if (tick_at(t, now) > t->taken) {
        run_ticks(s, tick_at(t, now) - t->taken);
        arm(s);
    }
}

/* The block's end or a chunk's; or the DMA controller's registers are about to be seen. */
static void on_time(void *opaque)
{
    sb16_dma_sync(opaque);
}

/* The DMA controller has been programmed: it may answer now. */
static void on_programmed(void *opaque)
{
    struct sb16 *s = opaque;

    if (s->dsp.id_waits)
        sb16_dma_identify(s);
    if (!s->stream.starved || s->stream.paused)
        return;
    s->stream.starved = false;
    restart_time(s);
    run_ticks(s, 1);
    s->stream.taken = 0;
    arm(s);
}

/* ---- orders of the DSP ---- */

void sb16_dma_start(struct sb16 *s, const struct sb_stream *how)
{
    struct sb_stream *t = &s->stream;
    struct timer timer = t->timer;
    u8 sample = t->sample, step = t->step;

    *t = *how;
    t->timer = timer;
    t->sample = sample;
    t->step = step < (packed(t) ? packings[t->format].steps : 1) ? step : 0;
    t->left = t->block;
    t->active = true;
    t->num = s->dsp.rate_num;
    t->den = s->dsp.rate_den * (packed(t) ? packings[t->format].per_byte : 1u);
    restart_time(s);
    set_dreq(s, -1);
    arm(s);
}

void sb16_dma_stop(struct sb16 *s)
{
    s->stream.active = s->stream.starved = false;
    set_dreq(s, -1);
    arm(s);
}

void sb16_dma_pause(struct sb16 *s, bool paused)
{
    struct sb_stream *t = &s->stream;

    if (!t->active || t->paused == paused)
        return;
    t->paused = paused;
    if (paused) {
        set_dreq(s, -1);
        arm(s);
    } else if (t->starved) {
        on_programmed(s);
    } else {
        restart_time(s);
        arm(s);
    }
}

/* Auto-init goes on although it was to end, or has. */
void sb16_dma_resume_auto(struct sb16 *s)
{
    struct sb_stream *t = &s->stream;

    t->automatic = true;
    t->leaving = false;
    if (t->active || !t->block)
        return;
    t->left = t->block;
    t->active = true;
    restart_time(s);
    arm(s);
}

void sb16_dma_identify(struct sb16 *s)
{
    u8 byte = s->dsp.id_sum;
    s->dsp.id_waits = !transfer(s, sb16_mixer_dma(s, false), &byte, 1, true);
}

/* The converter's level by command, without DMA. */
void sb16_dma_level(struct sb16 *s, u8 sample)
{
    s32 level = from_8(sample, false);
    audio_level(&s->voice, clock_now(s->dev.bus->clock), level, level);
}

void sb16_dma_reset(struct sb16 *s)
{
    struct timer timer;

    sb16_dma_stop(s);
    timer = s->stream.timer;
    s->stream = (struct sb_stream){.timer = timer};
}

void sb16_dma_init(struct sb16 *s)
{
    timer_init(&s->stream.timer, s->dev.bus->clock, on_time, s);
    s->watch = (struct i8237_watch){.look = on_time, .programmed = on_programmed, .opaque = s};
    i8237_watch(s->dma_controller, &s->watch);
}
