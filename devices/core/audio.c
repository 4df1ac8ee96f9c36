/* The mixer behind audio.h. Voices add to a ring of sums; a block of it leaves, cut to 16 bits,
 * when it is LAG behind the time: devices that work in pieces of virtual time are not ahead of it
 * then.
 *
 * A stream's sample has its exact place, a rational number of frames after its origin; frames
 * between two samples are interpolated. At equal rates samples come out as they went in. A level is
 * averaged over each frame, so that edges between frames keep their place. */
#include "devices/core/audio.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "devices/core/bus.h"

#define RING       4096u /* frames; more than a block and the lag at the highest rate */
#define BLOCK_RATE 100   /* blocks a second */
#define LAG_RATE   80    /* the lag, as a part of a second */
#define MEAN_SHARE 256   /* the level's mean follows it by 1 / 256 each frame */
#define ONE        65536

struct audio {
    u32 rate;
    void (*write)(void *opaque, const void *data, size_t len);
    void *opaque;
    struct audio_voice *voices;
    u64 done; /* frames handed out */
    s32 sum[RING][2];
};

struct audio *audio_create(u32 rate, void (*write)(void *opaque, const void *data, size_t len),
                           void *opaque)
{
    struct audio *a = calloc(1, sizeof(*a));
    CHECK(a, "out of memory");
    CHECK(rate >= AUDIO_MIN_RATE && rate <= AUDIO_MAX_RATE, "audio rate %u", rate);
    a->rate = rate;
    a->write = write;
    a->opaque = opaque;
    return a;
}

void audio_destroy(struct audio *a)
{
    free(a);
}

void audio_add(struct audio *a, struct bus *bus, struct audio_voice *v,
               void (*pull)(void *opaque, u64 ns), void *opaque)
{
    if (!a)
        a = bus_find_object(bus, AUDIO_KIND, AUDIO_DEFAULT);
    v->audio = a && a->write ? a : NULL;
    v->pull = pull;
    v->opaque = opaque;
    v->gain[0] = v->gain[1] = AUDIO_UNITY;
    if (!v->audio)
        return;
    v->next = v->audio->voices;
    v->audio->voices = v;
}

void audio_gain(struct audio_voice *v, u32 left, u32 right)
{
    v->gain[0] = left;
    v->gain[1] = right;
}

/* ---- time ---- */

/* The first nanosecond of a frame, and the frame of a nanosecond. */
static u64 frame_ns(const struct audio *a, u64 frame)
{
    return (u64)(((unsigned __int128)frame * NS_PER_SEC + a->rate - 1) / a->rate);
}

static u64 frame_at(const struct audio *a, u64 ns)
{
    return muldiv64(ns, a->rate, NS_PER_SEC);
}

static void add(const struct audio_voice *v, u64 frame, const s32 value[2])
{
    struct audio *a = v->audio;

    if (frame - a->done >= RING) /* too late, or too early */
        return;
    for (int i = 0; i < 2; i++)
        a->sum[frame % RING][i] += (s32)((s64)value[i] * v->gain[i] / AUDIO_UNITY);
}

/* ---- streams ---- */

void audio_start(struct audio_voice *v, u64 now, u32 num, u32 den)
{
    if (!v->audio)
        return;
    v->origin = frame_at(v->audio, now);
    v->count = 0;
    v->num = num;
    v->den = den;
    v->last[0] = v->last[1] = 0;
}

/* Places are counted in frames / num here: sample n is at n * step. */
void audio_put(struct audio_voice *v, s32 left, s32 right)
{
    const s32 value[2] = {left, right};

    if (!v->audio || !v->num)
        return;
    u64 step = (u64)v->audio->rate * v->den, here = v->count * step;
    u64 before = v->count ? here - step : 0;
    for (u64 frame = v->count ? before / v->num + 1 : 0; frame * v->num <= here; frame++) {
        s32 between[2];
        s64 since = (s64)(frame * v->num - before);
        for (int i = 0; i < 2; i++)
            between[i] = v->count ? v->last[i] + (s32)((value[i] - v->last[i]) * since / (s64)step)
                                  : value[i];
        add(v, v->origin + frame, between);
    }
    v->count++;
    v->last[0] = left;
    v->last[1] = right;
}

void audio_skip(struct audio_voice *v, u64 count)
{
    if (!v->audio || !count)
        return;
    audio_put(v, 0, 0); /* what sounded last runs out */
    v->count += count - 1;
    v->last[0] = v->last[1] = 0;
}

/* ---- levels ---- */

/* Takes the mean off a finished frame and adds it; false when nothing is left to hear. */
static bool finish_frame(struct audio_voice *v, u64 frame)
{
    s32 out[2];
    bool moving = false;

    for (int i = 0; i < 2; i++) {
        s64 distance = v->area[i] - v->bias[i];
        out[i] = (s32)(distance / ONE);
        v->bias[i] += distance / MEAN_SHARE;
        moving |= distance / MEAN_SHARE != 0;
        v->area[i] = 0;
    }
    add(v, frame, out);
    return moving;
}

static void advance(struct audio_voice *v, u64 to)
{
    while (v->at < to) {
        u64 end = (v->at / ONE + 1) * ONE, until = end < to ? end : to;
        bool whole = v->at % ONE == 0;
        for (int i = 0; i < 2; i++)
            v->area[i] += v->level[i] * (s64)(until - v->at);
        v->at = until;
        if (until == end && !finish_frame(v, end / ONE - 1) && whole)
            v->at = to - to % ONE; /* all frames up to there are like this one */
    }
}

void audio_level(struct audio_voice *v, u64 now, s32 left, s32 right)
{
    if (!v->audio)
        return;
    advance(v, muldiv64(now, (u64)v->audio->rate * ONE, NS_PER_SEC));
    v->level[0] = left;
    v->level[1] = right;
}

/* ---- handing out ---- */

static s16 cut(s32 value)
{
    return (s16)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
}

/* Voices are taken further than the block's end, as far as half the lag: a stream's last frame
 * needs the sample behind it. */
static void hand_out(struct audio *a, u32 frames, u64 now)
{
    s16 out[AUDIO_MAX_RATE / BLOCK_RATE][2];
    u64 end = a->done + frames, ahead = frame_ns(a, end + a->rate / LAG_RATE / 2);

    for (struct audio_voice *v = a->voices; v; v = v->next) {
        if (v->pull)
            v->pull(v->opaque, ahead < now ? ahead : now);
        advance(v, end * ONE);
    }
    for (u32 i = 0; i < frames; i++) {
        s32 *sum = a->sum[(a->done + i) % RING];
        out[i][0] = cut(sum[0]);
        out[i][1] = cut(sum[1]);
        sum[0] = sum[1] = 0;
    }
    a->done = end;
    a->write(a->opaque, out, frames * sizeof(out[0]));
}

u64 audio_due(const struct audio *a)
{
    if (!a->write)
        return CLOCK_NEVER;
    return frame_ns(a, a->done + a->rate / BLOCK_RATE + a->rate / LAG_RATE);
}

void audio_run(struct audio *a, u64 now)
{
    while (now >= audio_due(a))
        hand_out(a, a->rate / BLOCK_RATE, now);
}

void audio_seek(struct audio *a, u64 now)
{
    a->done = frame_at(a, now);
    memset(a->sum, 0, sizeof(a->sum));
    for (struct audio_voice *v = a->voices; v; v = v->next) {
        v->at = a->done * ONE;
        memset(v->area, 0, sizeof(v->area));
    }
}

void audio_finish(struct audio *a, u64 now)
{
    u64 end = a->write ? frame_at(a, now) : 0;
    while (a->done < end) {
        u64 left = end - a->done;
        hand_out(a, left < a->rate / BLOCK_RATE ? (u32)left : a->rate / BLOCK_RATE, now);
    }
}
