/* OPL2 and OPL3: how programs find them, timers, register arrays; and the sound: pitch, envelope,
 * waveforms, modulation, four operators, percussion, sides. */
#include "tests/unit/sound_rig.h"

#include "devices/opl.h"

static struct sound *open_opl(struct devtest **t, struct opl *opl, bool opl3)
{
    struct sound *s;

    *t = dt_open();
    s = sound_open(*t);
    *opl = (struct opl){0};
    opl_init(opl, (*t)->bus, opl3, NULL);
    opl_reset(opl);
    return s;
}

static void close_opl(struct sound *s, struct opl *opl)
{
    opl_destroy(opl);
    dt_close(s->t);
    sound_close(s);
}

/* reg 0 to ff, or 100 to 1ff for the second array */
static void write_reg(struct opl *opl, unsigned reg, unsigned value)
{
    opl_write(opl, reg >> 8 ? 2 : 0, (u8)reg);
    opl_write(opl, reg >> 8 ? 3 : 1, (u8)value);
}

/* Channel 0 of an array: two operators with these settings, then the key. */
struct tone {
    u8 modulator[5], carrier[5]; /* 20, 40, 60, 80, E0 */
    u8 connection;
    u16 pitch; /* B0 and A0 */
};

static const u8 tone_regs[5] = {0x20, 0x40, 0x60, 0x80, 0xe0};

/* 440 Hz: 0x244 at block 4; a carrier alone, full level, at once and for ever */
static const struct tone plain = {
    {0x21, 0x3f, 0xf0, 0x0f, 0}, {0x21, 0x00, 0xf0, 0x0f, 0}, 0x31, 0x3244};

static void play(struct opl *opl, const struct tone *tone, unsigned array)
{
    for (int i = 0; i < 5; i++) {
        write_reg(opl, array + tone_regs[i], tone->modulator[i]);
        write_reg(opl, array + tone_regs[i] + 3, tone->carrier[i]);
    }
    write_reg(opl, array + 0xc0, tone->connection);
    write_reg(opl, array + 0xa0, tone->pitch & 0xff);
    write_reg(opl, array + 0xb0, tone->pitch >> 8);
}

/* ---- what the guest sees ---- */

/* The way of the AdLib manual, as every program does it. */
static void detect(struct devtest *t, unsigned base, u8 quiet)
{
    char script[400];
    snprintf(script, sizeof(script),
             "out %x 4; out %x 60; out %x 4; out %x 80; in %x %x; out %x 2; out %x ff; out %x 4; "
             "out %x 21; step 79000; in %x %x; step 2000; in %x %x; out %x 4; out %x 60; "
             "out %x 4; out %x 80; in %x %x",
             base, base + 1, base, base + 1, base, quiet, base, base + 1, base, base + 1, base,
             quiet, base, quiet | 0xc0, base, base + 1, base, base + 1, base, quiet);
    dt_script(t, script);
}

static void test_detection(void **state)
{
    struct devtest *t = dt_open();

    (void)state;
    dt_dev(t, &dev_adlib, NULL);
    dt_dev(t, &dev_adlib, "iobase=0x100");
    detect(t, 0x388, 0x06);
    detect(t, 0x100, 0x06);
    dt_script(t, "in 389 ff; in 38a ff");
    dt_close(t);
}

static void test_timers(void **state)
{
    struct devtest *t = dt_open();
    struct opl opl = {0};

    (void)state;
    opl_init(&opl, t->bus, true, NULL);
    opl_reset(&opl);
    write_reg(&opl, 3, 0xfe); /* 640 us */
    write_reg(&opl, 2, 0xfc); /* 320 us */
    write_reg(&opl, 4, 3);
    dt_step(t, 319999);
    assert_int_equal(opl_read(&opl, 0), 0);
    dt_step(t, 1);
    assert_int_equal(opl_read(&opl, 0), 0xc0);
    dt_step(t, 320000);
    assert_int_equal(opl_read(&opl, 0), 0xe0);
    write_reg(&opl, 4, 0x80);
    assert_int_equal(opl_read(&opl, 2), 0);
    dt_step(t, 320000); /* they go on */
    assert_int_equal(opl_read(&opl, 0), 0xc0);
    write_reg(&opl, 4, 0x43); /* timer 1 masked */
    assert_int_equal(opl_read(&opl, 0), 0);
    dt_step(t, 320000);
    assert_int_equal(opl_read(&opl, 0), 0xa0);
    write_reg(&opl, 4, 0x80);
    write_reg(&opl, 4, 0);
    dt_step(t, NS_PER_SEC);
    assert_int_equal(opl_read(&opl, 0), 0);
    assert_null(opl.synth); /* nobody listens: no sound is made */
    opl_destroy(&opl);
    dt_close(t);
}

static void test_arrays(void **state)
{
    struct devtest *t = dt_open();
    struct opl opl = {0}, two = {0};

    (void)state;
    opl_init(&opl, t->bus, true, NULL);
    opl_init(&two, t->bus, false, NULL);
    write_reg(&opl, 0x120, 0x11); /* not in the OPL2's mode: goes to the first */
    assert_int_equal(opl.reg[0x20], 0x11);
    assert_int_equal(opl.reg[0x120], 0);
    write_reg(&opl, 0x105, 1);
    write_reg(&opl, 0x120, 0x22);
    assert_int_equal(opl.reg[0x20], 0x11);
    assert_int_equal(opl.reg[0x120], 0x22);
    write_reg(&two, 0x105, 1);
    assert_int_equal(two.reg[0x105], 0);
    dt_close(t);
}

/* ---- what is heard ---- */

static void test_pitch(void **state)
{
    struct devtest *t;
    struct opl opl;
    struct sound *s = open_opl(&t, &opl, false);

    (void)state;
    sound_step(s, NS_PER_SEC / 10);
    play(&opl, &plain, 0);
    sound_step(s, NS_PER_SEC);
    write_reg(&opl, 0xb0, 0x36); /* an octave up */
    sound_step(s, NS_PER_SEC);
    write_reg(&opl, 0xb0, 0x16); /* the key is up, release at once */
    sound_step(s, NS_PER_SEC / 2);
    assert_int_equal(sound_peak(s, 0, SOUND_RATE / 10 - 2, 0), 0);
    assert_in_range(sound_crossings(s, SOUND_RATE / 10, SOUND_RATE * 11 / 10, 0), 439, 441);
    assert_in_range(sound_crossings(s, SOUND_RATE * 11 / 10, SOUND_RATE * 21 / 10, 1), 879, 882);
    assert_in_range(sound_peak(s, SOUND_RATE / 2, SOUND_RATE, 0), 8000, 8250); /* 13 bits, twice */
    assert_int_equal(sound_peak(s, SOUND_RATE * 22 / 10, SOUND_RATE * 25 / 10, 0), 0);
    close_opl(s, &opl);
}

/* The samples of one period are a sine's. */
static void test_sine(void **state)
{
    struct devtest *t;
    struct opl opl;
    struct sound *s = open_opl(&t, &opl, true);
    s64 sum = 0, squares = 0;

    (void)state;
    play(&opl, &plain, 0);
    sound_step(s, NS_PER_SEC);
    for (u32 i = 4410; i < 4410 * 9; i++) {
        sum += s->frame[i][0];
        squares += s->frame[i][0] * s->frame[i][0];
    }
    assert_in_range(llabs(sum / 35280), 0, 20);
    assert_in_range(squares / 35280, 8168 * 8168 / 2 - 400000, 8168 * 8168 / 2 + 400000);
    close_opl(s, &opl);
}

/* Attack and decay take the times of the manual's tables (at middle key scaling none is added). */
static void test_envelope(void **state)
{
    struct tone tone = plain;
    struct devtest *t;
    struct opl opl;
    struct sound *s = open_opl(&t, &opl, true);

    (void)state;
    tone.carrier[2] = 0x64; /* attack 6: 88 ms; decay 4 */
    tone.carrier[3] = 0x46; /* sustain 12 dB below; release 6: 310 ms for 48 dB or so */
    tone.pitch = 0x2244;    /* block 0: no faster in higher octaves */
    tone.carrier[0] = 0x2f; /* times 15, to have something to measure */
    play(&opl, &tone, 0);
    sound_step(s, 2 * NS_PER_SEC);
    write_reg(&opl, 0xb0, 0x02);
    sound_step(s, 2 * NS_PER_SEC);
    assert_in_range(sound_peak(s, 0, 441, 0), 0, 1000);
    assert_in_range(sound_peak(s, 441 * 4, 441 * 6, 0), 800, 8000);
    assert_in_range(sound_peak(s, 441 * 8, 441 * 11, 0), 7000, 8200);
    assert_in_range(sound_peak(s, 441 * 120, 441 * 140, 0), 1950, 2150); /* 12 dB: a quarter */
    assert_in_range(sound_peak(s, 441 * 160, 441 * 190, 0), 1950, 2150); /* it stays there */
    assert_in_range(sound_peak(s, 441 * 215, 441 * 225, 0), 150, 1800);
    assert_int_equal(sound_peak(s, 441 * 350, 441 * 399, 0), 0);
    close_opl(s, &opl);
}

static void test_waveforms(void **state)
{
    static const struct {
        int low, high;
        unsigned per_second; /* of 440 periods: rising edges through zero from below */
    } wanted[8] = {{-8168, 8168, 440}, {0, 8168, 0}, {0, 8168, 0},       {0, 8168, 0},
                   {-8168, 8168, 440}, {0, 8168, 0}, {-8170, 8168, 440}, {-8168, 8168, 440}};

    (void)state;
    for (u8 wave = 0; wave < 8; wave++) {
        struct tone tone = plain;
        struct devtest *t;
        struct opl opl;
        struct sound *s = open_opl(&t, &opl, true);
        int low = 0, high = 0;
        write_reg(&opl, 0x105, 1);
        tone.carrier[4] = wave;
        play(&opl, &tone, 0);
        sound_step(s, NS_PER_SEC / 2);
        for (u32 i = 0; i < s->frames; i++) {
            low = s->frame[i][0] < low ? s->frame[i][0] : low;
            high = s->frame[i][0] > high ? s->frame[i][0] : high;
        }
        assert_in_range(low - wanted[wave].low + 60, 0, 120);
        assert_in_range(high - wanted[wave].high + 60, 0, 120);
        close_opl(s, &opl);
    }
}

/* An OPL2 has four waveforms, once it is told to; an OPL3 in its mode, too. */
static void test_old_waveforms(void **state)
{
    struct tone tone = plain;
    struct devtest *t;
    struct opl opl;
    struct sound *s = open_opl(&t, &opl, false);

    (void)state;
    tone.carrier[4] = 6; /* square, but for the OPL2 the third */
    play(&opl, &tone, 0);
    sound_step(s, NS_PER_SEC / 10);
    write_reg(&opl, 1, 0x20);
    sound_step(s, NS_PER_SEC / 10);
    assert_in_range(sound_crossings(s, 0, 4200, 0), 41, 42); /* still a sine */
    assert_int_equal(sound_crossings(s, 5000, 8000, 0), 0);  /* never below zero */
    close_opl(s, &opl);
}

/* Modulation and feedback make harmonics: the sound crosses zero more often, and is as loud. */
static void test_modulation(void **state)
{
    struct tone tone = plain;
    struct devtest *t;
    struct opl opl;
    struct sound *s = open_opl(&t, &opl, true);

    (void)state;
    tone.modulator[1] = 0x08;
    tone.connection = 0x30; /* in series */
    tone.modulator[0] = 0x23;
    play(&opl, &tone, 0);
    sound_step(s, NS_PER_SEC / 2);
    tone.pitch &= 0x1fff;
    play(&opl, &tone, 0);
    tone.pitch = plain.pitch;
    tone.connection = 0x3f; /* both heard, full feedback: noise */
    tone.carrier[1] = 0x3f;
    play(&opl, &tone, 0);
    sound_step(s, NS_PER_SEC / 2);
    assert_in_range(sound_crossings(s, 441, 441 * 41, 0), 1000, 10000);
    assert_in_range(sound_peak(s, 441, 441 * 41, 0), 8000, 8200);
    assert_in_range(sound_crossings(s, 441 * 52, 441 * 92, 0), 1000, 10000);
    close_opl(s, &opl);
}

/* Tremolo of 4.8 dB at 3.7 Hz; vibrato of 14 cents at 6 Hz leaves the mean frequency. */
static void test_tremolo_and_vibrato(void **state)
{
    struct tone tone = plain;
    struct devtest *t;
    struct opl opl;
    struct sound *s = open_opl(&t, &opl, true);
    int least = INT16_MAX, most = 0, slow = INT16_MAX, fast = 0;

    (void)state;
    tone.carrier[0] = 0xe1;
    write_reg(&opl, 0xbd, 0xc0);
    tone.pitch = 0x3e44; /* 3.5 kHz */
    play(&opl, &tone, 0);
    sound_step(s, 2 * NS_PER_SEC);
    for (u32 i = 882; i + 882 < SOUND_RATE * 19 / 10; i += 882) {
        int peak = sound_peak(s, i, i + 882, 0);
        int count = (int)sound_crossings(s, i, i + 882, 0); /* 20 ms: about 70 */
        least = peak < least ? peak : least;
        most = peak > most ? peak : most;
        slow = count < slow ? count : slow;
        fast = count > fast ? count : fast;
    }
    assert_in_range(most, 7900, 8200);
    assert_in_range(least, 4600, 5200);
    assert_in_range(fast - slow, 1, 4);
    assert_in_range(sound_crossings(s, 0, SOUND_RATE * 19 / 10, 0), 6670, 6700);
    close_opl(s, &opl);
}

/* Four operators in a row, the last one heard: its level alone counts. Sides; the second array. */
static void test_four_operators(void **state)
{
    struct tone upper = plain, lower = plain;
    struct devtest *t;
    struct opl opl;
    struct sound *s = open_opl(&t, &opl, true);

    (void)state;
    write_reg(&opl, 0x105, 1);
    write_reg(&opl, 0x104, 0x08);
    upper.connection = 0x10; /* left; in series */
    upper.carrier[1] = 0x3f;
    lower.connection = 0x20; /* not asked */
    lower.pitch = 0;         /* nor this */
    for (int i = 0; i < 5; i++) {
        write_reg(&opl, 0x108 + tone_regs[i], lower.modulator[i]);
        write_reg(&opl, 0x10b + tone_regs[i], lower.carrier[i]);
    }
    write_reg(&opl, 0x1c3, lower.connection);
    play(&opl, &upper, 0x100);
    sound_step(s, NS_PER_SEC);
    assert_in_range(sound_crossings(s, 441 * 2, 441 * 92, 0), 394, 398);
    assert_in_range(sound_peak(s, 441, SOUND_RATE, 0), 8000, 8200);
    assert_int_equal(sound_peak(s, 0, SOUND_RATE, 1), 0);
    write_reg(&opl, 0x104, 0); /* two channels again: one at -47 dB, one without a key */
    sound_step(s, NS_PER_SEC);
    assert_in_range(sound_peak(s, SOUND_RATE + 882, 2 * SOUND_RATE, 0), 0, 40);
    close_opl(s, &opl);
}

/* Each drum by itself is heard, and dies away. */
static void test_percussion(void **state)
{
    static const u8 slots[] = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15};

    (void)state;
    for (u8 bit = 0; bit < 5; bit++) {
        struct devtest *t;
        struct opl opl;
        struct sound *s = open_opl(&t, &opl, false);
        for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
            write_reg(&opl, 0x20 + slots[i], 0x02);
            write_reg(&opl, 0x40 + slots[i], 0x00);
            write_reg(&opl, 0x60 + slots[i], 0xf8);
            write_reg(&opl, 0x80 + slots[i], 0x08);
        }
        for (unsigned channel = 6; channel < 9; channel++) {
            write_reg(&opl, 0xa0 + channel, 0x57);
            write_reg(&opl, 0xb0 + channel, 0x09);
        }
        write_reg(&opl, 0xbd, 0x20);
        sound_step(s, NS_PER_SEC / 10);
        assert_int_equal(sound_peak(s, 0, s->frames, 0), 0);
        write_reg(&opl, 0xbd, 0x20 | 1u << bit);
        sound_step(s, NS_PER_SEC / 2);
        assert_in_range(sound_peak(s, 4410, 8820, 0), 10000, 17000);
        assert_int_equal(sound_peak(s, 441 * 55, 441 * 58, 0), 0);
        close_opl(s, &opl);
    }
}

/* With and without an ear: the same state. */
static void test_listening(void **state)
{
    static const char script[] =
        "out 388 20; out 389 21; out 388 a0; out 389 44; out 388 b0; out 389 32; step 3000000; "
        "out 388 4; out 389 3; step 700000; in 388; out 388 b0; out 389 12; step 100000000; in 388";
    struct devtest *heard = dt_open(), *unheard = dt_open();
    struct sound *s = sound_open(heard);

    (void)state;
    dt_dev(heard, &dev_adlib, NULL);
    dt_dev(unheard, &dev_adlib, NULL);
    dt_script(heard, script);
    audio_finish(s->audio, heard->ticks);
    dt_script(unheard, script);
    assert_true(s->frames > 4000);
    assert_true(dt_hash(heard) == dt_hash(unheard));
    bus_reset(heard->bus);
    bus_reset(unheard->bus);
    assert_true(dt_hash(heard) == dt_hash(unheard));
    dt_close(heard);
    dt_close(unheard);
    sound_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detection),      cmocka_unit_test(test_timers),
        cmocka_unit_test(test_arrays),         cmocka_unit_test(test_pitch),
        cmocka_unit_test(test_sine),           cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_waveforms),      cmocka_unit_test(test_old_waveforms),
        cmocka_unit_test(test_modulation),     cmocka_unit_test(test_tremolo_and_vibrato),
        cmocka_unit_test(test_four_operators), cmocka_unit_test(test_percussion),
        cmocka_unit_test(test_listening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
