/* The parts of the Sound Blaster 16 among themselves: devices/sb16.c puts them together, sb16_dsp.c
 * is its processor's commands, sb16_dma.c the digitized sound, sb16_mixer.c the CT1745 mixer,
 * sb16_midi.c the MPU-401. Creative Labs, "Sound Blaster Series Hardware Programming Guide". */
#ifndef DEVICES_SB16_H
#define DEVICES_SB16_H

#include "devices/core/audio.h"
#include "devices/core/dev.h"
#include "devices/i8237.h"
#include "devices/opl.h"

enum { SB_IRQ_8 = 1, SB_IRQ_16 = 2, SB_IRQ_MIDI = 4 }; /* as in mixer register 82h */

enum sb_format { SB_PCM, SB_ADPCM_2, SB_ADPCM_26, SB_ADPCM_4, SB_SILENCE };

/* Digitized sound through DMA. A tick is the time of a frame, or of a byte of compressed samples.
 */
struct sb_stream {
    u8 format; /* enum sb_format */
    bool active, paused;
    bool automatic, leaving; /* auto-init; ends after this block */
    bool input, wide, stereo, is_signed;
    bool starved;       /* the DMA controller has not answered */
    bool reference;     /* the next byte is a sample, not a difference */
    u32 block, left;    /* bytes */
    u32 num, den;       /* num / den ticks a second */
    u64 start, taken;   /* ns; ticks done since */
    u8 part[4], filled; /* a frame in progress */
    u8 sample, step;    /* ADPCM decoder */
    struct timer timer; /* the end of the block, or sooner */
};

struct sb_dsp {
    u8 command, args[3];
    u8 wanted, given; /* bytes of arguments */
    u8 reply[64], reply_head, reply_len;
    u8 last;      /* as read when there is no reply */
    u64 ready_at; /* ns: no reply, and no command, before */
    bool in_reset, speaker, midi;
    u8 test;           /* E4h, E8h */
    u8 id_sum, id_xor; /* E2h */
    bool id_waits;     /* for the DMA controller */
    u32 rate_num, rate_den;
    u16 block; /* 48h: units - 1 */
};

struct sb_midi {
    bool uart;
    u8 ack; /* bytes of acknowledge to read, 0 or 1 */
};

struct sb_mixer {
    u8 index;
    u8 reg[0x82];
};

struct sb16 {
    struct dev dev;
    u32 iobase, irq, dma, dma16, mpu;
    struct audio *audiodev;
    struct dev *dma_controller;
    struct i8237_watch watch;
    u8 irqs;     /* pending, SB_IRQ_* */
    u8 irq_line; /* ISA line that is up for them, 0: none */
    u8 dreq;     /* 1 + channel whose request is up, 0: none */
    struct sb_dsp dsp;
    struct sb_stream stream;
    struct sb_mixer mixer;
    struct sb_midi midi;
    struct opl opl;
    struct audio_voice voice;
};

/* sb16.c */
void sb16_raise(struct sb16 *s, u8 irqs);
void sb16_lower(struct sb16 *s, u8 irqs);
void sb16_update_irq(struct sb16 *s); /* after the mixer's choice of a line, too */

/* sb16_dsp.c */
extern const struct field sb16_dsp_fields[];
void sb16_dsp_init(struct sb16 *s);
void sb16_dsp_reset(struct sb16 *s); /* also by software */
u8 sb16_dsp_read(struct sb16 *s, unsigned reg);
void sb16_dsp_write(struct sb16 *s, unsigned reg, u8 value);

/* sb16_dma.c */
extern const struct field sb16_stream_fields[];
void sb16_dma_init(struct sb16 *s);
void sb16_dma_reset(struct sb16 *s);
void sb16_dma_loaded(struct sb16 *s); /* the sound begins anew, the transfer goes on */
void sb16_dma_sync(struct sb16 *s);   /* does what is due */
/* Starts what `how` says (format to is_signed, block); the rate is the DSP's. */
void sb16_dma_start(struct sb16 *s, const struct sb_stream *how);
void sb16_dma_stop(struct sb16 *s);
void sb16_dma_pause(struct sb16 *s, bool paused);
void sb16_dma_resume_auto(struct sb16 *s);
void sb16_dma_identify(struct sb16 *s); /* tries to store dsp.id_sum */
void sb16_dma_level(struct sb16 *s, u8 sample);

/* sb16_mixer.c */
extern const struct field sb16_mixer_fields[];
void sb16_mixer_power_on(struct sb16 *s);
u8 sb16_mixer_read(struct sb16 *s, unsigned reg);
void sb16_mixer_write(struct sb16 *s, unsigned reg, u8 value);
void sb16_mixer_apply(struct sb16 *s);
unsigned sb16_mixer_irq(const struct sb16 *s);       /* ISA line, 0: none is chosen */
int sb16_mixer_dma(const struct sb16 *s, bool wide); /* channel, or -1 */

/* sb16_midi.c */
extern const struct field sb16_midi_fields[];
void sb16_midi_init(struct sb16 *s);
void sb16_midi_reset(struct sb16 *s);

#endif
