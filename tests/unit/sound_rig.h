/* A mixer whose output is kept, for tests of devices that make sound. Open it before the devices.
 */
#ifndef TESTS_UNIT_SOUND_RIG_H
#define TESTS_UNIT_SOUND_RIG_H

#include "tests/unit/devtest.h"

#include "devices/core/audio.h"

#define SOUND_RATE 44100u
#define SOUND_ROOM (10 * SOUND_RATE)

struct sound {
    struct devtest *t;
    struct audio *audio;
    u32 frames;
    s16 frame[SOUND_ROOM][2];
};

DT_UNUSED static void sound_write(void *opaque, const void *data, size_t len)
{
    struct sound *s = opaque;
    assert_true(s->frames + len / 4 <= SOUND_ROOM);
    memcpy(s->frame[s->frames], data, len);
    s->frames += (u32)(len / 4);
}

/* The mixer is the bus's default and has the name snd0. */
DT_UNUSED static struct sound *sound_open(struct devtest *t)
{
    struct sound *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->t = t;
    s->audio = audio_create(SOUND_RATE, sound_write, s);
    bus_add_object(t->bus, AUDIO_KIND, AUDIO_DEFAULT, s->audio);
    bus_add_object(t->bus, AUDIO_KIND, "snd0", s->audio);
    return s;
}

/* After dt_close(). */
DT_UNUSED static void sound_close(struct sound *s)
{
    audio_destroy(s->audio);
    free(s);
}

/* Lets time pass as the machine does: what is due is handed out before timers fire. */
DT_UNUSED static void sound_step(struct sound *s, u64 ns)
{
    struct devtest *t = s->t;
    u64 end = t->ticks + ns;

    while (t->ticks < end) {
        u64 due = audio_due(s->audio);
        dt_run_to(t, due > end ? end : due < t->ticks ? t->ticks : due);
        audio_run(s->audio, t->ticks);
    }
}

/* Upward crossings of zero of a side, in frames [from, to). */
DT_UNUSED static unsigned sound_crossings(const struct sound *s, u32 from, u32 to, int side)
{
    unsigned count = 0;
    for (u32 i = from + 1; i < to; i++)
        count += s->frame[i - 1][side] < 0 && s->frame[i][side] >= 0;
    return count;
}

DT_UNUSED static int sound_peak(const struct sound *s, u32 from, u32 to, int side)
{
    int peak = 0;
    for (u32 i = from; i < to; i++)
        peak = abs(s->frame[i][side]) > peak ? abs(s->frame[i][side]) : peak;
    return peak;
}

#endif
