/* Sound on the host: -audiodev, and the options that connect devices to it. Option handlers are
 * false after one line on standard error. */
#ifndef FRONTEND_AUDIO_H
#define FRONTEND_AUDIO_H

#include "machine/orrery.h"

struct options;
struct session;
struct audio_driver;

#define AUDIO_FRAME_BYTES 4u

/* One -audiodev; `driver` knows what it is connected to. */
struct audio_out {
    const struct audio_driver *driver;
    const char *id, *path;
    uint32_t rate;
    FILE *file;          /* wav */
    uint64_t bytes;      /* written to it */
    uint32_t sdl_device; /* SDL's number of it, 0: none */
};

struct audio_options {
    struct audio_out out[ORRERY_AUDIODEVS];
    unsigned count;
    const char *speaker;  /* id that -machine pcspk-audiodev= names */
    bool default_speaker; /* -soundhw pcspk: on the first -audiodev */
};

bool audio_audiodev(struct options *o, const char *name, const char *arg);
bool audio_soundhw(struct options *o, const char *name, const char *arg);

/* After the last option: fills the machine's configuration. */
bool audio_configure(struct options *o);

/* Opens what the sound goes to, before the machine is made; false after a complaint. Its end, when
 * the machine has given out all. */
bool session_audio(struct session *s);
void session_stop_audio(struct session *s);

/* sdl_audio.c: connects to the default sound device and sets the sink; false after a complaint. */
bool sdl_audio_open(struct session *s, struct audio_out *out, struct orrery_sink *sink);
void sdl_audio_close(struct session *s, struct audio_out *out);

#endif
