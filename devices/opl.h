/* Yamaha's FM chips: YM3812 (OPL2) of the AdLib card and YMF262 (OPL3) of the Sound Blaster 16.
 * devices/opl.c is what the guest sees: registers, timers, status. devices/opl_synth.c makes the
 * sound out of the registers, when somebody listens; nothing of it is visible to the guest. */
#ifndef DEVICES_OPL_H
#define DEVICES_OPL_H

#include "devices/core/audio.h"
#include "devices/core/dev.h"

#define OPL_REGS     512 /* the second array of the OPL3 begins at 100h */
#define OPL_PORTS    4   /* address and data of either array; the OPL2 has the first two */
#define OPL_CHANNELS 18
#define OPL_SLOTS    36 /* operators: n and n + 3 or so are the first two of a channel */

struct opl_synth;

struct opl_timer {
    bool running;
    u64 next; /* ns: overflow to come */
};

/* Part of a device's struct; opl_fields is its table. */
struct opl {
    struct bus *bus;
    bool opl3;
    u8 reg[OPL_REGS];
    u16 address;
    u8 flags; /* of timer 1 (40h) and 2 (20h) in the status */
    struct opl_timer timer[2];
    struct opl_synth *synth; /* NULL: nobody listens */
    struct audio_voice voice;
};

extern const struct field opl_fields[];

/* Owner's init, reset, loaded, destroy. audio NULL: the bus's default, see audio_add(). */
void opl_init(struct opl *opl, struct bus *bus, bool opl3, struct audio *audio);
void opl_reset(struct opl *opl);
void opl_loaded(struct opl *opl);
void opl_destroy(struct opl *opl);

/* Accesses to one of OPL_PORTS. */
u8 opl_read(struct opl *opl, unsigned port);
void opl_write(struct opl *opl, unsigned port, u8 value);

/* ---- opl_synth.c ---- */

/* reg: the chip's, OPL_REGS of them, read at any time. */
struct opl_synth *opl_synth_create(const u8 *reg, bool opl3);
void opl_synth_destroy(struct opl_synth *synth);

/* After a register has changed; and after any number of them, all keys up before. */
void opl_synth_changed(struct opl_synth *synth, unsigned reg);
void opl_synth_restart(struct opl_synth *synth);

/* Feeds the voice up to a time. The stream must have been started at time 0. */
void opl_synth_run(struct opl_synth *synth, struct audio_voice *voice, u64 ns);

/* Time has jumped there. */
void opl_synth_seek(struct opl_synth *synth, u64 ns);

/* Samples a second: 14.31818 MHz / 288. */
#define OPL_RATE_NUM 14318180u
#define OPL_RATE_DEN 288u

#endif
