/* The keyboard: INT 09 turns scan codes (set 1, as the controller translates them) into keys in the
 * ring of the BIOS data area; INT 16 takes them out.
 *
 * A key is ASCII and scan code. What a scan code gives without, with Shift, Ctrl and Alt is a row
 * of a table; 0 means no key. The enhanced functions (10h, 11h) see all of them, the old ones do
 * not see what an 83-key keyboard has not. */
#include "bios/system/services.h"

/* BDA->kbd_shift */
enum {
    RSHIFT = 1,
    LSHIFT = 2,
    CTRL = 4,
    ALT = 8,
    SCROLL = 0x10,
    NUM = 0x20,
    CAPS = 0x40,
    INSERT = 0x80
};
/* BDA->kbd_shift2 */
enum {
    LCTRL = 1,
    LALT = 2,
    SYSREQ = 4,
    PAUSED = 8,
    SCROLL_DOWN = 0x10,
    NUM_DOWN = 0x20,
    CAPS_DOWN = 0x40,
    INS_DOWN = 0x80
};
/* BDA->kbd_mode */
enum { LAST_E1 = 1, LAST_E0 = 2, RCTRL = 4, RALT = 8, ENHANCED = 0x10 };
enum { LEDS = 7, LEDS_BUSY = 0x40 };

struct row {
    u16 plain, shift, ctrl, alt;
};

#define LETTER(scan, c)                                                                            \
    {                                                                                              \
        (scan) << 8 | (c), (scan) << 8 | ((c)-32), (scan) << 8 | ((c)-96), (scan) << 8             \
    }

/* By scan code. Letters differ under Caps Lock, 47h-53h under Num Lock. */
static const struct row rows[] = {
    [0x01] = {0x011b, 0x011b, 0x011b, 0x0100},
    [0x02] = {0x0231, 0x0221, 0, 0x7800},
    [0x03] = {0x0332, 0x0340, 0x0300, 0x7900},
    [0x04] = {0x0433, 0x0423, 0, 0x7a00},
    [0x05] = {0x0534, 0x0524, 0, 0x7b00},
    [0x06] = {0x0635, 0x0625, 0, 0x7c00},
    [0x07] = {0x0736, 0x075e, 0x071e, 0x7d00},
    [0x08] = {0x0837, 0x0826, 0, 0x7e00},
    [0x09] = {0x0938, 0x092a, 0, 0x7f00},
    [0x0a] = {0x0a39, 0x0a28, 0, 0x8000},
    [0x0b] = {0x0b30, 0x0b29, 0, 0x8100},
    [0x0c] = {0x0c2d, 0x0c5f, 0x0c1f, 0x8200},
    [0x0d] = {0x0d3d, 0x0d2b, 0, 0x8300},
    [0x0e] = {0x0e08, 0x0e08, 0x0e7f, 0x0e00},
    [0x0f] = {0x0f09, 0x0f00, 0x9400, 0xa500},
    [0x10] = LETTER(0x10, 'q'),
    [0x11] = LETTER(0x11, 'w'),
    [0x12] = LETTER(0x12, 'e'),
    [0x13] = LETTER(0x13, 'r'),
    [0x14] = LETTER(0x14, 't'),
    [0x15] = LETTER(0x15, 'y'),
    [0x16] = LETTER(0x16, 'u'),
    [0x17] = LETTER(0x17, 'i'),
    [0x18] = LETTER(0x18, 'o'),
    [0x19] = LETTER(0x19, 'p'),
    [0x1a] = {0x1a5b, 0x1a7b, 0x1a1b, 0x1a00},
    [0x1b] = {0x1b5d, 0x1b7d, 0x1b1d, 0x1b00},
    [0x1c] = {0x1c0d, 0x1c0d, 0x1c0a, 0x1c00},
    [0x1e] = LETTER(0x1e, 'a'),
    [0x1f] = LETTER(0x1f, 's'),
    [0x20] = LETTER(0x20, 'd'),
    [0x21] = LETTER(0x21, 'f'),
    [0x22] = LETTER(0x22, 'g'),
    [0x23] = LETTER(0x23, 'h'),
    [0x24] = LETTER(0x24, 'j'),
    [0x25] = LETTER(0x25, 'k'),
    [0x26] = LETTER(0x26, 'l'),
    [0x27] = {0x273b, 0x273a, 0, 0x2700},
    [0x28] = {0x2827, 0x2822, 0, 0x2800},
    [0x29] = {0x2960, 0x297e, 0, 0x2900},
    [0x2b] = {0x2b5c, 0x2b7c, 0x2b1c, 0x2b00},
    [0x2c] = LETTER(0x2c, 'z'),
    [0x2d] = LETTER(0x2d, 'x'),
    [0x2e] = LETTER(0x2e, 'c'),
    [0x2f] = LETTER(0x2f, 'v'),
    [0x30] = LETTER(0x30, 'b'),
    [0x31] = LETTER(0x31, 'n'),
    [0x32] = LETTER(0x32, 'm'),
    [0x33] = {0x332c, 0x333c, 0, 0x3300},
    [0x34] = {0x342e, 0x343e, 0, 0x3400},
    [0x35] = {0x352f, 0x353f, 0, 0x3500},
    [0x37] = {0x372a, 0x372a, 0x9600, 0x3700},
    [0x39] = {0x3920, 0x3920, 0x3920, 0x3920},
    [0x3b] = {0x3b00, 0x5400, 0x5e00, 0x6800},
    [0x3c] = {0x3c00, 0x5500, 0x5f00, 0x6900},
    [0x3d] = {0x3d00, 0x5600, 0x6000, 0x6a00},
    [0x3e] = {0x3e00, 0x5700, 0x6100, 0x6b00},
    [0x3f] = {0x3f00, 0x5800, 0x6200, 0x6c00},
    [0x40] = {0x4000, 0x5900, 0x6300, 0x6d00},
    [0x41] = {0x4100, 0x5a00, 0x6400, 0x6e00},
    [0x42] = {0x4200, 0x5b00, 0x6500, 0x6f00},
    [0x43] = {0x4300, 0x5c00, 0x6600, 0x7000},
    [0x44] = {0x4400, 0x5d00, 0x6700, 0x7100},
    [0x47] = {0x4700, 0x4737, 0x7700, 0},
    [0x48] = {0x4800, 0x4838, 0x8d00, 0},
    [0x49] = {0x4900, 0x4939, 0x8400, 0},
    [0x4a] = {0x4a2d, 0x4a2d, 0x8e00, 0x4a00},
    [0x4b] = {0x4b00, 0x4b34, 0x7300, 0},
    [0x4c] = {0x4c00, 0x4c35, 0x8f00, 0},
    [0x4d] = {0x4d00, 0x4d36, 0x7400, 0},
    [0x4e] = {0x4e2b, 0x4e2b, 0x9000, 0x4e00},
    [0x4f] = {0x4f00, 0x4f31, 0x7500, 0},
    [0x50] = {0x5000, 0x5032, 0x9100, 0},
    [0x51] = {0x5100, 0x5133, 0x7600, 0},
    [0x52] = {0x5200, 0x5230, 0x9200, 0},
    [0x53] = {0x5300, 0x532e, 0x9300, 0},
    [0x56] = {0x565c, 0x567c, 0, 0},
    [0x57] = {0x8500, 0x8700, 0x8900, 0x8b00},
    [0x58] = {0x8600, 0x8800, 0x8a00, 0x8c00},
};

/* The keys behind an E0: the grey ones. */
static const struct grey {
    u8 scan;
    struct row row;
} greys[] = {
    {0x1c, {0xe00d, 0xe00d, 0xe00a, 0xa600}}, {0x35, {0xe02f, 0xe02f, 0x9500, 0xa400}},
    {0x47, {0x47e0, 0x47e0, 0x77e0, 0x9700}}, {0x48, {0x48e0, 0x48e0, 0x8de0, 0x9800}},
    {0x49, {0x49e0, 0x49e0, 0x84e0, 0x9900}}, {0x4b, {0x4be0, 0x4be0, 0x73e0, 0x9b00}},
    {0x4d, {0x4de0, 0x4de0, 0x74e0, 0x9d00}}, {0x4f, {0x4fe0, 0x4fe0, 0x75e0, 0x9f00}},
    {0x50, {0x50e0, 0x50e0, 0x91e0, 0xa000}}, {0x51, {0x51e0, 0x51e0, 0x76e0, 0xa100}},
    {0x52, {0x52e0, 0x52e0, 0x92e0, 0xa200}}, {0x53, {0x53e0, 0x53e0, 0x93e0, 0xa300}},
};

/* ---- the ring ---- */

static u16 next_place(u16 at)
{
    at += 2;
    return at >= BDA->kbd_end ? BDA->kbd_start : at;
}

static bool put_key(u16 key)
{
    u16 tail = BDA->kbd_tail, next = next_place(tail);

    if (next == BDA->kbd_head)
        return false;
    poke16(BDA_SEG, tail, key);
    BDA->kbd_tail = next;
    return true;
}

static bool peek_key(u16 *key)
{
    if (BDA->kbd_head == BDA->kbd_tail)
        return false;
    *key = peek16(BDA_SEG, BDA->kbd_head);
    return true;
}

static void drop_key(void)
{
    BDA->kbd_head = next_place(BDA->kbd_head);
}

bool keyboard_hit(u16 *key)
{
    bool hit;

    hit = peek_key(key);
    if (hit)
        drop_key();
    let_irqs_in();
    return hit;
}

/* ---- INT 09 ---- */

/* Shift keys: their bit in kbd_shift, and the one that says which of two, or that it is down. */
static const struct shift {
    u8 scan, held, left, right;
} shifts[] = {{0x2a, LSHIFT, 0, 0},
              {0x36, RSHIFT, 0, 0},
              {0x1d, CTRL, LCTRL, RCTRL},
              {0x38, ALT, LALT, RALT}};

static const struct lock {
    u8 scan, state, down;
} locks[] = {{0x3a, CAPS, CAPS_DOWN}, {0x45, NUM, NUM_DOWN}, {0x46, SCROLL, SCROLL_DOWN}};

static void on_shift(const struct shift *s, bool down, bool e0)
{
    if (!down) {
        if (e0)
            BDA->kbd_mode &= (u8)~s->right;
        else
            BDA->kbd_shift2 &= (u8)~s->left;
        if (!(s->left && (BDA->kbd_shift2 & s->left)) && !(s->right && (BDA->kbd_mode & s->right)))
            BDA->kbd_shift &= (u8)~s->held;
        if (s->held == ALT && BDA->kbd_alt) {
            put_key(BDA->kbd_alt); /* the number typed at the keypad */
            BDA->kbd_alt = 0;
        }
        return;
    }
    BDA->kbd_shift |= s->held;
    if (e0)
        BDA->kbd_mode |= s->right;
    else
        BDA->kbd_shift2 |= s->left;
}

static void on_lock(const struct lock *l, bool down)
{
    if (!down) {
        BDA->kbd_shift2 &= (u8)~l->down;
    } else if (!(BDA->kbd_shift2 & l->down)) {
        BDA->kbd_shift2 |= l->down;
        BDA->kbd_shift ^= l->state;
    }
}

static void ctrl_break(void)
{
    struct regs r = {.ds = BDA_SEG};

    BDA->kbd_break = 0x80;
    BDA->kbd_head = BDA->kbd_tail = BDA->kbd_start;
    put_key(0);
    call_int(0x1b, &r);
}

static bool is_letter(u16 key)
{
    return LOW8(key) >= 'a' && LOW8(key) <= 'z';
}

static u16 key_of(u8 scan, bool e0)
{
    static const struct row none;
    const struct row *row = scan < ARRAY_LEN(rows) ? &rows[scan] : &none;
    u8 state = BDA->kbd_shift;
    bool shift = state & (LSHIFT | RSHIFT);

    if (e0) {
        row = &none;
        for (unsigned i = 0; i < ARRAY_LEN(greys); i++)
            if (greys[i].scan == scan)
                row = &greys[i].row;
    }
    if (state & ALT)
        return row->alt;
    if (state & CTRL)
        return row->ctrl;
    if ((state & CAPS && is_letter(row->plain)) ||
        (!e0 && state & NUM && scan >= 0x47 && scan <= 0x53))
        shift = !shift;
    return shift ? row->shift : row->plain;
}

/* Digits of the keypad under Alt. */
static bool alt_digit(u8 scan)
{
    static const u8 digits[] = {7, 8, 9, 0xff, 4, 5, 6, 0xff, 1, 2, 3, 0};
    u8 digit = scan >= 0x47 && scan <= 0x52 ? digits[scan - 0x47] : 0xff;

    if (!(BDA->kbd_shift & ALT) || digit == 0xff)
        return false;
    BDA->kbd_alt = (u8)(BDA->kbd_alt * 10 + digit);
    return true;
}

static void reboot(void)
{
    BDA->reset_flag = 0x1234;
    outb(0xcf9, 2);
    outb(0xcf9, 6);
    for (;;)
        outb(0x64, 0xfe);
}

static void sysreq(bool down)
{
    struct regs r = {.ax = down ? 0x8500 : 0x8501};

    if (down)
        BDA->kbd_shift2 |= SYSREQ;
    else
        BDA->kbd_shift2 &= (u8)~SYSREQ;
    let_irqs_in();
    call_int(0x15, &r);
}

static void on_make(u8 scan, bool e0)
{
    u16 key;

    if (scan == 0x53 && (BDA->kbd_shift & (CTRL | ALT)) == (CTRL | ALT))
        reboot();
    if (scan == 0x46 && e0 && BDA->kbd_shift & CTRL) {
        ctrl_break();
        return;
    }
    if (scan == 0x54 || (scan == 0x37 && e0 && BDA->kbd_shift & ALT)) {
        sysreq(true);
        return;
    }
    if (scan == 0x37 && e0) {
        if (BDA->kbd_shift & CTRL) {
            put_key(0x7200);
        } else {
            struct regs r = {.ds = BDA_SEG};
            call_int(5, &r);
        }
        return;
    }
    if (BDA->kbd_shift2 & PAUSED) {
        BDA->kbd_shift2 &= (u8)~PAUSED;
        return;
    }
    if (scan == 0x52 && !(BDA->kbd_shift & (CTRL | ALT)) && !(BDA->kbd_shift2 & INS_DOWN)) {
        BDA->kbd_shift2 |= INS_DOWN;
        BDA->kbd_shift ^= INSERT;
    }
    if (!e0 && alt_digit(scan))
        return;
    key = key_of(scan, e0);
    if (key)
        put_key(key);
}

static void pause_on(void)
{
    if (BDA->kbd_shift & CTRL || BDA->kbd_shift2 & PAUSED)
        return;
    BDA->kbd_shift2 |= PAUSED;
    outb(0x20, 0x20);
    while (BDA->kbd_shift2 & PAUSED)
        wait_irq();
}

static void update_leds(void)
{
    u8 leds = BDA->kbd_shift >> 4 & LEDS;

    if ((BDA->kbd_leds & LEDS) == leds || BDA->kbd_leds & LEDS_BUSY)
        return;
    BDA->kbd_leds |= LEDS_BUSY;
    if (ps2_keyboard(0xed))
        ps2_keyboard(leds);
    BDA->kbd_leds = (u8)((BDA->kbd_leds & ~(LEDS | LEDS_BUSY)) | leds);
}

static void on_scan(u8 code)
{
    u8 mode = BDA->kbd_mode, scan = code & 0x7f;
    bool down = !(code & 0x80), e0 = mode & LAST_E0;

    if (code == 0xe0 || code == 0xe1) {
        BDA->kbd_mode |= code == 0xe0 ? LAST_E0 : LAST_E1;
        return;
    }
    if (mode & LAST_E1) { /* Pause: E1 1D 45 E1 9D C5 */
        if (scan == 0x1d)
            return;
        BDA->kbd_mode &= (u8) ~(LAST_E1 | LAST_E0);
        if (code == 0x45)
            pause_on();
        return;
    }
    BDA->kbd_mode &= (u8)~LAST_E0;
    if (e0 && (scan == 0x2a || scan == 0x36))
        return; /* shifts that the keyboard makes up around grey keys */
    for (unsigned i = 0; i < ARRAY_LEN(shifts); i++)
        if (shifts[i].scan == scan) {
            on_shift(&shifts[i], down, e0);
            return;
        }
    for (unsigned i = 0; i < ARRAY_LEN(locks); i++)
        if (locks[i].scan == scan && !e0 && !(BDA->kbd_shift & CTRL && scan != 0x3a)) {
            on_lock(&locks[i], down);
            update_leds();
            return;
        }
    if (scan == 0x45 && BDA->kbd_shift & CTRL && down) {
        pause_on();
    } else if (scan == 0x46 && !e0 && BDA->kbd_shift & CTRL) {
        if (down)
            ctrl_break();
    } else if (down) {
        on_make(scan, e0);
    } else if (scan == 0x52) {
        BDA->kbd_shift2 &= (u8)~INS_DOWN;
    } else if (scan == 0x54) {
        sysreq(false);
    }
}

/* Whoever has hooked INT 15/4F sees a code first, and may change or drop it. */
void irq1(struct regs *r)
{
    struct regs hook = {.flags = FLAG_CF, .ax = 0x4f00};

    (void)r;
    if (inb(0x64) & 1) {
        hook.al = inb(0x60);
        call_int(0x15, &hook);
        if (hook.flags & FLAG_CF)
            on_scan(hook.al);
    }
    outb(0x20, 0x20);
}

void keyboard_init(void)
{
    BDA->kbd_start = BDA->kbd_head = BDA->kbd_tail = offsetof(struct bda, kbd_ring);
    BDA->kbd_end = offsetof(struct bda, kbd_ring) + 32;
    BDA->kbd_mode = ENHANCED;
    ps2_init();
    update_leds();
}

/* ---- INT 16 ---- */

/* For the old functions: a grey key looks like its old twin, and what has none is not there. */
static bool old_key(u16 *key)
{
    u8 ascii = LOW8(*key), scan = HIGH8(*key);

    if (scan == 0xe0) { /* grey Enter and slash */
        *key = (u16)((ascii == '/' ? 0x3500 : 0x1c00) | ascii);
        return true;
    }
    if (ascii == 0xf0 && scan)
        return false;
    if (ascii == 0xe0 && scan)
        *key = (u16)(scan << 8);
    return scan <= 0x84;
}

/* For the enhanced ones: F0h marks keys that the old ones must not see. */
static u16 new_key(u16 key)
{
    return LOW8(key) == 0xf0 && HIGH8(key) ? key & 0xff00 : key;
}

/* Interrupts are off but while waiting. */
static void wait_key(struct regs *r, bool enhanced)
{
    u16 key;

    do {
        while (!peek_key(&key)) {
            wait_irq();
        }
        drop_key();
    } while (!enhanced && !old_key(&key));
    r->ax = enhanced ? new_key(key) : key;
}

/* Programs ask for keys all the time, so this is short. Keys that the old functions do not know are
 * dropped. */
static void look_key(struct regs *r, bool enhanced)
{
    u16 key;

    while (peek_key(&key)) {
        if (enhanced || old_key(&key)) {
            r->ax = enhanced ? new_key(key) : key;
            set_flag(r, FLAG_ZF, false);
            return;
        }
        drop_key();
    }
    set_flag(r, FLAG_ZF, true);
}

static void typematic(struct regs *r)
{
    u16 rate = r->al == 0 ? 0x010b : r->bx; /* the default: 10.9 a second after 500 ms */

    if (r->al != 0 && r->al != 5)
        return;
    if (ps2_keyboard(0xf3))
        ps2_keyboard((u8)((rate >> 8 & 3) << 5 | (rate & 0x1f)));
}

static u8 extended_shifts(void)
{
    u8 two = BDA->kbd_shift2, mode = BDA->kbd_mode;

    return (u8)((two & (LCTRL | LALT | SCROLL_DOWN | NUM_DOWN | CAPS_DOWN)) |
                (mode & (RCTRL | RALT)) | (two & SYSREQ ? 0x80 : 0));
}

void int16(struct regs *r)
{
    switch (r->ah) {
    case 0x00: wait_key(r, false); break;
    case 0x01: look_key(r, false); break;
    case 0x02: r->al = BDA->kbd_shift; break;
    case 0x03: typematic(r); break;
    case 0x05: r->al = !put_key(r->cx); break;
    case 0x09: r->al = 0x35; break; /* functions 0300h, 0305h, 0Ah, 10h-12h */
    case 0x0a: r->bx = 0x41ab; break;
    case 0x10: wait_key(r, true); break;
    case 0x11: look_key(r, true); break;
    case 0x12:
        r->al = BDA->kbd_shift;
        r->ah = extended_shifts();
        break;
    case 0x92: r->ah = 0x80; break; /* asks, by the number that comes back, for 10h-12h */
    }
}
