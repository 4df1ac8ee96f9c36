/* The processor (DSP) of a Sound Blaster 16, version 4.05: its commands, a table with a row for
 * each that takes arguments or does something. What it does not know it ignores.
 *
 * A command may come at any time; the busy bit says for a while that another one should not. The
 * processor of version 4 takes commands during high-speed transfers as well. */
#include "devices/sb16.h"

#include <string.h>

#define VERSION_MAJOR 4
#define VERSION_MINOR 5
#define RESET_NS      20000u /* from the end of a reset to its answer */
#define BUSY_NS       1000u
#define READY         0xaa
#define MIN_RATE      1000u
#define MAX_RATE      48000u

enum { R_RESET = 0x6, R_DATA = 0xa, R_COMMAND = 0xc, R_STATUS = 0xe, R_ACK_16 = 0xf };

const struct field sb16_dsp_fields[] = {
    FIELD(struct sb_dsp, command),
    FIELD_ARRAY(struct sb_dsp, args),
    FIELD_MAX(struct sb_dsp, wanted, 3),
    FIELD_MAX(struct sb_dsp, given, 3),
    FIELD_ARRAY(struct sb_dsp, reply),
    FIELD_MAX(struct sb_dsp, reply_head, 63),
    FIELD_MAX(struct sb_dsp, reply_len, 64),
    FIELD(struct sb_dsp, last),
    FIELD(struct sb_dsp, ready_at),
    FIELD(struct sb_dsp, in_reset),
    FIELD(struct sb_dsp, speaker),
    FIELD(struct sb_dsp, midi),
    FIELD(struct sb_dsp, test),
    FIELD(struct sb_dsp, id_sum),
    FIELD(struct sb_dsp, id_xor),
    FIELD(struct sb_dsp, id_waits),
    FIELD(struct sb_dsp, rate_num),
    FIELD(struct sb_dsp, rate_den),
    FIELD(struct sb_dsp, block),
    FIELD_END,
};

/* ---- replies ---- */

static void reply(struct sb16 *s, u8 value)
{
    struct sb_dsp *d = &s->dsp;
    if (d->reply_len < sizeof(d->reply))
        d->reply[(d->reply_head + d->reply_len++) % sizeof(d->reply)] = value;
}

static void forget_replies(struct sb16 *s)
{
    s->dsp.reply_len = 0;
}

static bool ready(const struct sb16 *s)
{
    return clock_now(s->dev.bus->clock) >= s->dsp.ready_at;
}

static u8 read_reply(struct sb16 *s)
{
    struct sb_dsp *d = &s->dsp;

    if (d->reply_len && ready(s)) {
        d->last = d->reply[d->reply_head];
        d->reply_head = (u8)((d->reply_head + 1) % sizeof(d->reply));
        d->reply_len--;
    }
    return d->last;
}

/* ---- commands ---- */

struct command {
    void (*run)(struct sb16 *s, const u8 *args, u8 code);
    u8 args;    /* bytes */
    u8 setting; /* of `run` */
};

static void set_rate(struct sb16 *s, u32 num, u32 den)
{
    s->dsp.rate_num = num < MIN_RATE * den ? MIN_RATE : num > MAX_RATE * den ? MAX_RATE : num;
    s->dsp.rate_den = s->dsp.rate_num == num ? den : 1;
}

static void do_time_constant(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)setting;
    set_rate(s, 1000000, 256u - args[0]);
}

static void do_rate(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)setting;
    set_rate(s, (u32)args[0] << 8 | args[1], 1);
}

static u16 low_high(const u8 *args)
{
    return (u16)(args[0] | args[1] << 8);
}

static void do_block_size(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)setting;
    s->dsp.block = low_high(args);
}

static void do_direct(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)setting;
    sb16_dma_level(s, args[0]);
}

static void do_direct_in(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)args;
    (void)setting;
    reply(s, 0x80); /* silence */
}

/* Transfers of the older models: format in the low bits, and these. */
enum { OF_FORMAT = 7, OF_REFERENCE = 0x08, OF_INPUT = 0x10, OF_AUTO = 0x20, OF_BLOCK = 0x40 };

static void do_transfer(struct sb16 *s, const u8 *args, u8 setting)
{
    struct sb_stream how = {
        .format = setting & OF_FORMAT,
        .reference = setting & OF_REFERENCE,
        .input = setting & OF_INPUT,
        .automatic = setting & OF_AUTO,
        .block = (setting & OF_BLOCK ? s->dsp.block : low_high(args)) + 1u,
    };
    sb16_dma_start(s, &how);
}

/* Bx and Cx: 16 and 8 bits. The length counts samples. */
static void do_new_transfer(struct sb16 *s, const u8 *args, u8 setting)
{
    u8 code = s->dsp.command;
    bool wide = (code & 0xf0) == 0xb0;
    struct sb_stream how = {
        .format = SB_PCM,
        .wide = wide,
        .input = code & 8,
        .automatic = code & 4,
        .stereo = args[0] & 0x20,
        .is_signed = args[0] & 0x10,
        .block = (low_high(args + 1) + 1u) << wide,
    };
    (void)setting;
    sb16_dma_start(s, &how);
}

static void do_pause(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)args;
    sb16_dma_pause(s, setting);
}

static void do_auto(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)args;
    if (setting)
        sb16_dma_resume_auto(s);
    else
        s->stream.leaving = true;
}

static void do_speaker(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)args;
    s->dsp.speaker = setting; /* the converter of this model is always on */
}

static void do_speaker_state(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)args;
    (void)setting;
    forget_replies(s);
    reply(s, s->dsp.speaker ? 0xff : 0x00);
}

static void do_identify(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)setting;
    forget_replies(s);
    reply(s, (u8)~args[0]);
}

static void do_version(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)args;
    (void)setting;
    forget_replies(s);
    reply(s, VERSION_MAJOR);
    reply(s, VERSION_MINOR);
}

/* Sums up what it is given, each time in another disguise, and stores the sum by 8-bit DMA. */
static void do_identify_dma(struct sb16 *s, const u8 *args, u8 setting)
{
    struct sb_dsp *d = &s->dsp;

    (void)setting;
    d->id_sum = (u8)(d->id_sum + (args[0] ^ d->id_xor));
    d->id_xor = (u8)(d->id_xor >> 2 | d->id_xor << 6);
    sb16_dma_identify(s);
}

static void do_copyright(struct sb16 *s, const u8 *args, u8 setting)
{
    static const char text[] = "COPYRIGHT (C) CREATIVE TECHNOLOGY LTD, 1992.";
    (void)args;
    (void)setting;
    forget_replies(s);
    for (size_t i = 0; i < sizeof(text); i++) /* with its zero */
        reply(s, (u8)text[i]);
}

static void do_test_write(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)setting;
    s->dsp.test = args[0];
}

static void do_test_read(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)args;
    (void)setting;
    forget_replies(s);
    reply(s, s->dsp.test);
}

static void do_interrupt(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)args;
    sb16_raise(s, setting);
}

static void do_answer(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)args;
    reply(s, setting);
}

/* From here on what is written is MIDI output, until a reset. */
static void do_midi(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)args;
    (void)setting;
    s->dsp.midi = true;
}

static void do_nothing(struct sb16 *s, const u8 *args, u8 setting)
{
    (void)s;
    (void)args;
    (void)setting;
}

static const struct command commands[256] = {
    [0x04] = {do_nothing, 1, 0}, /* 04 to 0F: the signal processor, which is not there */
    [0x05] = {do_nothing, 2, 0},
    [0x08] = {do_nothing, 1, 0},
    [0x0e] = {do_nothing, 2, 0},
    [0x0f] = {do_answer, 1, 0xff},
    [0x10] = {do_direct, 1, 0},
    [0x14] = {do_transfer, 2, SB_PCM},
    [0x15] = {do_transfer, 2, SB_PCM},
    [0x16] = {do_transfer, 2, SB_ADPCM_2},
    [0x17] = {do_transfer, 2, SB_ADPCM_2 | OF_REFERENCE},
    [0x1c] = {do_transfer, 0, SB_PCM | OF_AUTO | OF_BLOCK},
    [0x1f] = {do_transfer, 0, SB_ADPCM_2 | OF_REFERENCE | OF_AUTO | OF_BLOCK},
    [0x20] = {do_direct_in, 0, 0},
    [0x24] = {do_transfer, 2, SB_PCM | OF_INPUT},
    [0x2c] = {do_transfer, 0, SB_PCM | OF_INPUT | OF_AUTO | OF_BLOCK},
    [0x34 ... 0x37] = {do_midi, 0, 0},
    [0x38] = {do_nothing, 1, 0}, /* MIDI output */
    [0x40] = {do_time_constant, 1, 0},
    [0x41 ... 0x42] = {do_rate, 2, 0},
    [0x45] = {do_auto, 0, 1},
    [0x47] = {do_auto, 0, 1},
    [0x48] = {do_block_size, 2, 0},
    [0x74] = {do_transfer, 2, SB_ADPCM_4},
    [0x75] = {do_transfer, 2, SB_ADPCM_4 | OF_REFERENCE},
    [0x76] = {do_transfer, 2, SB_ADPCM_26},
    [0x77] = {do_transfer, 2, SB_ADPCM_26 | OF_REFERENCE},
    [0x7d] = {do_transfer, 0, SB_ADPCM_4 | OF_REFERENCE | OF_AUTO | OF_BLOCK},
    [0x7f] = {do_transfer, 0, SB_ADPCM_26 | OF_REFERENCE | OF_AUTO | OF_BLOCK},
    [0x80] = {do_transfer, 2, SB_SILENCE},
    [0x90] = {do_transfer, 0, SB_PCM | OF_AUTO | OF_BLOCK},
    [0x91] = {do_transfer, 0, SB_PCM | OF_BLOCK},
    [0x98] = {do_transfer, 0, SB_PCM | OF_INPUT | OF_AUTO | OF_BLOCK},
    [0x99] = {do_transfer, 0, SB_PCM | OF_INPUT | OF_BLOCK},
    [0xb0 ... 0xcf] = {do_new_transfer, 3, 0},
    [0xd0] = {do_pause, 0, 1},
    [0xd1] = {do_speaker, 0, 1},
    [0xd3] = {do_speaker, 0, 0},
    [0xd4] = {do_pause, 0, 0},
    [0xd5] = {do_pause, 0, 1},
    [0xd6] = {do_pause, 0, 0},
    [0xd8] = {do_speaker_state, 0, 0},
    [0xd9 ... 0xda] = {do_auto, 0, 0},
    [0xe0] = {do_identify, 1, 0},
    [0xe1] = {do_version, 0, 0},
    [0xe2] = {do_identify_dma, 1, 0},
    [0xe3] = {do_copyright, 0, 0},
    [0xe4] = {do_test_write, 1, 0},
    [0xe8] = {do_test_read, 0, 0},
    [0xf2] = {do_interrupt, 0, SB_IRQ_8},
    [0xf3] = {do_interrupt, 0, SB_IRQ_16},
    [0xf8] = {do_answer, 0, 0},
    [0xf9] = {do_answer, 1, 0}, /* the processor's own memory */
    [0xfa] = {do_nothing, 2, 0},
};

static void write_command(struct sb16 *s, u8 value)
{
    struct sb_dsp *d = &s->dsp;

    if (d->midi || d->in_reset)
        return;
    d->ready_at = clock_now(s->dev.bus->clock) + BUSY_NS;
    if (d->given < d->wanted) {
        d->args[d->given++] = value;
    } else {
        d->command = value;
        d->wanted = commands[value].args;
        d->given = 0;
    }
    if (d->given == d->wanted) {
        d->given = d->wanted = 0;
        if (commands[d->command].run)
            commands[d->command].run(s, d->args, commands[d->command].setting);
    }
}

/* ---- registers ---- */

void sb16_dsp_reset(struct sb16 *s)
{
    sb16_dma_stop(s);
    s->dsp = (struct sb_dsp){.id_sum = 0xaa,
                             .id_xor = 0x96,
                             .rate_num = 1000000,
                             .rate_den = 256 - 165,
                             .test = s->dsp.test};
    sb16_lower(s, SB_IRQ_8 | SB_IRQ_16);
}

static void write_reset(struct sb16 *s, bool up)
{
    bool was_up = s->dsp.in_reset;

    if (up) {
        sb16_dsp_reset(s);
        s->dsp.in_reset = true;
    } else if (was_up) {
        s->dsp.in_reset = false;
        s->dsp.ready_at = clock_now(s->dev.bus->clock) + RESET_NS;
        reply(s, READY);
    }
}

u8 sb16_dsp_read(struct sb16 *s, unsigned reg)
{
    switch (reg) {
    case R_DATA: return read_reply(s);
    case R_COMMAND: return !s->dsp.in_reset && ready(s) ? 0x7f : 0xff;
    case R_STATUS: sb16_lower(s, SB_IRQ_8); return s->dsp.reply_len && ready(s) ? 0xff : 0x7f;
    case R_ACK_16: sb16_lower(s, SB_IRQ_16); return 0xff;
    default: return 0xff;
    }
}

void sb16_dsp_write(struct sb16 *s, unsigned reg, u8 value)
{
    if (reg == R_RESET)
        write_reset(s, value & 1);
    else if (reg == R_COMMAND)
        write_command(s, value);
}
