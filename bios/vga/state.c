/* AH=1Ch and 4F04h: the state to memory and back: the registers, the BIOS data area with the video
 * vectors, the DAC, the dispi registers. The layout is ours; a guest only keeps it. */
#include "bios/vga/state.h"

#include "bios/vga/dispi.h"

/* Bytes of the data area, and vectors. */
static const struct {
    u8 at, size;
} ROM kept[] = {{BDA_MODE, 0x1e}, {BDA_LAST_ROW, 7}, {BDA_SAVE_POINTER, 4}, {BDA_VBE_MODE, 2}};
static const u8 ROM vectors[] = {0x05, 0x10, 0x1d, 0x1f, 0x42, 0x43};

/* Indexed registers: those that are restored after the miscellaneous register. */
static const struct {
    u16 port;
    u8 first, count;
} ROM banks[] = {{PORT_SEQ, 1, 4}, {PORT_GC, 0, 9}};

enum { CRTC_COUNT = 25, ATTR_COUNT = 21, DAC_SIZE = 3 * 256 };
/* Dispi registers by the order of restoring: ENABLE first switches off, then comes on. */
static const u8 ROM dispi_order[] = {DISPI_XRES,       DISPI_YRES,     DISPI_BPP,      DISPI_ENABLE,
                                     DISPI_VIRT_WIDTH, DISPI_X_OFFSET, DISPI_Y_OFFSET, DISPI_BANK};

/* A place in the caller's buffer. */
struct buffer {
    u16 seg, at;
};

static void put(struct buffer *b, u8 value)
{
    poke8(b->seg, b->at++, value);
}

static u8 get(struct buffer *b)
{
    return peek8(b->seg, b->at++);
}

u16 state_size(u8 parts)
{
    u16 size = 0;

    if (parts & STATE_HARDWARE)
        size += 6 + 4 + 9 + CRTC_COUNT + ATTR_COUNT;
    if (parts & STATE_DATA_AREA)
        size += 0x1e + 7 + 4 + 2 + sizeof(vectors) * 4;
    if (parts & STATE_DAC)
        size += 3 + DAC_SIZE;
    if (parts & STATE_DISPI)
        size += 2 * sizeof(dispi_order);
    return size;
}

/* ---- registers: the ports' indices, then what they select ---- */

static void save_hardware(struct buffer *b)
{
    u8 misc = inb(PORT_MISC_READ), attr;
    u16 crtc = misc & 1 ? 0x3d4 : 0x3b4;
    u8 seq = inb(PORT_SEQ), gc = inb(PORT_GC), index = inb(crtc);

    inb(crtc + 6);
    attr = inb(PORT_ATTR);
    put(b, misc);
    put(b, seq);
    put(b, gc);
    put(b, index);
    put(b, attr);
    put(b, inb(0x3ca)); /* feature control */
    for (u8 n = 0; n < ARRAY_LEN(banks); n++) {
        for (u8 i = 0; i < banks[n].count; i++)
            put(b, get_reg(banks[n].port, banks[n].first + i));
    }
    for (u8 i = 0; i < CRTC_COUNT; i++)
        put(b, get_reg(crtc, i));
    for (u8 i = 0; i < ATTR_COUNT; i++) {
        inb(crtc + 6);
        outb(PORT_ATTR, i | 0x20);
        put(b, inb(PORT_ATTR + 1));
    }
    inb(crtc + 6);
    outb(PORT_ATTR, attr);
    inb(crtc + 6);
    outb(PORT_SEQ, seq);
    outb(PORT_GC, gc);
    outb(crtc, index);
}

static void restore_hardware(struct buffer *b)
{
    u8 misc = get(b), index[5];
    u16 crtc = misc & 1 ? 0x3d4 : 0x3b4;

    for (u8 i = 0; i < sizeof(index); i++)
        index[i] = get(b);
    set_reg(PORT_SEQ, 0, 1);
    outb(PORT_MISC, misc);
    for (u8 n = 0; n < ARRAY_LEN(banks); n++) {
        for (u8 i = 0; i < banks[n].count; i++)
            set_reg(banks[n].port, banks[n].first + i, get(b));
    }
    set_reg(PORT_SEQ, 0, 3);
    set_reg(crtc, 0x11, 0); /* opens registers 0 to 7 */
    for (u8 i = 0; i < CRTC_COUNT; i++)
        set_reg(crtc, i, get(b));
    inb(crtc + 6);
    for (u8 i = 0; i < ATTR_COUNT; i++) {
        outb(PORT_ATTR, i);
        outb(PORT_ATTR, get(b));
    }
    outb(PORT_ATTR, index[3]);
    inb(crtc + 6);
    outb(crtc + 6, index[4]);
    outb(PORT_SEQ, index[0]);
    outb(PORT_GC, index[1]);
    outb(crtc, index[2]);
}

/* ---- the rest ---- */

static void save_data_area(struct buffer *b)
{
    for (u8 n = 0; n < ARRAY_LEN(kept); n++) {
        for (u8 i = 0; i < kept[n].size; i++)
            put(b, bda8(kept[n].at + i));
    }
    for (u8 n = 0; n < sizeof(vectors); n++) {
        poke32(b->seg, b->at, get_vector(vectors[n]));
        b->at += 4;
    }
}

static void restore_data_area(struct buffer *b)
{
    for (u8 n = 0; n < ARRAY_LEN(kept); n++) {
        for (u8 i = 0; i < kept[n].size; i++)
            set_bda8(kept[n].at + i, get(b));
    }
    for (u8 n = 0; n < sizeof(vectors); n++) {
        set_vector(vectors[n], peek32(b->seg, b->at));
        b->at += 4;
    }
}

static void save_dac(struct buffer *b)
{
    u8 reading = inb(PORT_DAC_READ), index = inb(PORT_DAC_WRITE);

    put(b, reading);
    put(b, index);
    put(b, inb(PORT_DAC_MASK));
    outb(PORT_DAC_READ, 0);
    for (u16 i = 0; i < DAC_SIZE; i++)
        put(b, inb(PORT_DAC_DATA));
    outb(reading ? PORT_DAC_READ : PORT_DAC_WRITE, index);
}

static void restore_dac(struct buffer *b)
{
    u8 reading = get(b), index = get(b);

    outb(PORT_DAC_MASK, get(b));
    outb(PORT_DAC_WRITE, 0);
    for (u16 i = 0; i < DAC_SIZE; i++)
        outb(PORT_DAC_DATA, get(b));
    outb(reading ? PORT_DAC_READ : PORT_DAC_WRITE, index);
}

static void save_dispi(struct buffer *b)
{
    for (u8 i = 0; i < sizeof(dispi_order); i++) {
        u16 value = dispi_read(dispi_order[i]);
        put(b, (u8)value);
        put(b, value >> 8);
    }
}

static void restore_dispi(struct buffer *b)
{
    dispi_off();
    for (u8 i = 0; i < sizeof(dispi_order); i++) {
        u16 value = get(b);
        value |= get(b) << 8;
        dispi_write(dispi_order[i], dispi_order[i] == DISPI_ENABLE ? value | NO_CLEAR : value);
    }
}

void state_save(u8 parts, u16 seg, u16 at)
{
    struct buffer b = {seg, at};

    if (parts & STATE_DISPI)
        save_dispi(&b);
    if (parts & STATE_HARDWARE)
        save_hardware(&b);
    if (parts & STATE_DATA_AREA)
        save_data_area(&b);
    if (parts & STATE_DAC)
        save_dac(&b);
}

void state_restore(u8 parts, u16 seg, u16 at)
{
    struct buffer b = {seg, at};

    if (parts & STATE_DISPI)
        restore_dispi(&b);
    if (parts & STATE_HARDWARE)
        restore_hardware(&b);
    if (parts & STATE_DATA_AREA)
        restore_data_area(&b);
    if (parts & STATE_DAC)
        restore_dac(&b);
}

/* Sizes are counted in blocks of 64 bytes. */
void int10_save(struct frame *f)
{
    u8 parts = f->cx & 7;

    if (!parts || f->al > 2)
        return;
    if (f->al == 0)
        f->bx = (state_size(parts) + 63) / 64;
    else if (f->al == 1)
        state_save(parts, f->es, f->bx);
    else
        state_restore(parts, f->es, f->bx);
    f->al = 0x1c;
}
