/* Sound Blaster 16: how programs find it, commands, mixer, interrupts, DMA in all its ways with
 * exact times, what is heard of it; MPU-401. */
#include "tests/unit/sound_rig.h"

#include "base/bytes.h"

#define RAM (1u << 20)
#define BUF 0x30000u

struct card {
    struct devtest *t;
    struct sound *s; /* NULL: nobody listens */
    struct phys *phys;
};

static struct card open_card(bool heard, const char *options)
{
    struct card c = {.t = dt_open()};

    c.phys = c.t->bus->phys = phys_new(RAM);
    assert_non_null(c.phys);
    c.s = heard ? sound_open(c.t) : NULL;
    dt_dev(c.t, &dev_i8237, NULL);
    dt_dev(c.t, &dev_sb16, options);
    dt_script(c.t, "out d6 c0; out d4 0"); /* cascade open */
    return c;
}

static void close_card(struct card *c)
{
    dt_close(c->t);
    phys_free(c->phys);
    if (c->s)
        sound_close(c->s);
}

static void step(struct card *c, u64 ns)
{
    if (c->s)
        sound_step(c->s, ns);
    else
        dt_step(c->t, ns);
}

/* Writes a command and its arguments to the DSP. */
static void dsp(struct card *c, unsigned count, const u8 *bytes)
{
    for (unsigned i = 0; i < count; i++)
        dt_out(c->t, 0x22c, bytes[i]);
}
#define DSP(c, ...) dsp(c, sizeof((u8[]){__VA_ARGS__}), (u8[]){__VA_ARGS__})

static void reset_dsp(struct card *c)
{
    dt_script(c->t, "out 226 1; step 3000; out 226 0; step 100000; in 22e ff; in 22a aa");
}

static void mixer(struct card *c, unsigned reg, unsigned value)
{
    dt_out(c->t, 0x224, reg);
    dt_out(c->t, 0x225, value);
}

static void check_mixer(struct card *c, unsigned reg, unsigned value)
{
    dt_out(c->t, 0x224, reg);
    assert_int_equal(dt_in(c->t, 0x225), value);
}

/* Volumes at their highest: samples come out as they are. */
static void loud(struct card *c)
{
    for (unsigned reg = 0x30; reg < 0x36; reg++)
        mixer(c, reg, 0xf8);
}

/* Programs channel 1, or 5, for so many bytes of BUF. Mode 48h: from memory; 44h: to it; 10h more:
 * again and again. */
static void program(struct card *c, unsigned channel, u8 mode, u32 bytes)
{
    u32 wide = channel >= 5, at = wide ? BUF >> 1 & 0xffff : BUF & 0xffff;
    u32 count = (wide ? bytes / 2 : bytes) - 1, n = channel & 3;
    char script[300];

    snprintf(script, sizeof(script),
             "out %x %x; out %x 0; out %x %x; out %x %x; out %x %x; out %x %x; out %x %x; "
             "out %x %x; out %x %x",
             wide ? 0xd4 : 0xa, 4 | n, wide ? 0xd8 : 0xc, wide ? 0xd6 : 0xb, mode | n,
             wide ? 0xc0 + 4 * n : 2 * n, at & 0xff, wide ? 0xc0 + 4 * n : 2 * n, at >> 8,
             channel == 1   ? 0x83
             : channel == 5 ? 0x8b
                            : 0x82,
             BUF >> 16, wide ? 0xc2 + 4 * n : 2 * n + 1, count & 0xff,
             wide ? 0xc2 + 4 * n : 2 * n + 1, count >> 8, wide ? 0xd4 : 0xa, n);
    dt_script(c->t, script);
}

/* The count that the DMA controller shows. */
static unsigned dma_count(struct card *c, unsigned channel)
{
    u16 port = (u16)(channel >= 5 ? 0xc2 + 4 * (channel & 3) : 2 * channel + 1);
    dt_out(c->t, channel >= 5 ? 0xd8 : 0xc, 0);
    u32 low = dt_in(c->t, port);
    return low | dt_in(c->t, port) << 8;
}

static void fill(struct card *c, const void *data, u32 len)
{
    assert_true(phys_dma_write(c->phys, BUF, data, len));
}

/* ---- finding it ---- */

static void test_reset(void **state)
{
    struct card c = open_card(false, NULL);

    (void)state;
    dt_script(c.t, "in 22e 7f; in 22c 7f; out 226 1; in 22c ff; step 3000; out 226 0; in 22e 7f; "
                   "step 19999; in 22e 7f; step 1; in 22e ff; in 22a aa; in 22e 7f; in 22a aa; "
                   "in 226 ff; out 226 0; step 100000; in 22e 7f");
    DSP(&c, 0xe1);
    dt_script(c.t, "in 22c ff; step 1000; in 22c 7f; in 22a 4; in 22e ff; in 22a 5; in 22e 7f");
    close_card(&c);
    c = open_card(false, "iobase=0x240,irq=7,dma=3,dma16=7,mpu=0x300");
    dt_script(c.t, "out 246 1; step 3000; out 246 0; step 30000; in 24a aa; in 22a ff; in 301 bf; "
                   "out 24c f2; irq 7 1; in 24e 7f; irq 7 0");
    close_card(&c);
}

static void test_commands(void **state)
{
    static const char text[] = "COPYRIGHT (C) CREATIVE TECHNOLOGY LTD, 1992.";
    struct card c = open_card(false, NULL);

    (void)state;
    reset_dsp(&c);
    DSP(&c, 0xe0, 0xaa);
    dt_script(c.t, "step 2000; in 22a 55");
    DSP(&c, 0xe4, 0x5a, 0xe8);
    dt_script(c.t, "step 2000; in 22a 5a");
    DSP(&c, 0xe3);
    step(&c, 2000);
    for (size_t i = 0; i < sizeof(text); i++)
        assert_int_equal(dt_in(c.t, 0x22a), (u8)text[i]);
    dt_script(c.t, "in 22e 7f; out 22c d1; out 22c d8; step 2000; in 22a ff; out 22c d3; "
                   "out 22c d8; step 2000; in 22a 0; out 22c 20; step 2000; in 22a 80; "
                   "out 22c f8; step 2000; in 22a 0; out 22c 3; out 22c e1; step 2000; in 22a 4");
    close_card(&c);
}

static void test_interrupts(void **state)
{
    struct card c = open_card(false, NULL);

    (void)state;
    dt_script(c.t,
              "out 22c f2; irq 5 1; out 224 82; in 225 21; in 22f; irq 5 1; in 22e; irq 5 0; "
              "out 22c f3; irq 5 1; in 225 22; in 22e; irq 5 1; in 22f; irq 5 0; in 225 20; "
              "out 22c f2; out 22c f3; in 225 23; in 22e; irq 5 1; in 22f; irq 5 0; edges 5 3");
    /* The line is chosen by the mixer, even while it is up. */
    dt_script(c.t, "out 224 80; in 225 2; out 225 8; out 22c f2; irq 5 0; irq 10 1; out 225 4; "
                   "irq 10 0; irq 7 1; out 225 1; irq 7 0; irq 9 1; in 22e; irq 9 0; out 225 0; "
                   "out 22c f2; irq 9 0; in 22e; out 225 f2; in 225 2");
    /* A reset of the DSP takes the request back. */
    dt_script(c.t, "out 22c f2; irq 5 1; out 226 1; irq 5 0; out 226 0");
    close_card(&c);
}

static void test_dma_identification(void **state)
{
    struct card c = open_card(false, NULL);
    u8 memory[4] = {0};

    (void)state;
    reset_dsp(&c);
    program(&c, 1, 0x54, 4);
    DSP(&c, 0xe2, 0x00);
    DSP(&c, 0xe2, 0xff);
    phys_dma_read(c.phys, BUF, memory, 4);
    assert_int_equal(memory[0], 0x40); /* AA + 96 */
    assert_int_equal(memory[1], 0x9a); /* + ~A5 */
    /* With the channel masked it asks until it gets an answer. */
    dt_script(c.t, "out a 5; out 22c e2; out 22c 12; in 8 20&f0; out a 1; in 8 0&f0");
    phys_dma_read(c.phys, BUF, memory, 4);
    assert_int_equal(memory[2], (0x9a + (0x12 ^ 0x69)) & 0xff);
    assert_int_equal(memory[3], 0);
    close_card(&c);
}

static void test_mixer(void **state)
{
    struct card c = open_card(false, NULL);

    (void)state;
    check_mixer(&c, 0x30, 0xc0);
    check_mixer(&c, 0x36, 0x00);
    check_mixer(&c, 0x3c, 0x1f);
    check_mixer(&c, 0x44, 0x80);
    check_mixer(&c, 0x81, 0x22);
    check_mixer(&c, 0xff, 0xff);
    mixer(&c, 0x30, 0xff);
    check_mixer(&c, 0x30, 0xf8);
    check_mixer(&c, 0x22, 0xfc);
    mixer(&c, 0x04, 0x5a); /* the Pro's four bits become five */
    check_mixer(&c, 0x04, 0x5a);
    check_mixer(&c, 0x32, 0x58);
    check_mixer(&c, 0x33, 0xa8);
    mixer(&c, 0x0a, 5);
    check_mixer(&c, 0x0a, 5);
    check_mixer(&c, 0x3a, 0xb8);
    mixer(&c, 0x81, 0xff);
    check_mixer(&c, 0x81, 0xeb);
    mixer(&c, 0, 0);
    check_mixer(&c, 0x30, 0xc0);
    check_mixer(&c, 0x04, 0xcc);
    check_mixer(&c, 0x81, 0xeb);
    dt_script(c.t, "out 224 30; in 224 30");
    close_card(&c);
}

static void test_midi(void **state)
{
    struct card c = open_card(false, NULL);

    (void)state;
    dt_script(c.t, "in 331 bf; in 330 ff; out 331 ff; irq 5 1; out 224 82; in 225 24; in 331 3f; "
                   "in 330 fe; irq 5 0; in 331 bf; out 331 3f; in 330 fe; out 330 90; out 330 3c; "
                   "in 331 bf; out 331 3f; in 331 bf; out 331 ff; in 331 bf; out 331 ff; "
                   "in 331 3f; in 330 fe");
    /* The DSP's own MIDI mode swallows all until a reset. */
    DSP(&c, 0x38, 0x90, 0x34, 0xe1, 0xf2);
    dt_script(c.t, "irq 5 0; step 2000; in 22e 7f");
    reset_dsp(&c);
    close_card(&c);
}

static void test_fm(void **state)
{
    struct card c = open_card(false, NULL);

    (void)state;
    dt_script(c.t, "in 388 0; out 228 2; out 229 ff; out 388 4; out 389 21; step 80000; in 220 c0; "
                   "in 228 c0; in 388 c0; out 220 4; out 221 80; in 388 0; in 222 0");
    close_card(&c);
}

static void test_refusals(void **state)
{
    static const char *const bad[] = {"irq=6",           "dma=2",          "dma16=4",
                                      "iobase=0x225",    "iobase=0x10000", "mpu=0x331",
                                      "audiodev=nowhere"};
    struct devtest *t = dt_open();
    char err[200];

    (void)state;
    assert_null(dev_create(t->bus, &dev_sb16, NULL, err, sizeof(err)));
    dt_dev(t, &dev_i8237, NULL);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_null(dev_create(t->bus, &dev_sb16, bad[i], err, sizeof(err)));
    dt_close(t);
}

/* ---- DMA ---- */

/* 100 bytes at 10 kHz: the count falls with every sample, the interrupt comes with the last. */
static void test_single(void **state)
{
    struct card c = open_card(false, NULL);

    (void)state;
    program(&c, 1, 0x48, 200);
    DSP(&c, 0x40, 156, 0x14, 99, 0);
    assert_int_equal(dma_count(&c, 1), 199);
    step(&c, 99999);
    assert_int_equal(dma_count(&c, 1), 199);
    step(&c, 1);
    assert_int_equal(dma_count(&c, 1), 198);
    step(&c, 4900000);
    assert_int_equal(dma_count(&c, 1), 149);
    step(&c, 4999999);
    dt_script(c.t, "irq 5 0; step 1; irq 5 1");
    assert_int_equal(dma_count(&c, 1), 99);
    dt_script(c.t, "in 22e; irq 5 0; step 50000000; irq 5 0; in 8 0&f2");
    assert_int_equal(dma_count(&c, 1), 99);
    DSP(&c, 0x48, 99, 0, 0x91);                                          /* high-speed */
    dt_script(c.t, "step 9999999; irq 5 0; step 1; irq 5 1; in 8 2&f2"); /* terminal count */
    close_card(&c);
}

static void test_auto(void **state)
{
    struct card c = open_card(false, NULL);

    (void)state;
    program(&c, 1, 0x58, 200);
    DSP(&c, 0x40, 156, 0x48, 99, 0, 0x1c);
    dt_script(c.t, "step 9999999; irq 5 0; step 1; irq 5 1; in 22e; step 9999999; irq 5 0; step 1; "
                   "irq 5 1; in 22e");
    assert_int_equal(dma_count(&c, 1), 199); /* began anew */
    step(&c, 1000000);
    assert_int_equal(dma_count(&c, 1), 189);
    DSP(&c, 0xd0); /* pause */
    step(&c, 7000000);
    assert_int_equal(dma_count(&c, 1), 189);
    DSP(&c, 0xd4);
    step(&c, 1000000);
    assert_int_equal(dma_count(&c, 1), 179);
    DSP(&c, 0xda); /* ends with this block */
    dt_script(c.t, "step 8000000; irq 5 1; in 22e; step 30000000; irq 5 0");
    assert_int_equal(dma_count(&c, 1), 99);
    DSP(&c, 0x45); /* goes on */
    dt_script(c.t, "step 10000000; irq 5 1; in 22e; step 10000000; irq 5 1; out 226 1; irq 5 0");
    step(&c, 30000000);
    assert_false(c.t->level[5]);
    close_card(&c);
}

/* 16-bit stereo at 22050 Hz, auto-init: the length counts words. */
static void test_wide(void **state)
{
    struct card c = open_card(false, NULL);
    u64 block = (441 * NS_PER_SEC + 22049) / 22050;

    (void)state;
    program(&c, 5, 0x58, 4 * 882);
    DSP(&c, 0x41, 22050 >> 8, 22050 & 0xff, 0xb6, 0x30, 881 & 0xff, 881 >> 8);
    step(&c, block - 1);
    dt_script(c.t,
              "irq 5 0; step 1; irq 5 1; out 224 82; in 225 22; in 22e; irq 5 1; in 22f; irq 5 0");
    assert_int_equal(dma_count(&c, 5), 881);
    step(&c, block);
    assert_int_equal(dma_count(&c, 5), 1763);
    dt_script(c.t, "in 22f; out 22c d5; step 100000000; irq 5 0; out 22c d6");
    step(&c, block);
    assert_true(c.t->level[5]);
    DSP(&c, 0xd9);
    dt_script(c.t, "in 22f; step 30000000; irq 5 1; in 22f; step 100000000; irq 5 0");
    /* Without a 16-bit channel the words come over the 8-bit one. */
    mixer(&c, 0x81, 2);
    program(&c, 1, 0x48, 40);
    DSP(&c, 0xb0, 0x10, 9, 0);
    step(&c, 2000000);
    assert_true(c.t->level[5]);
    assert_int_equal(dma_count(&c, 1), 19);
    close_card(&c);
}

/* A masked channel: the request stands, time does not go on; then all is as if begun then. */
static void test_starved(void **state)
{
    struct card c = open_card(false, NULL);

    (void)state;
    program(&c, 1, 0x58, 100);
    dt_script(c.t, "out a 5");
    DSP(&c, 0x40, 156, 0x14, 99, 0);
    dt_script(c.t,
              "in 8 0&20; step 100000; in 8 20&20; step 100000000; irq 5 0; out a 1; in 8 0&20");
    assert_int_equal(dma_count(&c, 1), 98);
    dt_script(c.t, "step 9899999; irq 5 0; step 1; irq 5 1; in 22e");
    program(&c, 1, 0x48, 50); /* shorter than the block, and not repeated */
    DSP(&c, 0x14, 99, 0);
    dt_script(c.t, "step 100000000; irq 5 0; in 8 22&22");
    program(&c, 1, 0x48, 50);
    dt_script(c.t, "step 4900000; irq 5 1");
    close_card(&c);
}

static void test_recording(void **state)
{
    static const struct {
        u8 command, mode, bytes[4];
    } ways[] = {
        {0xc8, 0x00, {0x80, 0x80, 0x80, 0x80}},
        {0xc8, 0x10, {0x00, 0x00, 0x00, 0x00}},
        {0xb8, 0x00, {0x00, 0x80, 0x00, 0x80}},
        {0xb8, 0x30, {0x00, 0x00, 0x00, 0x00}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct card c = open_card(false, NULL);
        bool wide = ways[i].command == 0xb8;
        u8 memory[9];
        memset(memory, 0x11, sizeof(memory));
        fill(&c, memory, sizeof(memory));
        program(&c, wide ? 5 : 1, 0x44, 8);
        DSP(&c, 0x42, 0x1f, 0x40, ways[i].command, ways[i].mode, wide ? 3 : 7, 0);
        dt_script(c.t, "step 1000000; irq 5 1");
        phys_dma_read(c.phys, BUF, memory, sizeof(memory));
        assert_memory_equal(memory, ways[i].bytes, 4);
        assert_memory_equal(memory + 4, ways[i].bytes, 4);
        assert_int_equal(memory[8], 0x11);
        close_card(&c);
    }
}

/* ---- what is heard ---- */

/* Where a frame first comes: silence before it is not exact to the frame. */
static u32 find(const struct sound *s, s16 left, s16 right)
{
    for (u32 i = 0; i < s->frames; i++)
        if (s->frame[i][0] == left && s->frame[i][1] == right)
            return i;
    fail_msg("%d %d is not heard", left, right);
    return 0;
}

/* Ramps at the mixer's rate come out bit for bit, across two blocks and the buffer's end. */
static void test_ramp_16(void **state)
{
    struct card c = open_card(true, NULL);
    u8 data[4 * 2000];

    (void)state;
    for (int i = 0; i < 2000; i++) {
        store_le(data + 4 * i, 2, (u16)(i * 16 - 16000));
        store_le(data + 4 * i + 2, 2, (u16)(20000 - i * 17));
    }
    fill(&c, data, sizeof(data));
    loud(&c);
    program(&c, 5, 0x58, sizeof(data));
    DSP(&c, 0x41, 44100 >> 8, 44100 & 0xff, 0xb6, 0x30, 1999 & 0xff, 1999 >> 8);
    step(&c, NS_PER_SEC / 10);
    assert_true(c.t->level[5]);
    u32 at = find(c.s, -16000, 20000);
    assert_in_range(at, 0, 3);
    for (u32 i = 0; at + i < c.s->frames; i++) {
        assert_int_equal(c.s->frame[at + i][0], (int)(i % 2000) * 16 - 16000);
        assert_int_equal(c.s->frame[at + i][1], 20000 - (int)(i % 2000) * 17);
    }
    close_card(&c);
}

static void test_ramp_8(void **state)
{
    struct card c = open_card(true, NULL);
    u8 data[256];

    (void)state;
    for (unsigned i = 0; i < 256; i++)
        data[i] = (u8)(i + 1);
    fill(&c, data, sizeof(data));
    loud(&c);
    program(&c, 1, 0x58, 256);
    DSP(&c, 0x41, 44100 >> 8, 44100 & 0xff, 0xc0, 0x00, 255, 0); /* mono, unsigned */
    step(&c, NS_PER_SEC / 100);
    DSP(&c, 0xc0, 0x30, 255, 0); /* stereo, signed */
    step(&c, NS_PER_SEC / 20);
    u32 at = find(c.s, (1 - 128) * 256, (1 - 128) * 256);
    for (int i = 0; i < 255; i++) {
        assert_int_equal(c.s->frame[at + (u32)i][0], (i - 127) * 256);
        assert_int_equal(c.s->frame[at + (u32)i][1], (i - 127) * 256);
    }
    at = find(c.s, 0x100, 0x200);
    for (u32 i = 0; i < 60; i++)
        assert_int_equal(c.s->frame[at + i][0], (1 + 2 * (int)i) * 256);
    close_card(&c);
}

/* The other rates keep their pitch, the mixer its volumes. */
static void test_rates_and_volume(void **state)
{
    struct card c = open_card(true, NULL);
    u8 data[256];

    (void)state;
    for (unsigned i = 0; i < 256; i++)
        data[i] = i & 8 ? 0xc0 : 0x40;
    fill(&c, data, sizeof(data));
    loud(&c);
    mixer(&c, 0x31, 0xc8); /* right: 12 dB less */
    program(&c, 1, 0x58, 256);
    DSP(&c, 0x40, 256 - 125, 0x48, 255, 0, 0x90); /* 8 kHz: 500 Hz */
    step(&c, NS_PER_SEC);
    assert_in_range(sound_crossings(c.s, 0, 44100 * 9 / 10, 0), 449, 451);
    assert_in_range(sound_peak(c.s, 4410, 44100 * 9 / 10, 0), 16384, 16384);
    assert_in_range(sound_peak(c.s, 4410, 44100 * 9 / 10, 1), 4080, 4140);
    close_card(&c);
}

/* Compressed sound: reference, then differences whose steps adapt. */
static void test_adpcm(void **state)
{
    static const struct {
        u8 command, bytes[4];
        unsigned count;
        u8 samples[12];
    } ways[] = {
        {0x75, {0x80, 0x77, 0x18, 0x00}, 6, {0x87, 0x96, 0x9c, 0x9a, 0x9b, 0x9b}},
        {0x77, {0x80, 0x6c, 0x00, 0x00}, 6, {0x83, 0x8a, 0x8c, 0x8d, 0x8d, 0x8d}},
        {0x17, {0x80, 0x55, 0xc0, 0x00}, 8, {0x81, 0x84, 0x8a, 0x96, 0x7e, 0x8e, 0x96, 0x9a}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct card c = open_card(true, NULL);
        fill(&c, ways[i].bytes, 4);
        loud(&c);
        program(&c, 1, 0x48, 4);
        DSP(&c, 0x41, 44100 >> 8, 44100 & 0xff, ways[i].command, 3, 0);
        step(&c, NS_PER_SEC / 20);
        assert_true(c.t->level[5]);
        u32 at = find(c.s, (ways[i].samples[0] - 128) * 256, (ways[i].samples[0] - 128) * 256);
        for (u32 n = 0; n < ways[i].count; n++)
            assert_int_equal(c.s->frame[at + n][0] / 256 + 128, ways[i].samples[n]);
        close_card(&c);
    }
}

/* Samples written one by one; and a silence that lasts as long as it says. */
static void test_direct(void **state)
{
    struct card c = open_card(true, NULL);

    (void)state;
    loud(&c);
    for (int i = 0; i < 8000; i++) {
        DSP(&c, 0x10, i / 4 % 2 ? 0xc0 : 0x40); /* 16 kHz: 2 kHz */
        step(&c, 62500);
    }
    assert_in_range(sound_crossings(c.s, 4410, 4410 * 4, 0), 599, 601);
    assert_in_range(sound_peak(c.s, 4410, 4410 * 4, 1), 15000, 19000);
    DSP(&c, 0x40, 156, 0x80, 99, 0);
    dt_script(c.t, "step 9999999; irq 5 0; step 1; irq 5 1");
    close_card(&c);
}

/* Listening changes nothing that the guest can see; nor does loss of the ear's attention. */
static void test_listening(void **state)
{
    static const char script[] =
        "out 22c 40; out 22c 9c; out 22c 48; out 22c ff; out 22c 0; out 22c 1c; step 12345678; "
        "out 388 b0; out 389 32; out 224 30; out 225 f8; in 3; step 23456789; out 22c d0; "
        "step 1000000; out 22c d4; step 7654321; in 22e";
    struct card heard = open_card(true, NULL), unheard = open_card(false, NULL);

    (void)state;
    program(&heard, 1, 0x58, 512);
    program(&unheard, 1, 0x58, 512);
    dt_script(heard.t, script);
    audio_finish(heard.s->audio, heard.t->ticks);
    dt_script(unheard.t, script);
    assert_true(dt_hash(heard.t) == dt_hash(unheard.t));
    bus_reset(heard.t->bus);
    bus_reset(unheard.t->bus);
    assert_true(dt_hash(heard.t) == dt_hash(unheard.t));
    close_card(&heard);
    close_card(&unheard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset),      cmocka_unit_test(test_commands),
        cmocka_unit_test(test_interrupts), cmocka_unit_test(test_dma_identification),
        cmocka_unit_test(test_mixer),      cmocka_unit_test(test_midi),
        cmocka_unit_test(test_fm),         cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_single),     cmocka_unit_test(test_auto),
        cmocka_unit_test(test_wide),       cmocka_unit_test(test_starved),
        cmocka_unit_test(test_recording),  cmocka_unit_test(test_ramp_16),
        cmocka_unit_test(test_ramp_8),     cmocka_unit_test(test_rates_and_volume),
        cmocka_unit_test(test_adpcm),      cmocka_unit_test(test_direct),
        cmocka_unit_test(test_listening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
