/* The PC's loudspeaker: channel 2 of the interval timer, gated by port 61h, as a level that a mixer
 * averages. It has no state of its own that the guest could see; edges are computed when sound is
 * wanted or the timer is about to be programmed anew, and not at all when nobody listens. */
#include "devices/core/audio.h"
#include "devices/core/dev.h"
#include "devices/i8254.h"

#define AMPLITUDE 16000

struct pcspk {
    struct dev dev;
    struct audio *audiodev;
    struct dev *pit;
    struct audio_voice voice;
    u64 clock; /* of the timer: up to here the voice has been fed */
};

static const struct prop pcspk_props[] = {
    PROP_OBJECT(struct pcspk, audiodev, AUDIO_KIND),
    PROP_END,
};

static void feed(void *opaque, u64 ns)
{
    struct pcspk *s = opaque;
    u64 end = i8254_clock_at(ns), until;

    while (s->clock < end) {
        s32 level = i8254_speaker(s->pit, s->clock, &until) ? AMPLITUDE : 0;
        audio_level(&s->voice, i8254_clock_ns(s->clock), level, level);
        s->clock = until < end ? until : end;
    }
}

static void on_change(void *opaque)
{
    struct pcspk *s = opaque;
    feed(s, clock_now(s->dev.bus->clock));
}

static void pcspk_loaded(struct dev *dev)
{
    struct pcspk *s = (struct pcspk *)dev;
    s->clock = i8254_clock_at(clock_now(dev->bus->clock));
}

static const char *pcspk_init(struct dev *dev, struct bus *bus)
{
    struct pcspk *s = (struct pcspk *)dev;

    s->pit = bus_find_dev(bus, I8254_ID);
    if (!s->audiodev)
        return NULL;
    audio_add(s->audiodev, bus, &s->voice, feed, s);
    if (!audio_heard(&s->voice))
        return NULL;
    i8254_on_speaker(s->pit, on_change, s);
    return NULL;
}

const struct dev_type dev_pcspk = {
    .name = "pcspk",
    .on_board = true,
    .size = sizeof(struct pcspk),
    .version = 1,
    .props = pcspk_props,
    .init = pcspk_init,
    .loaded = pcspk_loaded,
};
