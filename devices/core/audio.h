/* Sound on its way from devices to the host: a mixer to which devices add voices. It counts frames
 * of 16-bit stereo from virtual time 0 on and hands them out in blocks, a little late, so that a
 * voice may be fed after the fact. What comes out is a function of the guest's state and virtual
 * time; the host's time never enters, and nothing here is part of the machine's state: with nobody
 * listening (no mixer) all calls on a voice do nothing.
 *
 * A voice is fed in one of two ways, or both:
 *
 *     audio_start(v, now, 22050, 1);          a stream of samples, from now on
 *     audio_put(v, left, right); ...          the next one
 *
 *     audio_level(v, now, left, right);       a level, from now until the next call
 *
 * The machine owns mixers and names them on the bus: bus_add_object(bus, AUDIO_KIND, name, audio);
 * AUDIO_DEFAULT is the name of the one for devices that name none. */
#ifndef DEVICES_CORE_AUDIO_H
#define DEVICES_CORE_AUDIO_H

#include "base/types.h"

struct audio;
struct bus;

#define AUDIO_KIND     "audiodev"
#define AUDIO_DEFAULT  ""
#define AUDIO_UNITY    65536 /* gain 1 */
#define AUDIO_MIN_RATE 8000u
#define AUDIO_MAX_RATE 96000u

/* Part of a device's struct; zeroed and not added it is silent. */
struct audio_voice {
    struct audio *audio; /* NULL: nobody listens */
    struct audio_voice *next;
    void (*pull)(void *opaque, u64 ns);
    void *opaque;
    u32 gain[2]; /* of left and right, AUDIO_UNITY is 1 */

    /* stream */
    u64 origin;   /* the mixer's frame at which it began */
    u64 count;    /* samples so far */
    u32 num, den; /* num / den samples a second */
    s32 last[2];

    /* level */
    u64 at; /* where it stands, in frames / 65536 */
    s32 level[2];
    s64 area[2]; /* of the frame in progress */
    s64 bias[2]; /* slow mean, * 65536: what a coupling capacitor holds */
};

/* A mixer of so many frames a second (AUDIO_MIN_RATE to AUDIO_MAX_RATE); `write` gets frames, each
 * left and right as s16 of the host's byte order; NULL: nobody listens to what is added. */
struct audio *audio_create(u32 rate, void (*write)(void *opaque, const void *data, size_t len),
                           void *opaque);
void audio_destroy(struct audio *audio);

/* The machine's loop: hands out what is due at time `now` (ns); audio_due() is when the next call
 * has something to do. Before timers fire. audio_finish(): all that is left, at the end. */
void audio_run(struct audio *audio, u64 now);
u64 audio_due(const struct audio *audio);
void audio_finish(struct audio *audio, u64 now);

/* Device's init: adds a voice to a mixer; NULL: to the bus's AUDIO_DEFAULT, if there is one. `pull`
 * (or NULL) is called before frames are handed out, to bring the voice up to a time; it must change
 * nothing that the guest can see. The voice must stay until the mixer goes or runs no more. */
void audio_add(struct audio *audio, struct bus *bus, struct audio_voice *v,
               void (*pull)(void *opaque, u64 ns), void *opaque);

/* Time has jumped to `now`: frames of that time come next, and what has been mixed is cut off.
 * Devices start their streams anew when they are loaded. */
void audio_seek(struct audio *audio, u64 now);

static inline bool audio_heard(const struct audio_voice *v)
{
    return v->audio;
}

/* Samples are -32768..32767 before gain. A stream that is behind loses what comes too late. */
void audio_start(struct audio_voice *v, u64 now, u32 num, u32 den);
void audio_put(struct audio_voice *v, s32 left, s32 right);
void audio_skip(struct audio_voice *v, u64 count); /* so many samples of silence */

/* Levels fade to silence while they stay: no frequencies below some 30 Hz come out. */
void audio_level(struct audio_voice *v, u64 now, s32 left, s32 right);

/* From now on; 0 to 16 * AUDIO_UNITY. */
void audio_gain(struct audio_voice *v, u32 left, u32 right);

#endif
