/* Drivers for sound: none; a WAV file, whose lengths are filled in at the end; SDL, which sound to
 * be heard goes through whatever the host's system is called. A table of them, found by name.
 *
 * Sound comes in virtual time. Whoever hears it wants it in real time, so SDL makes the session
 * keep to the wall clock; what a guest has too much of is dropped, what it has too little of is a
 * gap. */
#include "frontend/audio.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "frontend/props.h"
#include "frontend/session.h"

#define DEFAULT_RATE 44100u
#define WAV_HEADER   44u

struct audio_driver {
    const char *name;
    /* Connects and sets the sink; NULL: goes nowhere. */
    bool (*open)(struct session *s, struct audio_out *out, struct orrery_sink *sink);
    void (*close)(struct session *s, struct audio_out *out);
    bool wants_path;
    bool by_sdl; /* another system's name: SDL finds its own way to it */
};

/* ---- wav ---- */

/* RIFF, WAVE, "fmt " of PCM, "data"; little-endian. Lengths that do not fit, or are not known yet,
 * are all ones: to the end of the file. */
static void wav_header(const struct audio_out *out, uint64_t bytes)
{
    uint8_t header[WAV_HEADER];
    uint64_t all = bytes + WAV_HEADER - 8;

    memcpy(header, "RIFF....WAVEfmt ", 16);
    store_le(header + 4, 4, all > UINT32_MAX ? UINT32_MAX : all);
    store_le(header + 16, 4, 16);
    store_le(header + 20, 2, 1); /* PCM */
    store_le(header + 22, 2, 2); /* channels */
    store_le(header + 24, 4, out->rate);
    store_le(header + 28, 4, out->rate * AUDIO_FRAME_BYTES);
    store_le(header + 32, 2, AUDIO_FRAME_BYTES);
    store_le(header + 34, 2, 16); /* bits */
    memcpy(header + 36, "data", 4);
    store_le(header + 40, 4, bytes > UINT32_MAX ? UINT32_MAX : bytes);
    fwrite(header, 1, sizeof(header), out->file);
}

static void wav_write(void *opaque, const void *data, size_t len)
{
    struct audio_out *out = opaque;
    const char *from = data;

    if (!out->bytes)
        wav_header(out, UINT64_MAX / 2);
    for (size_t at = 0; at < len; at += 2) {
        int16_t sample;
        uint8_t bytes[2];
        memcpy(&sample, from + at, 2);
        store_le(bytes, 2, (uint16_t)sample);
        fwrite(bytes, 1, 2, out->file);
    }
    out->bytes += len;
}

static bool wav_open(struct session *s, struct audio_out *out, struct orrery_sink *sink)
{
    out->file = session_output(s, "audiodev", out->path);
    if (!out->file)
        return false;
    *sink = (struct orrery_sink){wav_write, out};
    return true;
}

static void wav_close(struct session *s, struct audio_out *out)
{
    (void)s;
    if (!out->bytes || fseek(out->file, 0, SEEK_SET) == 0) /* not a pipe */
        wav_header(out, out->bytes);
}

static const struct audio_driver drivers[] = {
    {"none", NULL, NULL, false, false},
    {"wav", wav_open, wav_close, true, false},
    {"sdl", sdl_audio_open, sdl_audio_close, false, false},
    {"pa", sdl_audio_open, sdl_audio_close, false, true},
    {"pipewire", sdl_audio_open, sdl_audio_close, false, true},
    {"alsa", sdl_audio_open, sdl_audio_close, false, true},
    {"oss", sdl_audio_open, sdl_audio_close, false, true},
    {"jack", sdl_audio_open, sdl_audio_close, false, true},
};

/* ---- options ---- */

static bool set_driver(struct audio_out *out, const char *name)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        if (!strcmp(drivers[i].name, name))
            out->driver = &drivers[i];
    return out->driver || complain("-audiodev: unknown driver '%s' (none, wav, sdl)", name);
}

static bool set_rate(struct audio_out *out, const char *value)
{
    char *end;
    unsigned long rate = strtoul(value, &end, 10);

    out->rate = (uint32_t)rate;
    return (*value >= '1' && *value <= '9' && !*end && rate >= 8000 && rate <= 96000) ||
           complain("-audiodev: out.frequency must be 8000 to 96000, not '%s'", value);
}

static bool set_property(struct audio_out *out, const char *name, const char *value)
{
    if (!strcmp(name, "id"))
        out->id = value;
    else if (!strcmp(name, "path"))
        out->path = value;
    else if (!strcmp(name, "driver"))
        return set_driver(out, value);
    else if (!strcmp(name, "out.frequency"))
        return set_rate(out, value);
    else
        return complain("-audiodev: unknown property '%s' (id, path, out.frequency)", name);
    return true;
}

static bool check_out(const struct audio_options *all, struct audio_out *out)
{
    if (!out->driver || !out->id || !*out->id)
        return complain("-audiodev: a driver and id= are needed");
    for (unsigned i = 0; i < all->count; i++)
        if (!strcmp(all->out[i].id, out->id))
            return complain("-audiodev: id '%s' is taken", out->id);
    if (out->path && !out->driver->wants_path)
        return complain("-audiodev: '%s' has no path", out->driver->name);
    if (!out->path && out->driver->wants_path)
        out->path = "orrery.wav";
    return true;
}

/* DRIVER,id=ID,... */
bool audio_audiodev(struct options *o, const char *option, const char *arg)
{
    struct audio_options *all = &o->audio;
    struct audio_out out = {.rate = DEFAULT_RATE};
    char *rest = (char *)arg, *name, *value; /* argv may be written to */

    (void)option;
    if (all->count == ORRERY_AUDIODEVS)
        return complain("-audiodev: at most %d", ORRERY_AUDIODEVS);
    while (next_property(&rest, &name, &value)) {
        bool first = !out.driver && !value;
        if (!first && !value)
            return complain("-audiodev: '%s' has no value", name);
        if (!(first ? set_driver(&out, name) : set_property(&out, name, value)))
            return false;
    }
    if (!check_out(all, &out))
        return false;
    all->out[all->count++] = out;
    return true;
}

static bool add_card(struct options *o, const char *card)
{
    if (o->ndevices == MAX_DEVICES)
        return complain("-device: at most %d devices", MAX_DEVICES);
    o->devices[o->ndevices++] = card;
    return true;
}

/* Of two cards at the AdLib's ports the later one has them: the Sound Blaster's OPL3 does what an
 * AdLib does. */
bool audio_soundhw(struct options *o, const char *option, const char *arg)
{
    char *rest = (char *)arg, *name, *value;

    (void)option;
    if (!strcmp(arg, "help")) {
        puts("sb16\nadlib\npcspk\nall");
        return o->done = true;
    }
    while (next_property(&rest, &name, &value)) {
        bool all = !strcmp(name, "all"), speaker = all || !strcmp(name, "pcspk");
        bool sb16 = all || !strcmp(name, "sb16"), adlib = all || !strcmp(name, "adlib");
        if (value || (!speaker && !sb16 && !adlib))
            return complain("-soundhw: unknown card '%s' (sb16, adlib, pcspk, all)", name);
        o->audio.default_speaker |= speaker;
        if ((adlib && !add_card(o, "adlib")) || (sb16 && !add_card(o, "sb16")))
            return false;
    }
    return true;
}

static bool known(const struct audio_options *all, const char *id)
{
    for (unsigned i = 0; i < all->count; i++)
        if (!strcmp(all->out[i].id, id))
            return true;
    return false;
}

bool audio_configure(struct options *o)
{
    struct audio_options *all = &o->audio;

    if (all->speaker && !known(all, all->speaker))
        return complain("-machine: there is no -audiodev with id '%s'", all->speaker);
    if (!all->speaker && all->default_speaker && all->count)
        all->speaker = all->out[0].id;
    o->config.speaker = all->speaker;
    for (unsigned i = 0; i < all->count; i++) {
        o->config.audio[i].id = all->out[i].id;
        o->config.audio[i].rate = all->out[i].rate;
    }
    return true;
}

/* ---- the session's ---- */

bool session_audio(struct session *s)
{
    struct audio_options *all = &s->options.audio;

    for (unsigned i = 0; i < all->count; i++) {
        struct audio_out *out = &all->out[i];
        if (out->driver->by_sdl)
            complain("warning: -audiodev %s goes through SDL", out->driver->name);
        if (out->driver->open && !out->driver->open(s, out, &s->options.config.audio[i].sink))
            return false;
    }
    return true;
}

void session_stop_audio(struct session *s)
{
    struct audio_options *all = &s->options.audio;

    for (unsigned i = 0; i < all->count; i++)
        if (all->out[i].driver->close && s->options.config.audio[i].sink.write)
            all->out[i].driver->close(s, &all->out[i]);
}
