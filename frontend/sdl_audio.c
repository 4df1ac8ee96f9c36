/* Sound through SDL. It comes in virtual time and is wanted in real time: the session keeps to the
 * wall clock while there is sound to hear. What a guest has too much of is dropped, what it has too
 * little of is a gap. Where Orrery is built without SDL, this says so. */
#include "frontend/audio.h"
#include "frontend/session.h"

#ifdef HAVE_SDL
#include <SDL.h>

#define QUEUE_MS 250u /* more is dropped */

static void sdl_write(void *opaque, const void *data, size_t len)
{
    struct audio_out *out = opaque;

    if (SDL_GetQueuedAudioSize(out->sdl_device) < out->rate * AUDIO_FRAME_BYTES / 1000 * QUEUE_MS)
        SDL_QueueAudio(out->sdl_device, data, (Uint32)len);
}

bool sdl_audio_open(struct session *s, struct audio_out *out, struct orrery_sink *sink)
{
    SDL_AudioSpec spec = {
        .freq = (int)out->rate, .format = AUDIO_S16SYS, .channels = 2, .samples = 1024};

    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    if (SDL_InitSubSystem(SDL_INIT_AUDIO))
        return complain("-audiodev: SDL has no sound: %s", SDL_GetError());
    out->sdl_device = SDL_OpenAudioDevice(NULL, 0, &spec, NULL, 0);
    if (!out->sdl_device) {
        complain("-audiodev: SDL: %s", SDL_GetError());
        SDL_QuitSubSystem(SDL_INIT_AUDIO);
        return false;
    }
    SDL_PauseAudioDevice(out->sdl_device, 0);
    *sink = (struct orrery_sink){sdl_write, out};
    s->waiting++;
    s->paced++;
    return true;
}

void sdl_audio_close(struct session *s, struct audio_out *out)
{
    s->waiting--;
    s->paced--;
    SDL_CloseAudioDevice(out->sdl_device);
    SDL_QuitSubSystem(SDL_INIT_AUDIO);
}

#else

bool sdl_audio_open(struct session *s, struct audio_out *out, struct orrery_sink *sink)
{
    (void)s;
    (void)out;
    (void)sink;
    return complain("-audiodev: built without SDL, only none and wav are there");
}

void sdl_audio_close(struct session *s, struct audio_out *out)
{
    (void)s;
    (void)out;
}

#endif
