/* The VGA's registers: general, sequencer, CRT controller, graphics controller, attribute
 * controller, DAC (IBM PS/2 Video Subsystem Technical Reference, "VGA function"). The tables say
 * which bits exist. Retrace and display enable follow from the CRT controller's numbers and virtual
 * time: nothing ticks. */
#include "devices/vga_state.h"

#include "base/check.h"

#define DOT_CLOCK_640 25175000u
#define DOT_CLOCK_720 28322000u

enum { MISC_COLOUR = 0x01 };
enum { STATUS_BLANK = 0x01, STATUS_RETRACE = 0x08 };
enum { STATUS_COLOUR = 0x10, STATUS_INTERRUPT = 0x80 };
enum { CR11_NOT_CLEAR = 0x10, CR11_NO_INTERRUPT = 0x20 };
enum { DAC_WRITING = 0, DAC_READING = 3 }; /* as 3C7h reads */

static const u8 seq_bits[8] = {0x03, 0x3d, 0x0f, 0x3f, 0x0e};
static const u8 gc_bits[16] = {0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff};
static const u8 attr_bits[32] = {0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
                                 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f};

enum { CRTC_COUNT = 25, CRTC_PROTECTED = 7 }; /* registers 0 to 7 are under CR11's bit 7 */

/* ---- timing ---- */

static void dispi_timing(const struct vga *s, struct vga_timing *t)
{
    t->hdisplay = s->dispi[DISPI_XRES];
    t->htotal = t->hdisplay + t->hdisplay / 4 + 8;
    t->vdisplay = s->dispi[DISPI_YRES];
    t->vtotal = t->vdisplay + t->vdisplay / 20 + 4;
    t->vretrace = t->vdisplay + 1;
    t->vretrace_end = t->vretrace + 2;
    t->clock = (u64)t->htotal * t->vtotal * 60;
}

/* A vertical number: 8 bits of its own, bits 8 and 9 in the overflow register. */
static u32 vertical(const struct vga *s, unsigned reg, unsigned bit8, unsigned bit9)
{
    u32 overflow = s->crtc[7];
    return s->crtc[reg] | (overflow >> bit8 & 1) << 8 | (overflow >> bit9 & 1) << 9;
}

void vga_timing(const struct vga *s, struct vga_timing *t)
{
    u32 dots = (s->seq[1] & 1 ? 8 : 9) << (s->seq[1] >> 3 & 1);
    unsigned twice = s->crtc[0x17] >> 2 & 1; /* the vertical counter runs at half speed */

    if (vga_dispi_on(s)) {
        dispi_timing(s, t);
        return;
    }
    t->clock = (s->misc >> 2 & 3) == 1 ? DOT_CLOCK_720 : DOT_CLOCK_640;
    t->htotal = (s->crtc[0] + 5u) * dots;
    t->hdisplay = (s->crtc[1] + 1u) * dots;
    t->vtotal = (vertical(s, 6, 0, 5) + 2) << twice;
    t->vdisplay = (vertical(s, 0x12, 1, 6) + 1) << twice;
    t->vretrace = vertical(s, 0x10, 2, 7);
    t->vretrace_end = (t->vretrace & ~15u) | (s->crtc[0x11] & 15);
    if (t->vretrace_end <= t->vretrace)
        t->vretrace_end += 16;
    t->vretrace <<= twice;
    t->vretrace_end <<= twice;
}

u64 vga_beam(struct vga *s, const struct vga_timing *t, u32 *line, u32 *dot)
{
    u64 dots = muldiv64(clock_now(s->dev.bus->clock), t->clock, NS_PER_SEC);
    u64 frame = (u64)t->htotal * t->vtotal;

    *line = (u32)(dots % frame / t->htotal);
    *dot = (u32)(dots % frame % t->htotal);
    return dots / frame;
}

/* Vertical retraces that have begun until a time, in nanoseconds. */
static u64 retraces(const struct vga_timing *t, u64 ns)
{
    u64 frame = (u64)t->htotal * t->vtotal;

    return (muldiv64(ns, t->clock, NS_PER_SEC) + frame - t->vretrace % t->vtotal * t->htotal) /
           frame;
}

/* Switch sense: a colour monitor; and whether a retrace has begun since CR11's bit 4 was set, if
 * bit 5 lets it ask for an interrupt. */
static u8 input_status_0(struct vga *s)
{
    struct vga_timing t;
    u8 status = STATUS_COLOUR;

    vga_timing(s, &t);
    if ((s->crtc[0x11] & (CR11_NO_INTERRUPT | CR11_NOT_CLEAR)) == CR11_NOT_CLEAR &&
        retraces(&t, clock_now(s->dev.bus->clock)) > retraces(&t, s->armed))
        status |= STATUS_INTERRUPT;
    return status;
}

static u8 input_status_1(struct vga *s)
{
    struct vga_timing t;
    u32 line, dot;
    u8 status = 0;

    vga_timing(s, &t);
    vga_beam(s, &t, &line, &dot);
    if (line >= t.vdisplay || dot >= t.hdisplay)
        status |= STATUS_BLANK;
    if (line >= t.vretrace && line < t.vretrace_end)
        status |= STATUS_RETRACE;
    s->attr_data = false;
    return status;
}

/* ---- DAC ---- */

static u8 dac_bits(const struct vga *s)
{
    return s->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC ? 0xff : 0x3f;
}

static u8 dac_read(struct vga *s)
{
    u8 value = s->dac[s->dac_read * 3 + s->dac_part] & dac_bits(s);

    if (++s->dac_part == 3) {
        s->dac_part = 0;
        s->dac_read++;
    }
    return value;
}

static void dac_write(struct vga *s, u8 value)
{
    s->dac[s->dac_write * 3 + s->dac_part] = value & dac_bits(s);
    if (++s->dac_part == 3) {
        s->dac_part = 0;
        s->dac_write++;
    }
}

static void dac_index(struct vga *s, u8 *index, u8 value, u8 state)
{
    *index = value;
    s->dac_part = 0;
    s->dac_state = state;
}

/* ---- attribute and CRT controller ---- */

static void attr_write(struct vga *s, u8 value)
{
    unsigned reg = s->attr_index & 31;

    if (!s->attr_data)
        s->attr_index = value & 0x3f;
    else
        s->attr[reg] = value & attr_bits[reg];
    s->attr_data = !s->attr_data;
}

static void crtc_write(struct vga *s, u8 value)
{
    unsigned reg = s->crtc_index;
    u8 mask = 0xff;

    if (reg >= CRTC_COUNT)
        return;
    if (reg <= CRTC_PROTECTED && s->crtc[0x11] & 0x80)
        mask = reg == 7 ? 0x10 : 0; /* line compare's bit 8 is open */
    if (reg == 0x11 && value & ~s->crtc[reg] & CR11_NOT_CLEAR)
        s->armed = clock_now(s->dev.bus->clock);
    s->crtc[reg] = (u8)((s->crtc[reg] & ~mask) | (value & mask));
}

static u8 crtc_read(const struct vga *s)
{
    switch (s->crtc_index) {
    case 0x22: return (u8)(s->latch >> 8 * (s->gc[4] & 3)); /* the latch that is read from */
    case 0x24: return s->attr_data ? 0x80 : 0;
    case 0x26: return s->attr_index;
    default: return s->crtc_index < CRTC_COUNT ? s->crtc[s->crtc_index] : 0;
    }
}

/* ---- ports ---- */

/* 3Bxh and 3Dxh: one of them is there, as the miscellaneous output register says. Returns the port
 * as in 3Dxh, or 0. */
static u16 crt_port(const struct vga *s, u16 port)
{
    bool colour = (port & 0xff0) == 0x3d0;

    if (port >= 0x3c0 && port < 0x3d0)
        return port;
    return colour == (s->misc & MISC_COLOUR) ? (u16)((port & 15) | 0x3d0) : 0;
}

u8 vga_port_read(struct vga *s, u16 port)
{
    switch (crt_port(s, port)) {
    case 0x3c0: return s->attr_index;
    case 0x3c1: return s->attr[s->attr_index & 31];
    case 0x3c2: return input_status_0(s);
    case 0x3c4: return s->seq_index;
    case 0x3c5: return s->seq[s->seq_index];
    case 0x3c6: return s->dac_mask;
    case 0x3c7: return s->dac_state;
    case 0x3c8: return s->dac_write;
    case 0x3c9: return dac_read(s);
    case 0x3ca: return s->feature;
    case 0x3cc: return s->misc;
    case 0x3ce: return s->gc_index;
    case 0x3cf: return s->gc[s->gc_index];
    case 0x3d0:
    case 0x3d2:
    case 0x3d4: return s->crtc_index;
    case 0x3d1:
    case 0x3d3:
    case 0x3d5: return crtc_read(s);
    case 0x3da: return input_status_1(s);
    default: return 0xff;
    }
}

void vga_port_write(struct vga *s, u16 port, u8 value)
{
    switch (crt_port(s, port)) {
    case 0x3c0: attr_write(s, value); break;
    case 0x3c2: s->misc = value & 0xef; break;
    case 0x3c4: s->seq_index = value & 7; break;
    case 0x3c5: s->seq[s->seq_index] = value & seq_bits[s->seq_index]; break;
    case 0x3c6: s->dac_mask = value; break;
    case 0x3c7: dac_index(s, &s->dac_read, value, DAC_READING); break;
    case 0x3c8: dac_index(s, &s->dac_write, value, DAC_WRITING); break;
    case 0x3c9: dac_write(s, value); break;
    case 0x3ce: s->gc_index = value & 15; break;
    case 0x3cf: s->gc[s->gc_index] = value & gc_bits[s->gc_index]; break;
    case 0x3d0:
    case 0x3d2:
    case 0x3d4: s->crtc_index = value & 63; break;
    case 0x3d1:
    case 0x3d3:
    case 0x3d5: crtc_write(s, value); break;
    case 0x3da: s->feature = value & 0x0b; break;
    default: return;
    }
    vga_update_window(s);
}
