/* AH=12h: alternate select; 1Ah: which display; 1Bh: what is set and what there is. */
#include "bios/vga/state.h"

extern const u8 ROM int05[];                          /* entry.s */
extern const u8 ROM display_codes[], functionality[]; /* tables.s */

#define SCREEN_OFF 0x20 /* sequencer, register 1 */
#define MISC_RAM   0x02 /* the memory answers */

/* ---- AH=12h ---- */

static void change_flags(u8 clear, u8 set)
{
    set_bda8(BDA_FLAGS, (bda8(BDA_FLAGS) & ~clear) | set);
}

static bool select_lines(u8 lines)
{
    static const u8 ROM flags[3] = {FLAG_200_LINES, 0, FLAG_400_LINES};

    if (lines > 2)
        return false;
    change_flags(FLAG_200_LINES | FLAG_400_LINES, flags[lines]);
    set_bda8(BDA_SWITCHES, (bda8(BDA_SWITCHES) & 0xf0) | (lines ? 9 : 8));
    return true;
}

static void let_memory_answer(bool yes)
{
    u8 misc = inb(PORT_MISC_READ);
    outb(PORT_MISC, yes ? misc | MISC_RAM : misc & ~MISC_RAM);
}

static void refresh(bool on)
{
    u8 mode = get_reg(PORT_SEQ, 1);
    set_reg(PORT_SEQ, 1, on ? mode & ~SCREEN_OFF : mode | SCREEN_OFF);
}

/* AL: 0 is yes, 1 no. True: done. */
static bool alternate(struct frame *f)
{
    u8 info = bda8(BDA_INFO);
    bool off = f->al & 1;

    switch (f->bl) {
    case 0x30: return select_lines(f->al);
    case 0x31: change_flags(FLAG_NO_PALETTE, off ? FLAG_NO_PALETTE : 0); return true;
    case 0x32: let_memory_answer(!off); return true;
    case 0x33: change_flags(FLAG_GRAY, off ? 0 : FLAG_GRAY); return true;
    case 0x34:
        set_bda8(BDA_INFO, (info & ~INFO_NO_EMULATION) | (off ? INFO_NO_EMULATION : 0));
        return true;
    case 0x35: /* from one display to the other: of this one's part only 2, off, and 3, on */
        if (f->al == 2 || f->al == 3)
            let_memory_answer(f->al == 3);
        return true;
    case 0x36: refresh(!off); return true;
    default: return false;
    }
}

void int10_alternate(struct frame *f)
{
    u8 switches = bda8(BDA_SWITCHES);

    if (f->bl == 0x10) {
        f->bh = !!(bda8(BDA_INFO) & INFO_MONO);
        f->bl = 3; /* 256 KiB */
        f->ch = switches >> 4;
        f->cl = switches & 15;
    } else if (f->bl == 0x20) {
        set_vector(0x05, ROM_POINTER(int05));
    } else if (alternate(f)) {
        f->al = 0x12;
    }
}

/* ---- AH=1Ah ---- */

static u16 display_pair(u8 index)
{
    const u8 ROM *pair = &display_codes[4 + 2 * index];
    return index < display_codes[0] ? (u16)(pair[1] << 8 | pair[0]) : 0xffff;
}

void int10_display(struct frame *f)
{
    if (f->al > 1)
        return;
    if (f->al == 0)
        f->bx = display_pair(bda8(BDA_DISPLAY));
    for (u8 i = 0; f->al == 1 && i < display_codes[0]; i++) {
        if (display_pair(i) == f->bx) {
            set_bda8(BDA_DISPLAY, i);
            break;
        }
    }
    f->al = 0x1a;
}

/* ---- AH=1Bh ---- */

static u16 colours(const struct mode ROM *m)
{
    return !m ? 0 : m->palette == PALETTE_MONO ? 0 : m->bits == 8 ? 256 : 1u << m->bits;
}

/* 200, 350, 400, 480 lines: 0 to 3. */
static u8 lines_code(void)
{
    u16 lines = (bda8(BDA_LAST_ROW) + 1) * bda16(BDA_HEIGHT);
    return lines > 400 ? 3 : lines > 350 ? 2 : lines > 200 ? 1 : 0;
}

static u8 misc_flags(void)
{
    u8 flags = bda8(BDA_FLAGS), out = 1; /* all modes on all displays */

    out |= flags & FLAG_GRAY ? 2 : 0;
    out |= bda8(BDA_INFO) & INFO_MONO ? 4 : 0;
    out |= flags & FLAG_NO_PALETTE ? 8 : 0;
    out |= bda8(BDA_INFO) & INFO_NO_EMULATION ? 0 : 0x10;
    out |= read_attr(0x10) & 8 ? 0x20 : 0;
    return out;
}

void int10_state(struct frame *f)
{
    const struct mode ROM *m = current_mode();
    u16 seg = f->es, at = f->di, pair = display_pair(bda8(BDA_DISPLAY));
    u8 map = get_reg(PORT_SEQ, 3);
    u8 blocks[2] = {(map & 3) | (map >> 2 & 4), (map >> 2 & 3) | (map >> 3 & 4)};

    if (f->bx)
        return;
    fill_bytes(seg, at, 0, 64);
    poke32(seg, at, ROM_POINTER(functionality));
    for (u8 i = 0; i < 30; i++) /* from the mode to 3D9h's value */
        poke8(seg, at + 4u + i, bda8(BDA_MODE + i));
    poke8(seg, at + 0x22u, bda8(BDA_LAST_ROW) + 1);
    poke16(seg, at + 0x23u, bda16(BDA_HEIGHT));
    poke16(seg, at + 0x25u, pair);
    poke16(seg, at + 0x27u, colours(m));
    poke8(seg, at + 0x29u, m ? m->pages : 1);
    poke8(seg, at + 0x2au, lines_code());
    poke8(seg, at + 0x2bu, blocks[0]);
    poke8(seg, at + 0x2cu, blocks[1]);
    poke8(seg, at + 0x2du, misc_flags());
    poke8(seg, at + 0x31u, 3); /* 256 KiB */
    poke8(seg, at + 0x32u, 0x20 | (blocks[0] != blocks[1]));
    f->al = 0x1b;
}
