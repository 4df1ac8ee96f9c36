/* The page about sound: a melody on the loudspeaker (a timer's square wave), on an AdLib's OPL (two
 * operators, one modulating the other), and a tone by a Sound Blaster, which fetches it by DMA. */
#include "bios/demo/demo.h"

#define OPL        0x388
#define SB         0x220
#define SB_RESET   (SB + 6)
#define SB_READ    (SB + 10)
#define SB_WRITE   (SB + 12)
#define SB_STATUS  (SB + 14)
#define SB_RATE    11025
#define TONE_BYTES 4096

enum instrument { NONE, SPEAKER, FM };

static enum instrument playing;
static unsigned note;
static u32 note_tick;
static bool has_opl, has_sb;
static u16 sb_version;
static volatile u32 sb_interrupts;
static u8 sb_irq;

/* A page, so that it does not cross 64 KiB, which the DMA controller could not count over. */
static u8 tone[TONE_BYTES] __attribute__((aligned(TONE_BYTES)));

/* Beethoven, from the Ninth. Half tones above C, and eighths. */
static const u8 melody[][2] = {
    {4, 2}, {4, 2}, {5, 2}, {7, 2}, {7, 2}, {5, 2}, {4, 2}, {2, 2}, {0, 2}, {0, 2},
    {2, 2}, {4, 2}, {4, 3}, {2, 1}, {2, 4}, {4, 2}, {4, 2}, {5, 2}, {7, 2}, {7, 2},
    {5, 2}, {4, 2}, {2, 2}, {0, 2}, {0, 2}, {2, 2}, {4, 2}, {2, 3}, {0, 1}, {0, 4},
};

static const char *const note_names[] = {"C", "C#", "D", "D#", "E", "F", "F#", "G"};
static const u16 note_hz[] = {262, 277, 294, 311, 330, 349, 370, 392};
static const u16 note_fm[] = {345, 365, 387, 410, 435, 460, 488, 517}; /* F numbers, in block 4 */

#define EIGHTH (TICKS_PER_SECOND / 5)

/* ---- AdLib ---- */

/* The chip needs its time between writes, which reading it takes. */
static void opl_write(u8 index, u8 v)
{
    outb(OPL, index);
    for (int i = 0; i < 6; i++)
        inb(OPL);
    outb(OPL + 1, v);
    for (int i = 0; i < 35; i++)
        inb(OPL);
}

/* Its timer 1 runs out within 80 us, which the status tells. */
static bool find_opl(void)
{
    opl_write(4, 0x60);
    opl_write(4, 0x80);
    u8 before = inb(OPL) & 0xe0;
    opl_write(2, 0xff);
    opl_write(4, 0x21);
    wait_ticks(2);
    u8 after = inb(OPL) & 0xe0;
    opl_write(4, 0x60);
    opl_write(4, 0x80);
    return before == 0 && after == 0xc0;
}

/* Registers of the first channel: multiple, level, attack, sustain, wave of both operators, and
 * feedback. */
static void opl_instrument(void)
{
    static const u8 registers[][2] = {{0x01, 0x20}, {0x20, 0x01}, {0x40, 0x17}, {0x60, 0xf2},
                                      {0x80, 0x74}, {0xe0, 0x00}, {0x23, 0x01}, {0x43, 0x03},
                                      {0x63, 0xf2}, {0x83, 0x55}, {0xe3, 0x00}, {0xc0, 0x36}};

    for (unsigned i = 0; i < ARRAY_LEN(registers); i++)
        opl_write(registers[i][0], registers[i][1]);
}

static void opl_note(int half_tone)
{
    opl_write(0xb0, 0); /* the old key up */
    if (half_tone < 0)
        return;
    opl_write(0xa0, (u8)note_fm[half_tone]);
    opl_write(0xb0, (u8)(0x20 | 4 << 2 | note_fm[half_tone] >> 8));
}

/* ---- Sound Blaster ---- */

static bool sb_wait(u16 port, u8 wanted)
{
    for (u32 i = 0; i < 10000; i++)
        if ((inb(port) & 0x80) == wanted)
            return true;
    return false;
}

static void sb_write(u8 v)
{
    if (sb_wait(SB_WRITE, 0))
        outb(SB_WRITE, v);
}

static u8 sb_read(void)
{
    return sb_wait(SB_STATUS, 0x80) ? inb(SB_READ) : 0;
}

static void sb_interrupt(void)
{
    inb(SB_STATUS); /* that it was heard */
    sb_interrupts++;
}

/* A reset answers with AAh. The mixer's register 80h says which interrupt the card uses. */
static bool find_sb(void)
{
    static const u8 irqs[] = {2, 5, 7, 10};

    outb(SB_RESET, 1);
    for (int i = 0; i < 100; i++)
        inb(SB_STATUS);
    outb(SB_RESET, 0);
    if (sb_read() != 0xaa)
        return false;
    sb_write(0xe1);
    sb_version = (u16)(sb_read() << 8);
    sb_version |= sb_read();
    outb(SB + 4, 0x80);
    u8 bits = inb(SB + 5);
    sb_irq = 5;
    for (unsigned i = 0; i < ARRAY_LEN(irqs); i++)
        if (bits == 1u << i)
            sb_irq = irqs[i];
    irq_connect(sb_irq, sb_interrupt);
    return true;
}

/* Two sines, a fifth apart, that fade away. */
static void make_tone(void)
{
    for (u32 i = 0; i < TONE_BYTES; i++) {
        int v = sine(i * 440 * SINE_STEPS / SB_RATE) + sine(i * 660 * SINE_STEPS / SB_RATE);
        tone[i] = (u8)(128 + v * (int)(TONE_BYTES - i) / TONE_BYTES * 60 / SINE_ONE);
    }
}

/* DMA channel 1, single transfer, from memory: mask, mode, address, page, count, unmask. Then the
 * card: time constant, 8 bits out, so many bytes. */
static void sb_play(void)
{
    u32 at = (u32)tone;

    make_tone();
    outb(0x0a, 5);
    outb(0x0b, 0x49);
    outb(0x0c, 0);
    outb(0x02, (u8)at);
    outb(0x02, (u8)(at >> 8));
    outb(0x83, (u8)(at >> 16));
    outb(0x03, (u8)(TONE_BYTES - 1));
    outb(0x03, (TONE_BYTES - 1) >> 8);
    outb(0x0a, 1);
    sb_write(0xd1);
    sb_write(0x40);
    sb_write((u8)(256 - 1000000 / SB_RATE));
    sb_write(0x14);
    sb_write((u8)(TONE_BYTES - 1));
    sb_write((TONE_BYTES - 1) >> 8);
}

/* ---- playing ---- */

static void sound_note(int half_tone)
{
    if (playing == SPEAKER)
        speaker(half_tone < 0 ? 0 : note_hz[half_tone]);
    else if (playing == FM)
        opl_note(half_tone);
}

static void stop(void)
{
    sound_note(-1);
    playing = NONE;
}

static void start(enum instrument with)
{
    stop();
    playing = with;
    note = 0;
    note_tick = ticks;
    sound_note(melody[0][0]);
}

static void play_on(void)
{
    if (playing == NONE || ticks - note_tick < melody[note][1] * EIGHTH)
        return;
    note_tick += melody[note][1] * EIGHTH;
    if (++note == ARRAY_LEN(melody))
        stop();
    else
        sound_note(melody[note][0]);
}

static void open_sound(void)
{
    static bool looked;

    if (!looked) {
        looked = true;
        has_opl = find_opl();
        has_sb = find_sb();
    }
    if (has_opl)
        opl_instrument();
}

static void draw_score(void)
{
    for (unsigned i = 0; i < ARRAY_LEN(melody); i++) {
        bool now = playing != NONE && i == note;
        u8 tone_now = melody[i][0];
        put(19 - tone_now, 6 + 2 * (int)i + (i >= 15 ? 4 : 0),
            ON(now                           ? YELLOW
               : playing != NONE && i < note ? GOLD
                                             : DIM,
               PANEL),
            "%c", now ? 0x0f : 0x07);
    }
    if (playing != NONE)
        put(20, 4, ON(TEXT, PANEL), "%s, %u Hz", note_names[melody[note][0]],
            note_hz[melody[note][0]]);
}

static void draw_sound(void)
{
    play_on();
    box(2, 1, 20, 78, "Three ways to sound");
    put(4, 4, ON(YELLOW, PANEL), "S");
    put(4, 7, ON(WHITE, PANEL), "Loudspeaker");
    put(4, 26, ON(TEXT, PANEL), "counter 2 of the timer, through port 61h");
    hot(4, 4, 60, 's');
    put(6, 4, ON(has_opl ? YELLOW : DIM, PANEL), "F");
    put(6, 7, ON(has_opl ? WHITE : DIM, PANEL), "AdLib");
    put(6, 26, ON(has_opl ? TEXT : DIM, PANEL),
        has_opl ? "OPL at 388h: one sine bends another" : "not found: -soundhw adlib or sb16");
    hot(6, 4, 60, 'f');
    put(8, 4, ON(has_sb ? YELLOW : DIM, PANEL), "B");
    put(8, 7, ON(has_sb ? WHITE : DIM, PANEL), "Sound Blaster");
    if (has_sb)
        put(8, 26, ON(TEXT, PANEL), "version %u.%02u at 220h, IRQ %u, DMA 1; %u interrupts",
            sb_version >> 8, sb_version & 0xff, sb_irq, sb_interrupts);
    else
        put(8, 26, ON(DIM, PANEL), "not found: -soundhw sb16");
    hot(8, 4, 60, 'b');
    draw_score();
}

static void sound_key(int key)
{
    if (key == 's')
        start(SPEAKER);
    else if (key == 'f' && has_opl)
        start(FM);
    else if (key == 'b' && has_sb)
        sb_play();
    else if (key == ' ')
        stop();
}

const struct page sound_page = {
    .key = 'e',
    .name = "Sound",
    .about = "A melody on the loudspeaker and on an AdLib's FM chip, and a tone that a Sound "
             "Blaster fetches by DMA. "
             "To hear all of it: -soundhw all.",
    .hints = "S loudspeaker  F FM  B Sound Blaster  Space quiet  Esc menu",
    .interval = 4,
    .open = open_sound,
    .draw = draw_sound,
    .key_pressed = sound_key,
    .close = stop,
};
