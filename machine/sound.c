/* The machine's sound: a mixer for each way out, run from the machine's loop. It is no timer of the
 * guest's clock: the guest goes on the same with and without it. */
#include "machine/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define DEFAULT_RATE 44100u

static bool add(struct orrery *o, const struct orrery_audiodev *a, unsigned n, char *err,
                size_t size)
{
    u32 rate = a->rate ? a->rate : DEFAULT_RATE;

    if (rate < AUDIO_MIN_RATE || rate > AUDIO_MAX_RATE) {
        snprintf(err, size, "audiodev '%s': the rate must be %u to %u Hz", a->id, AUDIO_MIN_RATE,
                 AUDIO_MAX_RATE);
        return false;
    }
    if (!*a->id || bus_find_object(o->bus, AUDIO_KIND, a->id)) {
        snprintf(err, size, "audiodev '%s': the id is empty or taken", a->id);
        return false;
    }
    struct orrery_sink end = outlet_make(o, &o->audio_out[n], &a->sink);
    o->audio[n] = audio_create(rate, end.write, end.opaque);
    o->audio_name[n] = strdup(a->id);
    CHECK(o->audio_name[n], "out of memory");
    bus_add_object(o->bus, AUDIO_KIND, o->audio_name[n], o->audio[n]);
    if (!n)
        bus_add_object(o->bus, AUDIO_KIND, AUDIO_DEFAULT, o->audio[n]);
    return true;
}

bool sound_build(struct orrery *o, const struct orrery_config *c, char *err, size_t size)
{
    for (unsigned i = 0; i < ORRERY_AUDIODEVS && c->audio[i].id; i++)
        if (!add(o, &c->audio[i], i, err, size))
            return false;
    return true;
}

void sound_free(struct orrery *o)
{
    for (unsigned i = 0; i < ORRERY_AUDIODEVS; i++) {
        audio_destroy(o->audio[i]);
        free(o->audio_name[i]);
    }
}

void sound_run(struct orrery *o)
{
    for (unsigned i = 0; i < ORRERY_AUDIODEVS && o->audio[i]; i++)
        audio_run(o->audio[i], clock_now(&o->clock));
}

void sound_seek(struct orrery *o)
{
    for (unsigned i = 0; i < ORRERY_AUDIODEVS && o->audio[i]; i++)
        audio_seek(o->audio[i], clock_now(&o->clock));
}

u64 sound_tick(const struct orrery *o)
{
    u64 first = CLOCK_NEVER;

    for (unsigned i = 0; i < ORRERY_AUDIODEVS && o->audio[i]; i++)
        first = audio_due(o->audio[i]) < first ? audio_due(o->audio[i]) : first;
    return clock_ticks_at(&o->clock, first);
}

void sound_finish(struct orrery *o)
{
    for (unsigned i = 0; i < ORRERY_AUDIODEVS && o->audio[i]; i++)
        audio_finish(o->audio[i], clock_now(&o->clock));
}
