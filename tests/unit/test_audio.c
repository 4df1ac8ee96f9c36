/* The mixer: streams at equal and other rates, levels, gain, cutting, lateness, nobody listening;
 * and the PC's loudspeaker as the plainest voice. */
#include "tests/unit/sound_rig.h"

#define FRAME(n) (((u64)(n)*NS_PER_SEC + SOUND_RATE - 1) / SOUND_RATE)

static void test_equal_rate(void **state)
{
    struct devtest *t = dt_open();
    struct sound *s = sound_open(t);
    struct audio_voice v = {0};

    (void)state;
    audio_add(s->audio, t->bus, &v, NULL, NULL);
    audio_start(&v, FRAME(100), SOUND_RATE, 1);
    for (int i = 0; i < 300; i++)
        audio_put(&v, i * 7 - 900, 900 - i * 5);
    sound_step(s, 40 * 1000000);
    assert_in_range(s->frames, 882, 1323);
    for (int i = 0; i < (int)s->frames; i++) {
        bool in = i >= 100 && i < 400;
        assert_int_equal(s->frame[i][0], in ? (i - 100) * 7 - 900 : 0);
        assert_int_equal(s->frame[i][1], in ? 900 - (i - 100) * 5 : 0);
    }
    audio_finish(s->audio, FRAME(2000));
    assert_int_equal(s->frames, 2000);
    dt_close(t);
    sound_close(s);
}

/* Half and three times the rate: places are exact, what lies between is on the line. */
static void test_other_rates(void **state)
{
    struct devtest *t = dt_open();
    struct sound *s = sound_open(t);
    struct audio_voice slow = {0}, fast = {0};

    (void)state;
    audio_add(s->audio, t->bus, &slow, NULL, NULL);
    audio_add(s->audio, t->bus, &fast, NULL, NULL);
    audio_start(&slow, 0, SOUND_RATE, 2);
    audio_start(&fast, 0, SOUND_RATE * 3, 1);
    for (int i = 0; i < 200; i++)
        audio_put(&slow, i * 20, 0);
    for (int i = 0; i < 600; i++)
        audio_put(&fast, 0, i);
    audio_skip(&fast, 300);
    audio_put(&fast, 0, 1000);
    audio_finish(s->audio, FRAME(400));
    for (int i = 0; i < 400; i++) {
        assert_int_equal(s->frame[i][0], i < 399 ? i * 10 : 0);
        assert_int_equal(s->frame[i][1], i < 200 ? i * 3 : i == 300 ? 1000 : 0);
    }
    dt_close(t);
    sound_close(s);
}

static void test_gain_and_sum(void **state)
{
    struct devtest *t = dt_open();
    struct sound *s = sound_open(t);
    struct audio_voice a = {0}, b = {0};

    (void)state;
    audio_add(s->audio, t->bus, &a, NULL, NULL);
    audio_add(s->audio, t->bus, &b, NULL, NULL);
    audio_start(&a, 0, SOUND_RATE, 1);
    audio_start(&b, 0, SOUND_RATE, 1);
    audio_gain(&a, AUDIO_UNITY / 2, 0);
    audio_put(&a, 1000, 1000);
    audio_put(&b, -100, 50);
    audio_gain(&a, 4 * AUDIO_UNITY, 4 * AUDIO_UNITY);
    audio_put(&a, 30000, -30000);
    audio_put(&b, 0, 0);
    audio_finish(s->audio, FRAME(2));
    assert_int_equal(s->frame[0][0], 400);
    assert_int_equal(s->frame[0][1], 50);
    assert_int_equal(s->frame[1][0], INT16_MAX); /* cut, not wrapped */
    assert_int_equal(s->frame[1][1], INT16_MIN);
    dt_close(t);
    sound_close(s);
}

/* A level counts for the part of a frame that it lasts; one that stays fades. What comes too late
 * is dropped. */
static void test_levels(void **state)
{
    struct devtest *t = dt_open();
    struct sound *s = sound_open(t);
    struct audio_voice v = {0}, late = {0};

    (void)state;
    audio_add(s->audio, t->bus, &v, NULL, NULL);
    audio_add(s->audio, t->bus, &late, NULL, NULL);
    audio_start(&late, 0, SOUND_RATE, 1);
    audio_level(&v, (FRAME(10) + FRAME(11)) / 2, 8000, -8000);
    audio_level(&v, FRAME(20), 0, 0);
    audio_level(&v, FRAME(441), 10000, 10000);
    sound_step(s, 3 * NS_PER_SEC);
    audio_put(&late, 30000, 30000);
    audio_finish(s->audio, 3 * NS_PER_SEC);
    assert_int_equal(s->frames, 3 * SOUND_RATE);
    assert_int_equal(s->frame[9][0], 0);
    assert_in_range(s->frame[10][0], 3990, 4010);
    assert_in_range(-s->frame[10][1], 3990, 4010);
    assert_in_range(s->frame[19][0], 7500, 8000);
    assert_in_range(-s->frame[21][0], 1, 600); /* the capacitor discharges */
    assert_in_range(s->frame[442][0], 9800, 10000);
    assert_in_range(s->frame[442 + 256][0], 3300, 4100);
    assert_int_equal(s->frame[3 * SOUND_RATE - 1][0], 0);
    dt_close(t);
    sound_close(s);
}

static void test_nobody_listens(void **state)
{
    struct devtest *t = dt_open();
    struct audio *none = audio_create(SOUND_RATE, NULL, NULL);
    struct audio_voice v = {0};

    (void)state;
    audio_add(none, t->bus, &v, NULL, NULL);
    assert_false(audio_heard(&v));
    audio_start(&v, 0, 8000, 1);
    audio_put(&v, 1, 1);
    audio_skip(&v, 1000000);
    audio_level(&v, NS_PER_SEC, 1, 1);
    audio_run(none, 100 * NS_PER_SEC);
    audio_finish(none, 100 * NS_PER_SEC);
    assert_true(audio_due(none) == CLOCK_NEVER);
    dt_close(t);
    audio_destroy(none);
}

/* ---- the loudspeaker ---- */

static struct sound *open_speaker(struct devtest **t)
{
    struct sound *s;

    *t = dt_open();
    s = sound_open(*t);
    dt_dev(*t, &dev_i8254, NULL);
    dt_dev(*t, &dev_pcspk, "audiodev=snd0");
    return s;
}

static void test_beep(void **state)
{
    struct devtest *t;
    struct sound *s = open_speaker(&t);

    (void)state;
    sound_step(s, NS_PER_SEC / 10);
    dt_script(t, "out 43 b6; out 42 a9; out 42 4; out 61 3"); /* 1193: 1000 Hz */
    sound_step(s, NS_PER_SEC);
    dt_script(t, "out 43 b6; out 42 54; out 42 2"); /* 596: 2000 Hz */
    sound_step(s, NS_PER_SEC);
    dt_script(t, "out 61 0");
    sound_step(s, NS_PER_SEC);
    assert_int_equal(sound_peak(s, 0, SOUND_RATE / 10 - 1, 0), 0);
    assert_in_range(sound_crossings(s, SOUND_RATE / 5, SOUND_RATE, 0), 799, 801);
    assert_in_range(sound_crossings(s, SOUND_RATE * 13 / 10, SOUND_RATE * 2, 1), 1399, 1403);
    assert_in_range(sound_peak(s, SOUND_RATE / 2, SOUND_RATE, 0), 7000, 9500);
    assert_int_equal(sound_peak(s, SOUND_RATE * 5 / 2, SOUND_RATE * 3, 0), 0);
    dt_close(t);
    sound_close(s);
}

static int mean(const struct sound *s, u32 from, u32 to)
{
    int sum = 0;
    for (u32 i = from; i < to; i++)
        sum += s->frame[i][0];
    return sum / (int)(to - from);
}

/* Pulses of different length (mode 0, as players of digitized sound make them) are levels. */
static void test_pulses(void **state)
{
    struct devtest *t;
    struct sound *s = open_speaker(&t);

    (void)state;
    dt_script(t, "out 43 90; out 61 3");
    for (int i = 0; i < 1600; i++) { /* 16 kHz: 75 clocks each, of which this many low */
        dt_out(t, 0x42, i / 160 % 2 ? 60 : 15);
        sound_step(s, 62500);
    }
    for (u32 n = 2; n < 8; n++) { /* 10 ms each: four fifths of 16000 high, or one fifth */
        u32 from = n * 441;
        int change = mean(s, from + 10, from + 50) - mean(s, from - 50, from - 10);
        assert_in_range(n % 2 ? -change : change, 8000, 11000);
    }
    dt_close(t);
    sound_close(s);
}

/* Listening changes nothing that the guest can see. */
static void test_speaker_state(void **state)
{
    static const char script[] = "out 43 b6; out 42 a9; out 42 4; out 61 3; step 1000000; "
                                 "out 42 10; out 42 1; step 30000000; out 61 2; out 42 77; "
                                 "out 42 7; step 5000000";
    struct devtest *heard, *unheard = dt_open();
    struct sound *s = open_speaker(&heard);

    (void)state;
    dt_dev(unheard, &dev_i8254, NULL);
    dt_dev(unheard, &dev_pcspk, NULL);
    dt_script(heard, script);
    audio_run(s->audio, heard->ticks);
    dt_script(unheard, script);
    assert_true(s->frames > 0);
    assert_true(dt_hash(heard) == dt_hash(unheard));
    dt_close(heard);
    dt_close(unheard);
    sound_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_rate),     cmocka_unit_test(test_other_rates),
        cmocka_unit_test(test_gain_and_sum),   cmocka_unit_test(test_levels),
        cmocka_unit_test(test_nobody_listens), cmocka_unit_test(test_beep),
        cmocka_unit_test(test_pulses),         cmocka_unit_test(test_speaker_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
